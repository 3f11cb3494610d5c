# SPDX-License-Identifier: GPL-2.0-only
"""What moved on a branch between two sweeps."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeCommit:
    """One commit.  ``author`` is "Name <address>"; ``patch_id`` is "" where it was not computed."""

    commit: str
    tree_id: str
    parents: tuple[str, ...]
    subject: str
    author: str
    patch_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRange:
    """The commits since the last good sweep, ``old`` ("" when there was none).

    ``start`` is the newest commit that old and new tip share, ``merge_base`` the one that the tip shares
    with mainline ("" when no mainline is configured).  ``forced`` when the old tip is no ancestor of the
    new one.  ``commits`` are new to the branch, oldest first, without merges and without what came from
    mainline; ``rebased`` were there before under another id, ``dropped`` are not there any more.
    ``upstream`` counts the commits that came in from mainline, ``merges`` the merges.  ``missing`` says in
    sentences what was not looked at.
    """

    old: str
    tip: str
    start: str
    merge_base: str
    forced: bool
    commits: tuple[RangeCommit, ...] = ()
    rebased: tuple[RangeCommit, ...] = ()
    dropped: tuple[RangeCommit, ...] = ()
    upstream: int = 0
    merges: int = 0
    missing: tuple[str, ...] = ()
