# SPDX-License-Identifier: GPL-2.0-only
"""Reading trees, writing trees, and putting them on disk."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_repository import FILES, LINES, Kernel, snapshot

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools.cache import Cache
from reviewbot.tools.export import export_changes, export_tree
from reviewbot.tools.objects import ObjectStore, TreeView, open_repository

X86 = "arch/x86/kvm/x86.c"


@pytest.fixture
def store(kernel, tools):
    return ObjectStore(tools.cache, kernel.path)


def test_a_view_reads_what_git_shows(kernel, store):
    view = store.view(kernel.head())
    assert view.read(X86) == LINES.encode()
    assert view.blob_id(X86) == kernel.head(f"HEAD:{X86}")
    assert list(view.paths("")) == kernel.git("ls-files").decode().splitlines()
    assert list(view.paths("arch/x86")) == ["arch/x86/kvm/svm.c", X86]
    assert list(view.paths("arch/x86/")) == list(view.paths("arch/x86"))
    assert list(view.paths(X86)) == [X86]
    assert store.blob_at(kernel.head(), "Makefile") == b"all:\n"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "arch",
        "arch/",
        "nowhere",
        "Makefile/x",
        "../Makefile",
        "/Makefile",
        "a\0b",
        "arch//x86",
    ],
)
def test_a_view_has_nothing_at_other_paths(path, kernel, store):
    view = store.view(kernel.head())
    assert view.read(path) is None
    assert view.blob_id(path) is None


def test_a_view_opens_by_path_and_tree_id(kernel, store):
    view = TreeView(store.path, kernel.head("HEAD^{tree}"))
    assert view.read("Makefile") == b"all:\n"
    with pytest.raises(InfrastructureError, match="object 111111111111 is gone"):
        TreeView(str(store.path), "1" * 40)


def test_changed_paths(kernel, store):
    old = store.view(kernel.head())
    (kernel.path / "Makefile").chmod(0o755)
    kernel.change("many", {X86: b"x\n", "new": b"n\n", "dos.txt": None, "scripts/run.sh": None})
    kernel.change("more", {"scripts": b"now a file\n"})
    new = store.view(kernel.head())
    found = {one.path: (one.old_mode, one.new_mode, one.new_id) for one in old.changed_paths(new)}
    assert found == {
        "Makefile": (0o100644, 0o100755, kernel.head("HEAD:Makefile")),
        X86: (0o100644, 0o100644, kernel.head(f"HEAD:{X86}")),
        "dos.txt": (0o100644, 0, None),
        "new": (0, 0o100644, kernel.head("HEAD:new")),
        "scripts": (0, 0o100644, kernel.head("HEAD:scripts")),
        "scripts/run.sh": (0o100755, 0, None),
    }
    assert old.changed_paths(old) == ()


@pytest.fixture(scope="module")
def module_kernel(tmp_path_factory):
    root = tmp_path_factory.mktemp("trees")
    (root / "linux").mkdir()
    kernel = Kernel(root / "linux")
    kernel.git("init", "-q")
    kernel.change("Import", FILES)
    return kernel, ObjectStore(Cache(root / "cache"), kernel.path)


PATHS = st.sampled_from(
    [
        "Makefile",
        "arch",
        "arch/x86/kvm/x86.c",
        "arch/x86/kvm/new.c",
        "a/b/c",
        "a/b",
        "a",
        "z",
        "virt/kvm/kvm_main.c",
        "arch.c",
        "arch-x",
    ]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.dictionaries(PATHS, st.booleans(), max_size=6))
def test_a_written_tree_is_what_gits_index_writes(module_kernel, changes):
    """Random replacements and removals, compared with git update-index and write-tree."""
    kernel, store = module_kernel
    wanted = {path for path, add in changes.items() if add}
    for path in wanted:
        if any(other.startswith(f"{path}/") for other in (*FILES, *wanted)):
            return  # a file and a directory of one name: the apply stage never asks for it
    blob = kernel.head("HEAD:Makefile")
    tree = kernel.head("HEAD^{tree}")
    made = store.write_tree(
        tree, {path: (blob, 0o100755) if add else None for path, add in changes.items()}
    )
    kernel.git("read-tree", tree)
    for path, add in sorted(changes.items(), key=lambda pair: pair[1]):
        if not add:
            kernel.git("update-index", "--force-remove", "--", path)
        else:
            kernel.git("update-index", "--add", "--replace", "--cacheinfo", f"100755,{blob},{path}")
    assert made == kernel.git("write-tree").decode().strip()


def export_of(kernel, store, changes, destination):
    old = kernel.head("HEAD^{tree}")
    kernel.change("change", changes)
    new = kernel.head("HEAD^{tree}")
    return export_changes(store.path, old, new, destination)


def test_only_changes_are_written(kernel, store, tmp_path):
    place = tmp_path / "upper"
    (kernel.path / "link").symlink_to("arch/x86")
    (kernel.path / "Makefile").chmod(0o755)
    gone = export_of(kernel, store, {X86: b"x\n", "a/b/c": b"deep\n", "dos.txt": None}, place)
    assert gone == ("dos.txt",)
    files = {
        str(one.relative_to(place)) for one in place.rglob("*") if one.is_symlink() or one.is_file()
    }
    assert files == {X86, "a/b/c", "link", "Makefile"}
    assert (place / "link").readlink() == Path("arch/x86")
    assert (place / X86).read_bytes() == b"x\n"
    assert stat.S_IMODE((place / "Makefile").stat().st_mode) == 0o755
    assert stat.S_IMODE((place / X86).stat().st_mode) == 0o644


def test_links_in_the_destination_are_not_followed(kernel, store, tmp_path):
    outside, place = tmp_path / "outside", tmp_path / "upper"
    outside.mkdir()
    place.mkdir()
    (outside / "passwd").write_text("mine\n")
    (place / "arch").symlink_to(outside)
    with pytest.raises(InfrastructureError, match="arch: a file or symbolic link"):
        export_of(kernel, store, {X86: b"x\n"}, place)
    assert [one.name for one in outside.iterdir()] == ["passwd"]
    (place / "Makefile").symlink_to(outside / "passwd")
    export_of(kernel, store, {"Makefile": b"evil\n"}, place)
    assert (outside / "passwd").read_text() == "mine\n"
    assert (place / "Makefile").read_bytes() == b"evil\n"
    assert not (place / "Makefile").is_symlink()


def test_a_link_of_the_old_tree_makes_room_for_a_directory(kernel, store, tmp_path):
    (kernel.path / "thing").symlink_to("arch")
    kernel.change("a link", {})
    export_tree(store.path, kernel.head("HEAD^{tree}"), tmp_path / "copy")
    (kernel.path / "thing").unlink()
    gone = export_of(kernel, store, {"thing/x.c": b"x\n"}, tmp_path / "copy")
    assert gone == ("thing",)
    assert (tmp_path / "copy/thing/x.c").read_bytes() == b"x\n"
    assert not (tmp_path / "copy/arch/x.c").exists()


def test_a_directory_in_the_way_is_said(kernel, store, tmp_path):
    (tmp_path / "upper/new.c/inside").mkdir(parents=True)
    with pytest.raises(InfrastructureError, match=r"new\.c: a directory is in the way"):
        export_of(kernel, store, {"new.c": b"x\n"}, tmp_path / "upper")
    assert not list((tmp_path / "upper").rglob(".part-*"))


def test_a_whole_tree_is_byte_for_byte_the_blobs(kernel, store, tmp_path):
    """Attributes of the tree must not change what is built."""
    attributes = b"* text eol=crlf ident export-subst\nMakefile export-ignore\n*.txt working-tree-encoding=UTF-16\n"
    (kernel.path / "link").symlink_to("/etc/passwd")
    blob = kernel.git("hash-object", "-w", "--stdin", stdin=b"$Id$ $Format:%H$\n").decode().strip()
    kernel.change("attributes", {})
    tree = store.write_tree(
        kernel.head("HEAD^{tree}"),
        {
            "ident.c": (blob, 0o100644),
            ".gitattributes": (str(store.repository.create_blob(attributes)), 0o100644),
        },
    )
    export_tree(store.path, tree, tmp_path / "out")
    view = TreeView(store.path, tree)
    for path in view.paths():
        place = tmp_path / "out" / path
        data = os.fsencode(place.readlink()) if place.is_symlink() else place.read_bytes()
        assert data == view.read(path), path
    assert os.access(tmp_path / "out/scripts/run.sh", os.X_OK)


def test_a_whole_tree_goes_only_into_an_empty_place(kernel, store, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").touch()
    with pytest.raises(InfrastructureError, match="not empty"):
        export_tree(store.path, kernel.head("HEAD^{tree}"), tmp_path / "full")
    assert [one.name for one in (tmp_path / "full").iterdir()] == ["mine"]


def test_a_full_disk_leaves_nothing_behind(kernel, store, small_disk):
    old = kernel.head("HEAD^{tree}")
    kernel.change("big", {f"big/{number}": os.urandom(300_000) for number in range(12)})
    new = kernel.head("HEAD^{tree}")
    with pytest.raises(UserError, match="disk full"):
        export_tree(store.path, new, small_disk / "tree")
    assert not any((small_disk / "tree").iterdir())
    with pytest.raises(UserError, match="disk full"):
        export_changes(store.path, old, new, small_disk / "upper")
    assert not list((small_disk / "upper").rglob(".part-*"))
    sizes = {one.stat().st_size for one in (small_disk / "upper/big").iterdir()}
    assert sizes <= {300_000}


def test_a_cache_that_cannot_be_written(kernel, small_disk):
    free = os.statvfs(small_disk)
    (small_disk / "fill").write_bytes(bytes(free.f_bavail * free.f_frsize))
    with pytest.raises(UserError, match="disk full"):
        ObjectStore(Cache(small_disk / "cache"), kernel.path)
    (small_disk / "fill").unlink()
    store = ObjectStore(Cache(small_disk / "cache"), kernel.path)
    assert store.blob_at(kernel.head(), "Makefile") == b"all:\n"


def test_a_damaged_repository_is_one_line(tmp_path):
    (tmp_path / "broken/.git").mkdir(parents=True)
    with pytest.raises(UserError) as caught:
        open_repository(tmp_path / "broken")
    assert "cannot be opened" in str(caught.value)


def test_opening_a_store_changes_nothing(kernel, tools):
    before = snapshot(kernel.path)
    store = ObjectStore(tools.cache, kernel.path)
    assert ObjectStore(tools.cache, kernel.path).path == store.path
    assert snapshot(kernel.path) == before
