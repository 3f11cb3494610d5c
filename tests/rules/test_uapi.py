# SPDX-License-Identifier: GPL-2.0-only
"""What userspace headers promise, as the compiler sees it, and that nothing else is ever read."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reviewbot.parse.clang import ARCHITECTURES, HeadersUnreadableError, gather
from reviewbot.parse.uapi import evaluate, read_constants, read_layouts

HEADER = "include/uapi/linux/kvm.h"


def parsed(text, architecture="x86_64", **others):
    tree = {HEADER: text.encode(), **{k: v.encode() for k, v in others.items()}}
    arch = ARCHITECTURES[architecture]
    files = gather(["linux/kvm.h"], arch, tree.get)
    layouts = read_layouts(files, ["linux/kvm.h"], arch)
    return layouts, read_constants(files, ["linux/kvm.h"], layouts)


STRUCTS = """
#include <linux/types.h>
struct kvm_example {
	__u8 kind;
	__u64 address;
	union {
		struct { __u16 low; __u16 high; };
		__u32 both;
	};
	struct { __u8 flags:3; __u8 mode:5; } bits;
	__u64 entries[];
};
"""


def test_offsets_go_through_anonymous_members_and_differ_between_32_and_64_bits():
    layouts, _ = parsed(STRUCTS)
    record = layouts.records["kvm_example"]
    where = {member.path: member.offset for member in record.members}
    assert where["address"] == 8
    assert (where["low"], where["high"], where["both"]) == (16, 18, 16)
    assert record.member("bits.mode").offset_bits == 20 * 8 + 3
    assert record.member("entries").elements == 0
    assert [(hole.after, hole.offset, hole.size) for hole in record.holes] == [
        ("kind", 1, 7),
        ("bits", 21, 3),
    ]
    small, _ = parsed(STRUCTS, "i386")
    assert small.records["kvm_example"].member("address").offset == 4


def test_packed_and_over_aligned_anonymous_members_are_placed_as_the_compiler_places_them():
    layouts, _ = parsed(
        "#include <linux/types.h>\n"
        "struct kvm_packed { __u8 a; struct { __u64 b; __u8 c; }; __u32 d; } __attribute__((packed));\n"
        "struct kvm_aligned { __u8 a; struct { __u32 b; } __attribute__((aligned(16))); };\n"
    )
    packed, aligned = layouts.records["kvm_packed"], layouts.records["kvm_aligned"]
    assert [m.offset for m in packed.members] == [0, 1, 9, 17]
    assert aligned.member("b").offset == 16


@pytest.mark.parametrize("name", ["arm64", "riscv64", "s390x"])
def test_other_architectures_compile_too(name):
    layouts, _ = parsed(STRUCTS, name)
    assert layouts.records["kvm_example"].size == 24


def test_values_come_from_the_compiler_and_kernel_only_macros_have_none():
    _, constants = parsed(
        "#include <linux/types.h>\n#include <linux/ioctl.h>\n"
        "#define KVM_A (1ULL << 63)\n#define KVM_B (KVM_A | 1)\n#define KVM_C -2\n"
        "#define KVM_D BIT(3)\n#define KVM_E }\n#define KVM_F(x) (x)\n#define KVM_EMPTY\n"
        "#define KVM_SET _IOW(0xAE, 0xd0, struct kvm_s)\n"
        "struct kvm_s { __u64 a; };\nenum kvm_kind { KVM_ONE = 7, KVM_TWO };\n"
    )
    values = {name: constant.value for name, constant in constants.items()}
    assert values["KVM_A"] == 1 << 63
    assert values["KVM_B"] == (1 << 63) + 1
    assert values["KVM_C"] == -2
    assert values["KVM_D"] is None
    assert values["KVM_E"] is None
    assert "KVM_F" not in values
    assert values["KVM_EMPTY"] is None
    assert values["KVM_SET"] == 0x4008AED0
    assert (values["KVM_TWO"], constants["KVM_TWO"].enumeration) == (8, "kvm_kind")


def test_a_broken_internal_macro_has_no_value():
    arch = ARCHITECTURES["x86_64"]
    texts = [
        "#define KVM_Q_ONE BIT(0)",
        "#define KVM_GOOD (KVM_Q_ONE | BIT(1))",
        "#define KVM_BAD (1 2)",
    ]
    names = ["KVM_GOOD", "KVM_BAD"]
    assert evaluate({}, [], arch, texts, names) == {"KVM_GOOD": 3, "KVM_BAD": None}


def test_a_struct_that_userspace_can_not_compile_is_broken_not_guessed():
    layouts, _ = parsed(
        "#include <linux/types.h>\nstruct kvm_bad { gpa_t where; };\nstruct kvm_good { __u32 a; };\n"
    )
    assert "kvm_bad" in layouts.broken
    assert "kvm_good" in layouts.records


def test_a_missing_include_is_said_not_ignored():
    with pytest.raises(HeadersUnreadableError, match=r"nowhere\.h"):
        parsed("#include <linux/nowhere.h>\nstruct kvm_s { int a; };\n")


@pytest.mark.parametrize(
    "line",
    [
        '#include "{place}"',
        "#include <{place}>",
        '#include "../../../../../../../../../../..{place}"',
        '#define WHERE "{place}"\n#include WHERE',
        '#inc\\\nlude "{place}"',
        '#include_next "{place}"',
        '#import "{place}"',
        '??=include "{place}"\n%:include "{place}"',
    ],
)
def test_no_include_reads_the_host(tmp_path, line):
    secret = tmp_path / "secret.h"
    secret.write_text("struct kvm_secret { int stolen; };\n")
    try:
        layouts, _ = parsed(line.format(place=secret) + "\nstruct kvm_s { int a; };\n")
    except HeadersUnreadableError:
        return
    assert "kvm_secret" not in layouts.records


def test_has_include_does_not_tell_what_the_host_has():
    layouts, _ = parsed('#if __has_include("/etc/passwd")\nstruct kvm_told { int a; };\n#endif\n')
    assert "kvm_told" not in layouts.records


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_the_system_calls_show_that_no_named_file_is_opened(tmp_path):
    program = tmp_path / "parse.py"
    program.write_text(
        "from reviewbot.parse.clang import ARCHITECTURES, parse\n"
        "try:\n"
        "    parse({}, '#include \"/etc/hostname\"', ARCHITECTURES['x86_64'])\n"
        "except Exception as error:\n    print(error)\n"
    )
    log = tmp_path / "log"
    subprocess.run(
        ["strace", "-f", "-e", "trace=file", "-o", str(log), sys.executable, str(program)],
        check=True,
        timeout=60,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert "/etc/hostname" not in log.read_text()


HOSTILE = {
    "includes itself": "#include <linux/kvm.h>\nstruct kvm_s { int a; };\n",
    "deep braces": "struct kvm_s {" * 5000,
    "deep parentheses": "#define KVM_A " + "(" * 20000 + "1" + ")" * 20000 + "\n",
    "no end": "/* never closed",
    "not text": "struct kvm_s { \x00\x01 int a; };\n",
    "replacement characters": "struct kvm_\ufffd\ufffd { int a; };\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_headers_end_in_an_answer_or_one_error(text):
    try:
        layouts, _ = parsed(text)
    except HeadersUnreadableError:
        return
    assert layouts.architecture.name == "x86_64"


def test_headers_beyond_the_size_limit_are_refused():
    with pytest.raises(HeadersUnreadableError, match="larger than"):
        parsed("#define KVM_A 1\n" * 700_000)
