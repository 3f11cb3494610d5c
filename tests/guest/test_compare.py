# SPDX-License-Identifier: GPL-2.0-only
"""What may be called a regression, and what may not."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.guest import BootResult, Crash, CrashKind, Outcome
from reviewbot.model.status import Status
from reviewbot.model.test import Change, TestCase, TestResult, Why
from reviewbot.stages.compare import _worth_repeating, delta, new_crashes

OLD = TestCase(name="x86/state_test", why=Why.TOUCHED, limit=120.0)
NEW = TestCase(name="x86/new_test", why=Why.ADDED, limit=120.0)
LETTERS = {
    "p": Status.PASS,
    "f": Status.FAIL,
    "s": Status.SKIP,
    "c": Status.CRASH,
    "t": Status.TIMEOUT,
    "i": Status.INFRA,
}


def results(letters, assertion="a.c:1: x"):
    return tuple(
        TestResult(
            name="t",
            status=LETTERS[letter],
            seconds=1.0,
            exit_code=None,
            assertion=assertion if LETTERS[letter] is not Status.PASS else "",
        )
        for letter in letters
    )


def judged(base, tip, case=OLD, repeats=2, **words):
    return delta(case, results(base), results(tip, **words), repeats=repeats)


@pytest.mark.parametrize(
    ("base", "tip", "change"),
    [
        ("p", "p", Change.SAME),
        ("s", "s", Change.SAME),
        ("p", "s", Change.UNCONFIRMED),
        ("ppp", "sss", Change.REGRESSION),
        ("ppp", "ssp", Change.SAME),
        ("s", "p", Change.SAME),
        ("ppp", "fff", Change.REGRESSION),
        ("ppp", "ccc", Change.REGRESSION),
        ("ppp", "ttt", Change.REGRESSION),
        ("ppp", "fct", Change.REGRESSION),
        ("p", "f", Change.UNCONFIRMED),
        ("pp", "ff", Change.UNCONFIRMED),
        ("ppp", "ffp", Change.UNCONFIRMED),
        ("ppp", "fpp", Change.UNCONFIRMED),
        ("ppf", "fff", Change.FLAKY),
        ("fpp", "fff", Change.FLAKY),
        ("f", "f", Change.SAME),
        ("t", "t", Change.SAME),
        ("fff", "ppp", Change.FIXED),
        ("fff", "ppf", Change.FLAKY),
        ("i", "f", Change.UNKNOWN),
        ("ppp", "ffi", Change.UNKNOWN),
        ("", "f", Change.UNKNOWN),
        ("p", "", Change.UNKNOWN),
    ],
)
def test_verdicts(base, tip, change):
    found = judged(base, tip)
    assert found.change is change, found.note


@pytest.mark.parametrize(
    ("base", "tip", "change", "note"),
    [
        ("f", "p", Change.NEW_PASS, "fails on the base, as a new test should"),
        ("s", "p", Change.NEW_PASS, "skips itself on the base, as a new test should"),
        ("p", "p", Change.NEW_PASS, "passes on the base too: it does not need this series"),
        ("fff", "fff", Change.NEW_FAIL, ""),
        ("s", "s", Change.NEW_SKIP, "a.c:1: x"),
    ],
)
def test_new_tests(base, tip, change, note):
    found = judged(base, tip, case=NEW)
    assert (found.change, found.note) == (change, note)


def test_the_same_assertion_on_both_is_the_exact_same_failure():
    assert judged("f", "f").note == "exact same failure on the base"


def test_another_assertion_on_both_says_so():
    assert judged("f", "f", assertion="a.c:9: y").note.startswith("fails on both, differently")


@given(
    st.text(st.sampled_from("psftci"), max_size=5),
    st.text(st.sampled_from("psftci"), max_size=5),
    st.integers(0, 4),
)
def test_a_regression_is_never_claimed_on_less_than_full_evidence(base, tip, repeats):
    found = judged(base, tip, repeats=repeats)
    if found.change is Change.REGRESSION:
        assert len(base) > repeats
        assert len(tip) > repeats
        assert set(base) <= set("ps")
        assert set(tip) <= set("ftc")


def boot(*fingerprints):
    crashes = tuple(
        Crash(kind=CrashKind.WARN, title=name, frames=(), fingerprint=name, excerpt=())
        for name in fingerprints
    )
    return BootResult(
        outcome=Outcome.FINISHED,
        seconds=1.0,
        boot_seconds=1.0,
        command="",
        console="",
        last_lines=(),
        crashes=crashes,
    )


def test_a_crash_that_the_base_has_too_is_not_new():
    assert new_crashes([boot("a")], [boot("a")]) == ()


def test_a_new_crash_is_told_once_however_often_it_was_seen():
    found = new_crashes([boot("a")], [boot("b", "a"), boot("b")])
    assert [crash.title for crash in found] == ["b"]


@pytest.mark.parametrize(
    ("base", "tip", "seconds", "repeated"),
    [
        ("p", "f", 400.0, True),  # somebody would be blamed: always
        ("f", "p", 1.0, True),
        ("t", "p", 200.0, False),  # a hang that the series cures
        ("p", "p", 1.0, False),
    ],
)
def test_what_is_worth_repeating(base, tip, seconds, repeated):
    def slow(letters):
        return tuple(dataclasses.replace(one, seconds=seconds) for one in results(letters))

    case = TestCase(name="t", why=Why.TOUCHED, limit=480.0)
    found = delta(case, slow(base), slow(tip), repeats=2)
    assert _worth_repeating(found) is repeated
