# SPDX-License-Identifier: GPL-2.0-only
"""Which messages of a tool are new with the series, and which of those are on its lines: pure."""

from collections import Counter
from collections.abc import Iterable, Mapping

from reviewbot.model.build import Diagnostic, Level
from reviewbot.model.coverage import Span
from reviewbot.parse.compiler import place

Added = Mapping[str, tuple[Span, ...]]
"""Spans of lines that the series adds, by path."""


def new_messages(
    before: Iterable[Diagnostic], after: Iterable[Diagnostic], added: Added
) -> tuple[tuple[Diagnostic, ...], tuple[Diagnostic, ...]]:
    """New messages on added lines, and new ones elsewhere.

    Tools that do not name a function say the same words of many places, so words are counted: when
    a file has more of them than on the base, as many are new, those on added lines first.  A header
    speaks once, however many files include it.
    """
    known = Counter(place(one) for one in _distinct(before))
    mine, others = [], []
    found = sorted(_distinct(after), key=lambda one: on_added_line(one, added))
    for one in found:
        if known[place(one)] > 0:
            known[place(one)] -= 1
        elif on_added_line(one, added):
            mine.append(one)
        else:
            others.append(one)
    return tuple(mine), tuple(others)


def on_added_line(one: Diagnostic, added: Added) -> bool:
    """True for a message on a line that the series adds."""
    return any(first <= one.line <= last for first, last in added.get(one.path, ()))


def _distinct(messages: Iterable[Diagnostic]) -> list[Diagnostic]:
    found: dict[tuple[str, int, int, str], Diagnostic] = {}
    for one in messages:
        if one.level is not Level.NOTE:
            found.setdefault((one.path, one.line, one.column, one.message), one)
    return list(found.values())
