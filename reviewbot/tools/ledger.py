# SPDX-License-Identifier: GPL-2.0-only
"""What the bot knows of its lists, in one SQLite file: mails, series, events, and where it got to.

The position in a list is written in the same transaction as what was read up to there, so that
however we end, nothing is lost and nothing is counted twice.
"""

import contextlib
import fcntl
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from reviewbot.model.codec import to_json
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.watch import EventKind, Refused, WatchedSeries, WatchEvent, WatchState
from reviewbot.parse.envelope import Envelope
from reviewbot.parse.gather import Gathering
from reviewbot.parse.lineage import lineage_keys
from reviewbot.tools.cache import writing
from reviewbot.tools.ledger_requests import Requests
from reviewbot.tools.ledger_schema import migrate
from reviewbot.tools.sqlite_file import BUSY_SECONDS, transaction, write_ahead

_ENVELOPE = msgspec.json.Decoder(Envelope)
_SERIES = msgspec.json.Decoder(WatchedSeries)
_WAITING = WatchState.WAITING
_FULL = ("disk is full", "disk I/O error")
# At most 200 revisions are looked at under one name: nobody posts more, flooders do.
_KIN = """
    SELECT value FROM series WHERE message_id IN (SELECT message_id FROM (
        SELECT lineage.message_id,
               row_number() OVER (PARTITION BY key ORDER BY sent DESC, message_id) AS place
        FROM lineage JOIN series USING (message_id)
        WHERE key IN (SELECT value FROM json_each(?)))
    WHERE place <= 200)
"""
_MOVES = (
    "UPDATE mails SET thread = ? WHERE thread = ?",
    "UPDATE links SET thread = ? WHERE thread = ?",
    "UPDATE series SET thread = ? WHERE thread = ?",
)


class Ledger:
    """The file ``path``, made when missing; ":memory:" leaves nothing behind.

    Every method raises UserError for a file that cannot be used or a full disk.
    """

    def __init__(self, path: Path | str) -> None:
        self.name = str(path)
        with self._explained():
            if isinstance(path, Path):
                with writing(path):
                    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                    # As the umask allows: SQLite would keep our group from writing.
                    if not path.exists():
                        path.touch()
            self._database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            write_ahead(self._database)
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("PRAGMA foreign_keys = ON")
            migrate(self._database, self.name)
        self.requests = Requests(self._database, self._explained)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def copy(self) -> "Ledger":
        """All of it in memory, to try things out."""
        other = Ledger(":memory:")
        with self._explained():
            self._database.backup(other._database)
        return other

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second bot away from the same file.  Raises UserError when there is one."""
        place = Path(f"{self.name}.lock")
        with writing(place), place.open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"{self.name}: another 'reviewbot bot' is using it; wait for it, or stop it"
                ) from error
            yield

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within, or nothing."""
        with self._explained(), transaction(self._database):
            yield

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            said = str(error)
            if any(words in said for words in _FULL):
                raise UserError(f"{self.name}: {said}; free some space") from error
            if isinstance(error, sqlite3.OperationalError):
                raise UserError(f"{self.name}: cannot be used: {said}") from error
            if type(error) is sqlite3.DatabaseError:
                raise UserError(
                    f"{self.name}: {said}; move it away, the lists are then read anew"
                ) from error
            raise InfrastructureError(f"{self.name}: {said}") from error

    # Where we are in each list.

    def cursor(self, source: str) -> str | None:
        """Where reading the list goes on; None when it was never read."""
        with self._explained():
            row = self._database.execute(
                "SELECT cursor FROM sources WHERE list = ?", (source,)
            ).fetchone()
        return str(row[0]) if row else None

    def set_cursor(self, source: str, cursor: str, now: float) -> None:
        """Go on there the next time."""
        self._database.execute(
            "INSERT INTO sources VALUES (?1, ?2, ?3)"
            " ON CONFLICT (list) DO UPDATE SET cursor = ?2, polled = ?3",
            (source, cursor, now),
        )

    def refuse(self, source: str, refused: Iterable[Refused], now: float) -> None:
        """Remember mails that were not read, and why."""
        self._database.executemany(
            "INSERT OR IGNORE INTO refused VALUES (?, ?, ?, ?)",
            [(source, one.origin, one.reason, now) for one in refused],
        )

    def refused(self) -> dict[str, int]:
        """How many mails were not read, by reason."""
        rows = self._database.execute("SELECT reason, count(*) FROM refused GROUP BY reason")
        return {str(reason): int(count) for reason, count in rows}

    # Mails and threads.

    def gathering(self, links: Iterable[str]) -> Gathering:
        """The threads that mails with these links belong to, ready to grow."""
        rows = self._database.execute(
            "SELECT name, thread FROM links WHERE name IN (SELECT value FROM json_each(?))",
            (_list(links),),
        )
        known = {str(name): int(thread) for name, thread in rows}
        last = self._number("SELECT coalesce(max(thread), 0) FROM links")
        return Gathering(known, self._threads(known.values()), last + 1)

    def threads(self, numbers: Iterable[int]) -> Gathering:
        """Those threads, to be looked at again."""
        gathering = Gathering({}, self._threads(numbers))
        gathering.changed.update(gathering.threads)
        return gathering

    def _threads(self, numbers: Iterable[int]) -> dict[int, list[Envelope]]:
        wanted = sorted(set(numbers))
        found: dict[int, list[Envelope]] = {number: [] for number in wanted}
        rows = self._database.execute(
            "SELECT thread, envelope FROM mails WHERE thread IN (SELECT value FROM json_each(?))",
            (_list(wanted),),
        )
        for thread, data in rows:
            found[int(thread)].append(_ENVELOPE.decode(data))
        return found

    def save_mails(self, gathering: Gathering) -> None:
        """Write the mails that are new, and which threads became one."""
        moved = [(gathering.find(number), number) for number in gathering.absorbed]
        for statement in _MOVES:
            self._database.executemany(statement, moved)
        self._database.executemany(
            "INSERT OR REPLACE INTO mails VALUES (?, ?, ?, ?)",
            [
                (kept.message_id, number, kept.received, to_json(kept))
                for number, kept in gathering.news()
            ],
        )
        self._database.executemany(
            "INSERT OR REPLACE INTO links VALUES (?, ?)",
            [(name, gathering.find(number)) for name, number in gathering.fresh.items()],
        )

    def count_mails(self) -> int:
        """How many mails are known."""
        return self._number("SELECT count(*) FROM mails")

    # Series.

    def series(self) -> list[WatchedSeries]:
        """All of them, oldest first."""
        return self._decoded("SELECT value FROM series ORDER BY sent, message_id")

    def series_of(self, threads: Iterable[int]) -> list[WatchedSeries]:
        """Those of some threads."""
        return self._decoded(
            "SELECT value FROM series WHERE thread IN (SELECT value FROM json_each(?))",
            _list(threads),
        )

    def find(self, message_id: str) -> WatchedSeries | None:
        """The series with that message-id, as it stands now."""
        found = self._decoded("SELECT value FROM series WHERE message_id = ?", message_id)
        return found[0] if found else None

    def around(self, message_id: str) -> list[WatchedSeries]:
        """All series of the thread that a mail is in, known by name or only by mails that refer to it."""
        return self._decoded(
            "SELECT value FROM series WHERE thread = (SELECT thread FROM links WHERE name = ?)",
            f"m {message_id}",
        )

    def kin(self, keys: Iterable[str]) -> list[WatchedSeries]:
        """Series that have one of the keys of parse.lineage."""
        return self._decoded(_KIN, _list(keys))

    def replace_series(
        self, threads: Iterable[int], series: Iterable[tuple[int, WatchedSeries]]
    ) -> None:
        """Make these the only series of ``threads``; each comes with its thread."""
        self._database.execute(
            "DELETE FROM series WHERE thread IN (SELECT value FROM json_each(?))", (_list(threads),)
        )
        rows = list(series)
        self._database.executemany(
            "INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (one.message_id, thread, one.state, one.own_state is _WAITING, one.due, one.sent, to_json(one))
                for thread, one in rows
            ],
        )  # fmt: skip
        self._database.executemany(
            "INSERT OR IGNORE INTO lineage VALUES (?, ?)",
            [(key, one.message_id) for _, one in rows for key in lineage_keys(one)],
        )

    def update_series(self, series: Iterable[WatchedSeries]) -> None:
        """Write series whose mails are the same as before."""
        self._database.executemany(
            "UPDATE series SET state = ?, value = ? WHERE message_id = ?",
            [(one.state.value, to_json(one), one.message_id) for one in series],
        )

    def overdue(self, now: float) -> list[int]:
        """Threads in which something was waited for long enough."""
        rows = self._database.execute(
            "SELECT DISTINCT thread FROM series WHERE waiting AND due <= ?", (now,)
        )
        return [int(thread) for (thread,) in rows]

    # Events.

    def tell(
        self, events: Iterable[tuple[EventKind, WatchedSeries, str]], now: float
    ) -> list[WatchEvent]:
        """Write down what happened, to be taken by whoever acts on it."""
        told = []
        for kind, series, before in events:
            row = self._database.execute(
                "INSERT INTO events (made, value) VALUES (?, ?)", (now, b"")
            )
            number = int(row.lastrowid or 0)
            event = WatchEvent(number=number, kind=kind, series=series, before=before)
            self._database.execute(
                "UPDATE events SET value = ? WHERE number = ?", (to_json(event), number)
            )
            told.append(event)
        return told

    def untaken(self, limit: int = 1000) -> list[WatchEvent]:
        """Events nobody has acted on, in order."""
        with self._explained():
            rows = self._database.execute(
                "SELECT value FROM events WHERE taken IS NULL ORDER BY number LIMIT ?", (limit,)
            )
            return [msgspec.json.decode(data, type=WatchEvent) for (data,) in rows]

    def take(self, numbers: Iterable[int], now: float) -> None:
        """Say that these events were acted on."""
        with self.transaction():
            self._database.execute(
                "UPDATE events SET taken = ? WHERE number IN (SELECT value FROM json_each(?))",
                (now, _list(numbers)),
            )

    def _number(self, query: str) -> int:
        with self._explained():
            return int(self._database.execute(query).fetchone()[0])

    def _decoded(self, query: str, *values: object) -> list[WatchedSeries]:
        with self._explained():
            return [_SERIES.decode(data) for (data,) in self._database.execute(query, values)]


def _list(values: Iterable[object]) -> str:
    return json.dumps(list(values))
