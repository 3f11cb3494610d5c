# SPDX-License-Identifier: GPL-2.0-only
"""Rows of the list: which, in what order, and how they look.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewbot.parse.wanted import ordered, parse_wanted
from reviewbot.screen.lines import Lazy, Line
from reviewbot.stages.triage_standing import HIDDEN
from reviewbot.stages.triage_table import rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewbot.model.triage import Item
    from reviewbot.screen.asked import Shot


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user wants to see: ``words`` as in docs/triage.md, ``sort`` "" for what the words say."""

    words: str = ""
    sort: str = ""
    everything: bool = False

    @property
    def order(self) -> str:
        """The key that sorts."""
        named = [one for one in self.words.split() if one.startswith("sort:")]
        return self.sort or (named[-1].removeprefix("sort:") if named else "") or "rank"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The rows that are shown, and how many the words pick but whose state hides them."""

    items: tuple[Item, ...] = ()
    hidden: int = 0


def listing(shot: Shot, wish: Wish) -> Listing:
    """Pick and sort.  Raises UserError for a word that is none."""
    wanted, holds = parse_wanted(wish.words.split(), shot.me)
    fitting = [one for one in ordered(list(shot.items), wish.order) if holds(one)]
    visible = wish.everything or wanted.names_state
    shown = tuple(one for one in fitting if visible or one.standing not in HIDDEN)
    return Listing(items=shown, hidden=len(fitting) - len(shown))


def lines(
    items: Sequence[Item], names: Mapping[str, str], doing: Mapping[str, str], width: int
) -> tuple[Line, Lazy]:
    """The header and the rows; ``doing`` says by message-id what happens to a series just now."""
    head, cells = rows(names, width=width)

    def row(at: int) -> Line:
        item = items[at]
        *columns, title = cells(item)
        now = doing.get(item.card.message_id, "")
        busy = ((f"[{now}] ", "new"),) if now else ()
        spaced = tuple((f"{text} ", tone) for text, tone in columns)
        return Line(pieces=(*spaced, *busy, title), key=item.card.message_id)

    return Line(pieces=(head,)), Lazy(len(items), row)


def summary(found: Listing, wish: Wish, where: str) -> str:
    """The top line: where from, what is picked, in which order, how many."""
    parts = [where, wish.words, f"by {wish.order}", f"{len(found.items)} series"]
    if found.hidden:
        parts.append(f"{found.hidden} hidden (A)")
    return " | ".join(one for one in parts if one)


def place_of(items: Sequence[Item], message_id: str, fallback: int) -> int:
    """Where a series is now; where the cursor was when it is gone."""
    for at, one in enumerate(items):
        if one.card.message_id == message_id or any(name == message_id for _, name in one.history):
            return at
    return max(0, min(fallback, len(items) - 1))
