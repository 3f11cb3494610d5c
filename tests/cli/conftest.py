# SPDX-License-Identifier: GPL-2.0-only
"""A tiny kernel tree, series for it, and a way to run the command as a user does."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = "arch/x86/kvm/x86.c"
BODY = "".join(f"int kvm_value_{n};\n" for n in range(40))


@dataclass(frozen=True)
class Repository:
    """A git checkout driven by the git command."""

    path: Path

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", self.path, *arguments],
            check=True,
            text=True,
            stdout=subprocess.PIPE,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.path.parent),
                "GIT_AUTHOR_NAME": "Jo Example",
                "GIT_AUTHOR_EMAIL": "jo@example.org",
                "GIT_COMMITTER_NAME": "Jo Example",
                "GIT_COMMITTER_EMAIL": "jo@example.org",
                "GIT_AUTHOR_DATE": "2026-01-15T12:00:00Z",
                "GIT_COMMITTER_DATE": "2026-01-15T12:00:00Z",
            },
        ).stdout

    def write(self, name: str, text: str) -> None:
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        self.git("add", "-A", "-f")

    def commit(self, subject: str, body: str = "Say why.") -> str:
        self.git(
            "commit",
            "-q",
            "-m",
            f"{subject}\n\n{body}\n\nSigned-off-by: Jo Example <jo@example.org>",
        )
        return self.git("rev-parse", "HEAD").strip()


@pytest.fixture
def tree(tmp_path: Path) -> Repository:
    """A repository with one KVM file and one commit."""
    repository = Repository(tmp_path / "linux")
    repository.path.mkdir()
    repository.git("init", "-q", "-b", "master")
    repository.write(SOURCE, BODY)
    repository.write("Makefile", "# kernel\n")
    repository.commit("Base")
    return repository


@pytest.fixture
def series(tree: Repository, tmp_path: Path) -> Path:
    """A clean two-patch series for ``tree`` (which is back at its base), as an mbox."""
    base = tree.git("rev-parse", "HEAD").strip()
    for number in (1, 2):
        old = (tree.path / SOURCE).read_text()
        tree.write(SOURCE, old.replace(f"kvm_value_{number * 9};", f"kvm_renamed_{number};"))
        tree.commit(f"KVM: x86: Rename value {number}")
    mbox = tmp_path / "series.mbox"
    mbox.write_text(
        tree.git(
            "format-patch", "--stdout", "--cover-letter", f"--base={base}", "--thread",
            "--to=kvm@vger.kernel.org", f"{base}..HEAD",
        )
    )  # fmt: skip
    tree.git("reset", "-q", "--hard", base)
    return mbox


@dataclass(frozen=True)
class Said:
    """What the command answered."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The lines of standard error that are not progress."""
        return "\n".join(line for line in self.err.splitlines() if line.startswith("reviewbot:"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home"
    place.mkdir()
    return place


@pytest.fixture
def reviewbot(home: Path, tmp_path: Path) -> Callable[..., Said]:
    """Run ``reviewbot ARGUMENTS`` in a home of its own."""

    def run(*arguments: str | Path, stdin: bytes = b"", **env: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "reviewbot", *map(str, arguments)],
            check=False,
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            timeout=120,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **env},
        )
        return Said(
            done.returncode,
            done.stdout.decode("utf-8", "replace"),
            done.stderr.decode("utf-8", "replace"),
        )

    return run
