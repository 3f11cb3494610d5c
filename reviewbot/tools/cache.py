# SPDX-License-Identifier: GPL-2.0-only
"""Content-addressed blobs, results keyed by their inputs, and big directories built once.

    ROOT/blobs/ab/cdef...          logs, kernels, initramfs images: named by their sha256
    ROOT/results/STAGE/KEY.json    one stage's answer for one set of inputs
    ROOT/layers/NAME-KEY/          a directory that took minutes to build

Everything is written under a temporary name and renamed, so whatever has its final name is whole.
What was used last is known by the times of the files; :mod:`reviewbot.tools.eviction` goes by them.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TextIO, TypeVar

from reviewbot.model.codec import from_json, to_json
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools import process

T = TypeVar("T")

_SYNC_SECONDS = 1800.0
UNFINISHED = ".part-"
"""Prefix of the temporary names of files that are being written."""
IN_USE = ".use"
"""Suffix of the lock that whoever uses a layer shares."""


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache below ``root`` (created when missing).

    ``pins`` are the layers this process uses: nobody removes them until :meth:`release`.  ``grown``
    names what it has added.
    """

    root: Path
    pins: dict[str, int] = field(default_factory=dict, compare=False, repr=False)
    grown: list[str] = field(default_factory=list, compare=False, repr=False)

    def put(self, data: bytes) -> str:
        """Store bytes; return their sha256 in hex."""
        digest = hashlib.sha256(data).hexdigest()
        target = self.path(digest)
        if not _touch(target):
            self._write(target, data)
        return digest

    def put_file(self, source: Path) -> str:
        """Store a copy of a file; return its sha256 in hex."""
        with source.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        target = self.path(digest)
        if not _touch(target):
            self.grown.append(digest)
            with writing(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                with _temporary(target) as stream:
                    with source.open("rb") as data:
                        shutil.copyfileobj(data, stream)
                    stream.flush()
                    os.fsync(stream.fileno())
                    Path(stream.name).rename(target)
        return digest

    def path(self, digest: str) -> Path:
        """Where a blob lies (it need not exist)."""
        return self.root / "blobs" / digest[:2] / digest[2:]

    def has(self, digest: str) -> bool:
        """Whether a blob is there; one that is asked for counts as used."""
        return _touch(self.path(digest))

    def get(self, digest: str) -> bytes:
        """A blob's bytes.  Raises InfrastructureError when it has been pruned."""
        place = self.path(digest)
        try:
            _touch(place)
            return place.read_bytes()
        except FileNotFoundError as error:
            raise InfrastructureError(f"blob {digest[:12]} is no longer in the cache") from error

    def load(self, stage: str, key: str, kind: type[T]) -> T | None:
        """A stored result, or None.  One that cannot be read (an older schema) counts as none."""
        place = self._result(stage, key)
        try:
            value = from_json(place.read_bytes(), kind)
        except (FileNotFoundError, InfrastructureError):
            return None
        _touch(place)
        return value

    def save(self, stage: str, key: str, value: object) -> None:
        """Keep a result under the key of its inputs."""
        self._write(self._result(stage, key), to_json(value))

    def layer(self, name: str, key: str, build: Callable[[Path], None]) -> Path:
        """A directory made once by ``build(path)``; concurrent callers wait for the first.

        ``build`` works in the final place's sibling with suffix ``.part``; a layer killed mid-way is
        removed and built again.
        """
        target = self.root / "layers" / f"{name}-{key[:20]}"
        with self.lock(target.name):
            self._pin(target.name)
            if target.is_dir():
                os.utime(target)
                return target
            self.grown.append(target.name)
            part = target.with_name(target.name + ".part")
            with writing(target):
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir(parents=True)
                try:
                    build(part)
                    _on_disk(part)
                except BaseException:
                    shutil.rmtree(part, ignore_errors=True)
                    raise
                part.rename(target)
        return target

    def has_layer(self, name: str, key: str) -> bool:
        """Whether a layer was made; it may be gone before it is used."""
        return (self.root / "layers" / f"{name}-{key[:20]}").is_dir()

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold an exclusive lock between processes; it is dropped by the kernel when we die."""
        with self.lock_file(name) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def lock_file(self, name: str) -> TextIO:
        """The open file that stands for a lock, not locked."""
        place = self.root / "locks" / name
        with writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            return place.open("w")

    def release(self) -> None:
        """Let go of the layers this process has used."""
        while self.pins:
            _, descriptor = self.pins.popitem()
            os.close(descriptor)

    def _pin(self, name: str) -> None:
        if name not in self.pins:
            with self.lock_file(f"{name}{IN_USE}") as stream:
                descriptor = os.dup(stream.fileno())
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            self.pins[name] = descriptor

    def _result(self, stage: str, key: str) -> Path:
        return self.root / "results" / stage / key[:2] / f"{key[2:]}.json"

    def _write(self, target: Path, data: bytes) -> None:
        self.grown.append(target.name)
        write_whole(target, data)


def write_whole(target: Path, data: bytes) -> None:
    """Write a file so that its name never stands for half of it (temporary name, fsync, rename).

    Only we may read it; in a directory that a group shares (set-group-ID), the group may as well: the worker's
    reviews are for the web pages, which have a user of their own (deploy/systemd/reviewbot.tmpfiles).
    """
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(target) as stream:
            stream.write(data)
            stream.flush()
            if target.parent.stat().st_mode & stat.S_ISGID:
                os.fchmod(stream.fileno(), 0o640)
            os.fsync(stream.fileno())
            Path(stream.name).rename(target)


def _on_disk(directory: Path) -> None:
    """Have everything in it written, so that after a loss of power its final name does not stand for empty files."""
    done = process.run(["sync", "-f", directory], timeout=_SYNC_SECONDS)
    if not done.ok:
        raise InfrastructureError(f"cannot write {directory} to its disk: {done.complaint()}")


def _touch(target: Path) -> bool:
    """Note that a file is used; False when there is none."""
    try:
        os.utime(target)
    except FileNotFoundError:
        return False
    except PermissionError:  # a cache that another user fills
        return target.exists()
    return True


@contextlib.contextmanager
def _temporary(target: Path) -> Iterator[IO[bytes]]:
    """A file beside ``target``, gone at the end unless renamed.

    It is locked as long as we live: what a killed process has left can be told from what is being written.
    """
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=UNFINISHED, delete=False) as stream:
        try:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield stream
        finally:
            Path(stream.name).unlink(missing_ok=True)


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write into one clear line."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"disk full while writing below {place.parent}; free some space or point "
                "XDG_CACHE_HOME or XDG_STATE_HOME elsewhere"
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise UserError(f"cannot write {place}: {error.strerror}") from error
        raise
