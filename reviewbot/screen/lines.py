# SPDX-License-Identifier: GPL-2.0-only
"""Lines of text with tones: all that the screen shows is made of them.  Pure.

Texts come from mails.  They are never taken for markup, and become printable here, when they are shown: a
log of a million lines costs nothing until somebody turns to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import overload

from reviewbot.stages.printable import clipped, printable

TAB = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """``pieces`` are (text, tone), tones as in stages.triage_table; ``stop`` where "next" halts.

    ``key`` is what the line stands for in a list, "" for nothing that can be opened.
    """

    pieces: tuple[tuple[str, str], ...] = ()
    stop: bool = False
    key: str = ""

    @property
    def text(self) -> str:
        """The whole of it without tones."""
        return "".join(text for text, _ in self.pieces)


def line(text: str = "", tone: str = "", *, stop: bool = False, key: str = "") -> Line:
    """A line of one tone, fit to be shown: no tabs, no control characters, no line breaks."""
    return Line(pieces=((shown(text), tone),) if text else (), stop=stop, key=key)


def shown(text: str) -> str:
    """``text`` as one line of a terminal."""
    if text.isprintable():
        return clipped(text)
    flat = text.rstrip("\r\n").replace("\r\n", "\n").replace("\n", " ")
    return clipped(printable(flat.expandtabs(TAB)))


class Lazy(Sequence[Line]):
    """Lines that are made when they are looked at."""

    def __init__(self, count: int, make: Callable[[int], Line]) -> None:
        self._count = count
        self._make = make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> Line: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Line]: ...
    def __getitem__(self, at: int | slice) -> Line | Sequence[Line]:
        if isinstance(at, slice):
            return [self._make(one) for one in range(self._count)[at]]
        return self._make(range(self._count)[at])


def plain(texts: Sequence[str], tone: Callable[[str], str] = lambda _: "") -> Lazy:
    """Lines of a text; ``tone`` says how each is shown."""
    return Lazy(len(texts), lambda at: line(texts[at], tone(texts[at])))


def listed(texts: Iterable[str]) -> list[Line]:
    """Lines of a short text, the first word of a paragraph as it is."""
    return [line(one) for one in texts]
