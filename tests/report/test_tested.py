# SPDX-License-Identifier: GPL-2.0-only
"""What the report says of tests that are no regression, and are not simply the same either."""

from dataclasses import replace

import pytest
import sample_runs

from reviewbot.model.guest import Outcome
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.model.test import Change, Why
from reviewbot.stages import report, tested
from reviewbot.stages.tally import tally

PASSES = sample_runs.delta("x86/a", Change.SAME, (Status.PASS,), (Status.PASS,))
SKIPS = sample_runs.delta("x86/b", Change.SAME, (Status.SKIP,), (Status.SKIP,))
WAKES = sample_runs.delta("x86/c", Change.SAME, (Status.SKIP,), (Status.PASS,))


def test_a_test_that_the_base_skips_and_the_series_passes_is_not_the_same_on_both():
    row = tested.row(sample_runs.report_of(PASSES, SKIPS, WAKES))
    assert row == (
        "3 selftests: 2 the same on base and series (1 pass, 1 skip); 1 passing that the base skips"
    )
    assert tested.row(sample_runs.report_of(WAKES)) == "1 selftest: 1 passing that the base skips"


def test_a_new_test_that_does_the_same_with_other_parameters_is_told_once():
    ways = ((Status.SKIP,), (Status.PASS,))
    names = ("x86/d", "x86/d [nested=0]", "x86/d [npt=0 tdp_mmu=0]", "x86/e [nested=0]")
    new = [sample_runs.delta(name, Change.NEW_PASS, *ways) for name in names]
    new.append(sample_runs.delta("x86/d [smm=1]", Change.NEW_SKIP, (Status.SKIP,), (Status.SKIP,)))
    row = tested.row(sample_runs.report_of(*new))
    assert row.partition(": ")[2] == (
        "x86/d, also with nested=0 and npt=0 tdp_mmu=0, is new (skip on base, pass with the series);"
        " x86/e with nested=0 is new (skip on base, pass with the series);"
        " x86/d with smm=1 is new (skip on base, skip with the series)"
    )


def test_lines_of_a_log_that_are_left_out_are_counted():
    assert tested.shortened(("a line",) * 13)[12:] == ("[... 1 more line]",)
    assert tested.shortened(("a line",) * 12, more=14)[12:] == ("[... 2 more lines]",)


@pytest.mark.parametrize(
    ("why", "status", "told"),
    [
        (Why.CHANGED, Status.FAIL, True),
        (Why.CHANGED, Status.CRASH, True),
        (Why.CHANGED, Status.PASS, False),
        (Why.TOUCHED, Status.FAIL, False),
    ],
)
def test_what_the_series_changes_and_fails_is_told_though_the_base_fails_it_too(why, status, told):
    said = "x86/d.c:7: val == 1"
    note = "exact same failure on the base"
    own = sample_runs.delta("x86/d", Change.SAME, (status,), (status,), why, note, assertion=said)
    run = replace(sample_runs.CASES["clean"](), tests=sample_runs.report_of(PASSES, own))
    found = [(one.heading, one.lines) for one in tested.test_blocks(tally(run))]
    lines = (f"x86/d  (base: {status}; series: {status})", f"  {said}", f"  {note}")
    heading = "Changed by this series, and failing, as on the base:"
    assert found == ([(heading, lines)] if told else [])


LAST = tuple(f"[    {n}.000000] console line {n}" for n in range(20))


@pytest.fixture
def dead():
    """A series whose kernel hangs while booting."""
    run = sample_runs.CASES["clean"]()
    boot = replace(run.boot, outcome=Outcome.HUNG, boot_seconds=None, last_lines=LAST)
    return replace(run, boot=boot, tests=None, skipped=((Stage.TEST, "--until boot"),))


@pytest.mark.parametrize("form", ["text", "html"])
def test_who_is_told_of_a_kernel_that_does_not_come_up_sees_the_end_of_its_console(
    settings, dead, form
):
    said = report.run(sample_runs.replace_verdict(dead), form, settings).decode()
    heading = "The kernel with the series does not come up (no progress). Its last words:"
    assert heading in " ".join(said.split())
    assert LAST[-1] in said
    assert LAST[7] not in said


def test_a_kernel_that_reaches_no_test_is_told_as_such_and_shown_once(settings, dead):
    why = "the guest ended before the first test: no progress"
    worse = [
        sample_runs.delta(
            f"x86/t{n}",
            Change.REGRESSION,
            (Status.PASS,) * 3,
            (Status.CRASH,) * 3,
            assertion=why,
            output=LAST,
        )
        for n in range(9)
    ]
    run = sample_runs.replace_verdict(replace(dead, tests=sample_runs.report_of(*worse)))
    assert run.verdict.line == (
        "the kernel with the series does not come up (no progress), "
        "9 regressions (x86/t0, x86/t1 and 7 more)."
    )
    assert report.run(run, "text", settings).decode().count(LAST[-1]) == 1
    reached = sample_runs.delta("x86/a", Change.SAME, (Status.PASS,), (Status.PASS,))
    racy = replace(dead, tests=sample_runs.report_of(reached, *worse))
    assert "come up" not in sample_runs.replace_verdict(racy).verdict.line
