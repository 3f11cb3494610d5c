# SPDX-License-Identifier: GPL-2.0-only
"""What verdict and report say of other configurations."""

from dataclasses import replace

import sample_runs

from reviewbot.model.build import Diagnostic, Level, VariantBuild
from reviewbot.model.config import Config
from reviewbot.model.run import Run
from reviewbot.model.status import Status
from reviewbot.stages import judge, report

MESSAGE = Diagnostic(
    path="arch/x86/kvm/mmu/mmu.c",
    line=7,
    column=2,
    level=Level.ERROR,
    message="implicit declaration of function 'kvm_hv_nothing'",
)


def variant(name: str, status: Status = Status.PASS, **more: object) -> VariantBuild:
    made = VariantBuild(name=name, status=status, compiler="gcc 12", command="make")
    return replace(made, **more)  # type: ignore[arg-type]


def run_with(*variants: VariantBuild) -> Run:
    run = sample_runs.clean()
    assert run.build
    run = replace(run, build=replace(run.build, variants=variants))
    return replace(run, verdict=judge.run(run))


def said(run: Run) -> str:
    return " ".join(report.run(run, "text", report.settings(Config())).decode().split())


def test_good_ones_and_those_not_tried_are_one_row() -> None:
    why = {"status": Status.INFRA, "reason": "no clang"}
    run = run_with(
        variant("i386"), variant("!KVM_SMM"), variant("clang", **why), variant("arm64", **why)
    )
    assert run.verdict == sample_runs.clean().verdict
    row = "Also built i386, !KVM_SMM: no new message; no result: clang, arm64 (no clang)"
    assert row in said(run)


def test_one_that_breaks_is_the_verdict_and_shows_the_message() -> None:
    run = run_with(variant("i386", Status.FAIL, new=(MESSAGE,)), variant("clang"))
    assert run.verdict
    assert run.verdict.line.startswith("does not build with i386")
    assert run.verdict.exit_code == 1
    text = said(run)
    assert "Does not build with i386 (gcc 12), on the series' tip:" in text
    assert "arch/x86/kvm/mmu/mmu.c:7:2: error: implicit declaration" in text


def test_new_warnings_there_count() -> None:
    warning = replace(MESSAGE, level=Level.WARNING)
    run = run_with(variant("clang", new=(warning,)))
    assert run.verdict
    assert run.verdict.line.startswith("new compiler warnings with clang")
    note = replace(MESSAGE, level=Level.NOTE)
    assert run_with(variant("clang", new=(note,))).verdict == sample_runs.clean().verdict
