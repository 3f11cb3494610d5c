# SPDX-License-Identifier: GPL-2.0-only
"""Which base is chosen, why, and how sure the answer claims to be."""

import os
from dataclasses import replace

import pytest
from kernel_repository import LINES, Kernel, read_series, snapshot

from reviewbot.model.base import BaseRule, Confidence, Tree
from reviewbot.model.config import Config, TreeConfig
from reviewbot.model.errors import UserError
from reviewbot.model.series import Trailer
from reviewbot.stages.apply import ApplyRequest
from reviewbot.stages.apply import run as run_apply
from reviewbot.stages.base import BaseRequest, run
from reviewbot.stages.destination import Destination, destination, label

X86 = "arch/x86/kvm/x86.c"
SVM = "arch/x86/kvm/svm.c"


def edited(number, text):
    return LINES.replace(f"line {number}\n", text).encode()


def choose(series, tools, *trees, **request):
    return run(BaseRequest(series=series, trees=trees, **request), tools)


@pytest.fixture
def one(series_of):
    return series_of({X86: edited(20, "new\n")})


def test_no_tree_says_how_to_name_one(one, tools):
    with pytest.raises(UserError, match=r"--tree PATH"):
        choose(one, tools)


def test_a_path_without_repository_is_one_line(one, tools, tmp_path):
    (tmp_path / "plain").mkdir()
    with pytest.raises(UserError, match="plain: not a git repository"):
        choose(one, tools, Tree(name="x", path=str(tmp_path / "plain")))
    with pytest.raises(UserError, match="nowhere: no such directory"):
        choose(one, tools, Tree(name="x", path=str(tmp_path / "nowhere")))


def test_a_directory_inside_a_repository_is_not_taken_for_it(one, kernel, tools):
    with pytest.raises(UserError, match="arch: not a git repository"):
        choose(one, tools, Tree(name="x", path=str(kernel.path / "arch")))


def test_explicit_goes_first_and_is_sure(one, kernel, tools):
    kernel.commit("later", Makefile=b"all: later\n")
    one = replace(one, base_commit=kernel.head())
    base = choose(one, tools, kernel.tree(), explicit="HEAD~1")
    assert (base.commit, base.rule) == (kernel.head("HEAD~1"), BaseRule.EXPLICIT)
    assert base.confidence is Confidence.HIGH
    assert base.tree_id == kernel.head("HEAD~1^{tree}")
    assert base.candidates[0].applies
    assert (base.candidates[0].blobs_found, base.candidates[0].blobs_wanted) == (1, 1)


@pytest.mark.parametrize("name", ["kvm/topic", "topic", "refs/heads/topic", "v6.12"])
def test_explicit_understands_what_people_call_a_commit(name, one, kernel, tools):
    kernel.git("branch", "topic")
    kernel.git("tag", "-am", "release", "v6.12")
    assert choose(one, tools, kernel.tree("kvm"), explicit=name).commit == kernel.head()


@pytest.mark.parametrize(
    "name", ["nowhere", "-rf", "HEAD:Makefile", "HEAD..HEAD", "\n", "@{", "f" * 40]
)
def test_an_explicit_base_that_is_no_commit(name, one, kernel, tools):
    with pytest.raises(UserError) as caught:
        choose(one, tools, kernel.tree("kvm"), explicit=name)
    assert "--base" in str(caught.value)
    assert "names no commit in kvm" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_start_of_a_local_range(one, kernel, tools):
    base = choose(one, tools, kernel.tree(), range_base="HEAD~1")
    assert (base.rule, base.commit) == (BaseRule.RANGE, kernel.head("HEAD~1"))


def test_the_base_commit_goes_before_the_tip(kernel, series_of, tools):
    series = series_of({X86: edited(20, "new\n")}, options=("--base=HEAD~1",))
    wanted = kernel.head()
    assert series.base_commit == wanted
    kernel.commit("later", Makefile=b"all: later\n")
    base = choose(series, tools, kernel.tree("kvm", "master"))
    assert (base.commit, base.tip, base.ref) == (wanted, kernel.head(), "master")
    assert (base.rule, base.confidence) == (BaseRule.BASE_COMMIT, Confidence.HIGH)
    assert base.why == f"the series names base-commit {wanted[:12]}, which is in kvm/master"


def test_a_base_commit_no_branch_holds_is_found_in_the_second_tree(one, kernel, tools, tmp_path):
    other = Kernel(tmp_path / "other")
    kernel.git("clone", "-q", "--shared", str(kernel.path), str(other.path))
    lost = other.commit("lost", Makefile=b"all: lost\n")
    other.git("reset", "-q", "--hard", "HEAD~1")
    base = choose(replace(one, base_commit=lost), tools, kernel.tree("kvm"), other.tree("other"))
    assert (base.commit, base.tree, base.tip) == (lost, "other", lost)


def test_an_unknown_base_commit_is_mentioned_and_the_blobs_decide(one, kernel, tools):
    base = choose(replace(one, base_commit="deadbeef" * 5), tools, kernel.tree("kvm", "master"))
    assert (base.rule, base.confidence) == (BaseRule.SCORED, Confidence.HIGH)
    assert base.why == (
        "kvm/master holds 1 of the 1 file versions the patches were made against, and the series "
        "applies; its base-commit deadbeefdead is in none of the trees (kvm)"
    )


def test_the_tip_with_the_right_blobs_wins(kernel, series_of, tools):
    series = series_of({X86: edited(20, "new\n"), SVM: b"rewritten\n"})
    kernel.git("branch", "right")
    kernel.commit("moved on", **{X86: b"top\n" + LINES.encode()})
    base = choose(series, tools, kernel.tree("linux", "master", "right"))
    assert base.ref == "right"
    found = [(one.ref, one.blobs_found, one.blobs_wanted, one.applies) for one in base.candidates]
    assert found == [("master", 1, 2, True), ("right", 2, 2, True)]


def test_a_tip_that_takes_the_series_beats_one_with_more_blobs(kernel, series_of, tools):
    changes = {X86: edited(20, "new\n"), SVM: b"rewritten\n", "virt/kvm/kvm_main.c": b"short\n"}
    series = series_of(changes)
    kernel.git("checkout", "-q", "-b", "applies")
    moved = {name: b"top\n" + (kernel.path / name).read_bytes() for name in (X86,)}
    kernel.change("moved", moved)
    kernel.git("checkout", "-q", "master")
    kernel.change("conflict", {X86: edited(20, "other\n")})
    base = choose(series, tools, kernel.tree("linux", "master", "applies"))
    assert base.ref == "applies"
    assert base.confidence is Confidence.MEDIUM
    assert "line 20" in base.candidates[0].first_conflict


def test_when_nothing_takes_the_series_the_answer_is_unsure(kernel, series_of, tools):
    series = series_of({X86: edited(20, "new\n")})
    kernel.change("conflict", {X86: edited(20, "other\n")})
    base = choose(series, tools, kernel.tree("linux"))
    assert base.confidence is Confidence.LOW
    assert "the series applies to no tip" in base.why


def test_only_new_files_is_no_proof(series_of, kernel, tools):
    base = choose(series_of({"new.c": b"x\n"}), tools, kernel.tree())
    assert base.confidence is Confidence.MEDIUM
    assert "only adds files" in base.why


KVM_REFS = ("kvm/master", "kvm/next", "kvm-x86/next", "v6.12-rc2")


def fixes(series):
    trailer = Trailer(name="Fixes", value='123456789abc ("KVM: x")')
    return replace(
        series, patches=tuple(replace(patch, trailers=(trailer,)) for patch in series.patches)
    )


@pytest.mark.parametrize(
    ("changes", "change", "kind", "ref"),
    [
        ({X86: edited(20, "new\n")}, fixes, Destination.FIX, "kvm/master"),
        ({X86: edited(20, "new\n")}, lambda same: same, Destination.NEXT, "kvm-x86/next"),
        ({"virt/kvm/kvm_main.c": b"x\n"}, lambda same: same, Destination.MULTI_ARCH, "v6.12-rc2"),
        (
            {X86: edited(20, "new\n"), "arch/arm64/kvm/arm.c": b"x\n"},
            lambda same: same,
            Destination.MULTI_ARCH,
            "v6.12-rc2",
        ),
    ],
    ids=["fix", "next", "common code", "two architectures"],
)
def test_equal_tips_go_by_the_maintainers_document(
    *, changes, change, kind, ref, kernel, series_of, tools
):
    series = change(series_of(changes))
    for name in KVM_REFS[:3]:
        kernel.git("branch", name)
    kernel.git("tag", "v6.12-rc2")
    base = choose(series, tools, kernel.tree("linux", *KVM_REFS))
    assert destination(series) is kind
    assert base.ref == ref
    assert kind.value in base.why


def test_tree_names_count_like_branch_names(one, kernel, tools):
    kernel.git("branch", "next")
    trees = (
        kernel.tree("kvm", "master"),
        kernel.tree("kvm", "next"),
        kernel.tree("kvm-x86", "next"),
    )
    assert choose(one, tools, *trees).tree == "kvm-x86"
    assert choose(one, tools, *trees[:2]).ref == "next"
    assert label(trees[2], "refs/remotes/origin/next") == "kvm-x86/next"


def test_the_order_of_the_configuration_is_the_last_word(one, kernel, tools):
    trees = kernel.tree("one"), kernel.tree("two")
    assert choose(one, tools, *trees).tree == "one"
    assert choose(one, tools, *reversed(trees)).tree == "two"


def test_a_ref_that_is_missing_is_noted(one, kernel, tools):
    assert "kvm has no gone" in choose(one, tools, kernel.tree("kvm", "gone", "master")).why
    with pytest.raises(UserError, match="no candidate for a base: kvm has no gone"):
        choose(one, tools, kernel.tree("kvm", "gone"))


def test_an_empty_repository(one, tools, tmp_path):
    empty = Kernel(tmp_path / "empty")
    empty.path.mkdir()
    empty.git("init", "-q")
    with pytest.raises(UserError, match="kvm has no HEAD"):
        choose(one, tools, empty.tree("kvm"))


@pytest.fixture
def with_prerequisite(kernel, tmp_path):
    """A series on top of a prerequisite on top of master; the names are commits."""
    start = kernel.head()
    needed = kernel.change("KVM: needed first", {X86: edited(20, "needed\n")})
    kernel.change("KVM: the series", {X86: edited(20, "series\n")})
    box = kernel.mbox("HEAD~1..HEAD", f"--base={start}")
    prerequisite = read_series(kernel.mbox(f"{start}..HEAD~1"), tmp_path)
    kernel.git("reset", "-q", "--hard", start)
    series = read_series(box, tmp_path)
    assert len(series.prerequisites) == 1
    return series, prerequisite.patches, start, needed


def applies(series, base, tools):
    return run_apply(ApplyRequest(series=series, base=base), tools).conflict is None


def test_a_prerequisite_in_the_history_counts_as_satisfied(with_prerequisite, kernel, tools):
    series, _, _, needed = with_prerequisite
    kernel.git("reset", "-q", "--hard", needed)
    base = choose(replace(series, base_commit=None), tools, kernel.tree("kvm"))
    assert base.commit == needed
    assert "1 of 1 prerequisite patches are in it" in base.why
    assert base.confidence is Confidence.HIGH


def test_a_prerequisite_of_another_branch_is_put_on_the_base_commit(
    with_prerequisite, kernel, tools
):
    series, _, start, needed = with_prerequisite
    kernel.git("branch", "topic", needed)
    kernel.git("checkout", "-q", "topic")
    kernel.commit("later", Makefile=b"x\n")
    base = choose(series, tools, kernel.tree("kvm", "master", "topic"))
    assert base.rule is BaseRule.PREREQUISITES
    assert (base.tip, base.confidence) == (start, Confidence.HIGH)
    assert base.commit not in (start, needed)
    assert base.tree_id == kernel.head(f"{needed}^{{tree}}")
    assert applies(series, base, tools)


def test_a_prerequisite_at_hand_is_put_on_the_base_commit(with_prerequisite, kernel, tools):
    series, offered, start, _ = with_prerequisite
    kernel.forget()
    base = choose(series, tools, kernel.tree("kvm"), prerequisites=offered)
    assert base.rule is BaseRule.PREREQUISITES
    assert "1 of 1 were applied on top first" in base.why
    assert base.commit != start
    assert applies(series, base, tools)


def test_a_prerequisite_nobody_has_is_named_and_lowers_the_confidence(
    with_prerequisite, kernel, tools
):
    series, _, start, _ = with_prerequisite
    kernel.forget()
    base = choose(series, tools, kernel.tree("kvm"))
    assert (base.rule, base.commit) == (BaseRule.BASE_COMMIT, start)
    assert base.confidence is Confidence.MEDIUM
    assert f"1 of 1 were not found (patch-id {series.prerequisites[0][:12]})" in base.why


def clones(kernel, place):
    for name, arguments in {
        "bare": ("clone", "-q", "--bare", str(kernel.path)),
        "shallow": ("clone", "-q", "--depth=1", f"file://{kernel.path}"),
        "worktree": ("worktree", "add", "-q", "--detach"),
        "alternate of an alternate": ("clone", "-q", "--shared", "--bare", str(kernel.path)),
    }.items():
        kernel.git(*arguments, str(place / name))
        yield name, place / name


def test_every_kind_of_repository_gives_the_same_commits(kernel, series_of, tools, tmp_path):
    kernel.commit("later", Makefile=b"all: later\n")
    series = series_of({X86: edited(20, "new\n")}, {SVM: None}, options=("--base=HEAD~2",))
    expected = run_apply(
        ApplyRequest(series=series, base=choose(series, tools, kernel.tree())), tools
    )
    place = tmp_path / "kinds"
    place.mkdir()
    for name, path in clones(kernel, place):
        before = snapshot(path)
        base = choose(series, tools, Tree(name="kvm", path=str(path)))
        result = run_apply(ApplyRequest(series=series, base=base), tools)
        assert result.patches == expected.patches, name
        assert base.rule is BaseRule.BASE_COMMIT, name
        assert snapshot(path) == before, f"{name}: the repository was written to"


def test_a_shallow_history_ends_without_trouble(with_prerequisite, kernel, tools, tmp_path):
    series, _, start, _ = with_prerequisite
    kernel.git("clone", "-q", "--depth=1", f"file://{kernel.path}", str(tmp_path / "shallow"))
    base = choose(series, tools, Tree(name="kvm", path=str(tmp_path / "shallow")))
    assert (base.commit, base.confidence) == (start, Confidence.MEDIUM)


@pytest.fixture
def cloned(kernel, tmp_path):
    """A clone with its configuration: a tree that is fetched from ``kernel``."""
    clone = Kernel(tmp_path / "clone")
    kernel.git("clone", "-q", str(kernel.path), str(clone.path))
    configured = TreeConfig(path=str(clone.path), refs=("origin/master",), remote="origin")
    return clone, Config(trees={"kvm": configured})


def test_a_tree_with_a_remote_is_fetched_first(kernel, series_of, tools, cloned):
    clone, config = cloned
    kernel.commit("upstream moves", **{"arch/x86/kvm/x86.c": b"top\n" + LINES.encode()})
    proof = clone.path.parent / "hook-ran"
    hook = clone.path / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {proof}\n")
    hook.chmod(0o755)
    series = series_of({X86: b"top\n" + edited(20, "new\n")})
    base = choose(series, replace(tools, config=config), clone.tree("kvm", "origin/master"))
    assert base.commit == kernel.head()
    assert not proof.exists()
    assert not (clone.path / ".git/FETCH_HEAD").exists()


@pytest.mark.parametrize(
    "url", ["/nowhere/linux.git", "ext::touch hook-ran", "https://127.0.0.1:1/linux.git", "-u"]
)
def test_a_fetch_that_fails_is_a_note(*, url, one, tools, cloned, tmp_path, monkeypatch):
    clone, config = cloned
    monkeypatch.chdir(tmp_path)
    clone.git("config", "remote.origin.url", url)
    base = choose(one, replace(tools, config=config), clone.tree("kvm", "origin/master"))
    assert base.commit == clone.head("origin/master")
    assert "kvm may be out of date, for it could not be fetched: " in base.why
    assert "\n" not in base.why
    assert not list(tmp_path.rglob("hook-ran"))


def test_a_remote_named_like_an_option_is_none(one, tools, cloned):
    clone, config = cloned
    entry = replace(config.trees["kvm"], remote="--upload-pack=touch x")
    tools = replace(tools, config=Config(trees={"kvm": entry}))
    base = choose(one, tools, clone.tree("kvm", "origin/master"))
    assert "is not the name of a remote" in base.why


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a repository to somebody else")
def test_a_repository_of_another_user_can_be_read(one, kernel, tools):
    for place in (kernel.path, *kernel.path.rglob("*")):
        os.chown(place, 1234, 1234, follow_symlinks=False)
    base = choose(one, tools, kernel.tree())
    assert applies(one, base, tools)
