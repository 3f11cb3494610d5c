# SPDX-License-Identifier: GPL-2.0-only
"""What a night means: comparison with earlier ones, and regressions that begin and end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reviewbot.model.sweep import (
    Against,
    Kind,
    Move,
    Movement,
    Night,
    Past,
    Regression,
    Standing,
)
from reviewbot.stages import nightly
from reviewbot.stages.nightly_record import record
from reviewbot.stages.nightly_settled import going_on, settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reviewbot.model.sweep_range import SweepRange
    from reviewbot.tools.nights import Nights

_NIGHTS = 90
"""How many nights a thing's record is made of."""
_MOST_REPEATS = 5
_MOST_SEARCHES = 3
"""How many nights look for one culprit: what our tools or the time do not allow thrice, they never will."""
_SUSPICIOUS = (Move.BROKE, Move.UNCONFIRMED, Move.FLAKY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """One branch's earlier nights on this machine."""

    nights: Nights
    branch: str
    night: str
    machine: str

    def earlier(self) -> Night | None:
        """What is known of the branch."""
        before = self.nights.nights(self.branch, 30, before=self.night, machine=self.machine)
        return nightly.known(before)

    def history(self) -> Mapping[tuple[Kind, str], Sequence[Past]]:
        """Each thing's record."""
        return self.nights.histories(self.branch, _NIGHTS, before=self.night, machine=self.machine)

    def since_last(self, night: Night) -> tuple[Movement, ...]:
        """Against the last sweep of the branch."""
        past = self.nights.nights(self.branch, 30, before=self.night, machine=self.machine)
        moved = nightly.compare(night, self.earlier(), self.history(), past=past)
        return going_on(moved, night, self.nights.regressions(self.branch))

    def against(self, night: Night, other: Night | None, what: Against) -> tuple[Movement, ...]:
        """Against a night of another branch; that branch has no record of this one's."""
        return nightly.compare(night, other, {}, what)

    def repeats(self, night: Night, usual: int) -> dict[str, int]:
        """How often to repeat which tests, until chance does not explain what was seen."""
        history = self.history()
        moved = {one.name: one for one in self.since_last(night) if one.kind is Kind.TEST}
        found = {}
        for one in night.seen:
            if one.kind is not Kind.TEST or (not one.failures and one.name not in moved):
                continue
            past = history.get((Kind.TEST, one.name), ())
            movement = moved.get(one.name)
            if not past and one.failures:
                found[one.name] = usual
            elif movement and movement.move in _SUSPICIOUS:
                wanted = record(past).runs_to_confirm() or usual + 1
                found[one.name] = min(_MOST_REPEATS, max(usual, wanted - 1))
        return found

    def owed(self, movements: Iterable[Movement]) -> tuple[Regression, ...]:
        """Open regressions that are there tonight too, and whose search never came to its end."""
        still = {
            (one.kind, one.name)
            for one in movements
            if one.move is Move.STILL and one.against is Against.PREVIOUS
        }
        found = []
        for regression in self.nights.regressions(self.branch):
            if (regression.kind, regression.name) not in still:
                continue
            tried = [
                one
                for one in self.nights.searches(self.branch, regression.opened)
                if (one.kind, one.name) == (regression.kind, regression.name)
            ]
            if 0 < len(tried) < _MOST_SEARCHES and tried[0].unfinished:
                found.append(regression)
        return tuple(found)

    def settle(
        self, night: Night, movements: Iterable[Movement], moved: SweepRange | None
    ) -> tuple[Regression, ...]:
        """Open regressions that begin, close those that end; the closed ones."""
        seen = {(one.kind, one.name): one for one in night.seen}
        for one in movements:
            if one.move in (Move.BROKE, Move.WARNED) and one.kind is not None:
                self.nights.open_regression(
                    self.branch,
                    one.kind,
                    one.name,
                    night=night.id,
                    since=night.started,
                    detail=seen[one.kind, one.name].detail if (one.kind, one.name) in seen else "",
                    good=moved.old or moved.merge_base if moved else "",
                    bad=night.commit,
                )
        standing = {Move.FIXED: Standing.FIXED, Move.GONE: Standing.GONE}
        ended = {
            (one.kind, one.name): standing[one.move] for one in movements if one.move in standing
        }
        history = self.history()
        closed = []
        for regression in self.nights.regressions(self.branch):
            key = (regression.kind, regression.name)
            how, why = ended.get(key), ""
            if how is None and regression.kind in (Kind.TEST, Kind.BOOT) and key in seen:
                since = self.nights.following(self.branch, regression.opened)
                how, why = settled(history.get(key, ()), since, night, seen[key]) or (None, "")
            if how and self.nights.close_regression(
                regression.number, night.id, night.started, how, why
            ):
                closed.append(replace(regression, standing=how, why=why))
        return tuple(closed)
