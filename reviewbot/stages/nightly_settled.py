# SPDX-License-Identifier: GPL-2.0-only
"""Whether an open regression is over.  Pure.

What failed in some runs of its first night passes in the next ones now and then, so that no single night
shows it fixed; what was blamed and then goes on to fail now and then was flaky, and no regression.  Until
then what fails in every run is the regression still.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reviewbot.model.sweep import Move, Past, Standing
from reviewbot.stages.nightly_record import bad_runs, record, still_by_chance
from reviewbot.stages.odds import UNLIKELY

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from reviewbot.model.sweep import Movement, Night, Regression, Seen


def settled(
    history: Sequence[Past], following: Container[str], night: Night, seen: Seen
) -> tuple[Standing, str] | None:
    """How and why a regression ends with what ``night`` saw, None when it goes on.

    ``history`` is newest first; ``following`` are the ids of nights from the one on that opened it, which
    may have been cut off, and what it saw taken up by a later one.
    """
    nights = [_past(night, seen), *history]
    since = [one for one in nights if one.night == night.id or one.night in following]
    since = [one for one in since if one.status.bad or one.runs > one.failures]
    first = len(since)
    while first and since[first - 1].status.bad:
        first -= 1
    began, later = since[first:], since[:first]
    runs, failures = sum(one.runs for one in later), sum(bad_runs(one) for one in later)
    if not runs:
        return None
    if failures:
        mine = record(nights)
        if not mine.flaky:
            return None
        return Standing.DISMISSED, f"flaky: failed {mine.failures} of its last {mine.runs} runs"
    known = sum(bad_runs(one) for one in began), sum(one.runs - bad_runs(one) for one in began)
    chance = still_by_chance(*known, runs)
    if chance >= UNLIKELY:
        return None
    return Standing.FIXED, f"passed {runs} times since it failed {known[0]} of {sum(known)}"


def going_on(
    movements: Iterable[Movement], night: Night, regressions: Iterable[Regression]
) -> tuple[Movement, ...]:
    """Movements, of which one of an open regression that failed in every run tonight is no flake.

    A test that passed in one night and fails since has failed "3 of 4": its record alone is too short.
    """
    opened = {(one.kind, one.name): one.opened for one in regressions}
    whole = {(one.kind, one.name) for one in night.seen if 0 < one.runs <= one.failures}
    return tuple(
        replace(one, move=Move.STILL, since=opened[one.kind, one.name])
        if one.move is Move.FLAKY
        and one.kind is not None
        and (one.kind, one.name) in whole & opened.keys()
        else one
        for one in movements
    )


def _past(night: Night, seen: Seen) -> Past:
    return Past(
        night=night.id,
        started=night.started,
        commit=night.commit,
        status=seen.status,
        runs=seen.runs,
        failures=seen.failures,
        detail=seen.detail,
    )
