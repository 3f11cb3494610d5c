# SPDX-License-Identifier: GPL-2.0-only
"""What a failed build lacks that no commit of the base or the series has.

Then the series stands on another tree ("wrong base or missing prerequisite"), and that is not its
author's bug.  A name that a later patch introduces is: the series does not bisect.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from reviewbot.model.base import Applied
from reviewbot.model.build import Diagnostic
from reviewbot.parse.declared import declares, headers_not_found, not_found
from reviewbot.tools.objects import TreeView
from reviewbot.tools.search import words_in


def missing_symbols(applied: Applied, errors: Iterable[Diagnostic]) -> tuple[str, ...]:
    """Names that ``errors`` did not find and that neither base nor series declares, sorted.

    Headers that neither has count as well, by the name they are included with.
    """
    errors = tuple(errors)
    trees = [applied.base.tree_id, *(patch.tree_id for patch in applied.patches)]
    views = [TreeView(applied.repository, tree) for tree in trees]
    headers = _headers(views, headers_not_found(errors))
    names = set(not_found(errors))
    names -= words_in(applied.repository, applied.base.tree_id, sorted(names))
    if not names:
        return headers
    # Patch by patch: what one brings another may take away again.
    for before, after in pairwise(views):
        for change in before.changed_paths(after):
            if change.path.endswith((".c", ".h", ".S")):
                names -= declares(after.read(change.path) or b"", names)
    return tuple(sorted((*names, *headers)))


def _headers(views: Sequence[TreeView], names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        return ()
    known = set(views[0].paths())
    known.update(change.path for old, new in pairwise(views) for change in old.changed_paths(new))
    paths = [f"/{path}" for path in known if path.endswith(".h")]
    return tuple(name for name in names if not any(path.endswith(f"/{name}") for path in paths))
