# SPDX-License-Identifier: GPL-2.0-only
"""A first night's failures against the merge base, which is asked as often as the tip before it is believed."""

import random
from types import SimpleNamespace

import pytest
from nightly import night

from reviewbot.engine.sweep_judge import Judge
from reviewbot.engine.sweep_other import Others
from reviewbot.model.config import Config
from reviewbot.model.status import Status
from reviewbot.model.sweep import Against, Kind, Move, Night, Seen
from reviewbot.tools.nights import Nights

TEST = "x86_64/state_test"
REPEATS = Config().lab.repeats


def seen(runs: int, failures: int, name: str = TEST) -> Seen:
    status = Status.FAIL if failures else Status.PASS
    return Seen(kind=Kind.TEST, name=name, status=status, runs=runs, failures=failures)


def called(name: str, branch: str, *some: Seen) -> Night:
    return night(1, *some, id=name, branch=branch, merge_base="a" * 40)


def others(nights: Nights) -> Others:
    """Only what decides which tests the merge base runs again."""
    branch = SimpleNamespace(mainline="kvm/mainline")
    tools = SimpleNamespace(config=Config())
    return Others(nights, branch, SimpleNamespace(), tools)


def test_what_fails_tonight_and_passed_once_on_the_base_is_run_there_again(nights):
    tip = called("tip", "kvm/queue", seen(3, 3), seen(1, 0, "fine"), seen(3, 3, "old"))
    base = called("base", "kvm/mainline@base", seen(1, 0), seen(1, 0, "fine"), seen(3, 3, "old"))
    assert set(others(nights)._unconfirmed(tip, base)) == {TEST}
    sure = called("base", "kvm/mainline@base", seen(1 + REPEATS, 0))
    assert not others(nights)._unconfirmed(tip, sure)


def blamed(nights: Nights, base: Seen, tip: Seen) -> bool:
    judge = Judge(nights=nights, branch="kvm/queue", night="tip", machine="tcg")
    moved = judge.against(
        called("tip", "kvm/queue", tip),
        called("base", "kvm/mainline@base", base),
        Against.MERGE_BASE,
    )
    return any(one.move is Move.BROKE for one in moved)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_flaky_test_is_seldom_blamed_on_a_first_night(nights, rate):
    """The same test on both sides, run as sweeps run it; at most (rate * (1 - rate))^3 can look new."""
    dice = random.Random(1)  # noqa: S311 - chance, the same in every run
    wrong = 0
    for _ in range(2000):
        tip = [dice.random() < rate for _ in range(1)]
        base = [dice.random() < rate for _ in range(1)]
        for runs in (tip, base):
            while any(runs) and len(runs) < 1 + REPEATS:
                runs.append(dice.random() < rate)
        while any(tip) and not any(base) and len(base) < 1 + REPEATS:
            base.append(dice.random() < rate)
        wrong += blamed(nights, seen(len(base), sum(base)), seen(len(tip), sum(tip)))
    assert wrong / 2000 <= 0.02, f"{wrong} of 2000 first nights blame a test that fails {rate:.0%}"


def test_what_always_fails_and_never_did_on_the_base_is_blamed(nights):
    assert blamed(nights, seen(1 + REPEATS, 0), seen(1 + REPEATS, 1 + REPEATS))
