# SPDX-License-Identifier: GPL-2.0-only
"""What a rule foresees and the compiler confirms is said once."""

from dataclasses import replace

import sample_runs

from reviewbot.model.finding import Location
from reviewbot.stages.remarks import remarks
from reviewbot.stages.report_text import remark_text
from reviewbot.stages.tally import tally

LINE = 2800


def said(code, line):
    run = sample_runs.build_error()
    place = Location(path=sample_runs.SVM, line=line)
    finding = replace(sample_runs.PAT_ERROR, code=code, patch=4, location=place)
    run = replace(run, check=sample_runs.checked(finding))
    patch = next(each for each in run.series.patches if each.number == 4)
    return [remark for remark in remarks(run, tally(run), patch) if remark.kind != "fact"]


def test_the_compiler_s_words_are_put_below_what_the_rule_says():
    (only,) = said("KVM-PROC-007", LINE)
    assert only.kind == "build"
    assert only.title == sample_runs.PAT_ERROR.title.rstrip(".")
    assert "implicit declaration of function" in only.log[0]
    assert f"{only.title}. {only.text.split()[0]}" in " ".join(remark_text(only).split())


def test_messages_about_other_lines_and_other_rules_are_said_apart():
    assert len(said("KVM-PROC-007", LINE + 1)) == 2
    assert len(said("KVM-MSR-001", LINE)) == 2
