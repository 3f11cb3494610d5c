# SPDX-License-Identifier: GPL-2.0-only
"""Which accelerator guests run on: decided by booting, never by looking at /dev/kvm.

A paravirtual /dev/kvm answers every ioctl and still never boots an ordinary kernel, and hardware KVM
without nesting boots one that has no KVM of its own.  So hardware KVM is taken when a bare program of
a few bytes runs under it (a second; :data:`DEADLINE` when it hangs) and then a real kernel loads its
KVM modules under it.  The answer is kept per host: QEMU, kernel and processor.
"""

import os
import platform
import shutil
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reviewbot.model.codec import key_of
from reviewbot.model.guest import Accelerator, Host
from reviewbot.tools import qemu, sandbox
from reviewbot.tools.cache import Cache
from reviewbot.tools.process import Completed
from reviewbot.tools.sandbox import Bind, Limits, Machine, Task

VERSION = 1
DEADLINE = 20.0
"""Seconds that a bare program may take; 0.5 are enough wherever KVM works."""
_NESTED_DEADLINE = 60.0
KVM = Path("/dev/kvm")
# What lab.md measured: nested paging works under emulation with these.
TCG_CPU = "EPYC,+svm,+npt,+vgif"
_LOAD = 0x100000
_CODE = bytes.fromhex(
    "b04b"  # mov $'K', %al
    "66baf803"  # mov $0x3f8, %dx
    "ee"  # out %al, (%dx): the serial port
    "b000"  # mov $0, %al
    "66baf400"  # mov $0xf4, %dx
    "ee"  # out %al, (%dx): isa-debug-exit ends QEMU with status 1
    "f4ebfd"  # hlt; jmp .-1
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether hardware KVM can be used, and the sentence that says why (not)."""

    usable: bool
    why: str


def bare_program() -> bytes:
    """A Multiboot 1 image (with address fields, so no ELF): prints K on the serial port and ends."""
    magic, flags = 0x1BADB002, 0x00010000
    header = struct.pack("<III", magic, flags, -(magic + flags) & 0xFFFFFFFF)
    begin = _LOAD + 32
    addresses = struct.pack("<IIIII", _LOAD, _LOAD, 0, 0, begin)
    return header + addresses + _CODE


def bare_boot(
    emulator: str,
    accelerator: Accelerator,
    *,
    deadline: float = DEADLINE,
    run: Callable[[Task], Completed] = sandbox.contain,
) -> Answer:
    """Run the bare program on this host, or where ``run`` runs it, and say what happened.  Raises UserError without QEMU."""
    qemu.find(emulator)
    kvm = accelerator is Accelerator.KVM
    place = Path(tempfile.mkdtemp(prefix="reviewbot-probe-"))
    try:
        (place / "program").write_bytes(bare_program())
        (place / "program").chmod(0o644)
        place.chmod(0o755)
        task = Task(
            argv=(
                *(emulator, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
                *("-machine", "pc", "-accel", accelerator.value, "-m", "64"),
                *("-cpu", "host" if kvm else TCG_CPU, "-kernel", "/probe/program"),
                *("-chardev", "stdio,id=out,signal=off", "-serial", "chardev:out"),
                *("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"),
            ),
            timeout=deadline,
            mounts=(Bind(source=place, target="/probe"),),
            devices=(KVM,) if kvm else (),
            limits=Limits(cpu=int(deadline) + 10),
        )
        done = run(task)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if done.timed_out:
        return Answer(usable=False, why=f"a bare program did not run within {deadline:.0f} s")
    if done.stdout.startswith(b"K") and done.returncode == 1:
        return Answer(usable=True, why="a bare program runs")
    return Answer(usable=False, why=f"QEMU says: {done.complaint()[:200]}")


def runs_programs(emulator: str, cache: Cache) -> Answer:
    """Whether hardware KVM runs anything at all, with nesting or without; the answer is kept in the cache."""
    if not KVM.exists():
        return Answer(usable=False, why=f"this machine has no {KVM}")
    key = key_of("bare", _key(emulator))
    if (known := cache.load("accelerator", key, Answer)) is not None:
        return known
    if os.access(KVM, os.R_OK | os.W_OK):
        answer = bare_boot(emulator, Accelerator.KVM)
    else:
        answer = Answer(usable=False, why="it is not ours")
    if not answer.usable:
        answer = Answer(usable=False, why=f"{KVM} is there but {answer.why}")
    cache.save("accelerator", key, answer)
    return answer


def vendor() -> str:
    """Nesting that this machine's processors offer to guests: "amd", "intel", or "" for none."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    flags = next((line.split() for line in text.split("\n") if line.startswith("flags")), [])
    return "amd" if "svm" in flags else "intel" if "vmx" in flags else ""


def hardware(emulator: str, cache: Cache) -> Answer:
    """Whether hardware KVM with nesting looks usable; the answer is kept in the cache."""
    key = _key(emulator)
    if (known := cache.load("accelerator", key, Answer)) is not None:
        return known
    answer = runs_programs(emulator, cache)
    if answer.usable and not vendor():
        answer = Answer(usable=False, why="the processor offers neither SVM nor VMX")
    cache.save("accelerator", key, answer)
    return answer


def nested(emulator: str, cache: Cache, machine: Machine) -> Answer:
    """The same in the virtual machine that isolates tasks: only there it counts.  Raises UserError without one."""
    key = _place_key(emulator)
    if (known := cache.load("accelerator", key, Answer)) is not None:
        return known
    if not machine.vendor():
        answer = Answer(usable=False, why="guests cannot nest in the virtual machine")
    else:
        try:
            answer = bare_boot(
                emulator, Accelerator.KVM, deadline=_NESTED_DEADLINE, run=machine.run
            )
        except sandbox.NoDeviceError as error:
            answer = Answer(usable=False, why=str(error))
    cache.save("accelerator", key, answer)
    return answer


def reject(emulator: str, cache: Cache, kernel: str, why: str) -> None:
    """Remember that ``kernel`` (its digest) did not come up under hardware KVM here.

    Of this kernel alone: it may be the broken one, and others would be emulated for its sake.
    """
    cache.save("accelerator", _kernel_key(emulator, kernel), Answer(usable=False, why=why))


def candidates(emulator: str, cache: Cache, kernel: str = "") -> tuple[Host, ...]:
    """How guests could run here, best first; the last one always is emulation.

    A real kernel has the last word: take the first under which it boots and loads its modules.  With
    ``kernel``, its digest, what was found out about it earlier counts.
    """
    machine, release = sandbox.machine(), qemu.version(emulator)
    if machine:
        # No result of a guest in a machine is one of a guest on the host.
        release = f"{release} in {machine.described()}"
    answer = nested(emulator, cache, machine) if machine else hardware(emulator, cache)
    if answer.usable and kernel:
        refused = cache.load("accelerator", _kernel_key(emulator, kernel), Answer)
        answer = refused or answer
    emulated = Host(
        accelerator=Accelerator.TCG,
        qemu=emulator,
        qemu_version=release,
        cpu_model=TCG_CPU,
        vendor="amd",
        why=f"emulated, because {answer.why}",
    )
    if not answer.usable:
        return (emulated,)
    real = Host(
        accelerator=Accelerator.KVM,
        qemu=emulator,
        qemu_version=release,
        cpu_model="host",
        vendor=machine.vendor() if machine else vendor(),
        why="a guest with nested KVM boots on it",
    )
    return (real, emulated)


def _place_key(emulator: str) -> str:
    """Where guests run: this host, or a machine on it."""
    machine = sandbox.machine()
    return key_of("nested", machine.described(), _key(emulator)) if machine else _key(emulator)


def _kernel_key(emulator: str, kernel: str) -> str:
    return key_of("kernel", _place_key(emulator), kernel)


def _key(emulator: str) -> str:
    """This host: QEMU, kernel, processor, and whether the device can be opened by the sandbox."""
    mode = KVM.stat().st_mode if KVM.exists() else 0
    return key_of(VERSION, qemu.version(emulator), platform.release(), _processor(), mode)


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    return next((line for line in text.split("\n") if line.startswith("model name")), "")
