# SPDX-License-Identifier: GPL-2.0-only
"""Functions of a relocatable ELF file (an object, a module): where they are, and their bytes.

Pure; linear in the number of symbols.  The file may be damaged or made to mislead: then there is nothing.
Layout: elf(5).
"""

import struct
from dataclasses import dataclass

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_MOST_SECTIONS = 4096
_MOST_SYMBOLS = 1_000_000
_RELOCATABLE, _SYMBOLS, _NOTHING_IN_FILE, _FUNCTION, _NAME = 1, 2, 8, 2, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """``start`` is its offset in ``section``; ``code`` its bytes before relocation."""

    section: str
    start: int
    code: bytes


def functions(data: bytes) -> dict[str, tuple[Function, ...]]:
    """By name; static functions of several objects may share one.  Empty for what is no such file."""
    found: dict[str, list[Function]] = {}
    try:
        sections = _sections(data)
        names = _strings(data, sections, _HEADER.unpack_from(data)[13])
        for table in sections:
            if table[1] == _SYMBOLS:
                _read(data, sections, names, table, found)
    except (struct.error, IndexError, OverflowError):
        return {}
    return {name: tuple(same) for name, same in found.items()}


_Section = tuple[int, ...]


def _sections(data: bytes) -> list[_Section]:
    fields = _HEADER.unpack_from(data)
    start, size, count = fields[6], fields[11], fields[12]
    if fields[0][:6] != b"\x7fELF\x02\x01" or fields[1] != _RELOCATABLE:
        return []
    if size != _SECTION.size or count > _MOST_SECTIONS:
        return []
    return [_SECTION.unpack_from(data, start + size * number) for number in range(count)]


def _strings(data: bytes, sections: list[_Section], number: int) -> bytes:
    return _content(data, sections[number]) if sections else b""


def _content(data: bytes, section: _Section) -> bytes:
    return b"" if section[1] == _NOTHING_IN_FILE else data[section[4] : section[4] + section[5]]


def _read(
    data: bytes,
    sections: list[_Section],
    names: bytes,
    table: _Section,
    found: dict[str, list[Function]],
) -> None:
    symbols, strings = _content(data, table), _strings(data, sections, table[6])
    for number in range(min(len(symbols) // _SYMBOL.size, _MOST_SYMBOLS)):
        name, info, _, where, value, size = _SYMBOL.unpack_from(symbols, number * _SYMBOL.size)
        if info & 0xF != _FUNCTION or not size or not 0 < where < len(sections):
            continue
        section = sections[where]
        code = _content(data, section)[value : value + size]
        if len(code) == size:
            one = Function(section=_text(names, section[0]), start=value, code=code)
            found.setdefault(_text(strings, name), []).append(one)


def _text(strings: bytes, start: int) -> str:
    return strings[start : start + _NAME].partition(b"\0")[0].decode("ascii", "replace")
