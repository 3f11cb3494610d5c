# SPDX-License-Identifier: GPL-2.0-only
"""Ends of the consoles of what failed: the web pages may run as another user, or elsewhere, without our cache."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from reviewbot.tools.nights_file import NightsFile

if TYPE_CHECKING:
    from reviewbot.model.sweep import Night
    from reviewbot.tools.cache import Cache

END = 16 * 1024
"""Bytes of the beginning and of the end that are kept; a failed assertion is at the end."""
KEPT_SECONDS = 90 * 86400.0
"""Later nobody looks: by then the failure is bisected.  Five failures a night on ten branches are 30 MB."""


def ends(data: bytes, end: int = END) -> bytes:
    """The first and last ``end`` bytes, and how many were left out between."""
    if len(data) <= 2 * end:
        return data
    left_out = f"\n\n[{len(data) - 2 * end} bytes are left out here]\n\n".encode()
    return data[:end] + left_out + data[-end:]


class NightLogs(NightsFile):
    """The part of :class:`reviewbot.tools.nights.Nights` that keeps logs."""

    def keep_log(self, digest: str, data: bytes, now: float) -> None:
        """Keep the ends of a log for KEPT_SECONDS; old ones go."""
        with self.transaction():
            self._database.execute(
                "INSERT INTO logs VALUES (?1, ?2, ?3) ON CONFLICT (digest) DO UPDATE SET made = ?2",
                (digest, now, zlib.compress(ends(data), 9)),
            )
            self._database.execute("DELETE FROM logs WHERE made < ?", (now - KEPT_SECONDS,))

    def log(self, digest: str) -> bytes | None:
        """What was kept of a log; None when nothing was, or not any more."""
        rows = self._rows("SELECT data FROM logs WHERE digest = ?", digest)
        return zlib.decompress(rows[0][0]) if rows else None


def keep_logs(nights: NightLogs, cache: Cache, night: Night) -> None:
    """Keep the logs of what failed in a night, as far as the cache has them still."""
    with nights.transaction():
        for one in night.seen:
            if one.status.bad and one.log and cache.has(one.log):
                nights.keep_log(one.log, cache.get(one.log), night.ended)
