# SPDX-License-Identifier: GPL-2.0-only
"""A series that does not apply as a whole: which files of it can be had nevertheless, patch by patch.

A file all of whose hunks find a place is as its patch leaves it.  One with a hunk that does not is
unsure from that patch on, whatever later patches do to it, and rules that read it could not run.
Headers and documents mostly apply where the code around them moved on, and most rules read only those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reviewbot.model.series import ChangeKind, FileDiff, Patch
from reviewbot.parse.hunks import Effort, MisfitError, added_content, put_hunks
from reviewbot.parse.landing import as_landed, moved
from reviewbot.rulekit.overlay import Overlay
from reviewbot.rulekit.trees import TreeView


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """What could be had of some patches.

    ``before`` is the tree they go on (files that a patch expects and the tree lacks are unsure in
    it), ``after`` one view a patch, ``patches`` those patches with the line numbers of the
    after-trees, ``unsure`` the files nobody knows, with the reason; ``sure`` the other touched files.
    """

    before: Overlay
    after: tuple[Overlay, ...]
    patches: tuple[Patch, ...]
    sure: frozenset[str]
    unsure: Mapping[str, str]


def place(tree: TreeView, patches: Sequence[Patch]) -> Partial:
    """Put ``patches`` on a tree, as far as their files go.  Nothing is written anywhere."""
    unknown = {
        path: f"patch {patch.number} changes it, and the tree does not have it"
        for patch, path in _expected(patches)
        if tree.read(path) is None
    }
    work = _Work(tree, unknown)
    before = work.overlay()
    after, landed = [], []
    for patch in patches:
        for diff in patch.files:
            work.put(diff, patch.number)
        view = work.overlay()
        known = tuple(diff for diff in patch.files if diff.path not in work.unsure)
        shifted = moved(replace(patch, files=known), view.read)
        landed.append(as_landed(patch, shifted))
        after.append(view)
    touched = {path for patch in patches for diff in patch.files for path in _names(diff)}
    return Partial(
        before=before,
        after=tuple(after),
        patches=tuple(landed),
        sure=frozenset(touched - work.unsure.keys()),
        unsure=work.unsure,
    )


class _Work:
    """The files as the patches so far leave them."""

    def __init__(self, tree: TreeView, unsure: Mapping[str, str]) -> None:
        self.tree = tree
        self.files: dict[str, bytes | None] = {}
        self.unsure = dict(unsure)
        self.effort = Effort()

    def overlay(self) -> Overlay:
        return Overlay(self.tree, self.files, self.unsure)

    def put(self, diff: FileDiff, number: int) -> None:
        """Change one file, or note that nobody knows it any more."""
        try:
            after = self._after(diff)
        except MisfitError as error:
            why = f"patch {number}: {error}"
            for path in _names(diff):
                self.unsure.setdefault(path, why)
            return
        if diff.old_path and diff.kind in (ChangeKind.DELETE, ChangeKind.RENAME):
            self.files[diff.old_path] = None
        if diff.new_path:
            self.files[diff.new_path] = after
            self.unsure.pop(diff.new_path, None)

    def _after(self, diff: FileDiff) -> bytes | None:
        if diff.kind is ChangeKind.ADD:
            return added_content(diff)
        path = diff.old_path or diff.path
        if path in self.unsure:
            raise MisfitError(f"{path} is unsure before it")
        content = self.files[path] if path in self.files else self.tree.read(path)
        if content is None:
            raise MisfitError(f"{path} is not in the tree")
        return None if diff.kind is ChangeKind.DELETE else put_hunks(diff, content, self.effort)


def _names(diff: FileDiff) -> set[str]:
    """The paths a diff changes; the source of a copy stays as it was."""
    names = (diff.old_path if diff.kind is not ChangeKind.COPY else None, diff.new_path)
    return {name for name in names if name}


def _expected(patches: Sequence[Patch]) -> list[tuple[Patch, str]]:
    """Files the patches change that none of them created: the author's tree had them."""
    made: set[str] = set()
    found: dict[str, Patch] = {}
    for patch in patches:
        for diff in patch.files:
            if diff.kind is not ChangeKind.ADD and diff.old_path and diff.old_path not in made:
                found.setdefault(diff.old_path, patch)
        made |= {diff.new_path for diff in patch.files if diff.new_path}
    return [(patch, path) for path, patch in found.items()]
