# SPDX-License-Identifier: GPL-2.0-only
"""Findings are what patch k adds and the tip still has; incomplete series say "unknown"."""

from dataclasses import replace

from reviewbot.model.finding import RuleStatus, Severity
from reviewbot.model.series import ChangeKind, FileDiff, Hunk
from reviewbot.rulekit.runner import run_rules, without_trees

SCAN = """
def scan(view):
    for number, line in enumerate(view.text("notes").split("\\n"), 1):
        if line.startswith("bad"):
            yield Problem(key=line, title=line, why="Why.", fix="Fix.", reference="Doc", path="notes",
                          line=number, missing="missing" in line)
        if line.startswith("good"):
            yield Verified(key=line, text=line, path="notes", line=number)
"""
CHECK = 'yield from context.introduced(scan, touching=("notes",))'


def run(write_rule, trees, check=CHECK):
    return run_rules([write_rule(check, before=SCAN)], trees)


def brief(result):
    return [(f.patch, f.title, f.severity.value) for f in result.findings]


def test_old_problems_are_never_reported_even_when_lines_move(write_rule, small):
    trees = small.trees({"notes": "bad old\n"}, {"notes": "new line\nbad old\n"})
    assert brief(run(write_rule, trees)) == []


def test_a_problem_is_placed_at_the_patch_that_adds_it_with_its_line(write_rule, small):
    trees = small.trees(
        {"notes": "a\n"},
        {"notes": "a\nb\n"},
        {"notes": "a\nb\nbad one\n"},
        {"notes": "x\na\nb\nbad one\n"},
    )
    result = run(write_rule, trees)
    assert brief(result) == [(2, "bad one", "warning")]
    (finding,) = result.findings
    assert (finding.location.path, finding.location.line) == ("notes", 3)
    assert finding.quoted == ("bad one",)


def test_added_and_removed_within_the_series_is_silent_or_a_note(write_rule, small):
    states = ({"notes": ""}, {"notes": "bad one\n"}, {"notes": "fine\n"})
    assert brief(run(write_rule, small.trees(*states))) == []
    check = 'yield from context.introduced(scan, touching=("notes",), transient=Severity.NOTE)'
    result = run(write_rule, small.trees(*states), check)
    assert [(f.patch, f.severity) for f in result.findings] == [(1, Severity.NOTE)]
    assert "patch 2" in result.findings[0].title


def test_removed_and_added_again_counts_from_the_last_time(write_rule, small):
    trees = small.trees(
        {"notes": ""}, {"notes": "bad one\n"}, {"notes": ""}, {"notes": "bad one\n"}
    )
    assert brief(run(write_rule, trees)) == [(3, "bad one", "warning")]


def test_patches_that_touch_other_files_are_passed_over(write_rule, small):
    trees = small.trees(
        {"notes": ""}, {"notes": "", "other": "x"}, {"notes": "bad one\n", "other": "x"}
    )
    assert brief(run(write_rule, trees)) == [(2, "bad one", "warning")]


def test_verified_things_become_facts(write_rule, small):
    result = run(write_rule, small.trees({"notes": ""}, {"notes": "good work\n"}))
    assert [(fact.patch, fact.text) for fact in result.facts] == [(1, "good work")]


def test_what_is_missing_from_an_incomplete_series_is_unknown(write_rule, small):
    states = ({"notes": ""}, {"notes": "bad missing doc\nbad other\n"})
    complete = run(write_rule, small.trees(*states))
    assert len(complete.findings) == 2
    partial = run(write_rule, small.trees(*states, total=3))
    assert brief(partial) == [(1, "bad other", "warning")]
    (outcome,) = partial.outcomes
    assert outcome.status is RuleStatus.COULD_NOT_RUN
    assert "series incomplete" in outcome.reason
    assert "bad missing doc" in outcome.reason


def test_the_cover_letter_can_ignore_a_code_and_the_reason_is_kept(write_rule, small):
    cover = "Hello,\n\nreviewbot: ignore SITE-TEST-001 - the notes are meant to be bad\n"
    result = run(write_rule, small.trees({"notes": ""}, {"notes": "bad one\n"}, cover=cover))
    assert result.findings == ()
    ((finding, reason),) = result.ignored
    assert (finding.title, reason) == ("bad one", "the notes are meant to be bad")


def test_ignoring_needs_a_reason_and_the_right_code(write_rule, small):
    for line in ("reviewbot: ignore SITE-TEST-001", "reviewbot: ignore SITE-TEST-002 - x"):
        trees = small.trees({"notes": ""}, {"notes": "bad one\n"}, cover=line + "\n")
        assert len(run(write_rule, trees).findings) == 1


def test_without_trees_only_rules_on_mails_run(write_rule, small):
    series = small.series([small.patch(1, ["notes"])])
    trees = without_trees(series, "does not apply: patch 1")
    rules = [
        write_rule(CHECK, before=SCAN),
        write_rule(
            'yield from context.report(Problem(key=1, title="t", why="w", fix="f", reference="r"), patch=1)',
            code="SITE-TEST-002",
            needs="SERIES",
        ),
    ]
    result = run_rules(rules, trees)
    assert [(o.status, o.reason) for o in result.outcomes] == [
        (RuleStatus.COULD_NOT_RUN, "does not apply: patch 1"),
        (RuleStatus.RAN, ""),
    ]
    assert len(result.findings) == 1


def test_a_rule_whose_files_are_not_touched_does_not_apply(write_rule, small):
    rule = write_rule(CHECK, before=SCAN, touches='("arch/*",)')
    (outcome,) = run_rules([rule], small.trees({"notes": ""}, {"notes": "bad\n"})).outcomes
    assert outcome.status is RuleStatus.NOT_APPLICABLE


def test_a_rule_that_raises_could_not_run_and_says_why(write_rule, small):
    trees = small.trees({"notes": ""}, {"notes": "x"})
    cases = {
        'raise ValueError("oh")': "ValueError: oh",
        'context.tip.c("nowhere.c")': "nowhere.c is not in the tree",
        "context.tip.uapi()": "no KVM userspace header",
    }
    for body, reason in cases.items():
        (outcome,) = run_rules([write_rule(body)], trees).outcomes
        assert outcome.status is RuleStatus.COULD_NOT_RUN
        assert reason in outcome.reason


def test_changed_files_are_those_whose_added_or_removed_lines_have_a_word(write_rule, small):
    diffs = {"a.c": "-\tcall(x);", "b.c": "+\tcall(x);", "c.c": " \tcall(x);", "d.h": "+call(x);"}
    files = tuple(
        FileDiff(
            kind=ChangeKind.MODIFY,
            old_path=path,
            new_path=path,
            hunks=(
                Hunk(old_start=1, old_count=1, new_start=1, new_count=1, section="", lines=(line,)),
            ),
        )
        for path, line in diffs.items()
    )
    series = small.series([replace(small.patch(1, ()), files=files)])
    check = """
for path in context.changed_files("*.c", words=("call(",)):
    yield from context.report(
        Problem(key=path, title=path, why="", fix="", reference=""), patch=1
    )
"""
    rule = write_rule(check, needs="SERIES")
    result = run_rules([rule], without_trees(series, "no tree"))
    assert [finding.title for finding in result.findings] == ["a.c", "b.c"]
