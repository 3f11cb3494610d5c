# SPDX-License-Identifier: GPL-2.0-only
"""Who did it: bisections of a night's new failures, those with the same good commit in one pass."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reviewbot.engine import bisection
from reviewbot.engine.lists import at_hand
from reviewbot.model.bisection import BisectRequest, Failure
from reviewbot.model.errors import InfrastructureError, ReviewbotError
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.model.sweep import FOUND_BY_LOOKING, Bisection, Culprit, Kind, Move, Movement, Seen
from reviewbot.parse import unit_tests
from reviewbot.stages.nightly_words import THERE_OR_NOT
from reviewbot.stages.sweep_test import SUITE
from reviewbot.tools import git
from reviewbot.tools.deadline import DeadlineReached, deadline
from reviewbot.tools.inbox_git import GitInbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reviewbot.engine.sweep_judge import Judge
    from reviewbot.engine.sweep_lab import Bench
    from reviewbot.model.sweep_range import RangeCommit, SweepRange
    from reviewbot.tools.context import Tools

_CUT_OFF = "no time was left"


def archives(tools: Tools) -> tuple[str, ...]:
    """Clones of public lists on this machine, in which a commit's mail may be found."""
    try:
        sources = at_hand(tools.config, tools.cache.root / "inboxes")
    except ReviewbotError:
        return ()  # the bot says what is wrong with its lists
    return tuple(
        str(one.path) for one in sources.values() if isinstance(one, GitInbox) and one.path
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pursuit:
    """Finds the culprits of what broke on one branch."""

    judge: Judge
    bench: Bench
    range: SweepRange
    whose: Mapping[str, RangeCommit]
    deadline: float
    until: float
    archives: tuple[str, ...] = ()
    began: dict[tuple[Kind, str], str] = field(default_factory=dict)
    """The good end of what began in an earlier night and was not found then."""

    def run(self, movements: Iterable[Movement], tools: Tools) -> tuple[Bisection, ...]:
        """One answer for each new failure, then for those whose search earlier nights did not end.

        What cannot be searched for has an answer with a reason.

        A search ends by itself at ``deadline``; at ``until`` it is cut off, and what was found before stays.
        """
        movements = tuple(movements)
        owed = self.judge.owed(movements)
        self.began.update({(one.kind, one.name): one.good for one in owed})
        broken = self._broken(movements)
        found: list[Bisection] = []
        try:
            with deadline(self.until):
                for some in self._answers(broken, tools):
                    found += some
        except DeadlineReached:
            done = {(one.kind, one.name) for one in found}
            left = [one for one in broken if (one.kind, one.name) not in done]
            found += [_unended(one, "", self.bench.place.tip, _CUT_OFF) for one in left]
        return tuple(found)

    def _answers(self, broken: Iterable[Seen], tools: Tools) -> Iterator[list[Bisection]]:
        """As they are found."""
        groups: dict[str, list[Seen]] = {}
        for seen in broken:
            if seen.kind in FOUND_BY_LOOKING:
                yield [self._looked(seen)]
            elif why := self._beyond(seen):
                yield [_unsearched(seen, "", self.bench.place.tip, why)]
            else:
                try:
                    groups.setdefault(self._good(seen), []).append(seen)
                except InfrastructureError as error:
                    why = f"our tools failed: {error}"
                    yield [_unended(seen, "", self.bench.place.tip, why)]
        for good, some in groups.items():
            yield self._bisect(good, some, tools)

    def _broken(self, movements: Iterable[Movement]) -> list[Seen]:
        new = [
            (one.kind, one.name)
            for one in movements
            if one.move in (Move.BROKE, Move.WARNED) and one.kind
        ]
        seen = (self.bench.seen.get(key) for key in (*new, *self.began))
        return [one for one in seen if one is not None]

    def _beyond(self, one: Seen) -> str:
        """Why a failure is none that the lab bisects; "" when it does."""
        if one.kind is Kind.BUILD and one.name == SUITE:
            return "the selftests' own build is not bisected"
        own = one.name.startswith(f"{self.bench.profile.name}: ")
        if one.kind is Kind.WARNING and not own:
            return "warnings of other configurations are not bisected"
        tests = (one.name,) if one.kind is Kind.TEST else self.bench.where.get(one.name, ())
        if tests and all(test.startswith(unit_tests.PREFIX) for test in tests):
            return "what only kvm-unit-tests show is not bisected"
        return ""

    def _good(self, seen: Seen) -> str:
        """The newest commit that was seen without the failure and is in the tip's history."""
        place = self.bench.place
        for past in self.judge.history().get((seen.kind, seen.name), ()):
            if past.failures == 0 and past.status is Status.PASS:
                if git.is_ancestor(place.store.path, past.commit, place.tip):
                    return past.commit
                break
        began = self.began.get((seen.kind, seen.name))
        if began and git.is_ancestor(place.store.path, began, place.tip):
            return began
        # Last night's commit has what began before it.
        fresh = began is None and not self.range.forced
        if fresh and self.range.old and seen.kind in THERE_OR_NOT:
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
            archives=self.archives,
        )
        try:
            return list(bisection.bisect(request, tools))
        except ReviewbotError as error:
            tools.progress(Stage.COMPARE, f"bisection: {error}")
            why = f"our tools failed: {error}"
            return [_unended(one, good, bad, why) for one in some]

    def _failure(self, one: Seen, good: str) -> Failure:
        history = self.judge.history().get((one.kind, one.name), ())
        there = [past for past in history if past.commit == good]
        limits = {test.name: test.limit for test in self.bench.binaries}
        return Failure(
            kind=one.kind,
            name=one.name,
            detail="" if one.kind in (Kind.WARNING, Kind.CONSOLE, Kind.BOOT) else one.detail,
            status=one.status,
            tests=tuple(
                test
                for test in self.bench.where.get(one.name, ())
                if not test.startswith(unit_tests.PREFIX)
            ),
            runs=one.runs,
            failures=one.failures,
            good_runs=sum(past.runs for past in there),
            good_failures=sum(past.failures for past in there),
            limit=limits.get(one.name, 0.0),
        )

    def _looked(self, one: Seen) -> Bisection:
        """A rule's finding names its commit; nothing has to be searched."""
        commit = self.whose.get(one.name)
        if commit is None:
            why = "the finding is older than this range"
            return _unsearched(one, self.range.old, self.bench.place.tip, why)
        return Bisection(
            kind=one.kind,
            name=one.name,
            detail=one.detail,
            good=self.range.old,
            bad=self.bench.place.tip,
            culprit=Culprit(commit=commit.commit, subject=commit.subject, author=commit.author),
            confidence=1.0,
        )


def _unsearched(one: Seen, good: str, tip: str, why: str) -> Bisection:
    return Bisection(
        kind=one.kind, name=one.name, detail=one.detail, good=good, bad=tip, reason=why
    )


def _unended(one: Seen, good: str, tip: str, why: str) -> Bisection:
    return replace(_unsearched(one, good, tip, why), unfinished=True)
