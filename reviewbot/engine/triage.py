# SPDX-License-Identifier: GPL-2.0-only
"""The read model of pending series: what lists and reviews brought since the last look, then the rows.

Terminal, b4 and web pages show what :meth:`Triage.items` returns; nothing else reads triage's tables.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.triage import Mark
from reviewbot.model.watch import WatchState
from reviewbot.parse.digest import digest
from reviewbot.parse.footprint import clashes
from reviewbot.parse.mail import parse_mail
from reviewbot.stages.known import by_series
from reviewbot.stages.triage_card import card
from reviewbot.stages.triage_review import VERSION, reviewed
from reviewbot.stages.triage_standing import item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reviewbot.engine.store import Store
    from reviewbot.model.triage import Card, Digest, Item, Reviewed
    from reviewbot.model.watch import Arrival
    from reviewbot.tools.desk import Desk
    from reviewbot.tools.finished import Finished
    from reviewbot.tools.ledger import Ledger
    from reviewbot.tools.source import Source

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u
_SHORTEST = 5
_THREADS = 500
_SEASON = 180 * 86400.0
"""Series further apart than this are not compared: the older one is not going to be applied."""
_RUN = "run"
_JOB = "job"


class Triage:
    """``sources`` are the ledger's lists, to read again what the ledger does not keep."""

    def __init__(
        self,
        ledger: Ledger,
        desk: Desk,
        sources: Mapping[str, Source],
        *,
        me: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = ledger
        self.desk = desk
        self.sources = sources
        self.me = me
        self.clock = clock

    # Taking in what is new.

    def read_mails(self) -> dict[str, str]:
        """Read what came to the lists since the last time; returns troubles by list."""
        troubles: dict[str, str] = {}
        begin = self.desk.oldest()
        for name, source in self.sources.items():
            batches = source.batches(self.desk.cursor(name), begin)
            while True:
                try:
                    batch = next(batches, None)
                except UserError as error:
                    troubles[name] = str(error)
                    break
                if batch is None:
                    break
                self.desk.keep(name, _digests(batch.arrivals), batch.cursor)
        return troubles

    def read_runs(self, store: Store) -> None:
        """Take in this host's reviews that are new or have changed."""
        known = self.desk.stamps(_RUN)
        for name, written in store.stamps().items():
            stamp = f"{VERSION} {written}"
            if known.get(name) != stamp:
                try:
                    found = reviewed(store.read(name), origin=_RUN)
                except (InfrastructureError, UserError):
                    found = None  # of another release, or half written
                self.desk.put_review(_RUN, name, stamp, found)

    def read_finished(self, finished: Finished) -> None:
        """Take in the reviews of all hosts."""
        from reviewbot.tools.finished import DamagedReviewError  # noqa: PLC0415 - brings SQLAlchemy

        known = self.desk.stamps(_JOB)
        for name, run, moment in finished.index():
            stamp = f"{VERSION} {run} {moment}"
            if known.get(name) != stamp:
                try:
                    whole = finished.get(name)
                except DamagedReviewError:
                    whole = None  # or of another release: one row must not hide the others
                kept = reviewed(whole, origin=name) if whole else None
                self.desk.put_review(_JOB, name, stamp, kept)

    def refresh(self) -> None:
        """Write the cards of threads that changed, give names, compare pending series."""
        stale = self.desk.stale()
        for start in range(0, len(stale), _THREADS):
            self._write_cards(stale[start : start + _THREADS])
        if stale:
            with self.desk.transaction():
                self.desk.give_names(_names(self.desk.chains(), self.desk.names()))
                self.desk.put_clashes(self._clashes())

    def _write_cards(self, threads: list[int]) -> None:
        with self.desk.transaction():
            gathering = self.ledger.threads(threads)
            series = self.ledger.series_of(threads)
            home = {name: number for number, mails in gathering.threads.items() for name in mails}
            digests = self.desk.digests(home)
            made = []
            for one in series:
                number = home.get(one.message_id)
                if number is not None:
                    card_ = card(one, gathering.threads[number], digests)
                    made.append((number, card_, _is_pending(card_)))
            self.desk.put(threads, made)

    def _clashes(self) -> dict[str, dict[str, tuple[str, ...]]]:
        pending = self.desk.cards(pending=True)
        newest = max((one.sent for one in pending), default=0.0)
        recent = [one for one in pending if one.sent > newest - _SEASON]
        return clashes(
            {
                one.message_id: self.desk.footprints(patch.message_id for patch in one.patches)
                for one in recent
            }
        )

    # Looking.

    def items(self, *, everything: bool = False) -> list[Item]:
        """A row for every series, of its newest revision; with ``everything`` for every revision."""
        chains = self.desk.chains()
        older = _older(chains)
        names, marks = self.desk.names(), self.desk.marks()
        reviews, meetings = self.reviews(), self.desk.clashes()
        now = self.clock()
        found = []
        for one in self.desk.cards(tips=not everything):
            before = _before(one.message_id, older)
            notes = [(one.revision, one.message_id), *before]
            found.append(
                item(
                    one,
                    name=names.get(one.message_id, ""),
                    now=now,
                    me=self.me,
                    review=reviews.get(one.message_id),
                    mark=marks.get(one.message_id),
                    notes=tuple(
                        (revision, marks[name].note)
                        for revision, name in notes
                        if name in marks and marks[name].note
                    ),
                    history=tuple(before),
                    clashes=meetings.get(one.message_id, ()),
                )
            )
        return found

    def reviews(self) -> dict[str, Reviewed]:
        """What reviews say of each revision, by message-id."""
        return by_series(self.desk.all_reviews())

    def find(self, name: str) -> Item:
        """The newest revision of a series, by short id, the start of one, or a message-id of any revision.

        Raises UserError for none or several.
        """
        wanted = name.strip().strip("<>")
        rows = self.items()
        exact = [one for one in rows if wanted in _names_of(one)]
        found = exact or [one for one in rows if one.id.startswith(wanted.lower())]
        if not wanted or not found:
            raise UserError(f"no series {name[:80]!a}; 'reviewbot triage --all' shows all ids")
        if len(found) > 1:
            some = ", ".join(one.id for one in found[:4])
            raise UserError(f"{name!a} could be {some}; type more of it")
        return found[0]

    def mark(
        self,
        row: Item,
        *,
        note: str | None = None,
        snoozed: float | None = None,
        done: bool | None = None,
    ) -> None:
        """Change what the user said of a revision; None leaves it as it is."""
        old = row.mark or Mark(message_id=row.card.message_id)
        done_at = old.done if done is None else (self.clock() if done else 0.0)
        self.desk.put_mark(
            Mark(
                message_id=old.message_id,
                note=old.note if note is None else note,
                snoozed=old.snoozed if snoozed is None else snoozed,
                done=done_at,
            )
        )


def _digests(arrivals: Iterable[Arrival]) -> list[tuple[str, str, Digest]]:
    found = []
    for arrival in arrivals:
        try:
            mail = parse_mail(arrival.raw)
            found.append((mail.message_id[:250], arrival.origin, digest(mail)))
        except Exception:  # noqa: BLE001, S112 - the ledger says which mails could not be read
            continue
    return found


def _is_pending(one: Card) -> bool:
    hidden = (WatchState.SUPERSEDED, WatchState.SKIPPED)
    return one.state not in hidden and not one.taken


def _older(chains: Iterable[tuple[str, int, str]]) -> dict[str, list[tuple[int, int, str]]]:
    """Message-id -> what it supersedes: (revision, place in time, message-id)."""
    found: dict[str, list[tuple[int, int, str]]] = {}
    for place, (message_id, revision, following) in enumerate(chains):
        if following:
            found.setdefault(following, []).append((revision, place, message_id))
    return found


def _before(
    message_id: str, older: Mapping[str, list[tuple[int, int, str]]]
) -> list[tuple[int, str]]:
    """Older revisions of a series, newest first."""
    found: list[tuple[int, int, str]] = []
    seen = {message_id}
    ring = [message_id]
    while ring:
        new = [one for at in ring for one in older.get(at, ()) if one[2] not in seen]
        ring = [one[2] for one in new]
        seen.update(ring)
        found += new
    return [(revision, name) for revision, _, name in sorted(found, reverse=True)]


def _names_of(row: Item) -> set[str]:
    patches = {one.message_id for one in row.card.patches}
    return {row.id, row.card.message_id, *patches, *(name for _, name in row.history)}


def _names(chains: list[tuple[str, int, str]], known: Mapping[str, str]) -> dict[str, str]:
    """Names for series that have none: all revisions share that of the oldest that has one."""
    root: dict[str, str] = {}
    taken = set(known.values())

    def find(one: str) -> str:
        while root.setdefault(one, one) != one:
            root[one] = root[root[one]]
            one = root[one]
        return one

    for message_id, _, following in chains:  # oldest first, so that the root is the oldest
        top = find(message_id)
        if following:
            root[find(following)] = top
    named: dict[str, str] = {}
    for message_id, _, _ in chains:
        if message_id in known:
            named.setdefault(find(message_id), known[message_id])
    found = {}
    for message_id, _, _ in chains:
        if message_id not in known:
            top = find(message_id)
            if top not in named:
                named[top] = _fresh(top, taken)
                taken.add(named[top])
            found[message_id] = named[top]
    return found


def _fresh(message_id: str, taken: set[str]) -> str:
    number = int.from_bytes(hashlib.sha256(message_id.encode()).digest()[:8], "big")
    whole = ""
    while len(whole) < 12:
        whole += _ALPHABET[number % 32]
        number //= 32
    return next(whole[:length] for length in range(_SHORTEST, 13) if whole[:length] not in taken)
