# SPDX-License-Identifier: GPL-2.0-only
"""Numbers of a branch over a year, as lines to be drawn and as a table.  Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from reviewbot.model.sweep import Kind, Move, Movement, Totals
from reviewbot.stages.nightly_measures import number

WIDTH, HEIGHT = 600, 100
"""Of a chart's own units; the style sheet stretches it."""
CHARTS = 24
"""More measures than that are in the JSON and the nights' own pages."""
_ROOM = 0.06
"""Share of the mean that the axis spans at least, so that a hair's breadth of noise does not look like a mountain."""
_STUB = 8.0
"""Units of a line that can be seen."""
_MARKED = {Move.SLOWER: "worse", Move.GREW: "worse", Move.FASTER: "better", Move.SHRANK: "better"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A line: ``path`` in WIDTH x HEIGHT, the newest at the right; ``marks`` are (x, "worse" or "better", what).

    ``values`` are those of all nights, the newest first, None where there is none.
    """

    name: str
    unit: str
    path: str
    marks: tuple[tuple[float, str, str], ...]
    low: str
    high: str
    last: str
    change: str
    values: tuple[float | None, ...]


def charts(
    totals: Sequence[Totals], movements: Mapping[str, Sequence[Movement]]
) -> tuple[Chart, ...]:
    """``totals`` come newest first.  What never had a value has no chart."""
    counted: list[tuple[str, str, Callable[[Totals], float | None], bool]] = [
        ("failing", "tests", lambda one: _bad(one, Kind.TEST), True),
        (
            "warnings",
            "of compilers",
            lambda one: float(one.counts.get(Kind.WARNING, (0, 0))[1]),
            True,
        ),
        ("selftests", "minutes", lambda one: _minutes(one, Kind.TEST), True),
        ("builds", "minutes", lambda one: _minutes(one, Kind.BUILD), True),
        ("the whole sweep", "minutes", lambda one: max(0.0, one.ended - one.started) / 60, True),
    ]
    names = dict.fromkeys(key for one in totals for key in one.measures)
    counted += [(*key, partial(_measure, key), False) for key in names]
    found = []
    for name, unit, value, zero in counted[:CHARTS]:
        values = [value(one) for one in totals]
        marked = {
            night: move
            for night, some in movements.items()
            for move in some
            if move.kind is None and move.name == name and move.move in _MARKED
        }
        if any(values):
            found.append(_chart(name, unit, totals, values, marked, zero=zero))
    return tuple(found)


def _chart(
    name: str,
    unit: str,
    totals: Sequence[Totals],
    values: Sequence[float | None],
    marked: Mapping[str, Movement],
    *,
    zero: bool,
) -> Chart:
    there = [one for one in values if one is not None]
    low, high = (0.0 if zero else min(there)), max(there)
    room = _ROOM * abs(sum(there) / len(there))
    if not zero and high - low < room:
        low, high = (low + high - room) / 2, (low + high + room) / 2
    span = (high - low) or 1.0
    # Nights are in order; their clocks need not be.
    first, newest = (end(one.started for one in totals) for end in (min, max))
    scale = WIDTH / ((newest - first) or 1.0)
    points = [
        ((one.started - first) * scale, HEIGHT - (value - low) / span * HEIGHT)
        for one, value in zip(reversed(totals), reversed(values), strict=True)
        if value is not None
    ]
    if points[-1][0] - points[0][0] < _STUB:  # one night, or a few of one day
        left, right = points[0], points[-1]
        points.insert(0, (max(0.0, left[0] - _STUB), left[1]))
        points.append((max(right[0], points[0][0] + _STUB), right[1]))
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    marks = tuple(
        ((one.started - first) * scale, _MARKED[moved.move], f"{moved.before} → {moved.after}")
        for one in totals
        if (moved := marked.get(one.night))
    )
    return Chart(
        name=name,
        unit=unit,
        path=path,
        marks=marks,
        low=number(low),
        high=number(high),
        last=number(there[0]),
        change=_change(there),
        values=tuple(values),
    )


def _change(values: Sequence[float]) -> str:
    """From the oldest to the newest, in percent."""
    if len(values) < 2 or not values[-1]:
        return ""
    percent = 100 * (values[0] / values[-1] - 1)
    return f"{percent:+.1f} %" if abs(percent) >= 0.05 else ""


def _measure(key: tuple[str, str], one: Totals) -> float | None:
    return one.measures.get(key)


def _bad(one: Totals, kind: Kind) -> float | None:
    return float(one.counts[kind][1]) if kind in one.counts else None


def _minutes(one: Totals, kind: Kind) -> float | None:
    return one.seconds[kind] / 60 if one.seconds.get(kind) else None
