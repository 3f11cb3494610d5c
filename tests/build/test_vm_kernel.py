# SPDX-License-Identifier: GPL-2.0-only
"""Finding the kernel of virtual machines, and what is said when there is none.  No machine is started."""

import gzip
import lzma
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from machines import QEMU

from reviewbot.cli import environment
from reviewbot.model.config import Config, LabConfig
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools import accelerator, cpio, process, sandbox, vm, vm_command, vm_kernel
from reviewbot.tools.accelerator import Answer
from reviewbot.tools.cache import Cache
from reviewbot.tools.sandbox import Bind, Task

RELEASE = "6.1.0-7-amd64"
DEPENDS = {
    "virtio_pci": "virtio,virtio_ring",
    "virtio": "virtio_ring",
    "virtio_ring": "",
    "virtio_console": "virtio",
    "9pnet_virtio": "virtio,9pnet",
    "9pnet": "",
    "9p": "9pnet,netfs",
    "netfs": "",
    "kvm_amd": "kvm",
    "kvm": "",
}


def image(release=RELEASE):
    """The header of a bzImage that says its version."""
    head = bytearray(1024)
    head[0x202:0x206] = b"HdrS"
    head[0x20E:0x210] = (0x100).to_bytes(2, "little")
    said = f"{release} (builder@host) #1 SMP".encode()
    head[0x300 : 0x300 + len(said)] = said
    return bytes(head)


def module(name):
    return b"\x7fELF\0license=GPL\0depends=" + DEPENDS[name].encode() + b"\0name=" + name.encode()


@pytest.fixture
def unpacked(tmp_path):
    """A kernel package, unpacked; returns its image."""
    place = tmp_path / "lib/modules" / RELEASE
    for name in DEPENDS:
        file = place / "kernel/drivers" / f"{name.replace('_', '-')}.ko"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(module(name))
    (place / "modules.builtin").write_text("kernel/fs/ext4.ko\n")
    found = tmp_path / "boot" / f"vmlinuz-{RELEASE}"
    found.parent.mkdir()
    found.write_bytes(image())
    return found


def test_modules_come_behind_what_they_depend_on(unpacked):
    found = vm_kernel.find(str(unpacked))
    names = [name.removesuffix(".ko") for name, _ in found.modules]
    assert found.release == RELEASE
    assert found.nests
    assert set(names) == set(DEPENDS)
    for name, needs in DEPENDS.items():
        for needed in filter(None, needs.split(",")):
            assert names.index(needed) < names.index(name)


@pytest.mark.parametrize("suffix", ["xz", "gz", "zst"])
def test_compressed_modules(unpacked, suffix):
    if suffix == "zst" and not shutil.which("zstd"):
        pytest.skip("needs zstd")
    for file in list(unpacked.parent.parent.rglob("*.ko")):
        packed = file.with_suffix(f".ko.{suffix}")
        if suffix == "zst":
            subprocess.run(["zstd", "-q", file, "-o", packed], check=True)
        else:
            packed.write_bytes({"xz": lzma, "gz": gzip}[suffix].compress(file.read_bytes()))
        file.unlink()
    found = vm_kernel.find(str(unpacked))
    assert dict(found.modules)["9p.ko"] == module("9p")


def test_what_is_built_in_needs_no_module(unpacked):
    place = unpacked.parent.parent / "lib/modules" / RELEASE
    (place / "kernel/drivers/virtio-pci.ko").unlink()
    (place / "modules.builtin").write_text("kernel/drivers/virtio/virtio_pci.ko\n")
    assert "virtio_pci.ko" not in dict(vm_kernel.find(str(unpacked)).modules)


def test_a_kernel_without_kvm_nests_nothing(unpacked):
    for name in ("kvm-amd", "kvm"):
        (unpacked.parent.parent / "lib/modules" / RELEASE / f"kernel/drivers/{name}.ko").unlink()
    assert not vm_kernel.find(str(unpacked)).nests


def _without_9p(root):
    (root.parent.parent / "lib/modules" / RELEASE / "kernel/drivers/9p.ko").unlink()


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_without_9p, f"Linux {RELEASE} has no 9p"),
        (lambda kernel: kernel.write_bytes(b"#!/bin/sh\n"), "it is no kernel image"),
        (lambda kernel: kernel.write_bytes(b""), "it is no kernel image"),
        (lambda kernel: kernel.write_bytes(image("../../etc")), "does not say its version"),
        (lambda kernel: kernel.write_bytes(image("6.1.0-8")), "6.1.0-8 with its modules"),
        (lambda kernel: kernel.unlink(), "No such file"),
    ],
)  # fmt: skip
def test_a_kernel_that_will_not_do(unpacked, spoil, complaint):
    spoil(unpacked)
    with pytest.raises(UserError, match=complaint):
        vm_kernel.find(str(unpacked))


def test_installed_kernels_the_running_one_first(tmp_path, monkeypatch, unpacked):
    boot = tmp_path / "boot"
    monkeypatch.setattr(vm_kernel, "_BOOT", boot)
    monkeypatch.setattr(vm_kernel, "_MODULES", tmp_path / "lib/modules")
    for name in ("6.1.0-10-amd64", "6.1.0-9-amd64", "0-rescue-abc"):
        (boot / f"vmlinuz-{name}").write_bytes(b"")
    names = [found.name for found in vm_kernel._installed()]
    assert names == ["vmlinuz-6.1.0-10-amd64", "vmlinuz-6.1.0-9-amd64", f"vmlinuz-{RELEASE}"]
    monkeypatch.setattr(vm_kernel.platform, "release", lambda: RELEASE)
    assert next(vm_kernel._installed()) == unpacked
    assert vm_kernel.find("").image == unpacked


def test_none_installed_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(vm_kernel, "_BOOT", tmp_path / "boot")
    monkeypatch.setattr(vm_kernel, "_MODULES", tmp_path / "modules")
    with pytest.raises(UserError, match="apt install linux-image-amd64"):
        vm_kernel.find("")


@pytest.fixture
def wanted(tmp_path, unpacked):
    """Settings with isolation = "vm", in force."""
    lab = LabConfig(isolation="vm", vm_kernel=str(unpacked))
    sandbox.isolate(vm.machines(lab, Cache(tmp_path / "cache")))
    yield
    sandbox.isolate(None)


@pytest.mark.usefixtures("wanted")
def test_without_hardware_kvm_nothing_runs(monkeypatch):
    """Rather no review than one with less isolation than was asked for."""
    monkeypatch.setattr(
        accelerator, "runs_programs", lambda *_: Answer(usable=False, why="no such luck")
    )
    with pytest.raises(UserError, match='isolation = "vm" needs hardware KVM: no such luck'):
        sandbox.run(["true"], timeout=5)


@pytest.mark.usefixtures("wanted")
def test_settings_decide_anew_for_every_command(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    with environment.tools_for(Config(), quiet=True):
        assert sandbox.machine() is None
        environment.need_isolation()
    lab = LabConfig(isolation="vm", vm_kernel=str(tmp_path / "none"))
    with environment.tools_for(Config(lab=lab), quiet=True):
        assert sandbox.machine() is not None
        with pytest.raises(UserError, match="no kernel for a virtual machine"):
            environment.need_isolation()


def judged(result, *, console="", emulator="", timed_out=False):
    done = process.Completed(
        argv=("qemu",), returncode=0, stdout=b"out", stderr=b"", seconds=1.0, timed_out=timed_out
    )
    task = Task(argv=("make",), timeout=5)
    return vm._judged(task, done, {"result": result, "console": console, "emulator": emulator})


def test_what_the_task_left():
    done = judged("up\ndone 7 0 0 1\n")
    assert (done.argv, done.returncode, done.stdout, done.timed_out) == (
        ("make",),
        7,
        b"out",
        False,
    )
    assert judged("up\ndone 137 0 1 1\n").timed_out
    assert judged("up\n", timed_out=True).timed_out


@pytest.mark.parametrize(
    ("result", "complaint"),
    [
        ("", "make: the virtual machine for it did not start: Kernel panic"),
        ("up\n", "make: the virtual machine for it was lost: Kernel panic"),
        ("up\ndone 0 0\n", "was lost"),
        ("up\ndone 0 0 0 x\n", "was lost"),
        ("up\ndone 1 0 0 0\n", "the sandbox cannot be set up in the virtual machine"),
        ("up\ndone 137 3 0 1\n", "MiB of memory"),
        ("failed cannot mount the directory readonly over 9p\n", "cannot mount"),
    ],
)
def test_a_machine_that_was_lost_is_our_failure(result, complaint):
    with pytest.raises(InfrastructureError, match=complaint):
        judged(result, console="Kernel panic - not syncing\n\n")


def test_a_device_that_the_machine_does_not_have_is_told_apart():
    with pytest.raises(sandbox.NoDeviceError, match="/dev/kvm"):
        judged("failed there is no /dev/kvm in the virtual machine\n")


def test_words_of_a_task_stay_words(tmp_path):
    """The machine's shell reads them; names come from a hostile tree."""
    odd = "a b'\"$(touch /x)`\\\n;&|"
    task = Task(
        argv=("echo", odd), timeout=1.5, env={"ODD": odd}, mounts=(Bind(source=tmp_path, target=f"/{odd}"),)
    )  # fmt: skip
    order = vm_command.order(task)
    subprocess.run(
        [cpio.BUSYBOX, "cpio", "-id"], input=order, cwd=tmp_path, check=True, capture_output=True
    )  # fmt: skip
    text = (tmp_path / "machine/task/command").read_text().removeprefix("exec ")
    script = f'set -- {text}\nfor word; do printf "%s\\0" "$word"; done'
    words = subprocess.run(
        [cpio.BUSYBOX, "sh", "-c", script], check=True, capture_output=True
    ).stdout.split(b"\0")
    assert words[-3:-1] == [b"echo", odd.encode()]
    assert words.count(odd.encode()) == 2
    assert f"/{odd}".encode() in words


def test_init_is_a_shell_script_that_busybox_parses():
    init = Path(vm.__file__).parent.parent / "guest" / "vm-init"
    subprocess.run([cpio.BUSYBOX, "sh", "-n", init], check=True)


def test_results_of_guests_in_machines_are_kept_apart(tmp_path, monkeypatch):
    if not shutil.which(QEMU):
        pytest.skip(f"needs {QEMU}: apt install qemu-system-x86")

    class Nowhere:
        """A machine without KVM."""

        def described(self):
            return "a virtual machine (Linux 1, kvm)"

        def vendor(self):
            return ""

    cache = Cache(tmp_path)
    usable = Answer(usable=True, why="it does")
    monkeypatch.setattr(accelerator, "runs_programs", lambda *_: usable)
    monkeypatch.setattr(accelerator, "vendor", lambda: "amd")
    outside = accelerator.candidates(QEMU, cache)
    sandbox.isolate(Nowhere())
    try:
        inside = accelerator.candidates(QEMU, cache)
    finally:
        sandbox.isolate(None)
    assert [host.accelerator.value for host in outside] == ["kvm", "tcg"]
    assert [host.accelerator.value for host in inside] == ["tcg"]
    assert replace(inside[0], qemu_version="", why="") == replace(
        outside[1], qemu_version="", why=""
    )
    assert inside[0].qemu_version.endswith("in a virtual machine (Linux 1, kvm)")
