# SPDX-License-Identifier: GPL-2.0-only
"""Whether a test is known to fail on bases by itself, and whether that explains a failure.  Pure.

Counted are runs on the very base, and runs on its relatives of the last weeks where the test was seen
to pass: a base on which it only ever failed was broken, which says nothing of this one.  So is a program
that only ever failed: another series' test of what that series mends.  When the very base fails more often than
all of them together, it alone counts: a hundred passes of a base before the race came in excuse nobody.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reviewbot.model.baseline import Past
from reviewbot.model.status import Status
from reviewbot.model.test import TestResult
from reviewbot.parse import selftest
from reviewbot.stages import odds

_LINE = re.compile(r"(\.[chS]):\d+")
_PLACE = re.compile(r" at \S+:\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Runs on bases: ``runs`` that ended, ``failures`` among them, and ``alike`` among those.

    ``alike`` failed as the series does: in the same check, by a crash with the same title, or by time.
    ``crashes`` of them are crashes.  ``flaky``: one program was seen to pass and to fail on one base.
    ``unlike`` are failures of the series that none of those resembles: no rate says anything of them.
    ``elsewhere``: not one of the failures was on the very base.
    """

    runs: int
    failures: int
    alike: int
    crashes: int = 0
    flaky: bool = False
    unlike: int = 0
    elsewhere: bool = False

    @property
    def rate(self) -> float:
        """How often a run fails like the series' at most, 0.0 when none ever did."""
        return odds.at_most(self.runs - self.alike, self.alike) if self.alike else 0.0

    def chance(self, failures: int, runs: int) -> float:
        """How likely so many failures like the series', or more, are without any fault of the series."""
        return odds.as_likely_as(self.rate, failures, runs)

    def phrase(self) -> str:
        """For people."""
        where = "on other bases, of late" if self.elsewhere else "on the base"
        said = f"flaky {where}: failed {self.failures} of {self.runs} runs"
        return (
            said if self.alike in {0, self.failures} else f"{said}, {self.alike} of them like this"
        )


def known(
    past: Sequence[Past], base: Sequence[TestResult], tip: Sequence[TestResult], program: str = ""
) -> Known:
    """Count what is known.  ``program`` is the digest of the binary that ran here.

    ``base`` are this review's own runs of the base.  They are in ``past`` too, unless it could not be
    written, or what is seen here is kept for one series alone.
    """
    here = [one for one in past if one.here and one.program == program]
    noted = Counter(map(_seen, here))
    own: list[Past | TestResult] = [*here]
    for one in base:
        noted[_seen(one)] -= 1
        own += [one] if noted[_seen(one)] < 0 else []
    others = [one for one in past if not (one.here and one.program == program)]
    failed = [one for one in tip if one.status.bad]
    every, alone = (
        _counted(runs, failed, program) for runs in ((*own, *_of_relatives(others)), own)
    )
    return alone if alone.rate > every.rate else every


def _seen(one: Past | TestResult) -> tuple[Status, str, float]:
    return one.status, one.assertion, one.seconds


def _counted(
    counted: Sequence[Past | TestResult], failed: Sequence[TestResult], program: str
) -> Known:
    bad = [one for one in counted if one.status.bad]
    runs = sum(one.status not in {Status.SKIP, Status.INFRA} for one in counted)
    same = [one for one in bad if any(_as_before(one, other, program) for other in failed)]
    return Known(
        runs=runs,
        failures=len(bad),
        alike=len(same),
        crashes=sum(one.status is Status.CRASH for one in same),
        flaky=_flips(counted, program),
        elsewhere=all(isinstance(one, Past) and not one.here for one in bad),
        unlike=sum(not any(_as_before(one, other, program) for one in bad) for other in failed),
    )


def alike(one: TestResult, other: TestResult) -> bool:
    """Whether two executions of one program failed in the same way."""
    return one.status is other.status and _same(one.assertion, other.assertion, one.status)


def _as_before(one: Past | TestResult, other: TestResult, program: str) -> bool:
    if one.status is not other.status:
        return False
    if isinstance(one, Past) and one.program != program:
        # The same check of another build of the test is on another line.
        return _same(_without_line(one.assertion), _without_line(other.assertion), one.status)
    return _same(one.assertion, other.assertion, one.status)


def _same(one: str, other: str, status: Status) -> bool:
    if status is Status.TIMEOUT:
        return True
    if status is Status.CRASH:
        return without_place(one) == without_place(other)
    return selftest.same_assertion(one, other)


def without_place(title: str) -> str:
    """The title of a report without file and line at its end: a patch moves lines of the kernel."""
    return _PLACE.sub("", title)


def _without_line(assertion: str) -> str:
    return _LINE.sub(r"\1", assertion)


def _flips(counted: Iterable[Past | TestResult], program: str) -> bool:
    """Whether a program had both on one base; another build of the test may only fail, and for a reason."""
    seen: dict[tuple[str, ...], set[bool]] = {}
    for one in counted:
        if one.status not in {Status.SKIP, Status.INFRA}:
            where: tuple[str, ...] = ()  # this program on this base
            if isinstance(one, Past) and not (one.here and one.program == program):
                where = _base_of(one)
            seen.setdefault(where, set()).add(one.status.bad)
    return any(len(both) == 2 for both in seen.values())


def _base_of(one: Past) -> tuple[str, str, str]:
    return one.tree, one.config, one.program


def _of_relatives(past: Iterable[Past]) -> list[Past]:
    """What passes everywhere counts, and what flips; not what only fails on some base."""
    by_base: dict[tuple[str, str, str], list[Past]] = {}
    for one in past:
        by_base.setdefault(_base_of(one), []).append(one)
    return [
        one
        for runs in by_base.values()
        if any(run.status is Status.PASS for run in runs)
        for one in runs
    ]
