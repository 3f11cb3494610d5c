# SPDX-License-Identifier: GPL-2.0-only
"""What commands leave behind to be looked for: sleeps of a length that nobody else uses."""

from pathlib import Path


def running(word):
    """Process ids of "sleep WORD" on this host."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[0].endswith(b"sleep") and word.encode() in words:
            found.append(int(entry.parent.name))
    return found
