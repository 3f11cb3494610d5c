# SPDX-License-Identifier: GPL-2.0-only
"""Other configurations of the tip are built beside the patches: all are there in the end, none is waited for in vain."""

import time
from dataclasses import replace

import pytest

from reviewbot.engine.lab import Lab
from reviewbot.engine.pipeline import Review, ReviewRequest
from reviewbot.engine.store import Store
from reviewbot.model.config import Config, LabConfig
from reviewbot.model.run import Stage
from reviewbot.model.status import Status

MMU = "arch/x86/kvm/mmu.c"
PROFILE = """
name = "tiny"
subsystem = "KVM"
architecture = "x86_64"
config = ["CONFIG_KVM=m", "CONFIG_KVM_WERROR=y"]
config_summary = "tiny"
targets = ["arch/x86/kvm/kvm.ko", "arch/x86/kvm/kvm-amd.ko"]
kernel_image = "bzImage"
modules = [{ path = "arch/x86/kvm/kvm-amd.ko" }]
selftests = "kvm"
selections = []

[[variants]]
name = "first"
config = ["CONFIG_KVM_WERROR=n"]
targets = ["arch/x86/kvm/x86.o", "arch/x86/kvm/mmu.o"]

[[variants]]
name = "second"
config = ["CONFIG_KVM_WERROR=n"]
targets = ["arch/x86/kvm/mmu.o"]
"""


@pytest.fixture
def reviewed(lab, tmp_path):
    """What the lab's build stage says of an applied series."""
    profile = tmp_path / "tiny.toml"
    profile.write_text(PROFILE)
    config = Config(lab=LabConfig(profile=str(profile)))

    def go(applied):
        tools = replace(lab.tools(), config=config)
        review = Review(
            ReviewRequest(what="tiny", trees=(), until=Stage.BUILD), tools, Store(tmp_path / "runs")
        )
        review.run = replace(review.run, applied=applied)
        Lab(review).go()
        assert not review.run.failures
        return review.run

    return go


def append(text):
    return lambda old: old + text


def test_all_of_a_series_that_builds_are_there_in_the_profiles_order(kernel, reviewed):
    run = reviewed(kernel.series({MMU: append("\nstatic const int new_unused = 2;\n")}))
    assert run.build.status is Status.PASS
    assert [(one.name, one.status) for one in run.build.variants] == [
        ("first", Status.PASS),
        ("second", Status.PASS),
    ]
    assert all("new_unused" in one.new[0].message for one in run.build.variants)
    assert run.analysis.tools


def test_a_series_that_does_not_build_does_not_wait_for_them(kernel, reviewed):
    waits = "\nifndef CONFIG_KVM_WERROR\nwaited := $(shell sleep 1000)\nendif\n"
    changes = {"arch/x86/kvm/Makefile": append(waits), MMU: append("\n#error broken\n")}
    began = time.monotonic()
    run = reviewed(kernel.series(changes))
    assert time.monotonic() - began < 500
    assert run.build.status is Status.FAIL
    assert run.build.variants == ()
