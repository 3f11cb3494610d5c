# SPDX-License-Identifier: GPL-2.0-only
"""Remarks stand under the right lines when git applied a hunk at an offset."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from sample_runs import modified, patch

from reviewbot.model.base import Moved
from reviewbot.model.finding import Location
from reviewbot.parse.landing import as_landed, moved
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
