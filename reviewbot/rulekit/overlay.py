# SPDX-License-Identifier: GPL-2.0-only
"""A tree with some files replaced in memory, and some of which nobody knows what is in them."""

import hashlib
from collections.abc import Iterator, Mapping

from reviewbot.rulekit.trees import TreeView, UnsureFileError


class Overlay:
    """``tree`` with ``files`` (None: removed) over it.

    Reading a file of ``unsure`` (path: why) raises UnsureFileError, and so does asking whether it
    exists.  It is still listed: whoever looks through a directory would miss it otherwise.
    """

    def __init__(
        self, tree: TreeView, files: Mapping[str, bytes | None], unsure: Mapping[str, str]
    ) -> None:
        self._tree = tree
        self._files = dict(files)
        self._unsure = dict(unsure)
        self._ids: dict[str, str] = {}

    def read(self, path: str) -> bytes | None:
        """The file's bytes, or None when there is no such file."""
        self._refuse(path)
        return self._files[path] if path in self._files else self._tree.read(path)

    def blob_id(self, path: str) -> str | None:
        """The id git would give the file, or None when there is no such file."""
        self._refuse(path)
        if path not in self._files:
            return self._tree.blob_id(path)
        data = self._files[path]
        if data is None:
            return None
        if path not in self._ids:
            head = b"blob %d\0" % len(data)
            self._ids[path] = hashlib.sha1(head + data, usedforsecurity=False).hexdigest()
        return self._ids[path]

    def paths(self, prefix: str) -> Iterator[str]:
        """All files at or below ``prefix``, sorted, the unsure ones included."""
        place = prefix.rstrip("/")
        mine = {path: data is not None for path, data in self._files.items()}
        mine |= dict.fromkeys(self._unsure, True)
        found = {path for path in self._tree.paths(place) if mine.get(path, True)}
        found |= {
            path
            for path, there in mine.items()
            if there and (not place or path == place or path.startswith(f"{place}/"))
        }
        yield from sorted(found)

    def _refuse(self, path: str) -> None:
        if path in self._unsure:
            raise UnsureFileError(f"hunks of {path} do not apply: {self._unsure[path]}")
