# SPDX-License-Identifier: GPL-2.0-only
"""How often a failure shows itself, before and after its culprit, and how far one run can be trusted.  Pure.

A test that always fails after its culprit needs one run a commit.  One that fails three times in ten needs
several passes before a commit counts as good, and one that also failed now and then before needs several
failures before a commit counts as bad.  Neither rate is known: both are integrated over, which for
counts is a ratio of beta functions (the beta-binomial distribution).
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What is thought of a rate before the first run.

    With probability ``certain`` it is exactly ``value`` (0.0 or 1.0), else anything by a beta
    distribution with ``alpha`` and ``beta``.
    """

    certain: float
    value: float
    alpha: float
    beta: float

    def log_likelihood(self, runs: int, failures: int) -> float:
        """The logarithm of how likely runs in this order are, whatever the rate is."""
        exact = failures == runs * self.value
        some = _log_beta(self.alpha + failures, self.beta + runs - failures)
        some -= _log_beta(self.alpha, self.beta)
        free = math.log1p(-self.certain) + some
        if not exact:
            return free
        high, low = max(free, math.log(self.certain)), min(free, math.log(self.certain))
        return high + math.log1p(math.exp(low - high))

    def next_fails(self, runs: int, failures: int) -> float:
        """The probability that the next run fails, after these."""
        likely = self.log_likelihood(runs + 1, failures + 1) - self.log_likelihood(runs, failures)
        return min(1.0, math.exp(likely))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Both rates, and whether running the same commit again can say anything else."""

    after: Rate
    before: Rate
    repeatable: bool


EXACT = Rates(
    after=Rate(certain=1 - 1e-6, value=1.0, alpha=1.0, beta=1.0),
    before=Rate(certain=1 - 1e-6, value=0.0, alpha=1.0, beta=1.0),
    repeatable=False,
)
"""Compilers and rules: the same commit says the same.  The millionth is for what is no first bad commit at
all (broken, fixed, and broken again), so that it is told apart from certainty and nothing divides by zero."""

NOISY = Rates(
    after=Rate(certain=0.5, value=1.0, alpha=1.0, beta=1.0),
    before=Rate(certain=0.5, value=0.0, alpha=0.5, beta=4.0),
    repeatable=True,
)
"""What runs.  Most failures of selftests that a commit brought are there in every run; what failed now and
then before fails seldom, or it would not have been taken for new.  tests/bisect measures what comes of it."""


OUTSIDE_PRIOR = 0.5
"""How likely it is, before anything ran, that no commit of the range is to blame for what somebody saw fail.

Of all transitions from pass to fail at Google 84 % involved a flaky test (Micco, "Flaky Tests at Google and
How We Mitigate Them", 2016), there after one run; who names a good end by hand has often not tried it.
KVM's selftests are steadier than that, so less is taken; a few runs of the good end outweigh either.
Henderson et al., "Flake Aware Culprit Finding" (ICST 2023), is the search with such priors."""


def entropy(probability: float) -> float:
    """Bits of one yes-or-no answer."""
    if probability <= 0.0 or probability >= 1.0:
        return 0.0
    other = 1.0 - probability
    return -probability * math.log2(probability) - other * math.log2(other)


def _log_beta(alpha: float, beta: float) -> float:
    return math.lgamma(alpha) + math.lgamma(beta) - math.lgamma(alpha + beta)
