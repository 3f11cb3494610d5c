# SPDX-License-Identifier: GPL-2.0-only
"""What the pages are made of, all of one moment: requests never wait for a database."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from reviewbot.model.command import SubjectKind, Tried
from reviewbot.model.run import Run
from reviewbot.model.triage import Item, Reviewed
from reviewbot.rulekit.rule import Rule


class Reviews(Protocol):
    """Hands out whole reviews."""

    def run(self, name: str) -> Run | None:
        """The review called so, None when there is none that can be read."""

    def patch(self, name: str, number: int) -> Run | None:
        """The same, of which only that patch has its files: quick, however large the others are."""

    def stamp_of(self, name: str) -> str:
        """What is another when the review is."""

    def large(self) -> tuple[str, ...]:
        """Reviews that take long to read, so that their pages are better made beforehand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """``items`` are the newest revisions, best ranked first; ``stamp`` differs when anything else does.

    ``item_of`` leads from the message-id of any revision to the item, ``reviews_of`` to its reviews,
    newest first; ``reviews`` has them by run.  ``tried`` is how rules did that were reported by mail, by
    code.  ``made`` is in seconds since 1970.
    """

    stamp: str
    made: float
    items: tuple[Item, ...]
    by_id: dict[str, Item]
    item_of: dict[str, Item]
    reviews: dict[str, Reviewed]
    reviews_of: dict[str, tuple[Reviewed, ...]]
    rules: tuple[Rule, ...]
    tried: dict[str, Tried]


def snapshot(
    items: tuple[Item, ...],
    reviews: tuple[Reviewed, ...],
    rules: tuple[Rule, ...],
    *,
    stamp: str,
    made: float,
    tried: Iterable[Tried] = (),
) -> Snapshot:
    """Put in order; a review that is in two stores counts once."""
    ranked = tuple(sorted(items, key=lambda one: (-one.rank, -one.card.sent, one.id)))
    newest = sorted(reviews, key=lambda one: (one.made, one.run), reverse=True)
    by_run = {one.run: one for one in newest}
    of: dict[str, list[Reviewed]] = {}
    for one in by_run.values():
        of.setdefault(one.series, []).append(one)
    item_of = {name: one for one in ranked for _, name in one.history}
    item_of |= {one.card.message_id: one for one in ranked}
    return Snapshot(
        stamp=stamp,
        made=made,
        items=ranked,
        by_id={one.id: one for one in ranked if one.id},
        item_of=item_of,
        reviews=by_run,
        reviews_of={name: tuple(some) for name, some in of.items()},
        rules=rules,
        tried={one.name: one for one in tried if one.kind is SubjectKind.RULE},
    )


Latest = Callable[[], Snapshot]
