# SPDX-License-Identifier: GPL-2.0-only
"""Archives that a kernel unpacks as its first root file system.

Written by ourselves because an archive must be the same, byte for byte, for the same contents
(it is addressed by its digest), must hold a device node without anybody being root, and is simple:
Documentation/driver-api/early-userspace/buffer-format.rst.  Not compressed: with gzip an
emulated guest boots no faster and we would compress tens of megabytes for each run.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reviewbot.model.errors import UserError

BUSYBOX = Path("/bin/busybox")
DIRECTORY, EXECUTABLE, PLAIN, CONSOLE = 0o040755, 0o100755, 0o100644, 0o020600
LINK = 0o120777


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file, a directory, a link (``data`` is where to) or a device, by path below the root."""

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def busybox() -> bytes:
    """This host's static busybox.  Raises UserError without one."""
    try:
        data = BUSYBOX.read_bytes()
    except OSError:
        data = b""
    # A dynamic busybox (package busybox) would need the host's libraries in the guest.
    if not data.startswith(b"\x7fELF") or b"/ld-linux" in data[:4096]:
        raise UserError(f"no static busybox at {BUSYBOX}: apt install busybox-static")
    return data


def archive(members: Iterable[Member]) -> Iterator[bytes]:
    """The pieces of an archive of ``members``; the kernel takes several archives one after the other."""
    for number, member in enumerate([*members, Member(path="TRAILER!!!", mode=0)], 1):
        yield _record(number, member)


def _record(number: int, member: Member) -> bytes:
    name = member.path.encode() + b"\0"
    links = 2 if member.mode == DIRECTORY else 1
    fields = (number, member.mode, 0, 0, links, 0, len(member.data), 0, 0)
    numbers = "".join(f"{value:08X}" for value in (*fields, *member.device, len(name), 0))
    head = b"070701" + numbers.encode() + name
    return head + _padding(head) + member.data + _padding(member.data)


def _padding(data: bytes) -> bytes:
    return b"\0" * (-len(data) % 4)
