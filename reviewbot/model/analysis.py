# SPDX-License-Identifier: GPL-2.0-only
"""What other tools than the compiler say of a series' tip, always against the base."""

from dataclasses import dataclass
from enum import StrEnum

from reviewbot.model.build import Diagnostic
from reviewbot.model.status import Status

SPARSE = "sparse"
"""The tool whose messages on added lines count; all else is a note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReport:
    """One tool on the files that the series touches, on base and tip.

    PASS: it looked at ``files`` on both sides, whatever it said; SKIP: it cannot here, for ``reason``;
    INFRA: it failed.
    ``added`` are new messages on lines that the series adds, ``elsewhere`` new ones on other lines.
    ``unchecked`` are touched files that are not part of the configuration.  ``command`` repeats it
    outside the sandbox from a kernel checkout, ``brief`` is its gist in one line.  ``log`` is the blob
    digest of what it said of the tip.
    """

    name: str
    status: Status
    command: str = ""
    brief: str = ""
    reason: str = ""
    files: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    added: tuple[Diagnostic, ...] = ()
    elsewhere: tuple[Diagnostic, ...] = ()
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A symbol that the tip exports and the base does not.

    ``module`` is the file name of the module that has it, or the path of the object when no module that
    the guest loads does; ``users`` are the other modules of the guest that need it.
    """

    name: str
    module: str
    users: tuple[str, ...] = ()


class Reach(StrEnum):
    """Whether somebody can set a Kconfig symbol."""

    YES = "can be set"
    NOT_HERE = "off here"
    NEVER = "cannot be set"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSymbol:
    """A Kconfig symbol (without ``CONFIG_``) that the series defines, and where.

    ``why`` names what it lacks, or why nobody knows; ``where`` is the configuration it was set in.
    """

    name: str
    path: str
    line: int
    reach: Reach
    why: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """All of it.  A tool that has nothing to look at is not among ``tools``.

    ``exports_unknown``, ``symbols_unknown`` and, of all together, ``unavailable`` say why there is no
    answer, "" when there is.
    """

    tools: tuple[ToolReport, ...] = ()
    exports: tuple[Export, ...] = ()
    exports_unknown: str = ""
    symbols: tuple[ConfigSymbol, ...] = ()
    symbols_unknown: str = ""
    unavailable: str = ""
    seconds: float = 0.0
