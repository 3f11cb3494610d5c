# SPDX-License-Identifier: GPL-2.0-only
"""Layouts of real headers: sizes that the ABI has had for years, on every architecture."""

import pytest
from debian import kernel_tree

from reviewbot.rulekit.facts import Facts
from reviewbot.rulekit.trees import View
from reviewbot.tools.objects import TreeView, open_repository, resolve_commit

EVERYWHERE = {"kvm_enable_cap": 104, "kvm_irq_routing_entry": 48, "kvm_one_reg": 16}
NEWER = {
    "kvm_userspace_memory_region2": 160,
    "kvm_create_guest_memfd": 64,
    "kvm_pre_fault_memory": 64,
}
# i386: kvm_msr_filter_range has a pointer. s390x: kvm_run has the PSW. arm64: SIMD registers.
X86 = {"kvm_run": 2352, "kvm_nested_state": 128, "kvm_vcpu_events": 64, "kvm_sregs": 312}
OWN = {
    "x86_64": {**X86, "kvm_msr_filter": 392},
    "i386": {**X86, "kvm_msr_filter": 260},
    "arm64": {"kvm_run": 2352, "kvm_vcpu_events": 64, "kvm_regs": 864},
    "riscv64": {"kvm_run": 2352, "kvm_riscv_core": 264},
    "s390x": {"kvm_run": 2368, "kvm_regs": 128, "kvm_s390_mem_op": 64},
}


@pytest.fixture(params=("6.12", "6.1"))
def view(request: pytest.FixtureRequest) -> View:
    """The newest commit of a source package, made into a repository once."""
    place = kernel_tree(request.param)
    repository = open_repository(place)
    commit = resolve_commit(repository, "HEAD")
    assert commit, f"{place} has no commit; remove it and run the test again"
    tree = str(repository[commit].tree.id)
    return View(tree=TreeView(repository, tree), facts=Facts(), label=place.name)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", OWN)
def test_sizes_of_the_abi(view: View, architecture: str) -> None:
    """They never change; another size means that the layout facts are wrong on that architecture."""
    layouts = view.uapi(architecture)
    newer = NEWER if "kvm_pre_fault_memory" in layouts.records else {}
    wanted = {**EVERYWHERE, **OWN[architecture], **newer}
    assert {name: layouts.records[name].size for name in wanted} == wanted
    assert not layouts.broken
    assert not layouts.errors


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["x86_64", "arm64", "riscv64", "s390x"])
def test_members_lie_where_programs_expect_them(view: View, architecture: str) -> None:
    """Offsets that QEMU and kvmtool are built with."""
    run = view.uapi(architecture).records["kvm_run"]
    offsets = {path: run.member(path).offset for path in ("exit_reason", "mmio.len", "s.padding")}
    shift = 16 if architecture == "s390x" else 0  # psw_mask and psw_addr stand before the exits
    assert offsets == {"exit_reason": 8, "mmio.len": 48 + shift, "s.padding": 304 + shift}
