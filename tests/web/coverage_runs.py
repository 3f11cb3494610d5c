# SPDX-License-Identifier: GPL-2.0-only
"""A review that counted which added lines ran."""

from dataclasses import replace

from sample_runs import NESTED, SVM, findings, patch

from reviewbot.model.coverage import AddedCode, PatchCoverage
from reviewbot.model.run import Run
from reviewbot.parse.diff import parse_diff


def _adds(path: str, at: int, lines: tuple[str, ...]) -> str:
    added = "".join(f"+{line}\n" for line in lines)
    return (
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -{at},2 +{at},{2 + len(lines)} @@ static int f(void)\n before\n{added} after\n"
    )


def counted() -> Run:
    """Patch 1 adds lines 11-14 of nested.c, patch 2 two lines above them: at the tip they are 13-16."""
    run = findings()
    assert run.series
    first = parse_diff(_adds(NESTED, 10, ("int a;", "a = b();", "if (a)", "\treturn c();")))
    second = parse_diff(_adds(NESTED, 2, ("x = y();", "z(x);")) + _adds(SVM, 5, ("svm();",)))
    patches = (replace(patch(1), files=first), replace(patch(2), files=second))
    code = (
        AddedCode(
            path=NESTED, function="nested_one", lines=3, executed=2, missed=((16, 16),),
            counted=((14, 16),),
        ),
        AddedCode(
            path=NESTED, function="nested_two", lines=2, executed=2, missed=(), counted=((3, 4),)
        ),
        AddedCode(
            path=SVM, function="<b>svm", lines=1, executed=0, missed=((6, 6),), loaded=False,
            counted=((6, 6),),
        ),
    )  # fmt: skip
    return replace(
        run,
        series=replace(run.series, patches=patches, total=2, title="coverage of lines"),
        coverage=PatchCoverage(code=code, tests=("t", "u"), vendor="amd", emulated=True),
    )
