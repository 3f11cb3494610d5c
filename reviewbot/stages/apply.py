# SPDX-License-Identifier: GPL-2.0-only
"""base -> apply: one commit per patch, without a checkout.

Each patch goes by git apply onto a scratch index that holds only the paths it touches; the tree is
then written from the tree before.  Nothing is written to the user's repository.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from reviewbot.model.base import Applied, AppliedPatch, Base, Conflict
from reviewbot.model.codec import key_of, to_json
from reviewbot.model.errors import UserError
from reviewbot.model.series import Patch, Series
from reviewbot.model.status import Status
from reviewbot.parse.conflict import explain
from reviewbot.parse.landing import moved
from reviewbot.parse.text import one_line
from reviewbot.stages.refuse import refusal, refuse_entries, refuse_patch
from reviewbot.tools.context import Tools
from reviewbot.tools.identity import COMMITTER, author_time, plain_identity, signature
from reviewbot.tools.objects import Entry, ObjectStore, TreeView, is_directory
from reviewbot.tools.scratch_index import ScratchIndex, scratch_index

VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyRequest:
    """The series, and what the base stage answered."""

    series: Series
    base: Base


def run(request: ApplyRequest, tools: Tools) -> Applied:
    """Make a commit of every patch, up to the first that does not apply.

    Raises UserError for a series without a patch and for patches that must not be applied anywhere:
    paths out of the tree, writing through symbolic links, binary files, submodules.
    """
    series, base = request.series, request.base
    if not series.patches:
        raise UserError("the series holds no patch; nothing can be applied")
    store = ObjectStore(tools.cache, base.path)
    placed = put_once(store, series.patches, base.commit, tools)
    return Applied(
        status=Status.FAIL if placed.conflict else Status.PASS,
        base=base,
        repository=str(store.path),
        patches=placed.patches,
        conflict=_mention_missing(placed.conflict, series) if placed.conflict else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The patches that applied, in order, and what stopped the next one."""

    patches: tuple[AppliedPatch, ...]
    conflict: Conflict | None = None


def put_once(store: ObjectStore, patches: tuple[Patch, ...], commit: str, tools: Tools) -> Placed:
    """As :func:`put`, but what was put on that commit before is taken from the cache.

    The base stage tries candidates by applying the series, so the apply stage finds its work done.
    """
    key = key_of(VERSION, store.path.name, commit, to_json(patches).decode())
    known = tools.cache.load("apply", key, Placed)
    if known and all(store.has(patch.commit) for patch in known.patches):
        return known
    placed = put(store, patches, commit, tools.scratch)
    tools.cache.save("apply", key, placed)
    return placed


def put(store: ObjectStore, patches: Iterable[Patch], commit: str, scratch: Path) -> Placed:
    """Commit patches on top of ``commit``, up to the first that does not apply.

    Raises UserError for patches that must not be applied anywhere.
    """
    done: list[AppliedPatch] = []
    with scratch_index(store, scratch) as index:
        for patch in patches:
            tree = store.tree_of(commit)
            outcome = _Attempt(index, patch, TreeView(store.repository, tree)).go()
            if isinstance(outcome, Conflict):
                return Placed(patches=tuple(done), conflict=outcome)
            tree, fuzzy = outcome
            commit = _commit(store, patch, tree, commit)
            shifted = moved(patch, TreeView(store.repository, tree).read)
            done.append(
                AppliedPatch(
                    number=patch.number, commit=commit, tree_id=tree, fuzzy=fuzzy, moved=shifted
                )
            )
    return Placed(patches=tuple(done))


class _Attempt:
    """One patch on one tree."""

    def __init__(self, index: ScratchIndex, patch: Patch, before: TreeView) -> None:
        self.store = index.store
        self.patch = patch
        self.before = before
        self.index = index

    def go(self) -> tuple[str, bool] | Conflict:
        """The tree after the patch and whether it was merged, or the conflict."""
        if not self.patch.files or not self.patch.diff.strip():
            raise UserError(f"patch {self.patch.number} changes nothing: the mail carries no diff")
        refuse_patch(self.patch, self.before)
        entries = self._entries()
        if isinstance(entries, Conflict):
            return entries
        complaint = ""
        for diff, three_way in self._ways():
            done = self.index.apply(entries, diff, three_way=three_way)
            if done.ok:
                return self._result(entries, fuzzy=three_way)
            complaint = complaint or done.stderr.decode("utf-8", "replace")
        return self._conflict(entries, complaint)

    def _ways(self) -> list[tuple[bytes, bool]]:
        """What to give git, in the order of trust: the text as it is, then a three-way merge.

        A mail that is not UTF-8 was decoded byte for byte as Latin-1, and goes back the same way.
        """
        text = self.patch.diff
        ways = [(text.encode("utf-8", "surrogateescape"), False)]
        if not text.isascii() and all(ord(char) < 256 for char in text):
            ways.append((text.encode("latin-1"), False))
        return [*ways, *((diff, True) for diff, _ in ways)]

    def _entries(self) -> dict[str, Entry] | Conflict:
        """What the tree holds at the paths of the patch, and at files where it expects directories."""
        found: dict[str, Entry] = {}
        for path in _paths(self.patch):
            parts = path.split("/")
            for depth in range(1, len(parts) + 1):
                above = "/".join(parts[:depth])
                entry = self.before.entry(above)
                if entry and not is_directory(entry[1]):
                    found[above] = entry
            if entry and is_directory(entry[1]) and not self._empties(path):
                return self._stop(path, "this is a directory in the tree")
        return found

    def _empties(self, directory: str) -> bool:
        """Whether the patch itself takes every file out of ``directory``."""
        kept = {diff.old_path for diff in self.patch.files if diff.new_path != diff.old_path}
        return all(path in kept for path in self.before.paths(directory))

    def _result(self, entries: dict[str, Entry], *, fuzzy: bool) -> tuple[str, bool] | Conflict:
        try:
            after = self.index.read()
        except ValueError as error:
            path = self.patch.files[0].path
            raise refusal(self.patch, path, "makes an entry that is no file") from error
        refuse_entries(self.patch, entries, after, self.store)
        changes: dict[str, Entry | None] = {path: None for path in entries if path not in after}
        changes |= {path: entry for path, entry in after.items() if entries.get(path) != entry}
        if not changes:
            return self._stop(
                self.patch.files[0].path, "already applied: merging it changes nothing"
            )
        for path in sorted(entries.keys() - after.keys()):
            if not any(path == diff.old_path for diff in self.patch.files):
                return self._stop(path, "a file is where the patch expects a directory")
        return self.store.write_tree(self.before.tree_id, changes), fuzzy

    def _conflict(self, entries: dict[str, Entry], complaint: str) -> Conflict:
        found = explain(self.patch, complaint, self.before.read)
        if found.reason.startswith("already applied"):
            return found
        if self.index.apply(entries, self._ways()[0][0], reverse_check=True).ok:
            return replace(found, reason="already applied: the tree has every change of this patch")
        return found

    def _stop(self, path: str, reason: str) -> Conflict:
        return Conflict(patch=self.patch.number, path=path, hunk="", reason=reason)


def _paths(patch: Patch) -> set[str]:
    return {path for diff in patch.files for path in (diff.old_path, diff.new_path) if path}


def _mention_missing(conflict: Conflict, series: Series) -> Conflict:
    before = [number for number in series.missing if number < conflict.patch]
    if not before:
        return conflict
    names = ", ".join(str(number) for number in before)
    return replace(
        conflict, reason=f"{conflict.reason}; patch {names} of {series.total} was not found"
    )


def _commit(store: ObjectStore, patch: Patch, tree: str, parent: str) -> str:
    when = author_time(patch.date)
    body = patch.changelog.strip("\n")
    message = f"{one_line(patch.subject) or '(no subject)'}\n" + (f"\n{body}\n" if body else "")
    author = patch.author if patch.author.name or patch.author.email else patch.sender
    return store.write_commit(
        tree=tree,
        parents=(parent,),
        message=message.replace("\0", "\ufffd"),
        author=signature(*plain_identity(author), when),
        # The author's date, so that the same mails give the same commit ids on every machine.
        committer=signature(*COMMITTER, when),
    )
