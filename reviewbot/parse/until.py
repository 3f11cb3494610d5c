# SPDX-License-Identifier: GPL-2.0-only
"""Until when to snooze, as people type it: "3d", "2w", "1m", "2026-12-24"."""

from __future__ import annotations

import re
from datetime import datetime

from reviewbot.model.errors import UserError

_SPAN = re.compile(r"(\d{1,4})([dwm]?)")
_LENGTH = {"": 1, "d": 1, "w": 7, "m": 30}
_DAY = 86400.0


def moment_of(until: str, now: float) -> float:
    """Seconds since 1970; 0 for no snoozing.  Raises UserError for what is neither, or is over."""
    if match := _SPAN.fullmatch(until):
        return now + int(match[1]) * _LENGTH[match[2]] * _DAY if int(match[1]) else 0.0
    try:
        moment = datetime.fromisoformat(until).astimezone().timestamp()
    except (ValueError, OverflowError) as error:
        raise UserError(
            f"{until[:40]!a}: expected 3d, 2w, 1m or a date such as 2026-12-24"
        ) from error
    if moment <= now:
        raise UserError(f"{until}: that is over; give a day to come")
    return moment
