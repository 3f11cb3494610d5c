# SPDX-License-Identifier: GPL-2.0-only
"""Virtual machines: what to start, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum


class Accelerator(StrEnum):
    """How QEMU runs the guest."""

    KVM = "kvm"
    TCG = "tcg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a probe boot found: never what /dev/kvm claims (docs/lab.md: "/dev/kvm may lie").

    ``vendor`` is the virtualization extension the guest sees: "amd" (SVM) or "intel" (VMX).
    ``why`` says in one sentence why this accelerator was taken.
    """

    accelerator: Accelerator
    qemu: str
    qemu_version: str
    cpu_model: str
    vendor: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestSpec:
    """One virtual machine.  Files are paths; ``timeout`` is wall seconds for the whole life.

    ``counters`` gives it a port for what gcov counted.  ``instructions`` makes its clock run by executed
    instructions, one a nanosecond (emulation only): what takes a second has executed 10^9.
    """

    kernel: str
    initramfs: str
    host: Host
    cpus: int
    memory_mib: int
    timeout: float
    hang_timeout: float
    command_line: str = ""
    counters: bool = False
    instructions: bool = False


class Outcome(StrEnum):
    """How a guest ended."""

    FINISHED = "finished"
    PANIC = "panic"
    HUNG = "no progress"
    TIMEOUT = "time limit"
    LOST = "guest lost"
    INFRA = "not started"


STOPPED = frozenset({Outcome.HUNG, Outcome.TIMEOUT})
"""The kernel just stopped: so does one on a machine that is too busy."""


class CrashKind(StrEnum):
    """What the console showed."""

    PANIC = "panic"
    OOPS = "oops"
    BUG = "bug"
    WARN = "warning"
    LOCKDEP = "lockdep"
    HUNG_TASK = "hung task"
    STALL = "rcu stall"
    LOCKUP = "lockup"
    KASAN = "kasan"
    UBSAN = "ubsan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """One report on the console.  ``fingerprint`` is stable over addresses, pids and time."""

    kind: CrashKind
    title: str
    frames: tuple[str, ...]
    fingerprint: str
    excerpt: tuple[str, ...]
    test: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootResult:
    """One guest's life.  ``console`` is a blob digest; ``command`` the QEMU command line.

    ``module_error`` is "kvm-amd.ko: reason" when a module did not load; no test ran then.
    """

    outcome: Outcome
    seconds: float
    boot_seconds: float | None
    command: str
    console: str
    last_lines: tuple[str, ...]
    crashes: tuple[Crash, ...] = ()
    module_error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booted:
    """What the boot stage hands on: how guests run here, and how the series' kernel booted."""

    host: Host
    boot: BootResult
