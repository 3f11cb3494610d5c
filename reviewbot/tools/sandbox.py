# SPDX-License-Identifier: GPL-2.0-only
"""Run something that comes out of a patched tree: without network, home, credentials or host root.

bubblewrap does the isolation (:mod:`reviewbot.tools.bubblewrap`).  With ``[lab] isolation = "vm"`` what runs inside is a
virtual machine, in which bubblewrap runs the command another time (:mod:`reviewbot.tools.vm`).

Mounts are attached in a private mount namespace by :data:`reviewbot.tools.enter.SCRIPT`.  So no mount is
ever visible outside, and whatever way we die the kernel drops them with the last process.  Started by root, the inside
runs as :data:`UID`, which owns nothing on the host; started by anyone else it runs as that user in a user namespace.

Example, with a copy-on-write view of a layer (:mod:`reviewbot.tools.layers`)::

    view = layers.view(layer, scratch / "objects", "/lab/obj", writable=True)
    done = sandbox.run(["make", "-C", "/lab/obj"], mounts=[view.mount], timeout=600)
"""

import contextlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from signal import SIGXFSZ
from typing import Protocol

from reviewbot.model.errors import InfrastructureError
from reviewbot.tools import bubblewrap, cgroups, process, seccomp
from reviewbot.tools.bubblewrap import UID, Bind, Limits, Overlay
from reviewbot.tools.cgroups import Group
from reviewbot.tools.enter import SCRIPT
from reviewbot.tools.process import Completed

__all__ = [
    "UID",
    "Bind",
    "Limits",
    "Machine",
    "NoDeviceError",
    "Overlay",
    "Task",
    "contain",
    "give",
    "isolate",
    "machine",
    "run",
]

_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to run, and all that it gets; see :func:`run`."""

    argv: tuple[str, ...]
    timeout: float
    mounts: tuple[Bind | Overlay, ...] = ()
    devices: tuple[Path, ...] = ()
    cwd: str = "/"
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    merge: bool = False
    limits: Limits = field(default_factory=Limits)
    output_limit: int = process.OUTPUT_LIMIT
    on_line: Callable[[str], None] | None = None
    stop: threading.Event | None = None


class NoDeviceError(InfrastructureError):
    """A virtual machine does not have a device that a task wants."""


class Machine(Protocol):
    """A virtual machine around every task."""

    def run(self, task: Task) -> Completed:
        """What :func:`contain` does, in the machine."""

    def described(self) -> str:
        """Its kernel and how that runs; part of the key of results."""

    def vendor(self) -> str:
        """The nesting that guests in it get: "amd", "intel" or ""."""


@dataclass(slots=True)
class _Isolation:
    """One of a process, chosen by its settings: it would be handed through every call of every tool."""

    machine: Machine | None = None


_isolation = _Isolation()


def isolate(machine: Machine | None) -> None:
    """From now on run everything in ``machine``; None: in bubblewrap alone."""
    _isolation.machine = machine


def machine() -> Machine | None:
    """What :func:`isolate` was told last."""
    return _isolation.machine


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    mounts: Sequence[Bind | Overlay] = (),
    devices: Sequence[Path] = (),
    cwd: str = "/",
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    merge: bool = False,
    limits: Limits | None = None,
    output_limit: int = process.OUTPUT_LIMIT,
    on_line: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
) -> Completed:
    """Run ``argv`` inside and return what it left; see :func:`reviewbot.tools.process.run`.

    ``mounts`` appear in the given order (a later one may lie inside an earlier one's target), ``env``
    is added to an otherwise fixed environment.  ``devices`` are host device nodes to let in
    (/dev/kvm; in a virtual machine it is the machine's own).  A writable :class:`Bind` must have been handed over with
    :func:`give`.  ``stop``, when set by another thread, ends it as the time limit does.

    Non-zero exits and time-outs are returned.  Raises InfrastructureError when the sandbox itself
    could not be set up, or when what runs inside wrote more than ``limits.disk`` or used more memory
    together than ``limits.total_memory``; UserError when the settings want a virtual machine that cannot be had.
    """
    task = Task(
        argv=tuple(argv),
        timeout=timeout,
        mounts=tuple(mounts),
        devices=tuple(devices),
        cwd=cwd,
        env=env or {},
        stdin=stdin,
        merge=merge,
        limits=limits or Limits(),
        output_limit=output_limit,
        on_line=on_line,
        stop=stop,
    )
    return _isolation.machine.run(task) if _isolation.machine else contain(task)


def contain(task: Task, name: str = "") -> Completed:
    """Run a task in bubblewrap and nothing else: what the machine itself is, and programs of ours.

    ``name`` is what error messages call it.
    """
    limits, name = task.limits, name or task.argv[0]
    with contextlib.ExitStack() as stack:
        status, filtered = (_memory_file(stack, data) for data in (b"", seccomp.program()))
        group = stack.enter_context(_group(limits))
        command = _command(
            argv=task.argv,
            mounts=task.mounts,
            devices=task.devices,
            cwd=task.cwd,
            env=task.env,
            limits=limits,
            status=status,
            seccomp=filtered,
            enter=group.directories if group else (),
        )
        done = process.run(
            command,
            timeout=task.timeout,
            stdin=task.stdin,
            merge=task.merge,
            output_limit=task.output_limit,
            on_line=task.on_line,
            pass_fds=(status, filtered),
            stop=task.stop,
        )
        os.lseek(status, 0, os.SEEK_SET)
        started = b"exit-code" in os.read(status, 4096)
        starved = group is not None and group.out_of_memory()
    if starved:
        raise starved_of(name, limits)
    if done.returncode == -SIGXFSZ:
        raise InfrastructureError(
            f"{name}: stopped in the sandbox after writing more than "
            f"{limits.disk // _MIB} MiB, or {limits.files} files, to its directories, or with their disk nearly full"
        )
    if not started and done.returncode > 0:
        raise InfrastructureError(
            f"the sandbox cannot be set up: {done.complaint()}; 'reviewbot doctor' says what is missing"
        )
    return replace(done, argv=task.argv)


def starved_of(name: str, limits: Limits) -> InfrastructureError:
    """The error of a task that used more memory than it may."""
    return InfrastructureError(
        f"{name}: stopped in the sandbox after using more than "
        f"{total_memory(limits) // _MIB} MiB of memory"
    )


def give(path: Path) -> None:
    """Hand a directory of ours (not what is in it) to whoever runs inside, for a writable mount."""
    if os.geteuid() == 0:
        os.chown(path, UID, UID)


def total_memory(limits: Limits) -> int:
    """Bytes that all processes of a sandbox may use together."""
    return limits.total_memory or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4


def _command(
    *,
    argv: Sequence[str],
    mounts: Sequence[Bind | Overlay],
    devices: Sequence[Path],
    cwd: str,
    env: Mapping[str, str],
    limits: Limits,
    status: int,
    seccomp: int,
    enter: Sequence[Path],
) -> list[str]:
    staged = bubblewrap.Staged(bubblewrap.stage([bubblewrap.source_of(mount) for mount in mounts]))
    for number, mount in enumerate(mounts):
        if not bubblewrap.source_of(mount).exists():
            raise InfrastructureError(
                f"{bubblewrap.source_of(mount)}: not there, needed in the sandbox"
            )
        staged.add(mount, str(number))
    inside = bubblewrap.command_line(
        argv,
        status=status,
        seccomp=seccomp if os.fstat(seccomp).st_size else None,
        mounts=staged.inside,
        devices=devices,
        cwd=cwd,
        env=env,
        limits=limits,
    )
    return [
        *bubblewrap.namespace(),
        *("sh", "-c", SCRIPT, "sandbox", staged.stage, *staged.enter),
        *("guard", str(limits.disk // 1024), str(limits.files)),
        *(word for directory in enter for word in ("enter", str(directory))),
        "run",
        *bubblewrap.identity(devices),
        *inside,
    ]


def _memory_file(stack: contextlib.ExitStack, data: bytes) -> int:
    """The descriptor of a file in memory that holds ``data``, read from its beginning."""
    handle = os.memfd_create("reviewbot")
    stack.callback(os.close, handle)
    os.write(handle, data)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def _group(limits: Limits) -> contextlib.AbstractContextManager[Group | None]:
    return cgroups.group(
        memory=total_memory(limits),
        processes=limits.processes,
        processors=limits.processors or len(os.sched_getaffinity(0)),
    )
