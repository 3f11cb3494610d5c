# SPDX-License-Identifier: GPL-2.0-only
"""Severities from the settings: who wins, what is never raised, what the report says of it."""

from dataclasses import replace

import pytest
import sample_runs

from reviewbot import assets
from reviewbot.model.config import Config, ListConfig, RulesConfig
from reviewbot.model.errors import UserError
from reviewbot.model.finding import CheckResult, Severity
from reviewbot.rulekit.registry import load_rules
from reviewbot.stages import judge, report
from reviewbot.stages.severities import adjust

KVM, DOC = "kvm@vger.kernel.org", "linux-doc@vger.kernel.org"


@pytest.fixture(scope="module")
def rules():
    return load_rules([assets.rules_directory()])


@pytest.fixture(scope="module")
def run():
    """A run with a finding of KVM-ABI-011, a warning by its rule."""
    return next(
        made
        for made in (case() for case in sample_runs.CASES.values())
        if made.check and any(f.code == "KVM-ABI-011" for f in made.check.findings)
    )


def config(everywhere=None, **lists):
    return Config(
        rules=RulesConfig(severity=everywhere or {}),
        lists={
            {"kvm": KVM.upper(), "doc": DOC, "other": "other@example.org"}[name]: ListConfig(
                severity=table
            )
            for name, table in lists.items()
        },
    )


def graded(run, rules, settings, own=None):
    """The severity KVM-ABI-011 ends up with: "off" when it is gone."""
    result = run.check
    if own:
        changed = (replace(f, severity=own) for f in result.findings)
        result = replace(result, findings=tuple(changed))
    after = adjust(result, rules, run.series, settings)
    found = {f.severity.value for f in after.findings if f.code == "KVM-ABI-011"}
    return found.pop() if found else "off"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (config(), "warning"),
        (config({"KVM-ABI-011": "error"}), "error"),
        (config({"KVM-ABI": "note"}), "note"),
        (config({"KVM-ABI": "note", "KVM-ABI-011": "error", "KVM": "off"}), "error"),
        (config({"KVM-ABI-011": "off"}), "off"),
        (config({"KVM-ABI-011": "off"}, kvm={"KVM-ABI-011": "note"}), "note"),
        (config(kvm={"KVM-ABI-011": "off"}), "off"),
        (config(kvm={"KVM-ABI-011": "off"}, doc={"KVM": "note"}), "note"),
        (config(other={"KVM-ABI-011": "off"}), "warning"),
        (config(kvm={"KVM-DOC": "off"}), "warning"),
    ],
)
def test_who_wins(run, rules, settings, expected):
    assert graded(run, rules, settings) == expected


def test_what_a_rule_grades_down_itself_is_never_raised(run, rules):
    assert graded(run, rules, config({"KVM-ABI-011": "error"}), Severity.NOTE) == "note"
    assert graded(run, rules, config({"KVM-ABI-011": "off"}), Severity.NOTE) == "off"


def test_a_code_that_no_rule_has_is_an_error_even_when_the_list_is_not_addressed(run, rules):
    for settings in (config({"KVM-ABI-999": "off"}), config(other={"KVN": "off"})):
        with pytest.raises(UserError, match="no rule has code or prefix 'KV"):
            adjust(run.check, rules, run.series, settings)


def test_the_report_says_what_was_changed_and_by_whom(run, rules):
    settings = config({"KVM-ABI-011": "note"}, kvm={"KVM-QUIRK": "off", "KVM-ABI-011": "off"})
    changed = replace(run, check=adjust(run.check, rules, run.series, settings))
    changed = replace(changed, verdict=judge.run(changed))
    said = report.run(changed, "text", report.settings(Config())).decode()
    row = said[said.index("\nSeverity ") :]
    assert "KVM-ABI-011 is off for KVM@VGER.KERNEL.ORG: 1 warning left out" in " ".join(row.split())
    assert "[KVM-ABI-011]" not in said
    softer = replace(
        run, check=adjust(run.check, rules, run.series, config({"KVM-ABI-011": "note"}))
    )
    said = report.run(softer, "text", report.settings(Config())).decode()
    assert "KVM-ABI-011 is a note, not a warning, by the settings" in " ".join(said.split())
    html = report.run(changed, "html", report.settings(Config())).decode()
    assert "KVM-ABI-011 is off" in html


def test_nothing_is_said_when_nothing_changes(run, rules):
    for settings in (config({"KVM-ABI-011": "warning"}), config({"KVM-CAP": "off"})):
        assert adjust(run.check, rules, run.series, settings).adjusted == ()


def test_what_authors_ask_in_vain_and_why_is_shown_without_its_escapes(run):
    check = CheckResult(
        findings=(),
        facts=(),
        outcomes=run.check.outcomes,
        ignored=((run.check.findings[0], "because \x1b]52;c;x\x07 <script>\u202e"),),
        refused=(("KVM-*", "too wide"),),
    )
    changed = replace(run, check=check)
    changed = replace(changed, verdict=judge.run(changed))
    for form in ("text", "html"):
        said = report.run(changed, form, report.settings(Config())).decode()
        assert "KVM-* not honoured: too wide" in " ".join(said.split())
        assert "\x1b" not in said
        assert "\u202e" not in said
    assert "<script>" not in said
