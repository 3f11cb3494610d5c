# SPDX-License-Identifier: GPL-2.0-only
"""What a thing's own record says of tonight's runs: worse, better, or nothing out of the ordinary.  Pure.

The record is the part of the history since the thing last changed: a test that was broken for a week in
June is not flaky in July.  "Nothing changed" is the hypothesis; the chance that the runs fall out as
they did, when it holds, is computed with the rate of failures integrated over (beta-binomial).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewbot.model.status import Status
from reviewbot.stages.odds import UNLIKELY, as_likely_as

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewbot.model.sweep import Past, Seen


_STEADY = 0.9
"""How many of all tests are taken to always do the same.  A selftest of KVM that is flaky on a quiet host
is the exception; what a record shows soon outweighs this."""
_MISHAP = 0.02
"""A run in fifty may fail for reasons that are neither the test's nor the kernel's (a host that swaps), so
that no single failure is ever blamed.  Nothing makes a broken test pass by mistake."""
_SPLIT = math.log(20.0)
"""A record is cut in two only where that explains it twenty times better than one rate does, and that for
each place where it might be cut: three nights of failures after twenty good ones are a change."""


def bad_runs(one: Seen | Past) -> int:
    """Runs that were bad: at least one where the whole is."""
    return max(one.failures, 1) if one.status.bad else one.failures


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """``failures`` of ``runs`` in ``nights``, newest first, since the thing last changed."""

    nights: tuple[Past, ...]
    runs: int
    failures: int

    @property
    def passes(self) -> int:
        """Runs that did not fail."""
        return self.runs - self.failures

    @property
    def failing(self) -> bool:
        """It fails (nearly) always, as far as is known."""
        return self.failures >= _STEADY * self.runs > 0

    @property
    def flaky(self) -> bool:
        """It does the one and the other."""
        return bool(self.failures and self.passes) and not self.failing

    def worse(self, failures: int, runs: int) -> float:
        """The chance of that many failures or more, if nothing changed; 1.0 without a record."""
        if not self.runs or not failures:
            return 1.0
        mishap = as_likely_as(_MISHAP, failures, runs)
        mixed = (
            failures < runs
        )  # of one kernel in one night: the test is not steady, whatever it was
        return max(mishap, _tail(self.failures, self.passes, failures, runs, erratic=mixed))

    def better(self, failures: int, runs: int) -> float:
        """The chance of that few failures or fewer, if nothing changed; 1.0 without a record."""
        if not self.runs or failures == runs:
            return 1.0
        return _tail(self.passes, self.failures, runs - failures, runs)

    def runs_to_confirm(self) -> int | None:
        """How many failures in a row chance would not explain; None when twenty are not enough."""
        for runs in range(1, 21):
            if self.worse(runs, runs) < UNLIKELY:
                return runs
        return None


def record(history: Sequence[Past]) -> Record:
    """The record of a history that is newest first."""
    ran = [one for one in history if one.runs and (one.status is Status.PASS or one.status.bad)]
    counts = [(bad_runs(one), one.runs - bad_runs(one)) for one in ran]
    while (cut := _cut(counts)) is not None:
        counts = counts[:cut]
    nights = tuple(ran[: len(counts)])
    return Record(
        nights=nights,
        runs=sum(one.runs for one in nights),
        failures=sum(bad_runs(one) for one in nights),
    )


def _cut(counts: list[tuple[int, int]]) -> int | None:
    """Where a record best falls in two, each with a rate of its own; None when it does not."""
    failures, passes = sum(one[0] for one in counts), sum(one[1] for one in counts)
    if not failures or not passes:
        return None
    whole = _evidence(failures, passes)
    best, place, new = _SPLIT + math.log(len(counts)), None, (0, 0)
    for number, (bad, good) in enumerate(counts[:-1], start=1):
        new = (new[0] + bad, new[1] + good)
        gain = _evidence(*new) + _evidence(failures - new[0], passes - new[1]) - whole
        if gain > best:
            best, place = gain, number
    return place


def _evidence(one: int, other: int) -> float:
    """The logarithm of how likely such a sequence is, whatever its rate (Jeffreys' prior)."""
    return _log_beta(0.5 + one, 0.5 + other) - _log_beta(0.5, 0.5)


def _tail(seen: int, unseen: int, times: int, runs: int, *, erratic: bool = False) -> float:
    """The chance of ``times`` or more in ``runs``, of what a record has ``seen`` times and ``unseen`` not.

    A thing whose record has none of it is steady (never does it) with the probability that is left, unless
    it is known to be ``erratic``.
    """
    if not times:
        return 1.0
    doubt = 1.0
    if not seen and not erratic:
        lucky = (1 - _STEADY) / (1 + unseen)
        doubt = lucky / (_STEADY + lucky)
    below = _log_beta(1.0 + seen, 1.0 + unseen)
    likely = math.fsum(
        math.comb(runs, k) * math.exp(_log_beta(1.0 + seen + k, 1.0 + unseen + runs - k) - below)
        for k in range(times, runs + 1)
    )
    return min(1.0, doubt * likely)


def still_by_chance(failures: int, passes: int, clean: int) -> float:
    """The chance of ``clean`` passes in a row of what failed and passed that often when it was new."""
    return _tail(passes, failures, clean, clean, erratic=True) if clean else 1.0


def _log_beta(alpha: float, beta: float) -> float:
    return math.lgamma(alpha) + math.lgamma(beta) - math.lgamma(alpha + beta)
