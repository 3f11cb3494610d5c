# SPDX-License-Identifier: GPL-2.0-only
"""What each patch of a series makes necessary to compile."""

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from reviewbot.model.base import Applied
from reviewbot.tools import affected
from reviewbot.tools.affected import Plan
from reviewbot.tools.objects import TreeView
from reviewbot.tools.shadowed import shadowed

_SOURCES = (".c", ".S")
_EXPORT = b"EXPORT_"
_EXPORTS = re.compile(rb"^[ \t]*#[ \t]*(?:if|el|endif).*$|\bEXPORT_\w+[^;\n]*", re.MULTILINE)


def plans(applied: Applied, objects: Path, targets: tuple[str, ...]) -> tuple[Plan, ...]:
    """One plan a patch; ``objects`` is the base's object tree, ``targets`` are made for every patch.

    Users of a file are looked up in the base.  An object that starts to use a file does so by a
    change that compiles it, so what an earlier patch compiled or configured counts for later ones; whatever uses
    a file that the base lacks may have been compiled by an earlier patch that had everything made.
    An object whose source goes cannot be asked for: whether anything still names it is seen in the whole.
    Whether a module finds a symbol of the kernel is seen in vmlinux.o (scripts/Makefile.modpost), so a
    patch that exports another one has the kernel linked.
    """
    trees = [applied.base.tree_id, *(patch.tree_id for patch in applied.patches)]
    views = [TreeView(applied.repository, tree) for tree in trees]
    changed = [[change.path for change in old.changed_paths(new)] for old, new in pairwise(views)]
    hidden = [shadowed(old, new) for old, new in pairwise(views)]
    touched = {path for paths in (*changed, *hidden) for path in paths}
    new = frozenset(path for path in touched if views[0].entry(path) is None)
    used_by = affected.users(objects, touched)
    for paths, headers in zip(changed, hidden, strict=True):
        paths.extend(sorted(path for path in headers if used_by[path]))
    covered = affected.members(objects, targets)
    strangers = affected.elsewhere(new, covered, targets)
    found: list[Plan] = []
    tried: frozenset[str] = frozenset()
    gone: set[str] = set()
    configure = everything = False
    for paths, sides in zip(changed, pairwise(views), strict=True):
        plan = affected.plan(paths, used_by, covered, targets, new)
        outside = [path for path in paths if used_by.get(path, frozenset()) - covered]
        unknown = everything and _used_by_strangers(paths, outside, strangers, sides[0])
        sources = [path for path in paths if path.endswith(_SOURCES)]
        lost = {f"{path[:-2]}.o" for path in sources if sides[1].entry(path) is None}
        exports = bool(plan.objects) and _exports_change(outside, sides)
        if unknown or exports or lost & set(plan.objects):
            plan = replace(plan, everything=True, objects=())
        tried |= frozenset(affected.plan(sources, used_by, covered, targets, new).objects)
        gone = {one for one in gone | lost if not _has_source(sides[1], one)}
        tried = (tried | frozenset(plan.objects)) - gone
        configure = configure or plan.configure
        everything = everything or plan.everything
        found.append(replace(plan, objects=tuple(sorted(tried)), configure=configure))
    return tuple(found)


def _used_by_strangers(
    paths: Iterable[str], outside: Iterable[str], strangers: Iterable[str], old: TreeView
) -> bool:
    """Whether what an earlier patch brought may be made from ``paths``; ``outside`` are those that others use as well."""
    there = {path for path in strangers if old.entry(path)}
    headers = {path for path in outside if path.endswith(".h")}
    return not there.isdisjoint(paths) or (
        bool(headers) and any(path.endswith(_SOURCES) for path in there)
    )


def _has_source(tree: TreeView, made: str) -> bool:
    return any(tree.entry(f"{made[:-2]}{kind}") for kind in _SOURCES)


def _exports_change(paths: Iterable[str], sides: tuple[TreeView, TreeView]) -> bool:
    """Whether one of ``paths`` exports other symbols, or on other conditions."""
    for path in paths:
        old, new = (_EXPORTS.findall(side.read(path) or b"") for side in sides)
        if old != new and any(_EXPORT in line for line in (*old, *new)):
            return True
    return False
