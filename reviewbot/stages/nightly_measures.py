# SPDX-License-Identifier: GPL-2.0-only
"""Sizes and costs of two nights: how far apart, with what certainty.  Pure and deterministic.

The ratio after/before is judged on logarithms, by the interval of Welch's t test at 95 %.  What runs of one
boot have in common (where the kernel lies in memory, what the host did) makes nights differ by more
than their runs do, so what the measure varied by from night to night is added to both sides.
"""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean, median, variance
from typing import TYPE_CHECKING

from reviewbot.model.sweep import Against, Measure, Move, Movement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COSTS = frozenset({"instructions", "guest cycles", "cycles", "exits"})
"""Units that a verdict may rest on.  Seconds are not among them: they measure the host as much as the kernel."""
SIZE = "bytes"

_COST_MATTERS = 0.02
_SIZE_MATTERS = 0.01
# Student's t, two-sided 95 %, for 1 to 30 degrees of freedom; 1.96 beyond.  Any statistics textbook.
_STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
    2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048,
    2.045, 2.042,
)  # fmt: skip


def measured(
    tonight: Iterable[Measure],
    earlier: Iterable[Measure],
    trends: Iterable[Sequence[Measure]],
    against: Against,
    since: str,
) -> tuple[Movement, ...]:
    """What grew, shrank, became slower or faster.  ``trends`` are measures of earlier nights, newest first."""
    known = {(one.name, one.unit): one for one in earlier}
    past: dict[tuple[str, str], list[Measure]] = {}
    for one in (one for night in trends for one in night):
        past.setdefault((one.name, one.unit), []).append(one)
    found = []
    for one in tonight:
        key = (one.name, one.unit)
        before = known.get(key)
        if before is None or not _positive(one) or not _positive(before):
            continue
        move, low, high = _moved(
            before, one, [each for each in past.get(key, ()) if _positive(each)]
        )
        if move is not None:
            found.append(
                Movement(
                    kind=None,
                    name=one.name,
                    move=move,
                    against=against,
                    before=_said(before),
                    after=_said(one),
                    low=low,
                    high=high,
                    since=since,
                )
            )
    return tuple(found)


def ratio(before: Measure, after: Measure, past: Sequence[Measure] = ()) -> tuple[float, float]:
    """The bounds of after/before at 95 %; (0.0, inf) when there are too few numbers to tell."""
    old, new = [[math.log(x) for x in one.samples] for one in (before, after)]
    nightly = _from_night_to_night(past)
    if (len(old) < 2 or len(new) < 2) and nightly is None:
        return 0.0, math.inf
    parts = [(variance(some) / len(some), len(some) - 1) for some in (old, new) if len(some) > 1]
    if nightly is not None:
        parts += [(nightly[0], nightly[1]), (nightly[0], nightly[1])]
    spread = math.fsum(part for part, _ in parts)
    shift = fmean(new) - fmean(old)
    if not spread:
        return math.exp(shift), math.exp(shift)
    freedom = spread**2 / math.fsum(part**2 / many for part, many in parts if part)
    reach = _student(int(freedom)) * math.sqrt(spread)
    return math.exp(shift - reach), math.exp(shift + reach)


def _moved(
    before: Measure, after: Measure, past: Sequence[Measure]
) -> tuple[Move | None, float, float]:
    if after.unit == SIZE:
        exact = median(after.samples) / median(before.samples)
        if abs(exact - 1) < _SIZE_MATTERS:
            return None, exact, exact
        return (Move.GREW if exact > 1 else Move.SHRANK), exact, exact
    low, high = ratio(before, after, past)
    if after.unit not in COSTS or low <= 1 <= high:
        return None, low, high
    if abs(math.sqrt(low * high) - 1) < _COST_MATTERS:
        return None, low, high
    return (Move.SLOWER if low > 1 else Move.FASTER), low, high


def _from_night_to_night(past: Sequence[Measure]) -> tuple[float, int] | None:
    """(variance of a night's mean logarithm, degrees of freedom), or None for fewer than four nights.

    From the middle step between neighbours, which one jump (a real change) among them does not move.
    """
    means = [fmean(map(math.log, one.samples)) for one in past]
    steps = [abs(a - b) for a, b in pairwise(means)]
    if len(steps) < 3:
        return None
    deviation = median(steps) / (
        0.6745 * math.sqrt(2)
    )  # median of |normal|, of a difference of two
    return deviation**2, max(1, len(steps) // 2)


def _student(freedom: int) -> float:
    return _STUDENT[max(1, freedom) - 1] if freedom <= len(_STUDENT) else 1.96


def _positive(one: Measure) -> bool:
    return bool(one.samples) and all(0 < x < math.inf for x in one.samples)


def _said(one: Measure) -> str:
    return f"{number(median(one.samples))} {one.unit}"


def number(value: float) -> str:
    """For people: three to four digits, "1.20 M"."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            scaled = value / (1e3 if letter == "k" else size)
            return f"{scaled:.2f} {letter}" if scaled < 100 else f"{scaled:.0f} {letter}"
    return f"{value:.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
