# SPDX-License-Identifier: GPL-2.0-only
"""Scratch directories that go away with their process, even when it is killed.

A directory's owner holds a lock on a file in it; whoever starts next removes those whose lock is
free.  So kill -9 leaves nothing for longer than until the next start.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from reviewbot.tools.cache import writing


@contextlib.contextmanager
def scratch(root: Path) -> Iterator[Path]:
    """A fresh directory below ``root`` for this process, removed at the end."""
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        place = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))
        owner = (place / ".owner").open("w")
    with owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _sweep(root: Path) -> None:
    for place in root.iterdir():
        try:
            with (place / ".owner").open("r") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        except FileNotFoundError:
            # Either being made this instant by another process, or what is left of a removal.
            if _age(place) < 60:
                continue
        shutil.rmtree(place, ignore_errors=True)


def _age(place: Path) -> float:

    try:
        return time.time() - place.stat().st_mtime
    except FileNotFoundError:
        return 0.0
