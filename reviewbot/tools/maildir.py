# SPDX-License-Identifier: GPL-2.0-only
"""A private list that is delivered into a maildir.  It is only read: mails stay where and how they are."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from reviewbot.model.codec import to_json
from reviewbot.model.errors import UserError
from reviewbot.model.watch import Arrival, Batch, Refused
from reviewbot.tools.source import MAIL_LIMIT, admitted, batched

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDERS = ("new", "cur")


class Maildir:
    """The maildir ``path``.  The cursor lists the mails read, by the names that flags do not change."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def batches(self, cursor: str | None, begin: float) -> Iterator[Batch]:
        """See tools.source.Source."""
        there = self._names()
        # Names of mails that are gone are dropped: the list must not grow for ever.
        seen = set(_read(cursor)) & there.keys()
        if cursor is None:
            seen = {name for name, (_, changed) in there.items() if changed < begin}
        if cursor is None or seen != set(_read(cursor)):
            yield Batch(arrivals=(), cursor=_written(seen))
        yield from batched(self._mails(there, seen), lambda _: _written(seen))

    def _mails(
        self, there: dict[str, tuple[Path, float]], seen: set[str]
    ) -> Iterator[Arrival | Refused]:
        news = [(changed, name) for name, (_, changed) in there.items() if name not in seen]
        for changed, name in sorted(news):
            raw = _bytes(there[name][0])
            if raw is None:
                continue  # moved from new to cur, or deleted, meanwhile; in cur it is found again
            seen.add(name)
            yield admitted(raw, received=changed, origin=name)

    def _names(self) -> dict[str, tuple[Path, float]]:
        """Unique name -> (file, time of delivery)."""
        found: dict[str, tuple[Path, float]] = {}
        try:
            for folder in _FOLDERS:
                with os.scandir(self.path / folder) as entries:
                    for entry in entries:
                        status = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode) and not entry.name.startswith("."):
                            name = entry.name.partition(":")[0]
                            found[name] = (Path(entry.path), status.st_mtime)
        except OSError as error:
            raise UserError(
                f"{self.path}: no maildir that can be read ({error.strerror}); "
                "it should have the directories new and cur"
            ) from error
        return found


def raw_mail(path: Path, name: str) -> bytes | None:
    """The mail of that unique name (flags do not count); None when it is gone."""
    for folder in _FOLDERS:
        with contextlib.suppress(OSError), os.scandir(path / folder) as entries:
            for entry in entries:
                if entry.name.partition(":")[0] == name:
                    return _bytes(Path(entry.path))
    return None


def _bytes(place: Path) -> bytes | None:
    """A file's bytes, at most one more than a mail may have; None when it is not there any more.

    Neither a symbolic link nor a pipe that somebody puts in its place is followed or waited for.
    """
    try:
        handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return None
        data = stream.read(MAIL_LIMIT + 1)
    return data.replace(b"\r\n", b"\n") if b"\r\n" in data[:1000] else data


def _read(cursor: str | None) -> list[str]:
    try:
        return msgspec.json.decode(cursor or "[]", type=list[str])
    except msgspec.DecodeError:
        return []  # the list was of another kind before


def _written(seen: set[str]) -> str:
    return to_json(sorted(seen)).decode()
