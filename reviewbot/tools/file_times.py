# SPDX-License-Identifier: GPL-2.0-only
"""When files were last written, to see cheaply whether somebody else has written to them."""

import contextlib
from collections.abc import Iterable
from pathlib import Path


def file_times(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    """(name, nanoseconds, size) of each file that is there, and of SQLite's journal beside it."""
    found = []
    for path in paths:
        for each in (path, path.with_name(f"{path.name}-wal")):
            with contextlib.suppress(OSError):
                facts = each.stat()
                found.append((each.name, facts.st_mtime_ns, facts.st_size))
    return found
