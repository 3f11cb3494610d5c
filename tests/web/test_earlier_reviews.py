# SPDX-License-Identifier: GPL-2.0-only
"""A later look that saw less hides nothing: on the row, on its page, and in b4."""

import json
from dataclasses import replace

import pytest
from sample_runs import (
    clean,
    conflict,
    delta,
    findings,
    infra,
    only_rules,
    regression,
    report_of,
    selftest_does_not_build,
)
from shelves import named, shelf_in

from reviewbot.model.build import BuildResult, VariantBuild
from reviewbot.model.guest import Outcome
from reviewbot.model.status import Status
from reviewbot.model.test import Change
from reviewbot.model.triage import Answer, Part
from reviewbot.stages import b4_check
from reviewbot.stages.known import known, whole
from reviewbot.stages.triage_detail import detail
from reviewbot.stages.triage_review import reviewed
from reviewbot.stages.triage_standing import item
from reviewbot.stages.triage_table import findings as counted
from reviewbot.stages.triage_table import signs
from reviewbot.stages.triage_unlisted import card_of
from reviewbot.tools import templates
from reviewbot.web.links import Links
from reviewbot.web.site import Site


def at(run, day, **changes):
    """The run as if it was made on that day of January."""
    made = replace(named(run, "again", day), started=f"2026-01-{day:02d}T10:00:00+00:00")
    return replace(made, **changes)


def brief(run):
    found = reviewed(run, origin="run")
    assert found
    return found


def test_what_the_rules_alone_did_not_see_is_from_the_review_that_did():
    full, later = at(regression(), 1), at(only_rules(), 2)
    both = known([brief(full), brief(later)])
    assert (both.run, both.line) == (later.id, brief(later).line)
    assert len(both.findings) == 2, "the newest has its own findings"
    assert (both.builds, both.regressions) == (Answer.YES, 1)
    assert {one.part for one in both.earlier} == {Part.BUILD, Part.TESTS}
    assert {one.run for one in both.earlier} == {full.id}
    assert known([brief(later)]).builds is Answer.UNKNOWN
    assert known([brief(full)]).earlier == ()


def test_our_own_trouble_hides_nothing():
    full, later = at(findings(), 1), at(infra(), 2, check=None)
    both = known([brief(later), brief(full)])
    assert len(both.findings) == 4
    assert both.tests
    assert {one.part for one in both.earlier} == {Part.FINDINGS, Part.BUILD, Part.TESTS}
    broken = at(infra(), 3, base=None, applied=None, check=None)
    assert known([brief(full), brief(broken)]).applies is Answer.YES


def test_a_tip_that_breaks_elsewhere_is_no_series_without_trouble():
    """Every patch builds for x86_64; the tip does not for arm64."""
    run = clean()
    other = VariantBuild(name="arm64", status=Status.FAIL, compiler="clang", command="make")
    said = brief(replace(run, build=replace(run.build, variants=(other,))))
    assert (said.builds, said.build_line) == (Answer.NO, "does not build with arm64")
    fine = replace(other, status=Status.PASS)
    lost = replace(other, name="i386", status=Status.INFRA, reason="no gcc")
    said = brief(replace(run, build=replace(run.build, variants=(fine, lost))))
    assert (said.builds, said.build_line) == (Answer.YES, "")


def test_a_kernel_that_does_not_come_up_is_no_series_without_trouble():
    """Nothing was compared then; all acked it would be "ready, nothing open"."""
    run = clean()
    dead = replace(run, tests=None, boot=replace(run.boot, outcome=Outcome.PANIC))
    said = brief(dead)
    assert (said.tests, said.regressions, said.tests_line) == (0, 1, "the kernel does not come up")
    lost = brief(replace(run, tests=selftest_does_not_build().tests))
    assert (lost.tests, lost.regressions) == (4, 2)
    assert lost.tests_line == "x86/smm_test does not build"


@pytest.mark.parametrize(
    ("change", "status"), [(Change.SAME, Status.SKIP), (Change.UNKNOWN, Status.INFRA)]
)
def test_tests_that_show_nothing_are_not_compared(change, status):
    nothing = report_of(delta("x86/a", change, (Status.SKIP,), (status,)))
    assert brief(replace(clean(), tests=nothing)).tests == 0


def test_rules_that_were_not_run_are_not_ok():
    broken = brief(at(infra(), 3, check=None))
    assert broken.verdict
    assert counted(row_of(broken)) == ""
    assert counted(row_of(brief(at(clean(), 3)))) == "ok"


def test_the_newest_of_those_that_looked_counts():
    old, mended, rules = at(regression(), 1), at(clean(), 2), at(only_rules(), 3)
    both = known([brief(one) for one in (rules, old, mended)])
    assert both.regressions == 0
    assert {one.run for one in both.earlier} == {mended.id}


def test_another_tree_is_another_matter():
    full, later = at(regression(), 1), at(only_rules(), 2)
    assert later.base
    elsewhere = replace(later, base=replace(later.base, tree="another"))
    both = known([brief(full), brief(elsewhere)])
    assert (both.earlier, both.builds) == ((), Answer.UNKNOWN)


def test_what_does_not_apply_any_more_was_not_built_either():
    full, later = at(findings(), 1), at(conflict(), 2)
    assert later.base
    assert full.base
    later = replace(later, base=replace(later.base, tree=full.base.tree, ref=full.base.ref))
    both = known([brief(full), brief(later)])
    assert (both.applies, both.builds, both.tests) == (Answer.NO, Answer.UNKNOWN, 0)


def test_a_whole_review_on_the_same_commit_is_put_together_and_judged_anew():
    full, later = at(regression(), 1), at(only_rules(), 2)
    parts = {Part.BUILD: full, Part.TESTS: full}
    both = whole(later, parts)
    assert (both.id, both.build, both.tests, both.check) == (later.id, full.build, full.tests, later.check)  # fmt: skip
    assert both.verdict
    assert "regression" in both.verdict.line
    assert both.skipped == ()
    assert later.base
    moved = replace(later, base=replace(later.base, commit="9" * 40))
    assert whole(moved, parts) == moved, "line numbers of another base fit nothing"
    assert isinstance(both.build, BuildResult)


def row_of(review):
    card = card_of(at(clean(), 1))
    assert card
    return item(card, name="abcde", now=1_800_000_000.0, review=review)


def test_the_terminal_says_where_it_is_from():
    row = row_of(known([brief(at(regression(), 1)), brief(at(only_rules(), 2))]))
    assert signs(row) == "++!*"
    assert signs(row_of(brief(at(regression(), 1)))) == "++!"
    text = " ".join(" ".join(detail(row, {}, width=400, colour=False)).split())
    assert "Builds yes; from the review of 2026-01-01 (run " in text
    assert "1 regression: " in text
    assert row.why == "1 regression"


def test_b4_is_told_all_that_is_known():
    both = known([brief(at(regression(), 1)), brief(at(only_rules(), 2))])
    (result,) = b4_check.of_series(both, "")
    assert result["status"] == "fail"
    assert [one["context"] for one in json.loads(result["details"])][:3] == ["applies", "builds", "tests"]  # fmt: skip


@pytest.fixture
def pages(tmp_path):
    shelf = shelf_in(tmp_path)
    for run in (at(regression(), 1), at(only_rules(), 2)):
        shelf.store.save(run)
    shot = shelf.shot()
    site = Site(templates.load_web(), shelf.library)

    def page(path, *, json=False):
        return site.page(shot, Links(), path, {}, json=json).body.decode()

    return page, shot


def test_pages_show_both_and_say_which_is_which(pages):
    page, shot = pages
    (row,) = shot.items
    first, second = sorted(shot.reviews)
    text = page(f"/series/{row.id}")
    assert "Selftests, base against series" in text
    assert "Build of each patch" in text
    assert "(in the review of 2026-01-01)" in text
    assert f'tests (<a href="/review/{first}">2026-01-01</a>)' in text
    assert "regression" in text.partition("</header>")[0], "the verdict is of all that is known"
    assert "Selftests, base against series" not in page(f"/review/{second}"), "one review is itself"
    assert f'<a class="hint nowrap" href="/review/{first}"' in page("/")
    told = json.loads(page("/index", json=True))["series"][0]["review"]
    assert told["run"] == second
    assert {one["part"] for one in told["earlier"]} == {"build", "tests"}
    assert {one["run"] for one in told["earlier"]} == {first}
