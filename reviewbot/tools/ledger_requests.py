# SPDX-License-Identifier: GPL-2.0-only
"""The ledger's mails that may hold commands: kept whole until somebody has looked at them.

All others are kept without their text, so these are written down by the watcher, in the transaction that
counts the mail as read.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from reviewbot.model.command import Request

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

RAW_LIMIT = 512 * 1024
"""Bytes.  vger takes no mail over 400 kB, and one cut short has no good signature."""

_ID_LIMIT = 250
_WHY_LIMIT = 300


class Requests:
    """The table ``requests`` of the ledger's file; ``explained`` turns its errors into ours."""

    def __init__(
        self,
        database: sqlite3.Connection,
        explained: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._database = database
        self._explained = explained

    def keep(self, source: str, mails: Iterable[tuple[str, bytes]], received: float) -> None:
        """Write down (message-id, raw mail) that came over ``source``; larger ones are left out.

        Part of the caller's transaction.  The same bytes over the same list are kept once.
        """
        self._database.executemany(
            "INSERT OR IGNORE INTO requests"
            " (message_id, list, digest, received, due, outcome, raw) VALUES (?, ?, ?, ?, ?, '', ?)",
            [
                (name[:_ID_LIMIT], source, hashlib.sha256(raw).hexdigest(), received, received, raw)
                for name, raw in mails
                if len(raw) <= RAW_LIMIT
            ],
        )

    def untaken(self, now: float, limit: int = 50) -> list[Request]:
        """Those nobody has acted on, whose time has come, the first first."""
        with self._explained():
            rows = self._database.execute(
                "SELECT number, message_id, list, received, raw FROM requests"
                " WHERE taken IS NULL AND due <= ? ORDER BY number LIMIT ?",
                (now, limit),
            ).fetchall()
        return [
            Request(number=number, message_id=name, source=source, received=received, raw=raw)
            for number, name, source, received, raw in rows
        ]

    def postpone(self, number: int, due: float, why: str) -> None:
        """Look at it again at ``due``, seconds since 1970."""
        self._write("UPDATE requests SET due = ?, outcome = ? WHERE number = ?", due, why, number)

    def take(self, number: int, now: float, why: str) -> None:
        """Say what became of it; its text is not needed any more."""
        statement = "UPDATE requests SET taken = ?, outcome = ?, raw = x'' WHERE number = ?"
        self._write(statement, now, why, number)

    def _write(self, statement: str, moment: float, why: str, number: int) -> None:
        with self._explained():
            self._database.execute(statement, (moment, why[:_WHY_LIMIT], number))
