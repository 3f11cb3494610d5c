# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot doctor``: is everything here that a review needs, and what to do about the rest.

Every check tries the real thing - starts a sandbox, boots a guest, asks the inbox - because a file
that exists proves little (/dev/kvm may open and never boot anything).
"""

import shlex
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reviewbot.engine import doctor_guests
from reviewbot.engine.doctor_check import Check, State, install
from reviewbot.engine.optional_tools import OPTIONAL, OptionalTool
from reviewbot.model.config import TreeConfig
from reviewbot.model.errors import InfrastructureError, ReviewbotError
from reviewbot.tools import b4, bubblewrap, cgroups, cpio, layers, machine, sandbox
from reviewbot.tools.context import Tools
from reviewbot.tools.settings import default_path

GIB = 1 << 30
RECOMMENDED_GIB = 15
"""A kernel tree, its objects for two configurations, headers and selftests, with room for runs."""
_NEEDED_GIB = 5
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Program:
    name: str
    package: str
    why: str


@dataclass(frozen=True, slots=True)
class _Source:
    """A C program that must compile, with ``static`` also link without shared libraries."""

    name: str
    package: str
    text: str
    static: bool = False


PROGRAMS = (
    _Program("git", "git", "reads trees and applies patches"),
    _Program("gcc", "gcc", "compiles the kernel"),
    _Program("make", "make", "runs Kbuild"),
    _Program("flex", "flex", "builds Kconfig"),
    _Program("bison", "bison", "builds Kconfig"),
    _Program("bc", "bc", "computes kernel/time constants"),
    _Program("perl", "perl", "runs Kbuild scripts"),
    _Program("rsync", "rsync", "installs kernel headers for selftests"),
    _Program("xz", "xz-utils", "unpacks kernel sources"),
)
SOURCES = (
    _Source("libelf headers", "libelf-dev", "#include <gelf.h>\n"),
    _Source("OpenSSL headers", "libssl-dev", "#include <openssl/opensslv.h>\n"),
    _Source("static libc", "libc6-dev", "int main(void) { return 0; }\n", static=True),
)


def run(tools: Tools, *, settings: Path | None = None, settings_error: str = "") -> Iterator[Check]:
    """Check after check, as they are done; none raises.

    ``settings`` is the file that was named, None for the usual one; ``settings_error`` what was
    wrong with it, and then ``tools.config`` should be the defaults.
    """
    yield _settings(settings or default_path(), settings_error)
    yield Check(name="python", state=State.OK, detail=machine.python_version())
    for name, package, examine in _steps(tools):
        try:
            yield examine()
        except (ReviewbotError, OSError) as error:
            # A check that can not be made has failed.
            fix = install(package) if package else "see the message"
            yield Check(name=name, state=State.FAIL, detail=str(error), fix=fix)


def _steps(tools: Tools) -> Iterator[tuple[str, str, Callable[[], Check]]]:
    """Name, the Debian package that helps, and the check."""
    for program in PROGRAMS:
        yield program.name, program.package, partial(_program, program)
    for source in SOURCES:
        yield source.name, source.package, partial(_compiles, source)
    yield "busybox", "busybox-static", _busybox
    yield "sandbox", "bubblewrap", _sandbox
    yield "limits", "", _limits
    yield "layers", "bubblewrap", partial(_layers, tools)
    yield "qemu", "qemu-system-x86", partial(doctor_guests.emulator, tools)
    if tools.config.lab.isolation == "vm":
        yield "isolation", "", partial(doctor_guests.isolation, tools)
    yield "accelerator", "qemu-system-x86", partial(doctor_guests.accelerated, tools)
    for tool in OPTIONAL:
        yield tool.name, tool.package, partial(_optional, tool)
    yield "disk", "", partial(_disk, tools)
    yield "inbox", "git", partial(_inbox, tools)
    if not tools.config.trees:
        yield "trees", "", _no_trees
    for name, tree in tools.config.trees.items():
        yield f"tree {name}", "git", partial(_tree, name, tree)


def healthy(checks: Iterable[Check]) -> bool:
    """True when no check failed; warnings do not count."""
    return all(check.state is not State.FAIL for check in checks)


def _settings(place: Path, error: str) -> Check:
    if error:
        return Check(
            name="settings",
            state=State.FAIL,
            detail=error,
            fix=f"edit {place}, or begin anew with 'reviewbot init --force'",
        )
    detail = str(place) if machine.exists(place) else f"no {place}: the defaults hold"
    return Check(name="settings", state=State.OK, detail=detail)


def _program(program: _Program) -> Check:
    found = machine.version(program.name)
    if found is None:
        return Check(
            name=program.name,
            state=State.FAIL,
            detail=f"not found; it {program.why}",
            fix=install(program.package),
        )
    return Check(name=program.name, state=State.OK, detail=found)


def _compiles(source: _Source) -> Check:
    complaint = machine.compile_complaint(source.text, link_static=source.static)
    if complaint:
        return Check(
            name=source.name, state=State.FAIL, detail=complaint, fix=install(source.package)
        )
    return Check(name=source.name, state=State.OK, detail="a test program compiles")


def _busybox() -> Check:
    if not machine.is_static_program(cpio.BUSYBOX):
        return Check(
            name="busybox",
            state=State.FAIL,
            detail=f"{cpio.BUSYBOX} needs shared libraries, which test guests do not have",
            fix=install("busybox-static"),
        )
    return Check(name="busybox", state=State.OK, detail=f"{cpio.BUSYBOX}, static")


def _sandbox() -> Check:
    """It is there often enough where the distribution, a unit or a container forbids what it needs."""
    bubblewrap.tool("bwrap")
    try:
        done = sandbox.contain(sandbox.Task(argv=("true",), timeout=_SECONDS))
        why = "" if done.ok else done.complaint()
    except InfrastructureError as error:
        why = str(error).partition("; 'reviewbot doctor'")[0]
    if not why:
        return Check(name="sandbox", state=State.OK, detail="bubblewrap runs a program")
    return Check(
        name="sandbox",
        state=State.FAIL,
        detail=f"bubblewrap is there but cannot run: {why}",
        fix="sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000, "
        "or in a container or unit: allow namespaces and mounts, as deploy/ does",
    )


def _limits() -> Check:
    """Limits of a whole sandbox; those of each process always hold."""
    where = cgroups.place()
    if where.parents:
        detail = f"of each sandbox as a whole, by control groups v{where.version}"
        return Check(name="limits", state=State.OK, detail=detail)
    detail = f"of memory and processors for each process only: {where.why}"
    return Check(name="limits", state=State.WARN, detail=detail, fix=where.fix)


def _layers(tools: Tools) -> Check:
    place = tools.scratch
    how = layers.sharing_at(place)
    if how is layers.Sharing.COPY:
        return Check(
            name="layers",
            state=State.WARN,
            detail=f"neither overlayfs nor reflinks work below {place}: every review copies its base",
            fix="allow overlayfs in user namespaces (Linux 5.11 or newer), or put the cache on "
            "btrfs or xfs with XDG_CACHE_HOME",
        )
    return Check(name="layers", state=State.OK, detail=f"{how}")


def _optional(tool: OptionalTool) -> Check:
    if found := tool.version():
        return Check(name=tool.name, state=State.OK, detail=found)
    return Check(name=tool.name, state=State.WARN, detail=tool.lost, fix=install(tool.package))


def _disk(tools: Tools) -> Check:
    place = tools.cache.root
    free = machine.free_bytes(place) / GIB
    detail = f"{free:.0f} GiB free for {place}"
    if free >= RECOMMENDED_GIB:
        return Check(name="disk", state=State.OK, detail=detail)
    return Check(
        name="disk",
        state=State.WARN if free >= _NEEDED_GIB else State.FAIL,
        detail=f"{detail}; {RECOMMENDED_GIB} are recommended",
        fix="free some space, or point XDG_CACHE_HOME at a bigger disk",
    )


def _inbox(tools: Tools) -> Check:
    midmask = b4.midmask(tools.config.inbox)
    parts = urllib.parse.urlsplit(midmask)
    host = parts.netloc.rpartition("@")[2]
    complaint = machine.http_complaint(
        f"{parts.scheme}://{parts.netloc}/", tools.config.inbox.timeout
    )
    if complaint:
        # Series from files and local commits need no inbox.
        return Check(
            name="inbox",
            state=State.WARN,
            detail=f"{host}: {complaint}; only local series can be reviewed",
            fix="check network and proxy, or name another archive: [inbox] midmask in the "
            "settings, or git config --global b4.midmask https://HOST/LIST/%s",
        )
    return Check(name="inbox", state=State.OK, detail=f"{host} answers")


def _no_trees() -> Check:
    return Check(
        name="trees",
        state=State.WARN,
        detail="none configured: every review needs --tree",
        fix='add [trees.NAME] with path = "/path/of/linux" to the settings',
    )


def _tree(name: str, tree: TreeConfig) -> Check:
    complaint = machine.repository_complaint(tree.path, tree.refs)
    if complaint:
        return Check(
            name=f"tree {name}",
            state=State.FAIL,
            detail=f"{tree.path}: {complaint}",
            fix=f"git -C {shlex.quote(tree.path)} fetch, or correct [trees.{name}] in the settings",
        )
    return Check(name=f"tree {name}", state=State.OK, detail=f"{tree.path}, {', '.join(tree.refs)}")
