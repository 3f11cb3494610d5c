# SPDX-License-Identifier: GPL-2.0-only
"""Reviews and pending series of this host and its database, as one snapshot after the other.

One thread calls :meth:`Library.look`, which alone touches the databases; any number of others read the
snapshot that is in force and ask for whole reviews.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from reviewbot.engine.triage import Triage
from reviewbot.model.codec import key_of
from reviewbot.model.errors import InfrastructureError, ReviewbotError, UserError
from reviewbot.model.run import Run
from reviewbot.model.triage import Card
from reviewbot.stages import triage_unlisted
from reviewbot.stages.known import by_series
from reviewbot.tools import database
from reviewbot.tools.desk import Desk
from reviewbot.tools.file_times import file_times
from reviewbot.tools.finished import Finished
from reviewbot.tools.ledger import Ledger
from reviewbot.tools.statistics import Statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from reviewbot.engine.store import Store
    from reviewbot.model.command import Tried
    from reviewbot.model.triage import Item, Reviewed
    from reviewbot.tools.cache import Cache
    from reviewbot.tools.source import Source

_KEPT = 24
"""Whole reviews that are kept in memory."""
_LARGE = 4 << 20
"""Bytes of JSON; a review of more is not kept: a page of it is slow, others need not be."""
_AGE = 600.0
"""Seconds after which everything is looked at again although nothing changed: rows say how old they are."""
_MAILS = 60.0
"""Seconds between two looks at the lists."""
_STAGE = "web-card"
_SLICE = "web-patch"
_SLICE_VERSION = 1
DATABASE = "engine.database"
"""The name of the database among the troubles."""


class Library:
    """``database_url`` is where finished reviews are; ``sources`` are the watched lists, none to leave them alone."""

    def __init__(
        self,
        store: Store,
        ledger: Path,
        cache: Cache,
        *,
        database_url: str,
        sources: Mapping[str, Source],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.ledger = ledger
        self.cache = cache
        self.database_url = database_url
        self.sources = sources
        self.clock = clock
        self.troubles: dict[str, str] = {}
        self.items: tuple[Item, ...] = ()
        self.reviews: tuple[Reviewed, ...] = ()
        self.tried: tuple[Tried, ...] = ()
        self.stamp = ""
        self._read = 0.0
        self._made = 0.0
        self._lock = threading.Lock()
        self._runs: OrderedDict[tuple[str, str], Run] = OrderedDict()
        self._jobs: dict[str, str] = {}
        self._stamps: dict[str, str] = {}

    def look(self) -> bool:
        """Take in what is new; True when there is anything.  Raises UserError for stores that cannot be used."""
        now = self.clock()
        stamps = self.store.stamps()
        mails = now - self._read >= _MAILS and bool(self.sources)
        if not mails and self._seen(stamps) == self.stamp and now - self._made < _AGE:
            return False
        with self._triage() as (triage, desk):
            if mails:
                self._read = now
                self.troubles = triage.read_mails()
            triage.read_runs(self.store)
            self.troubles.pop(DATABASE, None)
            try:
                with self._finished() as finished:
                    if finished:
                        triage.read_finished(finished)
            except InfrastructureError as error:  # it went away meanwhile: the rest can be shown
                self.troubles[DATABASE] = str(error)
            triage.refresh()
            reviews = tuple(desk.all_reviews())
            listed = [triage_unlisted.without_marks(one, now) for one in triage.items()]
        self.tried = self._objections()
        newest = by_series(reviews)
        known = {one.card.message_id for one in listed}
        known |= {name for one in listed for _, name in one.history}
        cards = self._cards(newest, known, stamps)
        self.items = (*listed, *triage_unlisted.items(cards, newest, now))
        self.reviews = reviews
        with self._lock:
            self._jobs = {one.run: one.origin for one in reviews if one.origin != "run"}
            self._stamps = stamps
        for name in self.large():
            self.patch(name, 0)
        self._made = now
        self.stamp = self._seen(stamps)
        return True

    def run(self, name: str) -> Run | None:
        """A whole review, None when there is none that can be read.  For any thread."""
        with self._lock:
            job, stamp = self._jobs.get(name, ""), self._stamps.get(name, "")
            known = self._runs.get((name, stamp))
            if known:
                self._runs.move_to_end((name, stamp))
                return known
        found = self._load(name, job, local=bool(stamp))
        if found and _size(stamp) <= _LARGE:
            with self._lock:
                self._runs[name, stamp] = found
                while len(self._runs) > _KEPT:
                    self._runs.popitem(last=False)
        return found

    def stamp_of(self, name: str) -> str:
        """What is another when the review is; of a job that ended, its name."""
        with self._lock:
            return self._stamps.get(name) or self._jobs.get(name, "")

    def large(self) -> tuple[str, ...]:
        """Reviews that are not kept in memory."""
        with self._lock:
            return tuple(name for name, stamp in self._stamps.items() if _size(stamp) > _LARGE)

    def patch(self, name: str, number: int) -> Run | None:
        """The review of which only one patch has its files; of a large one, cut out of it once and kept in the cache.

        Patch 0 is none, and says that all were cut.
        """
        stamp = self.stamp_of(name)
        if _size(stamp) <= _LARGE:
            return self.run(name)
        known = self.cache.load(_SLICE, _slice(name, stamp, number), Run)
        if known:
            return known
        none = self.cache.load(_SLICE, _slice(name, stamp, 0), Run) if number else None
        if none and none.series and all(one.number != number for one in none.series.patches):
            return None
        whole = self.run(name)
        if whole is None or whole.series is None:
            return whole
        numbers = [one.number for one in whole.series.patches]
        for each in (*numbers, 0):
            self.cache.save(_SLICE, _slice(name, stamp, each), _only(whole, each))
        return _only(whole, number) if number in numbers else None

    def _load(self, name: str, job: str, *, local: bool) -> Run | None:
        try:
            if local:
                return self.store.read(name)
            with self._finished() as finished:
                return finished.get(job) if finished and job else None
        except ReviewbotError:
            return None

    def _cards(
        self, newest: Mapping[str, Reviewed], known: set[str], stamps: Mapping[str, str]
    ) -> Iterable[Card]:
        """Cards of reviewed series that came over no watched list, made once and kept in the cache."""
        for name, review in newest.items():
            if name in known:
                continue
            key = key_of(review.run, stamps.get(review.run, review.origin), triage_unlisted.VERSION)
            card = self.cache.load(_STAGE, key, Card)
            if card is None:
                local = review.run in stamps
                run = self._load(review.run, review.origin, local=local)
                card = triage_unlisted.card_of(run) if run else None
                if card:
                    self.cache.save(_STAGE, key, card)
            if card:
                yield card

    def _seen(self, stamps: Mapping[str, str]) -> str:
        """What changes when anybody writes to the stores."""
        files = [self.ledger, database.file_of(self.database_url)]
        return key_of(sorted(stamps.items()), file_times(one for one in files if one))

    @contextlib.contextmanager
    def _triage(self) -> Iterator[tuple[Triage, Desk]]:
        with (
            contextlib.closing(Ledger(self.ledger)) as ledger,
            contextlib.closing(Desk(self.ledger)) as desk,
        ):
            yield Triage(ledger, desk, self.sources, clock=self.clock), desk

    def _objections(self) -> tuple[Tried, ...]:
        """How often rules were called wrong; what was known before when the database is away."""
        place = database.file_of(self.database_url)
        if DATABASE in self.troubles or (place and not place.exists()):
            return self.tried
        try:
            with contextlib.closing(Statistics(self.database_url)) as statistics:
                return statistics.tried()
        except (InfrastructureError, UserError) as error:
            self.troubles[DATABASE] = str(error)
            return self.tried

    @contextlib.contextmanager
    def _finished(self) -> Iterator[Finished | None]:
        """The database of finished reviews; None when it is away or was never made: the rest can be shown."""
        place = database.file_of(self.database_url)
        if place and not place.exists():
            yield None
            return
        try:
            finished = Finished(self.database_url)
        except (InfrastructureError, UserError) as error:
            self.troubles[DATABASE] = str(error)
            yield None
            return
        with contextlib.closing(finished):
            yield finished


def _size(stamp: str) -> int:
    """Bytes of a review of this host; 0 for others."""
    return int(stamp.rpartition(".")[2]) if stamp.rpartition(".")[2].isdecimal() else 0


def _slice(name: str, stamp: str, number: int) -> str:
    return key_of(name, stamp, number, _SLICE_VERSION)


def _only(run: Run, number: int) -> Run:
    """The run without the files of the other patches."""
    if run.series is None:
        return run
    patches = tuple(
        one if one.number == number else replace(one, files=(), diff="")
        for one in run.series.patches
    )
    return replace(run, series=replace(run.series, patches=patches))
