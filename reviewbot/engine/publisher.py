# SPDX-License-Identifier: GPL-2.0-only
"""The clerk's colleague who notes what other services are to be told; the sender tells it.

Nothing here may stop a report: a mistake of ours is said and left behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewbot.engine.clerk import policy_of
from reviewbot.model.errors import ReviewbotError
from reviewbot.model.job import JobState
from reviewbot.model.say import Level
from reviewbot.stages import policy, publish
from reviewbot.tools.publications import Publications

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from reviewbot.model.config import Config
    from reviewbot.model.job import Job, JobStatus
    from reviewbot.model.run import Run
    from reviewbot.model.say import Say


class Publisher:
    """Rows for Patchwork and KCIDB.  All methods may be called again about the same job."""

    def __init__(self, config: Config, database: str, say: Say) -> None:
        """Raises UserError or InfrastructureError when the database is not there."""
        self._config = config
        self._say = say
        self._rows = Publications(database)

    def queued(self, job: Job, message_ids: Sequence[str]) -> None:
        """A job waits for its turn; these are the series' patches."""
        self._note(job, lambda: publish.pending(self._rows, job, message_ids, self._config))

    def finished(self, job: Job, run: Run) -> None:
        """A job is done.  One for another base or tree that somebody asked for is their business.

        What the list's policy does not report is not published.
        """
        if job.base or job.tree:
            return
        shown = policy.worth_reporting(run, policy_of(self._config, job.source))
        self._note(job, lambda: publish.finished(self._rows, job, shown, self._config))

    def withdrawn(self, job: Job, reason: str, keep: Collection[str] = ()) -> None:
        """A job will not be done; ``keep`` are message-ids of patches that another job is about."""
        self._note(job, lambda: publish.withdrawn(self._rows, job, reason, self._config, keep=keep))

    def given_up(self, jobs: Iterable[JobStatus]) -> None:
        """Parked jobs: what is pending about them would be for ever."""
        for status in jobs:
            if status.state is JobState.PARKED:
                self.withdrawn(status.job, "our tools failed")

    def close(self) -> None:
        """Close all connections."""
        self._rows.close()

    def _note(self, job: Job, work: Callable[[], int]) -> None:
        try:
            work()
        except (ReviewbotError, OSError):
            raise  # the database: the same turn is made again
        except Exception as error:  # noqa: BLE001 - a report must not depend on this
            said = f"not published, our own mistake: {type(error).__name__}: {error}"[:300]
            self._say("mistake", said, level=Level.ERROR, job=job.id)
