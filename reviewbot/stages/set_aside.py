# SPDX-License-Identifier: GPL-2.0-only
"""Rows of the summary about findings that are not shown as the rules made them, and why: pure."""

from reviewbot.model.finding import Adjusted, Severity
from reviewbot.model.run import Run
from reviewbot.stages.judge import label
from reviewbot.stages.printable import count, one_line


def ignored(run: Run) -> str:
    """What the author asked to ignore, with the reason given, and what was asked in vain."""
    if run.check is None:
        return ""
    said = [
        f"{label(run, finding.patch)} {one_line(finding.code)}: {one_line(reason)}"
        for finding, reason in run.check.ignored
    ]
    said += [
        f"{one_line(code)} not honoured: {one_line(wrong)}" for code, wrong in run.check.refused
    ]
    return "; ".join(said)


def severities(run: Run) -> str:
    """What the settings of this site changed."""
    return "; ".join(_changed(change) for change in run.check.adjusted) if run.check else ""


def _changed(change: Adjusted) -> str:
    where = f" for {one_line(change.mailing_list)}" if change.mailing_list else " by the settings"
    if change.after is None:
        return (
            f"{change.code} is off{where}: {count(change.findings, change.before.value)} left out"
        )
    return f"{change.code} is {_a(change.after)}, not {_a(change.before)},{where}"


def _a(severity: Severity) -> str:
    return f"{'an' if severity is Severity.ERROR else 'a'} {severity}"
