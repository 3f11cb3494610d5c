# SPDX-License-Identifier: GPL-2.0-only
"""The file versions a series was made against: the left ids of its ``index`` lines."""

from reviewbot.model.series import ChangeKind, Series
from reviewbot.tools.objects import TreeView


def pre_images(series: Series) -> tuple[tuple[str, str], ...]:
    """(path, abbreviated blob id) of every file the series found already there.

    Only the first patch that touches a path tells what the base had; later ones see the series' own.
    """
    found: dict[str, str] = {}
    touched: set[str] = set()
    for patch in series.patches:
        for diff in patch.files:
            path = diff.old_path
            if path and path not in touched and diff.old_blob and diff.kind is not ChangeKind.ADD:
                found[path] = diff.old_blob
            touched |= {name for name in (diff.old_path, diff.new_path) if name}
    return tuple(found.items())


def count_held(view: TreeView, wanted: tuple[tuple[str, str], ...]) -> int:
    """How many of the file versions are in a tree, each at its path."""
    held = ((view.blob_id(path) or "", blob) for path, blob in wanted)
    return sum(identity.startswith(blob) for identity, blob in held)
