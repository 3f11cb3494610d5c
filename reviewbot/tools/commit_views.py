# SPDX-License-Identifier: GPL-2.0-only
"""Files of commits, read from a git object store without a checkout."""

from collections.abc import Iterator, Sequence

import pygit2


class CommitView:
    """One commit's files (rulekit's ``TreeView``).  Symbolic links and submodules are no files."""

    def __init__(self, repository: pygit2.Repository, commit: str) -> None:
        self._repository = repository
        self._top = repository[commit].peel(pygit2.Tree)

    def read(self, path: str) -> bytes | None:
        """The file's bytes, or None when there is no such file."""
        blob = self._blob(path)
        return None if blob is None else bytes(blob.data)

    def blob_id(self, path: str) -> str | None:
        """The git blob id, or None when there is no such file."""
        blob = self._blob(path)
        return None if blob is None else str(blob.id)

    def paths(self, prefix: str) -> Iterator[str]:
        """All files below a directory ("" for the whole tree)."""
        start = prefix.strip("/")
        try:
            top = self._top[start] if start else self._top
        except KeyError:
            return
        waiting = [(start, top)]
        while waiting:
            name, item = waiting.pop()
            if isinstance(item, pygit2.Tree):
                waiting += [(f"{name}/{child.name}".lstrip("/"), child) for child in item]
            elif isinstance(item, pygit2.Blob):
                yield name

    def _blob(self, path: str) -> pygit2.Blob | None:
        try:
            item = self._top[path]
        except (KeyError, ValueError):
            return None
        if not isinstance(item, pygit2.Blob) or item.filemode == pygit2.GIT_FILEMODE_LINK:
            return None
        return item


def views(repository: str, commits: Sequence[str]) -> tuple[CommitView, ...]:
    """One view a commit, all on the same object store."""
    store = pygit2.Repository(repository)
    return tuple(CommitView(store, commit) for commit in commits)
