# SPDX-License-Identifier: GPL-2.0-only
"""Sweeps as the user runs them, on a branch of the real kernel tree, with the cache that the product uses."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from branch import Branch
from sweep_desk import Desk

from reviewbot.tools.nights import Nights


@pytest.fixture(scope="module")
def branch(kernel_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Branch:
    return Branch.borrowing(kernel_tree, tmp_path_factory.mktemp("sweep") / "kvm.git")


@pytest.fixture(scope="module")
def desk(branch: Branch, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    place = tmp_path_factory.mktemp("desk")
    tests = ["svm_int_ctl_test", "svm_vmcall_test", "state_test", "cpuid_test", "set_sregs_test"]
    tests += ["xcr0_cpuid_test", "kvm_pv_test", "userspace_msr_exit_test"]
    (place / "config.toml").write_text(
        f"""
        [trees.kvm]
        path = {json.dumps(str(branch.path))}
        [sweeps.kvm]
        refs = ["queue"]
        mainline = "mainline"
        owner = "Maintainer <maintainer@example.org>"
        mode = "hold"
        regzbot = true
        variants = false
        coverage_days = 0
        tests = {json.dumps(tests)}
        [mail]
        sender = "reviewbot <bot@example.org>"
        """
    )
    return Desk(place / "config.toml", place / "state")


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    """An empty store."""
    with closing(Nights(tmp_path / "nights.sqlite")) as store:
        yield store
