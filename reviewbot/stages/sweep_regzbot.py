# SPDX-License-Identifier: GPL-2.0-only
"""Lines for the regression tracker below a sweep's text, and none that a stranger's subject brought.  Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewbot.model.sweep import FOUND_BY_LOOKING, Reverted, Standing
from reviewbot.stages.printable import one_line
from reviewbot.stages.sweep_words import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reviewbot.model.sweep import Bisection
    from reviewbot.model.sweep_report import SweepReport

_COMMAND = re.compile(r"^(\s*)(?=#\s*[a-z])", re.IGNORECASE | re.MULTILINE)
"""A line of a mail that some bot may take for a command to it."""


def with_commands(said: str, commands: Iterable[str]) -> str:
    """The text with our commands below it, and none that a commit's subject brought to a line's start."""
    tame = _COMMAND.sub(r"\1| ", said)
    lines = list(commands)
    return "\n".join((tame.rstrip("\n"), "", *lines, "")) if lines else tame


def regzbot_lines(report: SweepReport) -> Iterator[str]:
    """What the regression tracker reads (Documentation/process/handling-regressions.rst)."""
    found = [one for one in report.bisections if one.kind not in FOUND_BY_LOOKING]
    yield from introduced(found)
    for one in report.closed:
        if one.standing is not Standing.FIXED:
            continue
        what = one_line(f"{KINDS[one.kind]} {one.name}")[:200]
        yield f"#regzbot resolve: {what} passes again at {report.night.commit[:12]}"


def introduced(found: Sequence[Bisection]) -> Iterator[str]:
    """What searches ended at."""
    for one in found:
        # A tracker's record names a commit in public: not one whose revert changed nothing.
        if one.culprit and one.culprit.reverted is not Reverted.DOES_NOT_CURE:
            yield f"#regzbot introduced: {one.culprit.commit[:12]}"
            yield f"#regzbot title: {one_line(f'KVM: {KINDS[one.kind]} {one.name} fails')[:200]}"
