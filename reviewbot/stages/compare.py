# SPDX-License-Identifier: GPL-2.0-only
"""Base against series: what is worse, what is new, and what cannot be told.

A failure counts as a regression only when the base passes, the series fails, and every repeat on both
kernels says the same.  Where repeats disagree the test is flaky, and said to be.  Console reports are
judged by themselves: one that the base's kernel never showed is new, whatever became of the tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reviewbot.model.guest import Accelerator, BootResult, Crash
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
    Why,
)
from reviewbot.parse import selftest
from reviewbot.tools import pair
from reviewbot.tools.context import Tools
from reviewbot.tools.testbed import Kernel

_BAD = {Status.FAIL, Status.CRASH, Status.TIMEOUT}
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
    tested = request.tested
    runs = [(tested.base, tested.tip)] if tested.base and tested.tip else []
    if runs:
        runs += _repeats(request, tools, _suspects(tested, runs))
    deltas = tuple(_delta(case, runs, tools.config.lab.repeats) for case in _ran(tested))
    base_boots = (*request.boots[0], *(boot for base, _ in runs for boot in base.boots))
    tip_boots = (*request.boots[1], *(boot for _, tip in runs for boot in tip.boots))
    report = TestReport(
        host=tested.host,
        cases=tested.cases,
        runs=tuple(run for both in runs for run in both),
        deltas=deltas,
        not_tested=(*tested.not_tested, *_gaps(request, deltas)),
        unavailable=tested.unavailable,
    )
    return Compared(report=report, new_crashes=new_crashes(base_boots, tip_boots))


def new_crashes(base: Sequence[BootResult], tip: Sequence[BootResult]) -> tuple[Crash, ...]:
    """Reports by the series' kernel whose fingerprint the base's never had; each once."""
    old = {crash.fingerprint for boot in base for crash in boot.crashes}
    found: dict[str, Crash] = {}
    for boot in tip:
        for crash in boot.crashes:
            if crash.fingerprint not in old:
                found.setdefault(crash.fingerprint, crash)
    return tuple(found.values())


def delta(
    case: TestCase, base: Sequence[TestResult], tip: Sequence[TestResult], *, repeats: int
) -> Delta:
    """Judge one test by its executions on both kernels, first runs first.  Pure.

    ``repeats`` is how many repeats a regression needs on top of the first run.
    """
    change, note = _judge(case, tuple(base), tuple(tip), repeats)
    return Delta(test=case, change=change, base=tuple(base), tip=tuple(tip), note=note)


def _judge(
    case: TestCase, base: tuple[TestResult, ...], tip: tuple[TestResult, ...], repeats: int
) -> tuple[Change, str]:
    if not base or not tip or _unknown(base) or _unknown(tip):
        return Change.UNKNOWN, "no result from our guest: " + _why_unknown(base, tip)
    was, now = _agreed(base), _agreed(tip)
    if was is None or now is None:
        return _disagreement(base, tip)
    if case.why is Why.ADDED:
        return _new(base[0], tip[0])
    skips = _skips_now(base, tip)
    if _good(was) == _good(now) and not skips:
        return Change.SAME, _same_note(base[0], tip[0])
    if _good(now) and not skips:
        return Change.FIXED, "" if len(tip) > 1 else "seen once"
    if min(len(base), len(tip)) <= repeats:
        return Change.UNCONFIRMED, "not repeated often enough to be sure"
    if skips:
        return (
            Change.REGRESSION,
            f"passes on the base, skips itself with the series: {tip[0].assertion}",
        )
    return Change.REGRESSION, f"base passes and series fails, {len(tip)} times of {len(tip)}"


def _skips_now(base: tuple[TestResult, ...], tip: tuple[TestResult, ...]) -> bool:
    """One program, run on both kernels: what it no longer finds, the series took away."""
    passed = all(result.status is Status.PASS for result in base)
    return passed and all(result.status is Status.SKIP for result in tip)


def _disagreement(base: tuple[TestResult, ...], tip: tuple[TestResult, ...]) -> tuple[Change, str]:
    """Executions on one kernel differ: flaky on the base, or only here."""
    if _agreed(base) is None:
        return Change.FLAKY, f"{_shares(base)} on the base, {_shares(tip)} here"
    if _good(base[0].status) and not _good(tip[0].status):
        return Change.UNCONFIRMED, f"{_shares(tip)} here, {_shares(base)} on the base"
    return Change.FLAKY, f"{_shares(tip)} here, {_shares(base)} on the base"


def _new(base: TestResult, tip: TestResult) -> tuple[Change, str]:
    if tip.status in _BAD:
        return Change.NEW_FAIL, ""
    if tip.status is Status.SKIP:
        return Change.NEW_SKIP, tip.assertion
    if base.status is Status.PASS:
        return Change.NEW_PASS, "passes on the base too: it does not need this series"
    verb = {Status.SKIP: "skips itself", Status.TIMEOUT: "does not end", Status.CRASH: "crashes"}
    return Change.NEW_PASS, f"{verb.get(base.status, 'fails')} on the base, as a new test should"


def _same_note(base: TestResult, tip: TestResult) -> str:
    if tip.status not in _BAD:
        return ""
    if base.status is tip.status and selftest.same_assertion(base.assertion, tip.assertion):
        return "exact same failure on the base"
    return f"fails on both, differently: on the base {base.status.value}: {base.assertion}"


def _good(status: Status) -> bool:
    return status not in _BAD


def _unknown(results: tuple[TestResult, ...]) -> bool:
    return any(result.status is Status.INFRA for result in results)


def _why_unknown(base: tuple[TestResult, ...], tip: tuple[TestResult, ...]) -> str:
    said = [r.assertion for r in (*base, *tip) if r.status is Status.INFRA and r.assertion]
    return said[0] if said else "it was not run on both kernels"


def _agreed(results: tuple[TestResult, ...]) -> Status | None:
    """The status that all executions agree on (any kind of failure is a failure), else None."""
    goods = {_good(result.status) for result in results}
    return results[0].status if len(goods) == 1 else None


def _shares(results: tuple[TestResult, ...]) -> str:
    bad = sum(1 for result in results if not _good(result.status))
    return f"fails {bad} of {len(results)}"


def _ran(tested: Tested) -> tuple[TestCase, ...]:
    names = {binary.name for binary in tested.binaries}
    return tuple(case for case in tested.cases if case.name in names) if tested.tip else ()


def _of(run: TestRun, name: str) -> tuple[TestResult, ...]:
    return tuple(result for result in run.results if result.name == name)


def _delta(case: TestCase, runs: Sequence[tuple[TestRun, TestRun]], repeats: int) -> Delta:
    base = [result for first, _ in runs for result in _of(first, case.name)]
    tip = [result for _, second in runs for result in _of(second, case.name)]
    return delta(case, base, tip, repeats=repeats)


def _suspects(tested: Tested, runs: Sequence[tuple[TestRun, TestRun]]) -> tuple[str, ...]:
    """Tests whose first runs look like a regression; a fix or a failing new test if that is quick.

    Nobody is blamed for those two, and what a fix cures is often a hang: repeating it would cost its
    whole time limit every time.
    """
    deltas = [_delta(case, runs, repeats=1) for case in _ran(tested)]
    return tuple(found.test.name for found in deltas if _worth_repeating(found))


def _worth_repeating(found: Delta) -> bool:
    if found.change in {Change.UNCONFIRMED, Change.REGRESSION}:
        return True
    quick = sum(result.seconds for result in (*found.base, *found.tip)) <= _QUICK_SECONDS
    return quick and found.change in {Change.FIXED, Change.NEW_FAIL}


def _repeats(
    request: CompareRequest, tools: Tools, names: Sequence[str]
) -> list[tuple[TestRun, TestRun]]:
    tested = request.tested
    if not names or tested.host is None or tested.images is None or tested.profile is None:
        return []
    tests = [binary for binary in tested.binaries if binary.name in names]
    base, tip = (
        Kernel(image=image, profile=tested.profile, host=tested.host) for image in tested.images
    )
    found = []
    for number in range(1, tools.config.lab.repeats + 1):
        tools.progress(Stage.COMPARE, f"repeat {number}: {', '.join(names)}")
        both = pair.run(
            tools,
            base,
            tip,
            tests,
            repeat=number,
            on_test=lambda which, name: tools.progress(Stage.COMPARE, f"{which}: {name}"),
        )
        found.append(both)
    return found


def _gaps(request: CompareRequest, deltas: Sequence[Delta]) -> list[str]:
    """Sentences about what these runs do not show."""
    said = []
    host = request.tested.host
    if host and host.vendor == "amd":
        how = "emulated" if host.accelerator is Accelerator.TCG else "this host is AMD"
        said.append(f"Intel (no VMX: {how})" if how == "emulated" else f"Intel ({how})")
    elif host and host.vendor == "intel":
        said.append("AMD (this host is Intel)")
    for found in deltas:
        if found.change is not Change.NEW_SKIP and found.tip and found.tip[0].status is Status.SKIP:
            reason = found.tip[0].assertion or "no reason given"
            said.append(f"{found.test.name}: skipped itself: {reason}")
    return said
