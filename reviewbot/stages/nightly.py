# SPDX-License-Identifier: GPL-2.0-only
"""Tonight against an earlier night, things' own records, the merge base, or mainline: what moved.  Pure.

What passes or fails (builds, boots, tests) is judged by its record: nothing is blamed for a failure that
its record explains.  What is only there or not (warnings, rules' findings, documentation's problems,
console reports) is new when the earlier night looked and did not see it.  A night that did not look says
nothing: of a partial night only what is in it counts, and after a broken build no test is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reviewbot.model.status import Status
from reviewbot.model.sweep import (
    FOUND_BY_LOOKING,
    Against,
    Ending,
    Kind,
    Move,
    Movement,
    Night,
    Past,
    Seen,
)
from reviewbot.stages.nightly_measures import measured
from reviewbot.stages.nightly_record import Record, bad_runs, record
from reviewbot.stages.nightly_words import (
    EXACT,
    THERE_OR_NOT,
    as_past,
    differs,
    failing_since,
    shown,
    text,
)
from reviewbot.stages.odds import UNLIKELY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    History = Mapping[tuple[Kind, str], Sequence[Past]]

_NEED_A_KERNEL = frozenset({Kind.BOOT, Kind.TEST, Kind.CONSOLE})
_NEED_A_BUILD = _NEED_A_KERNEL | {Kind.BUILD}
_LOOKED_WITH = {Kind.WARNING: (Kind.BUILD,), Kind.CONSOLE: (Kind.BOOT, Kind.TEST)}
_ORDER = tuple(Move)


def incomparable(night: Night, earlier: Night | None) -> str:
    """Why two nights cannot be compared, one sentence; "" when they can."""
    if earlier is None:
        return "there is no earlier sweep to compare with"
    if earlier.machine != night.machine:
        return (
            f"the earlier sweep ran elsewhere ({earlier.machine or 'unknown'}; "
            f"this one: {night.machine or 'unknown'}), which proves nothing about the tree"
        )
    return ""


def known(nights: Iterable[Night]) -> Night | None:
    """What is known of a branch: of nights, newest first, each thing as it was last seen.

    It goes back to the newest complete night, so that a partial one hides nothing, and for what needs a
    kernel to the newest that had one.  Nights of another machine than the newest, and those that ran
    nothing, are passed over, as are those whose results a later one took up: a first night that is cut
    off is followed by one that is the first still.
    """
    made: Night | None = None
    seen: dict[tuple[Kind, str], Seen] = {}
    complete = False
    for one in nights:
        if one.ending not in (Ending.COMPLETE, Ending.PARTIAL) or not one.seen:
            continue
        made = made or one
        if one.machine != made.machine:
            continue
        for each in one.seen:
            if each.status is not Status.INFRA and (each.kind in _NEED_A_BUILD or not complete):
                seen.setdefault((each.kind, each.name), each)
        measures = {each.name: each for each in (*one.measures, *made.measures)}
        made = replace(made, measures=tuple(measures.values()))
        complete = complete or one.ending is Ending.COMPLETE
        if complete and one.ending is Ending.COMPLETE and _ran(one):
            break
    ending = Ending.COMPLETE if complete else Ending.PARTIAL
    return replace(made, seen=tuple(seen.values()), ending=ending) if made else None


def compare(
    night: Night,
    earlier: Night | None,
    history: History,
    against: Against = Against.PREVIOUS,
    *,
    past: Sequence[Night] = (),
) -> tuple[Movement, ...]:
    """What moved between ``earlier`` and ``night``, the worst first; nothing when they are incomparable.

    ``earlier`` is best what :func:`known` makes of the nights before.  ``history`` leads from (kind, name)
    to what nights before this one saw, newest first (tools.nights.Nights.histories).  ``past`` are whole
    nights, newest first, for how much measures vary by themselves.
    """
    if earlier is None or incomparable(night, earlier) or night.ending is Ending.UNCHANGED:
        return ()
    comparison = _Comparison(night=night, earlier=earlier, history=history, against=against)
    found = [*comparison.present(), *comparison.absent()]
    same = [one for one in past if one.machine == night.machine]
    trends = [one.measures for one in same]
    found += measured(night.measures, earlier.measures, trends, against, night.id)
    return tuple(sorted(found, key=lambda one: (_ORDER.index(one.move), one.kind or "", one.name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    night: Night
    earlier: Night
    history: History
    against: Against

    def present(self) -> list[Movement]:
        """What tonight saw."""
        before = {(one.kind, one.name): one for one in self.earlier.seen}
        found = []
        for one in self.night.seen:
            if one.status is Status.INFRA:
                continue
            old = before.get((one.kind, one.name))
            if one.kind in THERE_OR_NOT:
                found.append(self._appeared(one, old))
            else:
                found.append(self._judged(one, old))
        return [one for one in found if one is not None]

    def absent(self) -> list[Movement]:
        """What only the earlier night saw, where tonight looked."""
        if self.night.ending is not Ending.COMPLETE:
            return []
        there = {(one.kind, one.name) for one in self.night.seen}
        ran = _ran(self.night)
        unbuilt = any(one.kind is Kind.BUILD and one.status.bad for one in self.night.seen)
        found = []
        for one in self.earlier.seen:
            if (one.kind, one.name) in there or one.status is Status.INFRA:
                continue
            if one.kind is Kind.BUILD and unbuilt:
                continue  # selftests are not built where the kernel is not
            if one.kind in _NEED_A_KERNEL and (not ran or _target(one) not in ("", *ran)):
                continue
            move = Move.GONE
            if one.kind in EXACT & THERE_OR_NOT or (
                one.kind is Kind.CONSOLE and len(self._past(one)) >= 3
            ):
                move = Move.FIXED
            found.append(self._moved(one, move, before=text(one), after="not there"))
        return found

    def _appeared(self, one: Seen, old: Seen | None) -> Movement | None:
        """A thing that is there, which is bad."""
        if not one.status.bad:
            return None
        past = self._past(one)
        if old is not None and old.status.bad:
            if one.kind is not Kind.CONSOLE:
                return None  # old warnings are many; they are in the night's results
            since = past[-1].night if past else self.earlier.id
            return self._moved(one, Move.STILL, before=text(old), after=text(one), since=since)
        if old is None and not self._looked(one.kind):
            return None
        if one.kind is Kind.CONSOLE and past:
            since = past[-1].night
            return self._moved(one, Move.FLAKY, before="seen before", after=text(one), since=since)
        move = Move.WARNED if one.kind is Kind.WARNING else Move.BROKE
        return self._moved(one, move, before="not there", after=text(one), likelihood=0.0)

    def _judged(self, one: Seen, old: Seen | None) -> Movement | None:
        """A thing that passes or fails."""
        if one.status is Status.SKIP or (old is not None and old.status is Status.SKIP):
            return self._skipped(one, old)
        mine = record(self._past(one) or as_past(self.earlier, old))
        if not mine.runs:
            if old is None and not self._looked(one.kind):
                return None
            return self._moved(one, Move.ADDED, before="not there", after=text(one))
        if one.kind in EXACT:
            return self._exactly(one, mine)
        if bad_runs(one):
            return self._failed(one, mine)
        return self._passed(one, mine) if mine.failures else None

    def _exactly(self, one: Seen, mine: Record) -> Movement | None:
        """A build: what it did the last time decides."""
        last = mine.nights[0]
        bad, was_bad = one.status.bad, last.status.bad
        before, after = text(last), text(one)
        if bad and was_bad:
            return self._moved(
                one, Move.STILL, before=before, after=after, since=failing_since(mine)
            )
        if bad == was_bad:
            return None
        move = Move.BROKE if bad else Move.FIXED
        return self._moved(one, move, before=before, after=after, likelihood=0.0)

    def _failed(self, one: Seen, mine: Record) -> Movement:
        before, after, failures = shown(mine), text(one), bad_runs(one)
        likelihood = mine.worse(failures, one.runs)
        if likelihood < UNLIKELY:
            return self._moved(one, Move.BROKE, before=before, after=after, likelihood=likelihood)
        if differs(one, mine):
            return self._moved(one, Move.BROKE, before=before, after=after, likelihood=0.0)
        move = Move.STILL if mine.failing else Move.FLAKY
        if not mine.failures and failures == one.runs:
            move = Move.UNCONFIRMED
        return self._moved(
            one, move, before=before, after=after, likelihood=likelihood, since=failing_since(mine)
        )

    def _passed(self, one: Seen, mine: Record) -> Movement | None:
        likelihood = mine.better(0, one.runs)
        if likelihood >= UNLIKELY and not mine.failing:
            return None  # a flaky test that happened to pass
        move = Move.FIXED if likelihood < UNLIKELY else Move.UNCONFIRMED
        return self._moved(one, move, before=shown(mine), after="pass", likelihood=likelihood)

    def _skipped(self, one: Seen, old: Seen | None) -> Movement | None:
        """Tests that are not run any more, or that now are: said, and nobody's failure."""
        if old is None or old.status is one.status:
            return None
        if one.status is Status.SKIP:
            move = Move.GONE
        elif one.status is Status.PASS:
            move = Move.ADDED
        else:
            return self._judged(one, None)
        return self._moved(one, move, before=text(old), after=text(one))

    def _looked(self, kind: Kind) -> bool:
        """Whether the earlier night would have seen a thing of that kind: of a merge base only tests are run."""
        if self.earlier.ending is not Ending.COMPLETE:
            return False
        if kind in FOUND_BY_LOOKING:
            return True
        wanted = _LOOKED_WITH.get(kind, (kind,))
        return any(one.kind in wanted for one in self.earlier.seen)

    def _past(self, one: Seen) -> Sequence[Past]:
        return self.history.get((one.kind, one.name), ())

    def _moved(
        self,
        one: Seen,
        move: Move,
        *,
        before: str,
        after: str,
        likelihood: float = 1.0,
        since: str = "",
    ) -> Movement:
        return Movement(
            kind=one.kind,
            name=one.name,
            move=move,
            against=self.against,
            before=before,
            after=after,
            likelihood=likelihood,
            since=since or self.night.id,
        )


def _ran(night: Night) -> frozenset[str]:
    """The targets ("x86_64") whose kernel came up: a test ran on it, or it booted."""
    return frozenset(
        one.name.partition("/")[0]
        for one in night.seen
        if (one.kind is Kind.TEST and one.status is not Status.INFRA)
        or (one.kind is Kind.BOOT and one.status is Status.PASS)
    )


def _target(one: Seen) -> str:
    """What a test runs on; "" for what does not say."""
    return one.name.partition("/")[0] if one.kind is Kind.TEST else ""
