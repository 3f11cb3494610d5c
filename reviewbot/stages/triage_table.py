# SPDX-License-Identifier: GPL-2.0-only
"""Rows of triage as lines for a terminal: 80 columns hold the essentials, wider ones more, narrower ones less.

Texts come from mails: everything goes through printable.one_line, and colours are put around it last.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewbot.model.finding import Severity
from reviewbot.model.triage import Answer, Standing
from reviewbot.stages.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reviewbot.model.triage import Item

Cell = tuple[str, str]
"""A text, and its tone: see :func:`paint`."""
_UNLIMITED = 10_000
_TITLE = 16
_RESET = "\x1b[0m"
_COLOURS = {
    "good": "\x1b[32m",
    "bad": "\x1b[31m",
    "warn": "\x1b[33m",
    "new": "\x1b[36m",
    "dim": "\x1b[2m",
    "head": "\x1b[1m",
    "": "",
}
_TONE = {
    Standing.READY: "good",
    Standing.NEW: "new",
    Standing.REROLLED: "new",
    Standing.ANSWERED: "new",
    Standing.AUTHOR: "dim",
}
_SIGNS = {Answer.YES: "+", Answer.NO: "!", Answer.UNKNOWN: "."}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    head: str
    width: int
    cell: Callable[[Item], str]
    tone: Callable[[Item], str] = lambda item: ""  # noqa: ARG005 - the others look at it
    right: bool = False
    from_width: int = 0


def table(
    items: Sequence[Item], names: Mapping[str, str], *, width: int | None, colour: bool
) -> list[str]:
    """Header and rows.  ``names`` are short ids of all series by message-id.

    ``width`` in columns: with fewer than 80 some are left out, with fewer than 46 lines are longer than that;
    None for no limit (a pipe).
    """
    head, row = rows(names, width=width)
    return [
        " ".join(paint(text, tone, on=colour) for text, tone in cells).rstrip()
        for cells in ((head,), *(row(item) for item in items))
    ]


def rows(
    names: Mapping[str, str], *, width: int | None
) -> tuple[Cell, Callable[[Item], tuple[Cell, ...]]]:
    """The header, and what makes the cells of a row, with a space to be put between them; as :func:`table`."""
    columns = [
        one for one in _columns(names) if one.from_width <= (_UNLIMITED if width is None else width)
    ]
    taken = sum(one.width + 1 for one in columns)
    room = _UNLIMITED if width is None else max(_TITLE, width - taken)
    head = " ".join(_fit(one.head, one.width, right=one.right) for one in columns)

    def row(item: Item) -> tuple[Cell, ...]:
        cells = (
            (_fit(one.cell(item), one.width, right=one.right), one.tone(item)) for one in columns
        )
        return (*cells, (cut(title(item), room), ""))

    return (f"{head} TITLE", "head"), row


def paint(text: str, tone: str, *, on: bool) -> str:
    """``text`` in one of the colours by what it means: good, bad, warn, new, dim, head; "" for none."""
    return f"{_COLOURS[tone]}{text}{_RESET}" if on and tone and text.strip() else text


def title(item: Item) -> str:
    """The subject without the words that the column of the area says already."""
    text = one_line(item.card.subject)
    for prefix in ("KVM: ", f"{item.card.area}: "):
        if text.lower().startswith(prefix.lower()) and len(text) > len(prefix) + 3:
            text = text[len(prefix) :]
    return f"[RFC] {text}" if item.card.rfc else text


def age(days: float) -> str:
    """Days, weeks from 100 days on, years from 100 weeks on: "3d", "17w", "3y"."""
    if days < 100:
        return f"{days:.0f}d"
    return f"{days / 7:.0f}w" if days < 700 else f"{days / 365.25:.0f}y"


def findings(item: Item) -> str:
    """Errors, warnings and notes: "1E2W", "ok" for none, "" when nobody has looked, or not to the end."""
    review = item.review
    if review is None or not (review.findings or (review.checked and review.verdict)):
        return ""
    counted = [(review.count(severity), str(severity)[0].upper()) for severity in Severity]
    return "".join(f"{min(99, n)}{letter}" for n, letter in counted if n) or "ok"


def covered(item: Item) -> str:
    """How many percent of the added lines selftests ran: "83%", "" when nobody counted."""
    percent = item.review.covered if item.review else None
    return "" if percent is None else f"{percent}%"


def signs(item: Item) -> str:
    """Applies, builds, tests: "+" yes, "!" no, "." nobody knows; "*" behind: in part from an earlier review."""
    review = item.review
    if review is None:
        return ""
    tests = "!" if review.regressions else "+" if review.tests else "."
    return f"{_SIGNS[review.applies]}{_SIGNS[review.builds]}{tests}{'*' if review.earlier else ''}"


def sums(items: Iterable[Item], hidden: Mapping[Standing, int]) -> str:
    """One line: how many rows in which state, and what is not shown."""
    counted = Counter(one.standing for one in items)
    text = ", ".join(f"{counted[one]} {one}" for one in Standing if counted[one])
    rest = ", ".join(f"{hidden[one]} {one}" for one in Standing if hidden.get(one))
    return (
        f"{sum(counted.values())} series"
        + (f": {text}" if text else "")
        + (f"; not shown: {rest} (--all)" if rest else "")
    )


def cut(text: str, width: int) -> str:
    """At most ``width`` columns of a terminal; wide characters take two."""
    if len(text) <= width and text.isascii():
        return text
    used = 0
    kept: list[str] = []
    for character in text:
        used += _columns_of(character)
        if used > width:
            while kept and used > width - 1:
                used -= _columns_of(kept.pop())
            return "".join(kept) + "~"
        kept.append(character)
    return text


def _fit(text: str, width: int, *, right: bool = False) -> str:
    if len(text) <= width and text.isascii():
        return text.rjust(width) if right else text.ljust(width)
    short = cut(text, width)
    space = " " * (width - sum(map(_columns_of, short)))
    return space + short if right else short + space


def _columns_of(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _columns(names: Mapping[str, str]) -> tuple[_Column, ...]:
    return (
        _Column(head="ID", width=5, cell=lambda item: item.id),
        _Column(
            head="STATE",
            width=9,
            cell=lambda item: (
                "partial" if item.standing is Standing.INCOMPLETE else str(item.standing)
            ),
            tone=lambda item: _TONE.get(item.standing, ""),
        ),
        _Column(head="RANK", width=4, cell=lambda item: str(item.rank), right=True, from_width=100),
        _Column(head="AREA", width=9, cell=lambda item: one_line(item.card.area), from_width=72),
        _Column(head="AGE", width=3, cell=lambda item: age(item.days), right=True),
        _Column(head="VER", width=3, cell=lambda item: f"v{item.card.revision}", from_width=56),
        _Column(head="ACKS", width=5, cell=_acks, tone=_acks_tone, right=True, from_width=56),
        _Column(head="FIND", width=4, cell=findings, tone=_findings_tone),
        _Column(head="ABT", width=4, cell=signs, tone=_signs_tone),
        _Column(head="RAN", width=4, cell=covered, right=True, from_width=120),
        _Column(
            head="X",
            width=1,
            cell=lambda item: str(min(9, len(item.clashes))) if item.clashes else "",
            tone=lambda item: "warn",  # noqa: ARG005 - whatever clashes
            from_width=72,
        ),
        _Column(
            head="TREE",
            width=16,
            cell=lambda item: one_line(item.review.tree) if item.review else "",
            from_width=140,
        ),
        _Column(
            head="CLASHES",
            width=11,
            cell=lambda item: ",".join(names.get(one.message_id, "?") for one in item.clashes),
            from_width=140,
        ),
        _Column(
            head="AUTHOR",
            width=16,
            cell=lambda item: one_line(item.card.author.name or item.card.author.email),
            from_width=100,
        ),
    )


def _acks(item: Item) -> str:
    total = len(item.card.patches)
    return f"{item.acked}/{total}" if item.card.read or item.acked else f"?/{total}"


def _acks_tone(item: Item) -> str:
    return "good" if item.acked and item.acked == len(item.card.patches) else ""


def _findings_tone(item: Item) -> str:
    text = findings(item)
    return "bad" if "E" in text else "warn" if "W" in text else "good" if text == "ok" else ""


def _signs_tone(item: Item) -> str:
    text = signs(item)
    return "bad" if "!" in text else "good" if "+" in text else ""
