# SPDX-License-Identifier: GPL-2.0-only
"""Bisections of what a build shows, on the tiny kernel: every step really compiles."""

import time

import pygit2
import pytest

from reviewbot.engine import bisection
from reviewbot.model.bisection import BisectRequest, Failure
from reviewbot.model.errors import UserError
from reviewbot.model.sweep import Kind, Reverted, StepOutcome

MMU = "arch/x86/kvm/mmu.c"
X86 = "arch/x86/kvm/x86.c"
SVM = "arch/x86/kvm/svm.c"
BUILD = Failure(kind=Kind.BUILD, name="tiny")


def append(text):
    return lambda old: old + text


def cut(text):
    return lambda old: old.replace(text, "")


def quiet(number):
    return {X86: append(f"\n/* {number} */\n")}


def history(kernel, *changes):
    """The commits of these changes; the first is what was there."""
    return [kernel.commit({})[0], *(kernel.commit(change)[0] for change in changes)]


def bisect(lab, kernel, commits, *failures, **more):
    request = BisectRequest(
        repository=str(kernel.path),
        good=commits[0],
        bad=commits[-1],
        failures=failures,
        profile=lab.profile,
        **more,
    )
    return bisection.bisect(request, lab.tools())


def test_a_build_break_is_found_and_its_revert_tried(kernel, lab):
    wrong = {MMU: append("\nint half(void) { return nowhere; }\n")}
    commits = history(kernel, *map(quiet, range(9)), wrong, *map(quiet, range(9, 15)))
    (found,) = bisect(lab, kernel, commits, BUILD)
    assert found.culprit.commit == commits[10]
    assert found.culprit.reverted is Reverted.CURES
    assert found.culprit.author == "T <t@example.org>"
    assert found.confidence > 0.99
    assert len(found.steps) == 1 + 4, "the good end, and four steps for 16 commits"
    outcomes = {step.commit: step.outcome for step in found.steps}
    assert outcomes[commits[0]] is StepOutcome.GOOD
    assert outcomes[commits[10]] is StepOutcome.BAD


def test_commits_that_do_not_build_are_no_answer_about_a_warning(kernel, lab):
    half = "\nint half(void) { return nowhere; }\n"
    warns = {MMU: append("\nstatic const int spare = 1;\n")}
    commits = history(
        kernel, quiet(1), quiet(2), {MMU: append(half)}, quiet(3), {MMU: cut(half)}, warns, quiet(4)
    )
    failure = Failure(kind=Kind.WARNING, name=f"tiny: {MMU}: 'spare' defined but not used")
    (found,) = bisect(lab, kernel, commits, failure)
    if found.culprit is None:
        pytest.fail(f"no culprit: {found.reason}; {[s.why for s in found.steps]}")
    assert found.culprit.commit == commits[6]
    assert found.culprit.reverted is Reverted.CURES


def test_what_cannot_be_separated_is_a_list_of_suspects(kernel, lab):
    """The warning comes while nothing builds: any of those commits may have brought it."""
    half = "\nint half(void) { return nowhere; }\n"
    warns = {X86: append("\nstatic const int spare = 1;\n")}
    svm = {SVM: append(half)}
    commits = history(kernel, quiet(1), svm, quiet(2), warns, {SVM: cut(half)}, quiet(3))
    failure = Failure(kind=Kind.TEST, name="x86_64/any")
    build = Failure(kind=Kind.WARNING, name=f"{X86}: 'spare' defined but not used")
    found, _ = bisect(lab, kernel, commits, build, failure)
    # A compiler that says it is an answer, whatever else of the tree does not build.
    outcomes = {step.commit: step.outcome for step in found.steps}
    assert outcomes.get(commits[3]) in {None, StepOutcome.SKIPPED}
    assert found.culprit is None
    assert set(found.suspects) == set(commits[2:5])
    assert "cannot be tested" in found.reason


def test_two_failures_share_their_steps(kernel, lab):
    warns = {MMU: append("\nstatic const int spare = 1;\n")}
    wrong = {SVM: append("\nint half(void) { return nowhere; }\n")}
    commits = history(
        kernel, *map(quiet, range(5)), warns, *map(quiet, range(5, 10)), wrong, quiet(11)
    )
    warning = Failure(kind=Kind.WARNING, name=f"{MMU}: 'spare' defined but not used")
    found = bisect(lab, kernel, commits, warning, BUILD, verify=False)
    assert [one.culprit.commit for one in found] == [commits[6], commits[12]]
    tried = {step.commit for one in found for step in one.steps}
    assert len(tried) <= 9
    assert all(one.culprit.reverted is Reverted.NOT_TRIED for one in found)


def test_a_merged_branch_is_followed_to_the_culprit(kernel, lab):
    wrong = "\nint half(void) { return nowhere; }\n"
    base = kernel.commit({})[0]
    on_branch = kernel.commit({MMU: append(wrong)})[1]
    on_main = kernel.commit({MMU: cut(wrong), **quiet(1)})[1]
    together = kernel.commit({MMU: append(wrong)})[1]
    repository = pygit2.Repository(str(kernel.path))
    who = pygit2.Signature("T", "t@example.org", 1_700_000_000, 0)

    def made(tree, *parents):
        return str(repository.create_commit(None, who, who, "x\n", tree, list(parents)))

    side = made(on_branch, made(on_branch, base))
    merge = made(together, made(on_main, base), side)
    first_bad = str(repository[side].parent_ids[0])
    (found,) = bisect(lab, kernel, [base, merge], BUILD)
    assert found.culprit.commit == first_bad
    (found,) = bisect(lab, kernel, [base, merge], BUILD, first_parent=True)
    assert found.culprit.commit == merge, "with first parents only, the merge did it"


def test_a_failure_that_is_over_has_no_culprit(kernel, lab):
    commits = history(kernel, quiet(1), quiet(2))
    (found,) = bisect(lab, kernel, commits, BUILD)
    assert found.culprit is None
    assert found.reason == "the failure is not there any more: the bad end is good"


def test_a_failure_of_the_good_end_is_nobodys(kernel, lab):
    kernel.commit({MMU: append("\nint half(void) { return nowhere; }\n")})
    commits = history(kernel, quiet(1), quiet(2))
    (found,) = bisect(lab, kernel, commits, BUILD)
    assert found.culprit is None
    assert "good end" in found.reason


def test_a_deadline_leaves_what_is_known(kernel, lab):
    wrong = {MMU: append("\nint half(void) { return nowhere; }\n")}
    commits = history(kernel, quiet(1), wrong, quiet(2))
    (found,) = bisect(lab, kernel, commits, BUILD, deadline=time.time() - 1)
    assert found.culprit is None
    assert found.reason == "no time was left"
    assert set(found.suspects) == set(commits[1:])


def test_the_second_time_nothing_is_built(kernel, lab):
    wrong = {MMU: append("\nint half(void) { return nowhere; }\n")}
    commits = history(kernel, *map(quiet, range(3)), wrong, *map(quiet, range(3, 6)))
    (first,) = bisect(lab, kernel, commits, BUILD)
    lab.said.clear()
    (again,) = bisect(lab, kernel, commits, BUILD)
    assert again.culprit == first.culprit
    assert not [said for said in lab.said if "steps" in said], "a step was built again"


def test_a_range_of_nothing_is_refused(kernel, lab):
    commits = history(kernel, quiet(1))
    with pytest.raises(UserError, match="holds no commit"):
        bisect(lab, kernel, [commits[1], commits[0]], BUILD)
