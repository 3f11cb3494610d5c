# SPDX-License-Identifier: GPL-2.0-only
"""Diffs as kernel people mail them, and as nobody should."""

import contextlib
import random
import subprocess
import time

import mails
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.model.series import ChangeKind
from reviewbot.parse.diff import DamagedDiffError, find_diff, parse_diff, scan_diff
from reviewbot.parse.paths import unsafe_path


def one(text):
    (change,) = parse_diff(text)
    return change


def test_a_modification():
    change = one(mails.diff_of("arch/x86/kvm/x86.c"))
    assert (change.kind, change.path) == (ChangeKind.MODIFY, "arch/x86/kvm/x86.c")
    assert (change.old_blob, change.new_blob) == ("1" * 10, "2" * 10)
    assert change.new_mode == 0o100644
    (hunk,) = change.hunks
    assert hunk.section == "static int one(void)"
    assert (hunk.old_start, hunk.old_count, hunk.new_start, hunk.new_count) == (1, 3, 1, 4)
    assert hunk.lines == (" first", "+new", " second", " third")


def test_a_new_file():
    change = one(
        "diff --git a/tools/x.c b/tools/x.c\nnew file mode 100755\nindex 000000000000..2222222222\n"
        "--- /dev/null\n+++ b/tools/x.c\n@@ -0,0 +1 @@\n+int x;\n"
    )
    assert (change.kind, change.old_path, change.new_path) == (ChangeKind.ADD, None, "tools/x.c")
    assert (change.old_blob, change.old_mode, change.new_mode) == (None, None, 0o100755)


def test_a_new_empty_file_has_no_hunk():
    change = one("diff --git a/x/e b/x/e\nnew file mode 100644\nindex 0000000000..e69de29bb2\n")
    assert (change.kind, change.hunks) == (ChangeKind.ADD, ())


def test_a_deletion_without_newline_at_the_end():
    change = one(
        "diff --git a/old.c b/old.c\ndeleted file mode 100644\nindex 1111111..0000000\n"
        "--- a/old.c\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-int a;\n-int b;\n\\ No newline at end of file\n"
    )
    assert (change.kind, change.old_path, change.new_path) == (ChangeKind.DELETE, "old.c", None)
    assert change.hunks[0].lines[-1].startswith("\\")
    assert change.path == "old.c"


@pytest.mark.parametrize(
    ("word", "kind"), [("rename", ChangeKind.RENAME), ("copy", ChangeKind.COPY)]
)
def test_a_rename_or_copy_with_blanks_in_the_names(word, kind):
    change = one(
        f"diff --git a/a file.c b/another file.c\nsimilarity index 100%\n{word} from a file.c\n{word} to another file.c\n"
    )
    assert (change.kind, change.old_path, change.new_path) == (kind, "a file.c", "another file.c")


def test_a_rename_with_changes():
    change = one(
        "diff --git a/a.c b/b.c\nsimilarity index 90%\nrename from a.c\nrename to b.c\nindex 1111111..2222222 100644\n"
        "--- a/a.c\n+++ b/b.c\n@@ -1 +1 @@\n-x\n+y\n"
    )
    assert (change.kind, change.old_path, change.new_path) == (ChangeKind.RENAME, "a.c", "b.c")
    assert len(change.hunks) == 1


def test_a_mode_change_alone():
    change = one("diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n")
    assert (change.old_mode, change.new_mode, change.path) == (0o100644, 0o100755, "run.sh")


@pytest.mark.parametrize(
    "body",
    [
        "Binary files a/x.bin and b/x.bin differ\n",
        "GIT binary patch\nliteral 3\nKcmZQzWMT#Y01f~L\n\nliteral 0\nHcmV?d00001\n\n",
    ],
)
def test_binary_patches_are_told(body):
    text = f"diff --git a/x.bin b/x.bin\nindex 1111111..2222222 100644\n{body}" + mails.diff_of(
        "b.c"
    )
    binary, other = parse_diff(text)
    assert (binary.binary, binary.path, other.path) == (True, "x.bin", "b.c")


def test_quoted_names_are_decoded():
    change = one(
        'diff --git "a/na\\303\\257ve \\"x\\".c" "b/na\\303\\257ve \\"x\\".c"\nold mode 100644\nnew mode 100755\n'
    )
    assert change.path == 'naïve "x".c'


def test_a_plain_patch_without_git_header():
    change = one(
        "Index: x\n--- linux.orig/fs/a.c\t2024-01-01 00:00:00\n+++ linux/fs/a.c\t2024-01-02 00:00:00\n@@ -1 +1,2 @@\n a\n+b\n"
    )
    assert (change.old_path, change.new_path, change.old_blob) == ("fs/a.c", "fs/a.c", None)


def test_no_prefix_is_understood():
    text = mails.diff_of("arch/x86/kvm/x86.c").replace(" a/", " ").replace(" b/", " ")
    assert one(text).path == "arch/x86/kvm/x86.c"


def test_carriage_returns_of_the_file_are_kept_and_those_of_headers_are_not():
    change = one(mails.diff_of("a.c").replace("\n", "\r\n"))
    assert change.path == "a.c"
    assert change.hunks[0].lines[1] == "+new\r"


def test_an_empty_context_line_that_lost_its_blank():
    change = one("--- a/x.c\n+++ b/x.c\n@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n")
    assert change.hunks[0].lines == (" a", " ", "-b", "+c")


def test_signature_and_base_commit_are_no_part_of_the_patch():
    text = mails.diff_of("a.c")
    files, patch = scan_diff(text + "\nbase-commit: " + "0" * 40 + "\n-- \n2.43.0\n")
    assert patch == text
    assert len(files) == 1


def test_a_removed_line_of_dashes_is_no_signature():
    text = "--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n a\n-- \n-- \n2.43.0\n"
    assert one(text).hunks[0].lines == (" a", "-- ")


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_hunk_that_is_cut_short_names_file_and_hunk(lost):
    whole = mails.diff_of("a.c") + mails.diff_of("arch/x86/kvm/svm/svm.c")
    lines = whole.rstrip("\n").split("\n")
    with pytest.raises(
        DamagedDiffError, match=r"arch/x86/kvm/svm/svm\.c: hunk 1 .*-1,3 \+1,4.*cut short"
    ):
        parse_diff("\n".join(lines[:-lost]))


def test_a_mail_cut_off_in_the_header_is_noticed():
    with pytest.raises(DamagedDiffError, match=r"a\.c: its changes are missing"):
        parse_diff("\n".join(mails.diff_of("a.c").split("\n")[:3]))


def test_a_hunk_with_too_many_lines():
    with pytest.raises(DamagedDiffError, match=r"a\.c: hunk 1 has more lines"):
        parse_diff(mails.diff_of("a.c") + "+one more\n")


def test_a_line_wrapped_by_a_mailer():
    with pytest.raises(DamagedDiffError, match=r"a\.c: hunk 1 is damaged at 'wrapped'"):
        parse_diff(mails.diff_of("a.c").replace("+new\n", "+new\nwrapped\n"))


def test_a_merge_is_refused():
    with pytest.raises(DamagedDiffError, match=r"x\.c: .*merge"):
        parse_diff("diff --cc x.c\nindex 1,2..3\n")


def test_text_without_any_diff():
    assert parse_diff("Just words.\n--- not a diff\n+++ either\n") == ()
    assert find_diff("Just words.") == -1


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/etc/passwd", ".git/config", "a/.GIT/hooks/x", ".git ./x", "git~1/config",
     ".g\u200cit/config", "a//b", "./a", "a/.", "", "a\nb", "a\x1b[2J", "a\\b", "a/.."],
)  # fmt: skip
def test_paths_that_must_not_be_written(path):
    assert unsafe_path(path)


@pytest.mark.parametrize(
    "path", ["a.c", ".gitignore", "a/.gitattributes", "...", "a..b", "tools/naïve x.c", ".github/x"]
)
def test_paths_that_may(path):
    assert unsafe_path(path) == ""


def test_absolute_and_climbing_names_survive_parsing_to_be_refused():
    assert one("--- /dev/null\n+++ /etc/passwd\n@@ -0,0 +1 @@\n+x\n").path == "/etc/passwd"
    assert one("--- a/../../x\n+++ b/../../x\n@@ -1 +1 @@\n-a\n+x\n").path == "../../x"


FRAGMENTS = st.sampled_from(
    ["diff --git a/x b/x", "diff --git ", 'diff --git "a/x', "--- a/x", "+++ b/x", "+++ /dev/null", "@@ -1 +1 @@",
     "@@ -1,2 +3,4 @@ f", "@@ -0,0 +1,999999999 @@", "@@", "-a", "+b", " c", "", "\\ No newline", "-- ", "rename from x",
     "rename to", "copy to y", "index 12345678..abcdef12 100644", "new file mode 100644", "deleted file mode 100644",
     "GIT binary patch", "literal 5", "Binary files a/x and b/x differ", "old mode 1", "\r", "diff --cc x", "x\0y", "\t"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(FRAGMENTS, st.text(max_size=20)), max_size=30))
def test_whatever_comes_is_a_diff_or_a_clear_refusal(lines):
    text = "\n".join(lines)
    try:
        files, patch = scan_diff(text)
    except DamagedDiffError as refusal:
        message = str(refusal)
        files, patch = (), ""
        assert message.isprintable(), "a refusal must fit one line of terminal"
    assert text.startswith(patch.rstrip("\n"))
    for change in files:
        for hunk in change.hunks:
            assert sum(line[0] in " -" for line in hunk.lines) == hunk.old_count
            assert sum(line[0] in " +" for line in hunk.lines) == hunk.new_count


@pytest.mark.parametrize(
    "text",
    ["diff --git a/x b/x\n" * 50_000, "--- a\n+++ b\n" * 100_000, "@@ -1 +1 @@\n" * 100_000, "diff --git " + "a" * 2_000_000,
     "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1,500000 @@\n" + "+x\n" * 500_000, 'diff --git "' + "\\" * 1_000_000,
     "diff --git " + "a " * 500_000, mails.diff_of("a.c") * 5_000, "+" * 3_000_000, "diff --git a/x b/x\nGIT binary patch\n" + "z\n" * 500_000],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_hostile_diffs_take_linear_time(text):
    started = time.monotonic()
    with contextlib.suppress(DamagedDiffError):
        parse_diff(text)
    assert time.monotonic() - started < 5, "a few MB must not take seconds: look for backtracking"


def test_git_agrees_about_what_git_wrote(tmp_path):
    """Random edits, renames and modes; numstat of git against the lines we count."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]

    def run(*words):
        return subprocess.run([*git, *words], check=True, capture_output=True, text=True).stdout

    run("init", "-q")
    chance = random.Random(4711)  # noqa: S311 - no secret
    for name in ("a.c", "d/ä b.c", "plain", "tab\tname"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("\n".join(f"line {n}" for n in range(200)))
    run("add", "-A")
    run("commit", "-qm", "one")
    for file in [tmp_path / "a.c", tmp_path / "d/ä b.c", tmp_path / "tab\tname"]:
        lines = file.read_text().split("\n")
        for _ in range(20):
            lines[chance.randrange(len(lines))] = f"-- {chance.random()}"
            lines.insert(chance.randrange(len(lines)), "")
        file.write_text("\n".join(lines) + "\n" * chance.randrange(2))
    (tmp_path / "plain").rename(tmp_path / "moved")
    (tmp_path / "moved").chmod(0o755)
    run("add", "-A")
    run("commit", "-qm", "two")
    files = parse_diff(run("diff", "HEAD~1", "HEAD"))
    expected = {}
    fields = run(
        "diff", "--numstat", "-z", "--no-renames", "HEAD~1", "HEAD", "--", "a.c", "d", "tab\tname"
    ).split("\0")
    for field in filter(None, fields):
        added, removed, name = field.split("\t", 2)
        expected[name] = (int(added), int(removed))
    counted = {
        change.path: tuple(
            sum(line[0] == sign for hunk in change.hunks for line in hunk.lines) for sign in "+-"
        )
        for change in files
        if change.kind is ChangeKind.MODIFY
    }
    assert counted == expected
    moved = next(change for change in files if change.kind is ChangeKind.RENAME)
    assert (moved.old_path, moved.new_path, moved.new_mode) == ("plain", "moved", 0o100755)
