# SPDX-License-Identifier: GPL-2.0-only
"""A worker: takes jobs its host can do, and dead workers' jobs as well."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Protocol

from dbos import DBOS

from reviewbot.engine.durable import (
    AGAIN_AT,
    APPLICATION,
    LAYOUT,
    SERIALIZER,
    TRIES,
    JobQueue,
    errors_explained,
    queues_for,
)
from reviewbot.model.codec import from_json, to_json
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.job import Done, Job, Need
from reviewbot.model.run import Stage
from reviewbot.tools import database, liveness
from reviewbot.tools.backlog import WORKFLOW

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

STAGES = tuple(stage for stage in Stage if stage not in {Stage.REPORT, Stage.DELIVER})
"""A job's steps.  Reports are rendered and sent by the host that has the list's policy."""

RESCUE_SECONDS = 10.0
"""How often to look for dead workers' jobs.  The mission's limit for them to move is a minute."""

_RETRY_SECONDS = (30.0, 300.0)
_AWAY_SECONDS = (60.0, 600.0, 3600.0, 6 * 3600.0, 24 * 3600.0)
_POLL_SECONDS = 1.0
_DRAIN_SECONDS = 20


class Performance(Protocol):
    """One job being done (:class:`reviewbot.tools.session.Session`, or nothing at all in a benchmark)."""

    def until(self, stage: Stage) -> None:
        """Return when a stage is done.  Raises InfrastructureError."""

    def result(self) -> Done:
        """What came out.  Raises InfrastructureError."""

    def close(self) -> None:
        """End it."""


class Cancelled(Protocol):
    """Asks whether the job should stop."""

    def __call__(self) -> bool:
        """True when somebody cancelled it."""


class Worker:
    """One process that does jobs.  A process can have one only, because DBOS has one instance."""

    def __init__(
        self,
        url: str,
        state: Path,
        *,
        name: str,
        abilities: Collection[Need],
        perform: Callable[[Job, Cancelled], Performance],
        parallel: int = 1,
        tree_limit: int = 0,
        retry_seconds: tuple[float, ...] = _RETRY_SECONDS,
        away_seconds: tuple[float, ...] = _AWAY_SECONDS,
        poll_seconds: float = _POLL_SECONDS,
        rescue_seconds: float = RESCUE_SECONDS,
    ) -> None:
        """``parallel`` jobs at once here, ``tree_limit`` for one tree on all hosts (0: no limit).

        ``retry_seconds`` are the waits after our own failures, ``away_seconds`` those for a server that does
        not answer; after the last of them a job is parked.
        """
        self.name = name
        self._url = url
        self._queues = queues_for(abilities)
        self._perform = perform
        self._parallel = parallel
        self._tree_limit = tree_limit or None
        self._retry_seconds = retry_seconds
        self._away_seconds = away_seconds
        self._poll_seconds = poll_seconds
        self._rescue_seconds = rescue_seconds
        self._register = liveness.register(url, state)
        self._presence: liveness.Presence | None = None
        self._stop = threading.Event()
        self._active: set[str] = set()
        self._queue: JobQueue | None = None
        self._rescuer = threading.Thread(target=self._watch, name="rescue", daemon=True)

    def start(self) -> None:
        """Claim the name and begin.  Raises UserError when the name is taken, InfrastructureError."""

        def review(job: str) -> str:  # DBOS wants a function, not a method
            return self._review(job)

        database.prepare(self._url)
        database.connect(self._url).dispose()
        self._presence = self._register.claim(self.name)
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": self._url,
                "executor_id": self.name,
                "application_version": LAYOUT,
                "serializer": SERIALIZER,
                "log_level": "WARNING",
                "enable_otlp": False,
                "scheduler_polling_interval_sec": 3600.0,
            }
        )
        # Every step is counted, so a job whose workers die takes TRIES workers, then waits for a person.
        DBOS.workflow(name=WORKFLOW, max_recovery_attempts=TRIES - 1)(review)
        DBOS.listen_queues(self._queues)
        with errors_explained():
            DBOS.launch()
            for queue in queues_for(Need):
                DBOS.register_queue(
                    queue,
                    worker_concurrency=self._parallel,
                    partition_concurrency=self._tree_limit,
                    polling_interval_sec=self._poll_seconds,
                    on_conflict="always_update" if queue in self._queues else "never_update",
                )
        self._queue = JobQueue(self._url)
        self._rescuer.start()

    def rescue(self) -> tuple[str, ...]:
        """Give back the jobs of workers that are dead; return those workers' names."""
        running = DBOS.list_workflows(status="PENDING", name=WORKFLOW, load_input=False)
        gone = []
        for name in sorted({one.executor_id for one in running if one.executor_id}):
            if name == self.name:
                continue
            with self._register.holding_dead(name) as dead:
                if dead:
                    # Not resume_workflow: that forgets the queue and how often it was tried.
                    DBOS._recover_pending_workflows([name])  # noqa: SLF001 - the public way is the cloud's
                    gone.append(name)
        return tuple(gone)

    def idle(self) -> bool:
        """Whether nothing that this worker could do is queued or running."""
        waiting = DBOS.list_workflows(
            status=["ENQUEUED", "PENDING", "DELAYED"],
            name=WORKFLOW,
            queue_name=list(self._queues),
            load_input=False,
            limit=1,
        )
        return not waiting

    def lost(self) -> bool:
        """Whether others may believe that we are dead: then the process must end at once."""
        return self._presence is not None and self._presence.lost()

    def stop(self) -> None:
        """End running jobs (they go on at the next start, here or elsewhere) and give up the name."""
        self._stop.set()
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._active and time.monotonic() < deadline:
            time.sleep(0.05)
        DBOS.destroy(workflow_completion_timeout_sec=0)
        with contextlib.suppress(InfrastructureError):  # else they are found when we are dead
            if self._queue:
                self._queue.give_back(self.name)
                self._queue.close()
        if self._presence:
            self._presence.release()

    def _watch(self) -> None:
        while not self._stop.wait(self._rescue_seconds):
            # The database may be away for a while; there is always a next time.
            with contextlib.suppress(Exception):
                self.rescue()
                self._retry()

    def _retry(self) -> None:
        """Queue failed jobs again whose wait is over.  Whichever worker comes first does it."""
        if self._queue:
            self._queue.retry_due(time.time())

    def _review(self, text: str) -> str:
        """The workflow.  Must do the same steps in the same order every time it is replayed."""
        job = from_json(text.encode(), Job)
        done = self._once(job)
        if not done.failure:
            return to_json(done).decode()
        DBOS.run_step({"name": "fail"}, self._note_failure, job.id, away=done.away)
        raise FailedError(done.failure)

    def _note_failure(self, job_id: str, *, away: bool) -> None:
        """Write down when the job is to be tried again, in its attributes; not at all after the last wait.

        It does not wait here: it would keep other jobs from this worker.
        """
        known = DBOS.get_workflow_status(job_id)
        before = (known.attributes if known else None) or {}
        kind = "away" if away else "failed"
        count = int(before.get(kind, 0))
        waits = self._away_seconds if away else self._retry_seconds
        again = time.time() + waits[count] if count < len(waits) else 0
        DBOS.update_workflow_attributes(job_id, {**before, kind: count + 1, AGAIN_AT: again})

    def _once(self, job: Job) -> Done:
        """One try.  Steps return their failures: those are replayed too."""
        performance = self._perform(job, self._cancelled(job.id))
        self._active.add(job.id)

        def reach(stage: Stage) -> str:
            try:
                performance.until(stage)
            except InfrastructureError as error:
                self._unless_stopping()
                return str(error)
            return ""

        def finish() -> str:
            try:
                return to_json(performance.result()).decode()
            except InfrastructureError as error:
                self._unless_stopping()
                return to_json(Done(failure=str(error))).decode()

        try:
            for stage in STAGES:
                if why := DBOS.run_step({"name": stage.value}, reach, stage):
                    return Done(failure=why)
            return from_json(DBOS.run_step({"name": "finish"}, finish).encode(), Done)
        finally:
            performance.close()
            self._active.discard(job.id)

    def _unless_stopping(self) -> None:
        """Leave a step that failed because this worker stops, without an answer that would be recorded."""
        if self._stop.is_set():
            raise StoppingError

    def _cancelled(self, job_id: str) -> Cancelled:
        def ask() -> bool:
            if self._stop.is_set():
                return True
            known = DBOS.get_workflow_status(job_id)
            return known is None or known.status == "CANCELLED"

        return ask


class StoppingError(BaseException):
    """This worker stops; the step it was in is done again, here or elsewhere.

    No Exception: DBOS would record that as the step's answer.
    """


class FailedError(Exception):
    """A job failed; the message says why."""
