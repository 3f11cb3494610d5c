# SPDX-License-Identifier: GPL-2.0-only
"""What selftests did on bases, run by run: the history that tells a flaky test from a regression.

One SQLite file in the cache, in write-ahead mode, which any number of processes use.  It is an aid: when
it is damaged it begins anew.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING

from reviewbot.model.baseline import Baseline, Past
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.status import Status
from reviewbot.tools import database
from reviewbot.tools.sqlite_file import BUSY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from reviewbot.model.test import TestResult

NAME = "baselines.sqlite"
KEPT_DAYS = 180.0
KEPT_OF_ONE = 500
"""Rows of one test in one place.  With 1,000 tests that is half a million rows, about 150 MB."""
RELATED_DAYS = 60.0
"""A relative's runs say something of today's base for so long: about one development cycle."""
READ_OF_ONE = 200
_VERSION = 1
_TABLES = """
    CREATE TABLE IF NOT EXISTS runs (
        test TEXT NOT NULL, place TEXT NOT NULL, tree TEXT NOT NULL, config TEXT NOT NULL,
        program TEXT NOT NULL, status TEXT NOT NULL, assertion TEXT NOT NULL, seconds REAL NOT NULL,
        at REAL NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS runs_by_test ON runs (place, test, at);
    CREATE INDEX IF NOT EXISTS runs_by_time ON runs (at);
"""
# A lock held too long, a full disk, a read-only cache, another release's columns.
_NO_DAMAGE = (sqlite3.OperationalError, sqlite3.IntegrityError, sqlite3.ProgrammingError)
_SURPLUS = """
    DELETE FROM runs WHERE place = ?1 AND test = ?2 AND rowid <= (
        SELECT rowid FROM runs WHERE place = ?1 AND test = ?2
        ORDER BY at DESC, rowid DESC LIMIT 1 OFFSET ?3)
"""
_NEWEST = """
    SELECT seconds FROM runs WHERE place = ? AND test = ? AND status != 'crash'
    ORDER BY at DESC, rowid DESC LIMIT 1
"""
_SAME = "tree = ?3 AND config = ?4"
_PAST = """
    SELECT test, tree, program, status, assertion, seconds, at, {same}, config FROM runs
    WHERE place = ?1 AND test = ?2 AND at >= ?5 AND ({which})
    ORDER BY at DESC, rowid DESC LIMIT ?6
"""


class Baselines:
    """The history below ``root``, the cache's directory.  Every method opens the file for itself.

    They raise InfrastructureError when it cannot be used; whoever asks goes on without history.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / NAME

    def record(
        self,
        baseline: Baseline,
        results: Iterable[TestResult],
        programs: Mapping[str, str],
        *,
        now: float | None = None,
    ) -> None:
        """Add a row for each result; those of our own failures (INFRA) say nothing and are left out.

        ``programs`` are digests of the test binaries by name.
        """
        moment = time.time() if now is None else now
        rows = [
            (
                *(one.name, baseline.place, baseline.tree, baseline.config),
                *(programs.get(one.name, ""), one.status.value, one.assertion, one.seconds, moment),
            )
            for one in results
            if one.status is not Status.INFRA
        ]
        if not rows:
            return
        with self._opened() as connection, connection:
            connection.executemany("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            connection.execute("DELETE FROM runs WHERE at < ?", (moment - KEPT_DAYS * 86400,))
            for row in rows:
                connection.execute(_SURPLUS, (baseline.place, row[0], KEPT_OF_ONE))

    def past(
        self, baseline: Baseline, tests: Sequence[str], *, now: float | None = None
    ) -> dict[str, tuple[Past, ...]]:
        """Earlier runs of each test, newest first: on this base, then on its relatives.

        At most :data:`READ_OF_ONE` of either kind.  A test that never ran has no entry.
        """
        moment = time.time() if now is None else now
        found: dict[str, tuple[Past, ...]] = {}
        kinds = ((_SAME, 0.0), (f"NOT ({_SAME})", moment - RELATED_DAYS * 86400))
        with self._opened() as connection:
            for test in dict.fromkeys(tests):
                rows: list[Past] = []
                for which, since in kinds:
                    words = (baseline.place, test, baseline.tree, baseline.config)
                    query = _PAST.format(same=_SAME, which=which)
                    answer = connection.execute(query, (*words, since, READ_OF_ONE))
                    rows += [_past(row) for row in answer]
                if rows:
                    found[test] = tuple(rows)
        return found

    def seconds(self, place: str, tests: Sequence[str]) -> dict[str, float]:
        """How long each test took when it last ran in ``place``, on whichever base."""
        found = {}
        with self._opened() as connection:
            for test in dict.fromkeys(tests):
                row = connection.execute(_NEWEST, (place, test)).fetchone()
                if row is not None:
                    found[test] = float(row[0])
        return found

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A connection to the file.  A damaged one is set aside, so that the next call begins anew."""
        try:
            with contextlib.closing(self._connect()) as connection:
                yield connection
        except UserError as error:  # cannot be made: no reason to end a review
            raise InfrastructureError(str(error)) from error
        except sqlite3.Error as error:
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, _NO_DAMAGE):
                self._set_aside()
            raise InfrastructureError(f"{self.path}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        if not self.path.is_file():
            database.prepare(f"sqlite:///{self.path}")
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS)
        try:
            # A lost transaction costs a few rows of history and leaves no damage in WAL mode.
            connection.execute("PRAGMA synchronous = NORMAL")
            if connection.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
                connection.executescript(f"{_TABLES} PRAGMA user_version = {_VERSION};")
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self) -> None:
        """Two processes may find the damage at once: the second finds a file that is whole."""
        for suffix in ("", "-wal", "-shm"):
            place = self.path.with_name(self.path.name + suffix)
            with contextlib.suppress(FileNotFoundError):
                place.rename(place.with_name(f"{place.name}.damaged"))


def _past(row: tuple[str, str, str, str, str, float, float, int, str]) -> Past:
    test, tree, program, status, assertion, seconds, at, here, config = row
    return Past(
        test=test,
        tree=tree,
        program=program,
        status=Status(status),
        assertion=assertion,
        seconds=seconds,
        when=at,
        here=bool(here),
        config=config,
    )
