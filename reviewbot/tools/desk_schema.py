# SPDX-License-Identifier: GPL-2.0-only
"""Triage's own tables, in the file of the ledger: triggers tell it which threads changed.

As in tools.ledger_schema a step is never edited once it was released; ``desk_steps`` says which were taken.
"""

import sqlite3

from reviewbot.model.errors import UserError
from reviewbot.tools.sqlite_file import statements, transaction

STEPS = (
    """
    CREATE TABLE desk_sources (list TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT;
    CREATE TABLE desk_digests (
        message_id TEXT PRIMARY KEY, list TEXT NOT NULL, origin TEXT NOT NULL, value BLOB NOT NULL
    ) STRICT;
    CREATE TABLE desk_stale (thread INTEGER PRIMARY KEY) STRICT;
    INSERT INTO desk_stale SELECT DISTINCT thread FROM series;
    CREATE TRIGGER desk_mail AFTER INSERT ON mails BEGIN
        INSERT OR IGNORE INTO desk_stale VALUES (new.thread);
    END;
    CREATE TRIGGER desk_series AFTER INSERT ON series BEGIN
        INSERT OR IGNORE INTO desk_stale VALUES (new.thread);
    END;
    CREATE TRIGGER desk_change AFTER UPDATE ON series BEGIN
        INSERT OR IGNORE INTO desk_stale VALUES (old.thread), (new.thread);
    END;
    CREATE TRIGGER desk_loss AFTER DELETE ON series BEGIN
        INSERT OR IGNORE INTO desk_stale VALUES (old.thread);
    END;
    CREATE TABLE desk_cards (
        message_id TEXT PRIMARY KEY, thread INTEGER NOT NULL, revision INTEGER NOT NULL,
        sent REAL NOT NULL, next TEXT NOT NULL, pending INTEGER NOT NULL, value BLOB NOT NULL
    ) STRICT;
    CREATE INDEX desk_cards_by_thread ON desk_cards (thread);
    CREATE TABLE desk_names (message_id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
    CREATE INDEX desk_names_by_name ON desk_names (name);
    CREATE TABLE desk_clashes (
        one TEXT NOT NULL, other TEXT NOT NULL, paths TEXT NOT NULL, PRIMARY KEY (one, other)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE desk_marks (message_id TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
    CREATE TABLE desk_reviews (
        origin TEXT NOT NULL, run TEXT NOT NULL, stamp TEXT NOT NULL, series TEXT NOT NULL,
        made REAL NOT NULL, value BLOB NOT NULL, PRIMARY KEY (origin, run)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX desk_reviews_by_series ON desk_reviews (series, made);
    """,
)


def migrate(database: sqlite3.Connection, name: str) -> None:
    """Take the steps the file has not seen, each whole or not at all; the ledger's come first.

    Two commands may do so at once.  Raises UserError for a file of a newer release.
    """
    known = database.execute(
        "SELECT count(*) FROM sqlite_master WHERE name = 'desk_steps'"
    ).fetchone()[0]
    version = _version(database) if known else 0
    if version > len(STEPS):
        raise UserError(
            f"{name}: triage's tables were written by a newer reviewbot ({version}, this one knows "
            f"{len(STEPS)}); update reviewbot"
        )
    if version == len(STEPS):
        return
    with transaction(database):
        database.execute(
            "CREATE TABLE IF NOT EXISTS desk_steps (version INTEGER PRIMARY KEY) STRICT"
        )
        version = _version(database)
        for number, step in enumerate(STEPS[version:], start=version + 1):
            for statement in statements(step):
                database.execute(statement)
            database.execute("INSERT INTO desk_steps VALUES (?)", (number,))


def _version(database: sqlite3.Connection) -> int:
    (found,) = database.execute("SELECT coalesce(max(version), 0) FROM desk_steps").fetchone()
    return int(found)
