# SPDX-License-Identifier: GPL-2.0-only
"""The tables of the ledger, and how a file written by an older release gets today's.

A step is never edited once it was released: add one below.  The file's ``user_version`` says how many
have been taken; the table ``migrations`` says when.
"""

import sqlite3
import time

from reviewbot.model.errors import UserError
from reviewbot.tools.sqlite_file import statements, transaction

STEPS = (
    """
    CREATE TABLE migrations (version INTEGER PRIMARY KEY, applied REAL NOT NULL) STRICT;
    CREATE TABLE sources (
        list TEXT PRIMARY KEY, cursor TEXT NOT NULL, polled REAL NOT NULL
    ) STRICT;
    CREATE TABLE mails (
        message_id TEXT PRIMARY KEY, thread INTEGER NOT NULL, received REAL NOT NULL,
        envelope BLOB NOT NULL
    ) STRICT;
    CREATE INDEX mails_by_thread ON mails (thread);
    CREATE TABLE links (
        name TEXT PRIMARY KEY, thread INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX links_by_thread ON links (thread);
    CREATE TABLE series (
        message_id TEXT PRIMARY KEY, thread INTEGER NOT NULL, state TEXT NOT NULL,
        waiting INTEGER NOT NULL, due REAL NOT NULL, sent REAL NOT NULL, value BLOB NOT NULL
    ) STRICT;
    CREATE INDEX series_by_thread ON series (thread);
    CREATE INDEX series_waiting ON series (due) WHERE waiting;
    CREATE TABLE lineage (
        key TEXT NOT NULL, message_id TEXT NOT NULL REFERENCES series ON DELETE CASCADE,
        PRIMARY KEY (key, message_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX lineage_by_series ON lineage (message_id);
    CREATE TABLE events (
        number INTEGER PRIMARY KEY AUTOINCREMENT, made REAL NOT NULL, taken REAL,
        value BLOB NOT NULL
    ) STRICT;
    CREATE INDEX events_untaken ON events (number) WHERE taken IS NULL;
    CREATE TABLE refused (
        list TEXT NOT NULL, origin TEXT NOT NULL, reason TEXT NOT NULL, seen REAL NOT NULL,
        PRIMARY KEY (list, origin)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE requests (
        number INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL, list TEXT NOT NULL,
        digest TEXT NOT NULL, received REAL NOT NULL, due REAL NOT NULL, taken REAL,
        outcome TEXT NOT NULL, raw BLOB NOT NULL, UNIQUE (list, digest)
    ) STRICT;
    CREATE INDEX requests_untaken ON requests (due) WHERE taken IS NULL;
    """,
)


def migrate(database: sqlite3.Connection, name: str) -> None:
    """Take the steps the file has not seen, all or none.  Two commands may do so at once.

    Raises UserError for a file of a newer release: its rows would be misread.
    """
    version = _version(database)
    if version > len(STEPS):
        raise UserError(
            f"{name}: written by a newer reviewbot (schema {version}, this one knows {len(STEPS)}); "
            "update reviewbot, or use the database of before"
        )
    if version == len(STEPS):
        return
    with transaction(database):
        version = _version(database)
        for number, step in enumerate(STEPS[version:], start=version + 1):
            for statement in statements(step):
                database.execute(statement)
            database.execute("INSERT INTO migrations VALUES (?, ?)", (number, time.time()))
            database.execute(f"PRAGMA user_version = {number}")


def _version(database: sqlite3.Connection) -> int:
    (found,) = database.execute("PRAGMA user_version").fetchone()
    return int(found)
