# SPDX-License-Identifier: GPL-2.0-only
"""Which compilers and checkers this machine has."""

import functools
import re
import shutil
from pathlib import Path

from reviewbot.tools import process

_CLANG = re.compile(r"clang-(\d{1,3})")
_NEEDED = ("ld.lld", "llvm-ar", "llvm-nm", "llvm-objcopy", "llvm-strip", "llvm-readelf")
"""What LLVM=1 makes Kbuild call besides clang (Documentation/kbuild/llvm.rst)."""


@functools.cache
def llvm() -> str | None:
    """The value for make's LLVM variable: "1", or "-16" for Debian's versioned programs; None: no clang.

    The newest that is whole: kernels raise the version they ask for (scripts/min-tool-version.sh).
    """
    places = [Path(directory) for directory in process.PATH.split(":")]
    names = {one.name for place in places if place.is_dir() for one in place.iterdir()}
    versions = sorted((int(m[1]) for name in names if (m := _CLANG.fullmatch(name))), reverse=True)
    for suffix in ("", *(f"-{version}" for version in versions)):
        if {f"clang{suffix}", *(f"{tool}{suffix}" for tool in _NEEDED)} <= names:
            return suffix or "1"
    return None


def version(program: str) -> str:
    """The first line of ``program --version``."""
    done = process.run([program, "--version"], timeout=20)
    return done.text().split("\n", 1)[0].strip() if done.ok else program


def linker() -> str:
    """The version of ld, which comes with the assembler (binutils)."""
    return version("ld")


def sparse() -> str | None:
    """The version of sparse, "0.6.4 (Debian: 0.6.4-3)"; None: it is not installed."""
    if shutil.which("sparse", path=process.PATH) is None:
        return None
    return version("sparse")
