# SPDX-License-Identifier: GPL-2.0-only
"""What a cut-off night saw: taken up, kept, or looked at anew; and searches that are cut off."""

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from nightly import night

from reviewbot.engine.sweep_earlier import delivered, take_over, untold
from reviewbot.engine.sweep_judge import Judge
from reviewbot.engine.sweep_pursuit import Pursuit
from reviewbot.model.status import Status
from reviewbot.model.sweep import (
    Against,
    Bisection,
    Ending,
    Kind,
    Move,
    Movement,
    Night,
    Seen,
    Standing,
)
from reviewbot.tools.nights import Nights

MACHINE = "tcg"


def build(status: Status) -> Seen:
    return Seen(kind=Kind.BUILD, name="kvm", status=status, failures=int(status is not Status.PASS))


def ended(number: int, tree: str, ending: Ending, status: Status) -> Night:
    return night(number, build(status), commit=tree * 40, tree_id=tree * 40, ending=ending)


GOOD = ended(1, "a", Ending.COMPLETE, Status.PASS)
CUT_OFF = ended(2, "b", Ending.PARTIAL, Status.FAIL)
TONIGHT = ended(3, "c", Ending.COMPLETE, Status.FAIL)


@pytest.fixture
def nights(nights: Nights) -> Nights:
    nights.record(GOOD)
    nights.record(CUT_OFF)
    return nights


def moves(nights: Nights) -> list[Move]:
    judge = Judge(nights=nights, branch="kvm/queue", night="night-3", machine=MACHINE)
    return [one.move for one in judge.since_last(TONIGHT)]


def test_what_broke_in_a_night_nobody_was_told_of_is_new_tonight(nights: Nights) -> None:
    take_over(nights, TONIGHT, GOOD.id)
    assert moves(nights) == [Move.BROKE]
    kept = nights.night(CUT_OFF.id)
    assert kept
    assert kept.ending is Ending.FAILED
    assert kept.seen == CUT_OFF.seen, "its page shows it still"


def test_what_was_said_of_a_partial_night_is_not_said_again(nights: Nights) -> None:
    delivered(nights, CUT_OFF)
    take_over(nights, TONIGHT, GOOD.id)
    assert moves(nights) == [Move.STILL]


def test_a_night_of_the_same_tree_is_taken_up(nights: Nights) -> None:
    take_over(nights, replace(TONIGHT, tree_id=CUT_OFF.tree_id), GOOD.id)
    kept = nights.night(CUT_OFF.id)
    assert kept
    assert (kept.ending, kept.seen) == (Ending.PARTIAL, ())


def test_after_a_first_night_that_was_cut_off_the_next_is_the_first_still(tmp_path: Path) -> None:
    """What it saw is taken up, so that it is no night to compare with, and the merge base decides."""
    with closing(Nights(tmp_path / "first.sqlite")) as nights:
        nights.record(replace(CUT_OFF, id="first"))
        tonight = replace(TONIGHT, tree_id=CUT_OFF.tree_id)
        take_over(nights, tonight, "")
        judge = Judge(nights=nights, branch="kvm/queue", night=tonight.id, machine=MACHINE)
        assert judge.earlier() is None
        assert judge.since_last(tonight) == ()


def test_after_a_clock_was_set_back_what_broke_is_new_once_and_its_repair_is_told(
    nights: Nights,
) -> None:
    """Later nights say that they began before the earlier ones did."""
    take_over(nights, TONIGHT, GOOD.id)
    broke = replace(TONIGHT, started=-7.0, ended=-6.5)
    assert moves(nights) == [Move.BROKE]
    nights.record(broke)
    judge = Judge(nights=nights, branch="kvm/queue", night="night-4", machine=MACHINE)
    after = replace(ended(4, "d", Ending.COMPLETE, Status.PASS), started=-9.0, ended=-8.0)
    assert [one.move for one in judge.since_last(after)] == [Move.FIXED]
    fixed_in(nights, replace(ended(5, "d", Ending.FAILED, Status.PASS), started=-20.0))
    (told,) = untold(nights, replace(ended(6, "d", Ending.PARTIAL, Status.PASS), started=-19.0))
    assert told.closed == "night-5"


def fixed_in(nights: Nights, night_: Night) -> None:
    """The build that broke in the first night is seen to be repaired."""
    nights.record(night_)
    broke = nights.open_regression("kvm/queue", Kind.BUILD, "kvm", night="night-1", since=1.0)
    nights.close_regression(broke.number, night_.id, night_.started, Standing.FIXED)


def test_a_repair_that_nobody_was_told_of_is_told_by_the_next_night_and_once(
    nights: Nights,
) -> None:
    fixed_in(nights, ended(2, "b", Ending.FAILED, Status.PASS))
    tonight = ended(3, "b", Ending.PARTIAL, Status.PASS)
    (told,) = untold(nights, tonight)
    assert (told.name, told.standing, told.closed) == ("kvm", Standing.FIXED, "night-2")
    nights.record(tonight)
    delivered(nights, tonight, [told])
    assert untold(nights, ended(4, "d", Ending.COMPLETE, Status.PASS)) == ()


def test_what_was_told_or_is_broken_again_is_not_told(nights: Nights) -> None:
    failed = ended(2, "b", Ending.FAILED, Status.PASS)
    fixed_in(nights, failed)
    assert untold(nights, TONIGHT) == (), "it fails tonight"
    delivered(nights, failed)
    assert untold(nights, ended(3, "b", Ending.COMPLETE, Status.PASS)) == ()


def test_a_search_that_is_cut_off_does_not_take_the_others_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first search ends, the second is at work when the time is over."""
    tests = [Seen(kind=Kind.TEST, name=name, status=Status.FAIL) for name in ("one", "two")]
    bench = SimpleNamespace(
        seen={(one.kind, one.name): one for one in tests}, place=SimpleNamespace(tip="b" * 40)
    )

    def search(_: Pursuit, good: str, some: list[Seen], _tools: object) -> list[Bisection]:
        if some[0].name == "two":
            time.sleep(30)
        (one,) = some
        answer = Bisection(
            kind=one.kind, name=one.name, detail="", good=good, bad="b" * 40, reason="too flaky"
        )
        return [answer]

    monkeypatch.setattr(Pursuit, "_beyond", lambda *_: "")
    monkeypatch.setattr(Pursuit, "_good", lambda _, one: one.name)
    monkeypatch.setattr(Pursuit, "_bisect", search)
    until = time.time() + 0.3
    judge = SimpleNamespace(owed=lambda _: ())
    pursuit = Pursuit(judge=judge, bench=bench, range=None, whose={}, deadline=until, until=until)
    broke = [
        Movement(
            kind=one.kind,
            name=one.name,
            move=Move.BROKE,
            against=Against.PREVIOUS,
            before="",
            after="",
        )
        for one in tests
    ]
    found = pursuit.run(broke, None)
    assert [(one.name, one.reason, one.unfinished) for one in found] == [
        ("one", "too flaky", False),
        ("two", "no time was left", True),
    ]


def test_what_only_kvm_unit_tests_show_is_not_searched_for() -> None:
    """A step of a bisection has the selftests of a tree, and no others."""
    crash = {"a" * 8: ("kvm-unit-tests/msr",), "b" * 8: ("kvm-unit-tests/msr", "x86_64/smm_test")}
    bench = SimpleNamespace(where=crash, profile=SimpleNamespace(name="kvm"))
    pursuit = Pursuit(
        judge=SimpleNamespace(), bench=bench, range=None, whose={}, deadline=0.0, until=0.0
    )

    def beyond(kind: Kind, name: str) -> str:
        return pursuit._beyond(Seen(kind=kind, name=name, status=Status.FAIL, failures=1))

    why = "what only kvm-unit-tests show is not bisected"
    assert beyond(Kind.TEST, "kvm-unit-tests/msr") == why
    assert beyond(Kind.CONSOLE, "a" * 8) == why
    assert beyond(Kind.CONSOLE, "b" * 8) == beyond(Kind.CONSOLE, "c" * 8) == ""
    assert beyond(Kind.TEST, "x86_64/smm_test") == ""
