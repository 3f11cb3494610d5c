# SPDX-License-Identifier: GPL-2.0-only
"""How many bytes of code an ELF file holds.  Pure; the file may be damaged."""

import struct

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_EXECUTABLE = 0x2 | 0x4  # SHF_ALLOC | SHF_EXECINSTR, elf(5)
_MOST_SECTIONS = 65536


def text_size(data: bytes) -> int | None:
    """Bytes of all sections that are loaded and executed; None for what is no 64-bit little-endian ELF."""
    if len(data) < _HEADER.size or data[:6] != b"\x7fELF\x02\x01":
        return None
    fields = _HEADER.unpack_from(data)
    start, size, count = fields[6], fields[11], fields[12]
    if size != _SECTION.size or count > _MOST_SECTIONS or start + size * count > len(data):
        return None
    sections = (_SECTION.unpack_from(data, start + size * number) for number in range(count))
    return sum(int(section[5]) for section in sections if section[2] & _EXECUTABLE == _EXECUTABLE)
