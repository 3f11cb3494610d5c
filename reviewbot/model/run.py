# SPDX-License-Identifier: GPL-2.0-only
"""One review from request to verdict: what the store keeps and the templates render."""

from dataclasses import dataclass
from enum import StrEnum

from reviewbot.model.analysis import Analysis
from reviewbot.model.base import Applied, Base
from reviewbot.model.build import BuildResult
from reviewbot.model.coverage import PatchCoverage
from reviewbot.model.finding import CheckResult, Finding
from reviewbot.model.guest import BootResult, Crash
from reviewbot.model.series import Declined, Series
from reviewbot.model.test import TestReport

SCHEMA = 1
"""Number of the JSON layout; raised when a reader of the old one would be wrong."""


class Stage(StrEnum):
    """The pipeline, in order.  ``--until`` takes these names."""

    FETCH = "fetch"
    BASE = "base"
    APPLY = "apply"
    CHECK = "check"
    BUILD = "build"
    BOOT = "boot"
    TEST = "test"
    COMPARE = "compare"
    JUDGE = "judge"
    REPORT = "report"
    DELIVER = "deliver"


class VerdictKind(StrEnum):
    """The first word of every report."""

    CLEAN = "clean"
    FINDINGS = "findings"
    WRONG_BASE = "wrong base"
    DOES_NOT_APPLY = "does not apply"
    DECLINED = "declined"
    INCOMPLETE = "incomplete"
    INFRA = "our tools failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``line`` is the first line of the mail ("2 warnings, no regression found.").

    ``exit_code``: 0 clean, 1 findings, 2 input, 3 our tools failed.
    """

    kind: VerdictKind
    line: str
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """How long a stage took; ``reused`` when its result was already there.

    ``processor`` are the seconds of our own process and of what it ran outside of the sandbox: of a build, the least part.
    """

    stage: Stage
    seconds: float
    reused: bool = False
    processor: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """This revision against an earlier one that was reviewed.

    ``fixed`` are the earlier's findings that are gone, ``remaining`` this one's that were there before;
    ``files`` and ``lines`` are the size of the interdiff.
    """

    revision: int
    message_id: str
    fixed: tuple[Finding, ...]
    remaining: tuple[Finding, ...]
    files: int
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything known about one review.  A field is None when its stage did not run.

    ``skipped`` maps stages that did not run to the reason; ``new_crashes`` are console reports of
    the series' kernel that the base's kernel did not show (compare stage).
    """

    id: str
    version: str
    started: str
    request: str
    schema: int = SCHEMA
    series: Series | None = None
    declined: Declined | None = None
    base: Base | None = None
    applied: Applied | None = None
    check: CheckResult | None = None
    since: Since | None = None
    build: BuildResult | None = None
    analysis: Analysis | None = None
    base_boot: BootResult | None = None
    boot: BootResult | None = None
    tests: TestReport | None = None
    new_crashes: tuple[Crash, ...] = ()
    coverage: PatchCoverage | None = None
    verdict: Verdict | None = None
    times: tuple[StageTime, ...] = ()
    skipped: tuple[tuple[Stage, str], ...] = ()
    failures: tuple[tuple[Stage, str], ...] = ()
