# SPDX-License-Identifier: GPL-2.0-only
"""Source lines of places in Debian's 6.12: what ran is the base's module, what is compiled again the series."""

import re
import uuid
from dataclasses import replace

import pytest
import test_real_kernel
from test_real_kernel import kernel_tools  # noqa: F401 - a fixture

from reviewbot.model.guest import BootResult, Crash, CrashKind, Outcome
from reviewbot.model.status import Status
from reviewbot.model.test import Change, Delta, TestCase, TestResult, Why
from reviewbot.parse.elf_functions import functions
from reviewbot.stages import build, decode
from reviewbot.tools import profile
from reviewbot.tools.objects import TreeView

pytestmark = pytest.mark.slow

NESTED = "arch/x86/kvm/svm/nested.c"
GUARD = "\tif (is_smm(vcpu)) {\n\t\tkvm_queue_exception(vcpu, UD_VECTOR);"
LINE = re.compile(r" \(([\w./]+):(\d+)(?:, inlined by ([\w./]+):(\d+))?\)$")


def changed(old: bytes) -> bytes:
    """Another nested_svm_vmrun(), with all else as it was but for the lines."""
    text = old.decode()
    assert GUARD in text, "nested_svm_vmrun() is another one: look at GUARD"
    return text.replace(GUARD, f"\tWARN_ON_ONCE(vcpu->cpu == 12345);\n{GUARD}", 1).encode()


def body(text: str, name: str) -> range:
    """The lines, from 1, of a function's definition."""
    lines = text.split("\n")
    first = next(
        n
        for n, line in enumerate(lines)
        if re.match(rf"\w.*\b{name}\(", line)
        and next(one for one in lines[n:] if one == "{" or one.endswith(";")) == "{"
    )
    last = next(n for n in range(first, len(lines)) if lines[n] == "}")
    return range(first + 1, last + 2)


@pytest.fixture(scope="module")
def decoded(kernel_tools):  # noqa: F811
    """What is said of a made-up trace through the base's modules, whose functions are what they are."""
    top = f"/* {uuid.uuid4()} */\n\n\n".encode()
    series = test_real_kernel._Series(kernel_tools.cache)
    applied = series.applied(({NESTED: lambda old: top + changed(old)},))
    base = replace(applied, patches=())
    request = build.BuildRequest(applied=base, profile=profile.load("kvm"))
    image = build.run(request, kernel_tools).base_image
    held = {
        path.rpartition("/")[2]: functions(kernel_tools.cache.get(digest))
        for path, digest in image.modules
    }

    def place(name: str, module: str, *, offset: int = 64, more: int = 0) -> str:
        size = len(held[f"{module.replace('_', '-')}.ko"][name][0].code) + more
        return f" {name}+0x{offset:x}/0x{size:x} [{module}]"

    excerpt = (
        "WARNING: CPU: 0 PID: 1 at somewhere",
        f"RIP: 0010:{place('nested_svm_vmexit', 'kvm_amd', offset=0).strip()}",
        place("nested_svm_vmrun", "kvm_amd"),
        place("nested_svm_vmexit", "kvm_amd", more=7),
        place("kvm_arch_vcpu_ioctl_run", "kvm", offset=0x100),
        place("nested_svm_check_permissions", "kvm_amd", offset=0x100000),
        place("nested_svm_check_permissions", "kvm_amd", more=-1),
        " ? nested_svm_vmexit+0x40/0x800 [kvm_amd]",
        " do_syscall_64+0x50/0x100",
        place("kvm_vcpu_ioctl", "kvm", offset=0x100),
    )
    crash = Crash(kind=CrashKind.WARN, title="", frames=(), fingerprint="", excerpt=excerpt)
    boot = BootResult(
        outcome=Outcome.PANIC,
        seconds=1.0,
        boot_seconds=None,
        command="",
        console="",
        last_lines=(f"[    2.000001] {place('nested_svm_vmexit', 'kvm_amd').strip()}",),
    )
    ended = TestResult(
        name="t", status=Status.CRASH, seconds=0.0, exit_code=None, output=boot.last_lines
    )
    case = TestCase(name="t", why=Why.TOUCHED, limit=1.0)
    passed = replace(ended, status=Status.PASS)
    delta = Delta(test=case, change=Change.UNKNOWN, base=(ended,), tip=(passed, ended))
    asked = decode.DecodeRequest(
        applied=applied,
        profile=request.profile,
        image=image,
        crashes=(crash,),
        boot=boot,
        deltas=(delta,),
    )
    found = decode.run(asked, kernel_tools)
    assert decode.run(asked, kernel_tools) == found  # from the cache
    text = TreeView(applied.repository, applied.patches[-1].tree_id)
    return excerpt, found, text


def said(line: str) -> tuple[str, int]:
    """The file and line in the function itself, which is where the rest was inlined."""
    found = LINE.search(line)
    assert found, f"no source line in {line!r}"
    return (found[3], int(found[4])) if found[3] else (found[1], int(found[2]))


def test_a_place_is_said_with_the_line_of_the_series_source(decoded) -> None:
    _, found, tree = decoded
    lines = found.crashes[0].excerpt
    path, entry = said(lines[1])
    whole = body(tree.read(NESTED).decode(), "nested_svm_vmexit")
    assert (path, entry in whole) == (NESTED, True)
    assert entry - whole[0] <= 1  # where it begins
    for line in (lines[3], found.boot.last_lines[0]):
        path, number = said(line)
        assert path == NESTED
        assert entry < number <= whole[-1]


def test_of_a_test_that_took_its_guest_down_the_last_lines_are_decoded(decoded) -> None:
    """Not of one that did not, nor of the base's kernel, which is another one."""
    _, found, _ = decoded
    (delta,) = found.deltas
    assert delta.tip[1].output == found.boot.last_lines
    assert delta.base[0].output == delta.tip[0].output
    assert not LINE.search(delta.base[0].output[0])


def test_other_modules_and_files_that_the_series_leaves_alone_are_decoded_too(decoded) -> None:
    _, found, tree = decoded
    for line, wanted, function in (
        (4, "arch/x86/kvm/x86.c", "kvm_arch_vcpu_ioctl_run"),
        (9, "virt/kvm/kvm_main.c", "kvm_vcpu_ioctl"),
    ):
        path, number = said(found.crashes[0].excerpt[line])
        assert path == wanted
        assert number in body(tree.read(path).decode(), function)


def test_what_is_not_the_function_that_ran_is_left_as_it_is(decoded) -> None:
    """The series' nested_svm_vmrun() is another one than the module's; a wrong size, a guess, the kernel itself."""
    excerpt, found, _ = decoded
    lines = found.crashes[0].excerpt
    same = [old for old, new in zip(excerpt, lines, strict=True) if old == new]
    assert same == [excerpt[0], excerpt[2], *excerpt[5:9]]
