# SPDX-License-Identifier: GPL-2.0-only
"""--range A..B: local commits become the series that git format-patch would send."""

import subprocess

import pytest

from reviewbot.model.errors import UserError
from reviewbot.stages.fetch import FetchRequest, run


@pytest.fixture
def tree(tmp_path):
    """A repository with a base and three commits, and configuration that tries to interfere."""
    place = tmp_path / "tree"

    def git(*words):
        who = ["-c", "user.name=Ann Example", "-c", "user.email=ann@kernel.example"]
        done = subprocess.run(
            ["git", "-C", str(place), *who, *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    place.mkdir()
    git("init", "-q", "-b", "main")
    (place / ".gitattributes").write_text("*.c diff=evil\n")
    for number in range(4):
        (place / "a.c").write_text("".join(f"line {n}\n" for n in range(number + 1)))
        git("add", "-A")
        body = "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nSubject: not a mail\n\n"
        git(
            "commit",
            "-qm",
            f"KVM: step {number}\n\nWhy ä.\n\n{body}Signed-off-by: Ann Example <ann@kernel.example>",
        )
    mark = tmp_path / "ran"
    for key in (
        "diff.external",
        "diff.evil.command",
        "diff.evil.textconv",
        "core.pager",
        "core.fsmonitor",
        "gpg.program",
    ):
        git("config", key, f"touch {mark}; false")
    git("config", "diff.noprefix", "true")
    git("config", "format.attach", "true")
    git("config", "format.subjectPrefix", "HACK")
    git("config", "log.showSignature", "true")
    return place, git, mark


def reviewed(tools, tree, commits):
    return run(FetchRequest(what="", commit_range=commits, tree_path=str(tree)), tools).series


def test_commits_become_a_series_with_base(tools, tree):
    place, git, mark = tree
    series = reviewed(tools, place, "HEAD~3..HEAD")
    assert series.complete
    assert [patch.subject for patch in series.patches] == [
        "KVM: step 1",
        "KVM: step 2",
        "KVM: step 3",
    ]
    assert series.base_commit == git("rev-parse", "HEAD~3")
    assert series.patches[0].author.name == "Ann Example"
    assert "Why ä." in series.patches[0].changelog
    assert "Subject: not a mail" in series.patches[0].changelog
    assert series.patches[2].files[0].new_blob == git("rev-parse", "HEAD:a.c")
    assert not mark.exists(), "a program named in the repository's configuration was run"


def test_the_same_commits_are_the_same_series(tools, tree):
    place, _, _ = tree
    assert reviewed(tools, place, "HEAD~2..HEAD") == reviewed(tools, place, "HEAD~2..HEAD")


def test_branches_that_went_apart_start_from_where_they_did(tools, tree):
    place, git, _ = tree
    git("checkout", "-q", "-b", "topic", "HEAD~1")
    (place / "b.c").write_text("b\n")
    git("add", "b.c")
    git("commit", "-qm", "KVM: topic")
    series = reviewed(tools, place, "main..topic")
    assert [patch.subject for patch in series.patches] == ["KVM: topic"]
    assert series.base_commit == git("merge-base", "main", "topic")


@pytest.mark.parametrize(
    ("commits", "reason"),
    [("HEAD", "A..B"), ("..HEAD", "A..B"), ("a...b", "A..B"), ("--all..HEAD", "A..B"), ("HEAD~1..--output=x", "A..B"), ("a..b c", "A..B"),
     ("HEAD..HEAD", "holds 0 commits"), ("nope..HEAD", "no such commit"), ("HEAD~1..nope", "no such commit"), ("\x1b[2J..x", "A..B")],
)  # fmt: skip
def test_ranges_that_are_none(tools, tree, commits, reason):
    with pytest.raises(UserError, match=reason) as caught:
        reviewed(tools, tree[0], commits)
    assert str(caught.value).isprintable()


def test_a_tree_that_is_no_repository(tools, tmp_path):
    with pytest.raises(UserError, match="no git repository"):
        reviewed(tools, tmp_path / "nosuch", "A..B")


def test_a_binary_file_in_the_range_is_named(tools, tree):
    place, git, _ = tree
    (place / "fw.bin").write_bytes(bytes(range(256)))
    git("add", "fw.bin")
    git("commit", "-qm", "KVM: firmware")
    with pytest.raises(UserError, match=r"fw\.bin.*binary"):
        reviewed(tools, place, "HEAD~1..HEAD")
