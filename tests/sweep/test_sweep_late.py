# SPDX-License-Identifier: GPL-2.0-only
"""Culprits that an earlier night had no time for, or for which our tools failed: found later, and then said."""

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pygit2
import pytest
from nightly import night

from reviewbot.engine.sweep_judge import Judge
from reviewbot.engine.sweep_pursuit import Pursuit
from reviewbot.model.config import Config, SweepConfig
from reviewbot.model.status import Status
from reviewbot.model.sweep import (
    Against,
    Bisection,
    Culprit,
    Kind,
    Move,
    Movement,
    Night,
    Seen,
)
from reviewbot.model.sweep_range import SweepRange
from reviewbot.model.sweep_report import SweepReport
from reviewbot.stages import report, report_sweep, sweep_text
from reviewbot.tools.nights import Nights

TEST = "x86_64/state_test"
STILL = Movement(
    kind=Kind.TEST, name=TEST, move=Move.STILL, against=Against.PREVIOUS, before="", after=""
)
CUT_OFF = Bisection(
    kind=Kind.TEST,
    name=TEST,
    detail="",
    good="a" * 40,
    bad="b" * 40,
    reason="no time was left",
    unfinished=True,
)
CULPRIT = Culprit(commit="c" * 40, subject="KVM: Break it", author="Jo <jo@example.org>")
FOUND = replace(CUT_OFF, culprit=CULPRIT, confidence=1.0, unfinished=False, reason="")


def failing(number: int, commit: str = "b" * 40) -> Night:
    seen = Seen(kind=Kind.TEST, name=TEST, status=Status.FAIL, runs=1, failures=1)
    return night(number, seen, commit=commit, tree_id=commit)


def searched(nights: Nights, number: int, found: Bisection, good: str = "a" * 40) -> None:
    """A night in which the failure was there, and what became of its search."""
    nights.record(failing(number))
    nights.open_regression(
        "kvm/queue", Kind.TEST, TEST, night=f"night-{number}", since=float(number), good=good
    )
    nights.keep_bisection(f"night-{number}", found)


def judge(nights: Nights) -> Judge:
    return Judge(nights=nights, branch="kvm/queue", night="night-9", machine="tcg")


def test_a_search_that_was_cut_off_is_owed_while_the_failure_is_there(nights: Nights) -> None:
    searched(nights, 1, CUT_OFF)
    assert [one.name for one in judge(nights).owed([STILL])] == [TEST]
    assert judge(nights).owed([]) == ()
    assert judge(nights).owed([replace(STILL, against=Against.MERGE_BASE)]) == ()


def test_an_open_regression_that_fails_again_is_no_flake(nights: Nights) -> None:
    """It passed once, then failed in all of three runs, and fails tonight: "3 of 4" is no flaky test."""
    fine = Seen(kind=Kind.TEST, name=TEST, status=Status.PASS)
    nights.record(night(1, fine, commit="a" * 40))
    thrice = replace(failing(2).seen[0], runs=3, failures=3)
    nights.record(night(2, thrice, commit="b" * 40))
    tonight = failing(9)
    assert [one.move for one in judge(nights).since_last(tonight)] == [Move.FLAKY]
    searched(nights, 2, CUT_OFF)
    nights.record(night(2, thrice, commit="b" * 40))
    (moved,) = judge(nights).since_last(tonight)
    assert (moved.move, moved.since) == (Move.STILL, "night-2")
    assert judge(nights).owed([moved]), "nobody would look for its culprit again"
    mixed = night(9, replace(thrice, failures=1))
    assert [one.move for one in judge(nights).since_last(mixed)] == [Move.FLAKY]


def test_it_is_not_owed_for_ever(nights: Nights) -> None:
    for number in (1, 2):
        searched(nights, number, CUT_OFF)
        assert judge(nights).owed([STILL])
    searched(nights, 3, CUT_OFF)
    assert judge(nights).owed([STILL]) == ()


@pytest.mark.parametrize("answer", [FOUND, replace(CUT_OFF, reason="flaky", unfinished=False)])
def test_what_came_to_its_end_is_not_owed(nights: Nights, answer: Bisection) -> None:
    searched(nights, 1, CUT_OFF)
    searched(nights, 2, answer)
    assert judge(nights).owed([STILL]) == ()


def test_an_owed_search_begins_where_the_failure_did(
    nights: Nights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at last night's commit, which has it, nor as far back as mainline."""
    repository = pygit2.init_repository(str(tmp_path / "kvm.git"), bare=True)
    who, tree = pygit2.Signature("A", "a@example.org", 1, 0), repository.TreeBuilder().write()
    commits: list[str] = []
    for subject in ("mainline", "good", "last night", "tip"):
        made = repository.create_commit("refs/heads/q", who, who, subject, tree, commits[-1:])
        commits.append(str(made))
    mainline, good, last, tip = commits
    searched(nights, 1, CUT_OFF, good)
    asked = []

    def search(_: Pursuit, start: str, some: list[Seen], _tools: object) -> list[Bisection]:
        asked.append((start, [one.name for one in some]))
        return [FOUND]

    monkeypatch.setattr(Pursuit, "_bisect", search)
    bench = SimpleNamespace(
        seen={(Kind.TEST, TEST): failing(9).seen[0]},
        place=SimpleNamespace(tip=tip, store=SimpleNamespace(path=Path(repository.path))),
        profile=SimpleNamespace(name="kvm"),
    )
    until = time.time() + 60
    pursuit = Pursuit(
        judge=judge(nights),
        bench=bench,
        range=SweepRange(old=last, tip=tip, merge_base=mainline, start=last, forced=False),
        whose={},
        deadline=until,
        until=until,
    )
    assert pursuit.run([STILL], None) == (FOUND,)
    assert asked == [(good, [TEST])]


def test_a_culprit_that_is_found_late_is_mailed() -> None:
    quiet = SweepReport(sweep="kvm", night=failing(9), movements=(STILL,), bisections=(CUT_OFF,))
    found = replace(quiet, bisections=(FOUND,))
    assert not sweep_text.changed(quiet)
    assert sweep_text.changed(found)
    assert "1 culprit found" in sweep_text.subject(found)
    rendering = report.settings(Config())
    settings = SweepConfig(owner="Maintainer <maintainer@example.org>")
    (mail,) = report_sweep.mails(found, settings, report.plain(rendering), rendering.sender)
    assert f"Culprit found: test: {TEST}" in mail.entry.mail.body
    assert f'{"c" * 12} ("KVM: Break it")' in mail.entry.mail.body
