# SPDX-License-Identifier: GPL-2.0-only
"""The commits between a good one and a bad one, and what their authors said of them."""

from dataclasses import dataclass

import pygit2

from reviewbot.model.errors import UserError
from reviewbot.parse.text import one_line
from reviewbot.tools.git import in_store, must
from reviewbot.tools.objects import ObjectStore

_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A commit for people.  ``author`` is "Name <address>", ``authored`` seconds since 1970.

    ``message`` is whole; everything is as its author wrote it, and to be escaped where it is shown.
    """

    commit: str
    subject: str
    author: str
    authored: float
    message: str
    parents: tuple[str, ...]


def commits_between(
    store: ObjectStore, good: str, bad: str, *, first_parent: bool, most: int
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(commit, its parents) of ``good..bad``, parents first; ``bad`` is the last.

    Raises UserError for a range that is empty or longer than ``most``.
    """
    options = ["--topo-order", "--parents", f"--max-count={most + 1}"]
    options += ["--first-parent"] if first_parent else []
    done = in_store(
        store.path, "rev-list", *options, "--end-of-options", bad, f"^{good}", timeout=_SECONDS
    )
    lines = must(done, "list the commits of the range").text().splitlines()
    if not lines:
        raise UserError(f"{good[:12]}..{bad[:12]} holds no commit; is the good end the older one?")
    if len(lines) > most:
        raise UserError(
            f"{good[:12]}..{bad[:12]} holds more than {most} commits; take a nearer good commit, "
            "or merges for one commit each (--first-parent)"
        )
    found = [(words[0], tuple(words[1:])) for words in map(str.split, reversed(lines))]
    if first_parent:
        found = [(commit, parents[:1]) for commit, parents in found]
    return tuple(found)


def merge_base(store: ObjectStore, one: str, other: str) -> str:
    """The best common ancestor.  Raises UserError when there is none."""
    found = store.repository.merge_base(one, other)
    if found is None:
        raise UserError(f"{one[:12]} and {other[:12]} have no common ancestor")
    return str(found)


def describe(store: ObjectStore, commit: str) -> Described:
    """What a commit says.  Raises InfrastructureError when it is gone."""
    found = store.repository[commit].peel(pygit2.Commit)
    message = found.message
    return Described(
        commit=commit,
        subject=one_line(message.split("\n", 1)[0]),
        author=one_line(f"{found.author.name} <{found.author.email}>"),
        authored=float(found.author.time),
        message=message,
        parents=tuple(str(parent) for parent in found.parent_ids),
    )


def ancestors(store: ObjectStore, commit: str, most: int) -> tuple[str, ...]:
    """A commit and what came before it along first parents, newest first, at most so many."""
    found: list[str] = []
    current: pygit2.Commit | None = store.repository[commit].peel(pygit2.Commit)
    while current is not None and len(found) < most:
        found.append(str(current.id))
        parents = current.parent_ids
        present = bool(parents) and parents[0] in store.repository
        current = store.repository[parents[0]].peel(pygit2.Commit) if present else None
    return tuple(found)
