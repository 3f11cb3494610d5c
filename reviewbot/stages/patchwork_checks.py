# SPDX-License-Identifier: GPL-2.0-only
"""Run -> the check of each patch for Patchwork, pure.

fail: an error of a rule in this patch, it does not build, or the series breaks something at its tip
(nobody knows which patch did, so all of them say it).  warning: a warning, a new compiler message, or
the patch could not be looked at as it should.  Notes are hints, not warnings.  What our own tools
failed at stays pending: nothing is known, and the review is tried again.
"""

from urllib.parse import quote

from reviewbot.model.publication import Check, CheckState
from reviewbot.model.run import Run, VerdictKind
from reviewbot.model.series import Patch
from reviewbot.model.status import Status
from reviewbot.model.test import Change
from reviewbot.stages.judge import label
from reviewbot.stages.printable import count, one_line
from reviewbot.stages.tally import Tally, all_skipped, compared, tally

LONGEST = 240
"""Characters of a description; the web page shows it in a narrow column."""
LONGEST_URL = 200
"""Characters of target_url, CheckCreate in docs/api/schemas/v1.3/patchwork.yaml."""


def pending(target_url: str = "") -> Check:
    """The check of a patch whose review is queued."""
    return Check(state=CheckState.PENDING, description="review is queued", target_url=target_url)


def withdrawn(reason: str, target_url: str = "") -> Check:
    """The check of a patch that was pending and will not be reviewed."""
    text = _cut(f"not reviewed: {reason}")
    return Check(state=CheckState.WARNING, description=text, target_url=target_url)


def checks(run: Run, target_url: str = "") -> dict[str, Check]:
    """{message-id: check} of every patch of the series; ``target_url`` has %s for the message-id.

    Empty for a run without a series.
    """
    if run.series is None:
        return {}
    counted = tally(run)
    return {
        patch.message_id: _check(run, counted, patch, at(target_url, patch.message_id))
        for patch in run.series.patches
    }


def at(target_url: str, message_id: str) -> str:
    """An address with the message-id in the place of its %s; "" when Patchwork would not take it."""
    address = target_url.replace("%s", quote(message_id, safe="@"))
    return address if len(address) <= LONGEST_URL else ""


def _check(run: Run, counted: Tally, patch: Patch, url: str) -> Check:
    bad, doubtful = _wrong(counted, patch), _doubts(run, counted, patch)
    if bad:
        state, said = CheckState.FAIL, bad + doubtful
    elif doubtful:
        state, said = CheckState.WARNING, doubtful
    elif run.verdict is None or run.verdict.kind is VerdictKind.INFRA:
        # The words of a failure may name places of our host.
        state, said = CheckState.PENDING, ["our tools failed; it will be tried again"]
    elif counted.infra:  # the review stands for what was found elsewhere in the series
        state, said = CheckState.WARNING, ["our tools failed", *_good(run, counted, patch)]
    else:
        state, said = CheckState.SUCCESS, _good(run, counted, patch)
    return Check(state=state, description=_cut("; ".join(said)), target_url=url)


def _wrong(counted: Tally, patch: Patch) -> list[str]:
    mine = [f for f in counted.errors if f.patch in (0, patch.number)]
    said = [f"{finding.code}: {finding.title}" for finding in mine[:2]]
    if len(mine) > 2:
        said = [count(len(mine), "error"), *said[:1]]
    if any(built.number == patch.number for built in counted.broken):
        said.insert(0, "does not build")
    failed = [one.name for one in counted.variants if one.status is Status.FAIL]
    said += [f"series: does not build with {name}" for name in failed[:2]]
    said += [f"series: selftest does not build: {one.name}" for one in counted.unbuilt[:2]]
    if counted.boot_failure:
        said.append("the kernel with the series does not come up")
    for change, words in ((Change.REGRESSION, "regression"), (Change.NEW_FAIL, "new test fails")):
        names = [delta.test.name for delta in counted.of(change)]
        said += [f"series: {words}: {name}" for name in names[:2]]
    said += [f"series: new on the console: {crash.title}" for crash in counted.crashes[:1]]
    return said


def _doubts(run: Run, counted: Tally, patch: Patch) -> list[str]:
    said = []
    if run.declined:
        said.append(f"not reviewed: {run.declined.reason}")
    if run.verdict and run.verdict.kind is VerdictKind.DOES_NOT_APPLY:
        conflict = run.applied.conflict if run.applied else None
        which = f"patch {label(run, conflict.patch)} does" if conflict else "the series does"
        said.append(f"not tested: {which} not apply to {run.base.tree if run.base else 'any tree'}")
    if run.verdict and run.verdict.kind is VerdictKind.WRONG_BASE:
        said.append("not tested: wrong base or missing prerequisite")
    mine = [f for f in counted.warnings if f.patch in (0, patch.number)]
    said += [f"{finding.code}: {finding.title}" for finding in mine[:2]]
    if len(mine) > 2:
        said[-2:] = [count(len(mine), "warning"), said[-2]]
    messages = sum(built.number == patch.number for built, _ in counted.compiler)
    if messages:
        said.append(count(messages, "new compiler warning"))
    warned = [one.name for one in counted.variants if one.status is not Status.FAIL]
    said += [f"series: new compiler warnings with {name}" for name in warned[:2]]
    if counted.sparse:
        said.append(f"series: {count(len(counted.sparse), 'new sparse warning')}")
    said += [f"series: CONFIG_{symbol.name} cannot be set" for symbol in counted.hopeless[:2]]
    if run.series and not run.series.complete:
        said.append(f"only {len(run.series.patches)} of {run.series.total} patches seen")
    return said


def _good(run: Run, counted: Tally, patch: Patch) -> list[str]:
    """What a success rests on, and what was not done: never more than was found out."""
    notes = [f for f in counted.notes if f.patch in (0, patch.number)]
    said = [count(len(notes), "note") if notes else "nothing found"]
    if run.check is None:
        said.append("no rule was run")
    if run.build is None:
        said.append("not built, not tested")
    elif not (known := compared(run)):
        said.append("built; not tested")
    elif all_skipped(run):
        said.append("built; every selftest skipped itself")
    else:
        said.append(f"built; {count(len(known), 'selftest')} compared with the base")
        if doubtful := counted.of(Change.UNCONFIRMED):
            said.append(f"{count(len(doubtful), 'failure')} not confirmed")
    return said


def _cut(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 6]} [...]"
