# SPDX-License-Identifier: GPL-2.0-only
"""Sparse, the kernel's own documentation checks, exports and Kconfig on Debian's 6.12."""

import uuid

import pytest
import test_real_kernel
from test_real_kernel import added, kernel_tools  # noqa: F401 - a fixture

from reviewbot.model.analysis import Reach
from reviewbot.model.status import Status
from reviewbot.stages import analyse, build
from reviewbot.tools import profile, toolchain

pytestmark = pytest.mark.slow

X86 = "arch/x86/kvm/x86.c"
X86_HEADER = "arch/x86/kvm/x86.h"
NESTED = "arch/x86/kvm/svm/nested.c"
KCONFIG = "arch/x86/kvm/Kconfig"
API = "Documentation/virt/kvm/api.rst"

CODE = """
/**
 * kvm_try_it - what it takes is named otherwise
 * @nothing: not there
 */
int kvm_try_it(void __user *from)
{
	return *(int *)from;
}
EXPORT_SYMBOL_GPL(kvm_try_it);
int kvm_spare(void);
int kvm_spare(void)
{
	return 1;
}
EXPORT_SYMBOL_GPL(kvm_spare);
"""
USE = "\nint svm_try_it(void);\nint svm_try_it(void)\n{\n\treturn kvm_try_it(NULL);\n}\n"
SYMBOLS = b"""\
config KVM_GOOD
	bool "can be set"
	depends on KVM_AMD

config KVM_TYPO
	bool "cannot"
	depends on KVM && KVM_ITNEL

config KVM_ELSEWHERE
	bool "with KASAN only"
	depends on KVM && KASAN

config KVM_HIDDEN
	bool

"""


def declared(old):
    name = b"void kvm_spurious_fault"
    assert name in old
    return old.replace(name, b"int kvm_try_it(void __user *from);\n" + name, 1)


@pytest.fixture(scope="module")
def found(kernel_tools):  # noqa: F811 - pytest's way to share a fixture
    unique = f"\n/* {uuid.uuid4()} */\n"
    patches = (
        {
            X86: added(unique + CODE),
            X86_HEADER: declared,
            NESTED: added(USE),
            KCONFIG: lambda old: old.replace(
                b"config KVM_MAX_NR_VCPUS", SYMBOLS + b"config KVM_MAX_NR_VCPUS", 1
            ),
            API: added("\nSee Documentation/virt/kvm/not-there.rst\n"),
        },
    )
    applied = test_real_kernel._Series(kernel_tools.cache).applied(patches)
    kvm = profile.load("kvm")
    result = build.run(build.BuildRequest(applied=applied, profile=kvm), kernel_tools)
    assert result.status is Status.PASS, result.reason
    request = analyse.AnalyseRequest(applied=applied, profile=kvm, built=result)
    return analyse.run(request, kernel_tools)


def tool(found, name):
    return next(one for one in found.tools if one.name == name)


def test_sparse_finds_the_address_space_and_nothing_of_the_base(found):
    if toolchain.sparse() is None:
        pytest.skip("needs sparse: deploy/setup-debian review")
    said = tool(found, "sparse")
    assert said.files == (NESTED, X86)
    assert [(one.path, one.message) for one in said.added] == [
        (X86, "cast removes address space '__user' of expression")
    ]
    assert said.elsewhere == ()


def test_kernel_doc_reads_the_new_comment_alone(found):
    said = tool(found, "kernel-doc")
    assert {"'from' not" in one.message or "'nothing'" in one.message for one in said.added} == {
        True
    }
    assert (len(said.added), said.elsewhere) == (2, ())


def test_a_document_that_is_not_there_is_named(found):
    (one,) = tool(found, "documentation-file-ref-check").added
    assert (one.path, one.message) == (API, "there is no Documentation/virt/kvm/not-there.rst")


def test_exports_and_who_uses_them(found):
    assert {one.name: (one.module, one.users) for one in found.exports} == {
        "kvm_try_it": ("kvm.ko", ("kvm-amd.ko",)),
        "kvm_spare": ("kvm.ko", ()),
    }


def test_kconfig_says_which_symbols_can_be_set(found):
    assert found.symbols_unknown == ""
    said = {one.name: (one.reach, one.why) for one in found.symbols}
    assert said["KVM_GOOD"] == (Reach.YES, "")
    assert said["KVM_TYPO"] == (Reach.NEVER, "no Kconfig file defines CONFIG_KVM_ITNEL")
    assert said["KVM_ELSEWHERE"][0] is Reach.NOT_HERE
    assert "CONFIG_KASAN" in said["KVM_ELSEWHERE"][1]
    assert said["KVM_HIDDEN"][0] is Reach.UNKNOWN
