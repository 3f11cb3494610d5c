# SPDX-License-Identifier: GPL-2.0-only
"""What each patch of a series makes necessary to compile."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from reviewbot.model.base import Applied
from reviewbot.tools import affected
from reviewbot.tools.affected import Plan
from reviewbot.tools.objects import TreeView


def plans(applied: Applied, objects: Path, targets: tuple[str, ...]) -> tuple[Plan, ...]:
    """One plan a patch; ``objects`` is the base's object tree, ``targets`` are made for every patch.

    Users of a file are looked up in the base.  An object that starts to use a file does so by a
    change that compiles it, so what an earlier patch compiled or configured counts for later ones.
    """
    trees = [applied.base.tree_id, *(patch.tree_id for patch in applied.patches)]
    views = [TreeView(applied.repository, tree) for tree in trees]
    changed = [[change.path for change in old.changed_paths(new)] for old, new in pairwise(views)]
    touched = {path for paths in changed for path in paths}
    new = frozenset(path for path in touched if views[0].entry(path) is None)
    used_by = affected.users(objects, touched)
    covered = affected.members(objects, targets)
    found: list[Plan] = []
    tried: frozenset[str] = frozenset()
    configure = False
    for paths in changed:
        plan = affected.plan(paths, used_by, covered, targets, new)
        tried |= frozenset(plan.objects)
        configure = configure or plan.configure
        found.append(replace(plan, objects=tuple(sorted(tried)), configure=configure))
    return tuple(found)
