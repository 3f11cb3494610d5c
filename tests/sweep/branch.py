# SPDX-License-Identifier: GPL-2.0-only
"""A branch of a real kernel tree, made commit by commit in a repository that borrows the tree's objects."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

Edit = tuple[str, Callable[[bytes], bytes]]
"""A path and what becomes of its bytes."""
DAY = 24 * 3600


def replacing(old: str, new: str) -> Callable[[bytes], bytes]:
    """Replace a text that is there exactly once."""

    def edit(data: bytes) -> bytes:
        assert data.count(old.encode()) == 1, f"the tree has changed: {old!r} is not there once"
        return data.replace(old.encode(), new.encode())

    return edit


def with_line(line: str) -> Callable[[bytes], bytes]:
    """Add a line at the end."""
    return lambda data: data + line.encode() + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One commit to be."""

    subject: str
    edits: tuple[Edit, ...]
    author: str = "Jo Developer <jo@example.org>"
    thread: str = ""


@dataclass(slots=True)
class Branch:
    """The repository; ``push`` moves the branch, by force when need be."""

    path: Path
    repository: pygit2.Repository = field(init=False)
    clock: int = 1_700_000_000

    def __post_init__(self) -> None:
        self.repository = pygit2.Repository(str(self.path))

    @staticmethod
    def borrowing(tree: Path, path: Path) -> "Branch":
        """A bare clone that shares the tree's objects, with a branch "mainline"."""
        subprocess.run(
            ["git", "clone", "--quiet", "--shared", "--bare", str(tree), str(path)], check=True
        )
        made = Branch(path)
        made.repository.references.create("refs/heads/mainline", made.repository.head.target)
        return made

    @property
    def base(self) -> str:
        """Where the branch leaves mainline."""
        return str(self.repository.head.target)

    def push(self, on: str, patches: Sequence[Patch], name: str = "queue") -> list[str]:
        """Put patches on a commit and move the branch there; the ids of the commits."""
        commits = []
        for patch in patches:
            on = self._commit(on, patch)
            commits.append(on)
        self.repository.references.create(f"refs/heads/{name}", on, force=True)
        return commits

    def _commit(self, parent: str, patch: Patch) -> str:
        self.clock += 60
        index = pygit2.Index()
        tree = self.repository[parent].peel(pygit2.Tree)
        index.read_tree(tree)
        for path, edit in patch.edits:
            blob = self.repository.create_blob(edit(tree[path].data))
            index.add(pygit2.IndexEntry(path, blob, FileMode.BLOB))
        name, _, address = patch.author.rstrip(">").partition(" <")
        who = pygit2.Signature(name, address, self.clock, 0)
        link = f"\nLink: https://lore.kernel.org/r/{patch.thread}" if patch.thread else ""
        message = f"{patch.subject}\n\nFor the test.\n{link}\nSigned-off-by: {patch.author}\n"
        made = index.write_tree(self.repository)
        return str(self.repository.create_commit(None, who, who, message, made, [parent]))
