# SPDX-License-Identifier: GPL-2.0-only
"""What is going on: stages of a review that is being made, jobs of workers.  Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from reviewbot.model.job import JobState
from reviewbot.model.run import Stage
from reviewbot.screen.lines import Line, line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewbot.model.job import JobStatus
    from reviewbot.model.run import Run
    from reviewbot.screen.asked import Shot

STAGES = tuple(Stage)[: tuple(Stage).index(Stage.COMPARE) + 1]
_NARRATED = re.compile(r"\s*\d+\.\ds (\w+)")
_TAIL = 3


def doing(
    shot: Shot, jobs: Sequence[JobStatus], own: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """One word by message-id for what happens to a series; ``own`` is what our reviews have said so far."""
    found = {
        one.job.series: "reviewing" if one.state is JobState.RUNNING else str(one.state)
        for one in jobs
    }
    found |= dict.fromkeys(shot.working, "reviewing")
    return found | {name: stage_of(said) for name, said in own.items()}


def stage_of(said: Sequence[str]) -> str:
    """The stage that a review told of last."""
    for text in reversed(said):
        if match := _NARRATED.match(text):
            return match[1]
    return "starting"


def own_review(said: Sequence[str], seconds: float) -> list[Line]:
    """A review that was begun from the screen: the last things it said."""
    head = line(f"Your review, {stage_of(said)}, {span(seconds)}; x ends it", "new")
    return [head, *(line(f"  {one}", "dim") for one in said[-_TAIL:]), line()]


def job(status: JobStatus, now: float) -> list[Line]:
    """A job of a worker."""
    if status.state is JobState.RUNNING:
        text = f"Worker {status.worker} reviews it, {span(now - (status.started or status.queued))}"
    else:
        text = f"Waits for a worker ({status.state}), {span(now - status.queued)}"
    return [line(text, "new"), line()]


def stages(run: Run, now: float, *, working: bool) -> list[Line]:
    """Every stage of a review: done, at work, left out and why."""
    spent = {one.stage: one for one in run.times}
    skipped, failed = dict(run.skipped), dict(run.failures)
    begun = datetime.fromisoformat(run.started).timestamp()
    current = next(
        (one for one in STAGES if one not in spent and one not in skipped), None
    ) if working else None  # fmt: skip
    state, tone = _state(run, now - begun, working=working)
    out = [line(f"Review {run.id}{state}", tone)]
    for stage in STAGES:
        name = f"  {stage:<8}"
        if stage in failed:
            out.append(line(f"{name} failed: {failed[stage]}", "bad"))
        elif stage in spent:
            reused = ", known before" if spent[stage].reused else ""
            out.append(line(f"{name} {span(spent[stage].seconds)}{reused}"))
        elif stage is current:
            since = now - begun - sum(one.seconds for one in run.times)
            out.append(line(f"{name} at work, {span(since)}", "new"))
        elif stage in skipped:
            out.append(line(f"{name} not: {skipped[stage]}", "dim"))
        elif working:
            out.append(line(name, "dim"))
    return out


def _state(run: Run, seconds: float, *, working: bool) -> tuple[str, str]:
    if run.verdict:
        return f": {run.verdict.line}", "head"
    if working:
        return f", at work for {span(seconds)}", "new"
    return ", cut off before its end; r makes a new one", "warn"


def span(seconds: float) -> str:
    """A length of time for people: "0.4 s", "12 s", "3:05", "1:02:07"."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
