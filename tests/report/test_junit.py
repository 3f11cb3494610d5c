# SPDX-License-Identifier: GPL-2.0-only
"""JUnit XML: read by an independent parser, blames what the verdict blames, harmless in any case."""

import os
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import junitparser
import pytest
import sample_runs
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.build import VariantBuild
from reviewbot.model.config import Config
from reviewbot.model.guest import Outcome
from reviewbot.model.status import Status
from reviewbot.model.test import Change
from reviewbot.stages import judge, report

# junit-10.xsd of Jenkins' xUnit plugin in a table: element -> (children, attributes, required ones).
CASE = {"skipped", "error", "failure", "system-out"}
SCHEMA = {
    "testsuites": ({"testsuite"}, {"name", "time", "tests", "failures", "errors"}, set()),
    "testsuite": (
        {"properties", "testcase"},
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
        {"name", "tests", "failures", "errors"},
    ),
    "properties": ({"property"}, set(), set()),
    "property": (set(), {"name", "value"}, {"name", "value"}),
    "testcase": (CASE, {"name", "time", "classname"}, {"name"}),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}
TIME = re.compile(r"\d+\.\d{3}")


def rendered(run):
    text = report.run(run, "junit", report.settings(Config()))
    assert text.isascii()
    assert b"\x1b" not in text
    top = ET.fromstring(text)  # noqa: S314 - our own
    assert top.tag == "testsuites"
    for element in top.iter():
        children, attributes, required = SCHEMA[element.tag]
        assert {child.tag for child in element} <= children, element.tag
        assert required <= set(element.attrib) <= attributes, element.tag
        assert TIME.fullmatch(element.get("time", "0.000"))
    for suite in top:
        cases = suite.findall("testcase")
        said = {
            "tests": len(cases),
            "failures": len(suite.findall("testcase/failure")),
            "errors": len(suite.findall("testcase/error")),
            "skipped": len(suite.findall("testcase/skipped")),
        }
        assert {name: int(suite.get(name)) for name in said} == said
    return text, top


def cases(run):
    """{name: (kind, message)} of every testcase; kind "" is passed."""
    _, top = rendered(run)
    found = {}
    for case in top.iter("testcase"):
        child = next((child for child in case if child.tag != "system-out"), None)
        said = ("", "") if child is None else (child.tag, child.get("message", ""))
        found[case.get("name")] = said
    return found


@pytest.mark.parametrize("name", sample_runs.CASES)
def test_every_kind_of_run_is_valid_and_never_empty(name):
    run = sample_runs.CASES[name]()
    text, top = rendered(run)
    read = junitparser.JUnitXml.fromstring(text)
    assert sum(len(list(suite)) for suite in read) == int(top.get("tests")) > 0
    assert read.errors == int(top.get("errors"))
    assert read.failures == int(top.get("failures"))


def test_jenkins_schema_accepts_it():
    place = os.environ.get("REVIEWBOT_JUNIT_XSD")
    if not place:
        pytest.skip("set REVIEWBOT_JUNIT_XSD to junit-10.xsd of Jenkins' xUnit plugin; needs lxml")
    etree = pytest.importorskip("lxml.etree")
    schema = etree.XMLSchema(etree.parse(place))
    for made in sample_runs.CASES.values():
        schema.assertValid(etree.fromstring(rendered(made())[0]))


def test_a_clean_run_has_no_failure():
    _, top = rendered(sample_runs.CASES["clean"]())
    assert (top.get("failures"), top.get("errors")) == ("0", "0")


def test_a_regression_is_a_failure():
    found = cases(sample_runs.CASES["regression"]())
    assert [name for name, (kind, _) in found.items() if kind == "failure"] == ["x86/state_test"]


def test_a_broken_patch_is_a_failure_and_a_wrong_base_is_none():
    assert cases(sample_runs.CASES["build_error"]())["4/8"] == ("failure", "does not build")
    found = cases(sample_runs.CASES["wrong_base"]())
    assert found["8/8"] == ("skipped", "wrong base")
    assert not [name for name, (kind, _) in found.items() if kind == "failure"]


def test_other_configurations_are_cases():
    run = sample_runs.CASES["clean"]()
    made = tuple(
        VariantBuild(name=name, status=status, compiler="", command="", reason="no compiler")
        for name, status in (("a", Status.PASS), ("b", Status.FAIL), ("c", Status.INFRA))
    )
    found = cases(replace(run, build=replace(run.build, variants=made)))
    kinds = {name: found[f"tip, {name}"] for name in "abc"}
    assert kinds == {
        "a": ("", ""),
        "b": ("failure", "does not build"),
        "c": ("skipped", "no compiler"),
    }


def test_a_crash_is_a_failure_of_its_own():
    found = cases(sample_runs.CASES["crash"]())
    assert found["WARNING in svm_set_nested_state"][0] == "failure"


@pytest.mark.parametrize(
    ("change", "base", "tip", "kind"),
    [
        (Change.SAME, (Status.PASS,), (Status.PASS,), ""),
        (Change.SAME, (Status.FAIL,), (Status.FAIL,), "skipped"),
        (Change.SAME, (Status.SKIP,), (Status.SKIP,), "skipped"),
        (Change.FIXED, (Status.FAIL,), (Status.PASS,), ""),
        (Change.FLAKY, (Status.PASS, Status.FAIL), (Status.FAIL, Status.PASS), "skipped"),
        (Change.UNCONFIRMED, (Status.PASS,), (Status.FAIL,), "skipped"),
        (Change.DIFFERENT, (Status.FAIL,), (Status.FAIL,), "skipped"),
        (Change.UNKNOWN, (), (Status.INFRA,), "error"),
        (Change.NEW_FAIL, (Status.FAIL,), (Status.CRASH,), "failure"),
        (Change.NEW_SKIP, (Status.SKIP,), (Status.SKIP,), "skipped"),
    ],
)
def test_what_counts_as_a_failure(change, base, tip, kind):
    delta = sample_runs.delta("x86/one", change, base, tip, note="why")
    run = replace(sample_runs.CASES["clean"](), tests=sample_runs.report_of(delta))
    assert cases(run)["x86/one"][0] == kind


def test_silence_is_no_pass():
    found = cases(sample_runs.CASES["only_rules"]())
    assert found == {"selftests": ("skipped", "no selftest was compared: --only-rules")}
    assert cases(sample_runs.CASES["infra"]())["build"][0] == "error"
    assert cases(sample_runs.CASES["conflict"]())["apply"][0] == "failure"


@pytest.mark.parametrize(
    "changes",
    [
        {"base_boot": replace(sample_runs.BOOT, outcome=Outcome.HUNG), "boot": None, "tests": None},
        {"boot": replace(sample_runs.BOOT, outcome=Outcome.INFRA), "tests": None},
    ],
    ids=["base does not boot", "guest not started"],
)
def test_what_the_verdict_calls_our_failure_is_an_error(changes):
    run = replace(sample_runs.CASES["clean"](), **changes)
    assert judge.run(run).exit_code == 3
    assert cases(run)["boot"][0] == "error"


@given(text=st.text(max_size=80).map(lambda text: text + "\x00\x1b]0;\x07\ud800\ufffe]]><x a='\"&"))
def test_hostile_text_stays_text(text):
    run = sample_runs.CASES["crash"]()
    delta = sample_runs.delta(
        text, Change.NEW_FAIL, (Status.FAIL,), (Status.FAIL,), assertion=text, output=(text,)
    )
    run = replace(
        run,
        series=replace(run.series, title=text),
        tests=replace(run.tests, deltas=(delta,)),
        new_crashes=(replace(sample_runs.CRASH, title=text, excerpt=(text,)),),
    )
    assert len(cases(run)) >= 2
