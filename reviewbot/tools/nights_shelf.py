# SPDX-License-Identifier: GPL-2.0-only
"""The store of nightly sweeps for who only reads: opened when it is there, and once."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from reviewbot.model.errors import ReviewbotError
from reviewbot.tools.nights import Nights
from reviewbot.tools.nights_logs import ends

if TYPE_CHECKING:
    from pathlib import Path

    from reviewbot.tools.cache import Cache

DIGEST = re.compile(r"[0-9a-f]{64}")
"""What the cache calls a blob; nothing else is looked for in the file system."""
LOG_LIMIT = 512 * 1024
"""Bytes of a console on a page: its first and last halves.  Who wants more has the machine."""


class NightsShelf:
    """The file ``path`` of a tools.nights.Nights, and logs in ``cache``.  For any thread."""

    def __init__(self, path: Path, cache: Cache) -> None:
        self.path = path
        self.cache = cache
        self._lock = threading.Lock()
        self._open: Nights | None = None

    def nights(self) -> Nights | None:
        """The store; None while there is no file.  Raises UserError for one that cannot be used."""
        with self._lock:
            if self._open is None and self.path.exists():
                self._open = Nights(self.path)
            return self._open

    def log(self, digest: str) -> str | None:
        """A console, its middle left out when it is long; None when it is not kept any more."""
        if not DIGEST.fullmatch(digest):
            return None
        data: bytes | None
        try:
            data = self.cache.get(digest)
        except (ReviewbotError, OSError):  # pruned, or another user's
            store = self.nights()
            data = store.log(digest) if store else None
        return None if data is None else ends(data, LOG_LIMIT // 2).decode("utf-8", "replace")
