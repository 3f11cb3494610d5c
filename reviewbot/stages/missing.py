# SPDX-License-Identifier: GPL-2.0-only
"""What a failed build lacks that no commit of the base or the series has.

Then the series stands on another tree ("wrong base or missing prerequisite"), and that is not its
author's bug.  A name that a later patch introduces is: the series does not bisect.
"""

from collections.abc import Iterable

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
    headers = _headers(applied, headers_not_found(errors))
    names = set(not_found(errors))
    names -= words_in(applied.repository, applied.base.tree_id, sorted(names))
    if not names:
        return headers
    before = TreeView(applied.repository, applied.base.tree_id)
    after = TreeView(applied.repository, applied.patches[-1].tree_id)
    for change in before.changed_paths(after):
        if change.path.endswith((".c", ".h", ".S")):
            names -= declares(after.read(change.path) or b"", names)
    return tuple(sorted((*names, *headers)))


def _headers(applied: Applied, names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        return ()
    after = TreeView(applied.repository, applied.patches[-1].tree_id)
    paths = [f"/{path}" for path in after.paths() if path.endswith(".h")]
    return tuple(name for name in names if not any(path.endswith(f"/{name}") for path in paths))
