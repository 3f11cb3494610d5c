# SPDX-License-Identifier: GPL-2.0-only
"""A git index outside any repository that holds only the paths one patch touches."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from reviewbot.tools.git import apply_to_index
from reviewbot.tools.objects import Entry, ObjectStore, storing
from reviewbot.tools.process import Completed


class ScratchIndex:
    """The file ``path``, refilled for every attempt: a failed merge leaves its stages in it."""

    def __init__(self, store: ObjectStore, path: Path) -> None:
        self.store = store
        self.path = path

    def apply(
        self,
        entries: Mapping[str, Entry],
        diff: bytes,
        *,
        three_way: bool = False,
        reverse_check: bool = False,
    ) -> Completed:
        """Fill the index with ``entries`` and let git apply ``diff`` (see tools.git.apply_to_index)."""
        with storing(self.path):
            self.path.unlink(missing_ok=True)
            self.path.with_name(f"{self.path.name}.lock").unlink(missing_ok=True)
            index = pygit2.Index(str(self.path))
            for path, (identity, mode) in entries.items():
                index.add(pygit2.IndexEntry(path, pygit2.Oid(hex=identity), FileMode(mode)))
            index.write()
        return apply_to_index(
            self.store.path, self.path, diff, three_way=three_way, reverse_check=reverse_check
        )

    def read(self) -> dict[str, Entry]:
        """What the index holds.  Raises ValueError for entries that no tree may hold."""
        try:
            index = pygit2.Index(str(self.path))
        except pygit2.GitError as error:
            raise ValueError(str(error)) from error
        return {entry.path: (str(entry.id), int(entry.mode)) for entry in index}


@contextlib.contextmanager
def scratch_index(store: ObjectStore, scratch: Path) -> Iterator[ScratchIndex]:
    """A ScratchIndex below ``scratch`` that goes away at the end."""
    with storing(scratch), tempfile.TemporaryDirectory(dir=scratch, prefix="index-") as place:
        yield ScratchIndex(store, Path(place) / "index")
