# SPDX-License-Identifier: GPL-2.0-only
"""Real selftests on a real kernel that counts.

Building that kernel takes as long as building the base itself, so where 'reviewbot coverage' has not
been run this runs only when asked for: make check-coverage.
"""

import os
from dataclasses import replace

import pytest

from reviewbot.stages import counting, coverage
from reviewbot.tools import counted, profile, testbed

pytestmark = pytest.mark.slow
KVM = profile.load("kvm")


@pytest.fixture(scope="module")
def request_(lab):
    return coverage.CoverageRequest(
        repository=lab.applied.repository,
        commit=lab.applied.base.commit,
        tree_id=lab.applied.base.tree_id,
        profile=KVM,
        tests=("cpuid_test", "state_test", "svm_vmcall_test"),
    )


@pytest.fixture(scope="module")
def base(lab, request_):
    asked = os.environ.get("REVIEWBOT_CHECK_COVERAGE")
    if not asked and not coverage.known(request_, lab.kernel.host, lab.tools):
        pytest.skip("no kernel that counts was built here yet: make check-coverage builds it")
    kernel = counting.kernel_of(request_.repository, request_.tree_id, KVM, KVM.counting)
    return counting.base(kernel, KVM, request_.commit, lab.tools)


@pytest.fixture(scope="module")
def ran(lab, base, request_):
    """What three tests of one guest execute, by name, and "loading"; nothing of it comes from the cache."""
    host = lab.kernel.host
    binaries = coverage.programs(request_, host, lab.tools)
    kernel = testbed.Kernel(image=base.image, profile=KVM, host=host)
    batches = counted.run(lab.tools, kernel, binaries, on_test=lambda _: None)
    found = {}
    for batch in batches:
        found["loading"] = named(base, batch.loading)
        for one in batch.tests:
            found[one.result.name.rpartition("/")[2]] = named(base, one.counters)
    return found


def test_code_for_a_module_parameter_is_counted_with_it(lab, base, request_):
    host = lab.kernel.host
    usual = next(
        test
        for test in coverage.programs(request_, host, lab.tools)
        if test.name.endswith("/state_test")
    )
    shadow = replace(usual, name=f"{usual.name} [npt=0]", parameters=("kvm_amd.npt=0",))
    kernel = testbed.Kernel(image=base.image, profile=KVM, host=host)
    found = counted.run(lab.tools, kernel, [usual, shadow], on_test=lambda _: None)
    one, other = (one for batch in found for one in batch.tests)
    assert (one.result.name, other.result.name) == (usual.name, shadow.name)
    both = {"npt=1": named(base, one.counters), "npt=0": named(base, other.counters)}
    assert executes(both, "npt=0", "paging64_page_fault")
    assert not executes(both, "npt=1", "paging64_page_fault")


def named(base, counters):
    files = base.count(base.objects, counters)
    return {function.name: (file, function) for file in files for function in file.functions}


def executes(ran, test, function):
    file, found = ran[test][function]
    return any(count for line, count in file.lines.items() if found.first <= line <= found.last)


def test_every_test_sent_what_it_counted(ran):
    assert set(ran) == {"loading", "cpuid_test", "state_test", "svm_vmcall_test"}
    tests = set(ran) - {"loading"}
    assert all(executes(ran, test, "kvm_arch_vcpu_ioctl_run") for test in tests)


@pytest.mark.parametrize("function", ["svm_set_cpu_caps", "kvm_x86_vendor_init", "svm_init"])
def test_what_loading_the_modules_executes_is_counted_apart(ran, function):
    assert executes(ran, "loading", function), "no counters were sent before the first test"
    assert not executes(ran, "cpuid_test", function)
    assert not executes(ran, "loading", "kvm_arch_vcpu_ioctl_run")


def test_nested_code_is_executed_by_nested_tests(ran):
    assert executes(ran, "state_test", "svm_set_nested_state")
    assert executes(ran, "svm_vmcall_test", "nested_svm_vmexit")
    assert not executes(ran, "cpuid_test", "nested_svm_vmexit")


def test_nothing_of_the_test_before_is_counted(ran):
    assert not executes(ran, "svm_vmcall_test", "svm_set_nested_state"), (
        "state_test ran before in the same guest: are the counters set to zero?"
    )


def test_what_the_guest_did_not_load_is_known(ran):
    assert ran["state_test"]["nested_svm_vmexit"][0].loaded
    assert not ran["state_test"]["handle_vmptrst"][0].loaded
