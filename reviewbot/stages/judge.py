# SPDX-License-Identifier: GPL-2.0-only
"""Run -> Verdict, pure.  The first line of every report, and the exit status.

Exit status 0 says: a kernel series was looked at and nothing at warning or above was found in what
was run; the line names what was not run.  Notes are hints of style and policy that an author may
turn down, so they do not make a script fail.  Status 2 says that the answer lies with what was
handed in: it does not apply, sits on the wrong base, lacks patches, or is no kernel series.  A
declined series was handled well, but 0 would claim that it was reviewed.
"""

from collections.abc import Callable

from reviewbot.model.finding import RuleStatus
from reviewbot.model.guest import Crash
from reviewbot.model.run import Run, Verdict, VerdictKind
from reviewbot.model.status import Status
from reviewbot.model.test import Change
from reviewbot.stages.printable import count, listed, one_line, undefined
from reviewbot.stages.tally import (
    Tally,
    all_skipped,
    base_broken,
    compared,
    tally,
    wrong_base,
)

VERSION = 1

_EXIT = {
    VerdictKind.CLEAN: 0,
    VerdictKind.FINDINGS: 1,
    VerdictKind.WRONG_BASE: 2,
    VerdictKind.DOES_NOT_APPLY: 2,
    VerdictKind.DECLINED: 2,
    VerdictKind.INCOMPLETE: 2,
    VerdictKind.INFRA: 3,
}


def run(run: Run) -> Verdict:
    """The verdict: whatever speaks first in this order wins.

    Declined; does not apply; wrong base; findings; our tools failed; incomplete; clean.  A finding
    outranks a failure of ours because it stays true when the failure is mended; the line names both.
    """
    counted = tally(run)
    for look in (_declined, _conflict, _wrong_base, _findings, _infra, _incomplete):
        if found := look(run, counted):
            kind, line = found
            break
    else:
        kind, line = VerdictKind.CLEAN, _clean(run, counted)
    return Verdict(kind=kind, line=one_line(line), exit_code=_EXIT[kind])


_Look = Callable[[Run, Tally], tuple[VerdictKind, str] | None]


def _declined(run: Run, counted: Tally) -> tuple[VerdictKind, str] | None:  # noqa: ARG001 - one shape for all
    if run.declined is None:
        return None
    evidence = run.declined.evidence.rstrip(".")
    return VerdictKind.DECLINED, f"declined, {run.declined.reason}: {evidence}."


def _conflict(run: Run, counted: Tally) -> tuple[VerdictKind, str] | None:
    applied = run.applied
    if applied is None or applied.status in (Status.PASS, Status.INFRA):
        return None
    where = f"to {applied.base.tree} at {applied.base.tip[:12]}"
    if applied.conflict:
        conflict = applied.conflict
        where += f": patch {label(run, conflict.patch)} conflicts in {conflict.path}"
    also = _severities(counted)
    return VerdictKind.DOES_NOT_APPLY, f"does not apply {where}{_and(also)}."


def _wrong_base(run: Run, counted: Tally) -> tuple[VerdictKind, str] | None:
    if run.build is None:
        return None
    also = _and(_severities(counted))
    if wrong_base(run):
        return VerdictKind.WRONG_BASE, f"{undefined(run.build.missing_symbols)}{also}."
    if base_broken(run):
        return (
            VerdictKind.WRONG_BASE,
            f"the base itself does not build, so the series could not be judged{also}.",
        )
    return None


def _findings(run: Run, counted: Tally) -> tuple[VerdictKind, str] | None:
    if not counted.anything:
        return None
    return VerdictKind.FINDINGS, _sentence(run, counted)


def _infra(run: Run, counted: Tally) -> tuple[VerdictKind, str] | None:
    if run.series is None:
        return VerdictKind.INFRA, "our tools failed: no series was read."
    if not counted.infra:
        return None
    return VerdictKind.INFRA, f"our tools failed, not the series: {counted.infra[0]}."


def _incomplete(run: Run, counted: Tally) -> tuple[VerdictKind, str] | None:
    if run.series is None or run.series.complete:
        return None
    return VerdictKind.INCOMPLETE, _sentence(run, counted)


def _clean(run: Run, counted: Tally) -> str:
    if run.check or run.build or run.tests:
        return _sentence(run, counted)
    why = next((f" ({reason})" for _, reason in run.skipped), "")
    what = "applies" if run.applied else "was read"
    total = len(run.series.patches) if run.series else 0
    return f"the series of {count(total, 'patch', 'patches')} {what}; nothing was checked{why}."


def label(run: Run, patch: int) -> str:
    """'6/8', or 'series' for the series as a whole."""
    if patch == 0:
        return "series"
    return f"{patch}/{run.series.total}" if run.series else str(patch)


def _sentence(run: Run, counted: Tally) -> str:
    """What was found, whether anything got worse, and in brackets what this does not cover."""
    phrases = _worst(run, counted) + _severities(counted)
    if counted.notes:
        phrases.append(count(len(counted.notes), "note"))
    said = ", ".join([*(phrases or ["no findings"]), *_regressions(run, counted)])
    gaps = _gaps(run, counted)
    return f"{said} ({'; '.join(gaps)})." if gaps else f"{said}."


def _worst(run: Run, counted: Tally) -> list[str]:
    phrases: list[str] = []
    if len(counted.broken) == 1:
        phrases.append(f"patch {label(run, counted.broken[0].number)} does not build")
    elif counted.broken:
        numbers = tuple(label(run, built.number) for built in counted.broken)
        phrases.append(f"patches {listed(numbers, 3)} do not build")
    if failed := tuple(one.name for one in counted.variants if one.status is Status.FAIL):
        phrases.append(f"does not build with {listed(failed, 3)}")
    if warned := tuple(one.name for one in counted.variants if one.status is Status.PASS):
        phrases.append(f"new compiler warnings with {listed(warned, 3)}")
    if counted.unbuilt:
        names = listed(tuple(one.name for one in counted.unbuilt), 2)
        phrases.append(
            f"{'selftest' if len(counted.unbuilt) == 1 else 'selftests'} {names} "
            f"{'does' if len(counted.unbuilt) == 1 else 'do'} not build"
        )
    if counted.boot_failure:
        phrases.append(f"the kernel with the series does not come up ({counted.boot_failure})")
    if worse := counted.of(Change.REGRESSION):
        names = listed(tuple(delta.test.name for delta in worse), 2)
        phrases.append(f"{count(len(worse), 'regression')} ({names})")
    if counted.crashes:
        phrases.append(_console(counted.crashes))
    if failing := counted.of(Change.NEW_FAIL):
        names = listed(tuple(delta.test.name for delta in failing), 2)
        phrases.append(
            f"new test {names} fails" if len(failing) == 1 else f"new tests {names} fail"
        )
    return phrases


def _console(crashes: tuple[Crash, ...]) -> str:
    if len(crashes) == 1:
        return f"new {crashes[0].kind} on the console"
    return f"{len(crashes)} new reports on the console"


def _severities(counted: Tally) -> list[str]:
    pairs = (
        (len(counted.errors), "error"),
        (len(counted.warnings), "warning"),
        (len(counted.compiler), "new compiler warning"),
        (len(counted.sparse), "new sparse warning"),
    )
    said = [count(number, noun) for number, noun in pairs if number]
    if counted.hopeless:
        names = tuple(f"CONFIG_{one.name}" for one in counted.hopeless)
        said.append(f"{listed(names, 2)} cannot be set")
    return said


def _regressions(run: Run, counted: Tally) -> list[str]:
    """What can be said of tests that did not get worse; nothing when none was compared."""
    if run.tests is None or not run.tests.deltas:
        return []
    said = []
    if not counted.of(Change.REGRESSION) and compared(run) and not all_skipped(run):
        said.append("no regression found")
    if doubtful := counted.of(Change.UNCONFIRMED):
        said.append(f"{count(len(doubtful), 'failure')} not confirmed")
    if unknown := counted.of(Change.UNKNOWN):
        said.append(f"{count(len(unknown), 'test')} not comparable")
    return said


def _gaps(run: Run, counted: Tally) -> list[str]:
    gaps = []
    if run.series and not run.series.complete:
        gaps.append(f"only {len(run.series.patches)} of {run.series.total} patches seen")
    gaps.extend(f"our tools failed in {said}" for said in counted.infra)
    if run.check is None:
        gaps.append("no rule was run")
    elif counted.unable:
        gaps.append(f"{len(counted.unable)} of {len(run.check.outcomes)} rules could not run")
    elif run.check.outcomes and all(
        outcome.status is RuleStatus.NOT_APPLICABLE for outcome in run.check.outcomes
    ):
        gaps.append("no rule applies to it")
    if run.build is None:
        gaps.append("rules only: not built, not tested" if run.check else "not built, not tested")
    elif run.tests is None or not run.tests.deltas:
        gaps.append("not tested")
    elif all_skipped(run):
        rest = "other " if counted.of(Change.UNKNOWN) else ""
        gaps.append(f"every {rest}test skipped itself")
    return gaps


def _and(phrases: list[str]) -> str:
    return f"; {', '.join(phrases)} from the rules" if phrases else ""
