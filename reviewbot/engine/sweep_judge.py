# SPDX-License-Identifier: GPL-2.0-only
"""What a night means: comparison with earlier ones, regressions that begin and end, and who did it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewbot.engine import bisection
from reviewbot.model.bisection import BisectRequest, Failure
from reviewbot.model.errors import ReviewbotError
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.model.sweep import (
    Against,
    Bisection,
    Culprit,
    Kind,
    Move,
    Movement,
    Night,
    Past,
    Regression,
    Seen,
    Standing,
)
from reviewbot.stages import nightly
from reviewbot.stages.nightly_record import BAD, record
from reviewbot.stages.nightly_settled import settled
from reviewbot.stages.nightly_words import THERE_OR_NOT
from reviewbot.tools import git

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reviewbot.engine.sweep_lab import Bench
    from reviewbot.model.config import SweepConfig
    from reviewbot.model.sweep_range import RangeCommit, SweepRange
    from reviewbot.tools.context import Tools
    from reviewbot.tools.nights import Nights

_NIGHTS = 90
"""How many nights a thing's record is made of."""
_MOST_REPEATS = 5
_SUSPICIOUS = (Move.BROKE, Move.UNCONFIRMED, Move.FLAKY)
_FOUND_BY_LOOKING = (Kind.RULE, Kind.DOCUMENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """One branch's earlier nights on this machine."""

    nights: Nights
    branch: str
    night: str
    started: float
    machine: str

    def earlier(self) -> Night | None:
        """What is known of the branch."""
        before = self.nights.nights(self.branch, 30, before=self.started, machine=self.machine)
        return nightly.known(before)

    def history(self) -> Mapping[tuple[Kind, str], Sequence[Past]]:
        """Each thing's record."""
        return self.nights.histories(
            self.branch, _NIGHTS, before=self.started, machine=self.machine
        )

    def since_last(self, night: Night) -> tuple[Movement, ...]:
        """Against the last sweep of the branch."""
        past = self.nights.nights(self.branch, 30, before=self.started, machine=self.machine)
        return nightly.compare(night, self.earlier(), self.history(), past=past)

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
                how, why = settled(regression, history.get(key, ()), night, seen[key]) or (None, "")
            if how and self.nights.close_regression(
                regression.number, night.id, night.started, how, why
            ):
                closed.append(regression)
        return tuple(closed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pursuit:
    """Finds the culprits of what broke on one branch."""

    judge: Judge
    bench: Bench
    settings: SweepConfig
    range: SweepRange
    whose: Mapping[str, RangeCommit]
    deadline: float

    def run(self, movements: Iterable[Movement], tools: Tools) -> tuple[Bisection, ...]:
        """One answer for each new failure.  What cannot be searched for has an answer with a reason."""
        broken = [one for one in movements if one.move in (Move.BROKE, Move.WARNED)]
        found = [self._looked(one) for one in broken if one.kind in _FOUND_BY_LOOKING]
        groups: dict[str, list[Seen]] = {}
        for one in broken:
            seen = self.bench.seen.get((one.kind, one.name)) if one.kind else None
            if seen is not None and seen.kind not in _FOUND_BY_LOOKING:
                groups.setdefault(self._good(seen), []).append(seen)
        for good, some in groups.items():
            found += self._bisect(good, some, tools)
        return tuple(found)

    def _good(self, seen: Seen) -> str:
        """The newest commit that was seen without the failure and is in the tip's history."""
        place = self.bench.place
        for past in self.judge.history().get((seen.kind, seen.name), ()):
            if past.failures == 0 and past.status is Status.PASS:
                if git.is_ancestor(place.store.path, past.commit, place.tip):
                    return past.commit
                break
        if self.range.old and not self.range.forced and seen.kind in THERE_OR_NOT:
            return self.range.old
        return self.range.merge_base or self.range.start

    def _bisect(self, good: str, some: Sequence[Seen], tools: Tools) -> list[Bisection]:
        bad = self.bench.place.tip
        if not good or good == bad:
            why = "the same commit did not fail before" if good else "no commit is known to be good"
            return [_unsearched(one, good, bad, why) for one in some]
        request = BisectRequest(
            repository=str(self.bench.place.store.path),
            good=good,
            bad=bad,
            failures=tuple(self._failure(one, good) for one in some),
            profile=self.bench.profile,
            host=self.bench.host,
            deadline=self.deadline,
            base=self.bench.place.base,
        )
        try:
            return list(bisection.bisect(request, tools))
        except ReviewbotError as error:
            tools.progress(Stage.COMPARE, f"bisection: {error}")
            why = f"our tools failed: {error}"
            return [_unsearched(one, good, bad, why) for one in some]

    def _failure(self, one: Seen, good: str) -> Failure:
        history = self.judge.history().get((one.kind, one.name), ())
        there = [past for past in history if past.commit == good]
        limits = {test.name: test.limit for test in self.bench.binaries}
        return Failure(
            kind=one.kind,
            name=one.name,
            detail="" if one.kind in (Kind.WARNING, Kind.CONSOLE, Kind.BOOT) else one.detail,
            status=one.status,
            tests=self.bench.where.get(one.name, ()),
            runs=one.runs,
            failures=one.failures,
            good_runs=sum(past.runs for past in there),
            good_failures=sum(past.failures for past in there),
            limit=limits.get(one.name, 0.0),
        )

    def _looked(self, one: Movement) -> Bisection:
        """A rule's finding names its commit; nothing has to be searched."""
        seen = self.bench.seen.get((one.kind, one.name)) if one.kind else None
        commit = self.whose.get(one.name)
        blank = _unsearched(
            seen or Seen(kind=Kind.RULE, name=one.name, status=Status.FAIL),
            self.range.old,
            self.bench.place.tip,
            "" if commit else "the finding is older than this range",
        )
        if commit is None:
            return blank
        culprit = Culprit(commit=commit.commit, subject=commit.subject, author=commit.author)
        return Bisection(
            kind=blank.kind,
            name=blank.name,
            detail=blank.detail,
            good=blank.good,
            bad=blank.bad,
            culprit=culprit,
            confidence=1.0,
        )


def bad(one: Seen) -> bool:
    """Whether it is a failure."""
    return one.status in BAD


def _unsearched(one: Seen, good: str, tip: str, why: str) -> Bisection:
    return Bisection(
        kind=one.kind, name=one.name, detail=one.detail, good=good, bad=tip, reason=why
    )
