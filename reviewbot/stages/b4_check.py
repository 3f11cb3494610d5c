# SPDX-License-Identifier: GPL-2.0-only
"""A review as b4's review screen shows it: one result for a mail, by the protocol of its check commands.

b4 0.16 (b4/review/checks.py) gives a check command the mail on standard input and reads a JSON list of
tool, status ("pass", "warn", "fail"), summary, url and details; details may be JSON again, a list of status,
context, state, description and url.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reviewbot.model.finding import Severity
from reviewbot.model.run import VerdictKind
from reviewbot.model.triage import Answer
from reviewbot.stages.printable import count, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reviewbot.model.triage import Found, Reviewed

    Entry = dict[str, str]

TOOL = "reviewbot"
_STATUS = {Severity.ERROR: "fail", Severity.WARNING: "warn", Severity.NOTE: "pass"}
_ORDER = ("pass", "warn", "fail")
_BAD = (VerdictKind.DOES_NOT_APPLY,)
_UNSURE = (VerdictKind.WRONG_BASE, VerdictKind.INCOMPLETE, VerdictKind.INFRA)


def of_patch(review: Reviewed, number: int, help_url: str) -> list[Entry]:
    """What is said of one patch.  ``help_url`` is where rules are explained, with %s for the code."""
    entries = [_finding(one, help_url) for one in review.findings if one.patch == number]
    if number in review.unbuilt:
        entries.insert(0, _entry("fail", "build", "does not build"))
    found = [one for one in review.findings if one.patch == number]
    summary = _counted(found) or "nothing found"
    if number in review.unbuilt:
        summary = f"does not build; {summary}"
    return [_result(entries, summary)]


def of_series(review: Reviewed, help_url: str) -> list[Entry]:
    """The verdict, what was built and tested, and the findings of all patches."""
    entries = []
    if review.applies is not Answer.UNKNOWN:
        good = review.applies is Answer.YES
        entries.append(
            _entry(
                "pass" if good else "fail",
                "applies",
                f"on {review.tree} ({review.base[:12]})" if good else review.why_not,
            )
        )
    if review.builds is not Answer.UNKNOWN:
        good = review.builds is Answer.YES
        line = review.build_line or "every patch builds"
        status = "fail" if not good else "warn" if review.build_line else "pass"
        entries.append(_entry(status, "builds", line))
    if review.tests or review.regressions:
        line = f"{review.tests} compared with the base, {count(review.regressions, 'regression')}"
        entries.append(_entry("fail" if review.regressions else "pass", "tests", line))
    entries += [_finding(one, help_url, named=True) for one in review.findings]
    if review.verdict in _BAD:
        entries.append(_entry("fail", "verdict", review.line))
    elif review.verdict in _UNSURE:
        entries.append(_entry("warn", "verdict", review.line))
    return [_result(entries, review.line)]


def not_reviewed(why: str) -> list[Entry]:
    """Our trouble is no fault of the patch: a warning that says what to do."""
    return [{"tool": TOOL, "status": "warn", "summary": one_line(why), "url": "", "details": ""}]


def not_ours(why: str) -> list[Entry]:
    """A series that reviewbot declines: that is no complaint."""
    return [_result([], why)]


def _result(entries: Sequence[Entry], summary: str) -> Entry:
    worst = max((one["status"] for one in entries), key=_ORDER.index, default="pass")
    return {
        "tool": TOOL,
        "status": worst,
        "summary": one_line(summary),
        "url": "",
        "details": json.dumps(list(entries)) if entries else "",
    }


def _finding(one: Found, help_url: str, *, named: bool = False) -> Entry:
    where = f" ({one.place})" if one.place else ""
    patch = f"patch {one.patch}: " if named and one.patch else ""
    entry = _entry(_STATUS[one.severity], one.code, f"{patch}{one.title}{where}")
    entry["state"] = str(one.severity)
    if help_url:
        entry["url"] = help_url.replace("%s", one.code)
    return entry


def _entry(status: str, context: str, text: str) -> Entry:
    return {"status": status, "state": status, "context": context, "description": one_line(text)}


def _counted(findings: Iterable[Found]) -> str:
    found = list(findings)
    numbers = ((sum(one.severity is each for one in found), str(each)) for each in Severity)
    return ", ".join(count(number, word) for number, word in numbers if number)
