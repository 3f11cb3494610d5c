# SPDX-License-Identifier: GPL-2.0-only
"""Series that do not apply: what is sure is seen, what is not makes a rule unable to run."""

import subprocess
from dataclasses import replace

import pytest

from reviewbot.model.finding import RuleStatus
from reviewbot.parse.diff import parse_diff
from reviewbot.rulekit.overlay import Overlay
from reviewbot.rulekit.runner import on_trees, run_rules
from reviewbot.rulekit.trees import UnsureFileError
from reviewbot.stages import partial

GOOD = """\
diff --git a/notes b/notes
--- a/notes
+++ b/notes
@@ -1,1 +1,2 @@
 first
+found
"""
BAD = """\
diff --git a/code.c b/code.c
--- a/code.c
+++ b/code.c
@@ -1,2 +1,2 @@
-int one(void);
+int two(void);
 int other(void);
"""
NEW = """\
diff --git a/new.c b/new.c
new file mode 100644
--- /dev/null
+++ b/new.c
@@ -0,0 +1 @@
+found
"""
BASE = {"notes": "first\n", "code.c": "int three(void);\n", "dir/other.c": "\n"}
PROBLEM = 'Problem(key=path, title=path, why="w", fix="f", reference="r", missing=True)'
SCAN = f"""
def scan(view):
    for path in PATHS:
        if "found" in view.text(path):
            yield {PROBLEM}
yield from context.introduced(scan, touching=("*",))
"""


def patch_of(small, number, *diffs):
    files = tuple(one for text in diffs for one in parse_diff(text))
    return replace(small.patch(number, []), files=files)


def trees_of(small, *patches, base=BASE):
    done = partial.place(small.tree(base), patches)
    series = replace(small.series(patches), patches=done.patches)
    return on_trees(series, [one.number for one in patches], done.before, done.after), done


def titles(result):
    return [finding.title for finding in result.findings]


def test_only_files_all_of_whose_hunks_apply_are_sure(small):
    _, done = trees_of(small, patch_of(small, 1, GOOD, BAD, NEW))
    assert done.sure == {"notes", "new.c"}
    assert list(done.unsure) == ["code.c"]
    assert done.after[0].read("notes") == b"first\nfound\n"
    assert done.after[0].read("new.c") == b"found\n"


def test_a_file_stays_unsure_and_was_known_before(small):
    later = BAD.replace("int two", "int four").replace("int one", "int two")
    _, done = trees_of(
        small, patch_of(small, 1, GOOD), patch_of(small, 2, BAD), patch_of(small, 3, later)
    )
    assert done.after[0].read("code.c") == b"int three(void);\n"
    for view in done.after[1:]:
        with pytest.raises(UnsureFileError, match=r"hunks of code\.c do not apply: patch 2"):
            view.read("code.c")
        with pytest.raises(UnsureFileError):
            view.blob_id("code.c")


def test_a_file_that_the_tree_lacks_was_there_for_the_author(small):
    base = {name: text for name, text in BASE.items() if name != "code.c"}
    _, done = trees_of(small, patch_of(small, 1, GOOD, BAD), base=base)
    with pytest.raises(UnsureFileError, match="the tree does not have it"):
        done.before.blob_id("code.c")
    assert "code.c" in list(done.before.paths(""))


def test_names_are_listed_whatever_is_in_them(small):
    _, done = trees_of(small, patch_of(small, 1, BAD, NEW))
    assert list(done.after[0].paths("")) == ["code.c", "dir/other.c", "new.c", "notes"]
    assert list(done.after[0].paths("dir")) == ["dir/other.c"]


def test_a_file_removed_and_one_renamed(small):
    gone = "diff --git a/code.c b/code.c\ndeleted file mode 100644\n--- a/code.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-int three(void);\n"
    move = "diff --git a/notes b/moved\nsimilarity index 100%\nrename from notes\nrename to moved\n"
    _, done = trees_of(small, patch_of(small, 1, gone, move))
    view = done.after[0]
    assert (view.read("code.c"), view.read("notes")) == (None, None)
    assert view.read("moved") == b"first\n"
    assert list(view.paths("")) == ["dir/other.c", "moved"]


def test_the_blob_id_is_git_s(small):
    view = Overlay(small.tree({}), {"a": b"text\n"}, {})
    done = subprocess.run(
        ["git", "hash-object", "--stdin"], input=b"text\n", capture_output=True, check=True
    )
    assert view.blob_id("a") == done.stdout.decode().strip()


def test_a_rule_that_reads_sure_files_decides_even_what_is_missing(small, write_rule):
    trees, _ = trees_of(small, patch_of(small, 1, GOOD, BAD))
    rule = write_rule(SCAN.replace("PATHS", '("notes",)'))
    result = run_rules([rule], trees)
    assert titles(result) == ["notes"]
    assert result.outcomes[0].status is RuleStatus.RAN


def test_a_rule_that_looks_through_an_unsure_file_could_not_run(small, write_rule):
    trees, _ = trees_of(small, patch_of(small, 1, GOOD, BAD))
    rule = write_rule(SCAN.replace("PATHS", 'view.paths("")'))
    result = run_rules([rule], trees)
    assert titles(result) == []
    assert result.outcomes[0].status is RuleStatus.COULD_NOT_RUN
    assert result.outcomes[0].reason.startswith("hunks of code.c do not apply: patch 1: ")


def test_a_later_patch_that_may_repair_it_keeps_a_rule_quiet(small, write_rule):
    repair = GOOD.replace("@@ -1,1 +1,2 @@\n first\n+found", "@@ -1,2 +1,1 @@\n first\n-founded")
    trees, _ = trees_of(small, patch_of(small, 1, GOOD), patch_of(small, 2, repair))
    result = run_rules([write_rule(SCAN.replace("PATHS", '("notes",)'))], trees)
    assert titles(result) == []
    assert result.outcomes[0].status is RuleStatus.COULD_NOT_RUN


def test_the_patches_before_the_conflict_are_judged_without_the_rest(small, write_rule):
    trees, _ = trees_of(small, patch_of(small, 1, GOOD), patch_of(small, 2, BAD))
    scan = SCAN.replace("PATHS", 'view.paths("")').replace("missing=True", "missing=False")
    for whole, found in ((1, ["notes"]), (0, [])):
        result = run_rules([write_rule(scan)], replace(trees, whole=whole))
        assert titles(result) == found
        assert result.outcomes[0].status is RuleStatus.COULD_NOT_RUN
    absent = write_rule(SCAN.replace("PATHS", 'view.paths("")'))
    assert titles(run_rules([absent], replace(trees, whole=1))) == []


def test_a_rule_for_mails_falls_back_to_the_mails(small, write_rule):
    trees, _ = trees_of(small, patch_of(small, 1, BAD))
    body = f"""
if context.steps:
    context.tip.text("code.c")
path = "from the mails"
yield from context.report({PROBLEM}, patch=1)
"""
    assert titles(run_rules([write_rule(body, needs="SERIES")], trees)) == ["from the mails"]


def test_what_mails_do_not_answer_is_looked_for_in_the_patches_before_the_conflict(
    small, write_rule
):
    trees, _ = trees_of(small, patch_of(small, 1, GOOD), patch_of(small, 2, BAD))
    present = PROBLEM.replace(", missing=True", "")
    body = f"""
if not context.steps:
    path = "mails"
    yield from context.report({present}, patch=1)
    raise NoSuchFileError("the rest needs a tree")
{SCAN.replace("PATHS", 'view.paths("")').replace(PROBLEM, present)}
"""
    rule = write_rule(body, needs="SERIES")
    for whole, found in ((1, ["mails", "notes"]), (0, ["mails"])):
        result = run_rules([rule], replace(trees, whole=whole))
        assert titles(result) == found
        assert result.outcomes[0].status is RuleStatus.COULD_NOT_RUN
        assert result.outcomes[0].reason.startswith("hunks of code.c do not apply")
