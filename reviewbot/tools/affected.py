# SPDX-License-Identifier: GPL-2.0-only
"""What has to be made when some files of the source change, from what Kbuild wrote about its objects.

Every ``.x.o.cmd`` file lists what its object was compiled from.  So a header change compiles exactly
its users, also outside the directories a profile builds for every patch, and nothing else is tried.
What is used otherwise (``.vmlinux.lds.cmd``, ``.asm-offsets.s.cmd``, a host program) or by nothing
that left such a file asks for the whole kernel: what came of it is linked into what boots.
"""

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_NO_FOLLOW = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CMD_LIMIT = 4 << 20
_UP_AGAIN = re.compile(rb"/(?:\.|(?!\.\./)[^/\s]+/\.\.)(?=/)")
_MANY = 60
_NO_CODE = ("Documentation/", "LICENSES/", "samples/", "usr/include/")
# Not .txt and .json: arch/x86/lib/x86-opcode-map.txt is an input of the build.
_NO_CODE_SUFFIXES = (".rst", ".md", ".yaml", ".gitignore", ".mailmap")
_NO_CODE_NAMES = frozenset({"MAINTAINERS", "CREDITS", "COPYING", "README"})
_HOST_TOOLS = ("objtool", "lib", "include", "arch", "build", "scripts", "bpf/resolve_btfids")
# Not reachable as single targets: built by a Makefile above them with flags of their own, for the host, or in directories
# that arch/x86/Makefile names and arch/x86/Kbuild does not (inat.o then lacks its tables).
_SPECIAL = (
    *("boot/", "realmode/", "vdso/", "purgatory/", "boot.", "scripts/", "tools/", "arch/x86/lib/"),
    *("arch/x86/pci/", "arch/x86/power/", "arch/x86/math-emu/", "arch/x86/video/"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to make.  ``objects`` are single targets besides the profile's.

    ``code`` is False when nothing compiled depends on the files; ``configure`` asks to
    configure again first; ``everything`` for the whole kernel.
    """

    code: bool = False
    configure: bool = False
    everything: bool = False
    objects: tuple[str, ...] = ()

    @property
    def beyond(self) -> bool:
        """True when more than the profile's own targets changes, so the kernel itself may."""
        return self.everything or self.configure or bool(self.objects)


def configures(path: str) -> bool:
    """True for a file that decides which symbols there are, and what they default to."""
    return posixpath.basename(path).startswith("Kconfig")


def users(objects: Path, paths: Iterable[str]) -> dict[str, frozenset[str]]:
    """For each source path outside tools/, what below ``objects`` was made from it.

    Mostly objects (.o), but also linker scripts, assembler output and host programs.
    """
    found: dict[str, set[str]] = {path: set() for path in paths}
    patterns = {path: f"/{path} ".encode() for path in found}
    if not patterns:
        return {}
    for name, text in _command_files(objects):
        for path, pattern in patterns.items():
            if pattern in text:
                found[path].add(name)
    return {path: frozenset(names) for path, names in found.items()}


def _command_files(objects: Path) -> Iterator[tuple[str, bytes]]:
    for directory, inner, files in os.walk(objects):
        if Path(directory) == objects and "tools" in inner:
            # tools/include/linux/kernel.h would be taken for a use of include/linux/kernel.h.
            inner.remove("tools")
        for file in files:
            if not file.startswith(".") or not file.endswith(".cmd"):
                continue
            inside = os.path.relpath(directory, objects)
            text = _read(Path(directory, file)).replace(b"\n", b" ")
            if b" source_" in text:  # composite objects and archives are made of others
                yield posixpath.normpath(f"{inside}/{file[1:-4]}"), _plain(text)


def _plain(text: bytes) -> bytes:
    """With "arch/x86/events/intel/../perf_event.h", as gcc names a "../perf_event.h", without the detour."""
    longer = b""
    while text != longer:
        longer, text = text, _UP_AGAIN.sub(b"", text)
    return text


def members(objects: Path, modules: Sequence[str]) -> frozenset[str]:
    """The objects that modules (paths ending in .ko) are linked from, by their .mod files."""
    words: set[str] = set()
    for module in modules:
        if module.endswith(".ko"):
            words.update(_read(objects / f"{module[:-3]}.mod").decode("utf-8", "replace").split())
    return frozenset(posixpath.normpath(word) for word in words)


def plan(
    paths: Iterable[str],
    used_by: Mapping[str, frozenset[str]],
    covered: frozenset[str],
    targets: Sequence[str],
    new: frozenset[str] = frozenset(),
) -> Plan:
    """What to make after ``paths`` changed, when ``targets`` are made anyway and hold ``covered``.

    ``new`` are those that ``used_by`` cannot know: whatever starts to use them changes as well.
    """
    homes = _homes(covered, targets)
    configure = everything = code = False
    others: set[str] = set()
    for path in filter(_is_code, paths):
        code = True
        name = posixpath.basename(path)
        at_home = posixpath.dirname(path) in homes
        if configures(path):
            configure = everything = True
        elif name.endswith((".c", ".h", ".S")) and not path.startswith(("scripts/", "tools/")):
            found = used_by.get(path, frozenset())
            others |= {one for one in found - covered if one.endswith(".o")}
            everything = (
                everything
                or any(_is_linked_in(one, homes) for one in found)
                or not (found or at_home or path in new or _is_foreign(path, homes))
            )
        else:  # also a Makefile at home: which modules there are is known after a whole build
            everything = True
    if everything or any(map(_is_special, others)) or len(others) > _MANY:
        return Plan(code=code, configure=configure, everything=True)
    return Plan(code=code, configure=configure, objects=tuple(sorted(others)))


def elsewhere(
    paths: Iterable[str], covered: Iterable[str], targets: Iterable[str]
) -> frozenset[str]:
    """The C files and headers of ``paths`` that may be used by what is not made for the targets."""
    homes = _homes(covered, targets)
    return frozenset(
        path
        for path in filter(_is_code, paths)
        if path.endswith((".c", ".h", ".S"))
        and posixpath.dirname(path) not in homes
        and not _is_foreign(path, homes)
    )


def _homes(covered: Iterable[str], targets: Iterable[str]) -> frozenset[str]:
    return frozenset(posixpath.dirname(one) for one in (*covered, *targets))


def _is_special(target: str) -> bool:
    """True for what make cannot be asked for alone, as what modpost writes is (kvm.mod.o, .vmlinux.export.o)."""
    of_modpost = target.endswith(".mod.o") or posixpath.basename(target).startswith(".")
    return of_modpost or any(f"/{part}" in f"/{target}" for part in _SPECIAL)


def _is_linked_in(user: str, homes: frozenset[str]) -> bool:
    """True for what is no object and made for others than the profile's targets alone."""
    return not user.endswith(".o") and posixpath.dirname(user) not in homes


def _is_foreign(path: str, homes: frozenset[str]) -> bool:
    """True below arch/ of an architecture that none of the profile's targets is of."""
    ours = {home.split("/")[1] for home in homes if home.startswith("arch/")}
    return path.startswith("arch/") and bool(ours) and path.split("/")[1] not in ours


def _is_code(path: str) -> bool:
    name = posixpath.basename(path)
    if path.startswith(_NO_CODE) or name.endswith(_NO_CODE_SUFFIXES) or name in _NO_CODE_NAMES:
        return False
    if path.startswith("tools/"):
        return path.startswith(tuple(f"tools/{tool}/" for tool in _HOST_TOOLS))
    return True


def _read(path: Path) -> bytes:
    """A file's bytes, nothing for one that is not there; no link is followed: a build wrote it."""
    try:
        handle = os.open(path, _NO_FOLLOW)
    except OSError:
        return b""
    with os.fdopen(handle, "rb") as stream:
        return stream.read(_CMD_LIMIT)
