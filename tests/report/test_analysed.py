# SPDX-License-Identifier: GPL-2.0-only
"""What verdict and report say of sparse, kernel-doc, exports and Kconfig."""

from dataclasses import replace

import sample_runs

from reviewbot.model.analysis import Analysis, ConfigSymbol, Export, Reach, ToolReport
from reviewbot.model.config import Config
from reviewbot.model.run import Run
from reviewbot.model.status import Status
from reviewbot.stages import judge, patchwork_checks, report, report_junit


def run_with(**found: object) -> Run:
    run = replace(sample_runs.clean(), analysis=Analysis(**found))  # type: ignore[arg-type]
    return replace(run, verdict=judge.run(run))


def analysed() -> Analysis:
    found = sample_runs.analysed().analysis
    assert found
    return found


def said(run: Run) -> str:
    return " ".join(report.run(run, "text", report.settings(Config())).decode().split())


def ran(name: str) -> ToolReport:
    return ToolReport(name=name, status=Status.PASS, files=("a.c",))


def test_nothing_new_is_one_short_line() -> None:
    run = run_with(tools=(ran("sparse"), ran("kernel-doc")))
    assert run.verdict == sample_runs.clean().verdict
    text = said(run)
    assert "Analysed sparse, kernel-doc: no new message Booted" in text
    assert "see below" not in text


def test_nothing_to_look_at_is_not_mentioned() -> None:
    assert "Analysed" not in said(run_with())


def test_what_was_not_checked_is_said_and_not_judged() -> None:
    missing = ToolReport(name="sparse", status=Status.SKIP, reason="not installed; Debian: sparse")
    run = run_with(tools=(missing, ran("kernel-doc")))
    assert run.verdict == sample_runs.clean().verdict
    row = "kernel-doc: no new message; not checked: sparse (not installed; Debian: sparse)"
    assert row in said(run)
    assert "not checked: the disk is full" in said(run_with(unavailable="the disk is full"))


def test_only_sparse_on_added_lines_and_hopeless_symbols_count() -> None:
    found = analysed()
    sparse, documents, _ = found.tools
    symbols = tuple(one for one in found.symbols if one.reach is not Reach.NEVER)
    notes = (replace(sparse, added=(), elsewhere=sparse.added), documents)
    run = run_with(tools=notes, exports=found.exports, symbols=symbols)
    assert run.verdict == sample_runs.clean().verdict
    assert "on lines that the series leaves alone; not counted:" in said(run)
    assert run_with(tools=(sparse,)).verdict != run.verdict
    never = run_with(symbols=found.symbols).verdict
    assert never
    assert never.line.startswith("CONFIG_KVM_GPAT_DEBUG cannot be set")
    assert never.exit_code == 1


def test_long_lists_are_cut() -> None:
    exports = tuple(Export(name=f"kvm_{number}", module="kvm.ko") for number in range(40))
    text = said(run_with(exports=exports))
    assert "40 symbols newly exported (see below)" in text
    assert "kvm_11 by" in text
    assert "kvm_12 by" not in text
    assert "[... and 28 more]" in text


def test_names_of_strangers_stay_on_their_line() -> None:
    symbol = ConfigSymbol(
        name="X", path="arch/x86/kvm/Kconfig\n\x1b[31m", line=1, reach=Reach.NEVER, why="a\nb"
    )
    text = report.run(run_with(symbols=(symbol,)), "text", report.settings(Config())).decode()
    assert "\x1b" not in text
    assert "a b\n" in text


def test_every_command_is_on_the_page() -> None:
    page = report.run(sample_runs.analysed(), "html", report.settings(Config())).decode()
    for tool in analysed().tools:
        for line in tool.command.split("\n"):
            assert line.strip() in page


def test_other_formats_have_it() -> None:
    run = sample_runs.analysed()
    page = report_junit.junit(run).decode()
    assert 'name="tip, sparse"' in page
    assert "no answer within 300 s" in page
    checks = patchwork_checks.checks(run, "https://example.org/%s").values()
    assert any("1 new sparse warning" in check.description for check in checks)
