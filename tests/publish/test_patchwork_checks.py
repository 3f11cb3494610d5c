# SPDX-License-Identifier: GPL-2.0-only
"""Which check each patch gets: what is said of it, no more and no less."""

from dataclasses import replace

import pytest
import sample_runs
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.build import VariantBuild
from reviewbot.model.guest import Outcome
from reviewbot.model.publication import CheckState
from reviewbot.model.status import Status
from reviewbot.model.test import Change
from reviewbot.stages import patchwork_checks

F, P, S, W = (CheckState.FAIL, CheckState.PENDING, CheckState.SUCCESS, CheckState.WARNING)
ALL = tuple(range(1, 9))


def by_number(run):
    checks = patchwork_checks.checks(run, "https://lore.example.org/kvm/%s/")
    return {patch.number: checks[patch.message_id] for patch in run.series.patches}


# name: (state of the patches that are named, those patches, state of the others)
EXPECTED = {
    "clean": (S, ALL, S),
    "only_notes": (S, ALL, S),
    "build_warning": (W, (6,), S),
    "build_error": (F, (4,), S),
    "regression": (F, ALL, F),
    "crash": (F, ALL, F),
    "new_test_fails": (F, ALL, F),
    "wrong_base": (W, ALL, W),
    "base_does_not_build": (W, ALL, W),
    "conflict": (W, ALL, W),
    "partial": (W, ALL, W),
    "infra": (P, ALL, P),
    "infra_and_findings": (W, ALL, W),
    "only_rules": (W, (6,), S),
    "single_patch": (F, (1,), F),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_kind_of_run(name):
    state, numbers, others = EXPECTED[name]
    for number, check in by_number(sample_runs.CASES[name]()).items():
        assert check.state is (state if number in numbers else others), (number, check)
        assert check.description


def test_errors_fail_and_warnings_warn_where_they_are():
    found = by_number(sample_runs.CASES["findings"]())
    assert {n: check.state for n, check in found.items()} == dict.fromkeys(ALL, S) | {4: F, 6: W}
    assert found[4].description == "KVM-MSR-003: read of IA32_PAT bypasses the MSR filter"
    assert found[7].description.startswith("1 note; ")


def test_a_finding_about_the_series_is_said_of_every_patch():
    run = sample_runs.CASES["clean"]()
    whole = replace(sample_runs.BIT, patch=0)
    run = sample_runs.replace_verdict(replace(run, check=sample_runs.checked(whole)))
    assert {check.state for check in by_number(run).values()} == {W}


def test_many_findings_are_counted():
    found = by_number(sample_runs.CASES["many_findings"]())[6]
    assert found.description.startswith("31 warnings; KVM-ABI-020: ")
    assert len(found.description) <= patchwork_checks.LONGEST


def test_success_says_what_it_rests_on():
    said = by_number(sample_runs.CASES["clean"]())[1].description
    assert said == "nothing found; built; 5 selftests compared with the base"
    said = by_number(sample_runs.CASES["only_rules"]())[1].description
    assert said == "nothing found; not built, not tested"


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        (Change.SAME, Status.SKIP, "nothing found; built; every selftest skipped itself"),
        (Change.UNKNOWN, Status.PASS, "nothing found; built; not tested"),
        (
            Change.UNCONFIRMED,
            Status.FAIL,
            "nothing found; built; 1 selftest compared with the base; 1 failure not confirmed",
        ),
    ],
)
def test_success_rests_on_no_test_that_showed_nothing(change, status, said):
    delta = sample_runs.delta("x86/a", change, (Status.PASS,), (status,))
    run = replace(sample_runs.CASES["clean"](), tests=sample_runs.report_of(delta))
    assert by_number(sample_runs.replace_verdict(run))[1].description == said


def test_a_kernel_that_does_not_boot_fails_all():
    run = sample_runs.CASES["clean"]()
    run = replace(run, boot=replace(run.boot, outcome=Outcome.PANIC), tests=None)
    checks = by_number(sample_runs.replace_verdict(run))
    assert {check.state for check in checks.values()} == {F}


@pytest.mark.parametrize(("status", "state"), [(Status.FAIL, F), (Status.PASS, W)])
def test_other_configurations_count(status, state):
    run = sample_runs.CASES["build_warning"]()
    (patch,) = (built for built in run.build.patches if built.new)
    made = VariantBuild(name="arm64", status=status, compiler="", command="", new=patch.new)
    run = sample_runs.CASES["clean"]()
    run = replace(run, build=replace(run.build, variants=(made,)))
    checks = by_number(sample_runs.replace_verdict(run))
    assert {check.state for check in checks.values()} == {state}
    assert "arm64" in checks[1].description


def test_places_of_this_host_are_not_told():
    text = "".join(check.description for check in by_number(sample_runs.CASES["infra"]()).values())
    assert "/" not in text


def test_addresses_hold_any_message_id_and_never_more_than_patchwork_takes():
    url = "https://lore.example.org/kvm/%s/"
    assert patchwork_checks.at(url, "a/../?#%@b c") == (
        "https://lore.example.org/kvm/a%2F..%2F%3F%23%25@b%20c/"
    )
    assert patchwork_checks.at(url, "x" * 200) == ""
    assert patchwork_checks.at("", "a@b") == ""


@given(st.text(max_size=600))
def test_hostile_titles_are_one_short_line(text):
    run = sample_runs.CASES["clean"]()
    hostile = replace(sample_runs.BIT, title=f"\x1b]0;{text}\r\n\u202e", code=text[:20])
    run = sample_runs.replace_verdict(replace(run, check=sample_runs.checked(hostile)))
    said = by_number(run)[6].description
    assert said.isprintable()
    assert len(said) <= patchwork_checks.LONGEST
    assert patchwork_checks.withdrawn(text).description.isprintable()
