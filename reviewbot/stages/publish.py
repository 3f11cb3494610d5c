# SPDX-License-Identifier: GPL-2.0-only
"""Tell other services: checks for Patchwork, results for KCIDB.

:func:`pending`, :func:`finished` and :func:`withdrawn` only enter rows in the database, so they
are quick and no service can stop a report.  :func:`run` tells what is due, in the process that has the
tokens; what fails waits and is tried again.  All may be done twice.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from reviewbot.model.codec import from_json, to_json
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.publication import (
    Check,
    CheckState,
    Publication,
    PublicationState,
    Service,
)
from reviewbot.model.run import VerdictKind
from reviewbot.model.say import Level
from reviewbot.stages import patchwork_checks, report_kcidb
from reviewbot.tools import kcidb, secret
from reviewbot.tools.patchwork import Patchwork
from reviewbot.tools.publications import Publications
from reviewbot.tools.web_api import RefusedError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from reviewbot.model.config import Config
    from reviewbot.model.job import Job
    from reviewbot.model.run import Run
    from reviewbot.model.say import Say
    from reviewbot.tools.context import Tools

RETRY_SECONDS = (60.0, 300.0, 1800.0, 7200.0, 21600.0, 86400.0)
"""How long a row waits after its first, second ... try; after the last it is given up."""
UNKNOWN_SECONDS = (300.0, 1800.0, 7200.0)
"""The same for a patch that Patchwork does not have: it may read the list later than we do."""
ROUND_SECONDS = 60.0
"""No row is begun later than this after :func:`run` began with a service: mails wait behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRequest:
    """``database`` is where the rows are; ``say`` hears of each that was told or failed.

    ``clock`` gives seconds since the epoch.
    """

    database: str
    say: Say
    clock: Callable[[], float] = time.time


def pending(rows: Publications, job: Job, message_ids: Sequence[str], config: Config) -> int:
    """Say that these patches wait for their review, when ``job`` is queued; return how many rows.

    Nothing is entered for a list that [patchwork] does not name, nor after the job has finished.
    """
    if not _wanted(Service.PATCHWORK, job, config):
        return 0
    url = _target(job, "", config)
    return sum(
        rows.add(_row(job, name, patchwork_checks.pending(patchwork_checks.at(url, name)), config))
        for name in message_ids
    )


def finished(rows: Publications, job: Job, run: Run, config: Config) -> int:
    """Say what came out, when ``job`` is done; return how many rows were entered or changed."""
    made = 0
    if _wanted(Service.PATCHWORK, job, config):
        checks = patchwork_checks.checks(run, _target(job, run.id, config))
        for name, check in checks.items():
            made += rows.replace(_row(job, name, check, config))
        if not (run.verdict and run.verdict.kind is VerdictKind.INFRA):
            made += withdrawn(rows, job, "not among the patches of the series", config, keep=checks)
    if _wanted(Service.KCIDB, job, config) and run.series and run.base:
        settings = report_kcidb.settings(config)
        content = json.dumps(report_kcidb.submission(run, settings), ensure_ascii=True)
        entry = Publication(
            name=f"kcidb/{settings.origin}/{job.id}/{run.id}",
            service=Service.KCIDB,
            job=job.id,
            about=run.id,
            content=content.encode(),
        )
        made += rows.add(entry)
    return made


def withdrawn(
    rows: Publications, job: Job, reason: str, config: Config, *, keep: Collection[str] = ()
) -> int:
    """End what is pending, when ``job`` is cancelled, superseded or parked; return how many rows.

    ``keep`` are message-ids of patches to leave alone.
    """
    made = 0
    if not _wanted(Service.PATCHWORK, job, config):
        return made
    for row in rows.of_job(job.id):
        if row.service is Service.PATCHWORK and row.about not in keep:
            before = from_json(row.content, Check)
            if before.state is CheckState.PENDING:
                check = patchwork_checks.withdrawn(reason, before.target_url)
                made += rows.replace(_row(job, row.about, check, config))
    return made


def run(request: PublishRequest, tools: Tools) -> int:
    """Tell what is due; return how many rows are done.  Raises errors of the database only."""
    config = tools.config
    if not (config.patchwork.url or config.kcidb.url):
        return 0
    rows = Publications(request.database)
    try:
        done = 0
        if config.patchwork.url:
            done += _Round(request, rows, Service.PATCHWORK).go(lambda: _checker(config))
        if config.kcidb.url:
            done += _Round(request, rows, Service.KCIDB).go(lambda: _submitter(config))
        return done
    finally:
        rows.close()


class _UnknownError(Exception):
    """The service does not know what the row is about."""


class _Round:
    """One pass over what is due for one service."""

    def __init__(self, request: PublishRequest, rows: Publications, service: Service) -> None:
        self.request = request
        self.rows = rows
        self.service = service

    def go(self, connect: Callable[[], Callable[[Publication], str]]) -> int:
        """``connect`` gives what tells a row, and returns a note; it raises UserError."""
        tell: Callable[[Publication], str] | None = None
        done = 0
        end = time.monotonic() + ROUND_SECONDS
        while time.monotonic() < end:
            row = self.rows.take(self.service, self.request.clock())
            if row is None:
                break
            try:
                tell = tell or connect()
                note = tell(row)
            except _UnknownError as error:
                self._later(row, str(error), UNKNOWN_SECONDS, PublicationState.UNKNOWN)
            except TryLaterError as error:
                self._later(row, str(error), RETRY_SECONDS, PublicationState.REFUSED)
                if not error.reached:
                    break  # the others would only wait for the same time limit
            except InfrastructureError as error:
                self._later(row, str(error), RETRY_SECONDS, PublicationState.REFUSED)
            except RefusedError as error:
                self.rows.settle(row, PublicationState.REFUSED, note=str(error))
                self._say("refused", row, str(error), Level.WARNING)
            except UserError as error:  # our settings: nothing can be told before they are mended
                self._later(row, str(error), RETRY_SECONDS, PublicationState.REFUSED)
                break
            else:
                done += self._done(row, note)
        return done

    def _done(self, row: Publication, note: str) -> bool:
        """A submission is large and never changes: what was told is kept as its digest."""
        content = None
        if self.service is Service.KCIDB:
            content = hashlib.sha256(row.content).hexdigest().encode()
        self._say("published", row, note)
        return self.rows.settle(row, PublicationState.DONE, note=note, content=content)

    def _later(
        self, row: Publication, why: str, waits: Sequence[float], end: PublicationState
    ) -> None:
        if row.tries > len(waits):
            self.rows.settle(row, end, note=why)
            self._say("given up", row, why, Level.WARNING)
            return
        due = self.request.clock() + waits[row.tries - 1]
        self.rows.settle(row, PublicationState.WAITING, note=why, due=due)
        self._say("waits", row, why)

    def _say(self, event: str, row: Publication, text: str, level: Level = Level.INFO) -> None:
        said = f"{self.service} {row.about}: {text}"
        self.request.say(event, said, level=level, job=row.job)


def _checker(config: Config) -> Callable[[Publication], str]:
    """What posts a check to every patch that came as the row's mail, unless it is there already."""
    known = config.patchwork
    service = Patchwork(
        url=known.url,
        token=secret.token(known.token_file, "patchwork.token_file"),
        project=known.project,
        user=known.user,
        context=known.context,
        timeout=known.timeout,
    )

    def tell(row: Publication) -> str:
        check = from_json(row.content, Check)
        patches = service.patches(row.about)
        if not patches:
            raise _UnknownError("Patchwork does not know this patch")
        posted = 0
        for patch in patches:
            if service.newest(patch) != check:
                service.post(patch, check)
                posted += 1
        return f"{check.state}" if posted else f"{check.state}, as it was"

    return tell


def _submitter(config: Config) -> Callable[[Publication], str]:
    known = config.kcidb
    token = secret.token(known.token_file, "kcidb.token_file")

    def tell(row: Publication) -> str:
        name = kcidb.submit(known.url, token, json.loads(row.content), known.timeout)
        return f"submitted, id {name}" if name else "submitted"

    return tell


def _wanted(service: Service, job: Job, config: Config) -> bool:
    """Only for lists that the settings name: what is published cannot be taken back."""
    known = config.patchwork if service is Service.PATCHWORK else config.kcidb
    lists = {address.lower() for address in known.lists}
    return bool(known.url) and job.source.lower() in lists


def _row(job: Job, message_id: str, check: Check, config: Config) -> Publication:
    return Publication(
        name=f"patchwork/{config.patchwork.context}/{job.id}/{message_id}",
        service=Service.PATCHWORK,
        job=job.id,
        about=message_id,
        content=to_json(check),
    )


def _target(job: Job, run: str, config: Config) -> str:
    """Where a patch's check leads, %s for its message-id: the published report, or its thread."""
    if config.patchwork.report_url and run:
        return config.patchwork.report_url.replace("%s", quote(run, safe=""))
    listed = config.lists.get(job.source)
    return f"{listed.url.rstrip('/')}/%s/" if listed and listed.url else ""
