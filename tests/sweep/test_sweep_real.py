# SPDX-License-Identifier: GPL-2.0-only
"""Five nights of a branch of 30 commits: a seeded regression, a build break, a flaky test, a force-push.

The sweeps must find both culprits, call the flaky test flaky, and blame nobody else.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from branch import DAY, Branch, Patch, replacing, with_line
from sweep_desk import Desk

from reviewbot.model.outbox import EntryState
from reviewbot.model.status import Status
from reviewbot.model.sweep import Against, Ending, Kind, Move, Night, Reverted, Seen, Standing
from reviewbot.model.sweep_report import SweepReport
from reviewbot.tools.nights import Nights
from reviewbot.tools.outbox import Outbox

pytestmark = pytest.mark.slow

SELFTESTS = "tools/testing/selftests/kvm/x86_64"
BROKEN_TEST = "x86_64/svm_int_ctl_test"
FLAKY_TEST = "x86_64/xcr0_cpuid_test"
RUN = time.time_ns()
"""Makes other trees of each run of this test: nothing that an earlier one kept is taken up."""
FILES = (
    "Documentation/virt/kvm/x86/errata.rst",
    "arch/x86/kvm/irq.c",
    "Documentation/virt/kvm/locking.rst",
    "arch/x86/kvm/i8254.c",
)

FLAKY = Patch(
    subject="KVM: selftests: Look at the clock",
    author="Fay Flaky <fay@example.org>",
    edits=(
        (
            f"{SELFTESTS}/xcr0_cpuid_test.c",
            replacing(
                "done:\n\tkvm_vm_free(vm);\n",
                "done:\n\tkvm_vm_free(vm);\n\t{\n\t\tunsigned int low, high;\n\n"
                '\t\tasm volatile("rdtsc" : "=a"(low), "=d"(high));\n'
                '\t\tTEST_ASSERT(((low >> 6) * 2654435761u >> 20) % 10 > 7, "The stars are wrong");\n\t}\n',
            ),
        ),
    ),
)
REGRESSION = Patch(
    subject="KVM: nSVM: Take fewer bits of int_ctl from vmcb12",
    author="Rae Gression <rae@example.org>",
    thread="20240102030405.1-2-rae@example.org",
    edits=(
        (
            "arch/x86/kvm/svm/nested.c",
            replacing(
                "u32 int_ctl_vmcb12_bits = V_TPR_MASK | V_IRQ_INJECTION_BITS_MASK;",
                "u32 int_ctl_vmcb12_bits = V_TPR_MASK;",
            ),
        ),
    ),
)
BUILD_BREAK = Patch(
    subject="KVM: x86: Count pending interrupts",
    author="Bill Break <bill@example.org>",
    edits=(("arch/x86/kvm/irq.c", with_line("int kvm_pending_count = no_such_counter;")),),
)
MIDDLE = Patch(
    subject="KVM: x86: Count timer ticks",
    author="Mid Way <mid@example.org>",
    edits=(("arch/x86/kvm/i8259.c", with_line("int kvm_tick_count = no_such_count;")),),
)
AMENDS = Patch(
    subject="KVM: x86: Count no timer ticks",
    edits=(
        (
            "arch/x86/kvm/i8259.c",
            replacing("int kvm_tick_count = no_such_count;", "/* No count. */"),
        ),
    ),
)
REPAIR = Patch(
    subject="KVM: nSVM: Take all bits of int_ctl from vmcb12 again",
    edits=(
        (
            "arch/x86/kvm/svm/nested.c",
            replacing(
                "u32 int_ctl_vmcb12_bits = V_TPR_MASK;",
                "u32 int_ctl_vmcb12_bits = V_TPR_MASK | V_IRQ_INJECTION_BITS_MASK;",
            ),
        ),
    ),
)


def harmless(first: int, last: int) -> list[Patch]:
    """Patches that change no behaviour, some of which have to be compiled."""
    found = []
    for number in range(first, last + 1):
        path = FILES[number % len(FILES)]
        note = f"Note {number} of {RUN}."
        comment = f"/* {note} */" if path.endswith(".c") else f"\n{note}"
        found.append(Patch(subject=f"KVM: Add note {number}", edits=((path, with_line(comment)),)))
    return found


def moves(report: SweepReport, move: Move) -> set[str]:
    """Names of what moved so since the last sweep."""
    return {
        one.name for one in report.movements if one.move is move and one.against is Against.PREVIOUS
    }


def a_year(night: Night, commit: str) -> list[Night]:
    """Earlier nights of the same branch, in which one test failed eight times of ten: one night in five does not show it."""
    tests = [one for one in night.seen if one.kind is Kind.TEST]
    made = []
    for number in range(1, 120):
        bad = number * 7 % 10 < 8
        flaky = Seen(
            kind=Kind.TEST,
            name=FLAKY_TEST,
            status=Status.FAIL if bad else Status.PASS,
            detail="The stars are wrong" if bad else "",
            failures=int(bad),
        )
        steady = [replace(one, status=Status.PASS, detail="", runs=1, failures=0) for one in tests]
        seen = tuple(flaky if one.name == FLAKY_TEST else one for one in steady)
        builds = tuple(one for one in night.seen if one.kind in (Kind.BUILD, Kind.BOOT))
        started = night.started - number * DAY
        made.append(
            replace(
                night,
                id=f"earlier-{number}",
                commit=commit,
                started=started,
                ended=started + 600,
                seen=(*builds, *seen),
                measures=(),
                missing=(),
            )
        )
    return made


@pytest.fixture
def nights(desk: Desk) -> Iterator[Nights]:
    """The store of the desk's sweeps."""
    with closing(Nights(desk.state / "reviewbot" / "nights.sqlite")) as store:
        yield store


@pytest.fixture(scope="module")
def reports(branch: Branch, desk: Desk) -> dict[str, SweepReport]:
    """All nights, in order.

    The flaky test is in no night before its record is: a branch that makes a steady test flaky broke it, and
    the first night would be right to say so.
    """
    found = {}
    branch.push(branch.base, harmless(1, 6))
    first = found["first"] = desk.sweep()
    with closing(Nights(desk.state / "reviewbot" / "nights.sqlite")) as nights:
        for night in reversed(a_year(first.night, branch.base)):
            nights.record(night)
        # Nights follow each other as they were recorded, and the first one is the newest still.
        nights.record(replace(first.night, id="first-again"))
    tip = first.night.commit
    branch.push(tip, [*harmless(7, 8), FLAKY, *harmless(9, 10), REGRESSION, *harmless(11, 14)])
    second = found["regression"] = desk.sweep(expected=(1,))
    branch.push(second.night.commit, [*harmless(15, 16), BUILD_BREAK, *harmless(19, 20)])
    found["build break"] = desk.sweep(expected=(1,))
    again = [*harmless(1, 8), FLAKY, *harmless(9, 10), REGRESSION, *harmless(11, 16)]
    branch.push(branch.base, [*again, *harmless(19, 21), MIDDLE, AMENDS, *harmless(22, 24)])
    pushed = found["force-push"] = desk.sweep(expected=(1,))
    branch.push(pushed.night.commit, [REPAIR])
    found["repair"] = desk.sweep()
    return found


def test_all_nights_are_complete_and_none_blames_the_flaky_test(
    reports: dict[str, SweepReport],
) -> None:
    flaky = set()
    for name, report in reports.items():
        assert report.night.ending is Ending.COMPLETE, f"{name}: {report.night.missing}"
        assert FLAKY_TEST not in moves(report, Move.BROKE), f"{name}: flaky, and called broken"
        assert all(one.name != FLAKY_TEST for one in report.bisections), name
        flaky |= moves(report, Move.FLAKY)
    assert flaky == {FLAKY_TEST}


def test_the_regression_is_found_and_its_culprit_named(reports: dict[str, SweepReport]) -> None:
    report = reports["regression"]
    assert moves(report, Move.BROKE) == {BROKEN_TEST}
    (found,) = report.bisections
    assert found.culprit, found.reason
    assert found.culprit.subject == REGRESSION.subject
    assert found.culprit.author == REGRESSION.author
    assert found.culprit.message_id == REGRESSION.thread
    assert found.culprit.reverted is Reverted.CURES
    assert found.confidence >= 0.99
    (seen,) = [one for one in report.night.seen if one.name == BROKEN_TEST]
    assert seen.runs >= 3, "it was not repeated"
    assert seen.failures == seen.runs


def test_the_merge_base_was_asked_as_often_as_the_tip(
    reports: dict[str, SweepReport], nights: Nights
) -> None:
    assert reports
    (head,) = nights.heads("kvm/mainline@base", 5)
    base = nights.night(head.id)
    assert base
    runs = {one.name: (one.runs, one.failures) for one in base.seen if one.kind is Kind.TEST}
    assert runs[BROKEN_TEST] == (3, 0)


def test_the_build_break_is_found_and_its_culprit_named(reports: dict[str, SweepReport]) -> None:
    report = reports["build break"]
    assert moves(report, Move.BROKE) == {"kvm"}
    assert not moves(report, Move.GONE), "no test is gone because nothing could be run"
    (found,) = report.bisections
    assert found.culprit, found.reason
    assert found.culprit.subject == BUILD_BREAK.subject
    assert any("no test was run" in one for one in report.night.missing)


def test_a_force_push_suspects_nobody_twice(reports: dict[str, SweepReport]) -> None:
    report = reports["force-push"]
    assert report.range
    assert report.range.forced
    new = [one.subject for one in report.range.commits]
    notes = [f"KVM: Add note {number}" for number in range(21, 25)]
    assert new == [notes[0], MIDDLE.subject, AMENDS.subject, *notes[1:]]
    assert [one.subject for one in report.range.dropped] == [BUILD_BREAK.subject]
    assert len(report.range.rebased) == 20
    assert moves(report, Move.FIXED) == {"kvm"}
    assert BROKEN_TEST in {one.name for one in report.open}
    assert {one.culprit.subject for one in report.bisections if one.culprit} == {MIDDLE.subject}


def test_a_commit_that_does_not_build_is_found_though_the_tip_does(
    reports: dict[str, SweepReport],
) -> None:
    report = reports["force-push"]
    (name,) = moves(report, Move.BROKE)
    assert name.startswith("a commit that does not build: arch/x86/kvm/i8259.c:")
    (found,) = report.bisections
    assert (found.name, found.steps) == (name, ()), "nothing had to be searched"
    assert not moves(reports["repair"], Move.BROKE), "it is told once"
    assert not reports["repair"].bisections


def test_the_repair_closes_the_regression(reports: dict[str, SweepReport], nights: Nights) -> None:
    report = reports["repair"]
    assert moves(report, Move.FIXED) == {BROKEN_TEST}
    assert [one.name for one in report.closed] == [BROKEN_TEST]
    left = nights.regressions("kvm/queue")
    assert [one.kind for one in left] == [Kind.RULE], "a commit that does not build stays one"
    closed = nights.regressions("kvm/queue", Standing.FIXED)
    assert {one.name for one in closed} == {BROKEN_TEST, "kvm"}


def test_the_mails_say_it_once_to_those_it_concerns(
    reports: dict[str, SweepReport], desk: Desk
) -> None:
    assert reports
    url = f"sqlite:///{desk.state / 'reviewbot' / 'engine.sqlite'}"
    with closing(Outbox(url)) as outbox:
        entries = sorted(outbox.entries(), key=lambda one: one.created)
    owner = [one.mail for one in entries if one.state is EntryState.READY]
    held = {one.mail.to[0].email: one.mail for one in entries if one.state is EntryState.HELD}
    subjects = [mail.subject.partition(" at ")[0] for mail in owner]
    shown = [subject.replace(", 1 flaky", "") for subject in subjects]
    assert shown[-4:] == [
        "[kvm/queue] 1 new failure",
        "[kvm/queue] 1 new failure",
        "[kvm/queue] 1 new failure, 1 fixed",
        "[kvm/queue] 1 fixed",
    ]
    assert set(held) == {"rae@example.org", "bill@example.org"}
    assert held["rae@example.org"].in_reply_to == REGRESSION.thread
    assert owner[-4].to[0].email == "maintainer@example.org"
    body = owner[-4].body
    assert REGRESSION.subject in " ".join(body.split())
    assert "#regzbot introduced: " in body
    assert max(len(line) for line in body.split("\n") if "#regzbot" not in line) <= 80


def test_an_unchanged_tip_costs_next_to_nothing(
    reports: dict[str, SweepReport], desk: Desk, nights: Nights
) -> None:
    last = reports["repair"].night
    assert desk.processor_seconds("sweep") < 2
    night = nights.heads("kvm/queue", 1)[0]
    assert (night.ending, night.same_as) == (Ending.UNCHANGED, last.id)


def test_the_page_shows_the_nights(reports: dict[str, SweepReport], desk: Desk, tmp_path) -> None:
    assert reports
    desk.run("export", str(tmp_path / "site"))
    pages = "".join(
        path.read_text()
        for path in (tmp_path / "site").rglob("*.html")
        if "kvm" in path.read_text()
    )
    assert "svm_int_ctl_test" in pages
    assert REGRESSION.subject in pages
