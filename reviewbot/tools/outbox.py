# SPDX-License-Identifier: GPL-2.0-only
"""The outbox: one row a mail, moved from state to state by compare-and-set.

Whoever moves a row from READY to SENDING sends the mail, nobody else.  The same Message-ID is never
entered twice, so that the same report about the same revision is sent once whoever asks.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from reviewbot.model.codec import from_json, to_json
from reviewbot.model.mail import Mail
from reviewbot.model.outbox import Entry, EntryState, Kind, Sent
from reviewbot.tools import database

if TYPE_CHECKING:
    from collections.abc import Sequence

_TABLE = (
    "CREATE TABLE reviewbot_outbox (message_id TEXT NOT NULL PRIMARY KEY, inbox TEXT NOT NULL,"
    " series TEXT NOT NULL, author TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,"
    " created DOUBLE PRECISION NOT NULL, due DOUBLE PRECISION NOT NULL,"
    " changed DOUBLE PRECISION NOT NULL, note TEXT NOT NULL, mail TEXT NOT NULL)"
)
_MUTED = (
    "CREATE TABLE reviewbot_muted (name TEXT NOT NULL PRIMARY KEY, who TEXT NOT NULL,"
    " since DOUBLE PRECISION NOT NULL)"
)
_STEPS = (
    (
        _TABLE,
        _MUTED,
        "CREATE INDEX reviewbot_outbox_state ON reviewbot_outbox (state, due)",
        "CREATE INDEX reviewbot_outbox_series ON reviewbot_outbox (series)",
    ),
)
_TEXT = ("message_id", "inbox", "series", "author", "kind", "state", "note", "mail")
_TIMES = ("created", "due", "changed")
_ROWS = sa.table("reviewbot_outbox", *(sa.column(name) for name in (*_TEXT, *_TIMES)))
_C = _ROWS.c
_MUTES = sa.table("reviewbot_muted", sa.column("name"), sa.column("who"), sa.column("since"))


class Outbox:
    """The table.  Raises UserError or InfrastructureError when the database is not there."""

    def __init__(self, url: str) -> None:
        database.prepare(url)
        self._engine = database.tables(url, "outbox", _STEPS)

    def add(self, entry: Entry) -> bool:
        """Enter a mail; False when one with its Message-ID is there, whatever became of it."""
        now = time.time()
        row = {
            **{name: str(getattr(entry, name)) for name in ("inbox", "series", "author", "note")},
            "message_id": entry.message_id,
            "kind": entry.kind.value,
            "state": entry.state.value,
            "created": entry.created or now,
            "due": entry.due,
            "changed": entry.changed or now,
            "mail": to_json(entry.mail).decode(),
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(_ROWS).values(row))
        except sa.exc.IntegrityError:
            return False
        return True

    def get(self, message_id: str) -> Entry | None:
        """The mail with this Message-ID."""
        found = self._entries(sa.select(_ROWS).where(_C.message_id == message_id))
        return found[0] if found else None

    def entries(
        self,
        states: Sequence[EntryState] = (),
        *,
        inbox: str = "",
        series: str = "",
        limit: int = 1000,
    ) -> list[Entry]:
        """Mails in these states (none: any), of a list or a series when given; the newest first."""
        query = sa.select(_ROWS).order_by(_C.created.desc(), _C.message_id).limit(limit)
        if inbox:
            query = query.where(_C.inbox == inbox)
        if series:
            query = query.where(_C.series == series)
        if states:
            query = query.where(_C.state.in_([state.value for state in states]))
        return self._entries(query)

    def due(self, now: float, *, limit: int = 100) -> list[Entry]:
        """What may be sent now, the longest due first."""
        waiting = sa.select(_ROWS).where(_C.state == EntryState.READY.value, _C.due <= now)
        return self._entries(waiting.order_by(_C.due, _C.created, _C.message_id).limit(limit))

    def move(
        self,
        message_id: str,
        to: EntryState,
        *,
        when: Sequence[EntryState],
        note: str = "",
        due: float | None = None,
    ) -> bool:
        """Compare and set: True for the one caller whose ``when`` still held.

        ``due`` leaves the row's own in place when it is None.
        """
        values = {"state": to.value, "note": note, "changed": time.time()}
        if due is not None:
            values["due"] = due
        change = sa.update(_ROWS).values(values)
        mine = (_C.message_id == message_id, _C.state.in_([state.value for state in when]))
        with self._engine.begin() as connection:
            return connection.execute(change.where(*mine)).rowcount == 1

    def annotate(self, message_id: str, note: str) -> None:
        """Write a note beside a mail; nothing else changes, its times neither."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(_ROWS).values(note=note).where(_C.message_id == message_id)
            )

    def sent_since(self, moment: float) -> list[Sent]:
        """Every mail that was sent, or may have been, after ``moment``, in order."""
        counted = [EntryState.SENT.value, EntryState.SENDING.value]
        query = sa.select(_C.inbox, _C.author, _C.series, _C.changed).order_by(_C.changed)
        query = query.where(_C.state.in_(counted), _C.changed > moment)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            Sent(inbox=str(inbox), author=str(author), series=str(series), when=float(when))
            for inbox, author, series, when in rows
        ]

    def mute(self, name: str, who: str) -> None:
        """No more mail to an address, or in a thread (a message-id); ``who`` said so."""
        row = {"name": name.lower(), "who": who, "since": time.time()}
        with contextlib.suppress(sa.exc.IntegrityError), self._engine.begin() as connection:
            connection.execute(sa.insert(_MUTES).values(row))

    def unmute(self, name: str) -> bool:
        """Take that back; False when it was not muted."""
        with self._engine.begin() as connection:
            gone = connection.execute(sa.delete(_MUTES).where(_MUTES.c.name == name.lower()))
        return gone.rowcount == 1

    def muted(self) -> dict[str, str]:
        """Addresses and message-ids that get no mail, and who said so."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_MUTES.c.name, _MUTES.c.who)).all()
        return {str(name): str(who) for name, who in rows}

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _entries(self, query: sa.Select[Any]) -> list[Entry]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            Entry(
                mail=from_json(str(row["mail"]).encode(), Mail),
                **{name: str(row[name]) for name in ("inbox", "series", "author", "note")},
                kind=Kind(row["kind"]),
                state=EntryState(row["state"]),
                created=float(row["created"]),
                due=float(row["due"]),
                changed=float(row["changed"]),
            )
            for row in rows
        ]
