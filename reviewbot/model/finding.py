# SPDX-License-Identifier: GPL-2.0-only
"""What rules say."""

from dataclasses import dataclass
from enum import StrEnum

from reviewbot.model.base import Confidence, Moved


class Severity(StrEnum):
    """error: must be fixed; warning: likely a defect; note: style or policy hint."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A line in the tree after patch ``Finding.patch`` (1-based)."""

    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One remark about one patch.

    ``code`` is the rule's (KVM-ABI-002).  ``title`` fits a summary line of the mail, ``why`` is two
    sentences, ``fix`` says what to do, ``reference`` names the kernel document or list message that
    says so.  ``quoted`` are lines of the after-tree at ``location`` for reports that cannot find
    the place in a hunk.  ``patch`` is the patch number, 0 for the series as a whole.
    """

    code: str
    severity: Severity
    confidence: Confidence
    patch: int
    title: str
    why: str
    fix: str
    reference: str
    location: Location | None = None
    quoted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something a rule verified to be done right ("16 of 112 bytes of padding used, 96 left")."""

    code: str
    patch: int
    text: str
    location: Location | None = None


class RuleStatus(StrEnum):
    """What became of one rule."""

    RAN = "ran"
    NOT_APPLICABLE = "not applicable"
    COULD_NOT_RUN = "could not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutcome:
    """One rule's bookkeeping, so that silence is never mistaken for a pass."""

    code: str
    status: RuleStatus
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """What a setting changed: ``findings`` of rule ``code`` went from one severity to another.

    ``after`` is None when the rule is off; its findings are then left out.  ``mailing_list`` is the
    list whose setting it was, "" for that of all lists.
    """

    code: str
    before: Severity
    after: Severity | None
    mailing_list: str
    findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What the check stage found.  ``ignored`` are findings the author asked to ignore, with reason.

    ``refused`` are such requests that are not honoured, with what is wrong with them; ``adjusted`` is
    what the settings changed.
    ``lost`` are codes of rules that died or ran out of time: nobody knows what they would have said.
    ``basis`` says what of a series that does not apply was looked at, "" when it applies;
    ``moved`` are the hunks of its patches from the conflict on that were looked at elsewhere than
    mailed, with the number of the patch.
    """

    findings: tuple[Finding, ...]
    facts: tuple[Fact, ...]
    outcomes: tuple[RuleOutcome, ...]
    ignored: tuple[tuple[Finding, str], ...] = ()
    lost: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    adjusted: tuple[Adjusted, ...] = ()
    basis: str = ""
    moved: tuple[tuple[int, Moved], ...] = ()
