# SPDX-License-Identifier: GPL-2.0-only
"""What a userspace header promises: layouts of structs and unions, values of constants.

Everything comes from the compiler (libclang), for one architecture at a time; nothing is guessed
from text.  Offsets and sizes are bytes unless the name says bits.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reviewbot.parse.clang import Architecture, children, cindex, parse, path_of
from reviewbot.parse.records import Record, read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Layouts:
    """All records of some headers on one architecture.

    ``broken`` are records that userspace can not compile (an unknown type): nothing is said about
    their layout.  ``errors`` are the compiler's, as ``(path, line, message)``.
    """

    architecture: Architecture
    records: Mapping[str, Record]
    broken: Mapping[str, str]
    errors: tuple[tuple[str, int, str], ...]
    macros: tuple[tuple[str, str, int], ...] = ()
    defined: frozenset[str] = frozenset()

    def below(self, prefix: str) -> "Layouts":
        """The same, with ``prefix`` taken off the paths."""
        records = {
            name: replace(record, path=record.path.removeprefix(prefix))
            for name, record in self.records.items()
        }
        broken = {name: why.removeprefix(prefix) for name, why in self.broken.items()}
        return replace(self, records=records, broken=broken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A macro or enumerator.  ``value`` is None when it is not an integer constant expression.

    ``enumeration`` is the tag of its enum ("" for macros and unnamed enums, which have
    ``enumerator`` True).
    """

    name: str
    value: int | None
    path: str
    line: int
    enumerator: bool = False
    enumeration: str = ""
    order: int = 0


def read_layouts(
    files: Mapping[str, bytes], headers: Iterable[str], architecture: Architecture
) -> Layouts:
    """Compile ``headers`` (names as included) out of ``files`` and return all records.

    Raises HeadersUnreadableError when an include is missing.
    """
    unit = parse(files, _main(headers), architecture, macros=True)
    errors = tuple(
        (path_of(message.location), int(message.location.line), str(message.spelling))
        for message in unit.diagnostics
        if message.severity >= cindex().Diagnostic.Error
    )
    records: dict[str, Record] = {}
    broken: dict[str, str] = {}
    macros: list[tuple[str, str, int]] = []
    defined: set[str] = set()
    kinds = cindex().CursorKind
    for cursor in children(unit.cursor):
        kind = cursor.kind
        if kind == kinds.MACRO_DEFINITION:
            if path := path_of(cursor.location):
                defined.add(cursor.spelling)
                if not _takes_arguments(cursor):
                    macros.append((cursor.spelling, path, cursor.location.line))
        elif kind in (kinds.STRUCT_DECL, kinds.UNION_DECL) and cursor.is_definition():
            record = read_record(cursor)
            if not record.name or cursor.is_anonymous():
                continue
            complaint = _complaint(record, errors)
            if complaint:
                broken[record.name] = complaint
            else:
                records[record.name] = record
    return Layouts(
        architecture=architecture,
        records=records,
        broken=broken,
        errors=errors,
        macros=tuple(macros),
        defined=frozenset(defined),
    )


def read_constants(
    files: Mapping[str, bytes], headers: Iterable[str], layouts: Layouts
) -> dict[str, Constant]:
    """Values of all object-like macros and enumerators of the headers that ``layouts`` came from.

    Each macro becomes the value of an enumerator of its own, so that the compiler evaluates it; one
    it rejects (no integer constant, or something only the kernel has, such as BIT()) has value None.
    """
    macros = {name: (path, line) for name, path, line in layouts.macros}
    names = list(macros)
    main = _main(headers)
    first = main.count("\n") + 1
    lines = "".join(
        f"enum {{ reviewbot_{index} = ({name}) }};\n" for index, name in enumerate(names)
    )
    unit = parse(files, main + lines, layouts.architecture)
    rejected = {
        int(message.location.line) - first
        for message in unit.diagnostics
        if message.severity >= cindex().Diagnostic.Error and not path_of(message.location)
    } | {
        _line_in_main(message) - first
        for message in unit.diagnostics
        if message.severity >= cindex().Diagnostic.Error
    }
    found: dict[str, Constant] = {}
    enum_kind = cindex().CursorKind.ENUM_DECL
    for cursor in children(unit.cursor):
        if cursor.kind != enum_kind:
            continue
        path = path_of(cursor.location)
        if path:
            for constant in _enumerators(cursor, path):
                found[constant.name] = constant
            continue
        for child in children(cursor):
            prefix, _, number = child.spelling.rpartition("_")
            if prefix != "reviewbot" or not number.isdecimal():
                continue
            index = int(number)
            name = names[index]
            value = None if index in rejected else int(child.enum_value)
            found[name] = _macro(name, value, macros[name], index)
    for index, name in enumerate(names):
        found.setdefault(name, _macro(name, None, macros[name], index))
    return found


def _main(headers: Iterable[str]) -> str:
    return "".join(f"#include <{name}>\n" for name in headers)


def _macro(name: str, value: int | None, place: tuple[str, int], order: int) -> Constant:
    return Constant(name=name, value=value, path=place[0], line=place[1], order=order)


def _line_in_main(message: Any) -> int:
    """Where in our own text a complaint about a macro's expansion comes from."""
    location = cindex().SourceLocation
    expanded = message.location
    return int(expanded.line) if isinstance(expanded, location) and not path_of(expanded) else -1


def _enumerators(cursor: Any, path: str) -> Iterator[Constant]:
    tag = "" if cursor.is_anonymous() else str(cursor.spelling)
    for order, child in enumerate(children(cursor)):
        if child.kind == cindex().CursorKind.ENUM_CONSTANT_DECL:
            yield Constant(
                name=child.spelling,
                value=int(child.enum_value),
                path=path,
                line=child.location.line,
                enumerator=True,
                enumeration=tag,
                order=order,
            )


def _takes_arguments(cursor: Any) -> bool:
    return bool(cindex().conf.lib.clang_Cursor_isMacroFunctionLike(cursor))


def _complaint(record: Record, errors: tuple[tuple[str, int, str], ...]) -> str:
    for path, line, message in errors:
        if path == record.path and record.line <= line <= record.end:
            return f"{path}:{line}: {message}"
    return "its size is not known" if record.size < 0 else ""


_INTERNAL = """
#define BIT(n) (1UL << (n))
#define BIT_ULL(n) (1ULL << (n))
#define GENMASK(h, l) (((~0UL) << (l)) & (~0UL >> (sizeof(long) * 8 - 1 - (h))))
#define GENMASK_ULL(h, l) (((~0ULL) << (l)) & (~0ULL >> (63 - (h))))
"""


def evaluate(
    files: Mapping[str, bytes],
    headers: Iterable[str],
    architecture: Architecture,
    definitions: Iterable[str],
    names: Iterable[str],
) -> dict[str, int | None]:
    """Values of kernel-internal macros, given their ``#define`` texts, on top of the UAPI headers.

    A name that does not evaluate to an integer constant has value None.
    """
    wanted = tuple(names)
    text = _main(headers) + _INTERNAL + "".join(f"{line}\n" for line in definitions)
    first = text.count("\n") + 1
    text += "".join(f"enum {{ reviewbot_{n} = ({name}) }};\n" for n, name in enumerate(wanted))
    unit = parse(files, text, architecture)
    rejected = {
        _line_in_main(message) - first
        for message in unit.diagnostics
        if message.severity >= cindex().Diagnostic.Error
    }
    values: dict[str, int | None] = dict.fromkeys(wanted)
    for cursor in children(unit.cursor):
        if cursor.kind != cindex().CursorKind.ENUM_DECL or path_of(cursor.location):
            continue
        for child in children(cursor):
            prefix, _, number = child.spelling.rpartition("_")
            if prefix == "reviewbot" and number.isdecimal() and int(number) not in rejected:
                values[wanted[int(number)]] = int(child.enum_value)
    return values
