# SPDX-License-Identifier: GPL-2.0-only
"""The first line and the exit status, and which of several troubles is named first."""

from dataclasses import replace

import pytest
import sample_runs
from hypothesis import given
from hypothesis import strategies as st
from sample_runs import CASES, SAME, built, commit_build, delta, report_of, whole

from reviewbot.model.finding import CheckResult, RuleOutcome, RuleStatus
from reviewbot.model.guest import Outcome
from reviewbot.model.run import Stage, VerdictKind
from reviewbot.model.status import Status
from reviewbot.model.test import Change
from reviewbot.stages import judge, report

TABLE = {
    "findings": (1, "1 error, 2 warnings, 1 note, no regression found."),
    "clean": (0, "no findings, no regression found."),
    "only_notes": (0, "1 note, no regression found."),
    "build_warning": (1, "1 new compiler warning, no regression found."),
    "build_error": (1, "patch 4/8 does not build (not tested)."),
    "regression": (1, "1 regression (x86/state_test)."),
    "crash": (1, "1 regression (x86/state_test), new warning on the console."),
    "new_test_fails": (1, "new test x86/svm_nested_pat_test fails, no regression found."),
    "wrong_base": (
        2,
        (
            "wrong base or missing prerequisite: vm_enable_npt, tdp_identity_map_default_memslots are "
            "defined neither by the series nor by its base; 1 warning from the rules."
        ),
    ),
    "base_does_not_build": (
        2,
        "the base itself does not build, so the series could not be judged.",
    ),
    "conflict": (
        2,
        (
            "does not apply to kvm-x86 at 0123456789ab: patch 6/8 conflicts in "
            "arch/x86/kvm/svm/nested.c."
        ),
    ),
    "declined": (
        2,
        "declined, QEMU series: patch 1/4 changes target/i386/kvm/kvm.c of QEMU.",
    ),
    "partial": (2, "1 note (only 6 of 8 patches seen; rules only: not built, not tested)."),
    "infra": (
        3,
        (
            "our tools failed, not the series: build: disk full while writing below "
            "~/.cache/reviewbot; free some space."
        ),
    ),
    "only_rules": (1, "2 warnings (rules only: not built, not tested)."),
    "single_patch": (1, "1 error, no regression found."),
    "many_findings": (1, "31 warnings, 9 notes, no regression found."),
}


@pytest.mark.parametrize("name", TABLE)
def test_line_and_exit_status(name):
    verdict = CASES[name]().verdict
    assert (verdict.exit_code, verdict.line) == TABLE[name]


def test_a_finding_outranks_our_failure_but_both_are_named():
    verdict = sample_runs.infra_and_findings().verdict
    assert verdict.kind is VerdictKind.FINDINGS
    assert verdict.line.startswith("1 warning (our tools failed in build: disk full")


def test_wrong_base_is_not_counted_as_the_authors_build_failure():
    assert "does not build" not in sample_runs.wrong_base().verdict.line


def test_rules_that_could_not_run_are_named():
    outcomes = (
        RuleOutcome(code="A-1", status=RuleStatus.RAN),
        RuleOutcome(code="A-2", status=RuleStatus.COULD_NOT_RUN, reason="no compiler"),
    )
    run = whole(check=CheckResult(findings=(), facts=(), outcomes=outcomes))
    assert run.verdict.line == "no findings, no regression found (1 of 2 rules could not run)."


def test_tests_that_could_not_be_told_are_named():
    unclear = delta("x86/a", Change.UNCONFIRMED, (Status.PASS,), (Status.FAIL, Status.PASS))
    unknown = delta("x86/b", Change.UNKNOWN, (), (Status.TIMEOUT,))
    line = whole(tests=report_of(*SAME, unclear, unknown)).verdict.line
    assert (
        line == "no findings, no regression found, 1 failure not confirmed, 1 test not comparable."
    )


def test_a_run_stopped_before_the_rules_claims_nothing():
    run = whole(
        check=None,
        build=None,
        boot=None,
        tests=None,
        skipped=sample_runs.stopped(Stage.APPLY, "--until apply"),
    )
    assert run.verdict.exit_code == 0
    assert run.verdict.line == (
        "the series of 8 patches applies; nothing was checked (--until apply)."
    )


def test_a_kernel_that_does_not_come_up_is_a_finding_when_nothing_compared_it():
    dead = replace(sample_runs.BOOT, outcome=Outcome.PANIC, boot_seconds=None)
    verdict = whole(boot=dead, tests=None).verdict
    assert verdict.exit_code == 1
    assert "does not come up (panic)" in verdict.line


@pytest.mark.parametrize(
    "boot",
    [
        replace(sample_runs.BOOT, outcome=Outcome.HUNG, boot_seconds=None),
        replace(sample_runs.BOOT, module_error="kvm.ko: unknown symbol"),
    ],
    ids=["hangs", "module"],
)
@pytest.mark.parametrize("tests", [None, report_of()], ids=["no tests", "no deltas"])
def test_a_kernel_that_does_not_come_up_is_never_clean(boot, tests):
    verdict = whole(boot=boot, tests=tests).verdict
    assert verdict.kind is VerdictKind.FINDINGS, verdict.line
    assert "does not come up" in verdict.line


def test_our_time_limit_is_nobodys_bug():
    for slow in (
        built(commit_build(3, Status.TIMEOUT)),
        replace(built(), base=commit_build(0, Status.TIMEOUT)),
    ):
        assert whole(build=slow, boot=None, tests=None).verdict.kind is VerdictKind.INFRA


@given(
    st.sampled_from([stage for stage in Stage if stage is not Stage.FETCH]), st.text(max_size=30)
)
def test_a_failure_of_ours_is_never_clean(stage, reason):
    assert judge.run(replace(sample_runs.clean(), failures=((stage, reason),))).exit_code == 3


LOST = delta("x86/lost", Change.UNKNOWN, (Status.PASS,), (Status.INFRA,))


@pytest.mark.parametrize(
    "changes",
    [
        {"build": built(commit_build(3, Status.INFRA))},
        {"build": replace(built(), base=commit_build(0, Status.INFRA))},
        {"applied": replace(sample_runs.applied(), status=Status.INFRA)},
        {"boot": replace(sample_runs.BOOT, outcome=Outcome.INFRA), "tests": None},
        {"base_boot": replace(sample_runs.BOOT, outcome=Outcome.HUNG), "boot": None, "tests": None},
        {"tests": report_of(*SAME, LOST)},
        {"check": replace(sample_runs.checked(), lost=("KVM-ABI-001",))},
        {"series": None},
    ],
    ids=["patch", "base", "apply", "boot", "base boot", "test", "rule", "nothing read"],
)
def test_missing_evidence_is_never_clean(changes):
    assert whole(**changes).verdict.kind is VerdictKind.INFRA


def test_a_partial_series_is_never_clean():
    run = sample_runs.partial()
    empty = replace(run, check=replace(run.check, findings=()))
    assert judge.run(empty).exit_code == 2
    assert "only 6 of 8 patches seen" in judge.run(empty).line


def test_tests_that_all_skip_themselves_show_nothing():
    skipped = sample_runs.delta("x86/one", Change.SAME, (Status.SKIP,), (Status.SKIP,))
    passed = sample_runs.delta("x86/two", Change.SAME, (Status.PASS,), (Status.PASS,))
    run = sample_runs.CASES["clean"]()
    none = replace(run, tests=sample_runs.report_of(skipped))
    some = replace(run, tests=sample_runs.report_of(skipped, passed))
    assert judge.run(none).line == "no findings (every test skipped itself)."
    assert judge.run(some).line == "no findings, no regression found."


@pytest.mark.parametrize("skipped", [0, 1])
def test_no_regression_is_claimed_where_no_guest_had_a_result(skipped):
    lost = [
        sample_runs.delta(name, Change.UNKNOWN, (Status.PASS,), (Status.INFRA,))
        for name in ("x86/state_test", "x86/smm_test")
    ]
    more = [sample_runs.delta("x86/a", Change.SAME, (Status.SKIP,), (Status.SKIP,))] * skipped
    run = sample_runs.CASES["single_patch"]()
    line = judge.run(replace(run, tests=sample_runs.report_of(*lost, *more))).line
    ours = "our tools failed in test: no result from x86/state_test, x86/smm_test"
    assert line.startswith("1 error, 2 tests not comparable (")
    assert ours in line
    assert ("every other test skipped itself" in line) is bool(skipped)


@pytest.mark.parametrize("form", ["text", "html"])
def test_a_review_that_was_interrupted_says_so(form, settings):
    run = replace(sample_runs.clean(), verdict=None)
    said = " ".join(report.run(run, form, settings).decode().split())
    assert "is still running, or was interrupted; the same command continues" in said
