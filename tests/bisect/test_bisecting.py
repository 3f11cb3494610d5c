# SPDX-License-Identifier: GPL-2.0-only
"""The search itself, on made-up histories: is the right commit found, how sure, in how many runs?"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.stages.bisect_range import Range, make
from reviewbot.stages.bisect_rates import EXACT, NOISY, Rates
from reviewbot.stages.bisecting import OUTSIDE, Belief, choose

if TYPE_CHECKING:
    from collections.abc import Callable


def chance(seed: int) -> random.Random:
    """The same chances every time."""
    return random.Random(seed)  # noqa: S311 - a simulation


def history(rng: random.Random, size: int, *, merges: bool) -> Range:
    """A random history with one head; with ``merges``, branches that split and join."""
    heads, commits = ["good"], []
    for number in range(size - 1):
        if merges and len(heads) > 1 and rng.random() < 0.3:
            parents = rng.sample(heads, 2)
        else:
            parents = [rng.choice(heads)]
        if not (merges and len(parents) == 1 and rng.random() < 0.2):
            heads = [head for head in heads if head not in parents]
        commits.append((f"commit{number}", parents))
        heads.append(f"commit{number}")
    return make([*commits, ("bad", heads)])


EVERYWHERE = -2
"""The culprit of what is no better before the range: there is none in it."""


@dataclass
class Search:
    """One bisection of a made-up failure, to its end."""

    rng: random.Random
    range: Range
    culprit: int
    rates: Rates
    after: float = 1.0
    before: float = 0.0
    untestable: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self.belief = Belief(range=self.range, rates=self.rates)
        self.tried: set[int] = set()

    def shows(self, index: int) -> bool:
        if self.culprit == EVERYWHERE:
            return self.rng.random() < self.after
        bad = index != OUTSIDE and self.range.ancestors[index] >> self.culprit & 1
        return self.rng.random() < (self.after if bad else self.before)

    def look(self, index: int) -> None:
        self.belief.saw(index, runs=1, failures=int(self.shows(index)))

    def go(self) -> Search:
        tip = len(self.range.commits) - 1
        self.look(tip)
        while not self.belief.seen[tip][1]:
            self.look(tip)
        self.look(OUTSIDE)
        while (index := choose([self.belief], self.cost)) is not None:
            self.tried.add(index)
            if index in self.untestable:
                self.belief.cannot_tell(index)
            else:
                self.look(index)
        return self

    def cost(self, index: int) -> float:
        return 1.0 if index in self.tried else 2.0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 120), st.booleans(), st.integers(0, 10**6))
def test_what_always_shows_is_found_by_halving(size: int, merges: bool, seed: int) -> None:
    rng = chance(seed)
    commits = history(rng, size, merges=merges)
    search = Search(rng, commits, rng.randrange(size), EXACT).go()
    assert search.belief.culprit() == search.culprit
    # Branches that split cannot always be halved; git bisect needs a few more there as well.
    assert len(search.tried) <= math.ceil(math.log2(size + 1)) * (2 if merges else 1) + 1


@pytest.mark.parametrize("culprit", range(16))
def test_sixteen_commits_take_four_steps(culprit: int) -> None:
    commits = make([(str(n), [str(n - 1)]) for n in range(16)])
    exact = Search(chance(1), commits, culprit, EXACT).go()
    assert (exact.belief.culprit(), len(exact.tried)) == (culprit, 4)
    noisy = Search(chance(1), commits, culprit, NOISY).go()
    assert noisy.belief.culprit() == culprit
    # Some are run twice, because nobody knows that they always fail; each is built once.
    assert len(noisy.tried - {OUTSIDE, 15}) <= 5
    assert noisy.belief.runs <= 16


@pytest.mark.parametrize(
    ("after", "before"),
    [(1.0, 0.0), (0.9, 0.0), (0.5, 0.0), (0.3, 0.0), (0.95, 0.02), (0.7, 0.05), (1.0, 0.1)],
)
@pytest.mark.parametrize("merges", [False, True])
def test_flaky_failures_are_pinned_on_the_right_commit(
    after: float, before: float, *, merges: bool, record_property: Callable[[str, object], None]
) -> None:
    rng = chance(20)
    right = runs = found = 0
    tries = 120
    for _ in range(tries):
        commits = history(rng, 24, merges=merges)
        search = Search(rng, commits, rng.randrange(24), NOISY, after, before).go()
        found += search.belief.culprit() is not None
        right += search.belief.culprit() == search.culprit
        runs += search.belief.runs
    record_property("mean executions", runs / tries)
    print(
        f"fails {after:.0%} after and {before:.0%} before: {right}/{tries}, {runs / tries:.1f} runs"
    )
    assert found >= 0.98 * tries
    assert right >= 0.98 * tries, "the priors of bisect_rates.NOISY are too sure of themselves"


@pytest.mark.parametrize("rate", [1.0, 0.9, 0.5, 0.3, 0.1, 0.02])
@pytest.mark.parametrize("merges", [False, True])
def test_what_fails_before_the_range_too_is_pinned_on_nobody(
    rate: float, *, merges: bool, record_property: Callable[[str, object], None]
) -> None:
    """Bad already at the good end, or as flaky there: no commit of the range is the culprit."""
    rng = chance(21)
    tries = 60
    searches = [
        Search(rng, history(rng, 24, merges=merges), EVERYWHERE, NOISY, rate).go()
        for _ in range(tries)
    ]
    blamed = sum(search.belief.culprit() is not None for search in searches)
    told = sum(search.belief.not_here() for search in searches)
    runs = sum(search.belief.runs for search in searches) / tries
    record_property("mean executions", runs)
    print(f"fails {rate:.0%} everywhere: blamed {blamed}/{tries}, not here {told}, {runs:.1f} runs")
    assert blamed <= 0.02 * tries, "somebody is blamed for what was so before"
    assert told >= 0.75 * tries


@pytest.mark.parametrize("culprit", [EVERYWHERE, 0, 9, 23])
def test_a_build_is_checked_at_the_good_end(culprit: int) -> None:
    commits = make([(str(n), [str(n - 1)]) for n in range(24)])
    search = Search(chance(1), commits, culprit, EXACT).go()
    assert search.belief.not_here() == (culprit == EVERYWHERE)
    assert search.belief.culprit() == (None if culprit == EVERYWHERE else culprit)
    unseen = Belief(range=commits, rates=EXACT)
    unseen.saw(23, runs=1, failures=1)
    unseen.saw(0, runs=1, failures=1)
    assert not unseen.decided(), "the first commit is blamed, and nobody looked at the good end"
    assert unseen.useful() == (OUTSIDE,)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 60), st.booleans(), st.integers(0, 10**6))
def test_commits_that_cannot_tell_leave_suspects(size: int, merges: bool, seed: int) -> None:
    rng = chance(seed)
    commits = history(rng, size, merges=merges)
    untestable = frozenset(i for i in range(size - 1) if rng.random() < 0.3)
    search = Search(rng, commits, rng.randrange(size), EXACT, untestable=untestable).go()
    suspects = search.belief.credible()
    assert suspects >> search.culprit & 1, "the culprit is no longer among the suspects"
    if suspects.bit_count() == 1:
        return
    for index, ancestors in enumerate(commits.ancestors):
        splits = 0 < (ancestors & suspects).bit_count() < suspects.bit_count()
        assert not splits or index in untestable, f"commit {index} could have told more"


def test_two_failures_share_their_steps() -> None:
    commits = make([(str(n), [str(n - 1)]) for n in range(64)])
    searches = [Search(chance(n), commits, culprit, EXACT) for n, culprit in enumerate((9, 11))]
    for search in searches:
        search.look(63)
        search.look(OUTSIDE)
    steps = 0
    while (index := choose([search.belief for search in searches], lambda _: 1.0)) is not None:
        steps += 1
        for search in searches:
            if index in search.belief.useful():
                search.look(index)
    assert [search.belief.culprit() for search in searches] == [9, 11]
    assert steps <= 9, "apart they would have needed 12"


def test_a_record_of_the_good_end_tells_a_flake_from_a_regression() -> None:
    """Failing now and then, as it always did, is no reason to blame anybody."""
    commits = make([(str(n), [str(n - 1)]) for n in range(8)])
    with_record = Belief(range=commits, rates=NOISY)
    with_record.saw(OUTSIDE, runs=40, failures=4)
    without = Belief(range=commits, rates=NOISY)
    for belief in (with_record, without):
        belief.saw(7, runs=3, failures=3)
        belief.saw(3, runs=1, failures=1)
    early = []
    for belief in (with_record, without):
        each = [belief.probability(index) for index in range(8)]
        early.append(sum(each[:4]) / sum(each))
    assert early[0] < early[1]


def test_commits_without_code_are_passed_over() -> None:
    """Of 16 commits 12 change no code: two steps are enough for the others."""
    commits = make([(str(n), [str(n - 1)]) for n in range(16)])
    weights = tuple(1.0 if n % 4 == 0 else 0.001 for n in range(16))
    for culprit in range(0, 16, 4):
        search = Search(chance(1), commits, culprit, EXACT)
        search.belief.weights = weights
        search.go()
        assert (search.belief.culprit(), len(search.tried)) == (culprit, 2)
        assert search.belief.confidence <= search.belief.probability(culprit) < 1


def test_history_is_checked() -> None:
    with pytest.raises(ValueError, match="twice"):
        make([("a", []), ("a", [])])
    with pytest.raises(ValueError, match="more than one head"):
        make([("a", ["good"]), ("b", ["good"])])
    merged = make([("a", ["good"]), ("b", ["good"]), ("m", ["a", "b"])])
    assert merged.named(merged.ancestors[2]) == ("a", "b", "m")
    assert merged.named(merged.ancestors[1]) == ("b",)
