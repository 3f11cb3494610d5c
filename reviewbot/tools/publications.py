# SPDX-License-Identifier: GPL-2.0-only
"""What waits to be told to other services: one row a check or submission, moved by compare-and-set.

Telling twice is harmless for both services (stable ids, and we look before we post), so a row whose
sender died is free again when its lease has run out.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from reviewbot.model.publication import Publication, PublicationState, Service
from reviewbot.tools import database

if TYPE_CHECKING:
    from collections.abc import Sequence

LEASE_SECONDS = 600.0
"""How long a sender has for one row; a good deal more than its time limits."""

_TABLE = (
    "CREATE TABLE reviewbot_publication (name TEXT NOT NULL PRIMARY KEY, service TEXT NOT NULL,"
    " job TEXT NOT NULL, about TEXT NOT NULL, content TEXT NOT NULL, state TEXT NOT NULL,"
    " version INTEGER NOT NULL, tries INTEGER NOT NULL, due DOUBLE PRECISION NOT NULL,"
    " changed DOUBLE PRECISION NOT NULL, note TEXT NOT NULL)"
)
_STEPS = (
    (
        _TABLE,
        "CREATE INDEX reviewbot_publication_state ON reviewbot_publication (state, due)",
        "CREATE INDEX reviewbot_publication_job ON reviewbot_publication (job)",
    ),
)
_NAMES = ("name", "service", "job", "about", "content", "state", "version", "tries", "due")
_ROWS = sa.table("reviewbot_publication", *(sa.column(n) for n in (*_NAMES, "changed", "note")))
_C = _ROWS.c
_OPEN = (PublicationState.WAITING.value, PublicationState.SENDING.value)


class Publications:
    """The table.  Raises UserError or InfrastructureError when the database is not there."""

    def __init__(self, url: str) -> None:
        database.prepare(url)
        self._engine = database.tables(url, "publications", _STEPS)

    def add(self, entry: Publication) -> bool:
        """Enter a row that waits; False when there is one of its name, whatever became of it."""
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(_ROWS).values(_row(entry)))
        except sa.exc.IntegrityError:
            return False
        return True

    def replace(self, entry: Publication) -> bool:
        """Enter a row, or give the row of its name another content, to be told from now on.

        False when it says the same already.  A sender that is at work on the row finishes first.
        """
        if self.add(entry):
            return True
        row = _row(entry)
        sending = _C.state == PublicationState.SENDING.value
        change = sa.update(_ROWS).values(
            content=row["content"],
            job=row["job"],
            version=_C.version + 1,
            tries=0,
            changed=row["changed"],
            note="",
            state=sa.case((sending, _C.state), else_=PublicationState.WAITING.value),
            due=sa.case((sending, _C.due), else_=row["due"]),
        )
        with self._engine.begin() as connection:
            done = connection.execute(
                change.where(_C.name == entry.name, _C.content != row["content"])
            )
        return done.rowcount == 1

    def take(self, service: Service, now: float) -> Publication | None:
        """The row that is due longest, for this caller alone until its lease runs out."""
        due = sa.select(_ROWS).where(
            _C.service == service.value, _C.state.in_(_OPEN), _C.due <= now
        )
        while found := self._entries(due.order_by(_C.due, _C.name).limit(1)):
            mine = sa.update(_ROWS).where(
                _C.name == found[0].name,
                _C.version == found[0].version,
                _C.state == found[0].state.value,
                _C.due == found[0].due,
            )
            taken = replace(
                found[0],
                state=PublicationState.SENDING,
                due=now + LEASE_SECONDS,
                tries=found[0].tries + 1,
            )
            lease = {"state": taken.state.value, "due": taken.due, "tries": taken.tries}
            with self._engine.begin() as connection:
                if connection.execute(mine.values(lease)).rowcount == 1:
                    return taken
        return None

    def settle(
        self,
        taken: Publication,
        state: PublicationState,
        *,
        note: str = "",
        due: float = 0.0,
        content: bytes | None = None,
    ) -> bool:
        """Write what became of a row that was taken; ``content`` is put into it in place of its own.

        False when its content was replaced meanwhile: it is due again then, with the new content.
        """
        values = {"state": state.value, "note": note, "due": due, "changed": time.time()}
        if content is not None:
            values["content"] = content.decode()
        mine = sa.update(_ROWS).where(
            _C.name == taken.name, _C.state == PublicationState.SENDING.value
        )
        with self._engine.begin() as connection:
            same = connection.execute(mine.values(values).where(_C.version == taken.version))
            if same.rowcount == 1:
                return True
            again = {"state": PublicationState.WAITING.value, "due": 0.0}
            connection.execute(mine.values(again).where(_C.version > taken.version))
        return False

    def get(self, name: str) -> Publication | None:
        """The row of this name."""
        found = self._entries(sa.select(_ROWS).where(_C.name == name))
        return found[0] if found else None

    def of_job(self, job: str) -> list[Publication]:
        """Everything that was or will be told about a job."""
        return self._entries(sa.select(_ROWS).where(_C.job == job).order_by(_C.name))

    def entries(
        self, states: Sequence[PublicationState] = (), *, limit: int = 1000
    ) -> list[Publication]:
        """Rows in these states (none: any), what changed last first."""
        query = sa.select(_ROWS).order_by(_C.changed.desc(), _C.name).limit(limit)
        if states:
            query = query.where(_C.state.in_([state.value for state in states]))
        return self._entries(query)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _entries(self, query: sa.Select[Any]) -> list[Publication]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            Publication(
                **{name: str(row[name]) for name in ("name", "job", "about", "note")},
                service=Service(row["service"]),
                content=str(row["content"]).encode(),
                state=PublicationState(row["state"]),
                version=int(row["version"]),
                tries=int(row["tries"]),
                due=float(row["due"]),
                changed=float(row["changed"]),
            )
            for row in rows
        ]


def _row(entry: Publication) -> dict[str, object]:
    now = time.time()
    return {
        "name": entry.name,
        "service": entry.service.value,
        "job": entry.job,
        "about": entry.about,
        "content": entry.content.decode(),
        "state": PublicationState.WAITING.value,
        "version": 1,
        "tries": 0,
        "due": entry.due or now,  # first come, first told
        "changed": entry.changed or now,
        "note": entry.note,
    }
