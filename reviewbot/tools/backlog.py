# SPDX-License-Identifier: GPL-2.0-only
"""How much waits in the database, as sums made by the database itself: cheap with any number of rows.

DBOS has no call for sums; its table is asked.  A test asks it of a fresh database, so that another
release of DBOS that names its columns otherwise is noticed.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from reviewbot.model.job import JobState
from reviewbot.tools import database

WORKFLOW = "review"
"""The name under which jobs are in DBOS's table."""
STATES = {
    "DELAYED": JobState.DELAYED,
    "ENQUEUED": JobState.QUEUED,
    "PENDING": JobState.RUNNING,
    "SUCCESS": JobState.DONE,
    "ERROR": JobState.PARKED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": JobState.PARKED,
    "CANCELLED": JobState.CANCELLED,
}
"""What DBOS calls the states of a job."""

_STATES = "SELECT status, count(*), min(created_at) FROM {table} WHERE name = :name GROUP BY status"
_MAILS = "SELECT state, count(*) FROM reviewbot_outbox GROUP BY state"
_UNDECIDED = "SELECT count(*) FROM reviewbot_finished WHERE decision IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """``jobs`` by state, ``mails`` by what EntryState calls theirs; ``undecided`` reviews of which nothing was written yet.

    ``oldest`` is when the job that waits longest was queued, in seconds since the epoch, 0 when none waits.
    """

    jobs: dict[JobState, int]
    mails: dict[str, int]
    undecided: int
    oldest: float


class Backlog:
    """Asks; raises InfrastructureError when the database is away."""

    def __init__(self, url: str) -> None:
        """Connect later: the database need not be there yet."""
        self._url = url
        self._engine: sa.Engine | None = None

    def ping(self) -> None:
        """Return when the database answers."""
        with self._connected() as connection:
            connection.execute(sa.text("SELECT 1"))

    def look(self) -> Waiting:
        """Count."""
        with self._connected() as connection:
            table = "workflow_status" if database.file_of(self._url) else "dbos.workflow_status"
            found = connection.execute(sa.text(_STATES.format(table=table)), {"name": WORKFLOW})
            rows = [(STATES[str(state)], int(many), float(first)) for state, many, first in found]
            mails = {str(state): int(many) for state, many in connection.execute(sa.text(_MAILS))}
            undecided = int(connection.execute(sa.text(_UNDECIDED)).scalar() or 0)
        jobs = dict.fromkeys(JobState, 0)
        for state, many, _ in rows:
            jobs[state] += many
        return Waiting(
            jobs=jobs,
            mails=mails,
            undecided=undecided,
            oldest=min(
                (first / 1000 for state, _, first in rows if state is JobState.QUEUED), default=0.0
            ),
        )

    def close(self) -> None:
        """Close the connection."""
        if self._engine:
            self._engine.dispose()

    def _connected(self) -> sa.Connection:
        if self._engine is None:
            self._engine = database.connect(self._url)
        return self._engine.connect()
