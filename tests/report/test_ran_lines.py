# SPDX-License-Identifier: GPL-2.0-only
"""Lines that a patch adds are found again at the series' tip, whatever later patches do around them."""

import difflib
import random
from dataclasses import replace

import pytest
from sample_runs import patch, whole

from reviewbot.model.base import Moved
from reviewbot.model.coverage import AddedCode, PatchCoverage
from reviewbot.parse.diff import parse_diff
from reviewbot.stages.ran_lines import Origin, Ran, origins, ran_lines

PATHS = ("arch/x86/kvm/a.c", "virt/kvm/b.c")


def changed(lines: list[str], rng: random.Random, step: int) -> list[str]:
    """Some lines taken away, some put in; every line is unlike all others."""
    kept = [line for line in lines if rng.random() > 0.08]
    for number in range(rng.randrange(1, 8)):
        at = rng.randrange(len(kept) + 1)
        kept[at:at] = [f"s{step}n{number}l{one};" for one in range(rng.randrange(1, 4))]
    return kept


def diff_of(before: dict[str, list[str]], after: dict[str, list[str]], context: int) -> str:
    text = ""
    for path, old in before.items():
        lines = list(difflib.unified_diff(old, after[path], "", "", n=context, lineterm=""))[2:]
        if lines:
            text += f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
            text += "".join(f"{line}\n" for line in lines)
    return text


def made(seed: int, context: int):
    """A run of five patches, the lines of each after-tree and of the tip; every line of it counts."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    trees = [{path: [f"{path} {n};" for n in range(60)] for path in PATHS}]
    for step in range(1, 6):
        trees.append({path: changed(lines, rng, step) for path, lines in trees[-1].items()})
    patches = tuple(
        replace(patch(step), files=parse_diff(diff_of(trees[step - 1], trees[step], context)))
        for step in range(1, 6)
    )
    code = tuple(
        AddedCode(
            path=path,
            function="f",
            lines=len(lines),
            executed=0,
            missed=tuple((n, n) for n in range(1, len(lines) + 1, 2)),
            counted=((1, len(lines)),),
        )
        for path, lines in trees[-1].items()
    )
    run = whole()
    series = replace(run.series, patches=patches, total=5)
    return replace(run, series=series, coverage=PatchCoverage(code=code)), trees


@pytest.mark.parametrize("context", [0, 1, 3])
@pytest.mark.parametrize("seed", range(8))
def test_added_lines_are_found_at_the_tip(seed, context):
    run, trees = made(seed, context)
    tip = trees[-1]
    found = 0
    for one in run.series.patches:
        told = {(line.path, line.line): line for line in ran_lines(run, one.number)}
        before, after = trees[one.number - 1], trees[one.number]
        for path, lines in after.items():
            for number, text in enumerate(lines, start=1):
                new = text not in before[path]
                assert ((path, number) in told) is (new and text in tip[path]), text
                if new and text in tip[path]:
                    line = told[path, number]
                    assert tip[line.tip_path][line.tip_line - 1] == text
                    assert line.ran is (Ran.NO if line.tip_line % 2 else Ran.YES)
                    found += 1
    assert found > 20


@pytest.mark.parametrize("context", [0, 3])
@pytest.mark.parametrize("seed", range(4))
def test_lines_of_the_tip_lead_back_to_the_patch_that_added_them(seed, context):
    run, trees = made(seed, context)
    wanted = [(path, n) for path, lines in trees[-1].items() for n in range(1, len(lines) + 1)]
    told = origins(run, wanted)
    new = [(path, n) for path, n in wanted if trees[-1][path][n - 1] not in trees[0][path]]
    assert set(told) == set(new)
    for (path, number), origin in told.items():
        text = trees[-1][path][number - 1]
        assert trees[origin.patch][path][origin.line - 1] == text
        assert text not in trees[origin.patch - 1][path]
        assert run.series.patches[origin.patch - 1].files[origin.file].new_path == path


def test_a_renamed_file_and_a_hunk_that_moved_are_followed():
    run = whole()
    first = parse_diff(
        "diff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -10,2 +10,3 @@\n one\n+new\n two\n"
    )
    second = parse_diff(
        "diff --git a/a.c b/b.c\nsimilarity index 90%\nrename from a.c\nrename to b.c\n"
        "--- a/a.c\n+++ b/b.c\n@@ -1,1 +1,2 @@\n+top\n zero\n"
    )
    patches = (replace(patch(1), files=first), replace(patch(2), files=second))
    landed = replace(run.applied.patches[0], moved=(Moved(path="a.c", mailed=10, landed=30),))
    code = AddedCode(path="b.c", function="f", lines=2, executed=0, missed=(), counted=((1, 1), (32, 32)))  # fmt: skip
    run = replace(
        run,
        series=replace(run.series, patches=patches),
        applied=replace(run.applied, patches=(landed, *run.applied.patches[1:])),
        coverage=PatchCoverage(code=(code,)),
    )
    (line,) = ran_lines(run, 1)
    assert (line.path, line.line, line.tip_path, line.tip_line) == ("a.c", 31, "b.c", 32)
    assert line.ran is Ran.YES
    assert origins(run, [("b.c", 32), ("b.c", 33)]) == {
        ("b.c", 32): Origin(patch=1, file=0, line=31)
    }
    (line,) = ran_lines(run, 2)
    assert (line.line, line.tip_line) == (1, 1)


def test_what_this_guest_cannot_run_is_not_called_missed_and_old_reviews_say_what_they_know():
    run, _ = made(1, 3)
    foreign = tuple(replace(one, loaded=False) for one in run.coverage.code)
    run = replace(run, coverage=replace(run.coverage, code=foreign))
    told = [line.ran for one in run.series.patches for line in ran_lines(run, one.number)]
    assert told
    assert set(told) == {Ran.FOREIGN}
    old = tuple(replace(one, counted=(), loaded=True) for one in foreign)
    run = replace(run, coverage=replace(run.coverage, code=old))
    told = [line.ran for one in run.series.patches for line in ran_lines(run, one.number)]
    assert set(told) == {Ran.NO}
    assert list(ran_lines(replace(run, coverage=None), 1)) == []
