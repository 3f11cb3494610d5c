# SPDX-License-Identifier: GPL-2.0-only
"""kvm-unit-tests: their list, what they print, which are chosen, and real ones in a real guest."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pygit2
import pytest
from test_vary import KVM, series_of

from reviewbot.model.config import Config, LabConfig
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.status import Status
from reviewbot.model.test import TestBinary
from reviewbot.parse import guest
from reviewbot.parse.unit_tests import PREFIX, UnitTest, complaint, listed, skip_reason
from reviewbot.stages import units
from reviewbot.tools import accelerator, initramfs, testbed, unit_alone, unit_tests
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools
from reviewbot.tools.initramfs import GuestTest

REPOSITORY = os.environ.get("REVIEWBOT_KVM_UNIT_TESTS", "")
KTAP = Path(__file__).parent.parent / "fixtures" / "ktap" / "kvm-unit-tests.ktap"
LIST = '''
# a comment
[x2apic]
file = apic.flat
smp = 2
qemu_params = -cpu qemu64,+x2apic
arch = x86_64
timeout = 30
groups = apic nightly

[svm_npt]
file = svm_npt.flat
test_args = "-one -two"

[vmx]
file = vmx.flat
test_args = """
-one
-two
"""
groups = vmx

[kvmclock_test]
file = kvmclock_test.flat
test_args = "10000000 `date +%s`"

[pmu]
file = pmu.flat
check = /proc/sys/kernel/nmi_watchdog=0
accel = kvm

[vmware_backdoors]
file = vmware_backdoors.flat
check = /sys/module/kvm/parameters/enable_vmware_backdoor=Y

[msr_by_hand]
file = msr.flat
groups = nodefault

[cmpxchg8b]
file = cmpxchg8b.flat
arch = i386

[msr]
file = msr.flat

[elsewhere]
file = ../../etc/passwd
'''


def test_the_list_is_read_without_a_shell() -> None:
    """What wants one says so; a file that is none of theirs is left out."""
    found = {test.name: test for test in listed(LIST)}
    names = ["x2apic", "svm_npt", "vmx", "kvmclock_test", "pmu", "vmware_backdoors", "msr_by_hand"]
    assert list(found) == [*names, "cmpxchg8b", "msr"]
    assert [name for name, test in found.items() if test.shell] == ["kvmclock_test"]
    assert found["kvmclock_test"].argument == ""
    first = found["x2apic"]
    assert (first.file, first.processors, first.timeout) == ("apic.flat", 2, 30.0)
    assert first.options == ("-cpu", "qemu64,+x2apic")
    assert first.groups == ("apic", "nightly")
    assert found["svm_npt"].argument == "-one -two"
    assert found["vmx"].argument == "-one -two"
    assert found["pmu"].check == ("/proc/sys/kernel/nmi_watchdog=0",)


@pytest.mark.parametrize("text", ["", '"""', "[a]", "[a]\nfile", "file = x\n[a]\nsmp = 9" * 3])
def test_a_broken_list_is_an_empty_one(text: str) -> None:
    """Nothing is guessed."""
    assert listed(text) == ()


def test_what_they_print_is_read_as_recorded() -> None:
    """Three tests in a guest of ours, nested under emulation, which lets a wrong WRMSR pass."""
    results = {one.name: one for one in guest.report(KTAP.read_text("utf-8")).results}
    assert [one.status for one in results.values()] == [Status.PASS, Status.PASS, Status.FAIL]
    assert results["kvm-unit-tests/msr"].assertion == (
        "Expected #GP on WRMSR(MSR_FS_BASE, 0xaaaaaaaaaaaaaaaa), got vector 0"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("FAIL: nested: vmrun", "nested: vmrun"),
        ("XPASS: known bug", "known bug"),
        ("Unhandled exception 13 #GP at ip 0000000000400d2f", "Unhandled exception 13 #GP at ip 0000000000400d2f"),
        ("lib/x86/vm.c:42: assert failed: pte: no pte", "lib/x86/vm.c:42: assert failed: pte: no pte"),
        ("PASS: FAIL: not really", ""),
        ("XFAIL: expected", ""),
    ],
)  # fmt: skip
def test_the_first_failing_report_is_the_reason(line: str, said: str) -> None:
    """Expected failures are none."""
    assert complaint(["PASS: a", line]) == said
    both = f"{said}; 2 not ok: {said}, b"
    assert complaint([line, "FAIL: b"]) == (both if line.startswith(("FAIL", "XPASS")) else "b")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("Could not access KVM kernel module: No such file or directory", Status.FAIL),
        ("emulator: failed to initialize kvm: Device or resource busy", Status.FAIL),
        ("emulator: warning: host doesn't support requested feature: CPUID.01H", Status.PASS),
        ("PASS: msr", Status.PASS),
    ],
)
def test_an_emulator_without_kvm_is_no_test_that_passed(line: str, status: Status) -> None:
    """Both make QEMU end with 1, which init says as "ok"."""
    port = (
        f"#reviewbot start 1 10 {PREFIX}msr\n# {line}\n#reviewbot done 1 0 0.10\nok 1 {PREFIX}msr\n"
    )
    (found,) = guest.report(port).results
    assert found.status is status
    assert found.assertion == (line if status is Status.FAIL else "")


def test_a_skipped_test_says_why() -> None:
    """Of a test that runs nothing."""
    assert skip_reason(["enabling apic", "SKIP: SVM not available"]) == "SVM not available"


def test_a_series_gets_tests_for_what_it_touches() -> None:
    """Neither the other vendor's nor 32-bit ones; what cannot be run is said."""
    tests = listed(LIST)

    def found(path: str) -> tuple[UnitTest, ...]:
        return units.matching(series_of(path, "\treturn 0;"), KVM, tests, "amd")

    common = found("arch/x86/kvm/x86.c")
    assert [test.name for test in units.chosen(common)] == ["msr"]
    nested = units.chosen(found("arch/x86/kvm/svm/nested.c"))
    assert nested[0].name == "svm_npt"
    assert "vmx" not in [test.name for test in nested]
    assert found("Documentation/x.rst") == ()


def test_what_looks_at_the_kernel_first_is_chosen_like_the_others() -> None:
    """Whether it can be run is known in the guest only."""
    from dataclasses import replace

    every = replace(KVM, selections=tuple(replace(s, unit_tests=("*",)) for s in KVM.selections))
    series = series_of("arch/x86/kvm/x86.c", "\treturn 0;")
    found = units.matching(series, every, listed(LIST), "amd")
    assert {"pmu", "vmware_backdoors"} <= {test.name for test in units.chosen(found)}
    assert units.left_out(found) == (
        "kvm-unit-tests/kvmclock_test: its list wants a shell to say how it is run",
        "kvm-unit-tests/msr_by_hand: its list has it run by hand only (nodefault)",
    )


def test_words_for_qemu_are_words_in_the_guest() -> None:
    """Never a line of the plan, whatever the list says."""
    test = next(one for one in listed(LIST) if one.name == "vmx")
    words = units.options(test)
    assert words[-2:] == ("-append", "-one -two")
    data = b"\x7fELF"
    archive = initramfs.build([], [GuestTest(name="u/vmx", data=data, limit=9, options=words)])
    assert b"unit 1 9 u/vmx\n" in archive
    assert b"-append\n-one -two\n" in archive
    asks = GuestTest(name="u/vmx", data=data, limit=9, options=words, checks=("/a=\nb",))
    with pytest.raises(InfrastructureError, match="cannot be used in a guest"):
        initramfs.build([], [asks])


def repository(place: Path, files: dict[str, str]) -> str:
    made = pygit2.init_repository(str(place / "units"), bare=True)
    tree = made.TreeBuilder()
    inner: dict[str, pygit2.TreeBuilder] = {}
    for path, text in files.items():
        directory, _, name = path.rpartition("/")
        mode = (
            pygit2.GIT_FILEMODE_BLOB_EXECUTABLE if name == "configure" else pygit2.GIT_FILEMODE_BLOB
        )
        where = inner.setdefault(directory, made.TreeBuilder()) if directory else tree
        where.insert(name, made.create_blob(text.encode()), mode)
    for directory, builder in inner.items():
        tree.insert(directory, builder.write(), pygit2.GIT_FILEMODE_TREE)
    jo = pygit2.Signature("Jo", "jo@example.org")
    made.create_commit("HEAD", jo, jo, "units", tree.write(), [])
    return made.path


MAKE = "mkdir -p x86; printf '\\177ELF one' >x86/msr.flat; printf 'all:\\n' >Makefile\n"


def test_tests_are_built_once_from_the_commit(tmp_path: Path) -> None:
    """In the sandbox, beside their sources; what was not built has no program."""
    where = repository(tmp_path, {"x86/unittests.cfg": LIST, "configure": f"#!/bin/sh\n{MAKE}"})
    cache = Cache(Path(tempfile.mkdtemp(dir=tmp_path)))
    built = unit_tests.build(cache, where, "HEAD", jobs=1)
    by_name = {test.name: test for test in built.listed}
    assert built.program(by_name["msr"]) == b"\x7fELF one"
    assert built.program(by_name["svm_npt"]) is None
    assert unit_tests.build(cache, where, "HEAD", jobs=1).directory == built.directory


@pytest.mark.parametrize(
    ("files", "commit", "words"),
    [
        ({"README": "a kernel"}, "HEAD", r"has no x86/unittests.cfg at HEAD"),
        ({"README": "a kernel"}, "v9", r"has no commit 'v9'"),
        (
            {"x86/unittests.cfg": LIST, "configure": "#!/bin/sh\necho no gcc; exit 1\n"},
            "HEAD",
            r"do not build: .*no gcc",
        ),
    ],
)
def test_what_is_no_such_repository_is_said(
    tmp_path: Path, files: dict[str, str], commit: str, words: str
) -> None:
    """One line that names the setting or the cause."""
    where = repository(tmp_path, files)
    with pytest.raises(UserError, match=words):
        unit_tests.build(Cache(tmp_path / "cache"), where, commit, jobs=1)


def test_without_a_repository_nothing_is_run(tmp_path: Path) -> None:
    """And nothing is complained about: they are an extra."""
    tools = Tools(
        config=Config(), cache=Cache(tmp_path), scratch=tmp_path, progress=lambda *_: None
    )
    series = series_of("arch/x86/kvm/x86.c", "\treturn 0;")
    assert units.run(series, KVM, "amd", 2.0, tools) == units.Units()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("b000", Status.PASS, ""),
        ("b001", Status.FAIL, "exit status 3"),
        ("b026", Status.SKIP, "exit status 77"),
        ("ebfe", Status.TIMEOUT, ""),
    ],
)
def test_a_program_alone_says_how_it_ends(
    tmp_path: Path, code: str, status: Status, said: str
) -> None:
    """Our own few bytes under emulation: they write 0, 1 or 77 >> 1 to the exit port, or loop."""
    tools = Tools(
        config=Config(), cache=Cache(tmp_path), scratch=tmp_path, progress=lambda *_: None
    )
    program = accelerator.bare_program().replace(bytes.fromhex("b000"), bytes.fromhex(code))
    words = units.options(next(one for one in listed(LIST) if one.name == "msr"))
    test = TestBinary(name="u", digest=tools.cache.put(program), limit=5.0, options=words)
    found = unit_alone.run(tools, "qemu-system-x86_64", test)
    assert found.status is status
    assert found.assertion == said or status is Status.PASS
    kept = tools.cache.load("unit-alone", next_key(tmp_path), unit_alone.Alone)
    assert (kept is None) is (status is Status.TIMEOUT)


def next_key(place: Path) -> str:
    """The only result that the cache holds, or a key of none."""
    found = list(place.glob("results/unit-alone/*/*.json"))
    return found[0].parent.name + found[0].stem if found else "none"


@pytest.mark.slow
def test_what_a_list_asks_of_the_kernel_is_asked_in_the_guest(lab) -> None:
    """As scripts/runtime.bash does; a program of ours that ends well stands for theirs."""
    words = units.options(next(one for one in listed(LIST) if one.name == "msr"))
    # QEMU looks for a multiboot header, which says where the rest goes; a guest takes only what looks like ELF.
    digest = lab.tools.cache.put(b"\x7fELF".ljust(16, b"\0") + accelerator.bare_program())
    wanted = {
        "one": ("/sys/module/kvm/parameters/enable_vmware_backdoor=Y",),
        "two": (
            "/sys/module/kvm_amd/parameters/nested=1",
            "/sys/module/kvm/parameters/ignore_msrs=N",
        ),
        "three": ("/sys/module/kvm_intel/parameters/allow_smaller_maxphyaddr=Y",),
        "four": ("/sys/module/kvm/parameters/ignore_msrs=N", "/sys/module/kvm=Y", "words"),
    }
    tests = [
        TestBinary(name=f"{PREFIX}{name}", digest=digest, limit=30.0, options=words, checks=checks)
        for name, checks in wanted.items()
    ]
    # lib/report.c: 77 >> 1, which the emulator makes an exit status of 77.
    skips = accelerator.bare_program().replace(bytes.fromhex("b000"), bytes.fromhex("b026"))
    skipping = lab.tools.cache.put(b"\x7fELF".ljust(16, b"\0") + skips)
    tests.append(TestBinary(name=f"{PREFIX}five", digest=skipping, limit=30.0, options=words))
    ran = testbed.run(lab.tools, lab.kernel, tests, repeat=1)
    assert ran.results[-1].status is Status.SKIP
    assert [(one.status, one.assertion) for one in ran.results[:-1]] == [
        (
            Status.SKIP,
            "/sys/module/kvm/parameters/enable_vmware_backdoor not equal to Y (it is N)",
        ),
        (Status.PASS, ""),
        (
            Status.SKIP,
            "/sys/module/kvm_intel/parameters/allow_smaller_maxphyaddr not equal to Y (no such file)",
        ),
        (Status.SKIP, "/sys/module/kvm not equal to Y (no such file)"),
    ]


@pytest.mark.slow
def test_without_kvm_in_the_guest_none_passes(lab) -> None:
    """QEMU's exit status is that of a test that passed."""
    words = units.options(next(one for one in listed(LIST) if one.name == "msr"))
    digest = lab.tools.cache.put(b"\x7fELF".ljust(16, b"\0") + accelerator.bare_program())
    test = TestBinary(name=f"{PREFIX}msr", digest=digest, limit=30.0, options=words)
    (found,) = testbed.run(lab.tools, lab.without_modules(), [test], repeat=1).results
    assert (found.status, found.exit_code) == (Status.FAIL, 0)
    assert "KVM" in found.assertion


@pytest.mark.slow
@pytest.mark.skipif(
    not REPOSITORY, reason="set REVIEWBOT_KVM_UNIT_TESTS to a git repository of them"
)
def test_real_ones_run_nested_in_a_guest(lab) -> None:
    """Whatever a series touches in x86.c; the emulator's flaws are the same on any kernel."""
    from dataclasses import replace

    settings = replace(lab.tools.config, lab=LabConfig(kvm_unit_tests=REPOSITORY))
    tools = replace(lab.tools, config=settings)
    series = series_of("arch/x86/kvm/svm/svm.c", "\treturn 0;")
    chosen = units.run(series, KVM, "amd", 2.0, tools)
    wanted = [one for one in chosen.binaries if one.name.endswith(("/realmode", "/syscall"))]
    every = units.whole("amd", 2.0, tools)
    wanted += [
        one for one in every.binaries if one.name.endswith(("/pks", "/pmu", "/vmware_backdoors"))
    ]
    ran = testbed.run(tools, lab.kernel, wanted, repeat=1)
    parameters = "/sys/module/kvm/parameters"
    assert [(one.status, one.assertion) for one in ran.results] == [
        (Status.PASS, ""),
        (Status.PASS, ""),
        (Status.SKIP, "PKS not enabled"),
        (Status.SKIP, f"{parameters}/enable_pmu not equal to Y (it is N)"),
        (Status.SKIP, f"{parameters}/enable_vmware_backdoor not equal to Y (it is N)"),
    ]
