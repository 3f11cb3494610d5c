# SPDX-License-Identifier: GPL-2.0-only
"""A night of a sweep with nothing special about it, for tests that say what is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewbot.model.sweep import Ending, Night

if TYPE_CHECKING:
    from reviewbot.model.sweep import Seen


def night(number: int, *seen: Seen, **special: object) -> Night:
    """The ``number``-th night of kvm/queue, which saw these; ``special`` are fields of a Night."""
    plain = {
        "id": f"night-{number}",
        "branch": "kvm/queue",
        "commit": f"{number:040x}",
        "tree_id": f"{number + 1000:040x}",
        "started": float(number),
        "ended": number + 0.5,
        "ending": Ending.COMPLETE,
        "machine": "tcg",
        "seen": seen,
    }
    return Night(**{**plain, **special})  # type: ignore[arg-type]  # fields by name
