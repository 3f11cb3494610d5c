# SPDX-License-Identifier: GPL-2.0-only
"""Labelled patches of a list, and how the rules did on them."""

from dataclasses import dataclass
from enum import StrEnum

from reviewbot.model.finding import Finding


class Label(StrEnum):
    """Whether the rule should say something."""

    POSITIVE = "positive"
    NEGATIVE = "negative"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One labelled patch.

    ``rule`` is a code (KVM-ABI-002), "" for a control: no rule at all should complain.  ``also`` are
    other codes the label holds for.  Message-ids have no brackets; ``patch`` is the cover letter's
    when the label is about the series; ``cover`` is "" when there is none.  ``detect`` says how the problem can be seen: static,
    semantic or build.
    """

    label: Label
    rule: str
    also: tuple[str, ...]
    patch: str
    cover: str
    subject: str
    detect: str


class Outcome(StrEnum):
    """What became of a case."""

    FOUND = "found"
    FOUND_BY_ANOTHER = "found by another rule"
    MISSED = "missed"
    QUIET = "quiet"
    FALSE = "false"
    COULD_NOT_RUN = "could not run"


class Footing(StrEnum):
    """How much of a tree a series could be judged on."""

    WHOLE = "applies"
    PARTLY = "applies in part"
    NONE = "no tree"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """A case with its outcome.

    ``number`` is the patch's position, 0 for the whole series.  ``findings`` are those that decided:
    what was found, or what is false.  ``tree`` names the tree, "" for none.
    """

    case: Case
    outcome: Outcome
    footing: Footing
    reason: str = ""
    tree: str = ""
    number: int = 0
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """An error on a series with a negative label that no positive label accounts for."""

    series: str
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Counts over some cases.  ``seconds`` is what the rule took on all series, 0 for sums."""

    name: str
    positives: int = 0
    found: int = 0
    by_another: int = 0
    missed: int = 0
    negatives: int = 0
    false_errors: int = 0
    false_warnings: int = 0
    could_not_run: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How the rules did: every case, and counts by rule, by how to detect, by tree."""

    cases: tuple[CaseResult, ...]
    strays: tuple[Stray, ...]
    rules: tuple[Score, ...]
    by_detect: tuple[Score, ...]
    by_footing: tuple[Score, ...]
    total: Score
    floors: tuple[str, ...] = ()
    """Floors that were not reached, one sentence each."""
