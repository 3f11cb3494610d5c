# SPDX-License-Identifier: GPL-2.0-only
"""What the compiler said."""

from dataclasses import dataclass
from enum import StrEnum

from reviewbot.model.status import Status


class Level(StrEnum):
    """Severity of a compiler message."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One compiler, linker or modpost message; ``line`` 0 when the tool named none.

    ``function`` is what gcc's "In function" line named; ``option`` the -W flag in brackets.
    ``context`` are the lines the compiler printed below, at most ten.
    """

    path: str
    line: int
    column: int
    level: Level
    message: str
    option: str = ""
    function: str = ""
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitBuild:
    """The build of one commit.  ``number`` is the patch number, 0 for the base.

    ``command`` reproduces it outside the sandbox from a kernel checkout; ``new`` are diagnostics
    that the commit before did not have; ``log`` is a blob digest.
    """

    number: int
    commit: str
    status: Status
    seconds: float
    command: str
    new: tuple[Diagnostic, ...] = ()
    log: str = ""
    reused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A bootable kernel of one commit: blob digests of bzImage and modules, in load order."""

    commit: str
    kernel: str
    modules: tuple[tuple[str, str], ...]
    config: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantBuild:
    """The series' tip in another configuration.  ``new`` are messages that its base did not have there.

    INFRA, with a ``reason``, when it could not be tried (no compiler, a base that does not build so) or lacks what neither
    series nor base has.
    """

    name: str
    status: Status
    compiler: str
    command: str
    reason: str = ""
    seconds: float = 0.0
    new: tuple[Diagnostic, ...] = ()
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """Base and series, patch by patch.

    ``status`` is the series' (FAIL when any patch failed); ``base.status`` is never blamed on it.
    ``reproduce`` are a few commands that come close to the build, for a mail; ``CommitBuild.command``
    is exact.  ``missing_symbols`` non-empty means wrong base or missing prerequisite: names that the series
    uses and that neither it nor the base defines.
    """

    status: Status
    profile: str
    config_name: str
    compiler: str
    base: CommitBuild
    patches: tuple[CommitBuild, ...]
    missing_symbols: tuple[str, ...] = ()
    variants: tuple[VariantBuild, ...] = ()
    base_image: Image | None = None
    tip_image: Image | None = None
    reason: str = ""
    reproduce: tuple[str, ...] = ()
