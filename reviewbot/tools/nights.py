# SPDX-License-Identifier: GPL-2.0-only
"""The store of nightly sweeps: ``Nights(state_directory() / "nights.sqlite")``.

Nights
    ``record(night)`` writes a night whole, or in the place of what was recorded under its id: do so when
    it starts (RUNNING), after every stage, and at its end.  What is cut off leaves the last one recorded.
    ``night(id)``, ``last(branch)``, ``nights(branch)`` read whole nights, ``heads(branch)`` nights without
    ``seen`` and ``measures`` (fast), ``holding(night)`` follows an UNCHANGED night to the one that ran.
    ``branches()`` names them all, ``abandoned()`` ends the RUNNING nights of a process that died.

History
    ``history(branch, kind, name)``: what earlier nights saw of one thing; ``histories(branch)``: of
    everything, by (kind, name), as stages.nightly.compare wants it.  UNCHANGED nights ran nothing and are not in it.  ``branch`` "" means all.

Failures (tools.nights_pursuit)
    ``keep_movements(night, compare(...))``: what the web pages and the feed show; ``keep_range``, ``keep_bisection``, ``bisections_of(night)``, ``bisections(branch)``; ``open_regression``,
    ``close_regression``, ``regressions(branch)``; ``say(what, message_id, now)`` and ``said(what)``, so
    that nothing is mailed twice.

Logs
    ``keep_log(digest, data, now)`` keeps the ends of what failed for whoever has not our cache.

``prune(before)`` takes away old nights.  Everything is a transaction; ``transaction()`` makes one of many.
Ids are file names and addresses: see :data:`ID`.  Times are seconds since the epoch.

Nights follow each other as they were first recorded, whatever they say of when they began: a clock that was
ahead for a night, or is set back, hides no later one.
"""

from __future__ import annotations

import json
import re
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

from reviewbot.model.sweep import Ending
from reviewbot.tools import nights_rows as rows_of
from reviewbot.tools.nights_logs import NightLogs
from reviewbot.tools.nights_pursuit import Pursuit
from reviewbot.tools.nights_totals import NightTotals

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reviewbot.model.sweep import Kind, Measure, Night, Past, Seen

ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,79}")
"""What a night may be called, in the store, in an address and as a file."""
ENDED = (Ending.COMPLETE, Ending.PARTIAL, Ending.UNCHANGED)
"""Endings of nights that say something about the branch."""

_BEFORE = "nights.number < coalesce((SELECT number FROM nights WHERE id = {}), 1 << 62)"
_USES = {
    "things": "SELECT thing FROM results UNION SELECT thing FROM bisections"
    " UNION SELECT thing FROM regressions",
    "words": "SELECT name FROM things UNION SELECT branch FROM nights UNION SELECT machine FROM nights"
    " UNION SELECT detail FROM results UNION SELECT name FROM measures UNION SELECT unit FROM measures"
    " UNION SELECT branch FROM regressions UNION SELECT detail FROM regressions",
}
"""What refers to a shared text, by table; things go first."""


class Nights(Pursuit, NightTotals, NightLogs):
    """See the module."""

    def record(self, night: Night) -> None:
        """Write the night, or write it anew.  Raises ValueError for an id that is no :data:`ID`."""
        if not ID.fullmatch(night.id):
            raise ValueError(f"{night.id!a} cannot be the id of a night")
        head = (
            night.commit, night.tree_id, night.started, night.ended, night.ending.value,
            night.merge_base, night.same_as, json.dumps(night.missing),
        )  # fmt: skip
        with self.transaction():
            words = (self._word(night.branch), self._word(night.machine))
            (number,) = self._database.execute(
                "INSERT INTO nights (id, branch, machine, tip, tree_id, started, ended, ending,"
                " merge_base, same_as, missing) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
                " ON CONFLICT (id) DO UPDATE SET branch = ?2, machine = ?3, tip = ?4, tree_id = ?5,"
                " started = ?6, ended = ?7, ending = ?8, merge_base = ?9, same_as = ?10, missing = ?11"
                " RETURNING number",
                (night.id, *words, *head),
            ).fetchone()
            self._database.execute("DELETE FROM results WHERE night = ?", (number,))
            self._database.execute("DELETE FROM measures WHERE night = ?", (number,))
            self._write(
                "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        number, place, self._thing(one.kind, one.name), one.status.value,
                        self._word(one.detail), one.seconds, one.runs, one.failures, rows_of.packed(one.log),
                    )
                    for place, one in enumerate(night.seen)
                ],
            )  # fmt: skip
            self._write(
                "INSERT INTO measures VALUES (?, ?, ?, ?, ?)",
                [
                    (number, place, self._word(one.name), self._word(one.unit),
                     array("d", one.samples).tobytes())
                    for place, one in enumerate(night.measures)
                ],
            )  # fmt: skip

    def night(self, name: str) -> Night | None:
        """The night of that id, whole."""
        found = self._whole(self._rows(f"{rows_of.HEAD} WHERE id = ?", name))
        return found[0] if found else None

    def last(
        self,
        branch: str,
        *,
        before: str = "",
        ending: Sequence[Ending] = ENDED,
        machine: str | None = None,
    ) -> Night | None:
        """The branch's newest night that ended so, whole; one from before the night of the id ``before``.

        With ``machine`` only one of that machine, as no other is comparable.
        """
        found = self._whole(self._heads(branch, 1, before, ending, machine))
        return found[0] if found else None

    def nights(
        self,
        branch: str,
        limit: int = 30,
        *,
        before: str = "",
        ending: Sequence[Ending] = ENDED,
        machine: str | None = None,
    ) -> tuple[Night, ...]:
        """The branch's newest nights, whole, the newest first; "" for all branches."""
        return self._whole(self._heads(branch, limit, before, ending, machine))

    def heads(
        self,
        branch: str,
        limit: int = 30,
        *,
        before: str = "",
        ending: Sequence[Ending] = tuple(Ending),
    ) -> tuple[Night, ...]:
        """Like :meth:`nights`, but ``seen`` and ``measures`` are left empty: fast."""
        return tuple(rows_of.night(row) for row in self._heads(branch, limit, before, ending, None))

    def following(self, branch: str, night: str) -> frozenset[str]:
        """Ids of the branch's nights from that one on; of all when it is not there."""
        rows = self._rows(
            "SELECT id FROM nights WHERE branch = (SELECT number FROM words WHERE text = ?)"
            " AND number >= coalesce((SELECT number FROM nights WHERE id = ?), 0)",
            branch,
            night,
        )
        return frozenset(str(name) for (name,) in rows)

    def holding(self, night: Night) -> Night:
        """The night whose results hold for ``night``: itself, or where ``same_as`` leads to."""
        for _ in range(
            4
        ):  # record() is given the night that ran; a loop would be a bug of its caller
            if night.ending is not Ending.UNCHANGED or not night.same_as:
                break
            night = self.night(night.same_as) or night
        return night

    def branches(self) -> tuple[str, ...]:
        """All branches of which there is a night, by name."""
        rows = self._rows("SELECT text FROM words WHERE number IN (SELECT branch FROM nights) ORDER BY text")  # fmt: skip
        return tuple(str(name) for (name,) in rows)

    def abandoned(self, branch: str, now: float, why: str) -> tuple[str, ...]:
        """Make the branch's RUNNING nights PARTIAL (our process died), saying why; returns their ids.

        To be called by who holds the branch's lock: nobody else's night is running then.
        """
        with self.transaction():
            found = self.nights(branch, 100, ending=(Ending.RUNNING,))
            for one in found:
                missing = (*one.missing, why)
                self.record(replace(one, ending=Ending.PARTIAL, ended=now, missing=missing))
        return tuple(one.id for one in found)

    def history(
        self,
        branch: str,
        kind: Kind,
        name: str,
        limit: int = 90,
        *,
        machine: str | None = None,
        before: str = "",
    ) -> tuple[Past, ...]:
        """What the newest ``limit`` nights that looked at it saw, the newest first."""
        rows = self._rows(
            f"{rows_of.PAST} WHERE thing = (SELECT things.number FROM things"  # noqa: S608 - constants
            " JOIN words ON words.number = name"
            " WHERE kind = ?1 AND text = ?2) AND (?3 = '' OR branch.text = ?3)"
            f" AND {_BEFORE.format('?4')} AND (?5 IS NULL OR machine.text = ?5)"
            " ORDER BY nights.number DESC LIMIT ?6",
            kind.value,
            name,
            branch,
            before,
            machine,
            limit,
        )
        return tuple(rows_of.past(row) for row in rows)

    def histories(
        self,
        branch: str,
        limit: int = 90,
        *,
        machine: str | None = None,
        before: str = "",
    ) -> dict[tuple[Kind, str], tuple[Past, ...]]:
        """What the branch's newest ``limit`` nights that ran saw of everything, each the newest first."""
        ran = (Ending.COMPLETE, Ending.PARTIAL)
        numbers = [row[0] for row in self._heads(branch, limit, before, ran, machine)]
        rows = self._rows(
            f"{rows_of.PAST} WHERE night IN (SELECT value FROM json_each(?))"  # noqa: S608 - constants
            " ORDER BY nights.number DESC",
            json.dumps(numbers),
        )
        found: dict[tuple[Kind, str], list[Past]] = {}
        for row in rows:
            found.setdefault(rows_of.thing(row), []).append(rows_of.past(row))
        return {thing: tuple(some) for thing, some in found.items()}

    def prune(self, before: float) -> int:
        """Take away nights that started before then; returns how many.

        What open regressions began with, what newer nights refer to, and each branch's last night that
        ran stay.  Room is given back to the file system.  Costs next to nothing when there is none to take away.
        """
        with self.transaction():
            gone = self._database.execute(
                "DELETE FROM nights WHERE started < ?"
                " AND id NOT IN (SELECT opened FROM regressions WHERE standing = 'open')"
                " AND id NOT IN (SELECT same_as FROM nights WHERE started >= ?)"
                " AND number NOT IN (SELECT number FROM (SELECT number, row_number() OVER"
                " (PARTITION BY branch ORDER BY number DESC) AS place FROM nights"
                " WHERE ending IN ('complete', 'partial')) WHERE place = 1)",
                (before, before),
            ).rowcount
            if not gone:
                return 0
            self._database.execute(
                "DELETE FROM regressions WHERE standing != 'open' AND until < ?", (before,)
            )
            self._database.execute("DELETE FROM said WHERE made < ?", (before,))
            for table, used in _USES.items():
                self._database.execute(f"DELETE FROM {table} WHERE number NOT IN ({used})")  # noqa: S608 - constants
        with self._lock, self._explained():
            self._database.execute("PRAGMA incremental_vacuum").fetchall()
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return int(gone)

    def _heads(
        self,
        branch: str,
        limit: int,
        before: str,
        endings: Sequence[Ending],
        machine: str | None,
    ) -> list[tuple[object, ...]]:
        return self._rows(
            f"{rows_of.HEAD} WHERE (?1 = '' OR branch ="  # noqa: S608 - constants
            " (SELECT number FROM words WHERE text = ?1))"
            f" AND {_BEFORE.format('?2')} AND ending IN (SELECT value FROM json_each(?3))"
            " AND (?4 IS NULL OR machine.text = ?4) ORDER BY nights.number DESC LIMIT ?5",
            branch,
            before,
            json.dumps([one.value for one in endings]),
            machine,
            limit,
        )

    def _whole(self, rows: Iterable[tuple[object, ...]]) -> tuple[Night, ...]:
        heads = {row[0]: row for row in rows}
        wanted = "WHERE night IN (SELECT value FROM json_each(?)) ORDER BY night, place"
        numbers = json.dumps(list(heads))
        seen: dict[object, list[Seen]] = {number: [] for number in heads}
        measures: dict[object, list[Measure]] = {number: [] for number in heads}
        for row in self._rows(f"{rows_of.SEEN} {wanted}", numbers):
            seen[row[0]].append(rows_of.seen(row))
        for row in self._rows(f"{rows_of.MEASURED} {wanted}", numbers):
            measures[row[0]].append(rows_of.measure(row))
        return tuple(
            rows_of.night(row, seen[number], measures[number]) for number, row in heads.items()
        )
