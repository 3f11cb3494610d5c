# SPDX-License-Identifier: GPL-2.0-only
"""The words of bubblewrap's command line: what a sandbox shows, and what it limits.

What runs inside sees a read-only /usr, an empty /tmp, fresh /proc and /dev, and the mounts it was given, nothing
else of the host; every namespace is its own, all capabilities are dropped, further user namespaces are refused,
and it dies with us.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reviewbot.model.errors import InfrastructureError
from reviewbot.tools import process

UID = 1_900_000_000
"""Who runs inside when root starts a sandbox: above every range that Debian and systemd hand out."""

_GIB = 1 << 30
_STAGES = ("/mnt", "/media", "/srv", "/opt")
SYSTEM_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SYSTEM_FILES = ("/etc/alternatives", "/etc/ld.so.cache")


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
class Staged:
    """Grows the parameters of the script and of bubblewrap side by side, mount by mount."""

    stage: str
    enter: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)

    def add(self, mount: Bind | Overlay, name: str) -> None:
        """Put ``mount`` at ``name`` on the stage, and from there into the sandbox."""
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


def command_line(
    argv: Sequence[str],
    *,
    status: int | None,
    mounts: Sequence[str],
    devices: Sequence[Path],
    cwd: str,
    env: Mapping[str, str],
    limits: Limits,
    seccomp: int | None = None,
) -> list[str]:
    """The command line that runs ``argv`` inside.

    ``status`` is the descriptor on which bubblewrap tells how it went, ``mounts`` are words that mount more,
    ``seccomp`` is the descriptor of a filter of system calls (:mod:`reviewbot.tools.seccomp`).
    """
    return [
        tool("bwrap"),
        *("--unshare-all", "--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "lab"),
        *(("--json-status-fd", str(status)) if status is not None else ()),
        *(("--seccomp", str(seccomp)) if seccomp is not None else ()),
        *_system(limits),
        *mounts,
        *(word for device in devices for word in ("--dev-bind", str(device), str(device))),
        *("--remount-ro", "/", "--remount-ro", "/dev", "--chdir", cwd, *_environment(env), "--"),
        *_prlimit(limits),
        *argv,
    ]


def source_of(mount: Bind | Overlay) -> Path:
    """What has to be there for a mount."""
    return mount.source if isinstance(mount, Bind) else mount.place


def stage(sources: Sequence[Path]) -> str:
    """A directory that every user can reach and that none of the sources is in."""
    taken = [os.path.realpath(source) for source in sources]
    for place in _STAGES:
        inside = any(os.path.commonpath([place, source]) == place for source in taken)
        if Path(place).is_dir() and not Path(place).is_symlink() and not inside:
            return place
    raise InfrastructureError(f"the sandbox needs one of the directories {', '.join(_STAGES)}")


def namespace() -> list[str]:
    """How a mount namespace of its own is entered."""
    own = [tool("unshare"), "--mount", "--propagation", "private"]
    return own if os.geteuid() == 0 else [*own, "--user", "--map-root-user"]


def identity(devices: Sequence[Path]) -> list[str]:
    """How root becomes :data:`UID`, in the groups that may open ``devices``."""
    if os.geteuid() != 0:
        return []
    groups = ",".join(sorted({str(device.stat().st_gid) for device in devices}))
    return [
        *(tool("setpriv"), "--reuid", str(UID), "--regid", str(UID)),
        *(["--groups", groups] if groups else ["--clear-groups"]),
        *("--pdeathsig", "KILL", "--"),
    ]


def _system(limits: Limits) -> list[str]:
    words = ["--ro-bind", "/usr", "/usr"]
    for link in map(Path, SYSTEM_LINKS):
        if link.is_symlink():
            words += ["--symlink", str(link.readlink()), str(link)]
        elif link.is_dir():
            words += ["--ro-bind", str(link), str(link)]
    for file in SYSTEM_FILES:
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


def tool(name: str) -> str:
    """Where a program is.  Raises InfrastructureError when it is not installed."""
    found = shutil.which(name, path=process.PATH)
    if not found:
        package = "bubblewrap" if name == "bwrap" else "util-linux"
        raise InfrastructureError(f"{name} not found; install the Debian package {package}")
    return found
