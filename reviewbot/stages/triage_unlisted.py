# SPDX-License-Identifier: GPL-2.0-only
"""Reviews of series that came over no watched list -> cards and rows like the others'.  Pure."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from reviewbot.model.triage import Card, Size, Tag
from reviewbot.model.watch import Numbered, WatchState
from reviewbot.parse.area import areas
from reviewbot.stages.triage_standing import item

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reviewbot.model.run import Run
    from reviewbot.model.series import Patch, Series
    from reviewbot.model.triage import Item, Reviewed

VERSION = 1
"""Of the cards that are kept."""
_TAGS = ("reviewed-by", "acked-by", "tested-by")
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # as the other rows' names (engine.triage)
_NAME = 9  # longer than theirs, so that no name is given twice


def card_of(run: Run) -> Card | None:
    """What the mails of a review say; replies are unknown.  None when no series was understood."""
    series = run.series
    if series is None or run.declined or not series.patches:
        return None
    root = series.cover or series.patches[0]
    sizes = tuple(_sizes(series))
    subsystem, area = areas(sizes)
    sent = _sent(root.date, run.started)
    return Card(
        message_id=series.message_id,
        subject=series.title,
        author=root.sender,
        lists=(),
        revision=series.revision,
        total=series.total,
        patches=tuple(
            Numbered(number=one.number, message_id=one.message_id, subject=one.subject)
            for one in series.patches
        ),
        missing=series.missing,
        cover=series.cover.message_id if series.cover else "",
        sent=sent,
        last=sent,
        state=WatchState.COMPLETE if series.complete else WatchState.INCOMPLETE,
        area=area,
        subsystem=subsystem,
        rfc="rfc" in {word.lower() for word in series.prefixes},
        files=sizes,
        tags=tuple(tag for one in series.patches for tag in _tags(one)),
        read=False,
    )


def items(cards: Iterable[Card], reviews: Mapping[str, Reviewed], now: float) -> list[Item]:
    """A row a series: the newest revision, with the older ones that have its author and its title.

    ``reviews`` are the newest ones by message-id, ``now`` is in seconds since 1970.
    """
    kin: dict[tuple[str, str], list[Card]] = {}
    for one in cards:
        kin.setdefault((one.author.email.lower(), one.subject.casefold()), []).append(one)
    found = []
    for family in kin.values():
        newest, *older = sorted(family, key=lambda one: (one.revision, one.sent), reverse=True)
        found.append(
            item(
                newest,
                name=_name(min(family, key=lambda one: (one.revision, one.sent)).message_id),
                now=now,
                review=reviews.get(newest.message_id),
                history=tuple((one.revision, one.message_id) for one in older),
            )
        )
    return found


def without_marks(row: Item, now: float) -> Item:
    """The row as everybody may see it: without what the user of this host said of it."""
    return item(
        row.card,
        name=row.id,
        now=now,
        review=row.review,
        history=row.history,
        clashes=row.clashes,
    )


def _name(message_id: str) -> str:
    number = int.from_bytes(hashlib.sha256(message_id.encode()).digest()[:8], "big")
    return "".join(_ALPHABET[(number >> (5 * place)) % 32] for place in range(_NAME))


def _sent(date: str, started: str) -> float:
    try:
        return parsedate_to_datetime(date).astimezone(UTC).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return datetime.fromisoformat(started).timestamp()


def _sizes(series: Series) -> Iterable[Size]:
    counts: dict[str, list[int]] = {}
    for patch in series.patches:
        for file in patch.files:
            count = counts.setdefault(file.path, [0, 0])
            for hunk in file.hunks:
                count[0] += sum(line[:1] == "+" for line in hunk.lines)
                count[1] += sum(line[:1] == "-" for line in hunk.lines)
    return [Size(path=path, added=a, removed=r) for path, (a, r) in list(counts.items())[:200]]


def _tags(patch: Patch) -> Iterable[Tag]:
    return (
        Tag(name=one.name, who=one.value, patch=patch.number)
        for one in patch.trailers
        if one.name.lower() in _TAGS
    )
