# SPDX-License-Identifier: GPL-2.0-only
"""Whether what a commit shows is the failure that is looked for, something else, or nothing bad.  Pure.

Only the same failure is bad: of a commit whose test fails at another assertion, or which does not build
for another reason, nobody can tell whether it has the failure that is looked for.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reviewbot.model.bisection import Failure
from reviewbot.model.guest import BootResult, Outcome
from reviewbot.model.status import Status
from reviewbot.model.sweep import Kind, StepOutcome
from reviewbot.model.test import TestResult, TestRun
from reviewbot.parse import selftest
from reviewbot.stages.bisect_build import TreeBuild
from reviewbot.tools.guest_results import NOT_REACHED

_NUMBER = re.compile(r"\d+")
_QUOTES = str.maketrans("\u2018\u2019`", "'''")
_WIDTH = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one commit showed of one failure: it was there in ``failures`` of ``runs`` executions.

    ``why`` is the reason where nothing was learnt.
    """

    outcome: StepOutcome
    why: str = ""
    runs: int = 0
    failures: int = 0


GOOD = Look(outcome=StepOutcome.GOOD, runs=1)
BAD = Look(outcome=StepOutcome.BAD, runs=1, failures=1)


def cannot_tell(why: str) -> Look:
    """Nothing was learnt; ``why`` is one line."""
    return Look(outcome=StepOutcome.SKIPPED, why=" ".join(why.split())[:_WIDTH])


def build(failure: Failure, built: TreeBuild) -> Look | None:
    """The answer of a build; None when only running what was built can answer."""
    if built.status not in {Status.PASS, Status.FAIL}:
        return cannot_tell(f"the build did not end: {built.status}")
    if failure.kind is Kind.WARNING:
        if any(_names(failure.name, place[2], place[0]) for place in built.said):
            return BAD
        return GOOD if built.status is Status.PASS else _unbuilt(built)
    if failure.kind is Kind.BUILD:
        if built.status is Status.PASS:
            return GOOD
        same = not failure.detail or any(
            _names(failure.detail, error.message, "") for error in built.errors
        )
        return BAD if same else _unbuilt(built)
    return _unbuilt(built) if built.status is Status.FAIL else None


def boot(failure: Failure, booted: BootResult) -> Look:
    """The answer of a boot without tests, for a BOOT failure and a CONSOLE one without tests."""
    if failure.kind is Kind.CONSOLE:
        return _console(failure, (booted,))
    if booted.outcome is Outcome.INFRA:
        return cannot_tell("the guest could not be started")
    up = booted.outcome is Outcome.FINISHED and not booted.module_error
    return GOOD if up else BAD


def tests(failure: Failure, ran: TestRun, times: int) -> Look:
    """The answer of a run of tests, for a TEST failure and a CONSOLE one with tests.

    Each test was run ``times`` times, under names by :func:`repeated`.
    """
    if failure.kind is Kind.CONSOLE:
        return _console(failure, ran.boots, ran.results)
    results = {result.name: result for result in ran.results}
    looks = [_test(failure, results.get(repeated(failure.name, number))) for number in range(times)]
    told = [look for look in looks if look.outcome is not StepOutcome.SKIPPED]
    if not told:
        return looks[0]
    failures = sum(look.failures for look in told)
    outcome = StepOutcome.BAD if failures else StepOutcome.GOOD
    return Look(outcome=outcome, runs=len(told), failures=failures)


def program(name: str) -> str:
    """The selftest of a name that may end with module parameters: "x86_64/state_test [npt=0]"."""
    return name.partition(" [")[0]


def repeated(name: str, number: int) -> str:
    """What a test is called when it is run again in the same guest; ``number`` 0 is the first."""
    first, bracket, rest = name.partition(" [")
    return f"{first}.{number + 1}{bracket}{rest}" if number else name


def _test(failure: Failure, result: TestResult | None) -> Look:
    if result is None or result.status is Status.INFRA:
        return cannot_tell(result.assertion if result else "it was not run")
    if result.assertion.startswith(NOT_REACHED):
        return cannot_tell(result.assertion)
    if result.status is Status.PASS:
        return GOOD
    if failure.status is Status.SKIP:
        same = result.status is Status.SKIP
        return BAD if same else cannot_tell(f"it fails: {result.assertion}")
    if not result.status.bad:
        return cannot_tell(f"it skips itself: {result.assertion}")
    if _same(failure, result):
        return BAD
    return cannot_tell(f"another failure: {result.assertion or result.status}")


def _same(failure: Failure, result: TestResult) -> bool:
    if not failure.detail or selftest.same_assertion(failure.detail, result.assertion):
        return True
    # What hung or took its guest down has no assertion of its own; a crash has a title.
    if failure.status is Status.TIMEOUT:
        return result.status is Status.TIMEOUT
    return result.assertion != "" and _plain(result.assertion) == _plain(failure.detail)


def _console(
    failure: Failure, boots: Sequence[BootResult], results: Sequence[TestResult] = ()
) -> Look:
    if any(crash.fingerprint == failure.name for one in boots for crash in one.crashes):
        return BAD
    ended = [result for result in results if result.status is Status.INFRA]
    unreached = [one for one in results if one.assertion.startswith(NOT_REACHED)]
    lost = not results and any(one.outcome is not Outcome.FINISHED for one in boots)
    if ended or unreached or lost:
        said = (*ended, *unreached)
        return cannot_tell(said[0].assertion if said else "the guest ended early")
    return GOOD


def _unbuilt(built: TreeBuild) -> Look:
    first = next(iter(built.errors), None)
    where = f"{first.path}: {first.message}" if first else "without naming an error"
    return cannot_tell(f"does not build: {where}")


def _names(said: str, message: str, path: str) -> bool:
    """Whether a sweep's line is about a message: lines, sizes and what stands around it do not count."""
    return bool(message) and _plain(message) in _plain(said) and path in said


def _plain(text: str) -> str:
    """Text as it compares: gcc's quotes depend on where it runs, its numbers on the line."""
    return _NUMBER.sub("N", text.translate(_QUOTES))


def names_of(failures: Iterable[Failure]) -> tuple[str, ...]:
    """The tests that these failures need, each once."""
    wanted: list[str] = []
    for failure in failures:
        wanted += [failure.name] if failure.kind is Kind.TEST else failure.tests
    return tuple(dict.fromkeys(wanted))
