# SPDX-License-Identifier: GPL-2.0-only
"""Write pages as files, each whole, and only those that changed."""

import hashlib
import os
import tempfile
from pathlib import Path, PurePosixPath

from reviewbot.model.errors import UserError
from reviewbot.tools.cache import writing

MARK = ".reviewbot-export"
"""A file that says which pages are ours: what is not listed in it is never taken away."""


class StaticSite:
    """The directory, made when missing.  Raises UserError for one that holds something else."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.written = self.kept = 0
        self._known = self._read()
        self._now: dict[str, str] = {}

    def put(self, name: str, body: bytes) -> None:
        """Write a page unless it is there already."""
        place = PurePosixPath(name)
        if not _is_below(name):
            raise UserError(f"{name[:80]!a} is no name of a page")
        digest = hashlib.sha256(body).hexdigest()
        self._now[name] = digest
        target = self.root / place
        if self._known.get(name) == digest and target.is_file():
            self.kept += 1
            return
        _write(target, body)
        self.written += 1

    def finish(self) -> int:
        """Take away pages that are no more; return how many."""
        gone = [name for name in self._known if name not in self._now]
        lines = [f"{digest} {name}\n" for name, digest in sorted(self._now.items())]
        _write(self.root / MARK, "".join(lines).encode())
        for name in gone:
            (self.root / name).unlink(missing_ok=True)
        folders = {folder for name in gone for folder in (self.root / name).parents}
        for folder in sorted(folders, reverse=True):  # the innermost first
            if self.root in folder.parents and folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        return len(gone)

    def _read(self) -> dict[str, str]:
        try:
            with writing(self.root):
                self.root.mkdir(parents=True, exist_ok=True)
        except (NotADirectoryError, FileNotFoundError) as error:
            raise UserError(f"{self.root} cannot be made: {error.strerror}") from error
        mark = self.root / MARK
        if not mark.is_file():
            if any(self.root.iterdir()):
                raise UserError(f"{self.root} holds something else; name a new directory")
            _write(mark, b"")
            return {}
        lines = mark.read_text("utf-8").splitlines()
        known = (line.partition(" ") for line in lines)
        # Who may write here must not make us take away files elsewhere.
        return {name: digest for digest, _, name in known if _is_below(name)}


def _is_below(name: str) -> bool:
    place = PurePosixPath(name)
    return bool(place.parts) and not place.is_absolute() and ".." not in place.parts


def _write(target: Path, data: bytes) -> None:
    """Like tools.cache.write_whole, but others may read it, and it waits for no disk: it can be made again."""
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                os.fchmod(handle, 0o644)
            Path(name).rename(target)
        finally:
            Path(name).unlink(missing_ok=True)
