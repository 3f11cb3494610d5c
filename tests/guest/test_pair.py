# SPDX-License-Identifier: GPL-2.0-only
"""How many guests run at once when base and series are tested side by side.  No guest is started."""

import threading
import time

import pytest

from reviewbot.model.build import Image
from reviewbot.model.config import Config, LabConfig
from reviewbot.model.guest import Accelerator, Host
from reviewbot.model.status import Status
from reviewbot.model.test import TestBinary, TestResult, TestRun
from reviewbot.tools import kept_results, pair, profile, testbed
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools
from reviewbot.tools.guest_results import Session

HOST = Host(accelerator=Accelerator.TCG, qemu="q", qemu_version="7", cpu_model="c", vendor="amd", why="")  # fmt: skip
# Module parameters of its own are a guest of its own.
TESTS = [
    TestBinary(name=f"t{number}", digest="d", limit=10.0, parameters=(f"kvm.p={number}",))
    for number in range(4)
]


@pytest.fixture
def tools(tmp_path):
    return Tools(
        config=Config(lab=LabConfig(guests=1)),
        cache=Cache(tmp_path / "cache"),
        scratch=tmp_path,
        progress=lambda *_: None,
    )


@pytest.fixture
def kernels():
    shipped = profile.load("kvm")
    return [
        testbed.Kernel(
            image=Image(commit=name, kernel=name, modules=(), config=""), profile=shipped, host=HOST
        )
        for name in ("base", "tip")
    ]


@pytest.fixture
def guests(monkeypatch):
    """The greatest number of guests at once, by kernel and ("all") together; a guest takes a moment."""
    most, now, lock = {}, {}, threading.Lock()

    def count(names, by):
        with lock:
            for name in names:
                now[name] = now.get(name, 0) + by
                most[name] = max(most.get(name, 0), now[name])

    def share(work, _tests):
        names = (work.kernel.image.commit, "all")
        count(names, 1)
        time.sleep(0.2)
        count(names, -1)
        return Session(results={}, boots=[], logs=[])

    monkeypatch.setattr(testbed._Work, "share", share)
    return most


def test_two_in_all_whichever_kernel_they_are_of(tools, kernels, guests):
    pair.run(tools, *kernels, TESTS, repeat=0, on_test=lambda *_: None)
    assert guests["all"] == 2


def test_the_series_has_both_where_the_base_has_run_before(tools, kernels, guests):
    results = tuple(
        TestResult(name=test.name, status=Status.PASS, seconds=1.0, exit_code=0) for test in TESTS
    )
    ran = TestRun(commit="base", repeat=0, results=results, boots=())
    kept_results.save(tools, kernels[0], TESTS, ran)
    pair.run(tools, *kernels, TESTS, repeat=0, on_test=lambda *_: None)
    assert guests == {"tip": 2, "all": 2}
