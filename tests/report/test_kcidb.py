# SPDX-License-Identifier: GPL-2.0-only
"""KCIDB: valid by KernelCI's own package, honest about what failed, and silent about this host."""

import hashlib
import json
import subprocess
from dataclasses import replace

import kcidb_io
import pytest
import sample_runs
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.base import BaseRule
from reviewbot.model.build import VariantBuild
from reviewbot.model.config import Config, KcidbConfig, LabConfig, TreeConfig
from reviewbot.model.guest import BootResult, Outcome
from reviewbot.model.status import Status
from reviewbot.model.test import Change, Why
from reviewbot.stages import report, report_kcidb

V5_3 = kcidb_io.schema.V5_3
HOSTILE = "a \x00\x1b]52;c;x\x07 \ud800 \u202e <script> \r\n%s"


def submission(run, **settings):
    text = report_kcidb.kcidb(run, report_kcidb.KcidbSettings(**settings))
    assert text.isascii()
    assert b"\x1b" not in text
    said = json.loads(text)
    V5_3.validate_exactly(said)
    for kind in ("checkouts", "builds", "tests"):
        ids = [one["id"] for one in said.get(kind, ())]
        assert len(ids) == len(set(ids)), f"an id of {kind} is used twice"
    checkouts = {one["id"] for one in said.get("checkouts", ())}
    builds = {one["id"] for one in said.get("builds", ())}
    assert {one["checkout_id"] for one in said.get("builds", ())} <= checkouts
    assert {one["build_id"] for one in said.get("tests", ())} <= builds
    return said


def of_base(said):
    return next(one for one in said["checkouts"] if one["id"].endswith("-0000"))


def of_series(said):
    return said["checkouts"][-1]


@pytest.mark.parametrize("name", sample_runs.CASES)
def test_every_kind_of_run_is_valid(name):
    run = sample_runs.CASES[name]()
    said = submission(run)
    assert bool(said.get("checkouts")) == (run.series is not None and run.base is not None)


def test_it_is_a_format_of_reports():
    config = Config(
        kcidb=KcidbConfig(origin="kvm_bot"),
        trees={"kvm-x86": TreeConfig(path="/srv/linux", url="https://git.example.org/linux.git")},
    )
    run = sample_runs.CASES["regression"]()
    said = json.loads(report.run(run, "kcidb", report.settings(config)))
    V5_3.validate_exactly(said)
    assert {one["origin"] for one in said["tests"]} == {"kvm_bot"}
    assert of_series(said)["git_repository_url"] == "https://git.example.org/linux.git"
    assert {one["architecture"] for one in said["builds"]} == {"x86_64"}


def test_a_profile_that_does_not_load_costs_the_architecture_only(tmp_path):
    config = Config(lab=LabConfig(profile=str(tmp_path / "gone.toml")))
    settings = report_kcidb.settings(config)
    assert settings == report_kcidb.settings(Config())


def test_the_same_run_has_the_same_ids_and_another_review_has_its_own():
    run = sample_runs.CASES["regression"]()
    assert submission(run) == submission(run)
    again = submission(replace(run, id="20260117-080000-9999"))
    ids = {one["id"] for one in submission(run)["tests"]}
    assert ids.isdisjoint(one["id"] for one in again["tests"])


def test_checkouts_are_the_base_and_every_patch_on_it():
    run = sample_runs.CASES["clean"]()
    said = submission(run)
    assert [one["misc"]["reviewbot"]["patches"] for one in said["checkouts"]] == list(range(9))
    assert of_base(said)["patchset_hash"] == ""
    assert "message_id" not in of_base(said), "the base was introduced by no mail"
    assert of_series(said)["message_id"] == run.series.message_id
    assert of_series(said)["git_commit_hash"] == sample_runs.TIP
    assert all(one["valid"] for one in said["checkouts"])


def test_the_hash_of_patches_is_what_the_schema_says(tmp_path):
    patches = tuple(
        replace(sample_runs.patch(n), diff=f"diff --git a/{n} b/{n}\n+caf\udce9\n") for n in (1, 2)
    )
    for patch in patches:
        (tmp_path / f"{patch.number}.patch").write_bytes(
            patch.diff.encode("utf-8", "surrogateescape")
        )
    done = subprocess.run(
        ["sh", "-c", "sha256sum *.patch | cut -c-64 | sha256sum | cut -c-64"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
        text=True,
    )
    assert report_kcidb.patchset_hash(patches) == done.stdout.strip()
    assert report_kcidb.patchset_hash(()) != hashlib.sha256(b"").hexdigest()


def test_a_conflict_is_a_checkout_that_is_not_valid():
    said = submission(sample_runs.CASES["conflict"]())
    assert of_series(said)["valid"] is False
    assert "does not apply" in of_series(said)["log_excerpt"]
    assert not said["builds"]


def test_prerequisites_are_not_taken_for_the_series():
    run = sample_runs.CASES["clean"]()
    mine = "9" * 40
    run = replace(run, base=replace(run.base, rule=BaseRule.PREREQUISITES, commit=mine))
    said = submission(run)
    assert of_series(said)["git_commit_hash"] == run.series.base_commit
    assert "patchset_hash" not in of_series(said)
    assert mine not in json.dumps(said)


def test_broken_builds_are_failures_of_their_patch_only():
    said = submission(sample_runs.CASES["build_error"]())
    by_patch = {one["misc"]["reviewbot"]["patch"]: one for one in said["builds"]}
    assert by_patch[4]["status"] == "FAIL"
    assert "implicit declaration of function" in by_patch[4]["log_excerpt"]
    assert {one["status"] for n, one in by_patch.items() if n != 4} == {"PASS"}


def test_other_configurations_are_builds_of_the_whole_series():
    said = submission(with_variants(), architectures={"kvm": "x86_64", "kvm/arm64": "arm64"})
    found = {one["id"].rpartition("-0008-")[2]: one for one in said["builds"][9:]}
    assert {name: one["status"] for name, one in found.items()} == {
        "clang": "PASS",
        "arm64": "FAIL",
    }
    assert found["arm64"]["architecture"] == "arm64"
    assert "architecture" not in found["clang"]
    assert "implicit declaration" in found["arm64"]["log_excerpt"]
    settings = report_kcidb.settings(Config())
    assert settings.architectures["kvm"] == "x86_64"
    assert set(settings.architectures.values()) > {"x86_64"}


def with_variants():
    (broken,) = (b for b in sample_runs.CASES["build_error"]().build.patches if b.new)
    run = sample_runs.CASES["clean"]()
    made = [
        VariantBuild(name=name, status=status, compiler="clang 14", command="make", **more)
        for name, status, more in (
            ("clang", Status.PASS, {}),
            ("arm64", Status.FAIL, {"new": broken.new}),
            ("s390", Status.INFRA, {"reason": "no compiler in /srv/secret"}),
        )
    ]
    run = replace(run, build=replace(run.build, variants=tuple(made)))
    return sample_runs.replace_verdict(run)


def test_a_wrong_base_says_nothing_about_the_series():
    said = submission(sample_runs.CASES["wrong_base"]())
    by_patch = {one["misc"]["reviewbot"]["patch"]: one for one in said["builds"]}
    assert by_patch[8]["status"] == "MISS"
    assert "vm_enable_npt" in by_patch[8]["comment"]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (Status.PASS, "PASS"),
        (Status.FAIL, "FAIL"),
        (Status.SKIP, "SKIP"),
        (Status.CRASH, "FAIL"),
        (Status.TIMEOUT, "ERROR"),
        (Status.INFRA, "MISS"),
    ],
)
def test_words_for_tests(status, word):
    delta = sample_runs.delta("x86/state_test", Change.SAME, (status,), (status,))
    run = replace(sample_runs.CASES["clean"](), tests=sample_runs.report_of(delta))
    tests = [one for one in submission(run)["tests"] if one["path"] != "boot"]
    assert [one["status"] for one in tests] == [word, word]
    assert {one["path"] for one in tests} == {"kselftest.kvm.x86.state_test"}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("kvm-unit-tests/realmode", "kvm-unit-tests.realmode"),
        ("x86/state_test [npt=0]", "kselftest.kvm.x86.state_test_npt_0_"),
    ],
)
def test_paths_of_other_tests(name, path):
    delta = sample_runs.delta(name, Change.SAME, (Status.PASS,), (Status.PASS,))
    run = replace(sample_runs.CASES["clean"](), tests=sample_runs.report_of(delta))
    tests = [one for one in submission(run)["tests"] if one["path"] != "boot"]
    assert {one["path"] for one in tests} == {path}


def test_a_confirmed_hang_is_a_failure_of_the_series():
    delta = sample_runs.delta(
        "x86/state_test", Change.REGRESSION, (Status.PASS,) * 3, (Status.TIMEOUT,) * 3
    )
    run = replace(sample_runs.CASES["clean"](), tests=sample_runs.report_of(delta))
    tests = [one for one in submission(run)["tests"] if one["path"] != "boot"]
    assert [one["status"] for one in tests] == ["PASS"] * 3 + ["FAIL"] * 3


def test_a_new_test_is_not_held_against_the_base():
    said = submission(sample_runs.CASES["new_test_fails"]())
    new = [
        one
        for one in said["tests"]
        if one["path"] != "boot" and one["misc"]["reviewbot"]["why"] == Why.ADDED
    ]
    assert new
    assert all(one["build_id"].endswith("-0008") for one in new)


def test_crashes_are_never_hidden():
    said = submission(sample_runs.CASES["crash"]())
    crash = next(one for one in said["tests"] if one["path"].endswith(".console"))
    assert crash["status"] == "FAIL"
    assert "svm_set_nested_state" in crash["log_excerpt"]


@pytest.mark.parametrize(
    ("outcome", "word"),
    [(Outcome.PANIC, "FAIL"), (Outcome.LOST, "FAIL"), (Outcome.INFRA, "MISS")],
)
def test_words_for_boots(outcome, word):
    boot = BootResult(
        outcome=outcome,
        seconds=3.0,
        boot_seconds=None,
        command="/opt/qemu -kernel /srv/secret",
        console="",
        last_lines=("Kernel panic",),
    )
    run = replace(sample_runs.CASES["clean"](), boot=boot, tests=None)
    (test,) = submission(run)["tests"]
    assert (test["path"], test["status"]) == ("boot", word)


def test_nothing_of_this_host_is_told():
    secret = "/srv/secret"  # noqa: S105 - a place
    run = sample_runs.CASES["regression"]()
    host = replace(run.tests.host, qemu=f"{secret}/qemu", why=secret)
    run = replace(
        run,
        request=secret,
        base=replace(run.base, path=secret, why=secret),
        applied=replace(run.applied, repository=secret),
        build=replace(run.build, reason=secret),
        boot=replace(run.boot, command=f"{secret}/qemu"),
        tests=replace(run.tests, host=host, unavailable=secret),
        failures=(("build", f"disk full: {secret}"),),
    )
    assert secret not in json.dumps(submission(sample_runs.replace_verdict(run)))


@given(
    text=st.text(max_size=60).map(lambda text: text + HOSTILE),
    name=st.text(max_size=30).map(lambda text: f"x86/{text}"),
)
def test_hostile_text_stays_valid(text, name):
    run = sample_runs.CASES["crash"]()
    delta = sample_runs.delta(
        name, Change.NEW_FAIL, (Status.FAIL,), (Status.FAIL,), assertion=text, output=(text,) * 9000
    )
    cover = replace(run.series.cover, message_id=text)
    finding = replace(sample_runs.BIT, title=text, code=text)
    run = replace(
        run,
        series=replace(run.series, title=text, cover=cover),
        base=replace(run.base, tree=text, ref=text, tip=text),
        check=replace(run.check, findings=(finding,)),
        build=replace(run.build, profile=text, compiler=text, config_name=text),
        tests=replace(run.tests, deltas=(delta,)),
        new_crashes=(replace(sample_runs.CRASH, title=text, excerpt=(text,)),),
    )
    assert submission(run)["tests"]


def test_an_origin_that_the_schema_does_not_allow_is_refused():
    with pytest.raises(ValueError, match="only a-z"):
        report_kcidb.kcidb(
            sample_runs.CASES["clean"](), report_kcidb.KcidbSettings(origin="Review Bot")
        )
