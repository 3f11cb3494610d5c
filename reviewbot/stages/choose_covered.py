# SPDX-License-Identifier: GPL-2.0-only
"""Choose selftests by what they were seen to execute.  Pure.

Each step takes the test that executes most of what is touched and not yet executed for its time.  When
all is, it starts over with the tests that are left, so that what remains of the limits gives
everything a second test, then a third.  Wanted are each touched function and the very lines of it; a function
with its lines counts as much as another with its own.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from math import fsum

from reviewbot.model.coverage import Coverage, MeasuredTest, Touched
from reviewbot.model.status import Status
from reviewbot.stages.choose import Measured
from reviewbot.stages.covered import touched_functions, touched_lines, unexecuted_functions

Place = tuple[str, ...]
"""What is wanted: (path, function), or lines of it as in stages.covered.touched_lines()."""

_OVERHEAD = 0.5  # seconds between two tests of a guest: cleaning up, the next one's start
# A test that fails or skips itself on the base shows little: wanted only where nothing else goes.  One that skips
# itself, as those of the other vendor do, is never a second test of anything.
_WORTH = {Status.PASS: 1.0, Status.FAIL: 0.1, Status.SKIP: 0.1}


def measured(
    coverage: Coverage,
    changes: Sequence[Touched],
    available: Iterable[str],
    *,
    at_most: int,
    seconds: float,
) -> Measured:
    """What ``coverage`` has to say about changed lines; see :func:`choose_covered`."""
    functions = touched_functions(coverage, changes)
    lines = touched_lines(coverage, changes)
    wanted: dict[Place, frozenset[int]] = dict(chain(functions.items(), lines.items()))
    ran = {place[0] for place, tests in wanted.items() if tests}
    unexecuted = {name for _, name in unexecuted_functions(coverage, functions)}
    return Measured(
        tests=choose_covered(coverage, wanted, available, at_most=at_most, seconds=seconds),
        unknown=frozenset(change.path for change in changes if change.path not in ran),
        unexecuted=tuple(sorted(unexecuted)),
    )


def choose_covered(
    coverage: Coverage,
    touched: Mapping[Place, frozenset[int]],
    available: Iterable[str],
    *,
    at_most: int,
    seconds: float,
) -> tuple[str, ...]:
    """Names of at most ``at_most`` tests that took at most ``seconds`` together, best first.

    ``touched`` are places with the tests that execute them (stages.covered).  A test that takes
    longer than ``seconds`` alone is never chosen, nor one that did not end by itself.
    """
    names = frozenset(available)
    left = {
        number: test
        for number, test in enumerate(coverage.tests)
        if test.name in names and test.status in _WORTH
    }
    whole = {number: test for number, test in left.items() if test.status is not Status.SKIP}
    elsewhere = _executable(touched, whole)
    touched = {
        one: ran & frozenset(whole) if one in elsewhere else ran for one, ran in touched.items()
    }
    chosen: list[str] = []
    missing = _executable(touched, left)
    while len(chosen) < at_most:
        affordable = {n: test for n, test in left.items() if test.seconds + _OVERHEAD <= seconds}
        best = _best(affordable, touched, missing)
        if best is None:
            again = _executable(touched, affordable)
            if not again or again == missing:
                break
            missing = again
            continue
        test = left.pop(best)
        chosen.append(test.name)
        seconds -= test.seconds + _OVERHEAD
        missing = frozenset(one for one in missing if best not in touched[one])
    return tuple(chosen)


def _executable(
    touched: Mapping[Place, frozenset[int]], tests: Mapping[int, MeasuredTest]
) -> frozenset[Place]:
    return frozenset(one for one, ran in touched.items() if ran & tests.keys())


def _best(
    tests: Mapping[int, MeasuredTest],
    touched: Mapping[Place, frozenset[int]],
    missing: frozenset[Place],
) -> int | None:
    shares = Counter(one[:2] for one in touched)
    gains = {
        number: fsum(1 / shares[one[:2]] for one in missing if number in touched[one])
        for number in tests
    }
    worth = [number for number, gain in gains.items() if gain]
    if not worth:
        return None

    def rate(number: int) -> float:
        test = tests[number]
        return gains[number] * _WORTH[test.status] / (test.seconds + _OVERHEAD)

    return max(worth, key=lambda number: (rate(number), -number))


def executed_by(
    coverage: Coverage,
    touched: Mapping[Place, frozenset[int]],
    names: Sequence[str],
) -> frozenset[Place]:
    """Which touched functions the named tests execute."""
    chosen = {number for number, test in enumerate(coverage.tests) if test.name in names}
    return frozenset(one for one, ran in touched.items() if ran & chosen)
