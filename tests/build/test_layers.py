# SPDX-License-Identifier: GPL-2.0-only
"""Views of layers: what is changed stays in the view, from inside and from outside."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reviewbot.tools import layers, sandbox
from reviewbot.tools.layers import Sharing


@pytest.fixture
def lower(tmp_path):
    root = tmp_path / "lower"
    (root / "directory").mkdir(parents=True)
    (root / "file").write_text("layer\n")
    (root / "directory" / "inner").write_text("inner\n")
    for path in (root, *root.rglob("*")):
        sandbox.give(path)
    return root


@pytest.fixture(params=[Sharing.OVERLAY, Sharing.COPY], ids=lambda how: how.name.lower())
def how(request, tmp_path):
    if request.param is Sharing.OVERLAY and layers.sharing_at(tmp_path) is not Sharing.OVERLAY:
        pytest.skip("overlayfs is not permitted here; 'reviewbot doctor' says more")
    return request.param


def shell(view, command):
    return sandbox.run(
        ["sh", "-ec", command], mounts=[view.mount], cwd=view.mount.target, timeout=20
    )


def test_writes_stay_in_the_view(tmp_path, lower, how):
    view = layers.view(lower, tmp_path / "view", "/lab/obj", writable=True, sharing=how)
    done = shell(view, "echo changed > file; rm directory/inner; mkdir new; echo x > new/made")
    assert done.ok, done.complaint()
    assert shell(view, "cat file new/made; ls directory").text() == "changed\nx\n"
    assert (lower / "file").read_text() == "layer\n"
    assert (lower / "directory" / "inner").exists()
    assert layers.read(view, "file") == b"changed\n"
    assert layers.read(view, "directory/inner") is None
    assert layers.read(view, "new/made") == b"x\n"


def test_read_only_views_refuse(tmp_path, lower, how):
    view = layers.view(lower, tmp_path / "view", "/lab/src", writable=False, sharing=how)
    assert not shell(view, "echo x > file").ok
    assert shell(view, "cat file").text() == "layer\n"


def test_hidden_files_are_gone_inside(tmp_path, lower, how):
    view = layers.view(lower, tmp_path / "view", "/lab/src", writable=False, sharing=how)
    layers.hide(view, ["file", "directory/inner", "no/such/file"])
    assert shell(view, "find . -type f").text() == ""
    assert (lower / "file").exists()


def test_hiding_does_not_follow_links(tmp_path, lower, how):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    view = layers.view(lower, tmp_path / "view", "/lab/obj", writable=True, sharing=how)
    assert shell(view, f"ln -s {outside} link").ok
    layers.hide(view, ["link/precious"])
    assert (outside / "precious").exists()


def test_reading_does_not_follow_links(tmp_path, lower, how):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    view = layers.view(lower, tmp_path / "view", "/lab/obj", writable=True, sharing=how)
    assert shell(
        view, f"rm file; ln -s {secret} file; ln -s {tmp_path} directory/up; mkfifo pipe"
    ).ok
    assert layers.read(view, "file") is None
    assert layers.read(view, "directory/up/secret") is None
    assert layers.read(view, "pipe") is None


def test_large_files_are_not_read(tmp_path, lower, how):
    view = layers.view(lower, tmp_path / "view", "/lab/obj", writable=True, sharing=how)
    assert layers.read(view, "file", limit=3) is None


def test_views_of_one_layer_do_not_see_each_other(tmp_path, lower, how):
    one = layers.view(lower, tmp_path / "one", "/lab/obj", writable=True, sharing=how)
    two = layers.view(lower, tmp_path / "two", "/lab/obj", writable=True, sharing=how)
    shell(one, "echo one > file")
    assert shell(two, "cat file").text() == "layer\n"


def test_remove_takes_whatever_was_left(tmp_path, lower, how):
    view = layers.view(lower, tmp_path / "view", "/lab/obj", writable=True, sharing=how)
    shell(view, "mkdir -p a/b/c; echo x > a/b/c/d; chmod 0 a/b/c a/b a")
    layers.remove(tmp_path / "view")
    assert not (tmp_path / "view").exists()
    assert (lower / "file").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="is about root, who may change any mode")
def test_removing_as_root_changes_no_modes(tmp_path, monkeypatch):
    """What ran inside may be ending still: a directory may be a link to one of the host's by then."""
    (tmp_path / "view/closed/inner").mkdir(parents=True)
    (tmp_path / "host").mkdir(mode=0o755)
    (tmp_path / "view/closed").chmod(0)
    real = Path.is_symlink

    def swapped(path):
        said = real(path)
        if path.name == "inner" and not said:
            path.rmdir()
            path.symlink_to(tmp_path / "host")
        return said

    monkeypatch.setattr(Path, "is_symlink", swapped)
    layers.remove(tmp_path / "view")
    assert (tmp_path / "host").stat().st_mode & 0o777 == 0o755
    assert not (tmp_path / "view").exists()


def test_an_overlay_costs_what_differs(tmp_path, lower):
    if layers.sharing_at(tmp_path) is not Sharing.OVERLAY:
        pytest.skip("overlayfs is not permitted here; 'reviewbot doctor' says more")
    (lower / "big").write_bytes(b"x" * 10_000_000)
    view = layers.view(lower, tmp_path / "view", "/lab/obj", writable=True)
    assert shell(view, "echo y > small").ok
    size = sum(path.lstat().st_size for path in view.written.rglob("*"))
    assert size < 1000


def test_an_ordinary_user_gets_the_same(tmp_path):
    """The whole way without root: user namespaces, and overlayfs with userxattr."""
    if os.geteuid() != 0:
        pytest.skip("the other tests have just shown it")
    script = """
import os, sys
from pathlib import Path
from reviewbot.tools import layers, sandbox
os.setgroups([]); os.setgid(54321); os.setuid(54321)
root = Path(sys.argv[1])
(root / "lower").mkdir()
(root / "lower" / "file").write_text("layer")
print(layers.sharing_at(root).value)
view = layers.view(root / "lower", root / "view", "/v", writable=True)
done = sandbox.run(["sh", "-ec", "echo new > /v/file; rm /v/file; id -u; touch /usr/x || :"],
                   mounts=[view.mount], timeout=20)
print(done.text(), done.stderr)
layers.remove(root / "view")
print(sorted(path.name for path in root.iterdir()))
"""
    place = tmp_path / "user"
    place.mkdir()
    os.chown(place, 54321, 54321)
    for parent in place.parents:
        if str(parent).startswith("/tmp/"):  # noqa: S108 - pytest's own directories
            parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    done = subprocess.run(
        [sys.executable, "-c", script, place],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Read-only file system" in done.stdout
    assert "1000" in done.stdout
    assert "['lower']" in done.stdout


@pytest.mark.parametrize("kind", ["../secret.ko", "directory/../../secret.ko", "/ABSOLUTE"])
def test_paths_outside_the_view_do_not_exist(tmp_path, lower, how, kind):
    # A series' build writes modules.order, so it chooses what images.load_order reads.
    secret = tmp_path / "secret.ko"
    secret.write_text("secret")
    view = layers.view(lower, tmp_path / "view", "/lab/obj", writable=True, sharing=how)
    for root in (lower, view.written):  # whichever directory ".." is taken from
        (root.parent / "secret.ko").write_text("secret")
    path = kind.replace("/ABSOLUTE", str(secret))
    assert layers.read(view, path) is None
    assert layers.read(layers.View.plain(lower), path) is None
    layers.hide(view, [path])
    assert secret.read_text() == "secret"
    assert (view.written.parent / "secret.ko").read_text() == "secret"


def test_a_tree_whose_paths_lead_outside_updates_nothing_there(tmp_path, lower, how):
    def git(*arguments, stdin=b""):
        done = subprocess.run(
            ["git", "-C", tmp_path / "repository.git", *arguments],
            input=stdin,
            check=True,
            capture_output=True,
        )
        return done.stdout.decode().strip()

    def tree(*entries):
        raw = b"".join(
            f"{mode} {name}".encode() + b"\0" + bytes.fromhex(what) for mode, name, what in entries
        )
        return git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw)

    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "repository.git"], check=True)
    blob = git("hash-object", "-w", "--stdin", stdin=b"x")
    with_parent = tree(("40000", "..", tree(("100644", "precious", blob))))
    view = layers.view(lower, tmp_path / "view", "/lab/src", writable=False, sharing=how)
    precious = view.written.parent / "precious"
    precious.write_text("mine")
    layers.update(view, str(tmp_path / "repository.git"), with_parent, tree())
    assert precious.read_text() == "mine"
