# SPDX-License-Identifier: GPL-2.0-only
"""Sweeps that are ended: by their limit, by a signal, by death.  What was seen is kept, and the next one goes on."""

import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from types import SimpleNamespace

import pytest
from branch import Branch, Patch, with_line
from sweep_desk import Desk

from reviewbot.engine.sweep import Sweep
from reviewbot.model.config import SweepConfig
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.sweep import Ending, Kind, Night
from reviewbot.tools.deadline import DeadlineReached, deadline
from reviewbot.tools.nights import Nights

ERRATA = "Documentation/virt/kvm/x86/errata.rst"


def test_the_alarm_ends_what_waits_and_is_gone_afterwards():
    before = signal.getsignal(signal.SIGALRM)
    began = time.monotonic()
    with pytest.raises(DeadlineReached), deadline(time.time() + 0.1):
        time.sleep(30)
    assert time.monotonic() - began < 5
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0


def test_no_limit_and_one_that_is_over():
    with deadline(0.0):
        pass
    with pytest.raises(DeadlineReached), deadline(time.time() - 1):
        pytest.fail("the body was begun")


def test_nothing_that_expects_errors_catches_the_end():
    def careless() -> None:
        try:
            time.sleep(30)
        except Exception:  # noqa: BLE001 - the point of the test
            pytest.fail("it was taken for an error")

    with pytest.raises(DeadlineReached), deadline(time.time() + 0.05):
        careless()


def test_a_coverage_that_was_cut_off_or_failed_is_measured_by_the_next_night(tmp_path):
    """It comes last, so that it is what a late night cuts off; once a week it is made whole."""
    ends = [DeadlineReached(), InfrastructureError("no space"), None, None]
    made = []

    def measure() -> None:
        made.append(ends.pop(0))
        if made[-1]:
            raise made[-1]

    with closing(Nights(tmp_path / "nights.sqlite")) as nights:
        for number in (1, 2, 3, 4, 8):  # days; the eighth is of another week
            sweep = SimpleNamespace(
                nights=nights,
                bench=SimpleNamespace(coverage=measure),
                night=SimpleNamespace(id=f"night-{number}", started=number * 86400.0),
                request=SimpleNamespace(
                    branch=SimpleNamespace(name="kvm/queue", settings=SweepConfig(coverage_days=7))
                ),
            )
            with suppress(DeadlineReached, InfrastructureError):
                Sweep._coverage(sweep)
    assert ends == []
    assert [bool(one) for one in made] == [True, True, False, False]


def names_of(night: Night) -> set[str]:
    return {one.name for one in night.seen if one.kind is Kind.TEST}


@pytest.mark.slow
def test_stopped_killed_and_out_of_time_it_goes_on(branch: Branch, desk: Desk) -> None:
    """One branch, three interrupted sweeps, then a whole one."""
    # Another tree each time: what an earlier run of this test kept must not be taken up.
    note = with_line(f"\nNote {time.time_ns()}.")
    branch.push(branch.base, [Patch(subject="KVM: Note", edits=((ERRATA, note),))])
    argv = [sys.executable, "-m", "reviewbot", "--config", str(desk.config), "sweep"]
    report = desk.sweep("--hours", "0.0005")
    assert report.night.ending is Ending.PARTIAL
    assert "the time was over before the end of: " in report.night.missing[0]
    endings = []
    for number in (signal.SIGTERM, signal.SIGKILL):
        with subprocess.Popen(
            argv, env=desk.environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as child:
            assert child.stderr
            for line in child.stderr:
                if b" test    x86_64/" in line:  # a guest is at work
                    break
            child.send_signal(number)
            child.stderr.read()
            endings.append(child.wait(60))
    assert endings == [130, -signal.SIGKILL]
    whole = desk.sweep()
    assert whole.night.ending is Ending.COMPLETE, whole.night.missing
    assert len(names_of(whole.night)) == 8
    with closing(Nights(desk.state / "reviewbot" / "nights.sqlite")) as nights:
        newest = nights.nights("kvm/queue", 10)
    assert [one.ending for one in newest] == [Ending.COMPLETE, *[Ending.PARTIAL] * 3]
    said = [one.missing[0] if one.missing else "" for one in newest]
    assert "it was stopped before its end; left were: " in said[2]
    assert any("the process that made it died" in one for one in newest[1].missing)
