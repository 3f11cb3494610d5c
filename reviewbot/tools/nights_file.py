# SPDX-License-Identifier: GPL-2.0-only
"""The SQLite file of nightly sweeps: its tables, its transactions, and the texts that many rows share.

A name or a detail is kept once and rows hold its number: a year of ten branches is half a million
results of a few hundred tests.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
from typing import TYPE_CHECKING, Any

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools.cache import writing
from reviewbot.tools.sqlite_file import BUSY_SECONDS, transaction, write_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

STEPS = (
    """
    CREATE TABLE words (number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE things (
        number INTEGER PRIMARY KEY, kind TEXT NOT NULL, name INTEGER NOT NULL REFERENCES words,
        UNIQUE (name, kind)
    ) STRICT;
    CREATE TABLE nights (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
        branch INTEGER NOT NULL REFERENCES words, tip TEXT NOT NULL, tree_id TEXT NOT NULL,
        started REAL NOT NULL, ended REAL NOT NULL, ending TEXT NOT NULL,
        machine INTEGER NOT NULL REFERENCES words, merge_base TEXT NOT NULL, same_as TEXT NOT NULL,
        missing TEXT NOT NULL
    ) STRICT;
    CREATE INDEX nights_by_branch ON nights (branch, started);
    CREATE TABLE results (
        night INTEGER NOT NULL REFERENCES nights ON DELETE CASCADE, place INTEGER NOT NULL,
        thing INTEGER NOT NULL REFERENCES things, status TEXT NOT NULL,
        detail INTEGER NOT NULL REFERENCES words, seconds REAL NOT NULL, runs INTEGER NOT NULL,
        failures INTEGER NOT NULL, log ANY, PRIMARY KEY (night, place)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX results_by_thing ON results (thing, night);
    CREATE TABLE measures (
        night INTEGER NOT NULL REFERENCES nights ON DELETE CASCADE, place INTEGER NOT NULL,
        name INTEGER NOT NULL REFERENCES words, unit INTEGER NOT NULL REFERENCES words,
        samples BLOB NOT NULL, PRIMARY KEY (night, place)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE movements (
        night INTEGER PRIMARY KEY REFERENCES nights ON DELETE CASCADE, value BLOB NOT NULL
    ) STRICT;
    CREATE TABLE bisections (
        night INTEGER NOT NULL REFERENCES nights ON DELETE CASCADE,
        thing INTEGER NOT NULL REFERENCES things, value BLOB NOT NULL, PRIMARY KEY (night, thing)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE regressions (
        number INTEGER PRIMARY KEY AUTOINCREMENT, branch INTEGER NOT NULL REFERENCES words,
        thing INTEGER NOT NULL REFERENCES things, detail INTEGER NOT NULL REFERENCES words,
        opened TEXT NOT NULL, since REAL NOT NULL, good TEXT NOT NULL, bad TEXT NOT NULL,
        standing TEXT NOT NULL, closed TEXT NOT NULL, until REAL NOT NULL, why TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX regressions_open ON regressions (branch, thing) WHERE standing = 'open';
    CREATE TABLE said (what TEXT PRIMARY KEY, message_id TEXT NOT NULL, made REAL NOT NULL) STRICT;
    """,
    """
    CREATE TABLE ranges (
        night INTEGER PRIMARY KEY REFERENCES nights ON DELETE CASCADE, value BLOB NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE logs (digest TEXT PRIMARY KEY, made REAL NOT NULL, data BLOB NOT NULL) STRICT;
    CREATE INDEX logs_by_age ON logs (made);
    """,
)
"""How a file of an older release gets today's tables.  A step that was released is never edited."""

_TEXT = 4000
"""Characters of one text: a detail is one line for people."""


class NightsFile:
    """The file ``path``, made when missing, for its owner and those of its group that the umask lets in.

    Worker, bot and web pages are three users of one group (deploy/systemd).

    Several processes and threads may use it; a reader never waits for a writer (write-ahead log).  Every
    method raises UserError for a file that cannot be used, a full disk, or a file of a later release.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make(path)
        with self._explained():
            self._database = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._database.execute("PRAGMA auto_vacuum = INCREMENTAL")  # obeyed by a new file only
            write_ahead(self._database)
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("PRAGMA foreign_keys = ON")
            self._migrate()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _migrate(self) -> None:
        """Take the steps the file has not seen.  Two processes may do so at once."""
        if self._version() == len(STEPS):
            return
        with self.transaction():
            version = self._version()
            if version > len(STEPS):
                raise UserError(
                    f"{self.path}: written by a newer reviewbot (schema {version}, this one knows "
                    f"{len(STEPS)}); update reviewbot"
                )
            for number, step in enumerate(STEPS[version:], start=version + 1):
                for statement in step.split(";\n"):
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA user_version = {number}")

    def _version(self) -> int:
        return int(self._database.execute("PRAGMA user_version").fetchone()[0])

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within, or nothing.  One within another is part of it."""
        with self._lock, self._explained():
            if self._database.in_transaction:
                yield
                return
            with transaction(self._database):
                yield

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise InfrastructureError(f"{self.path}: {error}") from error
        except sqlite3.Error as error:
            said = str(error)
            way_out = (
                "free some space"
                if "disk" in said
                else "look at who may use it, or move it away: nights are then counted anew"
            )
            raise UserError(f"{self.path}: {said}; {way_out}") from error

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self._lock, self._explained():
            return self._database.execute(query, values).fetchall()

    def _write(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        self._database.executemany(statement, rows)

    # Texts that many rows share.

    def _word(self, text: str) -> int:
        """The number of a text, which is made when missing (within a transaction)."""
        kept = text[:_TEXT].encode("utf-8", "replace").decode()
        found = self._database.execute(
            "SELECT number FROM words WHERE text = ?", (kept,)
        ).fetchone()
        if found:
            return int(found[0])
        return self._database.execute("INSERT INTO words (text) VALUES (?)", (kept,)).lastrowid or 0

    def _thing(self, kind: str, name: str) -> int:
        """The number of what a result is about, which is made when missing (within a transaction)."""
        word = self._word(name)
        found = self._database.execute(
            "SELECT number FROM things WHERE name = ? AND kind = ?", (word, kind)
        ).fetchone()
        if found:
            return int(found[0])
        made = self._database.execute("INSERT INTO things (kind, name) VALUES (?, ?)", (kind, word))
        return made.lastrowid or 0


def _make(path: Path) -> None:
    """An empty file with the mode that SQLite then gives to the files beside it.

    The services run as users of one group with a umask of 0002 and share the state directory.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o660)
    except FileExistsError:
        return
    try:
        if not os.fstat(handle).st_mode & stat.S_IWGRP:
            os.fchmod(handle, 0o600)
    finally:
        os.close(handle)
