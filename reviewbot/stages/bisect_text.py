# SPDX-License-Identifier: GPL-2.0-only
"""A bisection for people: its steps, and what they showed.  Pure.

Subjects, names and reasons come from strangers: each is one printable line.
"""

from collections.abc import Iterable

from reviewbot.model.sweep import Bisection, Reverted, Step, StepOutcome
from reviewbot.stages.printable import one_line

_MOST_SUSPECTS = 10


def text(found: Bisection) -> str:
    """The whole answer; ends with a line break."""
    return "\n".join((*_lines(found), ""))


def _lines(found: Bisection) -> Iterable[str]:
    yield f"{found.kind}: {one_line(found.name)}" + (
        f": {one_line(found.detail)}" if found.detail else ""
    )
    yield f"  {found.good[:12]} (good) .. {found.bad[:12]} (bad)"
    for number, step in enumerate(found.steps, 1):
        yield f"  {number:3}. {_step(step)}"
    if found.note:
        yield f"  Note: {one_line(found.note)}."
    if found.culprit:
        culprit = found.culprit
        sure = f"{found.confidence:.2%}" if found.confidence < 0.99995 else "more than 99.99%"
        yield f"  First bad commit ({sure} sure, {_runs(found.steps)}):"
        yield f"    {culprit.commit[:12]} {one_line(culprit.subject)}"
        yield f"    {one_line(culprit.author)}"
        if culprit.message_id:
            yield f"    <{one_line(culprit.message_id)}>"
        if culprit.reverted is not Reverted.NOT_TRIED:
            yield f"    {_capital(culprit.reverted)}."
        return
    yield f"  No culprit: {one_line(found.reason or 'nobody knows why')}."
    if found.suspects:
        yield f"  One of {len(found.suspects)} commits ({found.confidence:.1%} sure):"
        for commit in found.suspects[-_MOST_SUSPECTS:]:
            yield f"    {commit[:12]}"
        if len(found.suspects) > _MOST_SUSPECTS:
            yield f"    and {len(found.suspects) - _MOST_SUSPECTS} before"


def _step(step: Step) -> str:
    said = f"{step.outcome}"
    if step.runs > 1:
        said += f", {step.failures} of {step.runs} failed"
    why = f": {one_line(step.why)}" if step.outcome is StepOutcome.SKIPPED else ""
    return f"{step.commit[:12]} {said}{why} ({step.seconds:.0f} s) {one_line(step.subject)[:72]}"


def _runs(steps: Iterable[Step]) -> str:
    total = sum(step.runs for step in steps)
    return f"{total} execution{'' if total == 1 else 's'}"


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]
