# SPDX-License-Identifier: GPL-2.0-only
"""How likely an outcome of repeated runs is by chance alone.  Pure; exact binomial and hypergeometric tails.

A test that now and then fails on the base fails with a series too, and nobody is to blame.  What is
known of it are counts, so every question here is about counts.
"""

import math

UNLIKELY = 0.01
"""Below this, chance is no explanation.  A bot that looks at thirty tests of ten series a day would be
wrong fifteen times a day at the customary 0.05, if every test were flaky; few are."""

CONFIDENCE = 0.95
"""Of :func:`at_most`: what is taken for a test's rate is too low once in twenty times."""


def flake_rate(passes: int, failures: int) -> float:
    """The share of runs that failed, 0.0 to 1.0; 0.0 when nothing ran."""
    _counts(passes, failures)
    return failures / (passes + failures) if failures else 0.0


def at_most(passes: int, failures: int, *, confidence: float = CONFIDENCE) -> float:
    """The highest failure rate that goes with these counts: the upper bound of Clopper and Pearson.

    1.0 when nothing ran.  "Failed once in four runs" may well be a test that fails half of the time;
    whoever blames a series for a known flake must have ruled that out too.
    """
    _counts(passes, failures)
    if not passes:
        return 1.0
    low, high = flake_rate(passes, failures), 1.0
    for _ in range(60):  # halves the interval: beyond the precision of a double
        middle = (low + high) / 2
        if at_most_likely(middle, failures, passes + failures) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def as_likely_as(rate: float, failures: int, runs: int) -> float:
    """The chance of ``failures`` or more in ``runs``, when each fails with probability ``rate``."""
    _known(rate, failures, runs)
    return min(1.0, math.fsum(_exactly(rate, k, runs) for k in range(failures, runs + 1)))


def at_most_likely(rate: float, failures: int, runs: int) -> float:
    """The chance of ``failures`` or fewer in ``runs``, when each fails with probability ``rate``."""
    _known(rate, failures, runs)
    return min(1.0, math.fsum(_exactly(rate, k, runs) for k in range(failures + 1)))


def worse_by_chance(base: tuple[int, int], series: tuple[int, int]) -> float:
    """The chance that runs of one and the same kernel fall apart like this (Fisher's exact test).

    Each pair is (passes, failures).  It asks how often as many of all failures as here, or more, would
    have come to lie on the series' side; 1.0 when either did not run.
    """
    for pair in (base, series):
        _counts(*pair)
    runs, others = sum(series), sum(base)
    failures = base[1] + series[1]
    if not runs or not others:
        return 1.0
    ways = sum(
        math.comb(runs, k) * math.comb(others, failures - k)
        for k in range(series[1], min(runs, failures) + 1)
    )
    return ways / math.comb(runs + others, failures)


def failures_to_blame(rate: float, *, unlikely: float = UNLIKELY) -> int | None:
    """How many failures in a row chance does not explain; None when no number is enough (rate 1.0)."""
    _probability(rate)
    return _in_a_row(rate, unlikely)


def passes_to_clear(rate: float, *, unlikely: float = UNLIKELY) -> int | None:
    """How many passes in a row show that something which fails at ``rate`` is not there.

    None when no number is enough (rate 0.0): that is what a bisection of a rare failure needs to know.
    """
    _probability(rate)
    return _in_a_row(1.0 - rate, unlikely)


def _in_a_row(chance: float, unlikely: float) -> int | None:
    if chance >= 1.0:
        return None
    if chance <= 0.0:
        return 1
    number = max(1, math.floor(math.log(unlikely) / math.log(chance)))
    while chance**number >= unlikely:
        number += 1
    return number


def _exactly(rate: float, failures: int, runs: int) -> float:
    """One term of the binomial, by logarithms: comb(1030, 515) is no double any more."""
    if rate in (0.0, 1.0):
        return float(failures == runs * rate)
    ways = math.lgamma(runs + 1) - math.lgamma(failures + 1) - math.lgamma(runs - failures + 1)
    return math.exp(ways + failures * math.log(rate) + (runs - failures) * math.log1p(-rate))


def _known(rate: float, failures: int, runs: int) -> None:
    _probability(rate)
    if not 0 <= failures <= runs:
        raise ValueError(f"{failures} failures in {runs} runs")


def _probability(rate: float) -> None:
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"a rate of {rate} is no probability")


def _counts(passes: int, failures: int) -> None:
    if passes < 0 or failures < 0:
        raise ValueError(f"{passes} passes and {failures} failures are no counts")
