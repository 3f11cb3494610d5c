# SPDX-License-Identifier: GPL-2.0-only
"""What a guest's first processor says of its delay loop is told to later guests."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.guest import Accelerator, Host
from reviewbot.parse import console
from reviewbot.tools import calibration, testbed
from reviewbot.tools.cache import Cache

CLEAN = Path(__file__).resolve().parent.parent / "fixtures" / "console" / "clean.log"
TCG = Host(
    accelerator=Accelerator.TCG,
    qemu="qemu-system-x86_64",
    qemu_version="7.2",
    cpu_model="EPYC",
    vendor="amd",
    why="",
)


def test_a_real_console_says_it():
    assert console.loops_per_jiffy(CLEAN.read_text()) == 10391540


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Calibrating delay loop... 5195.77 BogoMIPS (lpj=10391540)",
        "Calibrating delay loop (skipped) preset value.. 5195.77 BogoMIPS (lpj=10391540)",
        "it said Calibrating delay loop (skipped), value calculated using timer frequency.. 1 (lpj=1)",
        "Calibrating delay loop (skipped), value calculated using timer frequency.. 1 (lpj=0)",
        "Calibrating delay loop (skipped), value calculated using timer frequency.. 1 (lpj=12345678901)",
        "Calibrating delay loop (skipped), value calculated using timer frequency.. 1 (lpj=1 init=/bin/sh)",
    ],
)
def test_other_lines_do_not(line):
    assert console.loops_per_jiffy(f"[    0.000640] {line}\n") is None


@given(st.text())
def test_any_log_can_be_asked(log):
    assert console.loops_per_jiffy(log) is None


def test_it_is_kept_for_the_same_configuration_under_emulation(tmp_path):
    cache = Cache(tmp_path)
    log = cache.put(CLEAN.read_bytes())
    assert calibration.parameters(cache, "one", TCG) == ""
    calibration.learn(cache, "one", TCG, log)
    assert calibration.parameters(cache, "one", TCG) == "lpj=10391540"
    assert calibration.parameters(cache, "other", TCG) == ""
    kvm = replace(TCG, accelerator=Accelerator.KVM)
    assert calibration.parameters(cache, "one", kvm) == ""
    calibration.learn(cache, "other", kvm, log)
    assert calibration.parameters(cache, "other", TCG) == ""


@pytest.mark.slow
def test_a_base_teaches_the_guests_of_all_and_a_series_nobody(lab):
    here = f"test_calibration {time.time()}"
    series = replace(
        lab.without_modules(), image=replace(lab.kernel.image, config=here, modules=())
    )
    base = replace(series, tree="a tree")

    def said(kernel):
        life = testbed.boot(lab.tools, kernel)
        return life.boot.command, lab.tools.cache.get(life.boot.console).decode()

    for kernel in (series, base):
        command, log = said(kernel)
        assert "lpj=" not in command
        assert "value calculated using timer frequency" in log
    loops = console.loops_per_jiffy(log)
    command, log = said(series)
    assert f"lpj={loops}" in command
    assert "preset value.. " in log
    assert f"(lpj={loops})" in log
    assert "calibrate_delay_direct() failed" not in log
    assert "Brought up 1 node, 2 CPUs" in log
