# SPDX-License-Identifier: GPL-2.0-only
"""A new revision against the review of the one before."""

from dataclasses import replace

import sample_runs

from reviewbot.model.config import Config
from reviewbot.model.finding import RuleOutcome, RuleStatus
from reviewbot.model.run import Run, Since
from reviewbot.stages import report, since


def compared(before: Run, now: Run) -> Since:
    found = since.compare(before, now)
    assert found
    return found


def revision(run: Run, number: int) -> Run:
    assert run.series
    return replace(run, series=replace(run.series, revision=number))


def without(run: Run, code: str) -> Run:
    assert run.check
    kept = tuple(f for f in run.check.findings if f.code != code)
    assert kept != run.check.findings
    return replace(run, check=replace(run.check, findings=kept))


def test_the_same_series_again_changes_nothing() -> None:
    run = sample_runs.findings()
    found = compared(run, run)
    assert run.check
    assert found.fixed == ()
    assert found.remaining == run.check.findings
    assert (found.files, found.lines) == (0, 0)


def test_findings_that_are_gone_were_fixed_if_their_rule_ran() -> None:
    run = sample_runs.findings()
    assert run.check
    first = run.check.findings[0]
    now = without(run, first.code)
    assert now.check
    ran = RuleOutcome(code=first.code, status=RuleStatus.RAN)
    blind = replace(ran, status=RuleStatus.COULD_NOT_RUN, reason="no tree")
    for outcome, fixed in ((ran, (first,)), (blind, ())):
        seen = replace(now, check=replace(now.check, outcomes=(outcome,)))
        assert compared(run, seen).fixed == fixed


def test_moved_lines_and_renumbered_patches_are_the_same_finding() -> None:
    run = sample_runs.findings()
    assert run.check
    moved = tuple(
        replace(
            f,
            patch=f.patch + 1 if f.patch else 0,
            location=replace(f.location, line=f.location.line + 7) if f.location else None,
        )
        for f in run.check.findings
    )
    now = replace(run, check=replace(run.check, findings=moved))
    assert len(compared(run, now).remaining) == len(moved)


def test_the_interdiff_counts_changed_lines_not_rebased_ones() -> None:
    series = sample_runs.series()
    patch = next(p for p in series.patches if p.files and p.files[0].hunks)
    file = patch.files[0]
    hunk = file.hunks[0]
    shifted = replace(hunk, old_start=hunk.old_start + 50, new_start=hunk.new_start + 50)
    longer = replace(shifted, lines=(*hunk.lines, "+one more"))

    def with_hunk(new: object) -> object:
        files = (replace(file, hunks=(new, *file.hunks[1:])), *patch.files[1:])  # type: ignore[arg-type]
        patches = tuple(replace(p, files=files) if p is patch else p for p in series.patches)
        return replace(series, patches=patches)

    assert since.interdiff(series, with_hunk(shifted)) == (0, 0)  # type: ignore[arg-type]
    assert since.interdiff(series, with_hunk(longer)) == (1, 1)  # type: ignore[arg-type]


def test_the_report_says_it_in_one_row() -> None:
    before = revision(sample_runs.findings(), 5)
    assert before.check
    now = without(sample_runs.findings(), before.check.findings[0].code)
    now = replace(now, since=compared(before, now))
    text = report.run(now, "text", report.settings(Config())).decode()
    rows = " ".join(text.split())
    assert (
        "Since v5 3 findings remaining (KVM-ABI-011, KVM-ABI-005, KVM-QUIRK-002); the same changes."
        in rows
    )
