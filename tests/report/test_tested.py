# SPDX-License-Identifier: GPL-2.0-only
"""What the report says of tests that are no regression, and are not simply the same either."""

from dataclasses import replace

import pytest
import sample_runs

from reviewbot.model.status import Status
from reviewbot.model.test import Change, Why
from reviewbot.stages import tested
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
