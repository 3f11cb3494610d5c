# SPDX-License-Identifier: GPL-2.0-only
"""The durable queue: DBOS on a file of SQLite or on PostgreSQL.  Only this and ``workers`` import DBOS.

A job is a workflow and its stages are steps: what was done is not done again after a crash.  A stage's
result itself is in the cache, keyed by what went in, so that doing a stage twice is only slow.  DBOS
facts that shape this module (each was met in practice) are in docs/engine.md.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa
from dbos import DBOSClient, DBOSPortableJSONSerializer, error, run_dbos_database_migrations

from reviewbot.model.codec import from_json, to_json
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.job import Done, Job, JobState, JobStatus, Need
from reviewbot.tools import database
from reviewbot.tools.backlog import STATES, WORKFLOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from dbos import EnqueueOptions, WorkflowStatus

APPLICATION = "reviewbot"
LAYOUT = "1"
"""Pinned as DBOS's application version: work of another layout stays where it is.  Raised only when
the steps of a job change, because half-done work cannot be continued then."""

AGAIN_AT = "again_at"
"""Attribute of a failed workflow: when to try again, in seconds since the epoch; 0: never."""

STOPPED = "stopped"
"""Attribute of a cancelled workflow: "by hand" when a person did it, else "by the bot"."""
_BY_HAND = "by hand"

TRIES = 3
"""Workers that may die of a job before it is parked."""

_ALIVE = ("ENQUEUED", "DELAYED", "PENDING")
_UNDER_WAY = (JobState.QUEUED, JobState.DELAYED, JobState.RUNNING)
_ISO = "%Y-%m-%dT%H:%M:%SZ"
_LONGEST_WAIT = 3 * 24 * 3600.0

SERIALIZER = DBOSPortableJSONSerializer()
"""JSON: the default is pickle, and whoever can write the database could run code on every host."""


def queue_of(needs: Iterable[Need]) -> str:
    """The queue for jobs with these needs: one a combination, so that a host can listen to what it can."""
    return "+".join(["review", *sorted(needs)])


def queues_for(abilities: Iterable[Need]) -> tuple[str, ...]:
    """Every queue whose jobs a host with these abilities can do."""
    able = sorted(abilities)
    counts = range(len(able) + 1)
    return tuple(queue_of(some) for n in counts for some in itertools.combinations(able, n))


class JobQueue:
    """The queue seen from outside: add, look, cancel, retry.  Runs nothing itself."""

    def __init__(self, url: str) -> None:
        """Open the database, made and brought up to date when needed.

        Raises UserError or InfrastructureError.
        """
        self.url = url
        database.prepare(url)
        database.connect(url).dispose()  # one clear line when the server is not there
        with errors_explained():
            run_dbos_database_migrations(system_database_url=url)
            self._client = DBOSClient(
                system_database_url=url,
                serializer=SERIALIZER,
                application_name=APPLICATION,
                retry_connection_errors=False,
            )

    def add(self, job: Job, delay: float = 0.0) -> bool:
        """Queue a job; False when it is known already, whatever became of it.

        ``delay`` is in seconds.
        """
        if self.get(job.id) is not None:
            return False
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": queue_of(job.needs),
            "workflow_id": job.id,
            "app_version": LAYOUT,
            "priority": max(1, job.urgency),
            "queue_partition_key": job.tree or "any",
        }
        if delay > 0:
            options["delay_seconds"] = delay
        with errors_explained():
            self._client.enqueue(options, to_json(job).decode())
        return True

    def get(self, job_id: str) -> JobStatus | None:
        """What is known of a job."""
        with errors_explained():
            found = self._client.list_workflows(workflow_ids=[job_id], name=WORKFLOW)
        return self._status(found[0], stages=True) if found else None

    def find(self, start: str) -> JobStatus:
        """The job whose id is ``start`` or begins so.  Raises UserError for none or several."""
        if exact := self.get(start):
            return exact
        with errors_explained():
            found = self._client.list_workflows(
                workflow_id_prefix=start, name=WORKFLOW, limit=4, load_input=False
            )
        if not found:
            raise UserError(f"no job {start!r}; 'reviewbot queue list --all' shows them")
        if len(found) > 1:
            names = ", ".join(one.workflow_id for one in found[:3])
            raise UserError(f"{start!r} could be {names}; type more of it")
        return self.find(found[0].workflow_id)

    def jobs(
        self, states: Sequence[JobState] = (), *, limit: int = 1000, offset: int = 0
    ) -> list[JobStatus]:
        """Jobs in these states (none: any), the newest first."""
        wanted = [name for name, state in STATES.items() if state in states]
        with errors_explained():
            found = self._client.list_workflows(
                status=wanted or None, name=WORKFLOW, limit=limit, offset=offset, sort_desc=True
            )
        return [self._status(one) for one in found]

    def of_series(self, source: str, series: str) -> list[JobStatus]:
        """All jobs about a series from one source: reviews that were asked for again too."""
        with errors_explained():
            found = self._client.list_workflows(
                workflow_id_prefix=f"{source}/{series}", name=WORKFLOW
            )
        known = [self._status(one) for one in found]
        return [status for status in known if status.job.series == series]

    def cancel(self, job_id: str, *, by_hand: bool = False) -> None:
        """Stop a job that waits or runs; its worker ends it within seconds.  Others stay as they are.

        ``by_hand``: a person wants no review of this revision, see JobStatus.
        """
        with errors_explained():
            found = self._client.list_workflows(workflow_ids=[job_id], name=WORKFLOW)
            for known in found:
                if known.status in _ALIVE or _again_at(known):
                    said = _BY_HAND if by_hand else "by the bot"
                    kept = {**(known.attributes or {}), STOPPED: said}
                    self._client.update_workflow_attributes(job_id, kept)
            self._client.cancel_workflow(job_id)

    def give_back(self, worker: str) -> None:
        """Queue again what a worker had that has stopped: somebody takes it at once, and it costs no try."""
        with errors_explained():
            for known in self._client.list_workflows(
                status="PENDING", name=WORKFLOW, executor_id=worker, load_input=False
            ):
                self._client.resume_workflow(known.workflow_id, queue_name=known.queue_name)

    def retry_due(self, now: float) -> None:
        """Queue failed jobs again whose wait is over."""
        since = time.strftime(_ISO, time.gmtime(now - _LONGEST_WAIT))
        with errors_explained():
            failed = self._client.list_workflows(
                status="ERROR", name=WORKFLOW, completed_after=since, load_output=False
            )
        for known in failed:
            if 0 < _again_at(known) <= now:
                # Another worker may have been quicker; then it is queued already.
                with contextlib.suppress(InfrastructureError):
                    self._rewind(self._status(known).job)

    def retry(self, job_id: str) -> None:
        """Do a job again that is parked, cancelled, done or waits after a failure, with all its tries.

        Raises UserError for one that is queued or under way.
        """
        status = self.find(job_id)
        if not status.error and status.state in _UNDER_WAY:
            raise UserError(f"{job_id} is {status.state} already; 'queue cancel' stops it")
        with errors_explained():
            self._client.update_workflow_attributes(job_id, {})
        self._rewind(status.job)

    def _rewind(self, job: Job) -> None:
        with errors_explained():
            self._client.rewind_workflow(
                job.id,
                queue_name=queue_of(job.needs),
                queue_partition_key=job.tree or "any",
                application_version=LAYOUT,
            )

    def close(self) -> None:
        """Close the connections."""
        self._client.destroy()

    def _status(self, known: WorkflowStatus, *, stages: bool = False) -> JobStatus:
        state = JobState.DELAYED if _again_at(known) else STATES[known.status]
        stopped = (known.attributes or {}).get(STOPPED, "")
        if stopped and state is JobState.PARKED:
            state = JobState.CANCELLED  # it had failed and waited for its next try
        steps: tuple[str, ...] = ()
        if stages:
            with errors_explained():
                done = self._client.list_workflow_steps(known.workflow_id, load_output=False)
            steps = tuple(dict.fromkeys(step["function_name"] for step in done))
        given = known.input["args"][0] if known.input else "{}"
        output = from_json(known.output.encode(), Done) if known.output else Done()
        return JobStatus(
            job=from_json(given.encode(), Job),
            state=state,
            queued=(known.created_at or 0) / 1000,
            started=(known.dequeued_at or 0) / 1000,
            ended=(known.completed_at or 0) / 1000,
            worker=known.executor_id or "",
            tries=known.recovery_attempts or 0,
            stages=steps,
            run=output.run,
            verdict=output.verdict or output.problem,
            error=_error(known) if STATES[known.status] is JobState.PARKED else "",
            by_hand=stopped == _BY_HAND and state is JobState.CANCELLED,
        )


def _again_at(known: WorkflowStatus) -> float:
    """When a failed job is tried again, 0 for never and for one that has not failed."""
    attributes = known.attributes or {}
    if known.status != "ERROR" or STOPPED in attributes:
        return 0.0
    return float(attributes.get(AGAIN_AT, 0))


def _error(known: WorkflowStatus) -> str:
    if known.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        return f"{TRIES} workers died while they had it"
    return str(known.error) if known.error else "failed without saying why"


@contextmanager
def errors_explained() -> Iterator[None]:
    """Turn the library's errors into ours; it lets through what a database says that is away or full."""
    try:
        yield
    except error.DBOSException as trouble:
        raise InfrastructureError(f"the queue's database: {trouble}") from trouble
    except sa.exc.SQLAlchemyError as trouble:
        raise InfrastructureError(f"the queue's database: {database.cause(trouble)}") from trouble


def open_queue(configured: str, state: Path) -> JobQueue:
    """The queue of the settings' ``engine.database``; ``state`` is where a file of SQLite lies."""
    return JobQueue(database.url_of(configured, state))
