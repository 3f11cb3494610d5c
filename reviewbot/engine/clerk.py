# SPDX-License-Identifier: GPL-2.0-only
"""From series to jobs, and from finished jobs to mails that wait: the bot's desk.

Everything here may be done twice: a job's id, a mail's Message-ID and a decision's row say what was
done.  So a crash at any point loses nothing and doubles nothing.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from reviewbot.model.config import PolicyConfig
from reviewbot.model.errors import ReviewbotError
from reviewbot.model.job import FIX_FIRST, Job, JobState, Urgency
from reviewbot.model.outbox import EntryState, Kind
from reviewbot.model.say import Level
from reviewbot.model.watch import EventKind, WatchState
from reviewbot.parse.lineage import lineage_keys
from reviewbot.stages import policy, report
from reviewbot.tools.finished import DamagedReviewError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reviewbot.engine.durable import JobQueue
    from reviewbot.engine.enclose import Encloser
    from reviewbot.engine.publisher import Publisher
    from reviewbot.model.config import Config
    from reviewbot.model.job import JobStatus
    from reviewbot.model.outbox import Entry
    from reviewbot.model.run import Run
    from reviewbot.model.say import Say
    from reviewbot.model.watch import WatchedSeries, WatchEvent
    from reviewbot.tools.finished import Finished
    from reviewbot.tools.ledger import Ledger
    from reviewbot.tools.outbox import Outbox

ARCHIVE_SECONDS = 120.0
"""How long a job waits that has to ask an archive: a mirror of lore shows a mail later than its git clone."""

_FIX = re.compile(r"\bfix(es|ed|ing)?\b", re.IGNORECASE)
_BATCH = 100
_SWEEP_SECONDS = 3600.0
_SUPERSEDED = "superseded by "
_STOPPABLE = (JobState.DELAYED, JobState.QUEUED, JobState.RUNNING)
_UNSENT = (EntryState.HELD, EntryState.READY)
_REVIEWED = (EventKind.COMPLETE, EventKind.INCOMPLETE, EventKind.CHANGED)


class Clerk:
    """Turns events of the ledger into jobs, and finished jobs into rows of the outbox."""

    def __init__(
        self,
        config: Config,
        *,
        ledger: Ledger,
        queue: JobQueue,
        finished: Finished,
        outbox: Outbox,
        say: Say,
        seen: Callable[[Run], None] = lambda run: None,  # noqa: ARG005 - nobody counts
        mailed: Callable[[Run, Sequence[Entry]], None] = lambda run, entries: None,  # noqa: ARG005
        publisher: Publisher | None = None,
        encloser: Encloser | None = None,
        archive_seconds: float = ARCHIVE_SECONDS,
    ) -> None:
        """``say`` is told of everything that is done, ``seen`` of every review that somebody finished.

        ``mailed`` is told which mails were entered about a review, as it is reported; maybe twice.
        """
        self._config = config
        self._ledger = ledger
        self._queue = queue
        self._finished = finished
        self._outbox = outbox
        self._say = say
        self._seen = seen
        self._mailed = mailed
        self._publisher = publisher
        self._encloser = encloser
        self._archive_seconds = archive_seconds
        self._settings = report.settings(config)
        self._swept = 0.0

    def schedule(self) -> int:
        """Act on what happened to series; return how many events there were."""
        events = self._ledger.untaken(_BATCH)
        for event in events:
            try:
                self._act(event)
            except (ReviewbotError, OSError):
                raise
            except Exception as error:  # noqa: BLE001 - else one series would end the bot for ever
                name = event.series.message_id
                self._say("mistake", _our_mistake(error), level=Level.ERROR, series=name)
            self._ledger.take([event.number], time.time())
        return len(events)

    def report(self) -> int:
        """Decide about finished reviews; return how many there were."""
        count = 0
        for name in self._finished.undecided(_BATCH):
            try:
                decision = self._decide(name)
            except DamagedReviewError as error:
                decision = f"nothing: {error}"
            except (ReviewbotError, OSError):
                raise
            except Exception as error:  # noqa: BLE001 - as above
                decision = f"nothing: {_our_mistake(error)}"
            self._finished.decide(name, decision)
            self._say("decided", decision, job=name)
            count += 1
        if self._publisher and self._config.patchwork.url:
            self._publisher.given_up(self._queue.jobs((JobState.PARKED,), limit=_BATCH))
        self._sweep()
        return count

    def _sweep(self) -> None:
        """Once an hour, remove finished reviews that nobody asks for any more."""
        now, days = time.time(), self._config.engine.keep_days
        if days and now - self._swept > _SWEEP_SECONDS:
            self._swept = now
            if gone := self._finished.forget(now - days * policy.DAY):
                self._say("forgotten", f"{gone} reviews older than {days:g} days")

    def _act(self, event: WatchEvent) -> None:
        series = event.series
        current = self._ledger.find(series.message_id) or series
        if event.before and event.before != series.message_id:
            self._forget(event.before, f"the series now begins with {series.message_id}")
        if event.kind is EventKind.SUPERSEDED:
            self._forget(series.message_id, f"{_SUPERSEDED}{current.superseded_by}")
        elif event.kind in _REVIEWED and current.state in (
            WatchState.COMPLETE,
            WatchState.INCOMPLETE,
        ):
            if self._cancelled_by_hand(series.message_id):
                self._say("left", "left alone: somebody cancelled it", series=series.message_id)
                return
            again = event.number if event.kind is EventKind.CHANGED else 0
            patches = [patch.message_id for patch in current.patches]
            if again:
                self._stop(series.message_id, "other mails belong to it now", keep=patches)
            job = replace(self._job(current), again=again)
            if self._was_given_up(job.id):
                job = replace(job, again=event.number)
            if self._encloser:
                job = replace(job, enclosed=self._encloser.put(job.source, current))
            delay = 0.0 if job.enclosed else self._archive_seconds
            if self._queue.add(job, delay=delay):
                self._say("queued", f"queued, v{job.revision} {job.title}", job=job.id)
            if self._publisher:
                self._publisher.queued(job, patches)

    def _cancelled_by_hand(self, message_id: str) -> bool:
        """True when a person cancelled a review of this revision and has not had it done again."""
        found = (self._queue.of_series(name, message_id) for name in self._config.lists)
        return any(status.by_hand for some in found for status in some)

    def _was_given_up(self, name: str) -> bool:
        """True when a review was stopped, or its report left unwritten, for a revision that was none.

        What comes next of a "v2" may show that it is somebody else's, or for no robot.
        """
        status = self._queue.get(name)
        if status is None:
            return False
        decision = self._finished.decision(name) or ""
        dropped = self._outbox.entries((EntryState.DROPPED,), series=status.job.series)
        return (
            status.state is JobState.CANCELLED
            or decision.startswith(f"nothing: {_SUPERSEDED}")
            or any(entry.note.startswith(_SUPERSEDED) for entry in dropped)
        )

    def _job(self, series: WatchedSeries) -> Job:
        fix = bool(_FIX.search(series.subject))
        return Job(
            series=series.message_id,
            source=list_of(self._config, series.lists),
            title=series.subject,
            revision=series.revision,
            earlier=self._earlier(series),
            urgency=Urgency.BOT - (FIX_FIRST if fix else 0),
        )

    def _earlier(self, series: WatchedSeries) -> str:
        """The message-id of the revision that this one supersedes, "" when there is none."""
        kin = self._ledger.kin(set(lineage_keys(series)))
        return next((one.message_id for one in kin if one.superseded_by == series.message_id), "")

    def _forget(self, message_id: str, why: str) -> None:
        """Stop a review whose series is out of date, and never send what waits about it."""
        self._stop(message_id, why)
        if self._encloser:
            self._encloser.drop(message_id, time.time())
        for entry in self._outbox.entries(_UNSENT, series=message_id):
            if entry.kind is Kind.ANSWER:
                continue
            if self._outbox.move(entry.message_id, EntryState.DROPPED, when=_UNSENT, note=why):
                self._say("dropped", f"dropped, {why}", mail=entry.message_id)

    def _stop(self, message_id: str, why: str, keep: Sequence[str] = ()) -> None:
        for name in self._config.lists:
            for status in self._queue.of_series(name, message_id):
                if status.state in _STOPPABLE:
                    self._queue.cancel(status.job.id)
                    self._say("cancelled", "cancelled", job=status.job.id)
                if self._publisher:
                    self._publisher.withdrawn(status.job, why, keep)

    def _review(self, name: str) -> tuple[Run | None, JobStatus | None]:
        """A finished review and its job, once those who only want to know of it do."""
        run, status = self._finished.get(name), self._queue.get(name)
        if run is not None:
            self._seen(run)
        if run is not None and status is not None and self._publisher:
            self._publisher.finished(status.job, run)
        return run, status

    def _decide(self, name: str) -> str:
        """One line: what is mailed about a finished job, or why nothing."""
        run, status = self._review(name)
        if run is None or status is None or run.series is None:
            return "nothing: there is no series"
        listed = self._config.lists.get(status.job.source)
        if listed is None:
            return "nothing: it was asked for by hand"
        watched = self._ledger.find(run.series.message_id)
        if watched and watched.state is WatchState.SUPERSEDED:
            return f"nothing: {_SUPERSEDED}{watched.superseded_by}"
        rules = listed.report
        shown = policy.worth_reporting(run, rules)
        mails = report.mails(shown, replace(self._settings, all_clear=rules.all_clear))
        about = self._outbox.entries(series=run.series.message_id)
        earlier = [entry for entry in about if entry.kind is not Kind.ANSWER]
        if (
            status.job.base or status.job.tree
        ):  # somebody asked for another tree: nothing is corrected
            earlier = []
        made = policy.decide(
            shown,
            mails,
            rules,
            inbox=status.job.source,
            now=time.time(),
            muted=self._outbox.muted(),
            earlier=earlier,
        )
        fresh = {entry.message_id for entry in made.entries}
        for entry in earlier:
            if entry.state in _UNSENT and fresh and entry.message_id not in fresh:
                note = "a newer review of the same series"
                self._outbox.move(entry.message_id, EntryState.DROPPED, when=_UNSENT, note=note)
        for entry in made.entries:
            if not self._outbox.add(entry):
                self._take_up(entry)
        if made.entries:
            self._mailed(shown, made.entries)
        return f"{made.action}: {made.reason}"

    def _take_up(self, entry: Entry) -> None:
        """Let a mail wait again that was dropped for a newer revision, when there is none after all."""
        known = self._outbox.get(entry.message_id)
        if known and known.state is EntryState.DROPPED and known.note.startswith(_SUPERSEDED):
            dropped = (EntryState.DROPPED,)
            self._outbox.move(entry.message_id, entry.state, when=dropped, due=entry.due)


def _our_mistake(error: Exception) -> str:
    return f"our own mistake: {type(error).__name__}: {error}"[:300]


def list_of(config: Config, lists: Sequence[str]) -> str:
    """The list whose policy counts: the first of the settings that the series went to.

    A private list comes before all others: whoever knows one of its message-ids could else post a mail
    under that name and have the series reported in public.
    """
    known = [name for name in config.lists if name in lists]
    known.sort(key=lambda name: config.lists[name].follow != "maildir")
    return known[0] if known else (lists[0] if lists else "")


def policy_of(config: Config, inbox: str) -> PolicyConfig:
    """The policy of a list; one that is not in the settings holds everything."""
    listed = config.lists.get(inbox)
    return listed.report if listed else PolicyConfig()
