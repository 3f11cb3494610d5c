# SPDX-License-Identifier: GPL-2.0-only
"""Trees -> files on disk, without ever following a symbolic link that is already there."""

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pygit2

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools.cache import writing
from reviewbot.tools.git import DISK_FULL, in_store, must
from reviewbot.tools.objects import ChangedPath, TreeView, is_submodule, is_symlink, open_repository
from reviewbot.tools.process import Completed

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_EXPORT_SECONDS = 600.0
_LITTLE = 1 << 20


def export_changes(
    repository: str | Path,
    old_tree: str,
    new_tree: str,
    destination: Path,
    again: Iterable[str] = (),
) -> tuple[str, ...]:
    """Write the files that ``new_tree`` has otherwise than ``old_tree``; return the paths it has not.

    Those of ``again`` are written even if they are the same.

    ``destination`` is a directory, empty or holding a copy of ``old_tree``; unchanged files in it are
    not touched, deletions are left to the caller.  Every file is written whole under a temporary name
    and renamed.  Raises UserError when the disk is full, InfrastructureError when something that neither
    tree has is in the way.
    """
    opened = open_repository(repository)
    new = TreeView(opened, new_tree)
    changes = TreeView(opened, old_tree).changed_paths(new)
    for path in again:
        if entry := new.entry(path):
            same = ChangedPath(path=path, old_id=entry[0], new_id=entry[0], new_mode=entry[1])
            changes = (*changes, same)
    gone = tuple(change.path for change in changes if change.new_id is None)
    with writing(destination):
        destination.mkdir(parents=True, exist_ok=True)
        root = os.open(destination, _DIRECTORY)
        try:
            for change in changes:
                if change.new_id is not None and not is_submodule(change.new_mode):
                    _place(root, change, opened[change.new_id].peel(pygit2.Blob).data, gone)
        finally:
            os.close(root)
    return gone


def _place(root: int, change: ChangedPath, data: bytes, gone: tuple[str, ...]) -> None:
    *parents, name = change.path.split("/")
    with _directory(root, parents, gone) as directory:
        part = f".part-{secrets.token_hex(8)}"
        try:
            _write(directory, part, data, change.new_mode)
            os.rename(part, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException as error:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part, dir_fd=directory)
            if isinstance(error, IsADirectoryError | NotADirectoryError):
                raise InfrastructureError(f"{change.path}: a directory is in the way") from error
            raise


def _write(directory: int, name: str, data: bytes, mode: int) -> None:
    if is_symlink(mode):
        os.symlink(data, os.fsencode(name), dir_fd=directory)
        return
    with os.fdopen(os.open(name, _NEW_FILE, 0o600, dir_fd=directory), "wb") as stream:
        stream.write(data)
        os.fchmod(stream.fileno(), 0o755 if mode & 0o100 else 0o644)


@contextlib.contextmanager
def _directory(root: int, parents: list[str], gone: tuple[str, ...]) -> Iterator[int]:
    """A descriptor of the directory ``parents`` below ``root``, made as needed, links refused."""
    current = os.dup(root)
    try:
        for depth, name in enumerate(parents, 1):
            path = "/".join(parents[:depth])
            deeper = _enter(current, name, path, may_replace=path in gone)
            os.close(current)
            current = deeper
        yield current
    finally:
        os.close(current)


def _enter(current: int, name: str, path: str, *, may_replace: bool) -> int:
    for _ in range(2):
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=current)
        try:
            return os.open(name, _DIRECTORY, dir_fd=current)
        except OSError as error:
            # A file or link that the old tree had and the new one has as a directory.
            if not may_replace:
                raise InfrastructureError(
                    f"{path}: a file or symbolic link is where a directory should be"
                ) from error
            os.unlink(name, dir_fd=current)
    raise InfrastructureError(f"{path}: the directory keeps changing while it is written")


def export_tree(repository: str | Path, tree: str, destination: Path) -> None:
    """Write a whole tree into ``destination``, which is made and must be empty if it exists.

    The bytes are those of the blobs: attributes and filters of the tree do not count when
    ``repository`` is one of our object stores.  Raises UserError when the disk is full,
    InfrastructureError otherwise; a failed export leaves nothing behind.
    """
    with writing(destination):
        destination.mkdir(parents=True, exist_ok=True)
        if any(destination.iterdir()):
            raise InfrastructureError(f"{destination}: not empty; nothing was written there")
    place = Path(repository).resolve()
    with tempfile.TemporaryDirectory(prefix="reviewbot-index-") as scratch:
        env = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        try:
            must(in_store(place, "read-tree", tree, env=env), "read the tree")
            checkout = ("checkout-index", "--all", "--quiet", f"--prefix={destination.resolve()}/")
            # 0: as many workers as processors; git-config(1), checkout.workers.
            arguments = ("-c", "core.bare=false", "-c", "checkout.workers=0", *checkout)
            env["GIT_WORK_TREE"] = str(destination.resolve())
            done = in_store(place, *arguments, env=env, timeout=_EXPORT_SECONDS)
            _check_space(done, destination)
            must(done, "write the tree")
        except BaseException:
            for entry in destination.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
            raise


def _check_space(done: Completed, destination: Path) -> None:
    """Say that the disk is full; checkout-index does not say why it cannot write a file."""
    if not done.ok and shutil.disk_usage(destination).free < _LITTLE:
        raise UserError(f"cannot write below {destination.name}: {DISK_FULL}")
