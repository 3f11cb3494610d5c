# SPDX-License-Identifier: GPL-2.0-only
"""What happened to one test between base and series, by all that was seen of it.  Pure.

A failure is a regression only when the base passes, the series fails, every repeat on both kernels says
the same, and what is known of the test on bases does not make that likely by chance.  A crash is never
called flaky unless the base was seen to crash so.
"""

from collections.abc import Sequence

from reviewbot.model.baseline import Past
from reviewbot.model.status import Status
from reviewbot.model.test import Change, Delta, TestCase, TestResult, Why
from reviewbot.stages import flakes, odds
from reviewbot.stages.flakes import Known, alike

Results = tuple[TestResult, ...]
_DIFFERENCES = frozenset(
    {Change.REGRESSION, Change.UNCONFIRMED, Change.DIFFERENT, Change.FIXED, Change.FLAKY}
)


def delta(
    case: TestCase,
    base: Sequence[TestResult],
    tip: Sequence[TestResult],
    *,
    repeats: int,
    past: Sequence[Past] = (),
    program: str = "",
    same_kernel: bool = False,
) -> Delta:
    """Judge one test by its executions on both kernels, first runs first.

    ``repeats`` is how many repeats a regression needs on top of the first run; ``past`` is what the test
    did on this base and its relatives, ``program`` the digest of the binary that ran here.  With the
    ``same_kernel`` on both sides (the series changes none of its code) every difference is chance.
    """
    base, tip = tuple(base), tuple(tip)
    known = flakes.known(past, base, tip, program)
    change, note = _judge(case, base, tip, repeats, known)
    if same_kernel and change in _DIFFERENCES:
        said = "but both kernels are the same"
        change, note = Change.FLAKY, f"{note}; {said}" if note else said
    return Delta(test=case, change=change, base=base, tip=tip, note=note)


def _judge(
    case: TestCase, base: Results, tip: Results, repeats: int, known: Known
) -> tuple[Change, str]:
    if not base or not tip or _unknown(base) or _unknown(tip):
        return Change.UNKNOWN, "no result from our guest: " + _why_unknown(base, tip)
    was, now = _agreed(base), _agreed(tip)
    if case.why is Why.ADDED and now is not None:  # whatever the base makes of it
        return _new(next(filter(_bad, base), base[0]), tip[0])
    if was is None or now is None:
        return _disagreement(base, tip, known)
    sure = min(len(base), len(tip)) > repeats
    if was and now:
        return _both_good(base, tip, sure=sure)
    if not was and not now:
        return _both_bad(base, tip, known, sure=sure)
    return _fixed(tip, known) if now else _worse(case, base, tip, known, sure=sure)


def _both_good(base: Results, tip: Results, *, sure: bool) -> tuple[Change, str]:
    """One program, run on both kernels: what it no longer finds, the series took away."""
    said = ""
    if all(result.status is Status.PASS for result in base):
        if all(result.status is Status.SKIP for result in tip):
            said = f"passes on the base, skips itself with the series: {tip[0].assertion}"
        elif lost := _parts_lost(base, tip):
            said = f"passes, but skips with the series what it tests on the base: {', '.join(lost)}"
    if said and not sure:
        return Change.UNCONFIRMED, "not repeated often enough to be sure"
    return (Change.REGRESSION, said) if said else (Change.SAME, "")


def _parts_lost(base: Results, tip: Results) -> list[str]:
    """Parts that every passing run with the series left out, and none on the base."""
    if any(result.status is not Status.PASS for result in tip):
        return []
    usual = {name for result in base for name in result.skipped}
    always = set(tip[0].skipped).intersection(*(result.skipped for result in tip))
    return [name for name in tip[0].skipped if name in always - usual]


def _both_bad(base: Results, tip: Results, known: Known, *, sure: bool) -> tuple[Change, str]:
    here = [any(alike(one, other) for other in base) for one in tip]
    if all(here):
        said = "exact same failure on the base"
        return Change.SAME, f"{said}; {known.phrase()}" if known.flaky else said
    was = f"on the base {base[0].status.value}: {base[0].assertion}"
    crashed = sum(one.status is Status.CRASH for one in tip)
    if crashed and not known.crashes and not _crashed(base):
        certain = sure and crashed == len(tip) and all(one.status is Status.FAIL for one in base)
        change = Change.REGRESSION if certain else Change.UNCONFIRMED
        return change, f"crashes, {crashed} of {len(tip)} times; {was}"
    if not known.unlike:
        return Change.SAME, "fails on both, in more than one way"
    if any(here) or known.alike:
        was = f"in another way {known.unlike} of {len(tip)} times; {was}"
    return Change.DIFFERENT, was if sure else f"{was} (seen once)"


def _worse(
    case: TestCase, base: Results, tip: Results, known: Known, *, sure: bool
) -> tuple[Change, str]:
    """The base passes or skips the test and the series fails, every time."""
    excused = known.alike and (known.crashes or not _crashed(tip))
    if excused and (chance := known.chance(len(tip), len(tip))) >= odds.UNLIKELY:
        if known.unlike:
            other = f"{known.unlike} of {len(tip)} failures here are other ones"
            return Change.UNCONFIRMED, f"{known.phrase()}; {other}"
        said = (
            f"{len(tip)} of {len(tip)} here, by chance in one of {max(1, round(1 / chance))} cases"
        )
        return Change.FLAKY, f"{known.phrase()}; {said}"
    if not sure:
        return Change.UNCONFIRMED, "not repeated often enough to be sure"
    if all(result.status is Status.SKIP for result in base):
        return _no_longer_skipped(case, base, tip)
    said = f"base passes and series fails, {len(tip)} of {len(tip)} times"
    if excused:
        return Change.REGRESSION, f"{said}; {known.phrase()}, which does not explain it"
    if known.flaky:
        return Change.REGRESSION, f"{said}; {known.phrase()}, but never like this"
    return Change.REGRESSION, said


def _no_longer_skipped(case: TestCase, base: Results, tip: Results) -> tuple[Change, str]:
    """Whether it can pass in our guests nobody knows, so it is the series' fault if it is its own test, or crashes."""
    crashed = all(result.status is Status.CRASH for result in tip)
    verb = "crashes" if crashed else "fails"
    said = f"skips itself on the base: {base[0].assertion}; {verb} here, {len(tip)} of {len(tip)} times"
    certain = crashed or case.why is Why.CHANGED
    return Change.REGRESSION if certain else Change.UNCONFIRMED, said


def _fixed(tip: Results, known: Known) -> tuple[Change, str]:
    """The base fails and the series passes, every time."""
    if known.flaky:
        passes = odds.at_most(known.failures, known.runs - known.failures)
        if odds.as_likely_as(passes, len(tip), len(tip)) >= odds.UNLIKELY:
            return Change.FLAKY, known.phrase()
    return Change.FIXED, "" if len(tip) > 1 else "seen once"


def _disagreement(base: Results, tip: Results, known: Known) -> tuple[Change, str]:
    """Executions on one kernel differ: flaky on the base, or only here."""
    here = f"{_shares(tip)} here"
    both = f"{here}, {_shares(base)} on the base"
    if _crashed(tip) and not known.crashes:
        return Change.UNCONFIRMED, f"{both}, never by such a crash"
    if known.unlike or (_agreed(base) and not (known.flaky and known.alike)):
        return Change.UNCONFIRMED, both
    if known.chance(sum(map(_bad, tip)), len(tip)) < odds.UNLIKELY:
        return Change.UNCONFIRMED, f"{both}; {known.phrase()}, which does not explain it"
    return Change.FLAKY, f"{known.phrase()}; {here}" if known.flaky else both


def _new(base: TestResult, tip: TestResult) -> tuple[Change, str]:
    if _bad(tip):
        return Change.NEW_FAIL, ""
    if tip.status is Status.SKIP:
        return Change.NEW_SKIP, tip.assertion
    if base.status is Status.PASS:
        return Change.NEW_PASS, "passes on the base too: it does not need this series"
    verb = {Status.SKIP: "skips itself", Status.TIMEOUT: "does not end", Status.CRASH: "crashes"}
    return Change.NEW_PASS, f"{verb.get(base.status, 'fails')} on the base, as a new test should"


def _bad(result: TestResult) -> bool:
    return result.status.bad


def _crashed(results: Results) -> bool:
    return any(result.status is Status.CRASH for result in results)


def _unknown(results: Results) -> bool:
    return any(result.status is Status.INFRA for result in results)


def _why_unknown(base: Results, tip: Results) -> str:
    said = [r.assertion for r in (*base, *tip) if r.status is Status.INFRA and r.assertion]
    return said[0] if said else "it was not run on both kernels"


def _agreed(results: Results) -> bool | None:
    """True when all executions are good, False when all are bad, else None."""
    bads = {_bad(result) for result in results}
    return not bads.pop() if len(bads) == 1 else None


def _shares(results: Results) -> str:
    bad = sum(_bad(result) for result in results)
    return f"failed {bad} of {len(results)}"
