# SPDX-License-Identifier: GPL-2.0-only
"""What a rule is: a function with a code, a severity and a documented module."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.model.base import Confidence
from reviewbot.model.finding import Fact, Finding, Severity

if TYPE_CHECKING:
    from reviewbot.rulekit.context import Context

Check = Callable[["Context"], Iterator[Finding | Fact]]
"""A rule's function: reads the context, yields findings and facts."""

SECTIONS = ("What", "Why", "Bad", "Good", "When to ignore", "What it does not see")
"""The sections every rule's module docstring has."""


class Needs(StrEnum):
    """How much must be there for a rule to run."""

    SERIES = "series"
    """The mails alone."""
    TREES = "trees"
    """The files before and after."""
    BUILD = "build"
    """The files, and headers that compile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What the ``@rule`` line says.  ``touches`` are globs; no file of the series matches: skipped."""

    code: str
    severity: Severity
    confidence: Confidence
    needs: Needs
    touches: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A loaded rule.  ``title`` is the first line of its documentation, ``docs`` its sections.

    ``digest`` is the hash of its file: results of another text are not its results.
    """

    declaration: Declaration
    check: Check
    title: str
    docs: Mapping[str, str]
    path: Path
    cases: tuple[Path, ...]
    digest: str

    @property
    def code(self) -> str:
        """KVM-ABI-002."""
        return self.declaration.code


def rule(
    *,
    code: str,
    severity: Severity,
    confidence: Confidence = Confidence.HIGH,
    needs: Needs = Needs.TREES,
    touches: tuple[str, ...] = (),
) -> Callable[[Check], Check]:
    """Declare the module's rule.  One a file; the function may have any name."""
    declaration = Declaration(
        code=code, severity=severity, confidence=confidence, needs=needs, touches=touches
    )

    def declare(check: Check) -> Check:
        check.reviewbot_rule = declaration  # type: ignore[attr-defined]
        return check

    return declare


def documentation(docstring: str) -> tuple[str, dict[str, str]]:
    """Title and sections of a rule's docstring; headings are underlined with dashes."""
    lines = docstring.strip("\n").split("\n")
    title, sections, current = lines[0].strip(), {}, ""
    for index, line in enumerate(lines[1:], start=1):
        below = lines[index + 1] if index + 1 < len(lines) else ""
        if line.strip() and below and set(below.strip()) == {"-"}:
            current = line.strip()
            sections[current] = ""
        elif current and not (line.strip() and set(line.strip()) == {"-"}):
            sections[current] += line + "\n"
    return title, {name: text.strip("\n") for name, text in sections.items()}
