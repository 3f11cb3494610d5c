# SPDX-License-Identifier: GPL-2.0-only
"""Every impossible input ends in one line that names the cause, exit 2, and nothing half-written."""

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reviewbot.model.run import Run

PATCH = """From nobody Mon Sep 17 00:00:00 2001
From: Jo Example <jo@example.org>
Date: Thu, 15 Jan 2026 12:00:00 +0000
Message-ID: <hostile@example.org>
To: kvm@vger.kernel.org
Subject: [PATCH] KVM: x86: Write somewhere

Say why.

Signed-off-by: Jo Example <jo@example.org>
---
{diff}
--\x20
2.39.5

"""


def added(path: str) -> str:
    return (
        f"diff --git a/{path} b/{path}\nnew file mode 100644\nindex 000000000000..ce013625030b\n"
        f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+hello"
    )


def refused(said, *words: str) -> None:
    """Exit 2 and exactly one line that holds every word."""
    assert said.code == 2, f"exit {said.code}\n{said.out}\n{said.err}"
    assert "Traceback" not in said.err
    assert len(said.complaint.splitlines()) == 1, said.err
    for word in words:
        assert word in said.complaint, f"the line should mention {word!r}:\n{said.complaint}"


def nothing_kept(home: Path) -> None:
    runs = home / ".local/state/reviewbot/runs"
    assert not runs.exists() or not any(runs.iterdir()), "a run was left behind for bad input"
    assert not list(home.rglob(".part-*")), "half-written files were left behind"
    assert not list(home.glob(".cache/reviewbot/scratch/[0-9]*")), "scratch was left behind"


def test_empty_mbox(reviewbot: Callable, tree, home: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.mbox"
    empty.touch()
    refused(reviewbot("review", empty, "--tree", tree.path), "empty")
    nothing_kept(home)


def test_truncated_mbox(reviewbot: Callable, tree, series: Path, home: Path) -> None:
    whole = series.read_bytes()
    series.write_bytes(whole[: whole.rindex(b"kvm_renamed_2") - 20])
    refused(reviewbot("review", series, "--tree", tree.path), "patch 2/2", "cut short")
    nothing_kept(home)


def test_missing_file(reviewbot: Callable, tree, home: Path) -> None:
    refused(reviewbot("review", "./no-such.mbox", "--tree", tree.path), "no-such.mbox")
    nothing_kept(home)


def test_tree_is_no_repository(reviewbot: Callable, series: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    said = reviewbot("review", series, "--tree", tmp_path / "plain", "--only-rules")
    refused(said, "plain", "git repository")


def test_no_tree_at_all(reviewbot: Callable, series: Path) -> None:
    refused(reviewbot("review", series, "--only-rules"), "--tree")


def test_unknown_base(reviewbot: Callable, tree, series: Path) -> None:
    said = reviewbot("review", series, "--tree", tree.path, "--base", "nope", "--only-rules")
    refused(said, "nope")


@pytest.mark.parametrize("base", ["--output=/tmp/x", "-x"])
def test_base_that_looks_like_an_option(reviewbot: Callable, tree, series: Path, base: str) -> None:
    said = reviewbot("review", series, "--tree", tree.path, f"--base={base}", "--only-rules")
    refused(said, base)


def test_patch_does_not_apply(reviewbot: Callable, tree, series: Path) -> None:
    tree.write("arch/x86/kvm/x86.c", "int nothing_like_it;\n")
    tip = tree.commit("Something else")
    said = reviewbot("review", series, "--tree", tree.path, "--base", tip, "--only-rules")
    refused(said, "patch 1", "arch/x86/kvm/x86.c", "@@")


def test_binary_patch(reviewbot: Callable, tree, home: Path) -> None:
    diff = (
        "diff --git a/logo.bin b/logo.bin\nnew file mode 100644\n"
        "index 0000000000000000000000000000000000000000..2bd1c0b6d5d4c4b0c6b2a2bd1c0b6d5d4c4b0c6b\n"
        "GIT binary patch\nliteral 4\nLcmZQzWMT#Y01f~L\n\nliteral 0\nHcmV?d00001\n"
    )
    said = reviewbot("review", "-", "--tree", tree.path, stdin=PATCH.format(diff=diff).encode())
    refused(said, "binary", "logo.bin")
    nothing_kept(home)


@pytest.mark.parametrize("path", ["../escape", "/etc/passwd2", "a/../../escape", ".git/hooks/x"])
def test_writes_outside_the_tree(reviewbot: Callable, tree, tmp_path: Path, path: str) -> None:
    mail = PATCH.format(diff=added(path)).encode()
    refused(
        reviewbot("review", "-", "--tree", tree.path, "--only-rules", stdin=mail), path.strip("/")
    )
    assert not (tmp_path / "escape").exists()


def test_writes_through_a_symlink(reviewbot: Callable, tree, tmp_path: Path) -> None:
    link = (
        "diff --git a/link b/link\nnew file mode 120000\nindex 000000000000..cad2309100c1\n"
        f"--- /dev/null\n+++ b/link\n@@ -0,0 +1 @@\n+{tmp_path}\n\\ No newline at end of file\n"
    )
    mail = PATCH.format(diff=link + added("link/victim")).encode()
    refused(reviewbot("review", "-", "--tree", tree.path, "--only-rules", stdin=mail), "link")
    assert not (tmp_path / "victim").exists()


def test_header_with_invalid_bytes(reviewbot: Callable, tree) -> None:
    mail = (
        PATCH.format(diff=added("new.c")).encode().replace(b"Subject: ", b"Subject: \xff\x00\xfe ")
    )
    said = reviewbot("review", "-", "--tree", tree.path, "--only-rules", stdin=mail)
    assert "Traceback" not in said.err
    assert said.code == 2 or "\ufffd" in said.out, "either refused in one line or shown as U+FFFD"


def test_huge_mail(reviewbot: Callable, tree, home: Path) -> None:
    mail = PATCH.format(diff=added("big.c")).encode() + b"x" * 50_000_000
    refused(reviewbot("review", "-", "--tree", tree.path, stdin=mail), "too big")
    nothing_kept(home)


def test_inbox_unreachable(reviewbot: Callable, tree, home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening: connections are refused
        port = taken.getsockname()[1]
        config = home / "config.toml"
        config.write_text(f'[inbox]\nmidmask = "http://127.0.0.1:{port}/%s"\ntimeout = 5\n')
        said = reviewbot("--config", config, "review", "<a@example.org>", "--tree", tree.path)
    refused(said, f"127.0.0.1:{port}")
    nothing_kept(home)


def test_no_virtual_machine(reviewbot: Callable, tree, series: Path, home: Path) -> None:
    config = home / "config.toml"
    config.write_text('[lab]\nisolation = "vm"\nvm_kernel = "/boot/not-here"\n')
    said = reviewbot("--config", config, "review", series, "--tree", tree)
    refused(said, "/boot/not-here", "no kernel for a virtual machine")


def test_no_virtual_machine_for_a_sweep(reviewbot: Callable, tree, home: Path) -> None:
    head = tree.git("symbolic-ref", "--short", "HEAD").strip()
    config = home / "config.toml"
    config.write_text(
        f'[trees.kvm]\npath = "{tree.path}"\nrefs = ["{head}"]\n[sweeps.kvm]\nmainline = "{head}"\n'
        '[lab]\nisolation = "vm"\nvm_kernel = "/boot/not-here"\n'
    )
    said = reviewbot("--config", config, "sweep", "--no-fetch")
    refused(said, "/boot/not-here", "no kernel for a virtual machine")
    assert f"kvm/{head}" not in said.err, "no branch is at fault: it is said before any is swept"


def test_no_qemu(reviewbot: Callable, tree, series: Path, home: Path) -> None:
    config = home / "config.toml"
    config.write_text('[lab]\nqemu = "qemu-system-not-here"\n')
    said = reviewbot("--config", config, "review", series, "--tree", tree.path)
    refused(said, "qemu-system-not-here", "install")
    nothing_kept(home)


def test_unknown_config_key_suggests_the_right_one(
    reviewbot: Callable, series: Path, home: Path
) -> None:
    config = home / "config.toml"
    config.write_text("[lab]\nrepeat = 3\n")
    refused(reviewbot("--config", config, "review", series), "repeat", "repeats")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small tmpfs")
def test_disk_full(reviewbot: Callable, tree, series: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small], check=True)
    try:
        said = reviewbot(
            "review", series, "--tree", tree.path, "--only-rules", XDG_CACHE_HOME=str(small)
        )
        refused(said, "disk full")
    finally:
        subprocess.run(["umount", small], check=True)


def test_series_and_range_together(reviewbot: Callable, series: Path) -> None:
    said = reviewbot("review", series, "--range", "A..B")
    assert said.code == 2
    assert "--range" in said.err
    assert Run.__name__ not in said.out
