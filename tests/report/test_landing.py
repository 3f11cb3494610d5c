# SPDX-License-Identifier: GPL-2.0-only
"""Remarks stand under the right lines when git applied a hunk at an offset."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_runs import conflict, modified, patch

from reviewbot.model.base import Moved
from reviewbot.model.finding import Location
from reviewbot.parse.landing import as_landed, between, moved
from reviewbot.stages import quote
from reviewbot.stages.quote import passages
from reviewbot.stages.remarks import Remark

HUNK = " struct a {\n+\tint added;\n };\n"
MAILED = replace(patch(1), files=(modified("a.c", ((10, "", HUNK),)),))
AFTER = b"struct a {\n\tint added;\n};\n"


def above(lines: int) -> bytes:
    return b"/* */\n" * lines


@given(st.integers(0, 60))
def test_a_hunk_is_found_wherever_it_came_down(lines):
    places = moved(MAILED, {"a.c": above(lines) + AFTER}.get)
    landed = as_landed(MAILED, places).files[0].hunks[0].new_start
    assert landed == lines + 1
    assert bool(places) == (lines + 1 != 10)


def test_of_two_places_the_nearer_one():
    text = AFTER + above(10) + AFTER + above(20)
    assert moved(MAILED, {"a.c": text}.get) == (Moved(path="a.c", mailed=10, landed=14),)


@pytest.mark.parametrize(
    ("text", "landed"),
    [
        (b"struct b {\n\tint added;\n};\n", 31),
        (b"struct a {\n\tint added;\n\tint other;\n", 31),
        (b"struct b {\n\tint added;\n\tint other;\n", 31),
        (b"struct b {\n\tint added;\n\tint other;\n\tint added;\n", None),
    ],
)
def test_a_hunk_whose_context_differs_is_found_by_its_own_lines(text, landed):
    places = moved(MAILED, {"a.c": above(30) + text}.get)
    assert [place.landed for place in places] == ([landed] if landed else [])


def test_a_hunk_that_a_merge_changed_stays_as_mailed():
    assert moved(MAILED, {"a.c": b"nothing like it\n"}.get) == ()
    assert moved(MAILED, {}.get) == ()


def test_the_remark_stands_below_the_line_it_is_about():
    said = Remark(
        kind="warning",
        location=Location(path="a.c", line=32),
        title="t",
        text="",
        tag="",
        quoted=(),
    )
    places = moved(MAILED, {"a.c": above(30) + AFTER}.get)
    (passage,) = passages(MAILED, (said,), places)
    assert passage.quote[-1] == "+\tint added;"
    assert passage.quote[2].startswith("@@ -10,2 +10,3 @@"), "the header is the mail's own"
    (lost,) = passages(MAILED, (said,))
    assert lost.where == "a.c:32"


@given(st.integers(0, 60))
def test_the_places_can_be_told_from_the_two_patches(lines):
    places = moved(MAILED, {"a.c": above(lines) + AFTER}.get)
    assert between(MAILED, as_landed(MAILED, places)) == places


def test_hunks_that_were_looked_at_after_a_conflict_are_found_as_well():
    place = Moved(path="a.c", mailed=10, landed=31)
    run = conflict()
    run = replace(run, check=replace(run.check, moved=((7, place), (8, place))))
    by_number = {one.number: one for one in run.series.patches}
    assert quote.moved(run, by_number[7]) == (place,)
    assert quote.moved(run, by_number[6]) == ()
