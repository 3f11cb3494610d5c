# SPDX-License-Identifier: GPL-2.0-only
"""Look for whole words in the C sources of a git tree."""

from collections.abc import Sequence
from pathlib import Path

from reviewbot.model.errors import InfrastructureError
from reviewbot.tools.git import in_store

_SECONDS = 300.0
_SOURCES = ("*.c", "*.h", "*.S")


def words_in(repository: str, tree_id: str, words: Sequence[str]) -> frozenset[str]:
    """Those of ``words`` (C identifiers) that occur in any C source or header of a tree.

    Seven seconds for a whole kernel.  Raises InfrastructureError.
    """
    if not words:
        return frozenset()
    wanted = [option for word in words for option in ("-e", word)]
    options = ("-ohwF", "--no-color", *wanted, tree_id, "--", *_SOURCES)
    done = in_store(Path(repository), "grep", *options, timeout=_SECONDS)
    if done.timed_out or done.returncode not in (0, 1):
        raise InfrastructureError(f"cannot search the base: {done.complaint()}")
    return frozenset(words) & frozenset(done.text().split("\n"))
