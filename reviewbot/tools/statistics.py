# SPDX-License-Identifier: GPL-2.0-only
"""How often each rule was reported, and how often somebody said that it was wrong.

What a report says is written down when it is entered into the outbox, and counts once that mail is sent.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import sqlalchemy as sa

from reviewbot.model.command import SubjectKind, Tried
from reviewbot.tools import database
from reviewbot.tools.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewbot.model.command import Objection

_SAID = (
    "CREATE TABLE reviewbot_said (mail TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,"
    " finding TEXT NOT NULL, series TEXT NOT NULL, made DOUBLE PRECISION NOT NULL,"
    " PRIMARY KEY (mail, kind, name, finding))"
)
_OBJECTIONS = (
    "CREATE TABLE reviewbot_objections (message_id TEXT NOT NULL, line INTEGER NOT NULL,"
    " kind TEXT NOT NULL, name TEXT NOT NULL, series TEXT NOT NULL, who TEXT NOT NULL,"
    " by_author INTEGER NOT NULL, reason TEXT NOT NULL, made DOUBLE PRECISION NOT NULL,"
    " PRIMARY KEY (message_id, line, kind, name))"
)
_STEPS = (
    (
        _SAID,
        "CREATE INDEX reviewbot_said_series ON reviewbot_said (series)",
        _OBJECTIONS,
    ),
)
# SENDING: its sending was cut off, and whoever objects to it has read it.
_SENT = (
    "SELECT kind, name, finding, series FROM reviewbot_said WHERE mail IN"
    " (SELECT message_id FROM reviewbot_outbox WHERE state IN ('sent', 'sending'))"
)
_TRIED = (
    "SELECT said.kind, said.name, count(DISTINCT said.series || ' ' || said.finding),"  # noqa: S608
    " count(DISTINCT said.series), count(DISTINCT against.series),"
    " count(DISTINCT CASE WHEN against.others = 0 THEN against.series END)"
    f" FROM ({_SENT}) AS said LEFT JOIN"
    " (SELECT kind, name, series, sum(1 - by_author) AS others FROM reviewbot_objections"
    " GROUP BY kind, name, series) AS against"
    " ON against.kind = said.kind AND against.name = said.name AND against.series = said.series"
    " GROUP BY said.kind, said.name ORDER BY said.kind, said.name"
)


class Statistics:
    """The tables.  Raises UserError or InfrastructureError when the database is not there."""

    def __init__(self, url: str) -> None:
        Outbox(url).close()  # whose table says what was sent
        self._engine = database.tables(url, "statistics", _STEPS)

    def reported(
        self, mail: str, series: str, said: Iterable[tuple[SubjectKind, str, str]]
    ) -> None:
        """``mail`` of the outbox says this of ``series``: (kind, rule or test, which finding of it)."""
        now = time.time()
        rows = [
            {"mail": mail, "kind": kind.value, "name": name, "finding": finding, "series": series, "made": now}
            for kind, name, finding in dict.fromkeys(said)
        ]  # fmt: skip
        if not rows:
            return
        with self._engine.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO reviewbot_said (mail, kind, name, finding, series, made)"
                    " VALUES (:mail, :kind, :name, :finding, :series, :made)"
                    " ON CONFLICT (mail, kind, name, finding) DO NOTHING"
                ),
                rows,
            )

    def names(self, series: str, kind: SubjectKind) -> tuple[str, ...]:
        """The rules, or tests, that mails about ``series`` which were sent complain of."""
        query = (
            f"SELECT DISTINCT name FROM ({_SENT}) AS said WHERE series = :series AND kind = :kind"  # noqa: S608 - a constant
        )
        with self._engine.connect() as connection:
            rows = connection.execute(sa.text(query), {"series": series, "kind": kind.value})
            return tuple(sorted(str(name) for (name,) in rows))

    def object(self, objection: Objection) -> None:
        """Write an objection down, once."""
        names = (
            "message_id", "line", "kind", "name", "series", "who", "by_author", "reason", "made",
        )  # fmt: skip
        row = {name: getattr(objection, name) for name in names}
        row |= {"kind": objection.kind.value, "by_author": int(objection.by_author)}
        with self._engine.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO reviewbot_objections (message_id, line, kind, name, series, who,"
                    " by_author, reason, made) VALUES (:message_id, :line, :kind, :name, :series, :who,"
                    " :by_author, :reason, :made) ON CONFLICT (message_id, line, kind, name) DO NOTHING"
                ),
                row,
            )

    def tried(self) -> tuple[Tried, ...]:
        """Every rule and test that was reported, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.text(_TRIED)).all()
        return tuple(
            Tried(
                kind=SubjectKind(kind),
                name=str(name),
                findings=int(findings),
                series=int(series),
                objected=int(objected),
                by_author=int(by_author),
            )
            for kind, name, findings, series, objected, by_author in rows
        )

    def reasons(self, kind: SubjectKind, name: str) -> tuple[tuple[str, str, str], ...]:
        """(series, who, reason) of the objections to one rule or test, the newest first."""
        query = sa.text(
            "SELECT series, who, reason FROM reviewbot_objections WHERE kind = :kind AND name = :name"
            " ORDER BY made DESC, message_id, line"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query, {"kind": kind.value, "name": name}).all()
        return tuple((str(series), str(who), str(reason)) for series, who, reason in rows)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
