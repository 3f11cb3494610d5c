# SPDX-License-Identifier: GPL-2.0-only
"""Mails of a public-inbox: v2 epochs, git repositories with one commit a mail (public-inbox-v2-format(5)).

A commit's tree holds the mail as the blob ``m``, or as ``d`` the very same blob to say that it is
deleted.  Everything is read by libgit2; no program is started and nothing is written.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import ObjectType, SortMode

from reviewbot.model.errors import UserError
from reviewbot.tools.mailbox import MAIL_LIMIT
from reviewbot.tools.objects import open_repository, resolve_commit


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochMail:
    """One mail: the commit that brought it (40 hex digits), its raw bytes.

    ``received`` is when the archive got it, in seconds since 1970.
    """

    commit: str
    raw: bytes
    received: float


@dataclass(frozen=True, slots=True)
class _Entry:
    repository: pygit2.Repository
    commit: str
    blob: pygit2.Oid
    deletion: bool
    received: float


def epochs(place: str | Path) -> tuple[Path, ...]:
    """The repositories of an inbox, oldest first.

    ``place`` is one epoch (bare, or a clone with a work tree), a public-inbox directory with
    ``git/0.git``, ``git/1.git`` and so on, or that ``git`` directory.  Raises UserError for
    anything else.
    """
    top = Path(place)
    for folder in (top / "git", top):
        found = [one for one in _numbered(folder) if one[1].is_dir()]
        if found:
            return tuple(path for _, path in sorted(found))
    if not top.exists():
        raise UserError(f"{place}: no such directory; give a public-inbox v2 epoch, or a clone")
    open_repository(top)
    return (top,)


def read(place: str | Path, since: str | None = None) -> Iterator[EpochMail]:
    """Every mail that is not deleted, oldest first, over all epochs of ``place``.

    ``since`` is the commit of the last mail already seen: only what came after it is read, be it in
    later epochs.  Mails over 20 MB are left out.  Raises UserError when ``place`` is no inbox or no
    epoch has ``since`` (public-inbox-edit and -purge rewrite history: read all of it again).
    """
    entries = _entries(epochs(place), since)
    last_deletion = {entry.blob: at for at, entry in enumerate(entries) if entry.deletion}
    for at, entry in enumerate(entries):
        if entry.deletion or last_deletion.get(entry.blob, -1) > at:
            continue
        # Read as it is stored: an object of pygit2 would be kept in libgit2's cache, and copied.
        kind, raw = entry.repository.read(entry.blob)
        if kind == ObjectType.BLOB and len(raw) <= MAIL_LIMIT:
            yield EpochMail(commit=entry.commit, raw=raw, received=entry.received)


def tip(place: str | Path) -> str | None:
    """The newest commit of the newest epoch that has one: where to go on from; None when empty."""
    for path in reversed(epochs(place)):
        if head := _head(open_repository(path)):
            return str(head)
    return None


def holds(place: str | Path, commit: str) -> bool:
    """Whether :func:`read` can go on from ``commit``; not after its history was rewritten."""
    return _position([open_repository(path) for path in epochs(place)], commit)[1] is not None


def mails(place: str | Path, commits: Iterable[str]) -> dict[str, bytes]:
    """The raw mails that these commits brought; those that are not there are left out."""
    found: dict[str, bytes] = {}
    repositories = [open_repository(path) for path in epochs(place)]
    for name in commits:
        for repository in repositories:
            commit = repository.get(name) if resolve_commit(repository, name) else None
            if isinstance(commit, pygit2.Commit) and "m" in commit.tree:
                blob = repository[commit.tree["m"].id]
                if isinstance(blob, pygit2.Blob) and blob.size <= MAIL_LIMIT:
                    found[name] = blob.data
    return found


def before(epoch: str | Path, moment: float) -> str | None:
    """The newest commit of one epoch that was made before ``moment``, seconds since 1970."""
    repository = open_repository(epoch)
    head = _head(repository)
    for commit in repository.walk(head, SortMode.TOPOLOGICAL) if head else ():
        if commit.commit_time < moment:
            return str(commit.id)
    return None


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    if folder.is_dir():
        for path in folder.iterdir():
            if path.suffix == ".git" and path.stem.isascii() and path.stem.isdigit():
                yield int(path.stem), path


def _entries(paths: tuple[Path, ...], since: str | None) -> list[_Entry]:
    repositories = [open_repository(path) for path in paths]
    seen: pygit2.Oid | None = None
    if since is not None:
        first, commit = _position(repositories, since)
        if commit is None:
            raise UserError(
                f"commit {since[:40]} is in none of the inbox's epochs: its history was rewritten, "
                "or this is another inbox; read it from the start"
            )
        repositories = repositories[first:]
        seen = commit
    entries: list[_Entry] = []
    for repository in repositories:
        entries += _walk(repository, seen)
        seen = None
    return entries


def _position(repositories: list[pygit2.Repository], since: str) -> tuple[int, pygit2.Oid | None]:
    for number, repository in enumerate(repositories):
        head = _head(repository)
        found = resolve_commit(repository, since)
        if head is None or found is None:
            continue
        commit = pygit2.Oid(hex=found)
        # After a rewrite the old commit may linger as an object that no branch reaches.
        if commit == head or repository.descendant_of(head, commit):
            return number, commit
    return 0, None


def _walk(repository: pygit2.Repository, seen: pygit2.Oid | None) -> Iterator[_Entry]:
    head = _head(repository)
    if head is None:
        return
    walker = repository.walk(head, SortMode.TOPOLOGICAL | SortMode.REVERSE)
    if seen is not None:
        walker.hide(seen)
    for commit in walker:
        tree = commit.tree
        for name in ("m", "d"):
            if name in tree:
                received = float(commit.commit_time)
                yield _Entry(repository, str(commit.id), tree[name].id, name == "d", received)
                break


def _head(repository: pygit2.Repository) -> pygit2.Oid | None:
    """The tip of the branch HEAD names; of the only branch when HEAD names one that is not there."""
    if not repository.head_is_unborn:
        return repository.head.peel(ObjectType.COMMIT).id
    branches = list(repository.branches.local)
    if len(branches) == 1:
        return repository.branches.local[branches[0]].peel(ObjectType.COMMIT).id
    return None
