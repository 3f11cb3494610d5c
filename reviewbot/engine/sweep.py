# SPDX-License-Identifier: GPL-2.0-only
"""One sweep of one branch: what moved since the last one, what got worse, and which commit did it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reviewbot.engine import sweep_earlier
from reviewbot.engine.sweep_commits import Commits
from reviewbot.engine.sweep_judge import Judge
from reviewbot.engine.sweep_lab import Bench, Place
from reviewbot.engine.sweep_machine import hosts, machine
from reviewbot.engine.sweep_other import Others
from reviewbot.engine.sweep_pursuit import Pursuit, archives
from reviewbot.model.codec import key_of
from reviewbot.model.errors import ReviewbotError
from reviewbot.model.sweep import Against, Bisection, Ending, Kind, Night
from reviewbot.model.sweep_report import SweepReport
from reviewbot.stages import nightly, sweep_range
from reviewbot.tools import commit_range
from reviewbot.tools.deadline import DeadlineReached, deadline
from reviewbot.tools.nights_logs import keep_logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from reviewbot.model.profile import Profile
    from reviewbot.model.sweep import Movement
    from reviewbot.model.sweep_range import RangeCommit, SweepRange
    from reviewbot.stages.sweep_plan import Branch
    from reviewbot.tools.context import Tools
    from reviewbot.tools.nights import Nights
    from reviewbot.tools.objects import ObjectStore

_LOOKING = 0.75
"""The share of the time that is for looking; the rest is for bisections."""
_CLOSING_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """A branch, found at ``tip``; ``mainline`` is a commit, "" for none.

    ``night`` is the id to use, ``until`` the moment at which it has to end (seconds since the epoch).
    ``missing`` are sentences about what is not up to date.
    """

    branch: Branch
    store: ObjectStore
    profile: Profile
    tip: str
    mainline: str
    night: str
    started: float
    until: float
    missing: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Sweep:
    """The way in is :meth:`run`.  Everything that is found is in the store as soon as it is known."""

    request: SweepRequest
    tools: Tools
    nights: Nights
    night: Night = field(init=False)
    bench: Bench = field(init=False)
    judge: Judge = field(init=False)
    range: SweepRange | None = None
    whose: dict[str, RangeCommit] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def run(self, deliver: Callable[[SweepReport], None]) -> SweepReport:
        """Look at the branch until the time is over, and hand over what there is to say.

        The night is complete when ``deliver`` has returned: an interrupted one is made again, with what is
        kept.  Raises what stops us; what was seen is recorded then.
        """
        request = self.request
        self.night = Night(
            id=request.night,
            branch=request.branch.name,
            commit=request.tip,
            tree_id=request.store.tree_of(request.tip),
            started=request.started,
            ended=request.started,
            ending=Ending.RUNNING,
            machine=machine(hosts(self.tools)[0], request.profile, self.tools),
        )
        self.nights.record(self.night)
        ending, why = Ending.FAILED, "our own mistake"
        try:
            self._prepare()
            found = self._look()
            if found is Ending.PARTIAL:
                self.bench.note((), self.bench.not_run())
            report = self._judge(self._so_far(found))
            deliver(report)
            sweep_earlier.delivered(self.nights, self.night, report.closed)
            ending, why = found, ""
        except KeyboardInterrupt:
            ending, why = Ending.PARTIAL, "it was stopped before its end"
            raise
        except ReviewbotError as error:
            why = f"our tools failed: {error}"
            raise
        finally:
            self._end(ending, why)
        return replace(report, night=self.night)

    def _look(self) -> Ending:
        request = self.request
        until = request.started + (request.until - request.started) * _LOOKING
        try:
            with deadline(until):
                return self._parts()
        except DeadlineReached:
            self.bench.missing.append(
                f"the time was over before the end of: {', '.join(self.left)}"
            )
            self.left = []
            return Ending.PARTIAL

    def _prepare(self) -> None:
        """Find the range, and lay out the bench."""
        request = self.request
        before = self.nights.last(
            request.branch.name, before=request.night, ending=(Ending.COMPLETE,)
        )
        self.range = sweep_range.run(
            sweep_range.RangeRequest(
                store=request.store,
                old=before.commit if before else "",
                tip=request.tip,
                mainline=request.mainline,
                paths=request.profile.paths,
            )
        )
        sweep_earlier.take_over(self.nights, self.night, before.id if before else "")
        base = self.range.merge_base or self.range.start or request.tip
        self.bench = Bench(
            tools=self.tools,
            place=Place(store=request.store, base=base, tip=request.tip),
            settings=request.branch.settings,
            profile=request.profile,
            work=key_of(request.branch.name, before.id if before else "", self.night.tree_id),
            seconds={one.name: one.seconds for one in before.seen if one.kind is Kind.TEST}
            if before
            else {},
            keep=self._keep,
        )
        self.bench.missing += (*request.missing, *self.range.missing)
        self._judge_by(self.night.machine)

    def _judge_by(self, machine_: str) -> None:
        self.night = replace(
            self.night, machine=machine_, merge_base=self.range.merge_base if self.range else ""
        )
        self.judge = Judge(
            nights=self.nights,
            branch=self.night.branch,
            night=self.night.id,
            machine=machine_,
        )

    def _parts(self) -> Ending:
        """Everything, the most telling first; ``left`` is what remains to be done."""
        settings, bench = self.request.branch.settings, self.bench
        parts: list[tuple[str, Callable[[], None], bool]] = [
            ("the build", bench.build, True),
            ("booting", self._boot, True),
            ("the selftests", bench.test, True),
            ("kvm-unit-tests", bench.unit_tests, bool(self.tools.config.lab.kvm_unit_tests)),
            ("repeats of suspicious tests", self._repeat, True),
            ("what was found before", lambda: self._commits().carry(), True),
            ("the rules", lambda: self._commits().rules(), settings.rules),
            ("building each new commit", lambda: self._commits().build(), settings.commits),
            ("other configurations", bench.variants, settings.variants),
            ("instructions", bench.numbers, bool(settings.performance)),
            ("the merge base", self._merge_base, self._leaves_mainline()),
            ("coverage", self._coverage, settings.coverage_days > 0),
        ]
        parts = [part for part in parts if part[2]]
        self.left = [what for what, _, _ in parts]
        done = True
        for what, work, _ in parts:
            done = bench.attempt(what, work) and done
            self.left.pop(0)
        if bench.tip is None:
            bench.note((), ("no test was run: the tip does not build or boot",))
        # What our tools did not get done is no observation, and the tests it lacks are not gone.
        return Ending.COMPLETE if done else Ending.PARTIAL

    def _boot(self) -> None:
        self.bench.boot()
        if self.bench.host:
            self._judge_by(machine(self.bench.host, self.request.profile, self.tools))

    def _repeat(self) -> None:
        wanted = self.judge.repeats(self._so_far(), self.tools.config.lab.repeats)
        self.bench.again(wanted)

    def _commits(self) -> Commits:
        assert self.range  # noqa: S101 - _prepare() made it
        return Commits(bench=self.bench, judge=self.judge, range=self.range, whose=self.whose)

    def _merge_base(self) -> None:
        others = Others(self.nights, self.request.branch, self.bench, self.tools)
        others.measure_base(self.night)
        others.confirm(self._so_far())

    def _coverage(self) -> None:
        """Once in a while, and never at the cost of a night that is late."""
        branch = self.request.branch
        period = int(self.night.started // (branch.settings.coverage_days * 24 * 3600.0))
        refreshed = f"coverage/{branch.name}/{period}"
        if self.nights.said(refreshed) is None:
            self.bench.coverage()  # cut off, the next night goes on with it
            self.nights.say(refreshed, self.night.id, self.night.started)

    def _leaves_mainline(self) -> bool:
        place = self.bench.place
        return bool(self.range and self.range.merge_base) and place.base_tree != place.tip_tree

    def _so_far(self, ending: Ending = Ending.RUNNING) -> Night:
        bench = self.bench
        return replace(
            self.night,
            ended=time.time(),
            ending=ending,
            seen=tuple(bench.seen.values()),
            measures=tuple(bench.measures),
            missing=tuple(bench.missing),
        )

    def _keep(self) -> None:
        self.nights.record(self._so_far())

    def _end(self, ending: Ending, why: str) -> None:
        """Write down how it ended, and why so."""
        if ending is Ending.PARTIAL and hasattr(self, "bench"):
            self.bench.note((), self.bench.not_run())
        night = self._so_far(ending) if hasattr(self, "bench") else self.night
        left = [f"{why}; left were: {', '.join(self.left)}" if self.left else why] if why else []
        self.night = replace(
            night, ending=ending, ended=time.time(), missing=(*left, *night.missing)
        )
        self.nights.record(self.night)
        keep_logs(self.nights, self.tools.cache, self.night)

    def _judge(self, night: Night) -> SweepReport:
        """Compare, close and open regressions, find culprits."""
        self._keep()
        judge = self.judge
        since = judge.since_last(night)
        others = Others(self.nights, self.request.branch, self.bench, self.tools)
        merge_base, mainline = others.base_night(night), others.mainline_night(night)
        first = judge.against(night, merge_base, Against.MERGE_BASE)
        movements = (*since, *first, *judge.against(night, mainline, Against.MAINLINE))
        self.nights.keep_movements(night.id, movements)
        if self.range is not None:
            self.nights.keep_range(night.id, self.range)
        earlier = judge.earlier()
        decisive = since if earlier else first
        closed = judge.settle(night, decisive, self.range)
        closed += sweep_earlier.untold(self.nights, night)
        bisections = self._pursue(decisive)
        for one in bisections:
            self.nights.keep_bisection(night.id, one)
        known = self.nights.bisections(night.branch, 200)
        tip = commit_range.describe(self.request.store, night.commit)
        return SweepReport(
            sweep=self.request.branch.sweep,
            night=replace(night, ended=time.time()),
            range=self.range,
            tip_subject=tip.subject,  # which may be a merge
            movements=movements,
            bisections=bisections,
            closed=closed,
            open=self.nights.regressions(night.branch),
            found=tuple(one for name, one in known if name != night.id),
            incomparable=nightly.incomparable(night, earlier),
        )

    def _pursue(self, movements: tuple[Movement, ...]) -> tuple[Bisection, ...]:
        if self.range is None:
            return ()
        until = self.request.until
        pursuit = Pursuit(
            judge=self.judge,
            bench=self.bench,
            range=self.range,
            whose=self.whose,
            deadline=until - min(_CLOSING_SECONDS, (until - self.request.started) / 20),
            until=until,
            archives=archives(self.tools),
        )
        return pursuit.run(movements, self.tools)
