# SPDX-License-Identifier: GPL-2.0-only
"""Copy-on-write views of big directories that were built once.

Kbuild writes absolute paths into its objects, so they are reusable only where source and objects
have the same paths again.  A layer (:meth:`reviewbot.tools.cache.Cache.layer`) therefore always
appears at the same path inside the sandbox, and each series gets a view of it: an overlayfs in the
sandbox's private mount namespace, or a copy (sharing extents where the file system can) where
overlayfs is not permitted.  Views cost milliseconds and the bytes that differ.

While nothing runs in the sandbox, our side changes what a view shows with :func:`update`.
"""

import contextlib
import functools
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from reviewbot.model.errors import InfrastructureError
from reviewbot.tools import export, process, removal, sandbox
from reviewbot.tools.objects import TreeView
from reviewbot.tools.sandbox import Bind, Overlay, Task
from reviewbot.tools.shadowed import shadowed

_COPY_SECONDS = 1800.0
_FILE_LIMIT = 256 << 20
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WHITEOUT = os.makedev(0, 0)  # Documentation/filesystems/overlayfs.rst, "whiteouts"


class Sharing(StrEnum):
    """How views share what they have in common with their layer."""

    OVERLAY = "overlayfs"
    REFLINK = "reflink copy"
    COPY = "plain copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view.  ``mount`` goes to :func:`reviewbot.tools.sandbox.run`.

    ``written`` is the host directory that holds what is different (overlay), or everything (copy).
    """

    sharing: Sharing
    written: Path
    mount: Bind | Overlay

    @classmethod
    def plain(cls, directory: Path) -> "View":
        """A directory as it is, to :func:`read` from."""
        mount = Bind(source=directory, target="/unused")
        return cls(sharing=Sharing.COPY, written=directory, mount=mount)


def view(
    lower: Path, place: Path, target: str, *, writable: bool, sharing: Sharing | None = None
) -> View:
    """Make a view of ``lower`` that appears at ``target``; ``place`` is a new directory for it.

    ``writable`` lets what runs inside change it; :func:`update` works on either.  ``sharing`` is
    found out when not given.  Remove ``place`` with :func:`remove`.
    """
    how = sharing or sharing_at(place.parent)
    place.mkdir(parents=True)
    if how is not Sharing.OVERLAY:
        copy = place / "copy"
        _copy(lower, copy, how)
        return View(
            sharing=how, written=copy, mount=Bind(source=copy, target=target, writable=writable)
        )
    upper = place / "upper"
    for directory in (upper, place / "work"):
        directory.mkdir(mode=0o755)
    if writable:
        sandbox.give(upper)
    mount = Overlay(lower=lower, place=place, target=target, writable=writable)
    return View(sharing=how, written=upper, mount=mount)


def update(shown: View, repository: str, old_tree: str, new_tree: str) -> tuple[str, ...]:
    """Make a view of the files of ``old_tree`` show those of ``new_tree`` (git tree ids); return what is gone.

    Only what differs is written, with the time of now, so that make notices exactly that; and headers that
    a new one may be found instead of, so that whoever includes them is made again.
    """
    again = shadowed(TreeView(repository, old_tree), TreeView(repository, new_tree))
    deleted = export.export_changes(repository, old_tree, new_tree, shown.written, sorted(again))
    hide(shown, deleted)
    return deleted


def hide(shown: View, paths: Iterable[str]) -> None:
    """Make relative ``paths`` disappear from a view: a whiteout over a layer, else a deletion."""
    for path in paths:
        with _parent(shown.written, path, create=shown.sharing is Sharing.OVERLAY) as parent:
            if parent is None:
                continue
            name = PurePosixPath(path).name
            with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):
                os.unlink(name, dir_fd=parent)
            if shown.sharing is Sharing.OVERLAY:
                with contextlib.suppress(FileExistsError):  # a directory has taken the name
                    os.mknod(name, stat.S_IFCHR, _WHITEOUT, dir_fd=parent)


def read(shown: View, path: str, limit: int = _FILE_LIMIT) -> bytes | None:
    """A regular file of a view; None when there is none, or it is larger than ``limit`` bytes.

    Links are never followed: what ran in the sandbox may have made them point at files of ours.
    """
    roots = [shown.written]
    if isinstance(shown.mount, Overlay):
        roots.append(shown.mount.lower)
    for root in roots:
        with _parent(root, path, create=False) as parent:
            if parent is None:
                continue
            try:
                handle = os.open(PurePosixPath(path).name, _FILE, dir_fd=parent)
            except FileNotFoundError:
                continue
            except OSError:
                return None
            with os.fdopen(handle, "rb") as stream:
                kind = os.fstat(handle)
                if not stat.S_ISREG(kind.st_mode):
                    return None
                return stream.read() if kind.st_size <= limit else None
    return None


def remove(place: Path) -> None:
    """Remove a view's directory, whatever modes what ran inside gave its directories."""
    removal.remove(place)


def sharing_at(place: Path) -> Sharing:
    """Which kind of view works in directory ``place``, by trying; 'reviewbot doctor' shows it."""
    place.mkdir(parents=True, exist_ok=True)
    return _sharing_on(place.stat().st_dev, str(place))


@functools.cache
def _sharing_on(_device: int, place: str) -> Sharing:
    scratch = Path(tempfile.mkdtemp(prefix="probe-", dir=place))
    try:
        (scratch / "lower").mkdir(mode=0o755)
        (scratch / "lower" / "file").write_text("seen\n")
        if _overlay_works(scratch):
            return Sharing.OVERLAY
        cloned = process.run(
            ["cp", "--reflink=always", scratch / "lower/file", scratch / "clone"], timeout=10
        )
        return Sharing.REFLINK if cloned.ok else Sharing.COPY
    finally:
        remove(scratch)


def _overlay_works(scratch: Path) -> bool:
    lower = scratch / "lower"
    tried = view(lower, scratch / "view", "/probe", writable=True, sharing=Sharing.OVERLAY)
    try:
        done = sandbox.contain(
            Task(
                argv=("sh", "-c", "cat /probe/file && mkdir /probe/made"),
                mounts=(tried.mount,),
                timeout=20,
            )
        )
    except InfrastructureError:
        return False
    return done.ok and (tried.written / "made").is_dir()


def _copy(lower: Path, copy: Path, how: Sharing) -> None:
    clone = "--reflink=always" if how is Sharing.REFLINK else "--reflink=never"
    done = process.run(["cp", "-a", clone, "-T", lower, copy], timeout=_COPY_SECONDS)
    if not done.ok:
        raise InfrastructureError(f"cannot copy {lower}: {done.complaint()}")


@contextlib.contextmanager
def _parent(root: Path, path: str, *, create: bool) -> Iterator[int | None]:
    """A descriptor of the directory that holds ``path``; None when there is no such directory.

    Links are never followed and nothing outside ``root`` is ever reached: the tree that is shown is
    not ours, and paths come out of files that a build wrote (modules.order).
    """
    if path.startswith("/") or ".." in PurePosixPath(path).parts:
        yield None
        return
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(root, flags)
    try:
        for part in PurePosixPath(path).parts[:-1]:
            if create:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=handle)
            try:
                inner = os.open(part, flags, dir_fd=handle)
            except (FileNotFoundError, NotADirectoryError, OSError):
                yield None
                return
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)
