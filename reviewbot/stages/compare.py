# SPDX-License-Identifier: GPL-2.0-only
"""Base against series: what is worse, what is new, and what cannot be told.

What looks like a difference is repeated on both kernels; a test that is known to fail on the base now and
then is repeated until chance does not explain it, where a few runs can settle that.  Console reports
are judged by themselves: one that the base's kernel never showed is new, whatever became of the tests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reviewbot.model.baseline import Past
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.guest import BootResult, Crash, CrashKind
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.model.test import (
    Change,
    Delta,
    TestCase,
    Tested,
    TestReport,
    TestResult,
    TestRun,
)
from reviewbot.stages import flakes, odds
from reviewbot.stages.change import delta
from reviewbot.stages.tested import gaps
from reviewbot.tools import pair, testbed, unit_alone
from reviewbot.tools.baselines import Baselines
from reviewbot.tools.context import Tools
from reviewbot.tools.testbed import Kernel

_SLOWNESS = {CrashKind.STALL, CrashKind.HUNG_TASK, CrashKind.LOCKUP}
"""What a kernel says on a machine that is too busy as well: counts when it is seen again."""
_Pairs = Sequence[tuple[TestRun, TestRun]]
_Past = Mapping[str, tuple[Past, ...]]
_MOST_REPEATS = 6
"""Of a test that is known to be flaky: seven runs settle a failure that half of the runs show."""
_QUICK_SECONDS = 30.0
"""A test that took no longer on both kernels together is repeated even when nobody is blamed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """First runs.  ``boots`` are boots without tests, of (base, tip), whose consoles count too."""

    tested: Tested
    boots: tuple[tuple[BootResult, ...], tuple[BootResult, ...]] = ((), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The report, and console reports of the series' kernel that the base's did not show."""

    report: TestReport
    new_crashes: tuple[Crash, ...]


def run(request: CompareRequest, tools: Tools) -> Compared:
    """Judge first runs, repeat what looks like a difference, and judge again.

    Raises what :func:`reviewbot.tools.pair.run` raises.
    """
    tested, repeats = request.tested, tools.config.lab.repeats
    runs = _first_runs(tested)
    past: _Past = {}
    if runs:
        past = _history(tested, tools)
        runs += _repeats(request, tools, _suspects(request, runs, past, repeats))
        past = _history(tested, tools)
    return _compared(
        request,
        runs,
        [
            _checked(_delta(tested, case, runs, past, repeats), tested, tools)
            for case in _ran(tested)
        ],
    )


def first(request: CompareRequest, tools: Tools) -> Compared:
    """What first runs alone show: all that is known when nothing can be repeated.  Runs nothing."""
    tested = request.tested
    runs = _first_runs(tested)
    past = _history(tested, tools) if runs else {}
    found = [_delta(tested, case, runs, past, tools.config.lab.repeats) for case in _ran(tested)]
    return _compared(request, runs, found)


def _first_runs(tested: Tested) -> list[tuple[TestRun, TestRun]]:
    return [(tested.base, tested.tip)] if tested.base and tested.tip else []


def _compared(request: CompareRequest, runs: _Pairs, deltas: Sequence[Delta]) -> Compared:
    tested = request.tested
    base_boots, tip_boots = _boots(request, runs)
    new = new_crashes(base_boots, tip_boots)
    crashes = () if tested.same_kernel else told(base_boots, tip_boots)
    guests = len({boot.console for boot in tip_boots})
    why = f", in one of {guests} guests with the series: may be our machine's"
    if tested.same_kernel:
        why = ", by the base's own kernel: the series changes none of it"
    once = [f"{crash.title} on the console{why}" for crash in new if crash not in crashes]
    report = TestReport(
        host=tested.host,
        cases=tested.cases,
        runs=tuple(run for both in runs for run in both),
        deltas=tuple(deltas),
        not_tested=(*tested.not_tested, *once, *gaps(tested.host, deltas)),
        unavailable=tested.unavailable,
        unbuilt=tested.unbuilt,
    )
    return Compared(report=report, new_crashes=crashes)


def told(base: Sequence[BootResult], tip: Sequence[BootResult]) -> tuple[Crash, ...]:
    """New reports that count: without those that may be our busy machine's."""
    return tuple(crash for crash in new_crashes(base, tip) if not by_load(crash, tip))


def by_load(crash: Crash, tip: Sequence[BootResult]) -> bool:
    """Whether a report may be our busy machine's: of being slow, and seen in one guest only.

    A guest is known by its console: what is kept of one lies beside each of its tests.
    """
    seen = {
        boot.console
        for boot in tip
        if any(one.fingerprint == crash.fingerprint for one in boot.crashes)
    }
    return crash.kind in _SLOWNESS and len(seen) < 2


def new_crashes(base: Sequence[BootResult], tip: Sequence[BootResult]) -> tuple[Crash, ...]:
    """Reports by the series' kernel that the base's never made; each once.

    A series that renames a function, or makes the compiler inline one, changes the traces of old reports:
    the same complaint about the same function during the same test is not new.
    """
    before = [crash for boot in base for crash in boot.crashes]
    old = {crash.fingerprint for crash in before}
    about = {_about(crash) for crash in before}
    found: dict[str, Crash] = {}
    for boot in tip:
        for crash in boot.crashes:
            if crash.fingerprint not in old and _about(crash) not in about:
                found.setdefault(crash.fingerprint, crash)
    return tuple(found.values())


def _about(crash: Crash) -> tuple[CrashKind, str, str]:
    named = "()" in crash.title  # else it says nothing of where
    title = flakes.without_place(crash.title) if named else crash.fingerprint
    return crash.kind, title, crash.test


def _ran(tested: Tested) -> tuple[TestCase, ...]:
    names = {binary.name for binary in tested.binaries}
    return tuple(case for case in tested.cases if case.name in names) if tested.tip else ()


def _of(run: TestRun, name: str) -> tuple[TestResult, ...]:
    return tuple(result for result in run.results if result.name == name)


def _delta(tested: Tested, case: TestCase, runs: _Pairs, past: _Past, repeats: int) -> Delta:
    return delta(
        case,
        [result for first, _ in runs for result in _of(first, case.name)],
        [result for _, second in runs for result in _of(second, case.name)],
        repeats=repeats,
        past=past.get(case.name, ()),
        program=_program(tested, case),
        same_kernel=tested.same_kernel,
    )


def _checked(found: Delta, tested: Tested, tools: Tools) -> Delta:
    """A kvm-unit-test that fails on both: whether emulation alone, without any KVM, makes it fail so."""
    test = next((one for one in tested.binaries if one.name == found.test.name), None)
    fails = found.change is Change.SAME and found.base[0].status is Status.FAIL
    if test is None or not test.options or not fails or tested.host is None:
        return found
    alone = unit_alone.run(tools, tested.host.qemu, test)
    if alone.status is Status.FAIL and alone.assertion == found.base[0].assertion:
        return replace(found, note=f"{found.note}, and under QEMU's emulation without KVM")
    return found


def _program(tested: Tested, case: TestCase) -> str:
    return next((one.digest for one in tested.binaries if one.name == case.name), "")


def _kernels(tested: Tested) -> tuple[Kernel, Kernel] | None:
    """Base and tip, where there is all that it takes to run something on them."""
    host, images, profile = tested.host, tested.images, tested.profile
    if host is None or images is None or profile is None:
        return None
    base, tip = images
    return (
        Kernel(image=base, profile=profile, host=host, tree=tested.base_tree, apart=tested.apart),
        Kernel(image=tip, profile=profile, host=host, apart=tested.apart),
    )


def _history(tested: Tested, tools: Tools) -> _Past:
    """What the tests did on this base and its relatives before; nothing where that cannot be read."""
    kernels = _kernels(tested)
    if kernels is None:
        return {}
    baseline = testbed.baseline(tools, kernels[0])
    names = [case.name for case in _ran(tested)]
    try:
        return Baselines(tools.cache.root).past(baseline, names)
    except InfrastructureError as error:
        tools.progress(Stage.COMPARE, f"no history of the base's tests: {error}")
        return {}


def _suspects(request: CompareRequest, runs: _Pairs, past: _Past, repeats: int) -> dict[str, int]:
    """How often to repeat which tests.

    Those whose first runs look like a regression, and failing new tests; what fails in another way, or a fix,
    if that is quick.  Nobody is blamed for the latter, and what a fix cures is often a hang: repeating it
    would cost its whole time limit every time.  And during what the series' kernel complained of: a race
    that the base has as well may need more than one guest to show.
    """
    wanted = {}
    tested = request.tested
    reported = _reported(request, runs)
    for case in _ran(tested):
        found = _delta(tested, case, runs, past, repeats=1)
        if _worth_repeating(found) or case.name in reported:
            before, program = past.get(case.name, ()), _program(tested, case)
            known = flakes.known(before, found.base, found.tip, program)
            wanted[case.name] = _often(known, repeats)
    return wanted


def _boots(request: CompareRequest, runs: _Pairs) -> tuple[list[BootResult], list[BootResult]]:
    """Every guest of the base's kernel, and of the series'."""
    base, tip = request.boots
    return (
        [*base, *(boot for ran, _ in runs for boot in ran.boots)],
        [*tip, *(boot for _, ran in runs for boot in ran.boots)],
    )


def _reported(request: CompareRequest, runs: _Pairs) -> set[str]:
    """Tests during which the series' kernel reported something new; of booting, the one that is done first."""
    names = {crash.test for crash in new_crashes(*_boots(request, runs))}
    ended = [one for _, tip in runs for one in tip.results if one.exit_code is not None]
    if "" in names and ended:
        names.add(min(ended, key=lambda one: one.seconds).name)
    return names


def _often(known: flakes.Known, repeats: int) -> int:
    """Repeats that settle it, where so few can."""
    enough = odds.failures_to_blame(known.rate) if known.alike else None
    if enough is None or enough - 1 > _MOST_REPEATS:
        return repeats
    return max(repeats, enough - 1)


def _worth_repeating(found: Delta) -> bool:
    if found.change in {Change.UNCONFIRMED, Change.REGRESSION, Change.NEW_FAIL}:
        return True
    if found.change is Change.FLAKY:  # by its history: may be more than that
        return found.tip[0].status.bad
    quick = sum(result.seconds for result in (*found.base, *found.tip)) <= _QUICK_SECONDS
    return quick and found.change in {Change.FIXED, Change.DIFFERENT}


def _repeats(
    request: CompareRequest, tools: Tools, wanted: Mapping[str, int]
) -> list[tuple[TestRun, TestRun]]:
    kernels = _kernels(request.tested)
    if kernels is None:
        return []
    found = []
    for number in range(1, max(wanted.values(), default=0) + 1):
        names = [name for name, times in wanted.items() if times >= number]
        tools.progress(Stage.COMPARE, f"repeat {number}: {', '.join(names)}")
        both = pair.run(
            tools,
            *kernels,
            [binary for binary in request.tested.binaries if binary.name in names],
            repeat=number,
            on_test=lambda which, name: tools.progress(Stage.COMPARE, f"{which}: {name}"),
        )
        found.append(both)
    return found
