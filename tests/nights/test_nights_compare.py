# SPDX-License-Identifier: GPL-2.0-only
"""What moved between two nights: blame only what chance and a test's own record do not explain."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nightly import night

from reviewbot.model.status import Status
from reviewbot.model.sweep import (
    Against,
    Ending,
    Kind,
    Measure,
    Move,
    Past,
    Seen,
    Standing,
)
from reviewbot.stages.nightly import compare, incomparable, known
from reviewbot.stages.nightly_measures import number, ratio
from reviewbot.stages.nightly_record import record
from reviewbot.stages.nightly_settled import settled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewbot.model.sweep import Movement

NIGHT = night(100, id="tonight", machine="kvm")
EARLIER = replace(NIGHT, id="earlier", started=0.0)
NAME = "x86_64/state_test"


def ran(failures: int, runs: int = 1, detail: str = "", name: str = NAME) -> Seen:
    status = Status.FAIL if failures else Status.PASS
    return Seen(
        kind=Kind.TEST, name=name, status=status, detail=detail, runs=runs, failures=failures
    )


def past(*failures: int, runs: int = 1, detail: str = "") -> tuple[Past, ...]:
    """One night each, the newest first."""
    return tuple(
        Past(
            night=f"night-{place}",
            started=-float(place),
            commit="c",
            status=Status.FAIL if bad else Status.PASS,
            runs=max(runs, bad),
            failures=bad,
            detail=detail if bad else "",
        )
        for place, bad in enumerate(failures)
    )


def judged(seen: Seen, history: Sequence[Past]) -> tuple[Movement, ...]:
    earlier = (
        replace(EARLIER, seen=(replace(seen, status=history[0].status),)) if history else EARLIER
    )
    key = (seen.kind, seen.name)
    return compare(replace(NIGHT, seen=(seen,)), earlier, {key: history})


def moves(seen: Seen, history: Sequence[Past]) -> list[Move]:
    return [one.move for one in judged(seen, history)]


def test_a_test_that_always_passed_and_fails_three_times_of_three_broke() -> None:
    (found,) = judged(ran(3, 3, "assertion"), past(*[0] * 30))
    assert found.move is Move.BROKE
    assert (found.before, found.after) == ("pass", "fail: assertion")
    assert found.likelihood < 0.001
    assert found.since == "tonight"


def test_after_one_single_night_three_failures_of_three_are_enough() -> None:
    assert moves(ran(3, 3), past(0)) == [Move.BROKE]


@pytest.mark.parametrize("nights", [1, 5, 30, 365])
def test_one_failure_of_one_is_never_blamed(nights: int) -> None:
    assert moves(ran(1, 1), past(*[0] * nights)) == [Move.UNCONFIRMED]


def test_a_failure_that_the_record_explains_is_flaky() -> None:
    (found,) = judged(ran(1, 3), past(*[0, 1, 0, 0, 1, 0, 0, 0, 1, 0]))
    assert found.move is Move.FLAKY
    assert found.before == "failed 3 of 10"
    assert found.after == "fail 1 of 3"
    assert found.since == "night-8"


def test_a_flaky_test_that_got_much_worse_broke() -> None:
    assert moves(ran(8, 8), past(*[0, 0, 0, 1, *[0] * 30])) == [Move.BROKE]


def test_a_test_that_passes_now_and_then_tonight_is_flaky_not_broken() -> None:
    assert moves(ran(1, 3), past(*[0] * 30)) == [Move.FLAKY]


def test_what_always_failed_and_passes_is_fixed() -> None:
    (found,) = judged(ran(0), past(*[1] * 10, detail="assertion"))
    assert found.move is Move.FIXED
    assert (found.before, found.after) == ("fail: assertion", "pass")


def test_a_flaky_test_that_passes_is_nothing() -> None:
    assert judged(ran(0), past(*[0, 1, 0, 0, 1, 1, 0, 0, 1, 0])) == ()


def test_what_was_fixed_last_week_is_not_flaky() -> None:
    history = past(*[0] * 7, *[1] * 20)
    assert record(history).failures == 0
    assert moves(ran(3, 3), history) == [Move.BROKE]
    assert judged(ran(0), history) == ()


def test_still_failing_says_since_when() -> None:
    (found,) = judged(ran(1, detail="a"), past(1, 1, 1, *[0] * 20, detail="a"))
    assert found.move is Move.STILL
    assert found.since == "night-2"


def test_failing_in_another_way_is_a_new_failure() -> None:
    (found,) = judged(ran(3, 3, "other"), past(*[1] * 10, detail="assertion"))
    assert found.move is Move.BROKE
    assert (found.before, found.after) == ("fail: assertion", "fail: other")


@pytest.mark.parametrize("failures", [0, 3])
def test_a_new_test_is_added_whatever_it_does(failures: int) -> None:
    old = ran(0, name="x86_64/old")
    tonight = replace(NIGHT, seen=(old, ran(failures, 3)))
    (found,) = compare(tonight, replace(EARLIER, seen=(old,)), {})
    assert (found.name, found.move) == (NAME, Move.ADDED)


def test_what_is_never_run_of_a_merge_base_is_not_new() -> None:
    """A night of which only the tests were run knows nothing of builds, warnings or their absence."""
    build = Seen(kind=Kind.BUILD, name="kvm", status=Status.PASS)
    warning = Seen(kind=Kind.WARNING, name="x.c: unused", status=Status.FAIL)
    tonight = replace(NIGHT, seen=(build, warning, ran(0)))
    assert compare(tonight, replace(EARLIER, seen=(ran(0),)), {}, Against.MERGE_BASE) == ()
    (found,) = compare(tonight, replace(EARLIER, seen=(build, ran(0))), {}, Against.MERGE_BASE)
    assert found.move is Move.WARNED


def test_the_selftests_of_a_kernel_that_does_not_build_are_not_gone() -> None:
    kernel = Seen(kind=Kind.BUILD, name="kvm", status=Status.PASS)
    tests = Seen(kind=Kind.BUILD, name="selftests", status=Status.PASS)
    earlier = replace(EARLIER, seen=(kernel, tests))
    broken = replace(kernel, status=Status.FAIL)
    unbuilt = replace(NIGHT, seen=(broken,))
    assert [(one.name, one.move) for one in compare(unbuilt, earlier, {})] == [("kvm", Move.BROKE)]
    again = known([replace(unbuilt, id="unbuilt"), earlier])
    history = {(Kind.BUILD, "kvm"): past(1, 0), (Kind.BUILD, "selftests"): past(0, 0)}
    found = compare(replace(NIGHT, seen=(kernel, tests)), again, history)
    assert [(one.name, one.move) for one in found] == [("kvm", Move.FIXED)]


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7])
@pytest.mark.parametrize("runs", [1, 3])
def test_nobody_is_blamed_for_a_test_that_fails_at_its_rate(rate: float, runs: int) -> None:
    """A year of a flaky test: chance may be blamed once in a hundred nights, as UNLIKELY promises."""
    chance = random.Random(int(rate * 100) + runs)  # noqa: S311 - a simulation

    def failures() -> int:
        return sum(chance.random() < rate for _ in range(runs))

    wrong = nights = 0
    for _ in range(4):
        history = [failures() for _ in range(30)]
        for _ in range(365):
            tonight = failures()
            wrong += Move.BROKE in moves(ran(tonight, runs), past(*history, runs=runs))
            history = [tonight, *history[:89]]
            nights += 1
    assert wrong <= nights / 100, f"{wrong} of {nights} nights were blamed"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=8, max_size=60), st.integers(1, 3))
def test_what_failed_as_badly_on_half_of_its_nights_is_not_blamed(
    counts: list[int], failures: int
) -> None:
    """But for what changed days ago: a test that always failed, passed last night and fails again did break."""
    mixed = [one for pair in zip(counts, [failures] * len(counts), strict=True) for one in pair]
    history = past(*mixed, runs=3)
    assume(len(record(history).nights) >= 6)
    assert Move.BROKE not in moves(ran(failures, 3), history)


def test_what_was_fixed_last_night_and_fails_again_broke_again() -> None:
    assert moves(ran(3, 3), past(0, *[3] * 40, runs=3)) == [Move.BROKE]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 200), st.integers(2, 6))
def test_broken_and_fixed_are_symmetric(nights: int, runs: int) -> None:
    assert moves(ran(max(runs, 3), max(runs, 3)), past(*[0] * nights)) == [Move.BROKE]
    always = past(*[runs] * nights, runs=runs)
    assert moves(ran(0, max(runs, 3)), always) == [Move.FIXED]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=40), st.integers(0, 3))
def test_chances_are_chances(counts: list[int], failures: int) -> None:
    mine = record(past(*counts, runs=3))
    assert 0 <= mine.failures <= mine.runs <= 3 * len(counts)
    assert 0.0 <= mine.worse(failures, 3) <= 1.0
    assert 0.0 <= mine.better(failures, 3) <= 1.0
    for more in range(failures, 3):
        assert mine.worse(more + 1, 3) <= mine.worse(more, 3) + 1e-9


def test_how_many_failures_confirm() -> None:
    assert record(past(*[0] * 30)).runs_to_confirm() == 2
    assert record(past(*[0, 1] * 10)).runs_to_confirm() in range(5, 10)
    assert record(past(*[1] * 10)).runs_to_confirm() is None


def test_after_a_single_night_two_of_three_is_flaky_not_broken() -> None:
    assert moves(ran(2, 3), past(0, 0)) == [Move.FLAKY]
    assert moves(ran(2, 3), past(*[0] * 40)) == [Move.BROKE]


# Whether a regression is over.


def _ends(history: Sequence[Past], tonight: Seen) -> Standing | None:
    every = [*history, *past(*[0] * 30)]
    nights = [replace(one, night=f"before-{place}") for place, one in enumerate(every)]
    since = {one.night for one in nights[: len(history)]}
    found = settled(nights, since, NIGHT, tonight)
    return found[0] if found else None


def test_what_failed_twice_of_three_is_fixed_after_enough_passes_not_after_one() -> None:
    opened = past(2, runs=3)
    assert _ends(opened, ran(0)) is None
    assert _ends([*past(*[0] * 30), *opened], ran(0)) is Standing.FIXED
    assert _ends(opened, ran(2, 3)) is None


def test_what_goes_on_to_fail_now_and_then_was_no_regression() -> None:
    opened = past(3, runs=3)
    assert _ends([*past(0, 0, 1, 0, 0, 0, 1, 0), *opened], ran(0)) is Standing.DISMISSED


def test_what_a_cut_off_night_opened_goes_back_to_its_time_and_no_further() -> None:
    """That night has no results any more, for the next one took them up."""
    every = [*past(*[0] * 30), *past(2, runs=3), *past(*[1] * 5), *past(*[0] * 20)]
    nights = [replace(one, night=f"before-{place}") for place, one in enumerate(every)]
    since = {"cut-off", *(one.night for one in nights[:31])}
    found = settled(nights, since, NIGHT, ran(0))
    assert found
    assert found[0] is Standing.FIXED


# What a night did not look at.


def test_another_machine_is_not_comparable_and_says_so() -> None:
    elsewhere = replace(EARLIER, machine="tcg", seen=(ran(0),))
    assert compare(replace(NIGHT, seen=(ran(3, 3),)), elsewhere, {}) == ()
    assert "ran elsewhere (tcg; this one: kvm)" in incomparable(NIGHT, elsewhere)
    assert "no earlier sweep" in incomparable(NIGHT, None)
    assert incomparable(NIGHT, EARLIER) == ""


def test_a_partial_night_says_nothing_about_what_it_did_not_look_at() -> None:
    warning = Seen(kind=Kind.WARNING, name="x.c: unused", status=Status.FAIL)
    earlier = replace(EARLIER, seen=(ran(0), ran(0, name="x86_64/other"), warning))
    partial = replace(NIGHT, ending=Ending.PARTIAL, seen=(ran(0),))
    assert compare(partial, earlier, {}) == ()
    complete = compare(replace(partial, ending=Ending.COMPLETE), earlier, {})
    assert {(one.name, one.move) for one in complete} == {
        ("x86_64/other", Move.GONE),
        ("x.c: unused", Move.FIXED),
    }


def test_what_a_partial_night_did_not_see_is_not_new_in_the_next() -> None:
    warning = Seen(kind=Kind.WARNING, name="x.c: unused", status=Status.FAIL)
    partial = replace(EARLIER, ending=Ending.PARTIAL, seen=(ran(0),))
    build = Seen(kind=Kind.BUILD, name="kvm", status=Status.PASS)
    complete = replace(EARLIER, id="first", started=-9.0, seen=(build, ran(0), warning))
    tonight = replace(NIGHT, seen=(build, ran(0), warning))
    assert compare(tonight, known([partial, complete]), {}) == ()
    assert compare(tonight, known([partial]), {}) == ()
    clean = replace(complete, seen=(build, ran(0)))
    (new,) = compare(tonight, known([partial, clean]), {})
    assert new.move is Move.WARNED


def test_a_broken_build_makes_no_test_gone() -> None:
    good = Seen(kind=Kind.BUILD, name="i386", status=Status.PASS)
    bad = Seen(kind=Kind.BUILD, name="i386", status=Status.FAIL, detail="x.c:1: error", failures=1)
    earlier = replace(EARLIER, seen=(good, ran(0)))
    (found,) = compare(replace(NIGHT, seen=(bad,)), earlier, {})
    assert (found.kind, found.move, found.likelihood) == (Kind.BUILD, Move.BROKE, 0.0)


def test_a_broken_build_of_something_else_does_not_hide_what_is_gone() -> None:
    other = Seen(kind=Kind.BUILD, name="arm64", status=Status.FAIL, failures=1)
    crash = Seen(kind=Kind.CONSOLE, name="abcd", status=Status.CRASH)
    earlier = replace(EARLIER, seen=(other, ran(0), ran(0, name="x86_64/b"), crash))
    tonight = replace(NIGHT, seen=(other, ran(0)))
    found = {one.name: one.move for one in compare(tonight, earlier, {})}
    assert found == {"arm64": Move.STILL, "x86_64/b": Move.GONE, "abcd": Move.GONE}


def test_what_was_on_the_console_is_known_over_a_night_without_a_kernel() -> None:
    crash = Seen(kind=Kind.CONSOLE, name="abcd", status=Status.CRASH)
    old = Seen(kind=Kind.WARNING, name="old", status=Status.FAIL)
    first = replace(EARLIER, id="first", seen=(ran(0), crash, old))
    unbuilt = replace(EARLIER, seen=(Seen(kind=Kind.BUILD, name="x86_64", status=Status.FAIL),))
    earlier = known([unbuilt, first])
    assert earlier
    assert {one.name for one in earlier.seen} == {"x86_64", NAME, "abcd"}
    found = {one.name: one.move for one in compare(replace(NIGHT, seen=(ran(0),)), earlier, {})}
    assert found == {"abcd": Move.GONE, "x86_64": Move.GONE}


def test_a_failing_result_without_a_count_failed_once() -> None:
    seen = Seen(kind=Kind.BUILD, name="i386", status=Status.FAIL)
    good = replace(seen, status=Status.PASS)
    (found,) = compare(replace(NIGHT, seen=(seen,)), replace(EARLIER, seen=(good,)), {})
    assert found.move is Move.BROKE


@pytest.mark.parametrize("status", [Status.INFRA, Status.SKIP])
def test_our_own_trouble_is_nobodys_failure(status: Status) -> None:
    seen = replace(ran(0), status=status)
    found = compare(replace(NIGHT, seen=(seen,)), replace(EARLIER, seen=(ran(0),)), {})
    assert [one.move for one in found] == ([Move.GONE] if status is Status.SKIP else [])


def test_an_unchanged_night_moves_nothing() -> None:
    same = replace(NIGHT, ending=Ending.UNCHANGED, same_as="earlier")
    assert compare(same, replace(EARLIER, seen=(ran(0),)), {}) == ()


def test_a_console_report_seen_months_ago_is_flaky_not_new() -> None:
    crash = Seen(kind=Kind.CONSOLE, name="abcd", status=Status.CRASH, detail="WARNING in x")
    tonight = replace(NIGHT, seen=(crash, ran(0)))
    earlier = replace(EARLIER, seen=(ran(0),))
    (new,) = compare(tonight, earlier, {}, Against.MAINLINE)
    assert (new.move, new.against) == (Move.BROKE, Against.MAINLINE)
    (known_one,) = compare(tonight, earlier, {(Kind.CONSOLE, "abcd"): past(1)})
    assert known_one.move is Move.FLAKY


# Measures.


def _measure(*samples: float, unit: str = "instructions") -> Measure:
    return Measure(name="dirty_log_perf_test", unit=unit, samples=samples)


def _measured(before: Measure, after: Measure, trend: Sequence[Measure] = ()) -> list[Move]:
    nights = [replace(EARLIER, measures=(one,)) for one in trend]
    earlier, tonight = replace(EARLIER, measures=(before,)), replace(NIGHT, measures=(after,))
    return [one.move for one in compare(tonight, earlier, {}, past=nights)]


def test_more_instructions_are_slower_with_their_interval() -> None:
    before, after = _measure(100e6, 101e6, 100.5e6), _measure(110e6, 111e6, 110.5e6)
    earlier, tonight = replace(EARLIER, measures=(before,)), replace(NIGHT, measures=(after,))
    (found,) = compare(tonight, earlier, {})
    assert found.move is Move.SLOWER
    assert found.low < 1.0995 < found.high
    assert found.low > 1.05
    assert (found.before, found.after) == ("100 M instructions", "110 M instructions")
    assert _measured(after, before) == [Move.FASTER]


def test_seconds_never_judge() -> None:
    assert _measured(_measure(1, 1.01, unit="seconds"), _measure(9, 9.1, unit="seconds")) == []


def test_what_varies_that_much_every_night_is_not_slower() -> None:
    trend = [_measure(100e6 * (1 + 0.05 * (night % 3))) for night in range(20)]
    assert _measured(_measure(100e6, 100.1e6), _measure(106e6, 106.1e6)) == [Move.SLOWER]
    assert _measured(_measure(100e6, 100.1e6), _measure(106e6, 106.1e6), trend) == []


def test_sizes_are_exact() -> None:
    assert _measured(_measure(1000000, unit="bytes"), _measure(1004000, unit="bytes")) == []
    assert _measured(_measure(1000000, unit="bytes"), _measure(1040000, unit="bytes")) == [
        Move.GREW
    ]
    assert _measured(_measure(1040000, unit="bytes"), _measure(1000000, unit="bytes")) == [
        Move.SHRANK
    ]


def test_one_sample_of_each_proves_nothing() -> None:
    assert _measured(_measure(100e6), _measure(200e6)) == []
    assert ratio(_measure(100e6), _measure(200e6)) == (0.0, math.inf)


@pytest.mark.parametrize("bad", [(), (0.0, 1.0), (-1.0, 2.0), (math.nan, 1.0), (math.inf, 1.0)])
def test_numbers_that_make_no_sense_are_passed_over(bad: tuple[float, ...]) -> None:
    assert _measured(_measure(*bad), _measure(1.0, 2.0)) == []
    assert _measured(_measure(1.0, 2.0), _measure(*bad)) == []


def test_the_interval_holds_what_it_promises() -> None:
    """Nights without a change, each with its own offset: about 5 % of the intervals may miss 1."""
    chance = random.Random(7)  # noqa: S311 - a simulation

    def night() -> Measure:
        offset = chance.gauss(0, 0.02)
        return _measure(*[100e6 * math.exp(offset + chance.gauss(0, 0.005)) for _ in range(5)])

    wrong = 0
    for _ in range(400):
        trend = [night() for _ in range(20)]
        low, high = ratio(trend[0], night(), trend)
        wrong += not low <= 1 <= high
    assert wrong <= 400 * 0.08, f"{wrong} of 400 intervals without a change miss 1"


def test_numbers_are_short() -> None:
    shown = [number(one) for one in (0.0123, 7, 1234, 1210.4, 45678, 1.2e6, 250e6, 3e9)]
    assert shown == ["0.0123", "7", "1234", "1210", "45.68 k", "1.20 M", "250 M", "3.00 G"]
