# SPDX-License-Identifier: GPL-2.0-only
"""Noisy bisection: which commit is the first bad one, how sure that is, and where to look next.  Pure.

For each commit of the range there is the hypothesis that it is the first bad one; what was run tells
how likely each is (Bayes).  The next commit is the one whose run is expected to tell most (in bits), which
for a failure that always shows itself is git bisect's: the one that halves what is left.  For one that
does not, that is where repeats come from: a commit that passed once may be worth another run.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reviewbot.stages.bisect_range import Range, indexes
from reviewbot.stages.bisect_rates import Rates, entropy

MOST_RUNS = 400
"""Executions after which a failure is too flaky for anybody to wait for."""

_SHUN = 0.8
"""How much less a neighbour of a commit that cannot be tested is worth looking at."""


OUTSIDE = -1
"""The good end, where a commit's number is asked for."""


@dataclass(frozen=True, slots=True)
class Group:
    """Commits that are equally likely: the set, the probability of one, and what their being it means.

    ``after`` and ``before`` are how likely the next run fails on a commit that has, or has not, the first
    bad one among its ancestors.
    """

    members: int
    each: float
    after: float
    before: float


@dataclass(slots=True, kw_only=True)
class Belief:
    """What is thought of one failure.  ``confidence`` is when to stop.

    ``weights`` say how likely each commit was before anything ran, beside the others (none: all alike).
    ``recorded`` are executions that were known at the start.  ``seen`` are (runs, failures) by a commit's number in the range, or OUTSIDE.
    """

    range: Range
    rates: Rates
    confidence: float = 0.99
    weights: Sequence[float] = ()
    seen: dict[int, tuple[int, int]] = field(default_factory=dict)
    untestable: set[int] = field(default_factory=set)
    recorded: int = 0
    _groups: tuple[Group, ...] = ()

    def saw(self, index: int, *, runs: int, failures: int) -> None:
        """Note executions at a commit, or OUTSIDE."""
        known = self.seen.get(index, (0, 0))
        self.seen[index] = (known[0] + runs, known[1] + failures)
        self._groups = ()

    def cannot_tell(self, index: int) -> None:
        """Note that a commit, or OUTSIDE, does not build, or shows something else."""
        self.untestable.add(index)

    @property
    def runs(self) -> int:
        """Executions so far, without the record."""
        return sum(runs for runs, _ in self.seen.values()) - self.recorded

    def groups(self) -> tuple[Group, ...]:
        """All commits of the range, by how likely they are."""
        if not self._groups:
            self._groups = tuple(self._weigh())
        return self._groups

    def probability(self, index: int) -> float:
        """How likely it is that this commit is the first bad one."""
        return next(group.each for group in self.groups() if group.members >> index & 1)

    def credible(self) -> int:
        """The smallest set that holds the first bad commit with the confidence asked for."""
        left, chosen = self.confidence, 0
        for group in sorted(self.groups(), key=lambda group: -group.each):
            for index in indexes(group.members):
                if left <= 1e-12 and chosen:
                    return chosen
                chosen |= 1 << index
                left -= group.each
        return chosen

    def culprit(self) -> int | None:
        """The first bad commit, when that is sure."""
        members = self.credible()
        return members.bit_length() - 1 if members.bit_count() == 1 else None

    def useful(self) -> int:
        """The commits a run of which can tell the suspects apart."""
        suspects = self.credible()
        found = 0
        for index, ancestors in enumerate(self.range.ancestors):
            inside = (ancestors & suspects).bit_count()
            if 0 < inside < suspects.bit_count() and not self._done(index):
                found |= 1 << index
        return found

    def decided(self) -> bool:
        """Whether no run can tell more: a culprit, or suspects between which nothing can be tested."""
        return self.runs >= MOST_RUNS or self.culprit() is not None or not self.useful()

    def gain(self, index: int) -> float:
        """Bits that a run at a commit, or OUTSIDE, is expected to tell."""
        ancestors = self.range.ancestors[index] if index != OUTSIDE else 0
        fails = known = 0.0
        for group in self.groups():
            bad = group.each * (group.members & ancestors).bit_count()
            good = group.each * (group.members & ~ancestors).bit_count()
            fails += bad * group.after + good * group.before
            known += bad * entropy(group.after) + good * entropy(group.before)
        return max(0.0, entropy(fails) - known) * self._hope(index)

    def candidates(self) -> Iterable[int]:
        """Where a run can tell something: useful commits, and both ends for how often it fails there."""
        yield from indexes(self.useful())
        if self.rates.repeatable:
            ends = (OUTSIDE, len(self.range.commits) - 1)
            yield from (index for index in ends if not self._done(index))

    def _done(self, index: int) -> bool:
        return index in self.untestable or (not self.rates.repeatable and index in self.seen)

    def _hope(self, index: int) -> float:
        """How likely it is that a commit can be tested, by how near the next one is that cannot."""
        others = self.untestable - {OUTSIDE}
        if not others or index in self.seen or index == OUTSIDE:
            return 1.0
        near = min(abs(index - other) for other in others)
        return 1.0 - _SHUN * math.exp(-near / max(1.0, len(self.range.commits) / 16))

    def _weigh(self) -> Iterable[Group]:
        after, before = self.rates.after, self.rates.before
        classes = list(self._classes())
        scores = [
            math.log(weight) + after.log_likelihood(*sides[:2]) + before.log_likelihood(*sides[2:])
            for _, weight, sides in classes
        ]
        top = max(scores)
        total = sum(
            members.bit_count() * math.exp(score - top)
            for (members, _, _), score in zip(classes, scores, strict=True)
        )
        for (members, _, sides), score in zip(classes, scores, strict=True):
            yield Group(
                members,
                math.exp(score - top) / total,
                after.next_fails(*sides[:2]),
                before.next_fails(*sides[2:]),
            )

    def _classes(self) -> Iterable[tuple[int, float, tuple[int, int, int, int]]]:
        """Commits by what they would explain: (set, weight, bad runs, of them failed, good runs, failed)."""
        classes = [(members, weight, (0, 0, 0, 0)) for weight, members in self._prior().items()]
        for index, (runs, failures) in self.seen.items():
            ancestors = self.range.ancestors[index] if index != OUTSIDE else 0
            split = []
            for members, weight, (bn, bk, gn, gk) in classes:
                if inside := members & ancestors:
                    split.append((inside, weight, (bn + runs, bk + failures, gn, gk)))
                if beyond := members & ~ancestors:
                    split.append((beyond, weight, (bn, bk, gn + runs, gk + failures)))
            classes = split
        return classes

    def _prior(self) -> Mapping[float, int]:
        if not self.weights:
            return {1.0: self.range.everything}
        sets: dict[float, int] = {}
        for index, weight in enumerate(self.weights):
            sets[weight] = sets.get(weight, 0) | 1 << index
        return sets


def choose(beliefs: Sequence[Belief], cost: Callable[[int], float]) -> int | None:
    """The commit, or OUTSIDE, where one step tells most of all undecided failures together for what it costs.

    ``cost`` is what a step there takes, in whatever unit.  None when nothing is left to find out.
    """
    told: dict[int, float] = {}
    for belief in beliefs:
        if not belief.decided():
            for index in belief.candidates():
                told[index] = told.get(index, 0.0) + belief.gain(index)
    best, most = None, -1.0
    for index, bits in sorted(told.items()):
        if bits / cost(index) > most + 1e-12:
            best, most = index, bits / cost(index)
    return best
