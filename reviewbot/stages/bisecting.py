# SPDX-License-Identifier: GPL-2.0-only
"""Noisy bisection: which commit is the first bad one, how sure that is, and where to look next.  Pure.

For each commit of the range there is the hypothesis that it is the first bad one; what was run tells
how likely each is (Bayes).  The next commit is the one whose run is expected to tell most (in bits), which
for a failure that always shows itself is git bisect's: the one that halves what is left.  For one that
does not, that is where repeats come from: a commit that passed once may be worth another run.

Two more hypotheses say that no commit of the range is: EARLIER, what is bad was so at the good end, and
NOWHERE, it fails now and then on every kernel and always did.  Under both one rate holds for all
commits and both ends; without them the first commit is blamed for whatever fails at the good end.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reviewbot.stages.bisect_range import Range, indexes
from reviewbot.stages.bisect_rates import OUTSIDE_PRIOR, Rates, entropy

MOST_RUNS = 400
"""Executions after which a failure is too flaky for anybody to wait for."""

_SHUN = 0.8
"""How much less a neighbour of a commit that cannot be tested is worth looking at."""


NOT_HERE = 0.9
"""How sure it must be that no commit of the range is to blame.  Less than for blame: who is told so looks at
the good end, and nobody is written to.  Of two rates that may be alike, more would take hundreds of runs."""


OUTSIDE = -1
"""The good end, where a commit's number is asked for."""

# Sets of hypotheses have a bit for each commit, and behind them one for EARLIER and one for NOWHERE.


@dataclass(frozen=True, slots=True)
class Group:
    """Hypotheses that are equally likely: the set, the probability of one, and what their being true means.

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
    ``outside`` is how likely it was that none of them is to blame.
    ``recorded`` are executions that were known at the start.  ``seen`` are (runs, failures) by a commit's number in the range, or OUTSIDE.
    """

    range: Range
    rates: Rates
    confidence: float = 0.99
    weights: Sequence[float] = ()
    outside: float = OUTSIDE_PRIOR
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
        """All hypotheses, by how likely they are."""
        if not self._groups:
            self._groups = tuple(self._weigh())
        return self._groups

    def probability(self, index: int) -> float:
        """How likely it is that this commit is the first bad one."""
        return next(group.each for group in self.groups() if group.members >> index & 1)

    def likely(self) -> int:
        """The smallest set of hypotheses that holds the true one with the confidence asked for."""
        left, chosen = self.confidence, 0
        for group in sorted(self.groups(), key=lambda group: -group.each):
            for index in indexes(group.members):
                if left <= 1e-12 and chosen:
                    return chosen
                chosen |= 1 << index
                left -= group.each
        return chosen

    def credible(self) -> int:
        """The commits that may be the first bad one; none when that is surely not in the range."""
        return self.likely() & self.range.everything

    def culprit(self) -> int | None:
        """The first bad commit, when that is sure."""
        members = self.likely()
        one = members.bit_count() == 1 and members & self.range.everything
        return members.bit_length() - 1 if one else None

    def not_here(self) -> bool:
        """Whether no commit of the range is the first bad one, as sure as NOT_HERE.

        Not before the good end was looked at: it could but be believed.
        """
        if OUTSIDE not in self.seen:
            return False
        outside = ~self.range.everything
        here = math.fsum(one.each * (one.members & outside).bit_count() for one in self.groups())
        return here >= min(NOT_HERE, self.confidence)

    def useful(self) -> tuple[int, ...]:
        """Commits, and OUTSIDE, a run of which can tell what is likely apart."""
        likely = self.likely()
        most = likely.bit_count()
        return tuple(
            index
            for index in range(OUTSIDE, len(self.range.commits))
            if 0 < (self._reach(index) & likely).bit_count() < most and not self._done(index)
        )

    def decided(self) -> bool:
        """Whether no run can tell more: one answer, or suspects between which nothing can be tested."""
        if self.runs >= MOST_RUNS or self.not_here() or self.culprit() is not None:
            return True
        return not self.useful()

    def gain(self, index: int) -> float:
        """Bits that a run at a commit, or OUTSIDE, is expected to tell."""
        reach = self._reach(index)
        fails = known = 0.0
        for group in self.groups():
            bad = group.each * (group.members & reach).bit_count()
            good = group.each * (group.members & ~reach).bit_count()
            fails += bad * group.after + good * group.before
            known += bad * entropy(group.after) + good * entropy(group.before)
        return max(0.0, entropy(fails) - known) * self._hope(index)

    def candidates(self) -> Iterable[int]:
        """Where a run can tell something: useful commits, and both ends for how often it fails there."""
        useful = self.useful()
        yield from useful
        if self.rates.repeatable:
            ends = (OUTSIDE, len(self.range.commits) - 1)
            yield from (one for one in ends if one not in useful and not self._done(one))

    def _reach(self, index: int) -> int:
        """The hypotheses under which a commit, or OUTSIDE, has what is bad."""
        ancestors = self.range.ancestors[index] if index != OUTSIDE else 0
        earlier = 1 << len(self.range.commits)
        return ancestors | earlier

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
        """Hypotheses by what they explain: (set, weight, bad runs, of them failed, good runs, failed)."""
        classes = [(members, weight, (0, 0, 0, 0)) for weight, members in self._prior().items()]
        for index, (runs, failures) in self.seen.items():
            reach = self._reach(index)
            split = []
            for members, weight, (bn, bk, gn, gk) in classes:
                if inside := members & reach:
                    split.append((inside, weight, (bn + runs, bk + failures, gn, gk)))
                if beyond := members & ~reach:
                    split.append((beyond, weight, (bn, bk, gn + runs, gk + failures)))
            classes = split
        return classes

    def _prior(self) -> Mapping[float, int]:
        """Hypotheses by their weight."""
        many = len(self.range.commits)
        weights = self.weights or (1.0,) * many
        # What begins before the range and what began nowhere are taken to be as likely as each other.
        other = math.fsum(weights) * self.outside / (1.0 - self.outside) / 2
        sets: dict[float, int] = {}
        for index, weight in enumerate((*weights, other, other)):
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
