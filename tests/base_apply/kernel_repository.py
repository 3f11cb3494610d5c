# SPDX-License-Identifier: GPL-2.0-only
"""A small real repository, and series made from its commits by real git format-patch."""

import contextlib
import hashlib
import mailbox
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from reviewbot.model.base import Base, BaseRule, Confidence, Tree
from reviewbot.model.series import Series
from reviewbot.parse.mail import parse_mail
from reviewbot.parse.series import assemble
from reviewbot.tools.objects import open_repository

LINES = "".join(f"line {number}\n" for number in range(1, 41))
FILES: Mapping[str, bytes] = {
    "Makefile": b"all:\n",
    "arch/x86/kvm/x86.c": LINES.encode(),
    "arch/x86/kvm/svm.c": LINES.replace("line", "svm").encode(),
    "virt/kvm/kvm_main.c": LINES.replace("line", "kvm").encode(),
    "scripts/run.sh": b"#!/bin/sh\necho\n",
    "dos.txt": LINES.replace("\n", "\r\n").encode(),
    "latin.txt": b"caf\xe9 one\n" + LINES.encode(),
}
Change = bytes | None


@dataclass(frozen=True)
class Kernel:
    """A repository with a work tree; every commit is made by git itself."""

    path: Path

    def git(self, *arguments: str, stdin: bytes = b"", check: bool = True) -> bytes:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ann Example",
            "GIT_AUTHOR_EMAIL": "ann@kernel.example",
            "GIT_COMMITTER_NAME": "Max Tainer",
            "GIT_COMMITTER_EMAIL": "max@kernel.example",
            "GIT_AUTHOR_DATE": "Sun, 01 Mar 2026 12:00:00 +0530",
            "GIT_COMMITTER_DATE": "Sun, 01 Mar 2026 12:00:00 +0530",
        }
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            input=stdin,
            capture_output=True,
            env=environment,
            check=False,
        )
        assert done.returncode == 0 or not check, f"git {arguments}: {done.stderr.decode()}"
        return done.stdout

    def head(self, revision: str = "HEAD") -> str:
        return self.git("rev-parse", revision).decode().strip()

    def commit(self, subject: str, **changes: Change) -> str:
        return self.change(subject, changes)

    def change(self, subject: str, changes: Mapping[str, Change]) -> str:
        for name, data in changes.items():
            place = self.path / name
            if data is None:
                place.unlink()
                if not any(place.parent.iterdir()):
                    place.parent.rmdir()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.head()

    def mbox(self, commits: str, *options: str) -> bytes:
        return self.git("format-patch", "--stdout", "--thread", "--cover-letter", *options, commits)

    def forget(self) -> None:
        """Throw away what no branch holds, so that a store cannot borrow it."""
        self.git("reflog", "expire", "--expire=now", "--all")
        self.git("gc", "-q", "--prune=now")

    def tree(self, name: str = "kvm", *refs: str) -> Tree:
        return Tree(name=name, path=str(self.path), refs=refs or ("HEAD",))


def read_series(mbox: bytes, place: Path) -> Series:
    """An mbox as the fetch stage would hand it on."""
    file = place / f"{hashlib.sha1(mbox).hexdigest()}.mbox"  # noqa: S324 - a file name
    file.write_bytes(mbox)
    with contextlib.closing(mailbox.mbox(file)) as box:
        mails = [parse_mail(box.get_bytes(key)) for key in box.keys()]  # noqa: SIM118 - iterating parses
    series = assemble(mails, source=str(file))
    assert series is not None
    return series


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    place = tmp_path / "linux"
    place.mkdir()
    made = Kernel(place)
    made.git("init", "-q", "-b", "master")
    made.change("Import", FILES)
    (place / "scripts/run.sh").chmod(0o755)
    made.change("Make it run", {})
    return made


@pytest.fixture
def series_of(kernel: Kernel, tmp_path: Path) -> Callable[..., Series]:
    """Make commits on a side branch, mail them, and go back: ``series_of({path: bytes}, ...)``."""

    def make(*steps: Mapping[str, Change], options: tuple[str, ...] = ()) -> Series:
        start = kernel.head()
        for number, changes in enumerate(steps, 1):
            kernel.change(f"KVM: step {number}\n\nBecause of {number}.", changes)
        mails = kernel.mbox(f"{start}..HEAD", *options)
        kernel.git("reset", "-q", "--hard", start)
        return read_series(mails, tmp_path)

    return make


@pytest.fixture
def base_of(kernel: Kernel) -> Callable[..., Base]:
    def make(revision: str = "HEAD") -> Base:
        commit = kernel.head(revision)
        tree = kernel.head(f"{revision}^{{tree}}")
        return Base(
            tree="kvm",
            path=str(kernel.path),
            ref=revision,
            tip=commit,
            commit=commit,
            tree_id=tree,
            rule=BaseRule.EXPLICIT,
            confidence=Confidence.HIGH,
            why="a test",
        )

    return make


def snapshot(place: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything of a directory that a program could have changed.

    But not the time stamps of objects: git renews them where it finds that an object it would write
    exists, alternates included, so that git gc does not prune what was just found useful.
    """
    found = {}
    for path in sorted(place.rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            data = os.fsencode(path.readlink())
        else:
            data = path.read_bytes() if path.is_file() else b""
        name = str(path.relative_to(place))
        time = 0 if "/objects/" in f"/{name}" else status.st_mtime_ns
        found[name] = (status.st_mode, time, data)
    return found


def files_of(repository: str, tree: str) -> dict[str, tuple[int, bytes]]:
    """{path: (mode, bytes)} of a tree, read by pygit2 alone."""
    opened = open_repository(repository)
    found: dict[str, tuple[int, bytes]] = {}

    def walk(identity: str, prefix: str) -> None:
        for entry in opened[identity]:
            if entry.type_str == "tree":
                walk(str(entry.id), f"{prefix}{entry.name}/")
            else:
                found[prefix + entry.name] = (int(entry.filemode), entry.data)

    walk(tree, "")
    return found


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes; needs root, as mounting does."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs root and mount(8) for a file system that can be filled")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
