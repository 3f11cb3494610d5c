# SPDX-License-Identifier: GPL-2.0-only
"""The repository one stands in, read by libgit2: nothing of it is ever run."""

from pathlib import Path

import pygit2

from reviewbot.model.errors import UserError
from reviewbot.tools.objects import open_repository, resolve_commit

UPSTREAM = "@{upstream}"


def top(start: Path) -> Path:
    """The top directory of the repository around ``start``; a bare one itself.

    Raises UserError when there is none.
    """
    found = pygit2.discover_repository(str(start))
    if not found:
        raise UserError(f"{start} is in no git repository; change to a kernel tree first")
    repository = pygit2.Repository(found)
    return Path(repository.workdir or repository.path)


def commits_since(tree: Path, first: str = UPSTREAM, last: str = "HEAD") -> str:
    """The range of commits from where ``last`` branched off ``first``, as two commit ids.

    Raises UserError when one of them is no commit, they have nothing in common, or nothing came since.
    """
    repository = open_repository(tree)
    ends = []
    for name in (first, last):
        commit = resolve_commit(repository, name)
        if commit is None:
            raise UserError(_no_commit(repository, tree, name))
        ends.append(commit)
    base = repository.merge_base(*ends)
    if base is None:
        raise UserError(f"{first} and {last} have no common ancestor in {tree}")
    if str(base) == ends[1]:
        raise UserError(f"{last} of {tree} has no commit that is not in {first}: nothing to check")
    return f"{base}..{ends[1]}"


def is_commit(tree: Path, name: str) -> bool:
    """Whether a revision is known there."""
    return resolve_commit(open_repository(tree), name) is not None


def _no_commit(repository: pygit2.Repository, tree: Path, name: str) -> str:
    if name != UPSTREAM:
        return f"{name[:80]!a}: no such commit in {tree}"
    branch = "HEAD" if repository.head_is_detached or repository.head_is_unborn else ""
    branch = branch or f"branch {repository.head.shorthand}"
    return (
        f"{branch} of {tree} has no upstream to compare with; name a range such as "
        "kvm-x86/next..HEAD, or set one with git branch --set-upstream-to=REMOTE/BRANCH"
    )
