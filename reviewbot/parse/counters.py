# SPDX-License-Identifier: GPL-2.0-only
"""What a guest's counter port said -> .gcda files by test number.  Pure.

    counters NUMBER BYTES
    ...that many bytes: a gzipped tar

The guest runs a hostile kernel: sizes, names and kinds of members are not believed.
"""

import gzip
import io
import re
import tarfile
import zlib

_HEAD = re.compile(rb"counters (\d{1,6}) (\d{1,9})\n")
_MOST_BYTES = 64 << 20  # of one test, unpacked; the KVM modules' counters are one megabyte
_MOST_FILES = 2000
_NAME = re.compile(r"(?:\w[\w.+-]*/)*\w[\w.+-]*\.gcda", re.ASCII)


def frames(said: bytes) -> dict[int, bytes]:
    """Archives by number of the test (from 1; 0: before the first); what follows the first malformed byte is dropped."""
    found = {}
    position = 0
    while head := _HEAD.match(said, position):
        begin = head.end()
        position = begin + int(head[2])
        if position > len(said):
            break
        found[int(head[1])] = said[begin:position]
    return found


def unpack(archive: bytes) -> dict[str, bytes]:
    """The .gcda files of an archive by relative name; empty when it is damaged or too large."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(archive)) as stream:
            plain = stream.read(_MOST_BYTES + 1)
        if len(plain) > _MOST_BYTES:
            return {}
        return _members(plain)
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError):
        return {}


def _members(plain: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.TarFile(fileobj=io.BytesIO(plain)) as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if len(found) >= _MOST_FILES:
                break
            # A sparse member says how much there is without sending it.
            whole = member.type == tarfile.REGTYPE and not member.issparse()
            if whole and _NAME.fullmatch(name) and (stream := archive.extractfile(member)):
                found[name] = stream.read()
    return found
