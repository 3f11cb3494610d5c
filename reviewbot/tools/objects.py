# SPDX-License-Identifier: GPL-2.0-only
"""Commits, trees and blobs: read by libgit2, written only to a bare repository of our own.

libgit2 starts no program whatever a repository's configuration says, so it is what looks at the
user's repositories.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, ObjectType, RepositoryOpenFlag

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools.alternates import common_directory, make_store
from reviewbot.tools.cache import Cache, writing
from reviewbot.tools.git import DISK_FULL

# Ownership matters where opening a repository runs its hooks and filters; libgit2 has none.
pygit2.settings.owner_validation = False

Entry = tuple[str, int]
"""What a path holds: object id and file mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedPath:
    """A path that differs between two trees; None and 0 where it does not exist."""

    path: str
    old_id: str | None
    new_id: str | None
    old_mode: int = 0
    new_mode: int = 0


def open_repository(path: str | Path) -> pygit2.Repository:
    """Open the repository whose top (or bare directory) is ``path``; no parent is searched.

    Raises UserError when there is none, or one libgit2 cannot read.
    """
    if not Path(path).exists():
        raise UserError(f"{path}: no such directory; give the path of a kernel git repository")
    try:
        return pygit2.Repository(str(path), RepositoryOpenFlag.NO_SEARCH)
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        if (Path(path) / ".git").exists() or (Path(path) / "objects").is_dir():
            raise UserError(
                f"{path}: this git repository cannot be opened: {_cause(error)}"
            ) from error
        raise UserError(
            f"{path}: not a git repository; give the top directory of a kernel clone"
        ) from error


def resolve_commit(repository: pygit2.Repository, revision: str) -> str | None:
    """The commit a revision names, tags peeled; None when it names none whose tree is here."""
    try:
        commit = repository.revparse_single(revision).peel(ObjectType.COMMIT)
        return str(commit.id) if commit.tree_id in repository else None
    except (pygit2.GitError, KeyError, ValueError, TypeError, OSError):
        return None


class TreeView:
    """The files of one tree.  This is all a rule ever sees of a repository."""

    def __init__(self, repository: pygit2.Repository | str | Path, tree_id: str) -> None:
        if not isinstance(repository, pygit2.Repository):
            repository = open_repository(repository)
        self._repository = repository
        self.tree_id = tree_id
        self.tree = _lookup(repository, tree_id).peel(pygit2.Tree)

    def read(self, path: str) -> bytes | None:
        """A file's bytes (a symbolic link's target); None for directories and what is not there."""
        found = self._find(path)
        return found.data if isinstance(found, pygit2.Blob) else None

    def blob_id(self, path: str) -> str | None:
        """A file's object id; None for directories and what is not there."""
        found = self._find(path)
        return str(found.id) if isinstance(found, pygit2.Blob) else None

    def entry(self, path: str) -> Entry | None:
        """Object id and mode of what is at ``path``, directories and submodules included."""
        try:
            found = self.tree[path]
        except (KeyError, ValueError):
            return None
        return str(found.id), int(found.filemode)

    def paths(self, prefix: str = "") -> Iterator[str]:
        """Every file at or below ``prefix`` (a path without trailing slash, "" is all), sorted."""
        prefix = prefix.rstrip("/")
        found = self._find(prefix) if prefix else self.tree
        if isinstance(found, pygit2.Tree):
            yield from _walk(found, f"{prefix}/" if prefix else "")
        elif found is not None:
            yield prefix

    def changed_paths(self, other: "TreeView") -> tuple[ChangedPath, ...]:
        """What differs in ``other``, by path.  A rename is a deletion and an addition."""
        return tuple(sorted(_compare(self.tree, other.tree, ""), key=lambda change: change.path))

    def _find(self, path: str) -> pygit2.Object | None:
        try:
            return self.tree[path]
        except (KeyError, ValueError):
            return None


def _lookup(repository: pygit2.Repository, name: str) -> pygit2.Object:
    try:
        return repository[name]
    except (KeyError, ValueError) as error:
        raise InfrastructureError(
            f"{repository.path}: object {name[:12]} is gone; was the tree repacked or pruned?"
        ) from error


def _name(entry: pygit2.Object) -> str:
    # Names that are not UTF-8 exist in no kernel; U+FFFD keeps them from being taken for others.
    return entry.name or entry.raw_name.decode("utf-8", "replace") if entry.raw_name else ""


def _walk(tree: pygit2.Tree, prefix: str) -> Iterator[str]:
    for entry in tree:
        if isinstance(entry, pygit2.Tree):
            yield from _walk(entry, f"{prefix}{_name(entry)}/")
        else:
            yield prefix + _name(entry)


def _compare(old: pygit2.Tree, new: pygit2.Tree, prefix: str) -> Iterator[ChangedPath]:
    before = {_name(entry): entry for entry in old}
    after = {_name(entry): entry for entry in new}
    for name in before.keys() | after.keys():
        one, two = before.get(name), after.get(name)
        if one and two and one.id == two.id and one.filemode == two.filemode:
            continue
        path = prefix + name
        if isinstance(one, pygit2.Tree) and isinstance(two, pygit2.Tree):
            yield from _compare(one, two, f"{path}/")
            continue
        gone = _files(one, path)
        come = _files(two, path)
        for each in gone.keys() | come.keys():
            (old_id, old_mode), (new_id, new_mode) = (
                gone.get(each, (None, 0)),
                come.get(each, (None, 0)),
            )
            yield ChangedPath(
                path=each, old_id=old_id, new_id=new_id, old_mode=old_mode, new_mode=new_mode
            )


def _files(entry: pygit2.Object | None, path: str) -> dict[str, Entry]:
    if entry is None:
        return {}
    if not isinstance(entry, pygit2.Tree):
        return {path: (str(entry.id), int(entry.filemode))}
    found: dict[str, Entry] = {}
    for each in entry:
        found |= _files(each, f"{path}/{_name(each)}")
    return found


class ObjectStore:
    """Our own bare repository, borrowing every object of a user's repository (git alternates).

    New blobs, trees and commits go here.  It has no refs, no hooks and nobody else's configuration.
    ``repository`` is the store, ``origin`` the user's repository: to resolve names, never to write.
    """

    def __init__(self, cache: Cache, path: str | Path) -> None:
        """Make or reopen the store of the user's repository at ``path``.

        Raises UserError when that is no repository, or the cache cannot be written.
        """
        self.origin = open_repository(path)
        common = common_directory(Path(self.origin.path))
        key = hashlib.sha256(os.fsencode(common)).hexdigest()[:16]
        self.path = cache.root / "objects" / f"{key}.git"
        with cache.lock(f"objects-{key}"), writing(self.path):
            make_store(self.path, common)
        self.repository = open_repository(self.path)

    def view(self, commit: str) -> TreeView:
        """The files of a commit."""
        return TreeView(self.repository, self.tree_of(commit))

    def tree_of(self, commit: str) -> str:
        """The tree id of a commit."""
        return str(_lookup(self.repository, commit).peel(pygit2.Commit).tree_id)

    def blob_at(self, commit: str, path: str) -> bytes | None:
        """A file of a commit, None when it is not there."""
        return self.view(commit).read(path)

    def blob(self, identity: str) -> bytes:
        """The bytes of a blob.  Raises InfrastructureError when it is gone."""
        return _lookup(self.repository, identity).peel(pygit2.Blob).data

    def has(self, identity: str) -> bool:
        """Whether an object is here or in the user's repository."""
        return identity in self.repository

    def write_tree(self, base: str, changes: Mapping[str, Entry | None]) -> str:
        """The id of tree ``base`` with paths replaced, or removed where None.  Raises UserError for a full disk."""
        removed: list[tuple[list[str], Entry | None]] = []
        written: list[tuple[list[str], Entry | None]] = []
        for path, entry in changes.items():
            (removed if entry is None else written).append((path.split("/"), entry))
        with storing(self.path):
            tree = _lookup(self.repository, base).peel(pygit2.Tree)
            # Removals first: a directory may make room for a file of its name, or the reverse.
            for batch in (removed, written):
                made = _rebuild(self.repository, tree, batch) if batch else tree.id
                made = made or self.repository.TreeBuilder().write()
                tree = self.repository[made].peel(pygit2.Tree)
        return str(tree.id)

    def write_commit(
        self,
        *,
        tree: str,
        parents: tuple[str, ...],
        message: str,
        author: pygit2.Signature,
        committer: pygit2.Signature,
    ) -> str:
        """Write a commit that no ref names.  Returns its id; raises UserError for a full disk."""
        with storing(self.path):
            ids: list[pygit2.Oid | str] = list(parents)
            return str(self.repository.create_commit(None, author, committer, message, tree, ids))


def _rebuild(
    repository: pygit2.Repository,
    tree: pygit2.Tree | None,
    changes: list[tuple[list[str], Entry | None]],
) -> pygit2.Oid | None:
    """Write ``tree`` with ``changes``; None when nothing is left, for git has no empty directories."""
    builder = repository.TreeBuilder(tree) if tree is not None else repository.TreeBuilder()
    deeper: dict[str, list[tuple[list[str], Entry | None]]] = {}
    for (name, *rest), entry in changes:
        if rest:
            deeper.setdefault(name, []).append((rest, entry))
        elif entry is not None:
            builder.insert(name, pygit2.Oid(hex=entry[0]), FileMode(entry[1]))
        elif tree is not None and name in tree and not isinstance(tree[name], pygit2.Tree):
            builder.remove(name)
    for name, below in deeper.items():
        present = tree[name] if tree is not None and name in tree else None
        subtree = present if isinstance(present, pygit2.Tree) else None
        made = _rebuild(repository, subtree, below)
        if made:
            builder.insert(name, made, FileMode.TREE)
        elif subtree is not None:
            builder.remove(name)
    return builder.write() if len(builder) else None


@contextlib.contextmanager
def storing(place: Path) -> Iterator[None]:
    """Turn libgit2's refusals to write into one clear line."""
    try:
        with writing(place):
            yield
    except pygit2.GitError as error:
        cause = _cause(error)
        if "No space left" in cause or "quota" in cause:
            raise UserError(f"cannot write objects below {place}: {DISK_FULL}") from error
        raise InfrastructureError(f"cannot write objects below {place}: {cause}") from error


def is_directory(mode: int) -> bool:
    """True for the mode of a subtree."""
    return mode == FileMode.TREE


def is_symlink(mode: int) -> bool:
    """True for the mode of a symbolic link."""
    return stat.S_ISLNK(mode)


def is_submodule(mode: int) -> bool:
    """True for the mode of another repository's commit."""
    return mode == FileMode.COMMIT


def _cause(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__
