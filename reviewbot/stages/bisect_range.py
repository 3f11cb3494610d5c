# SPDX-License-Identifier: GPL-2.0-only
"""The commits of ``good..bad`` and who is whose ancestor, as sets that are quick to count.  Pure.

With merges followed, a commit can be bad only where the first bad one is among its ancestors; that is all
that a bisection knows of history (git-bisect-lk2009, "Bisection algorithm").
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST = 20_000
"""Commits of a range.  One more mainline merge window than v6.18 had (13.7 thousand) fits; the sets of
ancestors take n * n / 8 bytes, 50 MB then."""


@dataclass(frozen=True, slots=True)
class Range:
    """Commits, parents first; ``bad`` comes last.

    ``ancestors[i]`` has a bit for each commit of the range that is an ancestor of the i-th, and its own.
    """

    commits: tuple[str, ...]
    ancestors: tuple[int, ...]

    @property
    def everything(self) -> int:
        """The set of all commits."""
        return (1 << len(self.commits)) - 1

    def index(self, commit: str) -> int:
        """Where a commit is.  Raises ValueError for one of elsewhere."""
        return self.commits.index(commit)

    def named(self, members: int) -> tuple[str, ...]:
        """The commits of a set, parents first."""
        return tuple(self.commits[i] for i in indexes(members))


def make(history: Iterable[tuple[str, Sequence[str]]]) -> Range:
    """A range from (commit, its parents), every commit after those of its parents that are in it.

    That is ``git rev-list --topo-order --reverse --parents bad ^good``.  Parents that were not named
    before are outside, and good.  Raises ValueError for a history with a commit twice, or with heads
    besides the last commit: those could be bad without ``bad`` being so.
    """
    where: dict[str, int] = {}
    ancestors: list[int] = []
    heads = 0
    for commit, parents in history:
        if commit in where:
            raise ValueError(f"{commit} is named twice")
        number = len(where)
        members = 1 << number
        for parent in parents:
            if parent in where:
                members |= ancestors[where[parent]]
                heads &= ~(1 << where[parent])
        heads |= 1 << number
        where[commit] = number
        ancestors.append(members)
    if heads.bit_count() > 1:
        raise ValueError("the history has more than one head")
    return Range(tuple(where), tuple(ancestors))


def indexes(members: int) -> Iterable[int]:
    """The numbers in a set, lowest first."""
    while members:
        low = members & -members
        yield low.bit_length() - 1
        members ^= low
