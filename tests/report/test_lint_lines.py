# SPDX-License-Identifier: GPL-2.0-only
"""Lines of ``reviewbot lint``: as a compiler prints them, one of each, whatever a patch holds."""

import re
from dataclasses import replace

import pytest
import sample_runs

from reviewbot.model.finding import Location, Severity
from reviewbot.stages import report_lint

PLACED = re.compile(
    r"[^:]+:\d+: (error|warning|note): .+ \[[A-Z-]+\d{3}\] \((patch \d+/\d+|series)\)"
)
LOOSE = re.compile(r"(patch \d+/\d+|series): (error|warning|note): .+ \[[A-Z-]+\d{3}\]")


@pytest.mark.parametrize("name", sample_runs.CASES)
def test_editors_find_the_place(name):
    run = sample_runs.CASES[name]()
    findings = run.check.findings if run.check else ()
    lines = list(report_lint.lines(run, findings))
    assert len(lines) == 2 * len(findings)
    for finding, line, below in zip(findings, lines[::2], lines[1::2], strict=True):
        assert (PLACED if finding.location else LOOSE).fullmatch(line), line
        assert below.startswith("    ")


def test_no_patch_can_add_lines_or_speak_to_the_terminal():
    run = sample_runs.CASES["findings"]()
    evil = "x\nfake.c:1: error: y \x1b]0;t\x07\u202e"
    finding = replace(
        run.check.findings[0],
        title=evil,
        fix=evil,
        reference=evil,
        location=Location(path=f"a\n{evil}", line=3),
    )
    lines = list(report_lint.lines(run, (finding,)))
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_only_errors_and_warnings_are_grave():
    run = sample_runs.CASES["findings"]()
    one = run.check.findings[0]
    assert not report_lint.grave(())
    assert not report_lint.grave((replace(one, severity=Severity.NOTE),))
    assert report_lint.grave((replace(one, severity=Severity.WARNING),))
