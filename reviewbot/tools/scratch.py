# SPDX-License-Identifier: GPL-2.0-only
"""Scratch directories that go away with their process, even when it is killed.

A directory's owner holds a lock on a file in it; whoever starts next removes those whose lock is
free.  So kill -9 leaves nothing for longer than until the next start.
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from reviewbot.tools import removal
from reviewbot.tools.cache import writing

_SWEEP = ".sweep"
_OWNER = ".owner"


@contextlib.contextmanager
def scratch(root: Path) -> Iterator[Path]:
    """A fresh directory below ``root`` for this process, removed at the end.

    ``root`` holds nothing else: whatever is found there and belongs to nobody is removed.
    """
    with contextlib.ExitStack() as stack:
        with writing(root):
            root.mkdir(parents=True, exist_ok=True)
            # Without it a directory could be swept after it is made and before it is locked.
            with (root / _SWEEP).open("w") as sweeping:
                fcntl.flock(sweeping, fcntl.LOCK_EX)
                _sweep(root)
                place = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))
                owner = stack.enter_context((place / _OWNER).open("w"))
                fcntl.flock(owner, fcntl.LOCK_EX)
        try:
            yield place
        finally:
            removal.remove(place, ignore_errors=True)


def _sweep(root: Path) -> None:
    for place in root.iterdir():
        if place.name == _SWEEP:
            continue
        # What its owner is removing this instant may go while we look at it, or remove it too.
        with contextlib.suppress(OSError):
            if place.is_symlink() or not place.is_dir():
                place.unlink()
            elif not _is_owned(place):
                removal.remove(place, ignore_errors=True)


def _is_owned(place: Path) -> bool:
    try:
        with (place / _OWNER).open("r") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no owner: what is left of a removal, or of a start that was killed
        return False
    return False
