# SPDX-License-Identifier: GPL-2.0-only
"""Finished reviews in the shared database: the host that mails them is seldom the one that made them."""

import time
import zlib
from collections.abc import Iterator

import sqlalchemy as sa

from reviewbot.model.codec import from_json, to_json
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.run import Run
from reviewbot.tools import database

_LIMIT = 256 << 20  # bytes of JSON: more is damage, not a review
# Bytes are BYTEA in PostgreSQL and BLOB in SQLite; the other types both spell alike.
_TABLE = (
    "CREATE TABLE reviewbot_finished (job TEXT NOT NULL PRIMARY KEY, run TEXT NOT NULL,"
    " finished DOUBLE PRECISION NOT NULL, review {bytes} NOT NULL, decision TEXT)"
)
_STEPS = ((_TABLE, "CREATE INDEX reviewbot_finished_time ON reviewbot_finished (finished)"),)


class Finished:
    """The table.  One row a job; a job that is made again replaces its row."""

    def __init__(self, url: str) -> None:
        """Raises UserError or InfrastructureError when the database is not there."""
        self._engine = database.tables(url, "finished", _STEPS)

    def put(self, job: str, run: Run) -> None:
        """Keep a review under its job's id."""
        row = {
            "job": job,
            "run": run.id,
            "finished": time.time(),
            "review": zlib.compress(to_json(run), 6),
        }
        with self._engine.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO reviewbot_finished (job, run, finished, review)"
                    " VALUES (:job, :run, :finished, :review) ON CONFLICT (job) DO UPDATE SET"
                    " run = excluded.run, finished = excluded.finished, review = excluded.review,"
                    " decision = NULL"
                ),
                row,
            )

    def get(self, job: str) -> Run | None:
        """The review of a job, None when there is none."""
        with self._engine.connect() as connection:
            data = connection.execute(
                sa.text("SELECT review FROM reviewbot_finished WHERE job = :job"), {"job": job}
            ).scalar()
        return None if data is None else _unpacked(bytes(data))

    def index(self) -> list[tuple[str, str, float]]:
        """(job, run, when it was finished) of all reviews, the newest first."""
        query = sa.text("SELECT job, run, finished FROM reviewbot_finished ORDER BY finished DESC")
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [(str(job), str(run), float(when)) for job, run, when in rows]

    def undecided(self, limit: int) -> Iterator[str]:
        """Jobs of which nobody has decided yet what to mail, the first finished first."""
        query = sa.text(
            "SELECT job FROM reviewbot_finished WHERE decision IS NULL"
            " ORDER BY finished, job LIMIT :limit"
        )
        with self._engine.connect() as connection:
            yield from (str(job) for (job,) in connection.execute(query, {"limit": limit}).all())

    def decide(self, job: str, decision: str) -> None:
        """Write down what was decided about a job's report, one line."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE reviewbot_finished SET decision = :decision WHERE job = :job"),
                {"job": job, "decision": decision},
            )

    def decision(self, job: str) -> str | None:
        """What was decided about a job's report, None when nobody has decided yet."""
        query = sa.text("SELECT decision FROM reviewbot_finished WHERE job = :job")
        with self._engine.connect() as connection:
            found = connection.execute(query, {"job": job}).scalar()
        return None if found is None else str(found)

    def forget(self, before: float) -> int:
        """Remove reviews that were decided about and finished before a moment; return how many."""
        gone = sa.text(
            "DELETE FROM reviewbot_finished WHERE finished < :before AND decision IS NOT NULL"
        )
        with self._engine.begin() as connection:
            return connection.execute(gone, {"before": before}).rowcount

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


class DamagedReviewError(InfrastructureError):
    """What is stored cannot be read: no other try will help."""


def _unpacked(data: bytes) -> Run:
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(data, _LIMIT)
    except zlib.error as error:
        raise DamagedReviewError(f"the stored review is damaged: {error}") from error
    if inflate.unconsumed_tail:
        raise DamagedReviewError("the stored review is larger than 256 MiB")
    if not inflate.eof:
        raise DamagedReviewError("the stored review is damaged: its end is missing")
    try:
        return from_json(text, Run)
    except InfrastructureError as error:
        raise DamagedReviewError(f"the stored review is of another release: {error}") from error
