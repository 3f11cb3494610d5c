# SPDX-License-Identifier: GPL-2.0-only
"""Parse userspace headers with libclang, from memory only.

A patch may say ``#include "/etc/passwd"``.  libclang is therefore given a virtual file system that
is empty (``no_files.yaml``, redirect-only: nothing falls through to the disk) and every header as an
unsaved buffer.  ``tests/rules/test_uapi.py`` proves that the host can not be read.
"""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

Read = Callable[[str], bytes | None]
"""A file's bytes by its path in the kernel tree, or None."""

ROOT = "/tree/"
MAIN = ROOT + "reviewbot-main.c"
SIZE_LIMIT = 8 * 1024 * 1024
_NO_FILES = Path(__file__).with_name("no_files.yaml")


class HeadersUnreadableError(Exception):
    """The headers can not be compiled for userspace; ``str()`` says why in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What one architecture's headers are found under, and the compiler's name of it."""

    name: str
    directory: str
    target: str


ARCHITECTURES: Mapping[str, Architecture] = {
    name: Architecture(name=name, directory=directory, target=target)
    for name, directory, target in (
        ("x86_64", "x86", "x86_64-linux-gnu"),
        ("i386", "x86", "i386-linux-gnu"),
        ("arm64", "arm64", "aarch64-linux-gnu"),
        ("riscv64", "riscv", "riscv64-linux-gnu"),
        ("s390x", "s390", "s390x-linux-gnu"),
    )
}

# What scripts/headers_install.sh takes out or renames on the way to /usr/include.
_INSTALLED = (
    "-U__KERNEL__",
    "-D__user=",
    "-D__force=",
    "-D__iomem=",
    "-D__packed=__attribute__((packed))",
    "-D__attribute_const__=",
)
_EMPTY = frozenset({"linux/compiler.h", "linux/compiler_types.h"})
# For trees that hold only a few headers (cases, header-only fallbacks): the types every header
# builds on.  A tree's own file always wins.
_FUNDAMENTAL = {
    "linux/types.h": """
typedef signed char __s8; typedef unsigned char __u8;
typedef signed short __s16; typedef unsigned short __u16;
typedef signed int __s32; typedef unsigned int __u32;
typedef signed long long __s64; typedef unsigned long long __u64;
typedef __u16 __le16; typedef __u16 __be16; typedef __u32 __le32; typedef __u32 __be32;
typedef __u64 __le64; typedef __u64 __be64;
typedef __u64 __attribute__((aligned(8))) __aligned_u64;
typedef __s64 __attribute__((aligned(8))) __aligned_s64;
""",
    "linux/const.h": """
#define __AC(X,Y) (X##Y)
#define _AC(X,Y) __AC(X,Y)
#define _UL(x) (_AC(x, UL))
#define _ULL(x) (_AC(x, ULL))
#define _BITUL(x) (_UL(1) << (x))
#define _BITULL(x) (_ULL(1) << (x))
""",
    "linux/stddef.h": """
#define __DECLARE_FLEX_ARRAY(T, member) struct { struct { } __empty_##member; T member[]; }
""",
    "linux/bits.h": "",
    "linux/ioctl.h": """
#define _IOC(d,t,n,s) (((d) << 30) | ((t) << 8) | ((n) << 0) | ((s) << 16))
#define _IO(t,n) _IOC(0U,(t),(n),0)
#define _IOR(t,n,s) _IOC(2U,(t),(n),sizeof(s))
#define _IOW(t,n,s) _IOC(1U,(t),(n),sizeof(s))
#define _IOWR(t,n,s) _IOC(3U,(t),(n),sizeof(s))
""",
}


def header_path(name: str, architecture: Architecture, read: Read) -> str | None:
    """Where ``<name>`` is in the tree for userspace, or None."""
    for directory in ("include/uapi", f"arch/{architecture.directory}/include/uapi"):
        path = posixpath.normpath(f"{directory}/{name}")
        if path.startswith(directory + "/") and read(path) is not None:
            return path
    return None


def gather(names: Iterable[str], architecture: Architecture, read: Read) -> dict[str, bytes]:
    """The headers ``names`` and all they include, by path: what ``make headers_install`` would give.

    Includes are looked for line by line, only to know which files to hand to the compiler: the
    compiler resolves them itself, and what was not found here is an error there.
    """
    files: dict[str, bytes] = {}
    waiting = list(names)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for path, data in _provide(name, architecture, read):
            files[path] = data
            waiting += (_beside(path, entry) for entry in _included(data))
            waiting += _included(data)
    if sum(map(len, files.values())) > SIZE_LIMIT:
        raise HeadersUnreadableError(f"headers are larger than {SIZE_LIMIT >> 20} MiB")
    return files


def _provide(name: str, architecture: Architecture, read: Read) -> Iterator[tuple[str, bytes]]:
    place = f"include/uapi/{name}"
    if name in _EMPTY:
        yield place, b""
        return
    path = header_path(name, architecture, read)
    if path is not None:
        yield path, read(path) or b""
    elif name.startswith("asm/"):
        generic = f"asm-generic/{name[4:]}"
        if header_path(generic, architecture, read):
            wrapper = f"arch/{architecture.directory}/include/uapi/{name}"
            yield wrapper, f"#include <{generic}>\n".encode()
    elif name in _FUNDAMENTAL:
        yield place, _FUNDAMENTAL[name].encode()


@lru_cache(maxsize=128)  # every tree of a series has the same hundred headers
def _included(data: bytes) -> tuple[str, ...]:
    return tuple(_includes(data))


def _includes(data: bytes) -> Iterator[str]:
    for line in data.split(b"\n"):
        text = line.strip()
        if not text.startswith(b"#"):
            continue
        word = text[1:].lstrip()
        if not word.startswith(b"include"):
            continue
        name = word[7:].strip()
        for opening, closing in ((b"<", b">"), (b'"', b'"')):
            if name.startswith(opening) and (end := name.find(closing, 1)) > 0:
                yield name[1:end].decode("utf-8", "replace")


def _beside(path: str, name: str) -> str:
    """An include next to the including file, as the name it has below ``include/uapi``."""
    directory = path.partition("include/uapi/")[2].rpartition("/")[0]
    return posixpath.normpath(f"{directory}/{name}") if directory else name


@cache
def cindex() -> Any:
    """The libclang binding, imported late: it costs 0.1 s that a review without headers saves."""
    from clang import cindex as binding  # noqa: PLC0415 - see above

    return binding


def parse(
    files: Mapping[str, bytes],
    main: str,
    architecture: Architecture,
    *,
    macros: bool = False,
    defines: Iterable[str] = (),
) -> Any:
    """A libclang translation unit of ``main`` (C text) with ``files`` as all there is to include.

    Raises HeadersUnreadableError when an include is missing or libclang gives up.
    """
    binding = cindex()
    options = binding.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD if macros else 0
    arguments = [
        f"--target={architecture.target}",
        "-nostdinc",
        "-std=gnu11",
        "-w",
        "-ferror-limit=0",
        "-ivfsoverlay",
        str(_NO_FILES),
        *_INSTALLED,
        *(f"-D{define}" for define in defines),
        f"-I{ROOT}include/uapi",
        f"-I{ROOT}arch/{architecture.directory}/include/uapi",
    ]
    unsaved = [(ROOT + path, data.decode("utf-8", "replace")) for path, data in files.items()]
    try:
        unit = binding.Index.create().parse(
            MAIN, args=arguments, unsaved_files=[(MAIN, main), *unsaved], options=options
        )
    except binding.TranslationUnitLoadError as error:
        raise HeadersUnreadableError("libclang could not parse the headers") from error
    for message in unit.diagnostics:
        if message.severity >= binding.Diagnostic.Fatal:
            raise HeadersUnreadableError(f"{place_of(message.location)}: {message.spelling}")
    return unit


def children(cursor: Any) -> list[Any]:
    """What is directly below a cursor, in the order of the text.

    As ``get_children()`` of the binding, which compares each with no cursor at all: that took more time
    than parsing the headers.
    """
    found: list[Any] = []

    def visit(child: Any, _parent: Any, _data: Any) -> int:
        child._tu = cursor._tu  # noqa: SLF001 - as get_children() does: it keeps the unit alive
        found.append(child)
        return 1  # CXChildVisit_Continue

    binding = cindex()
    binding.conf.lib.clang_visitChildren(cursor, binding.callbacks["cursor_visit"](visit), found)
    return found


def place_of(location: Any) -> str:
    """A libclang location as ``path:line`` in the kernel tree."""
    return f"{path_of(location)}:{location.line}"


def path_of(location: Any) -> str:
    """The tree path of a libclang location, "" for our own text and built-ins."""
    name = location.file.name if location.file else ""
    return "" if name == MAIN else str(name).removeprefix(ROOT)
