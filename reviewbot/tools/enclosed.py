# SPDX-License-Identifier: GPL-2.0-only
"""Raw mails of series that have a job, in the shared database: a worker then needs no archive.

A private list has none at all, and what is asked of a public one tells others what we look at.
"""

import time
import zlib
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from reviewbot.model.errors import InfrastructureError
from reviewbot.tools import database

LIMIT = 16 << 20
"""Bytes of all mails of a series.  One of 150 patches has some three megabytes."""
KEEP_SECONDS = 14 * 86400.0
"""After this nobody asks for another review of the same revision."""
_PACKED = 2 * LIMIT  # msgpack adds five bytes a mail; more than this is damage
_TABLE = (
    "CREATE TABLE reviewbot_enclosed (source TEXT NOT NULL, series TEXT NOT NULL,"
    " kept DOUBLE PRECISION NOT NULL, mails {bytes} NOT NULL, PRIMARY KEY (source, series))"
)
_STEPS = ((_TABLE, "CREATE INDEX reviewbot_enclosed_time ON reviewbot_enclosed (kept)"),)


class Enclosed:
    """The table: one row a series and list.  Raises UserError or InfrastructureError."""

    def __init__(self, url: str) -> None:
        database.prepare(url)
        self._engine = database.tables(url, "enclosed", _STEPS)

    def put(self, source: str, series: str, mails: Sequence[bytes]) -> bool:
        """Keep the mails, in place of those that are there; False when they are over LIMIT."""
        if not mails or sum(map(len, mails)) > LIMIT:
            return False
        row = {
            "source": source,
            "series": series,
            "kept": time.time(),
            "mails": zlib.compress(msgspec.msgpack.encode(list(mails)), 6),
        }
        with self._engine.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO reviewbot_enclosed (source, series, kept, mails)"
                    " VALUES (:source, :series, :kept, :mails) ON CONFLICT (source, series)"
                    " DO UPDATE SET kept = excluded.kept, mails = excluded.mails"
                ),
                row,
            )
        return True

    def get(self, source: str, series: str) -> tuple[bytes, ...]:
        """The mails; none when they are not there (any more)."""
        query = sa.text(
            "SELECT mails FROM reviewbot_enclosed WHERE source = :source AND series = :series"
        )
        with self._engine.connect() as connection:
            data = connection.execute(query, {"source": source, "series": series}).scalar()
        return () if data is None else _unpacked(bytes(data))

    def drop(self, source: str, series: str) -> None:
        """Nobody needs them any more."""
        statement = sa.text(
            "DELETE FROM reviewbot_enclosed WHERE source = :source AND series = :series"
        )
        with self._engine.begin() as connection:
            connection.execute(statement, {"source": source, "series": series})

    def expire(self, now: float) -> int:
        """Drop what is older than KEEP_SECONDS at ``now``; return how many series that were."""
        statement = sa.text("DELETE FROM reviewbot_enclosed WHERE kept < :before")
        with self._engine.begin() as connection:
            return connection.execute(statement, {"before": now - KEEP_SECONDS}).rowcount

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _unpacked(data: bytes) -> tuple[bytes, ...]:
    inflate = zlib.decompressobj()
    try:
        packed = inflate.decompress(data, _PACKED)
        if not inflate.eof:
            raise InfrastructureError("the enclosed mails are damaged, or larger than 32 MiB")
        return tuple(msgspec.msgpack.decode(packed, type=list[bytes]))
    except (zlib.error, msgspec.DecodeError) as error:
        raise InfrastructureError(f"the enclosed mails are damaged: {error}") from error
