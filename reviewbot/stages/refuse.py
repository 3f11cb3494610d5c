# SPDX-License-Identifier: GPL-2.0-only
"""What no patch may do, whatever tree it is for.  Asked before git sees the patch, and again after."""

import posixpath
import re
import stat
from collections.abc import Mapping

from reviewbot.model.errors import UserError
from reviewbot.model.series import FileDiff, Patch
from reviewbot.parse.paths import unsafe_path
from reviewbot.parse.text import one_line
from reviewbot.tools.objects import Entry, ObjectStore, TreeView, is_submodule, is_symlink

_MODES = re.compile(
    r"^(?:(?:old|new|new file|deleted file) mode|index \S+) ([0-7]+)\s*$", re.MULTILINE
)
_LINK = f"{stat.S_IFLNK:o}"
_SUBMODULE = "160000"


def refuse_patch(patch: Patch, tree: TreeView) -> None:
    """Raise UserError naming patch and path when a diff reaches where it must not, or is no text."""
    # Content lines begin with a blank, plus or minus, so these are headers whoever reads them.
    for mode in _MODES.findall(patch.diff):
        if not stat.S_ISREG(int(mode, 8)) and mode not in (_LINK, _SUBMODULE):
            raise refusal(patch, patch.files[0].path, f"comes with mode {mode}, which is no file's")
    links = {diff.new_path for diff in patch.files if is_symlink(diff.new_mode or 0)}
    for diff in patch.files:
        for path in (diff.old_path, diff.new_path):
            if path is None:
                continue
            if reason := unsafe_path(path):
                raise refusal(patch, path, reason)
            _refuse_parents(patch, path, tree, links)
        _refuse_kind(patch, diff, tree)


def refuse_entries(
    patch: Patch,
    before: Mapping[str, Entry],
    after: Mapping[str, Entry],
    store: ObjectStore,
) -> None:
    """Raise UserError when git's result holds a path or an entry that the patch had no right to.

    This catches a patch that git reads differently than our own parser.
    """
    announced = {path for diff in patch.files for path in (diff.old_path, diff.new_path)}
    for path, (identity, mode) in after.items():
        if before.get(path) == (identity, mode):
            continue
        if reason := unsafe_path(path) or ("" if path in announced else "is hidden in its diff"):
            raise refusal(patch, path, reason)
        if is_submodule(mode):
            raise refusal(patch, path, "is a submodule")
        if is_symlink(mode):
            _refuse_target(patch, path, store.blob(identity))


def _refuse_parents(patch: Patch, path: str, tree: TreeView, links: set[str | None]) -> None:
    parts = path.split("/")
    for depth in range(1, len(parts)):
        above = "/".join(parts[:depth])
        entry = tree.entry(above)
        if above in links or (entry and is_symlink(entry[1])):
            raise refusal(patch, path, f"is reached through the symbolic link {one_line(above)}")
        if entry and is_submodule(entry[1]):
            raise refusal(patch, path, f"is inside the submodule {one_line(above)}")


def _refuse_kind(patch: Patch, diff: FileDiff, tree: TreeView) -> None:
    entry = tree.entry(diff.old_path) if diff.old_path else None
    if is_submodule(diff.new_mode or 0) or is_submodule(diff.old_mode or 0):
        raise refusal(patch, diff.path, "is a submodule")
    if entry and is_submodule(entry[1]):
        raise refusal(patch, diff.path, "is a submodule")
    if diff.binary:
        raise refusal(patch, diff.path, "is a binary file; only text can be reviewed")


def _refuse_target(patch: Patch, path: str, target: bytes) -> None:
    """A link out of the tree would make every later reader of the tree an accomplice."""
    text = target.decode("utf-8", "replace")
    aim = posixpath.normpath(posixpath.join(posixpath.dirname(path), text))
    if text.startswith("/") or aim == ".." or aim.startswith("../") or "\0" in text:
        raise refusal(patch, path, "is a symbolic link out of the tree")


def refusal(patch: Patch, path: str, reason: str) -> UserError:
    """The one line for a patch that must not be applied; all of it is fit for a terminal."""
    title = one_line(patch.subject)[:60]
    return UserError(
        f'patch {patch.number} ("{title}") is refused: {one_line(path)[:200]} {reason}'
    )
