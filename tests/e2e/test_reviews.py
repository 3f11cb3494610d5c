# SPDX-License-Identifier: GPL-2.0-only
"""Whole reviews on the real tree: each shipped series has one known outcome, and that comes out.

docs/example/README.md and tests/fixtures/series/README.md say why.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs/example/nsvm-gpat.mbox"
SMALL = ROOT / "tests/fixtures/series"

Review = Callable[..., tuple[int, dict[str, Any]]]


def deltas(run: dict[str, Any]) -> dict[str, str]:
    assert run["tests"], f"nothing was tested: {run['failures']} {run['skipped']}"
    return {delta["test"]["name"]: delta["change"] for delta in run["tests"]["deltas"]}


def regressions(run: dict[str, Any]) -> list[str]:
    return [name for name, change in deltas(run).items() if change == "regression"]


def test_the_example_finds_what_it_must(review: Review) -> None:
    code, run = review(EXAMPLE)
    found = {(f["patch"], f["code"], f["severity"]) for f in run["check"]["findings"]}
    serious = {entry for entry in found if entry[2] != "note"}
    assert (1, "KVM-QUIRK-001", "error") in found
    assert (3, "KVM-ABI-011", "warning") in found
    allowed = {
        (1, "KVM-QUIRK-001", "error"),
        (3, "KVM-ABI-011", "warning"),
        (3, "KVM-ABI-005", "warning"),
        (3, "KVM-DOC-001", "error"),
    }
    assert serious <= allowed, f"false findings: {serious - allowed}"
    assert any("96 left" in fact["text"] for fact in run["check"]["facts"])
    assert code == 1


def test_the_example_builds_boots_and_passes_its_own_test(review: Review) -> None:
    _, run = review(EXAMPLE)
    assert [patch["status"] for patch in run["build"]["patches"]] == ["pass"] * 4
    assert not [patch["new"] for patch in run["build"]["patches"] if patch["new"]]
    assert run["boot"]["outcome"] == "finished"
    assert deltas(run)["x86_64/svm_nested_pat_test"] == "new, passes"
    assert regressions(run) == []
    assert run["new_crashes"] == []


def test_a_second_review_reuses_what_the_first_one_did(review: Review) -> None:
    _, first = review(EXAMPLE)
    _, again = review(EXAMPLE, "--until", "compare")
    spent = sum(t["seconds"] for t in again["times"] if t["stage"] in ("build", "test", "compare"))
    assert spent < 60, f"{spent:.0f} s: results of the first run were not taken up"
    assert deltas(first) == deltas(again)


def test_a_regression_is_confirmed_and_blamed_on_the_series(review: Review) -> None:
    code, run = review(SMALL / "regression.mbox")
    assert regressions(run) == ["x86_64/svm_int_ctl_test"]
    assert run["new_crashes"] == []
    assert "regression" in run["verdict"]["line"]
    assert code == 1


def test_a_warning_on_the_console_is_found_though_every_test_passes(review: Review) -> None:
    code, run = review(SMALL / "oops.mbox")
    assert regressions(run) == []
    (crash,) = [one for one in run["new_crashes"] if "nested_svm_vmrun" in one["title"]]
    places = {line.partition("+0x")[0].split(":")[-1].strip(): line for line in crash["excerpt"]}
    # The WARN_ON_ONCE() of the patch, and who called it.
    assert places["nested_svm_vmrun"].endswith("[kvm_amd] (arch/x86/kvm/svm/nested.c:887)")
    assert "(arch/x86/kvm/x86.c:" in places["kvm_arch_vcpu_ioctl_run"]
    assert code == 1


def test_what_breaks_with_other_module_parameters_only_is_found(review: Review) -> None:
    code, run = review(SMALL / "shadow-paging.mbox")
    assert regressions(run)
    assert all(name.endswith(" [npt=0]") for name in regressions(run))
    assert code == 1


def test_a_selftest_that_no_longer_builds_is_a_finding(review: Review) -> None:
    code, run = review(SMALL / "selftest-break.mbox")
    assert [one["name"] for one in run["tests"]["unbuilt"]] == ["x86_64/xcr0_cpuid_test"]
    assert "supported_xcr0" in run["tests"]["unbuilt"][0]["reason"]
    assert run["verdict"]["line"].startswith("selftest x86_64/xcr0_cpuid_test does not build")
    assert code == 1


def test_a_wrong_base_is_not_the_authors_bug(review: Review) -> None:
    code, run = review(SMALL / "wrong-base.mbox", "--until", "build")
    assert "nested_vmcb12_has_lbrv" in run["build"]["missing_symbols"]
    assert run["verdict"]["kind"] == "wrong base"
    assert code == 2


def test_a_patch_that_breaks_bisection(review: Review) -> None:
    code, run = review(SMALL / "build-break.mbox", "--until", "build")
    assert [patch["status"] for patch in run["build"]["patches"]] == ["fail", "pass"]
    assert run["build"]["missing_symbols"] == []
    assert code == 1


def test_a_new_warning_is_found_where_it_is_new(review: Review) -> None:
    code, run = review(SMALL / "warning.mbox", "--until", "build")
    (patch,) = run["build"]["patches"]
    assert [(d["path"], d["level"]) for d in patch["new"]] == [
        ("arch/x86/kvm/svm/nested.c", "warning")
    ]
    assert "nested_npt" in patch["new"][0]["message"]
    assert code == 1
