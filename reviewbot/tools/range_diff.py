# SPDX-License-Identifier: GPL-2.0-only
"""git range-diff in our own object store."""

from pathlib import Path

from reviewbot.tools.git import in_store, must

_SECONDS = 120.0


def range_diff(repository: str, old: tuple[str, str], new: tuple[str, str]) -> str:
    """Compare the commits of two (base, tip); raises InfrastructureError when git fails."""
    ranges = [f"{start}..{end}" for start, end in (old, new)]
    options = ("--no-color", "--no-ext-diff", "--no-notes")
    done = in_store(Path(repository), "range-diff", *options, *ranges, timeout=_SECONDS)
    return must(done, "compare the two revisions").text()
