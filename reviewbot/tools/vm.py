# SPDX-License-Identifier: GPL-2.0-only
"""Run a task of the sandbox in a virtual machine of its own, started for it and gone with it.

The emulator runs in the very sandbox that the task would have run in, with the same mounts, and hands them on over
9p; in the machine bubblewrap runs the task as it would have outside.  So a task has to break the machine's
kernel or its emulator first, and then it is where every task is without a machine.

9p, and no disk image that is copied out afterwards: views of layers (:mod:`reviewbot.tools.layers`) and what our side
reads of them stay as they are, and what is written is limited where it always was.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from reviewbot.model.config import LabConfig
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.guest import Accelerator
from reviewbot.tools import accelerator, sandbox, vm_command, vm_kernel
from reviewbot.tools.bubblewrap import Limits
from reviewbot.tools.cache import Cache
from reviewbot.tools.process import Completed
from reviewbot.tools.sandbox import Task
from reviewbot.tools.scratch import scratch
from reviewbot.tools.vm_command import CONSOLE, EMULATOR, RESULT, Hardware
from reviewbot.tools.vm_kernel import VmKernel

STARTING = {Accelerator.KVM: 60.0, Accelerator.TCG: 180.0}
"""Seconds that a machine may take to start its task and to end after it, on a busy host."""
_GIB = 1 << 30
_LOOKED_AT = 1 << 20  # bytes of what the machine says of itself


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    """What is found out once."""

    kernel: VmKernel
    hardware: Hardware
    base: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """Init's last line: exit status, whether it was for want of memory, of time, and whether bubblewrap started it."""

    status: int
    starved: bool
    late: bool
    began: bool


@dataclass(slots=True)
class VirtualMachines:
    """Machines for tasks: with this emulator, and the kernel named in the settings or "" for an installed one.

    ``emulated`` ones need no hardware KVM and are far slower: to try how machines work, not for reviews, whose time
    limits are not made for it.
    """

    emulator: str
    named: str
    cache: Cache
    emulated: bool = False
    _machine: _Machine | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def described(self) -> str:
        """Such as "a virtual machine (Linux 6.1.0-56-amd64, kvm)".  Raises UserError when it cannot be had."""
        machine = self._ready()
        return f"a virtual machine (Linux {machine.kernel.release}, {machine.hardware.accelerator})"

    def vendor(self) -> str:
        """The nesting that a guest in the machine gets: "amd", "intel" or ""."""
        machine = self._ready()
        return machine.hardware.vendor if machine.kernel.nests else ""

    def _ready(self) -> _Machine:
        with self._lock:
            if self._machine is None:
                kernel = vm_kernel.find(self.named)
                self._machine = _Machine(
                    kernel=kernel,
                    hardware=self._hardware(),
                    base=vm_command.base(kernel),
                )
            return self._machine

    def _hardware(self) -> Hardware:
        return _emulated(self.emulator) if self.emulated else _real(self.emulator, self.cache)

    def run(self, task: Task) -> Completed:
        """See :func:`reviewbot.tools.sandbox.run`.  Raises UserError when a machine cannot be had."""
        machine = self._ready()
        with _place(self.cache, machine.base + vm_command.order(task)) as (place, files):
            done = sandbox.contain(_around(machine, task, place), task.argv[0])
            said = {name: _read(handle) for name, handle in files.items()}
        return _judged(task, done, said)


def machines(lab: LabConfig, cache: Cache) -> VirtualMachines:
    """Machines as the settings want them."""
    return VirtualMachines(emulator=lab.qemu, named=lab.vm_kernel, cache=cache)


def _real(emulator: str, cache: Cache) -> Hardware:
    answer = accelerator.runs_programs(emulator, cache)
    if not answer.usable:
        raise UserError(
            f'[lab] isolation = "vm" needs hardware KVM: {answer.why}; isolation = "process" needs none'
        )
    vendor = accelerator.vendor()
    return Hardware(emulator=emulator, accelerator=Accelerator.KVM, cpu_model="host", vendor=vendor)


def _emulated(emulator: str) -> Hardware:
    return Hardware(
        emulator=emulator,
        accelerator=Accelerator.TCG,
        cpu_model=accelerator.TCG_CPU,
        vendor="amd",
    )


@contextlib.contextmanager
def _place(cache: Cache, initramfs: bytes) -> Iterator[tuple[Path, dict[str, int]]]:
    """A directory for one machine, and our own descriptors of the files it writes, whatever replaces them."""
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(scratch(cache.root / "scratch"))
        for name in ("machine", "clock"):
            (place / name).mkdir(mode=0o755)
            sandbox.give(place / name)
        (place / "initramfs").write_bytes(initramfs)
        (place / "initramfs").chmod(0o644)
        files = {}
        for name in (RESULT, CONSOLE, EMULATOR):
            path = place / "machine" / name
            files[name] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            stack.callback(os.close, files[name])
            sandbox.give(path)
        yield place, files


def _around(machine: _Machine, task: Task, place: Path) -> Task:
    """The task that is the machine."""
    limits, hardware = task.limits, machine.hardware
    processors = limits.processors or len(os.sched_getaffinity(0))
    seconds = task.timeout + STARTING[hardware.accelerator]
    return replace(
        task,
        argv=vm_command.arguments(hardware, task, processors),
        timeout=seconds,
        mounts=vm_command.mounts(machine.kernel, task, place),
        devices=(accelerator.KVM,) if hardware.accelerator is Accelerator.KVM else (),
        cwd="/",
        env={},
        stdin=b"",
        merge=False,
        limits=Limits(
            memory=vm_command.memory(task) + 8 * _GIB,
            total_memory=vm_command.memory(task) + 2 * _GIB,
            processors=processors + 1,
            file=limits.file + _LOOKED_AT,
            cpu=int(seconds * (processors + 2)) + 60,
            processes=512,
            disk=limits.disk,
            files=limits.files,
        ),
    )


def _judged(task: Task, done: Completed, said: dict[str, str]) -> Completed:
    """What the task did, by what its machine said."""
    name = task.argv[0]
    ended = _ended(said[RESULT])
    if ended is None:
        return _without_end(task, done, said)
    if ended.starved:
        raise sandbox.starved_of(name, task.limits)
    if not ended.began and not ended.late and ended.status > 0:
        raise InfrastructureError(
            f"the sandbox cannot be set up in the virtual machine: {done.complaint()}"
        )
    return replace(done, argv=task.argv, returncode=ended.status, timed_out=ended.late)


def _without_end(task: Task, done: Completed, said: dict[str, str]) -> Completed:
    lines = said[RESULT].split("\n")
    complaint = next((line for line in lines if line.startswith("failed ")), "")
    if complaint:
        reason = complaint.removeprefix("failed ")
        kind = sandbox.NoDeviceError if reason.startswith("there is no ") else InfrastructureError
        raise kind(reason)
    stopped = task.stop is not None and task.stop.is_set()
    if stopped or (done.timed_out and "up" in lines):
        return replace(done, argv=task.argv, timed_out=True)
    last = _last_line(said[CONSOLE]) or _last_line(said[EMULATOR]) or done.complaint()
    what = "was lost" if "up" in lines else "did not start"
    raise InfrastructureError(f"{task.argv[0]}: the virtual machine for it {what}: {last[:300]}")


def _ended(result: str) -> _Ended | None:
    for line in result.split("\n"):
        word, *numbers = line.split(" ")
        if word == "done" and len(numbers) == 4 and all(number.isdecimal() for number in numbers):
            status, starved, late, began = map(int, numbers)
            return _Ended(status=status, starved=starved > 0, late=late > 0, began=began > 0)
    return None


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.split("\n")) if line.strip()), "")


def _read(handle: int) -> str:
    size = os.fstat(handle).st_size
    return os.pread(handle, _LOOKED_AT, max(0, size - _LOOKED_AT)).decode("utf-8", "replace")
