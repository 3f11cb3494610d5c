# SPDX-License-Identifier: GPL-2.0-only
"""Programs that reviews can do without: their reports name what was not tried."""

from collections.abc import Callable
from dataclasses import dataclass

from reviewbot.tools import toolchain


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionalTool:
    """``version`` answers None where it is not installed, ``lost`` is what follows, ``package`` Debian's."""

    name: str
    package: str
    version: Callable[[], str | None]
    lost: str


def _clang() -> str | None:
    found = toolchain.llvm()
    return found and toolchain.version("clang" if found == "1" else f"clang{found}")


OPTIONAL = (
    OptionalTool(
        name="clang",
        package="clang-19 lld-19 llvm-19",
        version=_clang,
        lost="none with all its programs: other architectures are not compiled",
    ),
    OptionalTool(
        name="sparse",
        package="sparse",
        version=toolchain.sparse,
        lost="none: address spaces and locks in touched files are not checked",
    ),
)
