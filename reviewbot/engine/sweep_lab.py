# SPDX-License-Identifier: GPL-2.0-only
"""What a sweep looks at: builds, boots, the suite, the rules, numbers; each as far as time allows."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reviewbot.engine.sweep_machine import hosts
from reviewbot.model.errors import ReviewbotError
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.model.sweep import Kind, Measure, Seen
from reviewbot.stages import (
    boot,
    coverage,
    selftests,
    sweep_build,
    sweep_measure,
    sweep_test,
    units,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reviewbot.model.build import Image
    from reviewbot.model.config import SweepConfig
    from reviewbot.model.guest import Crash, Host
    from reviewbot.model.profile import Profile
    from reviewbot.model.test import TestBinary, TestResult, TestRun
    from reviewbot.tools.context import Tools
    from reviewbot.tools.objects import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The commits of a sweep: where the branch begins (what is built whole), and its tip."""

    store: ObjectStore
    base: str
    tip: str

    @property
    def base_tree(self) -> str:
        """Tree id of the base."""
        return self.store.tree_of(self.base)

    @property
    def tip_tree(self) -> str:
        """Tree id of the tip."""
        return self.store.tree_of(self.tip)


@dataclass(slots=True, kw_only=True)
class Bench:
    """One branch's tip on the bench.  ``work`` names this night's work, for what can be taken up again.

    ``seconds`` is how long each test took last time.  ``keep`` is called whenever there is more to keep.
    """

    tools: Tools
    place: Place
    settings: SweepConfig
    profile: Profile
    work: str
    seconds: Mapping[str, float]
    keep: Callable[[], None]
    host: Host | None = None
    seen: dict[tuple[Kind, str], Seen] = field(default_factory=dict)
    measures: list[Measure] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    tip: Image | None = None
    base: Image | None = None
    binaries: tuple[TestBinary, ...] = ()
    where: dict[str, tuple[str, ...]] = field(default_factory=dict)
    repeated: int = 0

    def request(self) -> sweep_build.TipRequest:
        """What the build stages are asked."""
        place = self.place
        return sweep_build.TipRequest(
            repository=str(place.store.path),
            base=place.base,
            base_tree=place.base_tree,
            tip=place.tip,
            tip_tree=place.tip_tree,
            profile=self.profile,
        )

    def note(self, some: Iterable[Seen], missing: Iterable[str] = ()) -> None:
        """Add to what was seen, and to what was not looked at."""
        self.seen |= {(one.kind, one.name): one for one in some}
        self.missing += [one for one in missing if one not in self.missing]
        self.keep()

    def attempt(self, what: str, work: Callable[[], None]) -> bool:
        """Do a part whose failing must not cost the others."""
        try:
            work()
        except ReviewbotError as error:
            self.tools.progress(Stage.COMPARE, f"{what}: {error}")
            self.note((), (f"{what}: our tools failed: {error}",))
            return False
        return True

    def build(self) -> None:
        """Build base and tip."""
        found = sweep_build.run(self.request(), self.tools)
        self.tip, self.base = found.tip, found.base
        if self.tip:
            self.measures += sweep_measure.sizes(self.tip, self.tools)
        self.note(found.seen, found.missing)

    def boot(self) -> None:
        """Find out how guests run here, with the base first: what it does wrong is not the tip's."""
        first = self.base or self.tip
        if first is None:
            return
        based = boot.run(boot.BootRequest(image=first, profile=self.profile), self.tools)
        self.host = based.host
        if self.tip is None:
            return
        if first is self.tip:
            booted = based
        else:
            asked = boot.BootRequest(image=self.tip, profile=self.profile, host=based.host)
            booted = boot.run(asked, self.tools)
        life = booted.boot
        up = boot.came_up(life)
        one = Seen(
            kind=Kind.BOOT,
            name=self.profile.name,
            status=Status.PASS if up else Status.CRASH,
            detail="" if up else life.module_error or life.outcome.value,
            seconds=life.boot_seconds or 0.0,
            failures=int(not up),
            log=life.console,
        )
        self.note((one, *self.crashes(life.crashes)))
        if not up:
            self.tip = None
            self.note((), ("no test was run: the tip does not boot",))

    def test(self) -> None:
        """The whole suite, once; without a kernel it is still built."""
        if self.host is None:
            return
        suite = sweep_test.suite(self.suite_request(self.host), self.tools)
        self.binaries = suite.binaries
        self.note(suite.built, suite.missing)
        self.run(self.binaries)

    def unit_tests(self) -> None:
        """All kvm-unit-tests that can be run here."""
        if self.tip is None or self.host is None:
            return
        found = units.whole(self.host.vendor, selftests.scale(self.host, self.tools), self.tools)
        self.binaries += found.binaries
        self.note((), found.not_tested)
        self.run(found.binaries)

    def suite_request(self, host: Host) -> sweep_test.SuiteRequest:
        """The tests of the tip's own tree."""
        place = self.place
        return sweep_test.SuiteRequest(
            repository=str(place.store.path),
            base_tree=place.base_tree,
            tree=place.tip_tree,
            globs=self.settings.tests,
            profile=self.profile,
            host=host,
        )

    def run(self, tests: tuple[TestBinary, ...], repeat: int = 0) -> None:
        """Run some tests on the tip and add what they did to what is known of them."""
        if self.tip is None or self.host is None or not tests:
            return
        request = sweep_test.RunRequest(
            image=self.tip,
            profile=self.profile,
            host=self.host,
            tests=tests,
            work=self.work,
            seconds=self.seconds,
            repeat=repeat,
        )
        with contextlib.closing(sweep_test.run(request, self.tools)) as runs:
            for ran in runs:
                self._take(ran, again=bool(repeat))

    def _take(self, ran: TestRun, *, again: bool) -> None:
        for result in ran.results:
            known = self.seen.get((Kind.TEST, result.name)) if again else None
            self.seen[Kind.TEST, result.name] = seen_of(result, ran.log, known)
        self.note(self.crashes(crash for boot_ in ran.boots for crash in boot_.crashes))

    def not_run(self) -> tuple[str, ...]:
        """A sentence about programs that no guest got to."""
        left = [one.name for one in self.binaries if (Kind.TEST, one.name) not in self.seen]
        shown = ", ".join(left[:5]) + (", ..." if len(left) > 5 else "")
        return (f"{len(left)} of {len(self.binaries)} tests were not run: {shown}",) if left else ()

    def again(self, names: Mapping[str, int]) -> None:
        """Repeat tests, each so often."""
        most = max(names.values(), default=0)
        for number in range(1, most + 1):
            self.repeated += 1
            tests = tuple(one for one in self.binaries if names.get(one.name, 0) >= number)
            self.tools.progress(
                Stage.COMPARE, f"repeat {number}: {', '.join(t.name for t in tests)}"
            )
            self.run(tests, repeat=self.repeated)

    def crashes(self, found: Iterable[Crash]) -> tuple[Seen, ...]:
        """Console reports by fingerprint; which tests printed them is remembered."""
        seen = {}
        for crash in found:
            tests = (*self.where.get(crash.fingerprint, ()), *((crash.test,) if crash.test else ()))
            self.where[crash.fingerprint] = tuple(dict.fromkeys(tests))
            during = f" (during {crash.test})" if crash.test else " (while booting)"
            seen[crash.fingerprint] = Seen(
                kind=Kind.CONSOLE,
                name=crash.fingerprint,
                status=Status.CRASH,
                detail=f"{crash.title}{during}",
                failures=1,
            )
        return tuple(seen.values())

    def variants(self) -> None:
        """The other configurations and architectures."""
        found = sweep_build.run_variants(self.request(), self.tools)
        self.note(found.seen, found.missing)

    def numbers(self) -> None:
        """Instructions of booting and of the chosen tests."""
        if self.tip is None or self.host is None or not self.settings.performance:
            return
        emulator = hosts(self.tools)[-1]
        slow = replace(self.suite_request(emulator), globs=self.settings.performance)
        suite = sweep_test.suite(slow, self.tools)
        counted = sweep_measure.run(
            sweep_measure.MeasureRequest(
                image=self.tip, profile=self.profile, emulator=emulator, tests=suite.binaries
            ),
            self.tools,
        )
        self.measures += counted.measures
        self.note((), (*suite.missing, *counted.missing))

    def coverage(self) -> None:
        """Which selftests execute what, of the base: reviews choose their tests by it."""
        place = self.place
        request = coverage.CoverageRequest(
            repository=str(place.store.path),
            commit=place.base,
            tree_id=place.base_tree,
            profile=self.profile,
            tests=self.settings.tests,
            host=self.host,
        )
        share = sweep_measure.executed(coverage.run(request, self.tools))
        self.measures += [share] if share else []


def seen_of(result: TestResult, log: str, known: Seen | None = None) -> Seen:
    """One execution, added to those that are ``known`` of the same night.

    What an emulated guest's death says of a test is its status; a test that was never reached is INFRA.
    """
    bad = result.status.bad
    fresh = Seen(
        kind=Kind.TEST,
        name=result.name,
        status=result.status,
        detail=result.assertion if result.status is not Status.PASS else "",
        seconds=result.seconds,
        runs=int(result.status is not Status.INFRA),
        failures=int(bad),
        log=log,
    )
    if known is None or known.status is Status.INFRA:
        return fresh
    if result.status is Status.INFRA:
        return known
    worst = fresh if bad and not known.failures else known
    return replace(worst, runs=known.runs + 1, failures=known.failures + int(bad))
