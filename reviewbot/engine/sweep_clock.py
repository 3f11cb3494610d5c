# SPDX-License-Identifier: GPL-2.0-only
"""Queue sweeps when they are due, behind everything that somebody waits for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from reviewbot.model.job import SWEEP, Job, Need, Urgency
from reviewbot.stages import sweep_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from reviewbot.engine.durable import JobQueue
    from reviewbot.model.config import Config
    from reviewbot.model.say import Say


class SweepClock:
    """Looks at the time whenever it is asked to.  Bot and worker may both do so: a job is queued once."""

    def __init__(
        self,
        config: Config,
        queue: JobQueue,
        say: Say,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises UserError for settings that make no sense."""
        self._branches = sweep_plan.branches(config)
        self._queue = queue
        self._say = say
        self._clock = clock
        self._known: set[str] = set()

    def turn(self) -> int:
        """Queue what is due; after an outage the newest only.  Returns how many."""
        count = 0
        for branch in self._branches:
            job = _job(branch, self._clock())
            if job.id in self._known:
                continue
            if self._queue.add(job):
                self._say("queued", f"queued, {job.title}", job=job.id)
                count += 1
            self._known.add(job.id)
        return count


def branch_of(job: Job) -> str:
    """The branch that a job is to sweep."""
    return job.series.rpartition("@")[0]


def _job(branch: sweep_plan.Branch, now: float) -> Job:
    due = time.gmtime(sweep_plan.moment(branch.settings, now))
    return Job(
        series=f"{branch.name}@{time.strftime('%Y-%m-%d', due)}",
        source=SWEEP,
        title=f"sweep of {branch.name}, due {time.strftime('%Y-%m-%d %H:%M', due)} UTC",
        tree=branch.tree.name,
        needs=frozenset({Need.LAB}),
        urgency=Urgency.SWEEP,
    )
