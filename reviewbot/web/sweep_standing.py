# SPDX-License-Identifier: GPL-2.0-only
"""What the store of nights says of branches, as the pages want it, and which nights have a page."""

from collections.abc import Sequence
from dataclasses import dataclass

from reviewbot.model.sweep import Ending, Movement, Night, Regression
from reviewbot.tools.nights import Nights
from reviewbot.web.links import Links
from reviewbot.web.sweep_grid import decisive, mood
from reviewbot.web.sweep_names import slugs
from reviewbot.web.sweep_records import NO_NEWS

COLUMNS = 30
"""Nights of a page's grid."""
PAGES = 40
"""Pages of a branch, back to what is three years ago."""
STRIP = 30
"""Nights of each branch in the index, the unchanged ones among them."""
TABLE = 60
"""Nights in the table of the trends."""
EXPORTED = 90
"""Nights of each branch that an export has a page of, the unchanged ones among them."""
FEED = 60
"""Entries of the feed."""
RAN = (Ending.COMPLETE, Ending.PARTIAL, Ending.RUNNING, Ending.FAILED)
"""Endings of nights that have a column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A branch in the index.  ``strip`` are (mood, night) of its newest nights, the newest first."""

    slug: str
    branch: str
    last: Night
    strip: tuple[tuple[str, Night], ...]
    open: tuple[Regression, ...]
    moved: tuple[tuple[Night, tuple[Movement, ...]], ...]


def exported(store: Nights, branch: str) -> frozenset[str]:
    """Ids of the nights that have a page in an export: a year of all branches would be 100 MB."""
    nights = (*store.heads(branch, EXPORTED), *store.heads(branch, COLUMNS, ending=RAN))
    return frozenset({one.id for one in nights} | {one.opened for one in store.regressions(branch)})


def kept(store: Nights, branch: str, links: Links) -> frozenset[str] | None:
    """Nights that may be linked to, None for all."""
    return exported(store, branch) if links.static else None


def standings(store: Nights) -> tuple[Overview, ...]:
    """All branches, those with open regressions first, merge bases (engine.sweep_other) last."""
    found = []
    for slug, branch in slugs(store.branches()).items():
        heads = store.heads(branch, STRIP)
        if not heads:
            continue  # somebody took the old ones away meanwhile
        every = moves(store, heads, STRIP)
        moved = [(one, told) for one in heads if (told := news(every.get(one.id, ())))]
        found.append(
            Overview(
                slug=slug,
                branch=branch,
                last=heads[0],
                strip=tuple((mood(one, every.get(one.id, ())), one) for one in heads),
                open=store.regressions(branch),
                moved=tuple(moved[:3]),
            )
        )
    return tuple(sorted(found, key=_urgency))


def _urgency(one: Overview) -> tuple[object, ...]:
    return (one.branch.endswith("@base"), not one.open, -len(one.open), one.branch)


def moves(store: Nights, heads: Sequence[Night], limit: int) -> dict[str, tuple[Movement, ...]]:
    """What counts of each night; fewer than ``limit`` heads are all that the branch has."""
    every = store.movements(one.id for one in heads)
    return decisive(heads, every, oldest=len(heads) < limit)


def news(movements: tuple[Movement, ...]) -> tuple[Movement, ...]:
    """What is new in a night."""
    return tuple(one for one in movements if one.move not in NO_NEWS)
