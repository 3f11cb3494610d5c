# SPDX-License-Identifier: GPL-2.0-only
"""What a failed build lacks that no commit of the base or the series has.

Then the series stands on another tree ("wrong base or missing prerequisite"), and that is not its
author's bug.  A name that a later patch introduces is: the series does not bisect.
"""

from collections.abc import Iterable

from reviewbot.model.base import Applied
from reviewbot.model.build import Diagnostic
from reviewbot.parse.declared import declares, not_found
from reviewbot.tools.objects import TreeView
from reviewbot.tools.search import words_in


def missing_symbols(applied: Applied, errors: Iterable[Diagnostic]) -> tuple[str, ...]:
    """Names that ``errors`` did not find and that neither base nor series declares, sorted."""
    names = set(not_found(errors))
    names -= words_in(applied.repository, applied.base.tree_id, sorted(names))
    if not names:
        return ()
    before = TreeView(applied.repository, applied.base.tree_id)
    after = TreeView(applied.repository, applied.patches[-1].tree_id)
    for change in before.changed_paths(after):
        if change.path.endswith((".c", ".h", ".S")):
            names -= declares(after.read(change.path) or b"", names)
    return tuple(sorted(names))
