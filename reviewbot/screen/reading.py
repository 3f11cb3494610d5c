# SPDX-License-Identifier: GPL-2.0-only
"""What is read of a series when it is opened: its review and its patches, as lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewbot import __version__
from reviewbot.model.errors import ReviewbotError
from reviewbot.model.run import Run
from reviewbot.screen import patch
from reviewbot.stages.tally import tally

if TYPE_CHECKING:
    from reviewbot.model.series import Series
    from reviewbot.model.triage import Item
    from reviewbot.screen.asked import Archive
    from reviewbot.screen.lines import Line

_WIDEST = 100
"""Columns of remarks: prose is wrapped, code is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """The cover letter, number 0, or a patch."""

    number: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """``total`` is how many patches the series says it has; ``trouble`` why there are none."""

    run: Run | None = None
    series: Series | None = None
    patches: tuple[Letter, ...] = ()
    total: int = 0
    trouble: str = ""

    @property
    def first(self) -> int:
        """Where a reader begins: the first patch of which something is said, else the top."""
        said = (at for at, one in enumerate(self.patches) if any(text.stop for text in one.lines))
        return next(said, 0)

    def label(self, at: int) -> str:
        """What the letter at a place is called: "cover", "2/4"."""
        number = self.patches[at].number
        return f"patch {number}/{self.total}" if number else "cover"


def opened(archive: Archive, item: Item, known: Opened, width: int, *, working: str = "") -> Opened:
    """Read it, again if it is ``known``; away from the screen: a series of 60 patches takes a while."""
    run = archive.run(item, working)
    if run is not None and run == known.run:
        return known
    if run and run.series and run.series.message_id == item.card.message_id:
        series = run.series
    elif known.series:
        series = known.series
    else:
        try:
            series = archive.series(item)
        except ReviewbotError as error:
            return Opened(run=run, trouble=str(error))
    judged = run or Run(id="", version=__version__, started="", request="", series=series)
    counted = tally(judged)
    shown = min(width, _WIDEST)
    cover = patch.cover(judged, counted, series, shown)
    return Opened(
        run=run,
        series=series,
        total=series.total,
        patches=(
            *((Letter(number=0, lines=cover),) if cover else ()),
            *(
                Letter(number=one.number, lines=patch.patch(judged, counted, one, shown))
                for one in series.patches
            ),
        ),
    )
