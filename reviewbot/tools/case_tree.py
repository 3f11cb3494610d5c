# SPDX-License-Identifier: GPL-2.0-only
"""Scratch git trees for the cases of rules."""

import contextlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools import process
from reviewbot.tools.cache import write_whole

_AUTHOR = ("A Developer", "developer@example.org")
_DATE = "2026-01-01T12:00:00Z"
_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTree:
    """A git tree with one commit that holds a case's files."""

    place: Path

    @property
    def commit(self) -> str:
        """The commit's id."""
        return self._git("rev-parse", "HEAD").strip()

    @property
    def tree_id(self) -> str:
        """Its tree's id."""
        return self._git("rev-parse", "HEAD^{tree}").strip()

    def write(self, files: Iterable[tuple[str, str]]) -> None:
        """Write files.  Raises UserError for a path that leaves the tree."""
        for name, text in files:
            target = (self.place / name).resolve()
            if not target.is_relative_to(self.place.resolve()):
                raise UserError(f"{name}: is outside the tree")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    def commit_all(self, message: str) -> None:
        """Make a commit of everything there is."""
        self._git("add", "-A", "-f")
        self._git("commit", "-q", "--allow-empty", "-s", "-m", message)

    def take_mails(self, count: int) -> Iterator[str]:
        """The last ``count`` commits as patch mails; they are then taken back."""
        options = ("--stdout", "--no-signature", "--thread")
        text = self._git("format-patch", *options, f"-{count}")
        self._git("reset", "-q", "--hard", f"HEAD~{count}")
        text = re.sub(r"\.\d+\.git\.", ".0.git.", text)  # Message-IDs hold the time of day
        for index, chunk in enumerate(text.split("\nFrom ")):
            mail = chunk if not index else "From " + chunk
            yield mail.rstrip("\n") + "\n\n"

    def _git(self, *arguments: str) -> str:
        name, address = _AUTHOR
        who = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        for role in ("AUTHOR", "COMMITTER"):
            who |= {
                f"GIT_{role}_NAME": name,
                f"GIT_{role}_EMAIL": address,
                f"GIT_{role}_DATE": _DATE,
            }
        done = process.run(["git", *arguments], timeout=_SECONDS, cwd=self.place, env=who)
        if not done.ok:
            raise InfrastructureError(f"git {arguments[0]}: {done.complaint()}")
        return done.text()


@contextlib.contextmanager
def case_tree(scratch: Path, files: Iterable[tuple[str, str]]) -> Iterator[CaseTree]:
    """A tree with these files, gone afterwards."""
    with tempfile.TemporaryDirectory(dir=scratch, prefix="case-") as name:
        tree = CaseTree(place=Path(name) / "tree")
        tree.place.mkdir()
        tree._git("init", "-q", "-b", "main")  # noqa: SLF001 - half of the constructor
        tree.write(files)
        tree.commit_all("before the series")
        yield tree


def read_case(path: Path) -> str:
    """A case's text.  Raises UserError when it can not be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a case: {error}") from error


def write_case(path: Path, text: str) -> None:
    """Replace a case's text."""
    write_whole(path, text.encode())
