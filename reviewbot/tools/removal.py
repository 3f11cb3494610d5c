# SPDX-License-Identifier: GPL-2.0-only
"""Remove directories in which others could do as they liked."""

import contextlib
import os
import shutil
from pathlib import Path


def remove(place: Path, *, ignore_errors: bool = False) -> None:
    """Remove a directory, whatever modes what ran inside gave its directories.

    Links are removed, never followed.  Raises OSError when something cannot be removed,
    or with ``ignore_errors`` removes what else it can.
    """
    # Root needs no modes.  A process of a killed review's sandbox may be on its way out still, and put a link in
    # place of a directory just before its mode is changed; rmtree goes by descriptors.
    if os.geteuid() != 0:
        _open_up(place)
        for directory, inner, _ in os.walk(place):
            for name in inner:
                _open_up(Path(directory, name))
    shutil.rmtree(place, ignore_errors=ignore_errors)


def _open_up(path: Path) -> None:
    # Another process may be removing the same; what must not be changed is said by rmtree.
    with contextlib.suppress(FileNotFoundError, PermissionError):
        if not path.is_symlink():
            path.chmod(0o700)
