# SPDX-License-Identifier: GPL-2.0-only
"""Which selftests a series gets."""

import pytest

from reviewbot.model.series import Address, ChangeKind, FileDiff, Patch, Series
from reviewbot.model.test import Why
from reviewbot.stages.choose import Available, Measured, choose
from reviewbot.tools import profile

KVM = profile.load("kvm")
# What linux-source-6.12 has, slow ones included.
BARE = """
state_test svm_int_ctl_test svm_vmcall_test svm_nested_shutdown_test vmx_msrs_test cpuid_test
vmx_set_nested_state_test nested_exceptions_test smm_test hyperv_cpuid hyperv_clock xen_shinfo_test
xen_vmcall_test userspace_msr_exit_test set_sregs_test kvm_pv_test triple_fault_event_test
xcr0_cpuid_test xapic_state_test xapic_ipi_test fix_hypercall_test tsc_msrs_test hwcr_msr_test
"""
GENERIC = ("dirty_log_test", "demand_paging_test", "kvm_page_table_test", "kvm_binary_stats_test")
NAMES = (*(f"x86_64/{name}" for name in BARE.split()), *GENERIC)


def series(*paths, added=(), renamed=()):
    someone = Address(name="A", email="a@example.org")
    files = [FileDiff(kind=ChangeKind.MODIFY, old_path=path, new_path=path) for path in paths]
    files += [FileDiff(kind=ChangeKind.ADD, old_path=None, new_path=path) for path in added]
    files += [FileDiff(kind=ChangeKind.RENAME, old_path=a, new_path=b) for a, b in renamed]
    patch = Patch(
        number=1,
        mailed_number=1,
        subject="s",
        full_subject="[PATCH] s",
        message_id="m@example.org",
        references=(),
        author=someone,
        sender=someone,
        date="",
        to=(),
        cc=(),
        changelog="",
        below_cut="",
        trailers=(),
        files=tuple(files),
        diff="",
    )
    return Series(
        title="s",
        revision=1,
        prefixes=(),
        total=1,
        cover=None,
        patches=(patch,),
        missing=(),
        base_commit=None,
        prerequisites=(),
        change_id=None,
        source="",
        newest_revision=1,
    )


def chosen(*paths, added=(), new=(), base=NAMES, vendor="amd", at_most=10):
    available = Available(base=base, tip=(*NAMES, *new), limit=120.0)
    return choose(series(*paths, added=added), KVM, available, vendor=vendor, at_most=at_most)


def names(found):
    return [case.name.rpartition("/")[2] for case in found.cases]


def test_a_new_selftest_comes_first_and_beyond_the_limit():
    found = chosen("arch/x86/kvm/svm/nested.c", new=("x86_64/svm_pat_test",), at_most=3)
    assert found.cases[0].name == "x86_64/svm_pat_test"
    assert found.cases[0].why is Why.ADDED
    assert len(found.cases) == 4


def test_a_changed_selftest_is_run_whatever_its_kind():
    found = chosen("tools/testing/selftests/kvm/x86_64/vmx_msrs_test.c", vendor="amd", at_most=0)
    assert [(case.name, case.why) for case in found.cases] == [
        ("x86_64/vmx_msrs_test", Why.CHANGED)
    ]


def test_no_test_is_chosen_twice():
    found = chosen(
        "arch/x86/kvm/svm/nested.c", "arch/x86/kvm/x86.c", "virt/kvm/kvm_main.c", at_most=99
    )
    assert len(set(names(found))) == len(names(found))


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("arch/x86/kvm/svm/nested.c", "svm_nested_shutdown_test"),
        ("arch/x86/kvm/mmu/tdp_mmu.c", "demand_paging_test"),
        ("arch/x86/kvm/xen.c", "xen_shinfo_test"),
        ("arch/x86/kvm/hyperv.c", "hyperv_cpuid"),
        ("arch/x86/kvm/lapic.c", "xapic_state_test"),
        ("arch/x86/kvm/smm.c", "smm_test"),
        ("arch/x86/kvm/cpuid.c", "cpuid_test"),
        ("arch/x86/kvm/x86.c", "userspace_msr_exit_test"),
        ("arch/x86/include/uapi/asm/kvm.h", "fix_hypercall_test"),
        ("virt/kvm/kvm_main.c", "kvm_binary_stats_test"),
        ("tools/testing/selftests/kvm/lib/kvm_util.c", "state_test"),
    ],
)
def test_touched_code_gets_tests_that_exercise_it(path, wanted):
    assert wanted in names(chosen(path))


def test_every_touched_part_gets_its_turn():
    found = names(
        chosen(
            "arch/x86/kvm/xen.c", "arch/x86/kvm/hyperv.c", "arch/x86/kvm/svm/nested.c", at_most=4
        )
    )
    assert "xen_vmcall_test" in found
    assert "hyperv_cpuid" in found
    assert "state_test" in found


def test_names_of_newer_kernels_are_known_too():
    newer = tuple(name.replace("x86_64/", "x86/") for name in NAMES)
    available = Available(base=newer, tip=newer, limit=120.0)
    found = choose(series("arch/x86/kvm/smm.c"), KVM, available, vendor="amd", at_most=3)
    assert "x86/smm_test" in [case.name for case in found.cases]


def test_tests_that_this_host_cannot_run_are_not_chosen():
    found = chosen("arch/x86/kvm/vmx/nested.c")
    assert not any(name.startswith("vmx_") for name in names(found))
    assert any(
        name.startswith("vmx_")
        for name in names(chosen("arch/x86/kvm/vmx/nested.c", vendor="intel"))
    )


def test_what_is_over_the_limit_is_counted():
    found = chosen("arch/x86/kvm/x86.c", at_most=2)
    assert len(found.cases) == 2
    assert any("over the limit" in said for said in found.not_tested)


def test_documentation_alone_needs_no_test():
    assert chosen("Documentation/virt/kvm/api.rst").cases == ()


def test_a_removed_selftest_is_told():
    found = chosen("arch/x86/kvm/x86.c", base=(*NAMES, "x86_64/gone_test"))
    assert "x86_64/gone_test: the series removes it" in found.not_tested


def test_a_renamed_selftest_is_neither_new_nor_removed():
    # As those of x86_64 were to x86 for 6.15.
    directory = "tools/testing/selftests/kvm"
    moved = tuple(f"x86/{name}" for name in BARE.split())
    pairs = [(f"{directory}/x86_64/{one}.c", f"{directory}/x86/{one}.c") for one in BARE.split()]
    found = choose(
        series(renamed=pairs),
        KVM,
        Available(base=NAMES, tip=(*moved, "x86/new_test", *GENERIC), limit=60.0),
        vendor="amd",
        at_most=3,
    )
    assert {case.name for case in found.cases if case.why is Why.ADDED} == {"x86/new_test"}
    assert {case.name for case in found.cases if case.why is Why.CHANGED} == set(moved)
    assert not any("removes" in said for said in found.not_tested)


def test_tests_for_other_architectures_are_said_not_to_run():
    found = chosen(
        "tools/testing/selftests/kvm/arm64/vgic_irq.c", "tools/testing/selftests/kvm/lib/a.c"
    )
    assert (
        "arm64/vgic_irq: not among the selftests that make lists for this machine"
        in found.not_tested
    )


def test_one_test_over_the_limit_is_said_as_one():
    found = chosen("arch/x86/kvm/smm.c", at_most=0)
    usable = len(chosen("arch/x86/kvm/smm.c", at_most=99).cases)
    assert (
        f"{usable} more selftests for the touched code: over the limit of tests" in found.not_tested
    )
    found = chosen("arch/x86/kvm/smm.c", at_most=usable - 1)
    assert "1 more selftest for the touched code: over the limit of tests" in found.not_tested


def test_the_same_series_always_gets_the_same_tests():
    paths = ["virt/kvm/kvm_main.c", "arch/x86/kvm/x86.c", "arch/x86/kvm/svm/svm.c"]
    assert chosen(*paths).cases == chosen(*reversed(paths)).cases


def test_what_was_measured_comes_before_what_paths_say():
    measured = Measured(
        tests=("dirty_log_test", "x86_64/smm_test"),
        unknown=frozenset({"arch/x86/kvm/xen.c"}),
        unexecuted=("kvm_xen_init_vm",),
    )
    found = choose(
        series("arch/x86/kvm/svm/nested.c", "arch/x86/kvm/xen.c"),
        KVM,
        Available(base=NAMES, tip=NAMES, limit=60.0),
        vendor="amd",
        at_most=4,
        measured=measured,
    )
    assert [(case.name, case.why) for case in found.cases] == [
        ("dirty_log_test", Why.EXECUTES),
        ("x86_64/smm_test", Why.EXECUTES),
        ("x86_64/xen_vmcall_test", Why.TOUCHED),
        ("x86_64/state_test", Why.TOUCHED),
    ]
    assert found.not_tested[-1] == (
        "kvm_xen_init_vm(): with usual module parameters no selftest executes it on the base"
    )
