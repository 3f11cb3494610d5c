# SPDX-License-Identifier: GPL-2.0-only
"""Nightly sweeps as JSON.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewbot.model.sweep import Move
from reviewbot.web.records import SCHEMA, Record
from reviewbot.web.shown import moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewbot.model.sweep import Bisection, Movement, Night, Regression
    from reviewbot.model.sweep_range import SweepRange
    from reviewbot.web.links import Links
    from reviewbot.web.sweep_grid import Grid
    from reviewbot.web.sweep_standing import Overview

NO_NEWS = frozenset({Move.STILL, Move.FLAKY, Move.UNCONFIRMED})
"""Moves that were there the night before, or may be chance: no reason to look at a feed."""


def branches(found: Sequence[Overview], links: Links) -> Record:
    """The index."""
    return {
        "schema": SCHEMA,
        "branches": [
            {
                "branch": one.branch,
                "last": _head(one.last),
                "regressions": one.open,
                "nights": [{"mood": word, **_head(night)} for word, night in one.strip],
                "page": links.branch(one.slug),
            }
            for one in found
        ],
    }


def branch(
    slug: str,
    grid: Grid,
    movements: Mapping[str, Sequence[Movement]],
    regressions: Sequence[Regression],
    links: Links,
) -> Record:
    """One page of a branch's nights, the newest first."""
    return {
        "schema": SCHEMA,
        "regressions": regressions,
        "nights": [
            {
                **_head(one),
                "movements": movements.get(one.id, ()),
                "page": links.night(slug, one.id),
            }
            for one in grid.nights
        ],
        "rows": [
            {"kind": row.kind, "name": row.name, "states": [cell.state for cell in row.cells]}
            for row in (*grid.moving, *grid.quiet)
        ],
    }


def night(
    one: Night,
    movements: Sequence[Movement],
    bisections: Sequence[Bisection],
    moved: SweepRange | None,
) -> Record:
    """All that is known of a night."""
    return {
        "schema": SCHEMA,
        "night": one,
        "range": moved,
        "movements": movements,
        "bisections": bisections,
    }


def _head(one: Night) -> Record:
    return {
        "id": one.id,
        "commit": one.commit,
        "started": moment(one.started),
        "ended": moment(one.ended),
        "ending": one.ending,
        "same_as": one.same_as,
        "missing": one.missing,
    }
