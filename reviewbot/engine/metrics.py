# SPDX-License-Identifier: GPL-2.0-only
"""What /metrics says: what this process counted, and what waits in the database when it is asked.

Labels come from small sets of ours: states, verdicts, rules, configured lists, names of loops.  Nothing of a
mail becomes one, so that no stranger decides how many series a Prometheus keeps.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from reviewbot import __version__
from reviewbot.model.errors import ReviewbotError
from reviewbot.model.outbox import EntryState
from reviewbot.model.run import VerdictKind
from reviewbot.tools.backlog import Backlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reviewbot.engine.workers import Performance
    from reviewbot.model.job import Done, JobState
    from reviewbot.model.run import Run, Stage
    from reviewbot.tools.pulse import Pulse

MOST_RULES = 500
"""Findings of more rules than these are counted together: a rule directory of one's own has no limit."""


class Meters:
    """The meters of one process.  ``component`` is "bot", "worker" or "sender"."""

    def __init__(self, component: str, url: str, pulse: Pulse) -> None:
        """``url`` is the database's."""
        self.registry = CollectorRegistry()
        self._pulse = pulse
        self._backlog = Backlog(url)
        self._rules: set[str] = set()
        ProcessCollector(registry=self.registry)
        labels = ["component", "version"]
        Gauge("reviewbot_info", "What runs here.", labels, registry=self.registry).labels(
            component, __version__
        ).set(1)
        age = Gauge(
            "reviewbot_loop_age_seconds", "Since the loop last turned.", registry=self.registry
        )
        age.set_function(pulse.age)
        self._errors = Counter(
            "reviewbot_errors",
            "Turns or parts of them that failed.",
            ["where"],
            registry=self.registry,
        )

    def failed(self, where: str) -> None:
        """Count an error; ``where`` is a fixed word of the caller's."""
        self._errors.labels(where).inc()

    def trouble(self) -> str:
        """Why we are not well, one line; "" when the loop turns and the database answers."""
        if stuck := self._pulse.trouble():
            return stuck
        try:
            self._backlog.ping()
        except ReviewbotError as error:
            return str(error)
        return ""

    def close(self) -> None:
        """Let go of the database."""
        self._backlog.close()


class BotMeters(Meters):
    """Of the bot, whose database is everybody's: so it tells of the queue and the outbox, others do not."""

    def __init__(
        self, url: str, pulse: Pulse, lists: Iterable[str], clock: Callable[[], float] = time.time
    ) -> None:
        """``lists`` are those that are followed."""
        super().__init__("bot", url, pulse)
        self._clock = clock
        self._read = dict.fromkeys(lists, clock())
        self._reviews = Counter(
            "reviewbot_reviews", "Finished reviews.", ["verdict"], registry=self.registry
        )
        self._findings = Counter(
            "reviewbot_findings",
            "Findings of finished reviews.",
            ["rule", "severity"],
            registry=self.registry,
        )
        self._mails = Counter(
            "reviewbot_mails_read", "Mails read from lists.", registry=self.registry
        )
        for kind in VerdictKind:
            self._reviews.labels(str(kind))
        self.registry.register(_Depths(self._backlog, self._lags))

    def polled(self, mails: int, unread: Iterable[str]) -> None:
        """A look at all lists is over; those in ``unread`` could not be read."""
        self._mails.inc(mails)
        away = set(unread)
        self._read.update((name, self._clock()) for name in self._read if name not in away)

    def finished(self, run: Run) -> None:
        """Count a review that a worker finished."""
        if run.verdict:
            self._reviews.labels(str(run.verdict.kind)).inc()
        for finding in run.check.findings if run.check else ():
            known = finding.code in self._rules or len(self._rules) < MOST_RULES
            self._rules.update([finding.code] if known else [])
            self._findings.labels(finding.code if known else "other", str(finding.severity)).inc()

    def _lags(self) -> dict[str, float]:
        now = self._clock()
        return {name: now - read for name, read in self._read.items()}


class WorkerMeters(Meters):
    """Of a worker: its own jobs."""

    def __init__(self, url: str, pulse: Pulse) -> None:
        super().__init__("worker", url, pulse)
        self._running = Gauge(
            "reviewbot_jobs_running", "Jobs being done here.", registry=self.registry
        )
        self._ended = Counter(
            "reviewbot_jobs_ended", "Jobs that ended here.", ["outcome"], registry=self.registry
        )

    def counted(self, performance: Performance) -> Performance:
        """The same, but counted."""
        return _Counted(performance, self._running, self._ended)


class SenderMeters(Meters):
    """Of the sender."""

    def __init__(self, url: str, pulse: Pulse) -> None:
        super().__init__("sender", url, pulse)
        self._sent = Counter("reviewbot_mails_sent", "Mails a server took.", registry=self.registry)

    def sent(self, mails: int) -> None:
        """Count mails that went out."""
        self._sent.inc(mails)


class _Counted:
    """A performance that counts itself."""

    def __init__(self, performance: Performance, running: Gauge, ended: Counter) -> None:
        self._performance = performance
        self._running = running
        self._ended = ended
        self._outcome = "interrupted"
        running.inc()

    def until(self, stage: Stage) -> None:
        self._performance.until(stage)

    def result(self) -> Done:
        done = self._performance.result()
        self._outcome = "failed" if done.failure else "not reviewed" if done.problem else "reviewed"
        return done

    def close(self) -> None:
        self._performance.close()
        self._running.dec()
        self._ended.labels(self._outcome).inc()


class _Depths(Collector):
    """What waits, asked of the database for every look at /metrics."""

    def __init__(self, backlog: Backlog, lags: Callable[[], dict[str, float]]) -> None:
        self._backlog = backlog
        self._lags = lags

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: the database need not be there yet."""
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families; those of the database are missing while it is away."""
        lag = GaugeMetricFamily(
            "reviewbot_watch_lag_seconds", "Since a list was last read to its end.", labels=["list"]
        )
        for name, seconds in self._lags().items():
            lag.add_metric([name], seconds)
        yield lag
        up = GaugeMetricFamily("reviewbot_database_up", "Whether the database answers.")
        try:
            waiting = self._backlog.look()
        except ReviewbotError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield _family("reviewbot_jobs", "Jobs in the database.", "state", waiting.jobs)
        mails = {str(state): waiting.mails.get(state.value, 0) for state in EntryState}
        yield _family("reviewbot_outbox_mails", "Mails in the outbox.", "state", mails)
        oldest = max(0.0, time.time() - waiting.oldest) if waiting.oldest else 0.0
        yield GaugeMetricFamily(
            "reviewbot_oldest_queued_seconds", "How long a job waits already.", value=oldest
        )
        yield GaugeMetricFamily(
            "reviewbot_undecided_reviews",
            "Finished, and nothing was written yet.",
            value=waiting.undecided,
        )


def _family(
    name: str, text: str, label: str, values: dict[JobState, int] | dict[str, int]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, many in values.items():
        family.add_metric([str(value)], many)
    return family
