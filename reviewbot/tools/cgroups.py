# SPDX-License-Identifier: GPL-2.0-only
"""Limits on everything in one sandbox together: a control group of its own for each.

Limits of a process (setrlimit) do not add up: a hundred processes of 8 GiB are 800.  A control group
counts them together, and the kernel enforces it.  Groups are made below the one we are in, so that whatever
limits us limits them too, and only where that is ours to do:

* control groups v2, in a group that systemd has delegated to us (``Delegate=yes``, man systemd.resource-control)
  or at the root of the hierarchy.  A group that has groups below it may hold no processes itself
  (Documentation/admin-guide/cgroup-v2.rst, "No Internal Process Constraint"), so everything that is in ours
  moves one down, to :data:`SUPERVISOR`;
* control groups v1, as root.

Elsewhere there are none, :func:`place` says why, and the limits of each process are what is left.

A group's owner holds a lock on its directory.  Whoever makes the next one removes those whose lock is free, so
that kill -9 leaves a group for no longer than until then.
"""

import contextlib
import fcntl
import functools
import os
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUPERVISOR = "reviewbot-supervisor"
_PREFIX = "reviewbot-sandbox-"
_NEEDED = ("memory", "pids")  # without these a sandbox could still take all of a machine
_WANTED = (*_NEEDED, "cpu")
_PERIOD = 100_000  # microseconds, the kernel's own default
_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where groups are made: a directory for each controller, one and the same with v2.

    Without any, ``why`` is one sentence and ``fix`` what to do about it.
    """

    version: int = 0
    parents: tuple[tuple[str, Path], ...] = ()
    why: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group that exists: ``directories`` are to be entered by writing 0 to their cgroup.procs."""

    version: int
    directories: tuple[Path, ...]

    def out_of_memory(self) -> bool:
        """True when the kernel has killed something in it for its memory."""
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        for directory in self.directories:
            with contextlib.suppress(OSError):
                if re.search(r"^oom_kill [1-9]", (directory / name).read_text(), re.MULTILINE):
                    return True
        return False


@contextlib.contextmanager
def group(*, memory: int, processes: int, processors: int) -> Iterator[Group | None]:
    """A new group, removed at the end with all that still runs in it; None where there can be none.

    ``memory`` is bytes, swap included, ``processors`` how many may be busy at the same time.
    """
    where = place()
    if not where.parents:
        yield None
        return
    with contextlib.ExitStack() as stack:
        made = _make(where, stack)
        if made:
            values = _values(where.version, memory, processes, processors)
            for directory in made.directories:
                for name, value in values.items():
                    _set(directory / name, value)
        yield made


@functools.cache
def place() -> Place:
    """Where groups can be made, found out by trying once."""
    mounts = _mounts()
    unified = [mount for kind, _, mount in mounts if kind == "cgroup2"]
    own = _own_groups()
    found = Place(why="no control groups are mounted", fix=_fix())
    if unified:
        found = _unified(unified[0] / own.get("", "").lstrip("/"))
    if found.parents or os.geteuid() != 0:
        return found
    parents = [
        (name, mount / own[name].lstrip("/"))
        for kind, options, mount in mounts
        for name in _WANTED
        if kind == "cgroup" and name in options and name in own
    ]
    if set(_NEEDED) <= {name for name, _ in parents} and _works(parents):
        return Place(version=1, parents=tuple(parents))
    return found


def _unified(own: Path) -> Place:
    """Our own group in the hierarchy of v2, made ready to have groups below it."""
    parent = own.parent if own.name == SUPERVISOR else own
    try:
        there = (parent / "cgroup.controllers").read_text().split()
    except OSError as error:
        return Place(why=f"{parent}: {error.strerror}", fix=_fix())
    missing = [name for name in _NEEDED if name not in there]
    if missing:
        why = f"{parent} has no controller {' and '.join(missing)}"
        return Place(why=why, fix=f"boot with cgroup_no_v1=all, so that v2 has it; then {_fix()}")
    if not _is_ours(parent):
        return Place(why=f"{parent} is not delegated to us", fix=_fix())
    try:
        if (parent / "cgroup.type").exists():  # not the root, which alone may hold processes
            _move_down(parent)
        for name in (name for name in _WANTED if name in there):
            (parent / "cgroup.subtree_control").write_text(f"+{name}")
    except OSError as error:
        return Place(why=f"{parent}: {error.strerror}", fix=_fix())
    parents = [("unified", parent)]
    if not _works(parents):
        return Place(why=f"no group can be made below {parent}", fix=_fix())
    return Place(version=2, parents=tuple(parents))


def _is_ours(directory: Path) -> bool:
    """Delegated, as systemd marks it, or owned by us who are not root, or the hierarchy's root."""
    if not (directory / "cgroup.type").exists():
        return os.geteuid() == 0
    for name in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(directory, name) == b"1":
                return os.access(directory, os.W_OK)
    return os.geteuid() != 0 and directory.stat().st_uid == os.geteuid()


def _move_down(parent: Path) -> None:
    below = parent / SUPERVISOR
    below.mkdir(exist_ok=True)
    for pid in (parent / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            (below / "cgroup.procs").write_text(pid)


def _works(parents: list[tuple[str, Path]]) -> bool:
    try:
        for _, parent in parents:
            Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent)).rmdir()
    except OSError:
        return False
    return True


def _make(where: Place, stack: contextlib.ExitStack) -> Group | None:
    """The directories, locked; None when the kernel refuses now what it allowed before."""
    directories = []
    try:
        for parent in dict.fromkeys(path for _, path in where.parents):
            _sweep(parent)
            directory = _locked(parent, stack)
            directories.append(directory)
            stack.callback(_remove, directory)
    except OSError:
        return None
    return Group(version=where.version, directories=tuple(directories))


def _locked(parent: Path, stack: contextlib.ExitStack) -> Path:
    while True:
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, handle)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if directory.exists():  # else somebody swept it before it was locked
            return directory


def _sweep(parent: Path) -> None:
    """Remove what nobody owns any more."""
    for directory in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _kill(directory)
                directory.rmdir()
            finally:
                os.close(handle)


def _remove(directory: Path) -> None:
    """What ran inside may be on its way out; a group that holds nothing but such can be removed soon."""
    deadline = time.monotonic() + _SECONDS
    _kill(directory)
    while True:
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)
        else:
            return


def _kill(directory: Path) -> None:
    """Since Linux 5.14, v2 only; the sandbox's process namespace has ended what was in it before."""
    with contextlib.suppress(OSError):
        (directory / "cgroup.kill").write_text("1")


def _values(version: int, memory: int, processes: int, processors: int) -> dict[str, str]:
    """Files and what is written to them, in this order; those that are not there are left out."""
    quota = processors * _PERIOD
    if version == 2:
        return {
            "memory.max": str(memory),
            "memory.swap.max": "0",
            "memory.oom.group": "1",
            "pids.max": str(processes),
            "cpu.max": f"{quota} {_PERIOD}",
        }
    return {
        "memory.limit_in_bytes": str(memory),
        "memory.memsw.limit_in_bytes": str(memory),
        "pids.max": str(processes),
        "cpu.cfs_quota_us": str(quota),
    }


def _set(file: Path, value: str) -> None:
    """A parent may have no such controller, and swap may not be counted."""
    with contextlib.suppress(OSError):
        if file.exists():
            file.write_text(value)


def _mounts() -> list[tuple[str, list[str], Path]]:
    """Hierarchies that are mounted: kind, controllers and other options, where (proc(5), mountinfo)."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in {"cgroup", "cgroup2"}:
            found.append((kind, options.split(","), Path(before.split(" ")[4])))
    return found


def _own_groups() -> dict[str, str]:
    """Our own group by controller, "" for v2 (cgroups(7))."""
    found = {}
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            found[name] = path
    return found


def _fix() -> str:
    if os.geteuid() == 0:
        return "run it as a service with Delegate=yes, or by: systemd-run --scope -p Delegate=yes reviewbot ..."
    return "systemd-run --user --scope -p Delegate=yes reviewbot ...; in a service: Delegate=yes"
