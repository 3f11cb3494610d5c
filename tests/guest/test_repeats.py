# SPDX-License-Identifier: GPL-2.0-only
"""What is run again before anybody is blamed.  Guests are told, not started: the stage alone is looked at."""

from dataclasses import replace

import pytest

from reviewbot.engine.lab import Lab
from reviewbot.engine.pipeline import Review, ReviewRequest
from reviewbot.engine.store import Store
from reviewbot.model.build import Image
from reviewbot.model.config import Config
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.guest import Accelerator, BootResult, Crash, CrashKind, Host, Outcome
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.model.test import (
    Change,
    TestBinary,
    TestCase,
    Tested,
    TestResult,
    TestRun,
    Why,
)
from reviewbot.stages import compare
from reviewbot.tools import pair, profile
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools

HOST = Host(accelerator=Accelerator.TCG, qemu="q", qemu_version="7", cpu_model="c", vendor="amd", why="")  # fmt: skip
IMAGES = tuple(Image(commit=name, kernel=name, modules=(), config="") for name in ("base", "tip"))
SECONDS = {"slow": 100.0, "quick": 1.0}
QUIET = BootResult(outcome=Outcome.FINISHED, seconds=1.0, boot_seconds=1.0, command="", console="", last_lines=())  # fmt: skip


def warned(test, kind=CrashKind.WARN):
    crash = Crash(kind=kind, title="WARNING in f()", frames=(), fingerprint="f", excerpt=(), test=test)  # fmt: skip
    return replace(QUIET, crashes=(crash,))


def ran(names, boot, number=0):
    results = tuple(
        TestResult(name=name, status=Status.PASS, seconds=SECONDS[name], exit_code=0)
        for name in names
    )
    return TestRun(commit="c", repeat=number, results=results, boots=(boot,))


@pytest.fixture
def unsaid():
    """What is said of consoles without blaming anybody."""
    return []


@pytest.fixture
def compared(tmp_path, monkeypatch, unsaid):
    """The stage's answer and the tests of each repeat, when the kernels' guests end so: first, then again."""
    tools = Tools(config=Config(), cache=Cache(tmp_path), scratch=tmp_path, progress=lambda *_: None)  # fmt: skip
    again = []

    def go(base, tip, base_again=QUIET, tip_again=QUIET, boots=((), ()), *, images=IMAGES):
        def repeated(_tools, _base, _tip, binaries, *, repeat, **_):
            names = [one.name for one in binaries]
            again.append(names)
            return ran(names, base_again, repeat), ran(names, tip_again, repeat)

        monkeypatch.setattr(pair, "run", repeated)
        tested = Tested(
            host=HOST,
            cases=tuple(TestCase(name=name, why=Why.TOUCHED, limit=200.0) for name in SECONDS),
            binaries=tuple(TestBinary(name=name, digest="d", limit=200.0) for name in SECONDS),
            base=ran(SECONDS, base),
            tip=ran(SECONDS, tip),
            images=images,
            profile=profile.load("kvm"),
        )
        found = compare.run(compare.CompareRequest(tested=tested, boots=boots), tools)
        unsaid.extend(one for one in found.report.not_tested if "console" in one)
        return [crash.title for crash in found.new_crashes], again

    return go


def test_a_race_that_the_base_shows_in_another_guest_is_not_new(compared):
    assert compared(QUIET, warned("slow"), base_again=warned("slow")) == ([], [["slow"], ["slow"]])


def test_a_report_that_the_base_never_makes_is_new_however_often_the_series_makes_it(compared):
    assert compared(QUIET, warned("slow")) == (["WARNING in f()"], [["slow"], ["slow"]])


def test_for_a_report_of_booting_the_quickest_test_boots_more_guests(compared):
    boots = ((QUIET,), (warned(""),))
    found = compared(QUIET, QUIET, base_again=warned(""), boots=boots)
    assert found == ([], [["quick"], ["quick"]])


def test_a_report_of_the_bases_own_kernel_is_told_and_blamed_on_nobody(compared, unsaid):
    """A series of selftests alone; a race of the base's that did not show on the other side."""
    same = (IMAGES[0], replace(IMAGES[0], commit="tip"))
    assert compared(QUIET, warned("slow"), images=same)[0] == []
    assert unsaid == [
        "WARNING in f() on the console, by the base's own kernel: the series changes none of it"
    ]


def test_what_the_base_reports_too_is_not_run_again(compared):
    assert compared(warned("quick"), warned("slow")) == ([], [])
    assert compared(QUIET, QUIET, boots=((warned(""),), (warned(""),))) == ([], [])


def test_what_first_runs_showed_is_told_when_nothing_can_be_repeated(tmp_path, monkeypatch):
    tools = Tools(config=Config(), cache=Cache(tmp_path), scratch=tmp_path, progress=lambda *_: None)  # fmt: skip

    def full(*_, **__):
        raise InfrastructureError("no space left on device")

    monkeypatch.setattr(pair, "run", full)
    review = Review(ReviewRequest(what="x", trees=()), tools, Store(tmp_path / "runs"))
    lab = Lab(review)
    fails = replace(ran(SECONDS, warned("slow")).results[1], status=Status.FAIL, assertion="a.c:1")
    tip = ran(SECONDS, warned("slow"))
    lab.tested = Tested(
        host=HOST,
        cases=tuple(TestCase(name=name, why=Why.TOUCHED, limit=200.0) for name in SECONDS),
        binaries=tuple(TestBinary(name=name, digest="d", limit=200.0) for name in SECONDS),
        base=ran(SECONDS, QUIET),
        tip=replace(tip, results=(tip.results[0], fails)),
        images=IMAGES,
        profile=profile.load("kvm"),
    )
    assert not review.attempt(Stage.COMPARE, lambda: lab._compare(IMAGES[1]))
    run = review.run
    assert [crash.title for crash in run.new_crashes] == ["WARNING in f()"]
    assert [one.change for one in run.tests.deltas] == [Change.SAME, Change.UNCONFIRMED]
    assert run.failures == ((Stage.COMPARE, "no space left on device"),)
