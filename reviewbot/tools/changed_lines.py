# SPDX-License-Identifier: GPL-2.0-only
"""Which lines differ between two trees of one repository."""

import pygit2

from reviewbot.model.coverage import Span, Touched
from reviewbot.tools.objects import open_repository


def between(repository: str, old_tree: str, new_tree: str) -> tuple[Touched, ...]:
    """Files that differ, sorted by path, with spans of old and new lines.

    A renamed file is two of them: nothing of it is new but what differs.
    """
    opened = open_repository(repository)
    old_side, new_side = (opened[name].peel(pygit2.Tree) for name in (old_tree, new_tree))
    diff = old_side.diff_to_tree(new_side, context_lines=0)
    diff.find_similar(flags=pygit2.enums.DiffFind.FIND_RENAMES)
    found = []
    for patch in diff:
        if patch is None or patch.delta.is_binary:
            continue
        old, added = [], []
        for hunk in patch.hunks:
            old.append(_old(hunk.old_start, hunk.old_lines))
            if hunk.new_lines:
                added.append((hunk.new_start, hunk.new_start + hunk.new_lines - 1))
        before, after = patch.delta.old_file.path, patch.delta.new_file.path
        if before and after and before != after:
            found.append(Touched(path=before, old=tuple(old), added=()))
            old = []
        found.append(Touched(path=after or before, old=tuple(old), added=tuple(added)))
    return tuple(sorted(found, key=lambda one: one.path))


def _old(start: int, lines: int) -> Span:
    """Without old lines ``start`` is the line before the insertion; see :class:`Touched`."""
    return (start, start + lines - 1) if lines else (start + 1, start)
