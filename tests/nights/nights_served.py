# SPDX-License-Identifier: GPL-2.0-only
"""Two months of made nights, and a branch that a stranger wrote all of."""

from dataclasses import dataclass, replace
from pathlib import Path

from shelves import EVIL, Shelf, shelf_in
from year import DAY, FIRST, fill

from reviewbot.model.status import Status
from reviewbot.model.sweep import (
    Against,
    Bisection,
    Culprit,
    Ending,
    Kind,
    Measure,
    Move,
    Movement,
    Night,
    Seen,
    Step,
    StepOutcome,
)
from reviewbot.model.sweep_range import RangeCommit, SweepRange
from reviewbot.tools import templates
from reviewbot.tools.cache import Cache
from reviewbot.tools.nights import Nights
from reviewbot.tools.nights_shelf import NightsShelf
from reviewbot.web.site import Site

NIGHTS = 60
LOG = "[    1.000000] Linux version\n<b>\x1b[2Jnot a tag</b>\n"


@dataclass(frozen=True)
class Swept:
    """A store with nights, and who reads it."""

    store: Nights
    shelf: NightsShelf
    site: Site


def swept_in(place: Path) -> Swept:
    """Two plausible branches and a hostile one; the newest failing test has its log."""
    store = Nights(place / "nights.sqlite")
    cache = Cache(place / "cache")
    fill(store, branches=2, tests=40, nights=NIGHTS)
    _hostile(store, cache.put(LOG.encode()), cache.put(EVIL.encode("utf-8", "replace") * 200))
    shelf = NightsShelf(place / "nights.sqlite", cache)
    reviews: Shelf = shelf_in(place / "reviews")
    return Swept(store, shelf, Site(templates.load_web(), reviews.library, shelf))


def _hostile(store: Nights, log: str, long: str) -> None:
    kinds = tuple(Kind)
    for number in range(3):
        started = FIRST + (NIGHTS + number) * DAY
        seen = tuple(
            Seen(
                kind=kind, name=f"{EVIL} {kind}", status=status, detail=EVIL, runs=3,
                failures=0 if status in (Status.PASS, Status.SKIP, Status.INFRA) else 1 + number,
                log=(log, long, EVIL, "../../etc/passwd", "0" * 64)[place % 5], seconds=1e9,
            )
            for place, (kind, status) in enumerate((kind, status) for kind in kinds for status in Status)
        )  # fmt: skip
        night = Night(
            id=f"evil-{number}", branch=f"{EVIL}/../..", commit=EVIL, tree_id=EVIL, started=started,
            ended=started - 5, ending=Ending.COMPLETE, machine=EVIL, merge_base=EVIL, seen=seen,
            measures=(Measure(name=EVIL, unit=EVIL, samples=(1e300, -1e300, 0.0)),), missing=(EVIL,) * 50,
        )  # fmt: skip
        store.record(night)
        moved = tuple(
            Movement(
                kind=Kind.TEST if place % 2 else None, name=EVIL, move=move, against=against, before=EVIL,
                after=EVIL, likelihood=1e-9, low=0.5, high=2.0, since="evil-0",
            )
            for place, (move, against) in enumerate((move, one) for move in Move for one in Against)
        )  # fmt: skip
        store.keep_movements(night.id, moved)
        store.open_regression(
            night.branch, Kind.TEST, f"{EVIL} {number}", night=night.id, since=started, detail=EVIL,
            good=EVIL, bad=EVIL,
        )  # fmt: skip
        commit = RangeCommit(commit=EVIL, tree_id="", parents=(), subject=EVIL, author=EVIL)
        commits = (commit,) * 60
        moved_by = SweepRange(
            old=EVIL, tip=EVIL, start=EVIL, merge_base=EVIL, forced=True, commits=commits, rebased=commits,
            dropped=commits, missing=(EVIL,),
        )  # fmt: skip
        store.keep_range(night.id, moved_by)
        search = Bisection(
            kind=Kind.TEST, name=f"{EVIL} {number}", detail=EVIL, good=EVIL, bad=EVIL, confidence=0.5,
            steps=(Step(commit=EVIL, subject=EVIL, outcome=StepOutcome.SKIPPED, why=EVIL),), note=EVIL,
            culprit=Culprit(commit=EVIL, subject=EVIL, author=EVIL, message_id=EVIL),
        )  # fmt: skip
        if number == 1:
            search = replace(search, culprit=None, suspects=(EVIL,) * 30, reason=EVIL)
        store.keep_bisection(night.id, search)
