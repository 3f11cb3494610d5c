# SPDX-License-Identifier: GPL-2.0-only
"""What a scan of one tree says; the context turns it into findings about patches."""

from collections.abc import Hashable
from dataclasses import dataclass

from reviewbot.model.base import Confidence
from reviewbot.model.finding import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong in one tree.

    ``key`` says which problem it is, the same before and after unrelated changes: names, never line
    numbers.  ``missing`` marks a complaint that something is absent (no documentation, no test): an
    incomplete series may have it in a patch that was not seen, so nothing is then said.
    ``severity`` and ``confidence`` are the rule's own when None.  ``removed`` names an identifier that is
    gone: the place is then where the patch takes out the line that had it.
    """

    key: Hashable
    title: str
    why: str
    fix: str
    reference: str
    path: str = ""
    line: int = 0
    missing: bool = False
    severity: Severity | None = None
    confidence: Confidence | None = None
    removed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Something done right in one tree, worth a line in the report's summary."""

    key: Hashable
    text: str
    path: str = ""
    line: int = 0
