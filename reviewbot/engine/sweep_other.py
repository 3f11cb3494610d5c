# SPDX-License-Identifier: GPL-2.0-only
"""What the suite does where a branch leaves mainline, and on mainline: what was broken before is nobody's."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reviewbot.engine.sweep_lab import seen_of
from reviewbot.model.codec import key_of
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.model.sweep import Ending, Kind, Night, Seen
from reviewbot.stages import sweep_test

if TYPE_CHECKING:
    from reviewbot.engine.sweep_lab import Bench
    from reviewbot.model.build import Image
    from reviewbot.model.guest import Host
    from reviewbot.model.test import TestBinary
    from reviewbot.stages.sweep_plan import Branch
    from reviewbot.tools.context import Tools
    from reviewbot.tools.nights import Nights

_MOST = 60


@dataclass(frozen=True, slots=True)
class Others:
    """Nights of other branches that one is compared with."""

    nights: Nights
    branch: Branch
    bench: Bench
    tools: Tools

    @property
    def name(self) -> str:
        """What the nights of merge bases are called."""
        return f"{self.branch.mainline}@base"

    def base_night(self, night: Night) -> Night | None:
        """The night of the merge base's tree on this machine: any branch may have measured it."""
        if not night.merge_base:
            return None
        tree = self.bench.place.store.tree_of(night.merge_base)
        for name in (self.name, self.branch.mainline):
            for one in self.nights.heads(name, _MOST, ending=(Ending.COMPLETE,)):
                if one.tree_id == tree and one.machine == night.machine:
                    return self.nights.night(one.id)
        return None

    def mainline_night(self, night: Night) -> Night | None:
        """The last sweep of mainline itself, when the settings have it swept."""
        name = self.branch.mainline
        return (
            self.nights.last(name, ending=(Ending.COMPLETE,), machine=night.machine)
            if name
            else None
        )

    def measure_base(self, night: Night) -> None:
        """Run the merge base's own suite on it, once; a failure there is repeated like any other."""
        bench = self.bench
        if bench.base is None or bench.host is None or self.base_night(night) is not None:
            return
        place, started = bench.place, time.time()
        self.tools.progress(Stage.TEST, f"the merge base {place.base[:12]}")
        suite = self._suite(bench.host)
        runs = _Runs(self, bench.base, bench.host, {one.name: one for one in suite.built})
        tests = suite.binaries
        for _ in range(1 + self.tools.config.lab.repeats):
            runs.add(tests)
            tests = tuple(one for one in tests if runs.seen[one.name].failures)
            if not tests:
                break
        self.nights.record(
            Night(
                id=f"{night.id[:70]}-base",
                branch=self.name,
                commit=place.base,
                tree_id=place.base_tree,
                started=started,
                ended=time.time(),
                ending=Ending.COMPLETE,
                machine=night.machine,
                seen=(_built(bench.profile.name), *runs.seen.values(), *runs.crashes.values()),
                missing=("of a merge base only the selftests are run", *suite.missing),
            )
        )

    def confirm(self, night: Night) -> None:
        """Repeat on the merge base what fails tonight and passed there: a flaky test may have been lucky."""
        bench, known = self.bench, self.base_night(night)
        if bench.base is None or bench.host is None or known is None:
            return
        wanted = self._unconfirmed(night, known)
        if not wanted:
            return
        self.tools.progress(Stage.TEST, f"on the merge base again: {', '.join(wanted)}")
        tests = [one for one in self._suite(bench.host).binaries if one.name in wanted]
        runs = _Runs(self, bench.base, bench.host, dict(wanted))
        for number in range(max(self._left(one) for one in wanted.values())):
            runs.add(tuple(one for one in tests if self._left(wanted[one.name]) > number))
        seen = {(one.kind, one.name): one for one in known.seen}
        seen |= {(one.kind, one.name): one for one in (*runs.seen.values(), *runs.crashes.values())}
        # A night of mainline itself stays as it was.
        name = known.id if known.branch == self.name else f"{night.id[:70]}-base"
        self.nights.record(replace(known, id=name, branch=self.name, seen=tuple(seen.values())))

    def _unconfirmed(self, night: Night, known: Night) -> dict[str, Seen]:
        """What the merge base did with tests that fail tonight, passed there, and may run again."""
        failing = {one.name for one in night.seen if one.kind is Kind.TEST and one.failures}
        return {
            one.name: one
            for one in known.seen
            if one.kind is Kind.TEST
            and one.name in failing
            and one.status is Status.PASS
            and self._left(one) > 0
        }

    def _left(self, one: Seen) -> int:
        """How many runs a test has left until it ran as often as one that fails."""
        return 1 + self.tools.config.lab.repeats - one.runs

    def _suite(self, host: Host) -> sweep_test.Suite:
        request = replace(self.bench.suite_request(host), tree=self.bench.place.base_tree)
        return sweep_test.suite(request, self.tools)


@dataclass(slots=True)
class _Runs:
    """What tests did on a merge base, run after run."""

    others: Others
    image: Image
    host: Host
    seen: dict[str, Seen]
    crashes: dict[str, Seen] = field(default_factory=dict)

    def add(self, tests: tuple[TestBinary, ...]) -> None:
        """Run them once more."""
        bench, tools = self.others.bench, self.others.tools
        most = max((self.seen[one.name].runs for one in tests if one.name in self.seen), default=0)
        request = sweep_test.RunRequest(
            image=self.image,
            profile=bench.profile,
            host=self.host,
            tests=tests,
            work=key_of("base", bench.place.base_tree),
            seconds=bench.seconds,
            repeat=most,
        )
        with contextlib.closing(sweep_test.run(request, tools)) as runs:
            for ran in runs:
                for result in ran.results:
                    self.seen[result.name] = seen_of(result, ran.log, self.seen.get(result.name))
                found = bench.crashes(crash for boot in ran.boots for crash in boot.crashes)
                self.crashes |= {one.name: one for one in found}


def _built(configuration: str) -> Seen:
    """There is an image of the merge base, so it built; its warnings are nobody's."""
    return Seen(kind=Kind.BUILD, name=configuration, status=Status.PASS)
