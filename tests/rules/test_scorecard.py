# SPDX-License-Identifier: GPL-2.0-only
"""What counts as found, missed, false and undecided."""

import pytest

from reviewbot.model.base import Confidence
from reviewbot.model.corpus import Case, Footing, Label, Outcome
from reviewbot.model.finding import CheckResult, Finding, RuleOutcome, RuleStatus, Severity
from reviewbot.stages import scorecard
from reviewbot.stages.scorecard import Checked, Floors

CODES = frozenset({"SITE-A-001", "SITE-B-002"})


def finding(code, patch, severity=Severity.WARNING):
    return Finding(
        code=code,
        severity=severity,
        confidence=Confidence.HIGH,
        patch=patch,
        title=f"{code} at {patch}",
        why="w",
        fix="f",
        reference="r",
    )


def case(label=Label.POSITIVE, rule="SITE-A-001", patch="1@example.org", also=(), detect="static"):
    return Case(
        label=label,
        rule=rule,
        also=also,
        patch=patch,
        cover="0@example.org",
        subject="s",
        detect=detect,
    )


@pytest.fixture
def checked(small):
    def make(*findings, unable="", series=None):
        outcomes = tuple(
            RuleOutcome(code=code, status=RuleStatus.COULD_NOT_RUN, reason="hunks")
            if code == unable
            else RuleOutcome(code=code, status=RuleStatus.RAN, seconds=0.5)
            for code in sorted(CODES)
        )
        return Checked(
            series=series or small.series([small.patch(1, []), small.patch(2, [])], cover="hi"),
            result=CheckResult(findings=findings, facts=(), outcomes=outcomes),
            footing=Footing.WHOLE,
            tree="t",
        )

    return make


def outcome(one, answers):
    return scorecard.judge(one, answers, CODES).outcome


def test_a_positive_is_found_at_its_patch_only(checked):
    assert outcome(case(), checked(finding("SITE-A-001", 1, Severity.NOTE))) is Outcome.FOUND
    elsewhere = scorecard.judge(case(), checked(finding("SITE-A-001", 2)), CODES)
    assert (elsewhere.outcome, elsewhere.reason) == (Outcome.MISSED, "it fires at patch 2 only")


def test_a_label_on_the_cover_letter_is_about_the_whole_series(checked):
    about_all = case(patch="0@example.org")
    assert outcome(about_all, checked(finding("SITE-A-001", 2))) is Outcome.FOUND


def test_another_rule_s_finding_is_counted_apart(checked):
    both = case(also=("SITE-B-002",))
    assert outcome(both, checked(finding("SITE-B-002", 1))) is Outcome.FOUND_BY_ANOTHER
    assert outcome(case(), checked(finding("SITE-B-002", 1))) is Outcome.MISSED


def test_a_rule_that_could_not_run_missed_nothing_and_kept_quiet_about_nothing(checked):
    for label in Label:
        result = scorecard.judge(case(label), checked(unable="SITE-A-001"), CODES)
        assert (result.outcome, result.reason) == (Outcome.COULD_NOT_RUN, "hunks")


def test_a_rule_that_does_not_exist_misses(checked):
    result = scorecard.judge(case(rule="SITE-Z-009"), checked(), CODES)
    assert (result.outcome, result.reason) == (Outcome.MISSED, "there is no such rule")


def test_negatives_forbid_their_rules_and_controls_all(checked):
    answers = checked(finding("SITE-B-002", 1))
    assert outcome(case(Label.NEGATIVE), answers) is Outcome.QUIET
    assert outcome(case(Label.NEGATIVE, also=("SITE-B-002",)), answers) is Outcome.FALSE
    assert outcome(case(Label.NEGATIVE, rule=""), answers) is Outcome.FALSE
    hint = checked(finding("SITE-A-001", 1, Severity.NOTE))
    assert outcome(case(Label.NEGATIVE), hint) is Outcome.QUIET


def test_a_case_without_mails_could_not_run():
    answers = Checked(series=None, result=None, reason="not in the inbox")
    result = scorecard.judge(case(), answers, CODES)
    assert (result.outcome, result.reason) == (Outcome.COULD_NOT_RUN, "not in the inbox")


def test_errors_elsewhere_in_a_negative_series_are_listed_once(checked):
    answers = checked(
        finding("SITE-B-002", 2, Severity.ERROR),
        finding("SITE-A-001", 2, Severity.WARNING),
        finding("SITE-A-001", 1, Severity.ERROR),
    )
    right = case(patch="1@example.org")
    wrong = case(Label.NEGATIVE, patch="2@example.org")
    again = case(Label.NEGATIVE, rule="", patch="2@example.org")
    result = scorecard.run([(one, answers) for one in (right, wrong, again)], CODES, Floors())
    assert result.total.false_errors == 1
    assert result.strays == ()
    elsewhere = [(one, answers) for one in (right, case(Label.NEGATIVE, patch="1@example.org"))]
    listed = scorecard.run(elsewhere, CODES, Floors()).strays
    assert [stray.finding.title for stray in listed] == ["SITE-B-002 at 2"]


def test_counts_by_rule_detection_and_tree(checked):
    answers = checked(finding("SITE-A-001", 1, Severity.ERROR))
    cases = (case(), case(detect="semantic"), case(Label.NEGATIVE), case(rule="SITE-B-002"))
    result = scorecard.run([(one, answers) for one in cases], CODES, Floors())
    first = result.rules[0]
    assert (first.name, first.positives, first.found, first.negatives) == ("SITE-A-001", 2, 2, 1)
    assert (first.false_errors, first.seconds) == (1, 0.5)
    assert [(one.name, one.found) for one in result.by_detect] == [("semantic", 1), ("static", 1)]
    assert [(one.name, one.missed) for one in result.by_footing] == [("applies", 1)]


@pytest.mark.parametrize(
    ("floors", "below"),
    [
        (Floors(recall=50.0, false_errors=1, false_warnings=0), []),
        (Floors(recall=51.0), ["50 % of the decided positives are found, 51 % are asked"]),
        (Floors(false_errors=0), ["1 false errors, at most 0 are asked"]),
    ],
)
def test_floors(checked, floors, below):
    answers = checked(finding("SITE-A-001", 1, Severity.ERROR))
    cases = (case(), case(rule="SITE-B-002"), case(Label.NEGATIVE, patch="1@example.org"))
    result = scorecard.run([(one, answers) for one in cases], CODES, floors)
    assert list(result.floors) == below
