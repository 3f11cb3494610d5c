# SPDX-License-Identifier: GPL-2.0-only
"""A kernel source archive (Debian's linux-source-6.12.tar.xz) -> a git repository with one commit.

git fast-import is fed from the archive as it is read, so nothing is unpacked: half a minute where
extracting and git add take 70 seconds.  Their .gitignore, which ignores everything, is never asked.
"""

import hashlib
import io
import os
import posixpath
import shutil
import stat
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from reviewbot.model.errors import UserError
from reviewbot.parse.paths import unsafe_path
from reviewbot.parse.text import one_line
from reviewbot.tools.cache import Cache, write_whole, writing
from reviewbot.tools.git import ENVIRONMENT, git_command, must
from reviewbot.tools.process import run

_MARKER = "reviewbot-source"
_LIMIT_BYTES = 8 << 30
_LIMIT_FILES = 1_000_000
_SECONDS = 1800.0
_AUTHOR = b"reviewbot import <reviewbot@localhost>"
# Deltas cost a minute and save nothing worth it; compression 1 halves the time of 6.
_OPTIONS = ("-c", "core.compression=1", "-c", "fastimport.unpackLimit=0")


@dataclass(slots=True)
class _Files:
    """What was sent so far: (mode, mark, path) and the newest time stamp."""

    entries: dict[str, tuple[str, int]] = field(default_factory=dict)
    newest: int = 0
    size: int = 0


def import_source(archive: Path, repository: Path, name: str) -> str:
    """Make the bare repository ``repository`` from ``archive``; return its only commit's id.

    The same archive gives the same commit everywhere: author and message are fixed, the date is the
    newest in the archive.  ``name`` ("linux-source-6.12") is the subject.  A repository made
    from the same content is kept as it is; one made from another is replaced.  Whatever happens,
    ``repository`` is never half of one.

    Raises UserError when the archive is missing, no archive, or holds members that must not be in a
    source tree, when ``repository`` is something else, and when the disk is full; InfrastructureError
    when git fails.
    """
    digest = _digest(archive)
    with Cache(repository.parent).lock(f"import-{repository.name}"):
        known = _imported(repository, digest)
        if known:
            return known
        part = repository.with_name(repository.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        try:
            with writing(repository):
                commit = _import(archive, part, one_line(name), digest)
                shutil.rmtree(repository, ignore_errors=True)
                part.rename(repository)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return commit


def _digest(archive: Path) -> str:
    try:
        with archive.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UserError(
            f"{archive}: {error.strerror}; install Debian's linux-source package"
        ) from error


def _imported(repository: Path, digest: str) -> str:
    """The commit of an earlier import, "" when there is none of this content."""
    try:
        known, commit = (repository / _MARKER).read_text().split()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        if repository.exists() and not isinstance(error, ValueError) and not _empty(repository):
            raise UserError(
                f"{repository}: exists and was not made by an import; name another place"
            ) from error
        return ""
    return commit if known == digest else ""


def _empty(place: Path) -> bool:
    return place.is_dir() and not any(place.iterdir())


def _import(archive: Path, part: Path, name: str, digest: str) -> str:
    quiet = ("--quiet", "--bare", "--template=", "--initial-branch=master")
    must(run(git_command("init", *quiet, part), env=ENVIRONMENT, timeout=60), "make a repository")
    feed = _Feed(archive, name, digest)
    reader, writer = os.pipe()
    thread = threading.Thread(target=feed.run, args=(writer,), daemon=True)
    thread.start()
    try:
        # tools.process hands over standard input as one bytes object; this is more than a gigabyte.
        words = git_command(*_OPTIONS, "fast-import", "--quiet", "--done", "--depth=0")
        done = run(
            ["/bin/sh", "-c", 'exec "$@" <"/dev/fd/$0"', str(reader), *words],
            env={**ENVIRONMENT, "GIT_DIR": str(part)},
            timeout=_SECONDS,
            pass_fds=(reader,),
        )
    finally:
        os.close(reader)  # a writer that is still at it gets EPIPE
        thread.join()
    if feed.failure is not None and not isinstance(feed.failure, BrokenPipeError):
        raise feed.failure
    must(done, f"import {archive}")
    show = git_command("--git-dir", part, "rev-parse", "refs/heads/master^{commit}")
    commit = must(run(show, env=ENVIRONMENT, timeout=60), "read the import").text().strip()
    write_whole(part / _MARKER, f"{digest} {commit}\n".encode())
    return commit


class _Feed:
    """Writes the archive as a fast-import stream (git-fast-import(1)) from a thread of its own."""

    def __init__(self, archive: Path, name: str, digest: str) -> None:
        self.archive = archive
        self.name = name
        self.digest = digest
        self.files = _Files()
        self.failure: BaseException | None = None

    def run(self, descriptor: int) -> None:
        """Send everything; an error is kept, and makes git see a stream that is not done."""
        try:
            with os.fdopen(descriptor, "wb", buffering=1 << 20) as stream:
                self._send(stream)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            self.failure = error

    def _send(self, stream: IO[bytes]) -> None:
        try:
            # "r:" on the decompressed stream: tarfile's own "r|xz" is slower, "r:xz" the same.
            with tarfile.open(self.archive, mode="r:*", errorlevel=2) as tar:
                for member in _members(tar):
                    self._send_member(tar, member, stream)
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            # What each decompressor said stands below the first line.
            why = one_line(str(error).partition("\n")[0])[:120].rstrip(": ")
            raise UserError(f"{self.archive}: not a readable archive: {why}") from error
        if not self.files.entries:
            raise UserError(f"{self.archive}: holds no files")
        self._send_commit(stream)

    def _send_member(
        self, tar: tarfile.TarFile, member: tarfile.TarInfo, stream: IO[bytes]
    ) -> None:
        files = self.files
        files.newest = max(files.newest, int(member.mtime))
        path = self._inside(member.name)
        if member.isdir():
            return
        if not path or path in files.entries:
            raise self._refused(member, "stands outside the top directory, or twice")
        if member.islnk():
            twin = files.entries.get(self._inside(member.linkname))
            if twin is None:
                raise self._refused(member, "is a hard link to no earlier file")
            files.entries[path] = twin
            return
        content, size, mode = self._content(tar, member, path)
        files.size += size
        mark = len(files.entries) + 1
        if files.size > _LIMIT_BYTES or mark > _LIMIT_FILES:
            raise self._refused(member, "goes beyond the size of any kernel")
        stream.write(b"blob\nmark :%d\ndata %d\n" % (mark, size))
        shutil.copyfileobj(content, stream, 1 << 16)
        stream.write(b"\n")
        files.entries[path] = (mode, mark)

    def _content(
        self, tar: tarfile.TarFile, member: tarfile.TarInfo, path: str
    ) -> tuple[IO[bytes], int, str]:
        if member.issym():
            aim = posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname))
            if member.linkname.startswith("/") or aim == ".." or aim.startswith("../"):
                raise self._refused(member, "is a symbolic link out of the tree")
            target = os.fsencode(member.linkname)
            return io.BytesIO(target), len(target), "120000"
        stream = tar.extractfile(member) if member.isreg() else None
        if stream is None:
            raise self._refused(member, "is neither file, directory nor link")
        return stream, member.size, "100755" if member.mode & stat.S_IXUSR else "100644"

    def _inside(self, name: str) -> str:
        """The path below the archive's top directory, "" for that itself."""
        plain = name.removeprefix("./").rstrip("/")
        if plain in ("", "."):
            return ""
        if reason := unsafe_path(plain):
            raise UserError(f"{self.archive}: {one_line(name)[:200]} is refused: {reason}")
        return plain.partition("/")[2]

    def _send_commit(self, stream: IO[bytes]) -> None:
        message = f"{self.name}\n\nsha256 of the archive: {self.digest}\n".encode()
        stream.write(b"commit refs/heads/master\nmark :%d\n" % (_LIMIT_FILES + 1))
        stream.write(b"committer %s %d +0000\n" % (_AUTHOR, self.files.newest))
        stream.write(b"data %d\n%s" % (len(message), message))
        for path, (mode, mark) in self.files.entries.items():
            stream.write(f"M {mode} :{mark} {_quoted(path)}\n".encode())
        stream.write(b"\ndone\n")

    def _refused(self, member: tarfile.TarInfo, reason: str) -> UserError:
        return UserError(f"{self.archive}: {one_line(member.name)[:200]} is refused: {reason}")


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """One member after the other; tarfile would keep all of them, a hundred megabytes."""
    while (member := tar.next()) is not None:
        yield member
        tar.members.clear()  # type: ignore[attr-defined]


def _quoted(path: str) -> str:
    """A path as fast-import reads it; unsafe_path() left neither control characters nor backslashes."""
    return '"' + path.replace('"', '\\"') + '"'
