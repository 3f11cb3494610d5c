# SPDX-License-Identifier: GPL-2.0-only
"""Patches that try to reach what they must not.  All are built as the model a parser could hand on."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_repository import FILES, Kernel, files_of, read_series, snapshot

from reviewbot.model.base import Base, BaseRule, Confidence
from reviewbot.model.config import Config
from reviewbot.model.errors import UserError
from reviewbot.model.series import ChangeKind, FileDiff
from reviewbot.parse.diff import parse_diff
from reviewbot.stages.apply import ApplyRequest, run
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools


def adds(path, text="evil\n", mode="100644"):
    lines = text.splitlines()
    body = "".join(f"+{line}\n" for line in lines)
    if not text.endswith("\n"):
        body += "\\ No newline at end of file\n"
    return (
        f"diff --git a/{path} b/{path}\nnew file mode {mode}\nindex 0000000..1111111\n"
        f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n{body}"
    )


def with_diffs(series, *diffs):
    """The first patch of a series again and again, each time with another diff."""
    patches = tuple(
        replace(series.patches[0], number=number, diff=diff, files=parse_diff(diff))
        for number, diff in enumerate(diffs, 1)
    )
    return replace(series, patches=patches, total=len(patches))


@pytest.fixture
def harmless(series_of):
    return series_of({"Makefile": b"all: some\n"})


def refused(series, base, tools):
    with pytest.raises(UserError) as caught:
        run(ApplyRequest(series=series, base=base), tools)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        "../outside",
        "a/../../outside",
        "/etc/passwd",
        ".git/config",
        "sub/.GIT/hooks/post-commit",
        ".git\u200c/config",
        "a//b",
        "./a",
        "a\\b",
    ],
)
def test_a_path_out_of_the_tree_is_named(path, harmless, kernel, base_of, tools):
    before = snapshot(kernel.path.parent)
    said = refused(with_diffs(harmless, adds("ok.c"), adds(path)), base_of(), tools)
    assert said.startswith("patch 2 (")
    assert path.replace("\u200c", " ").split("/")[-1] in said or path in said
    after = snapshot(kernel.path.parent)
    assert {name: after[name] for name in before if name.startswith("linux/")} == {
        name: entry for name, entry in before.items() if name.startswith("linux/")
    }
    assert not (kernel.path.parent / "outside").exists()


def test_writing_through_a_link_of_an_earlier_patch(harmless, base_of, tools):
    link = adds("link", "arch", mode="120000")
    said = refused(with_diffs(harmless, link, adds("link/evil.c")), base_of(), tools)
    assert said.startswith("patch 2 (")
    assert "link/evil.c is reached through the symbolic link link" in said


def test_writing_through_a_link_of_the_same_patch(harmless, base_of, tools):
    both = adds("link", "arch", mode="120000") + adds("link/evil.c")
    assert "through the symbolic link" in refused(with_diffs(harmless, both), base_of(), tools)


def test_writing_through_a_link_of_the_base(harmless, kernel, base_of, tools):
    (kernel.path / "link").symlink_to("arch")
    kernel.change("a link", {})
    said = refused(with_diffs(harmless, adds("link/x86/evil.c")), base_of(), tools)
    assert "link/x86/evil.c is reached through the symbolic link link" in said


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "x/../../outside", ".."])
def test_a_link_out_of_the_tree(target, harmless, base_of, tools):
    said = refused(with_diffs(harmless, adds("link", target, mode="120000")), base_of(), tools)
    assert "link is a symbolic link out of the tree" in said


def test_a_link_inside_the_tree_is_fine(harmless, base_of, tools):
    series = with_diffs(harmless, adds("scripts/link", "../arch", mode="120000"))
    result = run(ApplyRequest(series=series, base=base_of()), tools)
    assert files_of(result.repository, result.patches[0].tree_id)["scripts/link"] == (
        0o120000,
        b"../arch",
    )


def test_a_submodule(harmless, base_of, tools):
    module = adds("module", f"Subproject commit {'1' * 40}\n", mode="160000")
    assert "module is a submodule" in refused(with_diffs(harmless, module), base_of(), tools)


def test_a_file_inside_a_submodule_of_the_base(harmless, kernel, base_of, tools):
    kernel.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    kernel.git("commit", "-qm", "module")
    said = refused(with_diffs(harmless, adds("module/evil.c")), base_of(), tools)
    assert "inside the submodule module" in said


def test_a_file_git_sees_and_our_parser_does_not(harmless, base_of, tools):
    series = with_diffs(harmless, adds("seen.c") + adds("hidden.c"))
    seen = tuple(diff for diff in series.patches[0].files if diff.path == "seen.c")
    series = replace(series, patches=(replace(series.patches[0], files=seen),))
    assert "hidden.c is hidden in its diff" in refused(series, base_of(), tools)


def test_a_hidden_file_that_is_no_file(harmless, base_of, tools):
    series = with_diffs(harmless, adds("seen.c") + adds("hidden.c", mode="040000"))
    seen = tuple(diff for diff in series.patches[0].files if diff.path == "seen.c")
    series = replace(series, patches=(replace(series.patches[0], files=seen),))
    assert "comes with mode 040000" in refused(series, base_of(), tools)


def test_options_in_a_path_are_only_a_path(harmless, base_of, tools):
    series = with_diffs(harmless, adds("--directory=x"), adds("-"))
    result = run(ApplyRequest(series=series, base=base_of()), tools)
    assert {"--directory=x", "-"} <= set(files_of(result.repository, result.patches[-1].tree_id))


PARTS = st.sampled_from(
    [
        "..",
        ".",
        "",
        "/",
        ".git",
        ".GIT",
        "git~1",
        "link",
        "arch",
        "a",
        "Makefile",
        "\x00",
        "\n",
        '"',
        "\\",
        " ",
        "é",
        "\u200c",
        "-",
        "a" * 300,
        "%s",
        "$(id)",
        ".gitmodules",
        ".gitattributes",
        "\ud7ff",
    ]
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    (root / "linux").mkdir()
    (root / "scratch").mkdir()
    kernel = Kernel(root / "linux")
    kernel.git("init", "-q", "-b", "master")
    kernel.change("Import", FILES)
    (kernel.path / "link").symlink_to("/tmp")  # noqa: S108 - it must not be followed
    kernel.change("link", {})
    start = kernel.head()
    kernel.change("KVM: one", {"Makefile": b"x\n"})
    series = read_series(kernel.mbox(f"{start}..HEAD"), root)
    kernel.git("reset", "-q", "--hard", start)
    tools = Tools(
        config=Config(),
        cache=Cache(root / "cache"),
        scratch=root / "scratch",
        progress=lambda _stage, _message: None,
    )
    base = Base(
        tree="kvm", path=str(kernel.path), ref="HEAD", tip=start, commit=start,
        tree_id=kernel.head("HEAD^{tree}"), rule=BaseRule.EXPLICIT,
        confidence=Confidence.HIGH, why="a test",
    )  # fmt: skip
    return kernel, series, base, tools


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    parts=st.lists(PARTS, min_size=1, max_size=4),
    mode=st.sampled_from(["100644", "120000", "160000", "100755", "040000"]),
    text=st.text(max_size=20),
)
def test_no_path_reaches_out(place, parts, mode, text):
    """Whatever the path, the outcome is a refusal, a conflict, or that very file in the tree."""
    kernel, series, base, tools = place
    path = "/".join(parts)
    diff = adds(path, text.replace("\r", "").replace("\n", "") + "\n", mode)
    entry = FileDiff(kind=ChangeKind.ADD, old_path=None, new_path=path, new_mode=int(mode, 8))
    patch = replace(series.patches[0], diff=diff, files=(entry,))
    before = snapshot(kernel.path)
    try:
        result = run(ApplyRequest(series=replace(series, patches=(patch,)), base=base), tools)
    except UserError as error:
        said = str(error)
        assert "\n" not in said
    else:
        assert result.conflict or result.patches
        if result.patches:
            old = files_of(result.repository, base.tree_id)
            new = files_of(result.repository, result.patches[0].tree_id)
            assert set(new) - set(old) <= {path}
            assert {name: new.get(name) for name in old} == old
    assert snapshot(kernel.path) == before
    assert sorted(one.name for one in kernel.path.parent.iterdir()) == sorted(
        {"linux", "scratch", "cache"} | {one.name for one in kernel.path.parent.glob("*.mbox")}
    )
