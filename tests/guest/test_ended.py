# SPDX-License-Identifier: GPL-2.0-only
"""Whose fault the end of a guest is, and which results may be used again.  No guest is started."""

import signal
from dataclasses import replace

import pytest

from reviewbot.model.build import Image
from reviewbot.model.config import Config
from reviewbot.model.guest import Accelerator, GuestSpec, Host, Outcome
from reviewbot.model.status import Status
from reviewbot.model.test import TestBinary, TestResult, TestRun
from reviewbot.tools import (
    cpio,
    guest_results,
    kept_results,
    process,
    profile,
    qemu,
    sandbox,
    testbed,
)
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools

HOST = Host(accelerator=Accelerator.TCG, qemu="q", qemu_version="7", cpu_model="c", vendor="amd", why="")  # fmt: skip
TEST = TestBinary(name="x86/state_test", digest="d", limit=10.0)
RUNNING = "KTAP version 1\n1..2\n#reviewbot up 4.00\n#reviewbot start 1 10 x86/state_test\n"
OOPS = """\
[    5.000000] reviewbot: test 1 starts: x86/state_test
[    5.100000] BUG: kernel NULL pointer dereference, address: 0000000000000008
[    5.100000] Oops: 0000 [#1] PREEMPT SMP
[    5.100000] RIP: 0010:kvm_vcpu_run+0x10/0x20 [kvm]
[    5.100000] Call Trace:
[    5.100000]  kvm_vcpu_ioctl+0x10/0x20
[    5.100000] ---[ end trace 0000000000000000 ]---
"""


@pytest.fixture
def ended():
    """How the sandbox tells of an emulator that is this shell script."""

    def end(script):
        return sandbox.run(["sh", "-c", script], timeout=20, merge=True)

    return end


@pytest.fixture
def life(tmp_path):
    """What a watch sums up: a console and a result port, and how the process ended."""

    def sum_up(done, *, log="[    1.0] Linux version 6.12\n", results=RUNNING, ours=False):
        spec = GuestSpec(kernel="", initramfs="", host=HOST, cpus=1, memory_mib=1, timeout=1, hang_timeout=1)  # fmt: skip
        texts = {qemu.CONSOLE: log, qemu.RESULTS: results}
        files = {name: tmp_path / name for name in texts}
        for name, path in files.items():
            path.write_text(texts[name])
        streams = {name: path.open("rb") for name, path in files.items()}
        watch = qemu._Watch(
            spec=spec,
            streams={name: stream.fileno() for name, stream in streams.items()},
            on_test=None,
            on_done=None,
            cancel=None,
            ours=ours,
        )
        try:
            return watch.life(done, Cache(tmp_path / "cache"))
        finally:
            for stream in streams.values():
                stream.close()

    return sum_up


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
def test_an_emulator_killed_by_its_host_is_not_a_lost_guest(life, ended, number):
    boot = life(ended(f"kill -{number:d} $$")).boot
    assert boot.outcome is Outcome.INFRA
    assert f"ended by signal {number:d}" in boot.last_lines[-1]


def test_so_is_one_whose_whole_sandbox_was_killed(life):
    done = process.Completed(argv=("sh",), returncode=-9, stdout=b"", stderr=b"", seconds=1.0)
    assert life(done).boot.outcome is Outcome.INFRA


def test_so_is_one_that_somebody_told_to_end(life, ended):
    done = ended("echo 'qemu-system-x86_64: terminating on signal 15 from pid 1 (init)'")
    assert life(done).boot.outcome is Outcome.INFRA


@pytest.mark.parametrize("script", ["exit 0", "exit 1", "kill -XFSZ $$"])
def test_what_a_guest_can_do_itself_is_a_lost_guest(life, ended, script):
    assert life(ended(script)).boot.outcome is Outcome.LOST


def test_a_guest_that_we_ended_is_not_blamed_on_the_host(life, ended):
    assert life(ended("kill -9 $$"), ours=True).boot.outcome is Outcome.LOST


def test_a_panic_stays_a_panic(life, ended):
    log = "[    1.0] Kernel panic - not syncing: sysrq triggered crash\n"
    assert life(ended("kill -9 $$"), log=log).boot.outcome is Outcome.PANIC


def results_of(life_):
    session = guest_results.Session(results={}, boots=[], logs=[])
    session.take(life_, [TEST])
    return session.results[TEST.name]


@pytest.mark.parametrize("results", [RUNNING, ""], ids=["running", "not reached"])
def test_the_test_of_a_killed_emulator_is_not_a_crash(life, ended, results):
    found = results_of(life(ended("kill -9 $$"), results=results))
    assert found.status is Status.INFRA
    assert "ended by signal 9" in found.assertion


def test_the_test_of_a_lost_guest_is_a_crash(life, ended):
    assert results_of(life(ended("exit 0"))).status is Status.CRASH


def test_an_oops_counts_even_when_the_emulator_was_killed_afterwards(life, ended):
    found = results_of(life(ended("kill -9 $$"), log=OOPS))
    assert found.status is Status.CRASH
    assert "NULL pointer" in found.assertion


def test_a_guest_that_just_stops_before_its_first_test_is_started_once_more(life, ended):
    """One stall of a busy machine must not make every test "better than on base"."""
    done = ended("exit 0")
    lost, ran = life(done, results=""), life(done, results=RUNNING)
    hung = replace(lost, boot=replace(lost.boot, outcome=Outcome.HUNG))
    session = guest_results.Session(results={}, boots=[], logs=[])
    assert session.take(hung, [TEST]) == [TEST]
    assert (session.results, len(session.boots)) == ({}, 1)
    assert session.take(ran, [TEST]) == []
    session = guest_results.Session(results={}, boots=[], logs=[])
    assert session.take(hung, [TEST]) == [TEST]
    assert session.take(hung, [TEST]) == []
    assert session.results[TEST.name].status is Status.CRASH
    assert session.results[TEST.name].assertion.endswith("before the first test: no progress")
    session = guest_results.Session(results={}, boots=[], logs=[])
    assert session.take(lost, [TEST]) == []  # a reset is no stall


WARNED = """\
[    5.000000] reviewbot: test 1 starts: x86/state_test
[    5.100000] WARNING: CPU: 0 PID: 1 at arch/x86/kvm/x86.c:1 kvm_foo+0x1/0x2 [kvm]
[    5.100000] ---[ end trace 0000000000000000 ]---
"""


def test_a_guest_that_ends_behind_a_warning_did_not_end_by_it(life, ended):
    """The base may warn as well, and hang; to panic is another failure."""
    dies = (
        "[    6.000000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n"
    )
    lost, panicked = (
        results_of(life(ended("exit 0"), log=log)).assertion for log in (WARNED, WARNED + dies)
    )
    assert lost == "the guest ended: guest lost, after WARNING in kvm_foo() at arch/x86/kvm/x86.c:1"
    assert panicked.startswith("Kernel panic - not syncing: Attempted to kill init")


@pytest.fixture
def tools(tmp_path):
    return Tools(config=Config(), cache=Cache(tmp_path), scratch=tmp_path, progress=lambda *_: None)


@pytest.fixture
def kernel():
    image = Image(commit="c", kernel="k", modules=(), config="")
    return testbed.Kernel(image=image, profile=profile.load("kvm"), host=HOST)


@pytest.mark.parametrize("status", Status)
def test_only_what_does_not_depend_on_the_load_is_remembered(tools, kernel, status):
    result = TestResult(name=TEST.name, status=status, seconds=1.0, exit_code=None)
    ran = TestRun(commit="c", repeat=0, results=(result,), boots=())
    kept_results.save(tools, kernel, [TEST], ran)
    kept = kept_results.load(tools, kernel, [TEST])
    assert bool(kept) is (status in {Status.PASS, Status.FAIL, Status.SKIP})


def test_another_busybox_or_another_reader_asks_the_guest_again(
    tools, kernel, monkeypatch, tmp_path
):
    first = kept_results.key(tools, kernel, TEST)
    assert first == kept_results.key(tools, kernel, TEST)
    (tmp_path / "busybox").write_bytes(b"\x7fELF another")
    with monkeypatch.context() as patch:
        patch.setattr(cpio, "BUSYBOX", tmp_path / "busybox")
        assert kept_results.key(tools, kernel, TEST) != first
    with monkeypatch.context() as patch:
        patch.setattr(kept_results, "code_digest", lambda: "other code")
        assert kept_results.key(tools, kernel, TEST) != first


@pytest.mark.parametrize(
    "name", ["guest/init", *(f"parse/{name}" for name in kept_results._READERS)]
)
def test_the_digest_covers_the_guests_init_and_all_that_reads_it(monkeypatch, tmp_path, name):
    here = kept_results.resources.files("reviewbot")
    for other in ("guest/init", *(f"parse/{reader}" for reader in kept_results._READERS)):
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_bytes(here.joinpath(other).read_bytes())
    monkeypatch.setattr(kept_results.resources, "files", lambda _package: tmp_path)
    before = kept_results.code_digest.__wrapped__()
    assert before == kept_results.code_digest()
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b"\n# changed\n")
    assert kept_results.code_digest.__wrapped__() != before


@pytest.mark.parametrize(
    ("accelerator", "same"), [(Accelerator.TCG, True), (Accelerator.KVM, False)]
)
def test_the_hosts_kernel_matters_under_kvm_only(tools, kernel, monkeypatch, accelerator, same):
    kernel = replace(kernel, host=replace(HOST, accelerator=accelerator))
    before = kept_results.key(tools, kernel, TEST)
    monkeypatch.setattr(kept_results.platform, "release", lambda: "9.9.9-other")
    assert (kept_results.key(tools, kernel, TEST) == before) is same
