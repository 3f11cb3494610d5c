# SPDX-License-Identifier: GPL-2.0-only
"""Commits before a tip, what they are called by patch-id, copies of them elsewhere, and their reverts."""

import pygit2
from pygit2.enums import SortMode

from reviewbot.tools.git import diffs_of, patch_ids
from reviewbot.tools.identity import COMMITTER, same_time, signature
from reviewbot.tools.objects import ObjectStore, storing


def recent_patch_ids(store: ObjectStore, tip: str, limit: int) -> dict[str, str]:
    """{patch-id: commit} of the last ``limit`` commits of a history that are no merges."""
    return patch_ids(store.path, diffs_of(store.path, _commits(store.repository, tip, limit)))


def _commits(repository: pygit2.Repository, tip: str, limit: int) -> list[str]:
    found: list[str] = []
    try:
        for commit in repository.walk(tip, SortMode.TIME):
            if len(found) == limit:
                break
            if len(commit.parent_ids) == 1:
                found.append(str(commit.id))
    except (KeyError, pygit2.GitError):
        pass  # the history ends here: a shallow or partial clone
    return found


def cherry_pick(store: ObjectStore, commit: str, on: str) -> str | None:
    """A copy of a commit on top of another, made in memory; None when they conflict."""
    repository = store.repository
    source = repository[commit].peel(pygit2.Commit)
    ours = repository[on].peel(pygit2.Commit)
    merged = repository.merge_trees(source.parents[0].tree, ours.tree, source.tree)
    if merged.conflicts is not None:
        return None
    return store.write_commit(
        tree=str(merged.write_tree(repository)),
        parents=(on,),
        message=source.message,
        author=source.author,
        committer=signature(*COMMITTER, same_time(source.author)),
    )


def revert(store: ObjectStore, commit: str, on: str) -> str | None:
    """The tree of ``on`` without what ``commit`` changed (a merge: against its first parent).

    Made in memory by a three-way merge, as git revert does; None when they conflict.
    """
    repository = store.repository
    source = repository[commit].peel(pygit2.Commit)
    ours = repository[on].peel(pygit2.Commit)
    if not source.parents:
        return None
    merged = repository.merge_trees(source.tree, ours.tree, source.parents[0].tree)
    if merged.conflicts is not None:
        return None
    with storing(store.path):
        return str(merged.write_tree(repository))
