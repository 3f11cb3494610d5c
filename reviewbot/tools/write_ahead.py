# SPDX-License-Identifier: GPL-2.0-only
"""Write-ahead mode for a file of SQLite: readers never wait for a writer, nor it for them."""

import sqlite3
import time

BUSY_SECONDS = 30.0
"""How long to wait for others that write, everywhere."""


def write_ahead(connection: sqlite3.Connection) -> None:
    """Turn the file to write-ahead mode; wait for whoever does the same, as SQLite itself does not.

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
