# SPDX-License-Identifier: GPL-2.0-only
"""Follow lists: new mails -> series -> events, each recorded once.

This is the seam to the engine that reviews: it calls :meth:`Watcher.poll`, acts on what
``Ledger.untaken`` lists, and says so by ``Ledger.take``.  An event that was told and not taken is there
again after a crash, so acting on one twice must be harmless: use the series' message-id as key.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewbot.model.errors import UserError
from reviewbot.model.watch import Refused
from reviewbot.parse.commands import mentions
from reviewbot.parse.envelope import envelope, links
from reviewbot.parse.gather import THREAD_LIMIT, series_of
from reviewbot.parse.lineage import changes, lineage_keys, with_successors
from reviewbot.parse.mail import MailError, parse_mail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reviewbot.model.watch import Arrival, Batch, WatchedSeries, WatchEvent
    from reviewbot.parse.envelope import Envelope
    from reviewbot.parse.gather import Following, Gathering
    from reviewbot.tools.ledger import Ledger
    from reviewbot.tools.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedList:
    """A list: where its mails come from, whose series are wanted, and days to look back at first."""

    source: Source
    following: Following
    backlog_days: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What one look at all lists brought.  ``troubles`` says by list why it could not be read."""

    mails: int
    events: tuple[WatchEvent, ...]
    troubles: dict[str, str]


class Watcher:
    """Follows ``lists`` (by name), keeping everything in ``ledger``; ``clock`` tells the time."""

    def __init__(
        self,
        ledger: Ledger,
        lists: Mapping[str, FollowedList],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = ledger
        self.lists = lists
        self.clock = clock
        self._following = {name: each.following for name, each in lists.items()}

    def poll(self) -> Polled:
        """Read what is new in every list, and see whose wait is over.

        A list that cannot be read does not keep the others waiting.  Raises UserError when the
        ledger cannot be written.
        """
        events: list[WatchEvent] = []
        troubles: dict[str, str] = {}
        mails = 0
        for name, each in self.lists.items():
            days = each.backlog_days
            begin = self.clock() - days * 86400 if days else 0.0
            batches = each.source.batches(self.ledger.cursor(name), begin)
            while True:
                try:
                    batch = next(batches, None)
                except UserError as error:
                    troubles[name] = str(error)
                    break
                except Exception as error:  # noqa: BLE001 - a damaged clone must not stop the other lists
                    troubles[name] = _our_mistake(name, error).reason
                    break
                if batch is None:
                    break
                mails += len(batch.arrivals)
                events += self.record(name, batch)
        events += self.settle()
        return Polled(mails=mails, events=tuple(events), troubles=troubles)

    def record(self, name: str, batch: Batch) -> list[WatchEvent]:
        """Take in a batch of the list ``name``: all of it and its cursor, or nothing."""
        clock = self.clock()
        refused = list(batch.refused)
        asked: list[tuple[str, bytes]] = []
        kept = [
            found
            for arrival in batch.arrivals
            if (found := _read(arrival, name, clock, refused, asked)) is not None
        ]
        with self.ledger.transaction():
            gathering = self.ledger.gathering({link for one in kept for link in links(one)})
            for one in kept:
                gathering.add(one)
            refused += [_no_room(one) for one in gathering.left_out]
            # In an archive nothing is late: the clock of its mails counts until all are read.
            now = min(clock, max((one.received for one in kept), default=clock))
            events = self._update(name, gathering, now)
            self.ledger.requests.keep(name, asked, clock)
            self.ledger.refuse(name, refused, clock)
            self.ledger.set_cursor(name, batch.cursor, clock)
        return events

    def settle(self) -> list[WatchEvent]:
        """See what has been waited for long enough."""
        now = self.clock()
        with self.ledger.transaction():
            overdue = self.ledger.overdue(now)
            if not overdue:
                return []
            return self._update("", self.ledger.threads(overdue), now)

    def _update(self, name: str, gathering: Gathering, now: float) -> list[WatchEvent]:
        """Look at the changed threads again, and at series of other threads that they supersede."""
        ledger = self.ledger
        touched = gathering.changed | gathering.absorbed.keys()
        old = {one.message_id: one for one in ledger.series_of(touched)}
        ledger.save_mails(gathering)
        home: dict[str, int] = {}
        new: list[WatchedSeries] = []
        for number in sorted(gathering.changed):
            found = self._series(name, gathering.threads[number].values(), now)
            home.update((one.message_id, number) for one in found)
            new += found
        near = self._near([*old.values(), *new], old.keys() | home.keys())
        wide = self._near([*near, *new], old.keys() | home.keys())
        judged = with_successors([*new, *near], [*new, *wide])
        ledger.replace_series(
            touched, [(home[one.message_id], one) for one in judged if one.message_id in home]
        )
        before = {one.message_id: one for one in near}
        ledger.update_series(
            one for one in judged if one.message_id in before and one != before[one.message_id]
        )
        return ledger.tell(changes([*old.values(), *near], judged), self.clock())

    def _near(self, series: list[WatchedSeries], known: set[str]) -> list[WatchedSeries]:
        """Recorded series that may be revisions of ``series``, but for those looked at now."""
        keys = {key for one in series for key in lineage_keys(one)}
        return [one for one in self.ledger.kin(keys) if one.message_id not in known]

    def _series(self, name: str, mails: Iterable[Envelope], now: float) -> list[WatchedSeries]:
        """The series of a thread; a thread that breaks us is set aside, and the list goes on."""
        kept = list(mails)
        try:
            return series_of(kept, now=now, lists=self._following)
        except Exception as error:  # noqa: BLE001 - else one mail would end the watching for ever
            first = min(kept, key=lambda one: one.received)
            self.ledger.refuse(name, [_our_mistake(first.message_id, error)], self.clock())
            return []


def _read(
    arrival: Arrival,
    name: str,
    clock: float,
    refused: list[Refused],
    asked: list[tuple[str, bytes]],
) -> Envelope | None:
    """What is kept of a mail; None, and an entry in ``refused``, for one that cannot be read.

    Replies that may hold commands for the bot are put into ``asked``, whole.
    """
    try:
        mail = parse_mail(arrival.raw)
        if mail.references and mentions(mail.body):
            asked.append((mail.message_id, arrival.raw))
        return envelope(
            mail, source=name, received=min(arrival.received, clock), origin=arrival.origin
        )
    except MailError as error:
        refused.append(Refused(origin=arrival.origin, reason=str(error)))
    except Exception as error:  # noqa: BLE001 - as above
        refused.append(_our_mistake(arrival.origin, error))
    return None


def _no_room(one: Envelope) -> Refused:
    return Refused(
        origin=one.origin or one.message_id,
        reason=f"its thread has {THREAD_LIMIT} mails already",
    )


def _our_mistake(origin: str, error: Exception) -> Refused:
    return Refused(origin=origin, reason=f"our own mistake: {type(error).__name__}: {error}"[:300])
