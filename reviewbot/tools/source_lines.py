# SPDX-License-Identifier: GPL-2.0-only
"""Which lines of source an object's code comes from, by addr2line (binutils) in the sandbox."""

import posixpath
import re
from collections.abc import Sequence

from reviewbot.tools import kbuild, sandbox
from reviewbot.tools.kbuild import Workspace

_SECONDS = 60.0
_MOST = 200
_ADDRESS = re.compile(r"0x[0-9a-f]{16}")
_LINE = re.compile(r"([\w./+-]{1,300}):(\d{1,7})(?: \(discriminator \d{1,9}\))?")

Line = tuple[str, int]
"""A path below the source tree, and a line in it."""


def of_code(
    space: Workspace, made: str, section: str, offsets: Sequence[int]
) -> tuple[tuple[Line, ...], ...]:
    """For each of ``offsets`` into a section of object ``made``: its line, then where that was inlined, outwards.

    Nothing for what is not known; nothing at all when addr2line does not answer as it should.
    """
    asked = [f"0x{offset:x}" for offset in offsets[:_MOST]]
    done = sandbox.run(
        ["addr2line", "-a", "-i", "-j", section, "-e", made, *asked],
        mounts=space.mounts,
        cwd=kbuild.OBJECTS,
        timeout=_SECONDS,
    )
    found: list[tuple[Line, ...]] = []
    for line in done.text().split("\n") if done.ok else ():
        if _ADDRESS.fullmatch(line):
            found.append(())
        elif found and (read := _read(line)):
            found[-1] = (*found[-1], read)
    # What an object says of itself is its author's: more answers than questions mean nothing.
    return tuple(found) if len(found) == len(offsets) else ((),) * len(offsets)


def _read(line: str) -> Line | None:
    found = _LINE.fullmatch(line)
    if not found or not int(found[2]):
        return None
    path = posixpath.normpath(found[1])
    return path.removeprefix(f"{kbuild.SOURCE}/"), int(found[2])
