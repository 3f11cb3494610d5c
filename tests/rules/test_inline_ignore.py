# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot: ignore CODE - reason``: what it covers, what it never covers, and that it is cheap."""

import time
from dataclasses import replace

import pytest

from reviewbot.model.base import Confidence
from reviewbot.model.finding import Finding, Severity
from reviewbot.rulekit.inline_ignore import LONGEST_REASON, set_aside, wishes


def finding(code="KVM-ABI-002", patch=1):
    return Finding(
        code=code,
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        patch=patch,
        title="t",
        why="w",
        fix="f",
        reference="r",
    )


FINDINGS = [
    finding(),
    finding(patch=2),
    finding("KVM-ABI-011"),
    finding("KVM-DOC-001", patch=2),
    finding("KVM-PROC-003", patch=0),
]


@pytest.fixture
def series(small):
    """A maker of series with words in the cover letter or in patches."""

    def make(cover="", **patches):
        made = [
            replace(small.patch(number, ["x"]), below_cut=patches.get(f"patch{number}", ""))
            for number in (1, 2)
        ]
        return small.series(made, cover=cover)

    return make


def ignored(series):
    return [(each.code, each.patch) for each, _ in set_aside(FINDINGS, series).ignored]


def refused(words, series):
    result = set_aside(FINDINGS, series(f"Hello\n{words}\n"))
    assert result.ignored == (), f"{words!r} must not hide anything"
    return result.refused


def test_a_code_in_the_cover_letter_covers_that_rule_in_all_patches(series):
    made = series("Hi,\nreviewbot: ignore KVM-ABI-002 - see the thread of v1\n")
    assert ignored(made) == [("KVM-ABI-002", 1), ("KVM-ABI-002", 2)]
    assert {reason for _, reason in set_aside(FINDINGS, made).ignored} == {"see the thread of v1"}


def test_a_group_is_written_out_with_its_star(series):
    made = series("reviewbot: ignore KVM-ABI-* - an RFC, the layout will change\n")
    assert ignored(made) == [("KVM-ABI-002", 1), ("KVM-ABI-002", 2), ("KVM-ABI-011", 1)]


def test_a_line_in_a_patch_is_about_that_patch_only(series):
    made = series("Hello", patch2="reviewbot: ignore KVM-ABI-002: layout agreed with Sean")
    assert ignored(made) == [("KVM-ABI-002", 2)]


def test_without_a_cover_letter_patch_1_speaks_for_the_series(series):
    words = "reviewbot: ignore KVM-PROC-003 - sent without a base on purpose"
    assert ignored(series(patch1=words)) == [("KVM-PROC-003", 0)]
    assert ignored(series("Hello", patch1=words)) == []
    assert ignored(series(patch2=words)) == []


@pytest.mark.parametrize(
    "words",
    [
        "ignore KVM-ABI-002 because I say so",
        "ignore KVM-ABI-002",
        "ignore KVM-ABI-002 -",
        "ignore KVM-ABI-002 - ...",
        "ignore KVM-ABI-002:\nA reason on the next line is none",
        "ignore KVM-ABI-* -",
    ],
)
def test_a_reason_is_required(words, series):
    ((_, why),) = refused(f"reviewbot: {words}", series)
    assert "reason" in why


@pytest.mark.parametrize("wide", ["KVM-*", "*", "KVM", "KVM-ABI", "all", "KVM-ABI-0*", "-", ""])
def test_nothing_wider_than_a_group_is_honoured_and_that_is_said(wide, series):
    ((_, why),) = refused(f"reviewbot: ignore {wide} - everything is fine", series)
    assert "KVM-DOC-*" in why


@pytest.mark.parametrize(
    "words",
    [
        "> reviewbot: ignore KVM-ABI-002 - quoted from the last version",
        "please write reviewbot: ignore KVM-ABI-002 - like this",
        "reviewbot: ignored KVM-ABI-002 - in v1",
    ],
)
def test_quotes_and_prose_are_no_requests(words, series):
    assert refused(words, series) == ()


def test_a_hostile_mail_is_read_in_linear_time_and_its_reasons_are_cut(series):
    made = series(
        "\n" * 500_000
        + "reviewbot: ignore KVM-ABI-002 - "
        + "x" * 1_000_000
        + "\n"
        + "reviewbot: ignore KVM-ABI-011 - y\n" * 100_000
        + " " * 500_000
    )
    started = time.monotonic()
    found = list(wishes(made))
    assert time.monotonic() - started < 2
    assert len(found) < 100
    assert len(found[0].reason) == LONGEST_REASON
