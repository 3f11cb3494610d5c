# SPDX-License-Identifier: GPL-2.0-only
"""Earlier nights that were cut off: what they saw must count once, and must not hide what is new."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from reviewbot.model.sweep import Ending

if TYPE_CHECKING:
    from reviewbot.model.sweep import Night
    from reviewbot.tools.nights import Nights

_MOST = 30


def delivered(nights: Nights, night: Night) -> None:
    """Mark a night whose mails wait."""
    nights.say(_mark(night), "", time.time())


def take_over(nights: Nights, night: Night, since: float) -> None:
    """Settle what cut-off sweeps of the branch that began after ``since`` saw, before ``night`` looks.

    Of the same tree it is taken up by this night.  One of another tree that was cut off before anybody was
    told is no record: what broke in it would be old news tonight, never blamed and never mailed.
    """
    for one in nights.nights(night.branch, _MOST, ending=(Ending.PARTIAL,)):
        if one.started <= since or not one.seen:
            continue
        if one.tree_id == night.tree_id:
            missing = (*one.missing, f"what it saw was taken up by {night.id}")
            nights.record(replace(one, seen=(), measures=(), missing=missing))
        elif nights.said(_mark(one)) is None:
            missing = (*one.missing, f"nobody was told of it, so that {night.id} looks anew")
            nights.record(replace(one, ending=Ending.FAILED, missing=missing))


def _mark(night: Night) -> str:
    return f"delivered/{night.id}"
