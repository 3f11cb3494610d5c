# SPDX-License-Identifier: GPL-2.0-only
"""The root file system of a test guest: busybox, our init, modules and static selftests."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath

from reviewbot.model.errors import InfrastructureError
from reviewbot.tools.cpio import (
    CONSOLE,
    DIRECTORY,
    EXECUTABLE,
    LINK,
    PLAIN,
    Member,
    archive,
    busybox,
)

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")
_PARAMETERS = re.compile(r"[A-Za-z0-9_=,.: -]*")
_MOUNTS = b"""\
proc /proc proc defaults 0 0
sys /sys sysfs defaults 0 0
dev /dev devtmpfs defaults 0 0
tmp /tmp tmpfs defaults 0 0
"""
# Below /dev, or not in every kernel.
_MORE_MOUNTS = b"""\
shm /dev/shm tmpfs defaults 0 0
debug /sys/kernel/debug debugfs defaults 0 0
huge /dev/hugepages hugetlbfs defaults 0 0
"""
_PARAMETER = re.compile(r"([a-z0-9_]+)\.([A-Za-z0-9_]+)=([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestModule:
    """A module to load: its file name (``kvm.ko``), bytes and parameters (``nested=1``)."""

    name: str
    data: bytes
    parameters: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestTest:
    """A static program to run for at most ``limit`` whole seconds, reported as ``name``.

    With ``options`` it is a kernel for QEMU, which gets them too: the guest then needs an emulator.
    ``checks`` are "PATH=CONTENT" of files without which such a kernel is skipped.
    """

    name: str
    data: bytes
    limit: int
    options: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


def acceptable_name(name: str) -> bool:
    """True when a test of this name may go into a plan.

    Names come from the Makefile of a hostile tree; the plan is words on lines, read by a shell.
    """
    return len(name) <= 200 and _NAME.fullmatch(name) is not None


def build(
    modules: Iterable[GuestModule],
    tests: Iterable[GuestTest],
    *,
    counters: str = "",
    expected: Sequence[str] = (),
    files: Mapping[str, bytes] | None = None,
) -> bytes:
    """A cpio archive that loads ``modules`` and runs ``tests``, each in order.

    ``counters`` is the object directory (absolute) whose gcov counters are sent after each test;
    ``expected`` are parameters ("kvm_amd.npt=0") without which no test is to run; ``files`` are more
    programs and their data, by path below the root.

    Raises UserError when busybox is missing, InfrastructureError for a name that cannot be planned.
    """
    loads, runs = tuple(modules), tuple(tests)
    init = resources.files("reviewbot").joinpath("guest", "init").read_bytes()
    members = [
        *(Member(path=name, mode=DIRECTORY) for name in ("bin", "dev", "etc", "modules", "proc")),
        *(Member(path=name, mode=DIRECTORY) for name in ("sys", "tests", "tmp")),
        # Without it init has no standard output until devtmpfs is there.
        Member(path="dev/console", mode=CONSOLE, device=(5, 1)),
        Member(path="bin/busybox", mode=EXECUTABLE, data=busybox()),
        # Selftests call system(), which wants a shell.
        Member(path="bin/sh", mode=LINK, data=b"busybox"),
        Member(path="init", mode=EXECUTABLE, data=init),
        Member(path="etc/fstab", mode=PLAIN, data=_MOUNTS),
        Member(path="etc/fstab.more", mode=PLAIN, data=_MORE_MOUNTS),
        Member(path="plan", mode=PLAIN, data=_plan(loads, runs, counters, expected).encode()),
        *(Member(path=f"modules/{load.name}", mode=PLAIN, data=load.data) for load in loads),
        *(
            Member(path=f"tests/{number}", mode=EXECUTABLE, data=test.data)
            for number, test in enumerate(runs, 1)
        ),
        *(
            Member(path=f"tests/{number}.{kind}", mode=PLAIN, data=_words(test.name, words))
            for number, test in enumerate(runs, 1)
            for kind, words in (("words", test.options), ("checks", test.checks))
            if words
        ),
        *_more(files or {}),
    ]
    return b"".join(archive(members))


def _plan(
    modules: tuple[GuestModule, ...],
    tests: tuple[GuestTest, ...],
    counters: str,
    expected: Sequence[str],
) -> str:
    lines = [f"total {len(tests)}", *([f"counters {counters}"] if counters else [])]
    for module in modules:
        if not acceptable_name(module.name) or "/" in module.name:
            raise InfrastructureError(f"module name {module.name!r} cannot be used in a guest")
        if not _PARAMETERS.fullmatch(module.parameters):
            raise InfrastructureError(f"module parameters {module.parameters!r} are not words")
        lines.append(f"module {module.name} {module.parameters}".rstrip())
    for word in expected:
        if not (found := _PARAMETER.fullmatch(word)):
            raise InfrastructureError(f"module parameter {word!r} cannot be used in a guest")
        lines.append(f"expect {found[1]} {found[2]} {found[3]}")
    for number, test in enumerate(tests, 1):
        if not acceptable_name(test.name):
            raise InfrastructureError(f"test name {test.name!r} cannot be used in a guest")
        # execvp() hands what the kernel refuses to a shell, for which a file of zeros succeeds.
        if not test.data.startswith(b"\x7fELF"):
            raise InfrastructureError(f"test {test.name} is no program")
        order = "unit" if test.options else "test"
        lines.append(f"{order} {number} {max(1, test.limit)} {test.name}")
    return "".join(f"{line}\n" for line in lines)


def _words(name: str, words: Iterable[str]) -> bytes:
    if any("\n" in word or "\0" in word for word in words):
        raise InfrastructureError(f"options of test {name!r} cannot be used in a guest")
    return "".join(f"{word}\n" for word in words).encode()


def _more(files: Mapping[str, bytes]) -> Iterator[Member]:
    """Directories before what is in them: the kernel makes none by itself."""
    parents = {str(parent) for path in files for parent in PurePosixPath(path).parents} - {"."}
    yield from (Member(path=name, mode=DIRECTORY) for name in sorted(parents))
    for path, data in files.items():
        yield Member(path=path, mode=EXECUTABLE, data=data)
