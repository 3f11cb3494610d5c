# SPDX-License-Identifier: GPL-2.0-only
"""Run something that comes out of a patched tree: without network, home, credentials or host root.

bubblewrap does the isolation.  What runs inside sees a read-only /usr, an empty /tmp, fresh /proc and
/dev, and the mounts it was given, nothing else of the host; every namespace is its own, all
capabilities are dropped, further user namespaces are refused, and it dies with us.

Mounts are attached in a private mount namespace by :data:`reviewbot.tools.enter.SCRIPT`.  So no mount is
ever visible outside, and whatever way we die the kernel drops them with the last process.  Started by root, the inside runs as :data:`UID`, which owns nothing on
the host; started by anyone else it runs as that user in a user namespace.

Example, with a copy-on-write view of a layer (:mod:`reviewbot.tools.layers`)::

    view = layers.view(layer, scratch / "objects", "/lab/obj", writable=True)
    done = sandbox.run(["make", "-C", "/lab/obj"], mounts=[view.mount], timeout=600)
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from signal import SIGXFSZ

from reviewbot.model.errors import InfrastructureError
from reviewbot.tools import cgroups, process
from reviewbot.tools.cgroups import Group
from reviewbot.tools.enter import SCRIPT
from reviewbot.tools.process import Completed

UID = 1_900_000_000
"""Who runs inside when root starts a sandbox: above every range that Debian and systemd hand out."""

_MIB = 1 << 20
_GIB = 1 << 30
_STAGES = ("/mnt", "/media", "/srv", "/opt")
_SYSTEM_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SYSTEM_FILES = ("/etc/alternatives", "/etc/ld.so.cache")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A host file or directory shown at ``target`` (absolute, inside)."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A copy-on-write view of ``lower`` at ``target``.

    ``place`` holds the directories ``upper`` (what differs from ``lower``) and ``work``; made by
    :func:`reviewbot.tools.layers.view`.  Not ``writable`` means read-only for what runs inside.
    """

    lower: Path
    place: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one sandbox may use.

    ``memory``, ``file`` and ``cpu`` are for each process: bytes of address space, bytes of one
    file, seconds of processor time.  For all of them together: ``processes``, ``disk`` bytes in all
    writable mounts (looked at every second) and ``files`` there (every four), ``temporary`` bytes in /tmp; and where control groups are
    allowed (:mod:`reviewbot.tools.cgroups`), ``total_memory`` bytes, by default three quarters of the
    machine's, and ``processors`` busy at the same time, by default all.
    """

    memory: int = 8 * _GIB
    total_memory: int = 0
    processors: int = 0
    file: int = 2 * _GIB
    cpu: int = 3600
    processes: int = 512
    disk: int = 8 * _GIB
    files: int = 1_000_000
    temporary: int = 1 * _GIB


@dataclass(frozen=True, slots=True)
class _Command:
    """Grows the parameters of the script and of bubblewrap side by side."""

    stage: str
    enter: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)

    def add(self, mount: Bind | Overlay, name: str) -> None:
        if isinstance(mount, Bind):
            self.enter.extend(["bind", name, str(mount.source)])
            written = mount.source
        else:
            options = ",index=off" + ("" if os.geteuid() == 0 else ",userxattr")
            self.enter.extend(["overlay", name, str(mount.lower), str(mount.place), options])
            written = mount.place / "upper"
        if mount.writable:
            self.enter.extend(["watch", name, str(written)])
        how = "--bind" if mount.writable else "--ro-bind"
        self.inside.extend([how, f"{self.stage}/{name}", mount.target])


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
) -> Completed:
    """Run ``argv`` inside and return what it left; see :func:`reviewbot.tools.process.run`.

    ``mounts`` appear in the given order (a later one may lie inside an earlier one's target), ``env``
    is added to an otherwise fixed environment.  ``devices`` are host device nodes to let in
    (/dev/kvm).  A writable :class:`Bind` must have been handed over with :func:`give`.

    Non-zero exits and time-outs are returned.  Raises InfrastructureError when the sandbox itself
    could not be set up, or when what runs inside wrote more than ``limits.disk`` or used more memory
    together than ``limits.total_memory``.
    """
    limits = limits or Limits()
    status = os.memfd_create("status")
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, status)
        group = stack.enter_context(_group(limits))
        command = _command(
            argv=argv,
            mounts=mounts,
            devices=devices,
            cwd=cwd,
            env=env or {},
            limits=limits,
            status=status,
            enter=group.directories if group else (),
        )
        done = process.run(
            command,
            timeout=timeout,
            stdin=stdin,
            merge=merge,
            output_limit=output_limit,
            on_line=on_line,
            pass_fds=(status,),
        )
        os.lseek(status, 0, os.SEEK_SET)
        started = b"exit-code" in os.read(status, 4096)
        starved = group is not None and group.out_of_memory()
    if starved:
        raise InfrastructureError(
            f"{argv[0]}: stopped in the sandbox after using more than "
            f"{_total(limits) // _MIB} MiB of memory"
        )
    if done.returncode == -SIGXFSZ:
        raise InfrastructureError(
            f"{argv[0]}: stopped in the sandbox after writing more than "
            f"{limits.disk // _MIB} MiB, or {limits.files} files, to its directories"
        )
    if not started and done.returncode > 0:
        raise InfrastructureError(
            f"the sandbox cannot be set up: {done.complaint()}; 'reviewbot doctor' says what is missing"
        )
    return replace(done, argv=tuple(argv))


def give(path: Path) -> None:
    """Hand a directory of ours (not what is in it) to whoever runs inside, for a writable mount."""
    if os.geteuid() == 0:
        os.chown(path, UID, UID)


def _command(
    *,
    argv: Sequence[str],
    mounts: Sequence[Bind | Overlay],
    devices: Sequence[Path],
    cwd: str,
    env: Mapping[str, str],
    limits: Limits,
    status: int,
    enter: Sequence[Path],
) -> list[str]:
    command = _Command(_stage([_source(mount) for mount in mounts]))
    command.enter.extend(word for directory in enter for word in ("enter", str(directory)))
    for number, mount in enumerate(mounts):
        if not _source(mount).exists():
            raise InfrastructureError(f"{_source(mount)}: not there, needed in the sandbox")
        command.add(mount, str(number))
    bubblewrap = [
        _tool("bwrap"),
        *("--unshare-all", "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "lab"),
        *("--json-status-fd", str(status)),
        *_system(limits),
        *command.inside,
        *(word for device in devices for word in ("--dev-bind", str(device), str(device))),
        *("--remount-ro", "/", "--remount-ro", "/dev", "--chdir", cwd, *_environment(env), "--"),
        *_prlimit(limits),
        *argv,
    ]
    return [
        *_namespace(),
        *("sh", "-c", SCRIPT, "sandbox", command.stage, *command.enter),
        *("run", str(limits.disk // 1024), str(limits.files), *_identity(devices), *bubblewrap),
    ]


def _group(limits: Limits) -> contextlib.AbstractContextManager[Group | None]:
    return cgroups.group(
        memory=_total(limits),
        processes=limits.processes,
        processors=limits.processors or len(os.sched_getaffinity(0)),
    )


def _total(limits: Limits) -> int:
    return limits.total_memory or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4


def _source(mount: Bind | Overlay) -> Path:
    return mount.source if isinstance(mount, Bind) else mount.place


def _stage(sources: Sequence[Path]) -> str:
    """A directory that every user can reach and that none of the sources is in."""
    taken = [os.path.realpath(source) for source in sources]
    for stage in _STAGES:
        inside = any(os.path.commonpath([stage, source]) == stage for source in taken)
        if Path(stage).is_dir() and not Path(stage).is_symlink() and not inside:
            return stage
    raise InfrastructureError(f"the sandbox needs one of the directories {', '.join(_STAGES)}")


def _namespace() -> list[str]:
    own = [_tool("unshare"), "--mount", "--propagation", "private"]
    return own if os.geteuid() == 0 else [*own, "--user", "--map-root-user"]


def _identity(devices: Sequence[Path]) -> list[str]:
    if os.geteuid() != 0:
        return []
    groups = ",".join(sorted({str(device.stat().st_gid) for device in devices}))
    return [
        *(_tool("setpriv"), "--reuid", str(UID), "--regid", str(UID)),
        *(["--groups", groups] if groups else ["--clear-groups"]),
        *("--pdeathsig", "KILL", "--"),
    ]


def _system(limits: Limits) -> list[str]:
    words = ["--ro-bind", "/usr", "/usr"]
    for link in map(Path, _SYSTEM_LINKS):
        if link.is_symlink():
            words += ["--symlink", str(link.readlink()), str(link)]
        elif link.is_dir():
            words += ["--ro-bind", str(link), str(link)]
    for file in _SYSTEM_FILES:
        words += ["--ro-bind-try", file, file]
    size = str(limits.temporary)
    words += ["--proc", "/proc", "--dev", "/dev", "--size", size, "--tmpfs", "/dev/shm"]  # noqa: S108 - a mount point inside
    return [*words, "--size", size, "--tmpfs", "/tmp"]  # noqa: S108 - a mount point inside


def _environment(extra: Mapping[str, str]) -> list[str]:
    names = process.clean_environment({"HOME": "/nonexistent", "TMPDIR": "/tmp", **extra})  # noqa: S108 - inside
    words = ["--clearenv"]
    for name, value in names.items():
        words += ["--setenv", name, value]
    return words


def _prlimit(limits: Limits) -> list[str]:
    return [
        *("prlimit", f"--as={limits.memory}", f"--fsize={limits.file}", f"--cpu={limits.cpu}"),
        *(f"--nproc={limits.processes}", "--core=0", "--nofile=4096", "--memlock=65536", "--"),
    ]


def _tool(name: str) -> str:
    found = shutil.which(name, path=process.PATH)
    if not found:
        package = "bubblewrap" if name == "bwrap" else "util-linux"
        raise InfrastructureError(f"{name} not found; install the Debian package {package}")
    return found
