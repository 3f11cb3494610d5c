# SPDX-License-Identifier: GPL-2.0-only
"""The history of bases: what comes back, what is forgotten, and what damage costs."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

import pytest

from reviewbot.model.baseline import Baseline
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.status import Status
from reviewbot.model.test import TestResult
from reviewbot.tools import baselines
from reviewbot.tools.baselines import Baselines

if TYPE_CHECKING:
    from pathlib import Path

HERE = Baseline(tree="t1", config="c1", place="kvm tcg EPYC")
RELATIVE = Baseline(tree="t2", config="c1", place="kvm tcg EPYC")
ELSEWHERE = Baseline(tree="t1", config="c1", place="kvm kvm host")
DAY = 86400.0
NOW = 1000 * DAY


def result(status: Status, name: str = "x86/a", assertion: str = "") -> TestResult:
    return TestResult(name=name, status=status, seconds=1.5, exit_code=None, assertion=assertion)


def statuses(
    history: Baselines, baseline: Baseline = HERE, now: float = NOW
) -> list[tuple[Status, bool]]:
    past = history.past(baseline, ["x86/a"], now=now).get("x86/a", ())
    return [(one.status, one.here) for one in past]


def test_a_run_comes_back_with_everything_that_was_said(tmp_path: Path) -> None:
    """One row for one execution."""
    history = Baselines(tmp_path)
    failed = result(Status.FAIL, assertion="a.c:7: x == y")
    history.record(HERE, [failed], {"x86/a": "digest"}, now=NOW)
    (found,) = history.past(HERE, ["x86/a", "x86/never"], now=NOW)["x86/a"]
    assert (found.test, found.tree, found.program) == ("x86/a", "t1", "digest")
    assert found.config == "c1"
    assert (found.status, found.assertion, found.seconds) == (Status.FAIL, "a.c:7: x == y", 1.5)
    assert found.when == NOW
    assert found.here


def test_our_own_failures_are_no_history(tmp_path: Path) -> None:
    """A QEMU that the host killed says nothing of the test."""
    history = Baselines(tmp_path)
    history.record(HERE, [result(Status.INFRA)], {}, now=NOW)
    assert statuses(history) == []


def test_this_base_first_then_its_relatives_and_nobody_else(tmp_path: Path) -> None:
    """Another accelerator or processor is another world."""
    history = Baselines(tmp_path)
    history.record(RELATIVE, [result(Status.FAIL)], {}, now=NOW)
    history.record(HERE, [result(Status.PASS)], {}, now=NOW - DAY)
    history.record(ELSEWHERE, [result(Status.TIMEOUT)], {}, now=NOW)
    assert statuses(history) == [(Status.PASS, True), (Status.FAIL, False)]


def test_relatives_are_forgotten_before_the_base_itself(tmp_path: Path) -> None:
    """What flipped half a year ago was another kernel."""
    history = Baselines(tmp_path)
    for baseline in (HERE, RELATIVE):
        history.record(baseline, [result(Status.PASS)], {}, now=NOW)
    later = NOW + (baselines.RELATED_DAYS + 1) * DAY
    assert statuses(history, now=later) == [(Status.PASS, True)]


def test_the_file_is_bounded_by_age_and_by_number(tmp_path: Path, monkeypatch) -> None:
    """The newest stay."""
    monkeypatch.setattr(baselines, "KEPT_OF_ONE", 5)
    history = Baselines(tmp_path)
    for number in range(12):
        status = Status.PASS if number < 9 else Status.FAIL
        history.record(HERE, [result(status)], {}, now=NOW + number)
    assert [status for status, _ in statuses(history)] == [Status.FAIL] * 3 + [Status.PASS] * 2
    much_later = NOW + (baselines.KEPT_DAYS + 1) * DAY
    history.record(HERE, [result(Status.PASS, name="x86/b")], {}, now=much_later)
    assert statuses(history, now=much_later) == []


def _write(root: Path, number: int) -> None:
    for _ in range(25):
        Baselines(root).record(HERE, [result(Status.PASS)], {}, now=NOW + number)


def test_many_processes_lose_no_row(tmp_path: Path) -> None:
    """They also make the file together."""
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_write, args=(tmp_path, n)) for n in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 4
    assert len(statuses(Baselines(tmp_path))) == 100


def test_a_damaged_file_is_set_aside_and_history_begins_anew(tmp_path: Path) -> None:
    """One call says so, the next works."""
    history = Baselines(tmp_path)
    history.path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(InfrastructureError, match="not a database"):
        history.record(HERE, [result(Status.PASS)], {}, now=NOW)
    history.record(HERE, [result(Status.PASS)], {}, now=NOW)
    assert statuses(history) == [(Status.PASS, True)]
    assert list(tmp_path.glob("*.damaged"))


def test_a_file_that_another_holds_is_no_damage(tmp_path: Path, monkeypatch) -> None:
    """The history stays where it is."""
    import sqlite3

    monkeypatch.setattr(baselines, "BUSY_SECONDS", 0.1)
    history = Baselines(tmp_path)
    history.record(HERE, [result(Status.PASS)], {}, now=NOW)
    other = sqlite3.connect(history.path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(InfrastructureError, match="locked"):
        history.record(HERE, [result(Status.FAIL)], {}, now=NOW)
    other.rollback()
    other.close()
    assert statuses(history) == [(Status.PASS, True)]
