# SPDX-License-Identifier: GPL-2.0-only
"""Which messages of a tool are new with the series, and which of those are on its lines: pure."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping

from reviewbot.model.build import Diagnostic, Level
from reviewbot.model.coverage import Span
from reviewbot.parse.compiler import place

Added = Mapping[str, tuple[Span, ...]]
"""Spans of lines that the series adds, by path."""
_QUOTED = re.compile(r"'[^']*'")
_VALUES = re.compile(r"'[^']*'|\([^)]*\)|\d+")
_HABIT = 10
"""Messages of one kind in one file of the base: with more, another is how things are done there."""


def new_messages(
    before: Collection[Diagnostic], after: Collection[Diagnostic], added: Added
) -> tuple[tuple[Diagnostic, ...], tuple[Diagnostic, ...]]:
    """New messages on added lines, and new ones elsewhere.

    Tools that do not name a function say the same words of many places, so words are counted: when
    a file has more of them than on the base, as many are new, those on added lines first.  A header
    speaks once, however many files include it.

    Code that moves to another file takes its messages along, and a function that is renamed is named
    otherwise in them: what the base said and nobody says any more is taken for what is said now, of the
    same words in another file first, then of other names in the same file.  Nor is it news when a file goes
    on saying what it says more than ten times: each field of vmcs12.c is a cast that truncates.
    """
    kinds = Counter(map(_kind, _distinct(before)))
    old, new = (
        [one for one in _distinct(side) if kinds[_kind(one)] <= _HABIT] for side in (before, after)
    )
    new.sort(key=lambda one: on_added_line(one, added))
    for sameness in (place, _moved, _renamed):
        old, new = _without_same(old, new, sameness)
    mine = tuple(one for one in new if on_added_line(one, added))
    return mine, tuple(one for one in new if one not in mine)


def _moved(one: Diagnostic) -> Hashable:
    return place(one)[1:]


def _kind(one: Diagnostic) -> Hashable:
    return one.path, _VALUES.sub("", one.message), one.option


def _renamed(one: Diagnostic) -> Hashable:
    path, _, text, option = place(one)
    return path, _QUOTED.sub("''", text), option


def _without_same(
    old: list[Diagnostic], new: list[Diagnostic], key: Callable[[Diagnostic], Hashable]
) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """What is left of both without pairs of one ``key``."""

    def beyond(some: list[Diagnostic], others: list[Diagnostic]) -> list[Diagnostic]:
        known = Counter(map(key, others))
        left = []
        for one in some:
            if known[key(one)] > 0:
                known[key(one)] -= 1
            else:
                left.append(one)
        return left

    return beyond(old, new), beyond(new, old)


def on_added_line(one: Diagnostic, added: Added) -> bool:
    """True for a message on a line that the series adds."""
    return any(first <= one.line <= last for first, last in added.get(one.path, ()))


def _distinct(messages: Iterable[Diagnostic]) -> list[Diagnostic]:
    found: dict[tuple[str, int, int, str], Diagnostic] = {}
    for one in messages:
        if one.level is not Level.NOTE:
            found.setdefault((one.path, one.line, one.column, one.message), one)
    return list(found.values())
