# SPDX-License-Identifier: GPL-2.0-only
"""Earlier nights that were cut off: what they saw must count once, and must not hide what is new."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from reviewbot.model.sweep import Ending
from reviewbot.stages.nightly_words import TAKEN_UP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewbot.model.sweep import Night, Regression
    from reviewbot.tools.nights import Nights

_MOST = 30


def delivered(nights: Nights, night: Night, closed: Iterable[Regression] = ()) -> None:
    """Mark a night whose mails wait, and those that closed some of the ``closed`` it told of."""
    for one in {night.id, *(one.closed for one in closed if one.closed)}:
        nights.say(_mark(one), "", time.time())


def untold(nights: Nights, night: Night) -> tuple[Regression, ...]:
    """What nights since the last complete one closed of which nobody was told: their mails never waited.

    What is open anew, or fails in ``night``, is not over.
    """
    branch = night.branch
    last = nights.heads(branch, 1, ending=(Ending.COMPLETE,))
    since = nights.following(branch, last[0].id if last else "")
    begun = {(one.kind, one.name) for one in nights.regressions(branch)}
    begun |= {(one.kind, one.name) for one in night.seen if one.failures}
    return tuple(
        one
        for one in nights.regressions(branch, None)
        if one.closed in since
        and one.closed != night.id
        and (one.kind, one.name) not in begun
        and nights.said(_mark(one.closed)) is None
    )


def take_over(nights: Nights, night: Night, last: str) -> None:
    """Settle what cut-off sweeps of the branch since the complete one ``last`` saw, before ``night`` looks.

    Of the same tree it is taken up by this night.  One of another tree that was cut off before anybody was
    told is no record: what broke in it would be old news tonight, never blamed and never mailed.
    """
    since = nights.following(night.branch, last)
    for one in nights.nights(night.branch, _MOST, ending=(Ending.PARTIAL,)):
        if one.id not in since or not one.seen:
            continue
        if one.tree_id == night.tree_id:
            missing = (*one.missing, f"{TAKEN_UP}{night.id}")
            nights.record(replace(one, seen=(), measures=(), missing=missing))
        elif nights.said(_mark(one.id)) is None:
            missing = (*one.missing, f"nobody was told of it, so that {night.id} looks anew")
            nights.record(replace(one, ending=Ending.FAILED, missing=missing))


def _mark(night: str) -> str:
    return f"delivered/{night}"
