# SPDX-License-Identifier: GPL-2.0-only
"""What becomes of a series when it is applied, compared with what its author had."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from kernel_repository import LINES, files_of, read_series, snapshot

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.series import Address
from reviewbot.model.status import Status
from reviewbot.parse.diff import parse_diff
from reviewbot.stages.apply import ApplyRequest, run
from reviewbot.tools.objects import open_repository

X86 = "arch/x86/kvm/x86.c"
SVM = "arch/x86/kvm/svm.c"


def edited(number, text, lines=LINES):
    return lines.replace(f"line {number}\n", text).encode()


def applied(series, base, tools):
    result = run(ApplyRequest(series=series, base=base), tools)
    assert result.conflict is None, result.conflict
    assert result.status is Status.PASS
    return result


def conflict_of(series, base, tools):
    result = run(ApplyRequest(series=series, base=base), tools)
    assert result.status is Status.FAIL
    assert result.conflict is not None
    return result.conflict


def rediffed(series, diff, number=0):
    """The series with the diff of one patch replaced, as a hostile sender would."""
    patch = replace(series.patches[number], diff=diff, files=parse_diff(diff))
    patches = (*series.patches[:number], patch, *series.patches[number + 1 :])
    return replace(series, patches=patches)


CHANGES = {
    "modify": {X86: edited(10, "changed\n")},
    "add": {"arch/x86/kvm/new.c": b"one\ntwo\n"},
    "add without final newline": {"new.c": b"one\ntwo"},
    "lose the final newline": {X86: LINES.encode().rstrip(b"\n")},
    "empty file": {"empty": b""},
    "delete": {SVM: None},
    "rename": {SVM: None, "arch/x86/kvm/amd.c": LINES.replace("line", "svm").encode()},
    "rename and edit": {
        SVM: None,
        "arch/x86/kvm/amd.c": LINES.replace("line", "svm").replace("svm 9\n", "x\n").encode(),
    },
    "path with blanks and quotes": {'a "b" c.txt': b"one\n"},
    "path that is not ASCII": {"Dokumente/größe.rst": b"one\n"},
    "directory becomes a file": {"scripts/run.sh": None, "virt/x": b"x\n"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_tree_is_the_authors(change, kernel, series_of, base_of, tools):
    start = kernel.head()
    kernel.change("expected", change)
    expected = kernel.head("HEAD^{tree}")
    kernel.git("reset", "-q", "--hard", start)
    result = applied(series_of(change), base_of(), tools)
    assert [patch.tree_id for patch in result.patches] == [expected]
    assert not result.patches[0].fuzzy


def test_a_file_may_take_the_place_of_a_directory_and_back(kernel, series_of, base_of, tools):
    series = series_of({"scripts/run.sh": None}, {"scripts": b"a file\n"})
    there = applied(series, base_of(), tools)
    assert files_of(there.repository, there.patches[-1].tree_id)["scripts"] == (
        0o100644,
        b"a file\n",
    )
    kernel.change("now a file", {"scripts/run.sh": None})
    kernel.change("now a file", {"scripts": b"a file\n"})
    back = applied(series_of({"scripts": None}, {"scripts/run.sh": b"x\n"}), base_of(), tools)
    assert files_of(back.repository, back.patches[-1].tree_id)["scripts/run.sh"][1] == b"x\n"


def test_a_mode_change_is_kept(kernel, base_of, tools, tmp_path):
    start = kernel.head()
    (kernel.path / "scripts/run.sh").chmod(0o644)
    kernel.change("no longer a program", {})
    expected = kernel.head("HEAD^{tree}")
    series = read_series(kernel.mbox(f"{start}..HEAD"), tmp_path)
    kernel.git("reset", "-q", "--hard", start)
    assert applied(series, base_of(), tools).patches[0].tree_id == expected


def test_a_file_that_is_not_utf8_survives(series_of, base_of, tools):
    data = b"caf\xe9 one\n" + edited(1, "caf\xe9 two\n").replace("é".encode(), b"\xe9")
    result = applied(series_of({"latin.txt": data}), base_of(), tools)
    assert files_of(result.repository, result.patches[0].tree_id)["latin.txt"][1] == data


def test_crlf_in_a_file_is_content(kernel, base_of, tools, tmp_path):
    start = kernel.head()
    kernel.change("dos", {"dos.txt": edited(3, "three\n").replace(b"\n", b"\r\n")})
    expected = kernel.head("HEAD^{tree}")
    series = read_series(kernel.mbox(f"{start}..HEAD"), tmp_path)
    kernel.git("reset", "-q", "--hard", start)
    assert applied(series, base_of(), tools).patches[0].tree_id == expected


def test_one_commit_per_patch_and_the_same_ids_everywhere(series_of, base_of, tools):
    series = series_of(
        {X86: edited(10, "one\n")}, {X86: edited(10, "two\n")}, {SVM: None}, {"new": b"n\n"}
    )
    first = applied(series, base_of(), tools)
    assert [patch.number for patch in first.patches] == [1, 2, 3, 4]
    commit = open_repository(first.repository)[first.patches[1].commit]
    assert commit.message.startswith("KVM: step 2\n\nBecause of 2.\n")
    assert [str(one) for one in commit.parent_ids] == [first.patches[0].commit]
    assert (commit.author.name, commit.author.email) == ("Ann Example", "ann@kernel.example")
    assert (commit.author.offset, commit.author.time) == (330, 1772346600)
    assert commit.committer.name == "reviewbot"
    other = replace(tools, cache=replace(tools.cache, root=tools.cache.root / "other"))
    assert applied(series, base_of(), other).patches == first.patches


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ('O"Hara "the" <root@x>\nCommitter: evil <e@x> 1 +0000', None),
        ("<>", "ann@kernel.example"),
        ("", "ann@kernel.example"),
        ("Żółć\x00\x1b[31m", None),
        ("a" * 5000, None),
    ],
)
def test_a_hostile_author_stays_one_header(name, expected, series_of, base_of, tools):
    series = series_of({X86: edited(5, "five\n")})
    author = Address(name=name, email="ann@kernel.example")
    series = replace(series, patches=(replace(series.patches[0], author=author),))
    result = applied(series, base_of(), tools)
    commit = open_repository(result.repository)[result.patches[0].commit]
    headers = commit.read_raw().split(b"\n\n")[0].split(b"\n")
    assert [line.split()[0] for line in headers] == [b"tree", b"parent", b"author", b"committer"]
    assert commit.author.email == "ann@kernel.example"
    assert expected is None or commit.author.name == expected


@pytest.mark.parametrize(
    "date", ["", "nonsense", "Thu, 1 Jan 1960 00:00:00 +0000", "Fri, 1 Jan 2100 00:00:00 +2359"]
)
def test_any_date_makes_a_commit(date, series_of, base_of, tools):
    series = series_of({X86: edited(5, "five\n")})
    series = replace(series, patches=(replace(series.patches[0], date=date),))
    result = applied(series, base_of(), tools)
    assert open_repository(result.repository)[result.patches[0].commit].author.time >= 0


def test_three_way_merge_when_the_pre_image_is_known(kernel, series_of, base_of, tools):
    series = series_of({X86: edited(20, "theirs\n")})
    kernel.change("moved on", {X86: edited(17, "ours\n")})
    result = applied(series, base_of(), tools)
    assert result.patches[0].fuzzy
    merged = files_of(result.repository, result.patches[0].tree_id)[X86][1].decode()
    assert "ours\nline 18\nline 19\ntheirs\n" in merged


def test_context_that_only_moved_is_not_called_a_merge(kernel, series_of, base_of, tools):
    series = series_of({X86: edited(30, "theirs\n")})
    kernel.change("longer", {X86: b"a\nb\nc\n" + LINES.encode()})
    assert not applied(series, base_of(), tools).patches[0].fuzzy


def test_a_conflict_names_patch_file_hunk_and_line(kernel, series_of, base_of, tools):
    series = series_of({SVM: None}, {X86: edited(20, "theirs\n")})
    kernel.change("conflict", {X86: edited(20, "ours\n")})
    result = run(ApplyRequest(series=series, base=base_of()), tools)
    assert result.status is Status.FAIL
    assert [patch.number for patch in result.patches] == [1]
    found = result.conflict
    assert (found.patch, found.path) == (2, X86)
    assert found.hunk.startswith("@@ -17,7 +17,7 @@")
    assert found.reason == 'line 20: expected "line 20", found "ours"'


def test_two_long_lines_are_shown_where_they_differ(kernel, series_of, base_of, tools):
    long = "static int set_sregs(struct kvm_vcpu *vcpu, struct kvm_sregs *sregs, "
    kernel.change("long", {X86: edited(20, f"{long}bool all);\n")})
    series = series_of({X86: edited(20, "theirs\n")})
    kernel.change("other", {X86: edited(20, f"{long}int how);\n")})
    found = run(ApplyRequest(series=series, base=base_of()), tools).conflict
    assert found.reason == (
        'line 20: expected "...uct kvm_sregs *sregs, bool all);", '
        'found "...uct kvm_sregs *sregs, int how);"'
    )


def test_a_missing_file_is_said_to_be_missing(kernel, series_of, base_of, tools):
    series = series_of({SVM: LINES.replace("line", "svm").replace("svm 3", "x").encode()})
    kernel.change("gone", {SVM: None})
    found = conflict_of(series, base_of(), tools)
    assert (found.path, found.reason) == (SVM, "the file does not exist in the tree")


@pytest.mark.parametrize(
    "change", [{X86: edited(20, "new\n")}, {"new.c": b"one\n"}, {SVM: None, X86: edited(2, "z\n")}]
)
def test_a_patch_in_the_tree_already_is_said_to_be(change, kernel, series_of, base_of, tools):
    series = series_of(change)
    kernel.change("applied by somebody", change)
    assert conflict_of(series, base_of(), tools).reason.startswith("already applied")


def test_a_new_file_that_exists_with_other_content(kernel, series_of, base_of, tools):
    series = series_of({"new.c": b"one\n"})
    kernel.change("somebody else's", {"new.c": b"two\n"})
    found = conflict_of(series, base_of(), tools)
    assert (found.path, found.reason) == (
        "new.c",
        "the patch creates this file, but the tree has one already",
    )


def test_a_new_file_below_a_file(kernel, series_of, base_of, tools):
    series = series_of({"thing/below.c": b"one\n"})
    kernel.change("a file", {"thing": b"two\n"})
    assert "directory" in conflict_of(series, base_of(), tools).reason


def test_a_new_file_where_a_directory_is(kernel, series_of, base_of, tools):
    series = series_of({"thing": b"one\n"})
    kernel.change("a directory", {"thing/below.c": b"two\n"})
    assert "directory" in conflict_of(series, base_of(), tools).reason


def test_missing_patches_are_mentioned(series_of, base_of, tools):
    series = series_of({X86: edited(20, "one\n")}, {X86: edited(20, "two\n")})
    series = replace(series, patches=series.patches[1:], missing=(1,))
    found = conflict_of(series, base_of(), tools)
    # The pre-image of patch 2 is in the repository of these tests, so git tries a merge as well.
    assert found.patch == 2
    assert found.reason.endswith("; patch 1 of 2 was not found")


def test_an_empty_series_is_refused(series_of, base_of, tools):
    series = replace(series_of({X86: edited(5, "five\n")}), patches=())
    with pytest.raises(UserError, match="holds no patch"):
        run(ApplyRequest(series=series, base=base_of()), tools)


def test_a_patch_without_a_diff_is_refused(series_of, base_of, tools):
    series = series_of({X86: edited(5, "five\n")})
    series = replace(series, patches=(replace(series.patches[0], diff="", files=()),))
    with pytest.raises(UserError, match="patch 1 changes nothing"):
        run(ApplyRequest(series=series, base=base_of()), tools)


def test_a_binary_patch_is_refused(kernel, series_of, base_of, tools):
    start = kernel.head()
    kernel.change("logo", {"logo.png": bytes(range(256)) * 4})
    diff = kernel.git("diff", "--binary", start).decode()
    kernel.git("reset", "-q", "--hard", start)
    series = rediffed(series_of({X86: edited(5, "five\n")}), diff)
    with pytest.raises(UserError, match=r"patch 1 .*logo\.png is a binary file"):
        run(ApplyRequest(series=series, base=base_of()), tools)


def test_the_users_repository_is_not_touched(kernel, series_of, base_of, tools):
    series = series_of({X86: edited(10, "one\n")}, {"new": b"n\n"}, {SVM: None})
    hook = kernel.path / ".git/hooks/post-index-change"
    hook.parent.mkdir(exist_ok=True)
    proof = kernel.path.parent / "hook-ran"
    for name in ("post-index-change", "reference-transaction", "pre-applypatch", "post-commit"):
        hook.with_name(name).write_text(f"#!/bin/sh\ntouch {proof}\n")
        hook.with_name(name).chmod(0o755)
    kernel.git("config", "core.fsmonitor", f"touch {proof}")
    kernel.git("config", "filter.evil.clean", f"touch {proof}")
    (kernel.path / ".git/info/attributes").write_text("* filter=evil diff=evil merge=evil\n")
    kernel.git("config", "merge.evil.driver", f"touch {proof}")
    base = base_of()
    proof.unlink(missing_ok=True)
    before = snapshot(kernel.path)
    applied(series, base, tools)
    assert snapshot(kernel.path) == before
    assert not proof.exists()


def test_ten_patches_take_less_than_half_a_second(series_of, base_of, tools):
    steps = [{X86: edited(20, f"step {number}\n")} for number in range(10)]
    series = series_of(*steps)
    before = time.process_time() + sum(os.times()[2:4])
    applied(series, base_of(), tools)
    # Processor time, children included: the wall clock of a busy machine says nothing.
    assert time.process_time() + sum(os.times()[2:4]) - before < 0.5


def test_the_second_time_is_read_from_the_cache(series_of, base_of, tools):
    series = series_of({X86: edited(10, "one\n")}, {SVM: None})
    base = base_of()
    first = applied(series, base, tools)
    children = os.times()[2:4]
    assert applied(series, base, tools) == first
    assert os.times()[2:4] == children, "git was run again for a series that was applied before"


def test_a_base_that_is_gone_is_our_trouble(series_of, base_of, tools):
    base = replace(base_of(), commit="1234567890" * 4)
    with pytest.raises(InfrastructureError, match="object 123456789012 is gone"):
        run(ApplyRequest(series=series_of({SVM: None}), base=base), tools)


def test_a_full_disk_is_one_line_and_leaves_no_result(
    small_disk, kernel, series_of, base_of, tools
):
    big = "".join(f"{number:064d}{os.urandom(40).hex()}\n" for number in range(60000))
    series = series_of({"big.c": big.encode()})
    kernel.forget()
    full = replace(tools, cache=replace(tools.cache, root=small_disk / "cache"))
    with pytest.raises(UserError) as caught:
        run(ApplyRequest(series=series, base=base_of()), full)
    assert "disk full" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(Path(small_disk, "cache").glob("results/**/*.json"))


def test_rediffed_patch_is_what_gets_applied(series_of, base_of, tools):
    series = series_of({X86: edited(10, "one\n")})
    diff = series.patches[0].diff.replace("+one", "+uno")
    result = applied(rediffed(series, diff), base_of(), tools)
    assert b"uno\n" in files_of(result.repository, result.patches[0].tree_id)[X86][1]
