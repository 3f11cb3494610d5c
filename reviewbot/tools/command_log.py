# SPDX-License-Identifier: GPL-2.0-only
"""Commands that were carried out: one row each, so that none is carried out twice.

A row is written before anything is done.  Who dies after that finds it CLAIMED and does it again, which
does no harm: a job, a mail and an objection have names of their own.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from reviewbot.model.command import Carried, Claim, Standing
from reviewbot.tools import database

if TYPE_CHECKING:
    from collections.abc import Sequence

_TABLE = (
    "CREATE TABLE reviewbot_commands (message_id TEXT NOT NULL, line INTEGER NOT NULL,"
    " seal TEXT NOT NULL UNIQUE, who TEXT NOT NULL, how TEXT NOT NULL, said TEXT NOT NULL,"
    " series TEXT NOT NULL, inbox TEXT NOT NULL, standing TEXT NOT NULL, outcome TEXT NOT NULL,"
    " job TEXT NOT NULL, answer TEXT NOT NULL, made DOUBLE PRECISION NOT NULL,"
    " PRIMARY KEY (message_id, line))"
)
_STEPS = (
    (
        _TABLE,
        "CREATE INDEX reviewbot_commands_who ON reviewbot_commands (who, made)",
        "CREATE INDEX reviewbot_commands_standing ON reviewbot_commands (standing)",
    ),
)
_NAMES = (
    "message_id", "line", "seal", "who", "how", "said", "series", "inbox", "standing", "outcome",
    "job", "answer", "made",
)  # fmt: skip
_ROWS = sa.table("reviewbot_commands", *(sa.column(name) for name in _NAMES))
_C = _ROWS.c


class CommandLog:
    """The table.  Raises UserError or InfrastructureError when the database is not there."""

    def __init__(self, url: str) -> None:
        database.prepare(url)
        self._engine = database.tables(url, "commands", _STEPS)

    def claim(self, wanted: Carried) -> Claim:
        """Be the one who carries ``wanted`` out; also after a crash in the middle of it.

        REPLAYED when the same signed words came under another Message-ID.
        """
        row = {name: getattr(wanted, name) for name in _NAMES}
        row |= {"standing": Standing.CLAIMED.value, "made": wanted.made or time.time()}
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(_ROWS).values(row))
        except sa.exc.IntegrityError:
            known = self.get(wanted.message_id, wanted.line)
            if known is None or known.seal != wanted.seal:
                return Claim.REPLAYED
            return Claim.MINE if known.standing is Standing.CLAIMED else Claim.DONE
        return Claim.MINE

    def settle(
        self, message_id: str, line: int, standing: Standing, *, outcome: str, job: str, answer: str
    ) -> None:
        """Write down what became of a command."""
        values = {"standing": standing.value, "outcome": outcome, "job": job, "answer": answer}
        change = sa.update(_ROWS).values(values)
        with self._engine.begin() as connection:
            connection.execute(change.where(_C.message_id == message_id, _C.line == line))

    def get(self, message_id: str, line: int) -> Carried | None:
        """One command."""
        query = sa.select(_ROWS).where(_C.message_id == message_id, _C.line == line)
        found = self._carried(query)
        return found[0] if found else None

    def waiting(self, limit: int = 100) -> Sequence[Carried]:
        """Commands whose review is not done yet, the first first."""
        query = sa.select(_ROWS).where(_C.standing == Standing.WAITING.value)
        return self._carried(query.order_by(_C.made, _C.message_id, _C.line).limit(limit))

    def all(self, limit: int = 1000) -> Sequence[Carried]:
        """Commands, the newest first."""
        query = sa.select(_ROWS).order_by(_C.made.desc(), _C.message_id, _C.line)
        return self._carried(query.limit(limit))

    def count(self, who: str, since: float) -> int:
        """How many commands somebody had carried out since then."""
        query = sa.select(sa.func.count()).select_from(_ROWS)
        with self._engine.connect() as connection:
            found = connection.execute(query.where(_C.who == who, _C.made > since)).scalar()
        return int(found or 0)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _carried(self, query: sa.Select[Any]) -> list[Carried]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            Carried(**{**row, "standing": Standing(row["standing"])})  # the columns are the fields
            for row in rows
        ]
