# SPDX-License-Identifier: GPL-2.0-only
"""Lists of selftests in a Makefile."""

from hypothesis import given
from hypothesis import strategies as st

from reviewbot.parse.makefile import read_makefile

TEXT = b"""include ../x.mk
TEST_GEN_PROGS_x86 = x86/cpuid_test
TEST_GEN_PROGS_x86 += x86/one_test \\
\tx86/two_test # not this
TEST_GEN_PROGS_EXTENDED_x86 += x86/nx_test
ifeq ($(ARCH),arm64)
TEST_GEN_PROGS_arm64 := arm64/three_test
endif
all: a=b
\techo TEST_GEN_PROGS_x86 += no
  CFLAGS ?= -O2
"""


def test_words_have_lines_and_operators():
    found = read_makefile(TEXT).words("TEST_GEN_PROGS_")
    assert [(e.word, e.line, e.operator) for e in found["x86"]] == [
        ("x86/cpuid_test", 2, "="),
        ("x86/one_test", 3, "+="),
        ("x86/two_test", 4, "+="),
    ]
    assert [e.word for e in found["arm64"]] == ["arm64/three_test"], "below ifeq as well"
    assert [e.word for e in found["EXTENDED_x86"]] == ["x86/nx_test"]


def test_recipes_are_no_assignments():
    assert set(read_makefile(TEXT).words("TEST_GEN_PROGS_")) == {"x86", "EXTENDED_x86", "arm64"}
    assert [e.word for e in read_makefile(TEXT).variables["CFLAGS"]] == ["-O2"]


@given(st.binary(max_size=300))
def test_no_bytes_raise(data):
    read_makefile(data)


def test_a_file_is_named_in_whichever_directory():
    makefile = read_makefile(TEXT + b"kvm-y := $(addprefix ../virt/, main.o) $(KVM)/pfn.o\n")
    assert all(makefile.names(one) for one in ("two_test", "three_test", "main.o", "pfn.o"))
    assert not any(makefile.names(one) for one in ("not", "test", "echo", "one", "x86", "n.o"))
