# SPDX-License-Identifier: GPL-2.0-only
"""A whole review -> the few words triage shows of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from reviewbot.model.build import Level
from reviewbot.model.status import Status
from reviewbot.model.test import Change
from reviewbot.model.triage import Answer, Found, Reviewed
from reviewbot.stages.printable import count, listed
from reviewbot.stages.tally import all_skipped, compared, tally

if TYPE_CHECKING:
    from reviewbot.model.run import Run

_WORSE = (Change.REGRESSION, Change.NEW_FAIL)
_FINDINGS = 200
VERSION = 5
"""Raised when more is kept of a review: what was taken in before is then read again."""


def reviewed(run: Run, *, origin: str) -> Reviewed | None:
    """What is kept of a review; None for one that has no series (declined, or nothing was understood)."""
    series = run.series
    if series is None or run.declined or not series.patches:
        return None
    base, applied, check = run.base, run.applied, run.check
    conflict = applied.conflict if applied else None
    kept = Reviewed(
        run=run.id,
        origin=origin,
        series=series.message_id,
        made=datetime.fromisoformat(run.started).timestamp(),
        verdict=str(run.verdict.kind) if run.verdict else "",
        line=run.verdict.line if run.verdict else "not finished",
        mails=(
            series.cover.message_id if series.cover else "",
            *(patch.message_id for patch in series.patches),
        ),
        findings=tuple(
            Found(
                code=one.code,
                severity=one.severity,
                patch=one.patch,
                title=one.title,
                place=f"{one.location.path}:{one.location.line}" if one.location else "",
            )
            for one in (check.findings if check else ())
        )[:_FINDINGS],
        checked=check is not None,
        tree=f"{base.tree}/{base.ref}" if base else "",
        base=base.commit if base else "",
        tip=applied.tip if applied else "",
        repository=applied.repository if applied else "",
        applies=_answer(applied.status if applied else None),
        why_not=f"patch {conflict.patch}: {conflict.path}: {conflict.reason}" if conflict else "",
    )
    return _with_coverage(run, _with_tests(run, _with_build(run, kept)))


def _answer(status: Status | None) -> Answer:
    """INFRA is our trouble, and says nothing about the series."""
    if status is Status.PASS:
        return Answer.YES
    return Answer.NO if status and status.bad else Answer.UNKNOWN


def _with_build(run: Run, kept: Reviewed) -> Reviewed:
    """What building brought; a base that does not build is not blamed on the series.

    A tip that breaks in another configuration is no series to take, though every patch builds in the first.
    """
    if run.build is None or run.build.base.status is not Status.PASS:
        return kept
    others = tuple(one.name for one in run.build.variants if one.status is Status.FAIL)
    failed = [one.number for one in run.build.patches if one.status is Status.FAIL]
    new = [one for each in run.build.patches for one in each.new if one.level is Level.WARNING]
    line = count(len(new), "new compiler warning") if new else ""
    if failed:
        line = f"patch {failed[0]} does not build"
    elif others:
        line = f"does not build with {listed(others, 3)}"
    builds = Answer.NO if others else _answer(run.build.status)
    return replace(kept, builds=builds, build_line=line, unbuilt=tuple(failed))


def _with_tests(run: Run, kept: Reviewed) -> Reviewed:
    """What booting and testing brought.  Tests that were not run, or skip themselves all, compare nothing."""
    counted = tally(run)
    worse = ["the kernel does not come up"] if counted.boot_failure else []
    worse += [one.test.name for change in _WORSE for one in counted.of(change)]
    worse += [f"{one.name} does not build" for one in counted.unbuilt]
    return replace(
        kept,
        tests=0 if all_skipped(run) else len(compared(run)),
        regressions=len(worse) + len(run.new_crashes),
        tests_line=worse[0] if worse else "",
    )


def _with_coverage(run: Run, kept: Reviewed) -> Reviewed:
    """Which added lines ran; what this host cannot run says nothing about the series."""
    code = [one for one in (run.coverage.code if run.coverage else ()) if one.loaded]
    return replace(
        kept, counted=sum(one.lines for one in code), ran=sum(one.executed for one in code)
    )
