# SPDX-License-Identifier: GPL-2.0-only
"""What counts as the failure that is looked for, and what tells nothing."""

import pytest

from reviewbot.model.bisection import Failure
from reviewbot.model.build import Diagnostic, Level
from reviewbot.model.guest import BootResult, Crash, CrashKind, Outcome
from reviewbot.model.status import Status
from reviewbot.model.sweep import Kind, StepOutcome
from reviewbot.model.test import TestResult, TestRun
from reviewbot.parse.thread_link import message_id
from reviewbot.stages import bisect_judge
from reviewbot.stages.bisect_build import TreeBuild

GOOD, BAD, SKIPPED = StepOutcome.GOOD, StepOutcome.BAD, StepOutcome.SKIPPED
ASSERTION = "x86_64/t.c:7: a == b | errno 22 Invalid argument | saw 5"


def booted(outcome=Outcome.FINISHED, *, crashes=(), module_error=""):
    return BootResult(
        outcome=outcome,
        seconds=1.0,
        boot_seconds=1.0,
        command="",
        console="",
        last_lines=(),
        crashes=crashes,
        module_error=module_error,
    )


def ran(status, assertion="", *, boots=()):
    result = TestResult(
        name="x86_64/t", status=status, seconds=1.0, exit_code=0, assertion=assertion
    )
    return TestRun(commit="c", repeat=0, results=(result,), boots=boots)


def failed(detail="", status=Status.FAIL):
    return Failure(kind=Kind.TEST, name="x86_64/t", detail=detail, status=status)


@pytest.mark.parametrize(
    ("failure", "run", "outcome"),
    [
        (failed(ASSERTION), ran(Status.PASS), GOOD),
        (failed(ASSERTION), ran(Status.FAIL, ASSERTION.replace("saw 5", "saw 6")), BAD),
        (failed(ASSERTION), ran(Status.FAIL, "x86_64/t.c:9: c == d"), SKIPPED),
        (failed(), ran(Status.FAIL, "x86_64/t.c:9: c == d"), BAD),
        (failed(ASSERTION), ran(Status.SKIP, "no such hardware"), SKIPPED),
        (failed("", Status.SKIP), ran(Status.SKIP, "no such hardware"), BAD),
        (failed("", Status.SKIP), ran(Status.FAIL, ASSERTION), SKIPPED),
        (failed("not finished", Status.TIMEOUT), ran(Status.TIMEOUT, "not finished after 9"), BAD),
        (failed("BUG: at 17", Status.CRASH), ran(Status.CRASH, "BUG: at 18"), BAD),
        (failed("BUG: at 17", Status.CRASH), ran(Status.CRASH, "WARNING: else"), SKIPPED),
        (failed(), ran(Status.CRASH, "module did not load: kvm.ko: -2"), SKIPPED),
        (failed(), ran(Status.CRASH, "the guest ended before the first test: panic"), SKIPPED),
        (failed(), ran(Status.INFRA, "QEMU was killed"), SKIPPED),
        (failed(), TestRun(commit="c", repeat=0, results=(), boots=()), SKIPPED),
    ],
)
def test_only_the_same_failure_is_bad(failure, run, outcome):
    look = bisect_judge.tests(failure, run, 1)
    assert look.outcome is outcome
    assert bool(look.why) == (outcome is SKIPPED)


def test_repeats_in_one_guest_count_each():
    def named(name, status):
        return TestResult(name=name, status=status, seconds=1.0, exit_code=0, assertion="t.c:1: a")

    assert bisect_judge.repeated("x86_64/t [npt=0]", 1) == "x86_64/t.2 [npt=0]"
    assert bisect_judge.program("x86_64/t [npt=0]") == "x86_64/t"
    results = (
        named("x86_64/t", Status.PASS),
        named("x86_64/t.2", Status.FAIL),
        named("x86_64/t.3", Status.INFRA),
    )
    run = TestRun(commit="c", repeat=0, results=results, boots=())
    look = bisect_judge.tests(failed(), run, 3)
    assert (look.outcome, look.runs, look.failures) == (BAD, 2, 1)


@pytest.mark.parametrize(
    ("boot", "outcome"),
    [
        (booted(), GOOD),
        (booted(Outcome.PANIC), BAD),
        (booted(module_error="kvm.ko: -2"), BAD),
        (booted(Outcome.INFRA), SKIPPED),
    ],
)
def test_a_boot_failure(boot, outcome):
    assert bisect_judge.boot(Failure(kind=Kind.BOOT, name=""), boot).outcome is outcome


def test_a_console_report_is_known_by_its_fingerprint():
    crash = Crash(kind=CrashKind.WARN, title="WARNING", frames=(), fingerprint="abc", excerpt=())
    mine = Failure(kind=Kind.CONSOLE, name="abc")
    other = Failure(kind=Kind.CONSOLE, name="def")
    assert bisect_judge.boot(mine, booted(crashes=(crash,))).outcome is BAD
    assert bisect_judge.boot(other, booted(crashes=(crash,))).outcome is GOOD
    # A guest that ended early may not have come as far as the report.
    assert bisect_judge.boot(other, booted(Outcome.PANIC)).outcome is SKIPPED
    during = Failure(kind=Kind.CONSOLE, name="abc", tests=("x86_64/t",))
    assert bisect_judge.tests(during, ran(Status.PASS, boots=(booted(),)), 1).outcome is GOOD
    assert (
        bisect_judge.tests(during, ran(Status.FAIL, boots=(booted(crashes=(crash,)),)), 1).outcome
        is BAD
    )


def test_a_build_that_fails_for_another_reason_tells_nothing():
    error = Diagnostic(
        path="a.c", line=3, column=1, level=Level.ERROR, message="\u2018x\u2019 undeclared"
    )
    broken = TreeBuild(tree_id="t", status=Status.FAIL, seconds=1.0, errors=(error,))
    fine = TreeBuild(tree_id="t", status=Status.PASS, seconds=1.0)
    ended = TreeBuild(tree_id="t", status=Status.TIMEOUT, seconds=1.0)
    same = Failure(kind=Kind.BUILD, name="kvm", detail="a.c:9: 'x' undeclared")
    other = Failure(kind=Kind.BUILD, name="kvm", detail="a.c:9: 'y' undeclared")
    assert [bisect_judge.build(one, broken).outcome for one in (same, other)] == [BAD, SKIPPED]
    assert [bisect_judge.build(same, one).outcome for one in (fine, ended)] == [GOOD, SKIPPED]
    assert bisect_judge.build(failed(), fine) is None
    assert bisect_judge.build(failed(), broken).outcome is SKIPPED


@pytest.mark.parametrize(
    ("trailers", "expected"),
    [
        ("Link: https://lore.kernel.org/r/a.b-1@example.org\n", "a.b-1@example.org"),
        ("Link: https://patch.msgid.link/a%2Bb@example.org/\n", "a+b@example.org"),
        ("Link: https://lore.kernel.org/kvm/x@y.org/T/#u\nLink: https://lore.kernel.org/r/z@y.org\n", "z@y.org"),
        ("Message-ID: <q@y.org>\n", "q@y.org"),
        ("Link: https://bugzilla.kernel.org/show_bug.cgi?id=1\n", ""),
        ("Link: https://lore.kernel.org/r/%0a%3cx@y.org\n", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_the_thread_a_commit_came_from(trailers, expected):
    message = f"KVM: x\n\nText.\n\n{trailers}Signed-off-by: A <a@example.org>\n"
    assert message_id(message) == expected
