# SPDX-License-Identifier: GPL-2.0-only
"""Questions about the history of a branch, asked of our own object store."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reviewbot.model.sweep_range import RangeCommit
from reviewbot.tools.git import diffs_of, in_store, must, patch_ids

_SECONDS = 300.0
_FORMAT = "--format=%H%x00%T%x00%P%x00%an <%ae>%x00%s"
_PATCH_IDS_AT_ONCE = 200


def merge_base(store: Path, one: str, other: str) -> str:
    """The newest commit that two histories share; "" when they share none.

    Raises InfrastructureError when git cannot tell, as for a history that is not all here.
    """
    done = in_store(store, "merge-base", one, other, timeout=_SECONDS)
    if done.returncode == 1 and not done.timed_out:
        return ""
    return must(done, "find where two branches part").text().split()[0]


def count(store: Path, tip: str, without: Sequence[str], *, merges: bool = False) -> int:
    """How many commits of ``tip`` are in none of the histories ``without``; only merges when asked."""
    options = ("--merges",) if merges else ()
    done = in_store(store, "rev-list", "--count", *options, *_range(tip, without), timeout=_SECONDS)
    return int(must(done, "count commits").text())


def commits(
    store: Path, tip: str, without: Sequence[str], *, paths: Sequence[str] = (), limit: int
) -> tuple[RangeCommit, ...]:
    """The newest ``limit`` commits, no merges, that are in none of the histories ``without``, oldest first.

    ``paths`` (globs as git's pathspecs know them) leaves out commits that touch none of them.
    """
    done = in_store(
        store,
        *("log", "-z", "--no-merges", "--topo-order", "--no-color", "--no-show-signature"),
        *(f"--max-count={limit}", _FORMAT, *_range(tip, without)),
        *(("--", *paths) if paths else ()),
        timeout=_SECONDS,
    )
    text = must(done, "list the commits of a branch").text()
    words = text.removesuffix("\0").split("\0") if text else []
    rows = [words[at : at + 5] for at in range(0, len(words) - 4, 5)]
    found = [
        RangeCommit(
            commit=commit, tree_id=tree, parents=tuple(parents.split()), author=who, subject=subject
        )
        for commit, tree, parents, who, subject in rows
    ]
    return tuple(reversed(found))


def with_patch_ids(store: Path, found: Sequence[RangeCommit]) -> tuple[RangeCommit, ...]:
    """The same commits, with what they change as a patch-id (git-patch-id(1), --stable)."""
    known: dict[str, str] = {}
    for at in range(0, len(found), _PATCH_IDS_AT_ONCE):
        names = [one.commit for one in found[at : at + _PATCH_IDS_AT_ONCE]]
        ids = patch_ids(store, diffs_of(store, names))
        known |= {commit: identity for identity, commit in ids.items()}
    return tuple(replace(one, patch_id=known.get(one.commit, "")) for one in found)


def _range(tip: str, without: Sequence[str]) -> tuple[str, ...]:
    return (tip, *(f"^{commit}" for commit in dict.fromkeys(without) if commit))
