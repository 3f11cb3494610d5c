# SPDX-License-Identifier: GPL-2.0-only
"""Triage's tables: digests of mails, cards of series, names, clashes, reviews, and what the user said.

They are in the ledger's file, over a connection of their own: the bot may be at work meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

import msgspec

from reviewbot.model.codec import to_json
from reviewbot.model.errors import UserError
from reviewbot.model.triage import Card, Clash, Digest, Mark, Reviewed, Touched
from reviewbot.tools.desk_schema import migrate
from reviewbot.tools.sqlite_file import BUSY_SECONDS, transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_DIGEST = msgspec.json.Decoder(Digest)
_CARD = msgspec.json.Decoder(Card)
_MARK = msgspec.json.Decoder(Mark)
_REVIEWED = msgspec.json.Decoder(Reviewed)


class Desk:
    """The file ``path`` of a tools.ledger.Ledger, which has made it.  Methods raise UserError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            self._database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            migrate(self._database, str(path))
            # All but marks can be made again, and a lost transaction leaves no damage in WAL mode.
            self._database.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within, or nothing."""
        with self._explained(), transaction(self._database):
            yield

    # Digests, and how far the lists were read for them.

    def cursor(self, source: str) -> str | None:
        """Where reading the list goes on; None when it was never read."""
        rows = self._rows("SELECT cursor FROM desk_sources WHERE list = ?", source)
        return str(rows[0][0]) if rows else None

    def oldest(self) -> float:
        """When the ledger's first mail was received, in seconds since 1970; 0 when it is empty."""
        return float(self._rows("SELECT coalesce(min(received), 0) FROM mails")[0][0])

    def keep(self, source: str, found: Iterable[tuple[str, str, Digest]], cursor: str) -> None:
        """Write (message-id, origin, digest) of mails of a list, and where reading it goes on."""
        rows = [(name, source, origin, to_json(one)) for name, origin, one in found]
        with self.transaction():
            self._database.executemany(
                "INSERT OR IGNORE INTO desk_digests VALUES (?, ?, ?, ?)", rows
            )
            self._database.execute(
                "INSERT OR IGNORE INTO desk_stale SELECT thread FROM mails"
                " WHERE message_id IN (SELECT value FROM json_each(?))",
                (json.dumps([row[0] for row in rows]),),
            )
            self._database.execute(
                "INSERT INTO desk_sources VALUES (?1, ?2)"
                " ON CONFLICT (list) DO UPDATE SET cursor = ?2",
                (source, cursor),
            )

    def digests(self, names: Iterable[str]) -> dict[str, Digest]:
        """Digests by message-id; mails that could not be read have none."""
        rows = self._rows(
            "SELECT message_id, value FROM desk_digests"
            " WHERE message_id IN (SELECT value FROM json_each(?))",
            json.dumps(list(names)),
        )
        return {str(name): _DIGEST.decode(data) for name, data in rows}

    def origins(self, names: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Message-id -> (list, where in it the mail is)."""
        rows = self._rows(
            "SELECT message_id, list, origin FROM desk_digests"
            " WHERE message_id IN (SELECT value FROM json_each(?))",
            json.dumps(list(names)),
        )
        return {str(name): (str(source), str(origin)) for name, source, origin in rows}

    def thread_of(self, message_id: str) -> list[str]:
        """Message-ids of all mails in a mail's thread, the first first."""
        rows = self._rows(
            "SELECT message_id FROM mails WHERE thread ="
            " (SELECT thread FROM mails WHERE message_id = ?) ORDER BY received, message_id",
            message_id,
        )
        return [str(row[0]) for row in rows]

    # Cards.

    def stale(self) -> list[int]:
        """Threads whose cards are out of date."""
        return [int(row[0]) for row in self._rows("SELECT thread FROM desk_stale ORDER BY thread")]

    def put(self, threads: Iterable[int], cards: Iterable[tuple[int, Card, bool]]) -> None:
        """Make these (thread, card, pending) the only cards of ``threads``; within a transaction."""
        numbers = json.dumps(list(threads))
        for table in ("desk_cards", "desk_stale"):
            self._database.execute(
                f"DELETE FROM {table} WHERE thread IN (SELECT value FROM json_each(?))",  # noqa: S608 - ours
                (numbers,),
            )
        self._database.executemany(
            "INSERT OR REPLACE INTO desk_cards VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (one.message_id, thread, one.revision, one.sent, one.next, pending, to_json(one))
                for thread, one, pending in cards
            ],
        )

    def cards(self, *, pending: bool = False, tips: bool = False) -> list[Card]:
        """All of them, newest first.

        ``pending`` leaves out what is superseded, skipped or applied, ``tips`` all but the newest revisions.
        """
        rules = ["pending"] if pending else []
        rules += ["next NOT IN (SELECT message_id FROM desk_cards)"] if tips else []
        where = f" WHERE {' AND '.join(rules)}" if rules else ""
        rows = self._rows(f"SELECT value FROM desk_cards{where} ORDER BY sent DESC, message_id")  # noqa: S608 - ours
        return [_CARD.decode(data) for (data,) in rows]

    def card(self, message_id: str) -> Card | None:
        """One of them."""
        rows = self._rows("SELECT value FROM desk_cards WHERE message_id = ?", message_id)
        return _CARD.decode(rows[0][0]) if rows else None

    def chains(self) -> list[tuple[str, int, str]]:
        """(message-id, revision, message-id of the next) of all cards, oldest first."""
        rows = self._rows("SELECT message_id, revision, next FROM desk_cards ORDER BY sent")
        return [(str(name), int(revision), str(next_)) for name, revision, next_ in rows]

    # Names.

    def names(self) -> dict[str, str]:
        """Short name by message-id."""
        return {str(a): str(b) for a, b in self._rows("SELECT message_id, name FROM desk_names")}

    def give_names(self, names: Mapping[str, str]) -> None:
        """Names once given are never taken back; within a transaction."""
        self._database.executemany(
            "INSERT OR IGNORE INTO desk_names VALUES (?, ?)", list(names.items())
        )

    # Clashes.

    def footprints(self, names: Iterable[str]) -> list[Touched]:
        """What some patches change."""
        return [one for digest in self.digests(names).values() for one in digest.touched]

    def put_clashes(self, clashes: Mapping[str, Mapping[str, tuple[str, ...]]]) -> None:
        """Replace all of them; within a transaction."""
        self._database.execute("DELETE FROM desk_clashes")
        self._database.executemany(
            "INSERT INTO desk_clashes VALUES (?, ?, ?)",
            [
                (one, other, json.dumps(paths))
                for one, others in clashes.items()
                for other, paths in others.items()
            ],
        )

    def clashes(self) -> dict[str, tuple[Clash, ...]]:
        """By message-id of the series."""
        found: dict[str, list[Clash]] = {}
        for one, other, paths in self._rows("SELECT one, other, paths FROM desk_clashes"):
            clash = Clash(message_id=str(other), paths=tuple(json.loads(paths)))
            found.setdefault(str(one), []).append(clash)
        return {name: tuple(some) for name, some in found.items()}

    # What the user said.

    def marks(self) -> dict[str, Mark]:
        """By message-id."""
        rows = self._rows("SELECT message_id, value FROM desk_marks")
        return {str(name): _MARK.decode(data) for name, data in rows}

    def put_mark(self, mark: Mark) -> None:
        """Replace what was said of one revision."""
        with self._explained():
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute(
                "INSERT OR REPLACE INTO desk_marks VALUES (?, ?)",
                (mark.message_id, to_json(mark)),
            )
            self._database.execute("PRAGMA synchronous = NORMAL")

    # Reviews.

    def stamps(self, origin: str) -> dict[str, str]:
        """What is known of where, by run: its stamp, to see whether it changed."""
        rows = self._rows("SELECT run, stamp FROM desk_reviews WHERE origin = ?", origin)
        return {str(run): str(stamp) for run, stamp in rows}

    def put_review(self, origin: str, run: str, stamp: str, review: Reviewed | None) -> None:
        """Remember a review; None that there is nothing to be seen of it."""
        with self._explained():
            self._database.execute(
                "INSERT OR REPLACE INTO desk_reviews VALUES (?, ?, ?, ?, ?, ?)",
                (
                    origin,
                    run,
                    stamp,
                    review.series if review else "",
                    review.made if review else 0.0,
                    to_json(review) if review else b"",
                ),
            )

    def all_reviews(self) -> list[Reviewed]:
        """Every review of a series that is remembered, the newest first."""
        rows = self._rows("SELECT value FROM desk_reviews WHERE series != '' ORDER BY made DESC")
        return [_REVIEWED.decode(data) for (data,) in rows]

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._explained():
            return self._database.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UserError(
                f"{self.path}: cannot be used: {error}; if it is damaged, move it away: lists are then read "
                "anew, but notes are lost"
            ) from error
