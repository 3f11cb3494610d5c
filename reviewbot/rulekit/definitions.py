# SPDX-License-Identifier: GPL-2.0-only
"""The names a patch defines, read from its added lines: candidates, for which trees then give proof."""

import re
from collections.abc import Iterator

from reviewbot.model.series import Patch

DEFINES_MACRO = re.compile(r"\s*#\s*define\s+(\w+)")
DEFINES_FUNCTION = re.compile(r"[A-Za-z_][^=;{}()]*[\s*](\w+)\(")
DEFINES_MEMBER = re.compile(r"\s+[A-Za-z_][\w\s*]*?[\s*](\w+)(?:\[[^\]]*\])*(?:\s*:\s*\d+)?;")
DEFINES_ENUMERATOR = re.compile(r"\s+([A-Z][A-Z0-9_]+)(?:\s*=[^,]*)?,?$")


def definitions(patch: Patch) -> frozenset[str]:
    """Names whose definition or declaration a patch adds, and does not only move or change."""
    new: set[str] = set()
    old: set[str] = set()
    for file in patch.files:
        if not file.path.endswith((".c", ".h")):
            continue
        for hunk in file.hunks:
            for line in hunk.lines:
                if line.startswith("+"):
                    new.update(defined_by(line[1:]))
                elif line.startswith("-"):
                    old.update(re.findall(r"\w{4,}", line))
    return frozenset(new - old)


def defined_by(text: str) -> Iterator[str]:
    """The names one line may define."""
    for pattern in (DEFINES_MACRO, DEFINES_FUNCTION, DEFINES_MEMBER, DEFINES_ENUMERATOR):
        if match := pattern.match(text):
            yield match[1]
