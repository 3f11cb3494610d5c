# SPDX-License-Identifier: GPL-2.0-only
"""What every file of SQLite shares: write-ahead mode, how long to wait for others, and transactions."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY_SECONDS = 30.0
"""How long to wait for others that write, everywhere."""


def write_ahead(connection: sqlite3.Connection) -> None:
    """Turn the file to write-ahead mode: readers then never wait for a writer, nor it for them.

    Whoever does the same is waited for, as SQLite itself does not.

    Two that both read cannot both become the writer (sqlite.org/c3ref/busy_handler.html).  It was seen
    when the guests of base and series made a new history together, once in twenty reviews.  Raises sqlite3.Error.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written within, or nothing.  ``connection`` is one without an isolation level.

    It waits for others that write at its beginning, so that what is read within is still true when it is
    written.  Raises sqlite3.Error.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # SQLite itself takes back what a full disk stops
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def statements(script: str) -> list[str]:
    """The statements of a script; executescript would commit on its own."""
    found, open_ = [], ""
    for piece in script.split(";")[:-1]:
        open_ += piece + ";"
        if sqlite3.complete_statement(open_):
            found.append(open_.strip())
            open_ = ""
    return found
