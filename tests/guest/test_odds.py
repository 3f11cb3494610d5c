# SPDX-License-Identifier: GPL-2.0-only
"""Chances against sums of fractions, which do not round, and against what must hold of any chance."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.stages import odds

if TYPE_CHECKING:
    from fractions import Fraction

_few = st.integers(min_value=0, max_value=40)
_rates = st.fractions(min_value=0, max_value=1, max_denominator=1000)


@given(rate=_rates, failures=_few, passes=_few)
def test_tails_are_the_sums_of_fractions(rate: Fraction, failures: int, passes: int) -> None:
    """Both tails, term by term."""
    runs = failures + passes
    terms = [comb(runs, k) * rate**k * (1 - rate) ** (runs - k) for k in range(runs + 1)]
    upper, lower = sum(terms[failures:]), sum(terms[: failures + 1])
    assert odds.as_likely_as(float(rate), failures, runs) == pytest.approx(float(upper), abs=1e-12)
    assert odds.at_most_likely(float(rate), failures, runs) == pytest.approx(
        float(lower), abs=1e-12
    )


@given(rate=st.floats(min_value=0, max_value=1), runs=st.integers(min_value=1, max_value=2000))
def test_long_histories_keep_chances_chances(rate: float, runs: int) -> None:
    """No overflow, no rounding beyond 1, and no failure at all is always possible."""
    assert odds.as_likely_as(rate, 0, runs) == pytest.approx(1.0)
    assert 0.0 <= odds.as_likely_as(rate, runs, runs) <= 1.0


@given(passes=_few, failures=_few)
def test_the_bound_is_where_the_counts_become_unlikely(passes: int, failures: int) -> None:
    """By its definition; and never below what was seen."""
    bound = odds.at_most(passes, failures)
    assert bound >= odds.flake_rate(passes, failures)
    if passes:
        assert odds.at_most_likely(bound, failures, passes + failures) == pytest.approx(
            1 - odds.CONFIDENCE, abs=1e-9
        )


@given(passes=_few, failures=_few, more=st.integers(min_value=1, max_value=20))
def test_more_failures_never_look_more_like_chance(passes: int, failures: int, more: int) -> None:
    """On the same base, a worse outcome of the series is at most as likely."""
    base, runs = (20, 3), passes + failures + more
    few = odds.worse_by_chance(base, (runs - failures, failures))
    many = odds.worse_by_chance(base, (runs - failures - more, failures + more))
    assert many <= few <= 1.0
    rate = odds.flake_rate(*base)
    assert odds.as_likely_as(rate, failures + more, runs) <= odds.as_likely_as(rate, failures, runs)


@given(rate=st.floats(min_value=0.001, max_value=0.99))
def test_in_a_row_is_the_smallest_such_number(rate: float) -> None:
    """One run less would still be chance."""
    number = odds.failures_to_blame(rate)
    assert number is not None
    assert odds.as_likely_as(rate, number, number) < odds.UNLIKELY * (1 + 1e-9)
    assert number == 1 or odds.as_likely_as(rate, number - 1, number - 1) >= odds.UNLIKELY * (
        1 - 1e-9
    )


def test_known_values() -> None:
    """Figures of textbooks: R's binom.test(3, 40) and fisher.test for the tea."""
    assert odds.flake_rate(37, 3) == 0.075
    assert odds.at_most(37, 3, confidence=0.975) == pytest.approx(0.2039, abs=5e-5)
    assert odds.worse_by_chance((3, 1), (1, 3)) == pytest.approx(0.2429, abs=5e-5)
    assert odds.as_likely_as(0.5, 3, 3) == pytest.approx(0.125)
    assert odds.passes_to_clear(0.1) == 44
    assert odds.failures_to_blame(0.1) == 3  # 0.1 ** 2 is 0.01, which is not below it


def test_nothing_known_blames_nobody_and_clears_nothing() -> None:
    """Without runs there is no bound; what always fails, or never, cannot be told by repeating."""
    assert odds.flake_rate(0, 0) == 0.0
    assert odds.at_most(0, 0) == 1.0
    assert odds.worse_by_chance((0, 0), (0, 3)) == 1.0
    assert odds.failures_to_blame(1.0) is None
    assert odds.passes_to_clear(0.0) is None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: odds.flake_rate(-1, 2), "no counts"),
        (lambda: odds.as_likely_as(1.5, 1, 2), "no probability"),
        (lambda: odds.as_likely_as(0.5, 3, 2), "3 failures in 2 runs"),
    ],
)
def test_impossible_counts_are_refused(call: object, words: str) -> None:
    """A mistake of the caller must not become a verdict."""
    assert callable(call)
    with pytest.raises(ValueError, match=words):
        call()
