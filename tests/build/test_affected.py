# SPDX-License-Identifier: GPL-2.0-only
"""What has to be made: nothing that boots may be left as the base had it."""

import pytest

from reviewbot.tools import affected

KVM = "arch/x86/kvm/kvm.ko"
MADE = {  # by target, what it was made from
    "arch/x86/kvm/x86.o": ["arch/x86/kvm/x86.c", "include/linux/kvm_host.h"],
    "arch/x86/kvm/kvm-asm-offsets.s": ["arch/x86/kvm/kvm-asm-offsets.c", "include/linux/kvm_host.h"],
    "arch/x86/events/core.o": ["arch/x86/events/core.c", "include/linux/perf.h"],
    "arch/x86/events/intel/bts.o": ["arch/x86/events/intel/bts.c", "arch/x86/events/intel/../perf_event.h"],
    "arch/x86/mm/fault.o": ["arch/x86/mm/fault.c", "arch/x86/mm/../include/asm/trace/./exceptions.h"],
    "lib/mm.o": ["lib/mm.c", "lib/test/../../mm/internal.h"],
    "arch/x86/kernel/vmlinux.lds": ["arch/x86/kernel/vmlinux.lds.S", "include/asm-generic/lds.h"],
    "arch/x86/kernel/asm-offsets.s": ["arch/x86/kernel/asm-offsets.c", "arch/x86/kernel/asm-offsets_64.c"],
    "lib/gen_crc32table": ["lib/gen_crc32table.c"],
    "arch/x86/lib/inat.o": ["arch/x86/lib/inat.c", "arch/x86/include/asm/inat.h"],
    "arch/x86/tools/relocs_32.o": ["arch/x86/tools/relocs_32.c", "arch/x86/tools/relocs.h"],
    "arch/x86/kvm/kvm.mod.o": ["arch/x86/kvm/kvm.mod.c", "include/linux/export-internal.h"],
    ".vmlinux.export.o": [".vmlinux.export.c", "include/linux/export-internal.h"],
    "tools/objtool/check.o": ["tools/include/linux/perf.h"],
}  # fmt: skip


@pytest.fixture
def objects(tmp_path):
    for target, sources in MADE.items():
        directory, name = (tmp_path / target).parent, target.rsplit("/", 1)[-1]
        directory.mkdir(parents=True, exist_ok=True)
        deps = "".join(f"  /lab/src/{source} \\\n" for source in sources)
        (directory / f".{name}.cmd").write_text(
            f"savedcmd_{target} := gcc\n\nsource_{target} := /lab/src/{sources[0]}\n\n"
            f"deps_{target} := \\\n{deps}\n"
        )
    (tmp_path / "arch/x86/kvm/kvm.mod").write_text("arch/x86/kvm/x86.o\n")
    return tmp_path


def plan(objects, path, new=()):
    used_by = affected.users(objects, [path])
    covered = affected.members(objects, [KVM])
    return affected.plan([path], used_by, covered, [KVM], frozenset(new))


@pytest.mark.parametrize(
    "path",
    [
        "arch/x86/kernel/vmlinux.lds.S",
        "include/asm-generic/lds.h",
        "arch/x86/kernel/asm-offsets_64.c",
        "arch/x86/lib/x86-opcode-map.txt",
        "drivers/tables.json",
        "lib/gen_crc32table.c",
        "include/linux/used_by_nothing_known.h",
        "arch/x86/include/asm/inat.h",
        "arch/x86/tools/relocs.h",
        "include/linux/export-internal.h",
    ],
)
def test_what_is_no_part_of_an_object_asks_for_the_whole_kernel(objects, path):
    made = plan(objects, path)
    assert made.code
    assert made.everything, f"{path} would boot the base's kernel as the tip"


@pytest.mark.parametrize(
    "path",
    [
        "arch/x86/kvm/x86.c",
        "arch/x86/kvm/not_configured.c",
        "arch/x86/kvm/kvm-asm-offsets.c",
        "include/linux/kvm_host.h",
        "arch/arm64/kvm/arm.c",
    ],
)
def test_what_the_targets_or_nobody_makes_does_not(objects, path):
    made = plan(objects, path)
    assert (made.code, made.everything, made.objects) == (True, False, ())


def test_a_new_file_is_found_through_what_starts_to_use_it(objects):
    assert not plan(objects, "include/linux/new.h", new=["include/linux/new.h"]).everything


def test_a_copy_below_tools_is_another_file(objects):
    assert plan(objects, "include/linux/perf.h").objects == ("arch/x86/events/core.o",)


@pytest.mark.parametrize(
    ("path", "user"),
    [
        ("arch/x86/events/perf_event.h", "arch/x86/events/intel/bts.o"),
        ("arch/x86/include/asm/trace/exceptions.h", "arch/x86/mm/fault.o"),
        ("mm/internal.h", "lib/mm.o"),
    ],
)
def test_a_header_is_known_by_whatever_way_it_was_included(objects, path, user):
    """Else what it breaks is found in the last patch, for which all is made, and held against that one."""
    assert plan(objects, path).objects == (user,)


@pytest.mark.parametrize("path", ["Documentation/a.txt", "Documentation/a.json", "README"])
def test_documentation_is_no_code(objects, path):
    assert not plan(objects, path).code
