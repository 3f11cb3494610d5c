# SPDX-License-Identifier: GPL-2.0-only
"""What a userspace header promises: layouts of structs and unions, values of constants.

Everything comes from the compiler (libclang), for one architecture at a time; nothing is guessed
from text.  Offsets and sizes are bytes unless the name says bits.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reviewbot.parse.clang import Architecture, cindex, parse, path_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One field.  ``path`` goes through named inline structs and skips anonymous ones ("smm.flags").

    ``elements`` is the array length, None for no array, 0 for a flexible array.  ``signed`` is None
    for anything but integers.  ``union`` is True when it shares its bytes with siblings.
    """

    path: str
    type: str
    offset_bits: int
    size_bits: int
    line: int
    bit_field: bool = False
    elements: int | None = None
    element_size: int = 0
    signed: bool | None = None
    union: bool = False
    record: str = ""

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def offset(self) -> int:
        """First byte."""
        return self.offset_bits // 8

    @property
    def size(self) -> int:
        """Bytes; 0 for a flexible array."""
        return (self.size_bits + 7) // 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Bytes the compiler put in.  ``after`` is the member before them; ``tail`` at a struct's end."""

    after: str
    offset: int
    size: int
    line: int
    tail: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A named struct or union at file scope.  ``name`` is its tag ("kvm_nested_state")."""

    name: str
    kind: str
    size: int
    alignment: int
    members: tuple[Member, ...]
    holes: tuple[Hole, ...]
    path: str
    line: int
    end: int
    packed: bool = False

    def member(self, path: str) -> Member | None:
        """A member by its path, or None."""
        return next((member for member in self.members if member.path == path), None)


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
    for cursor in unit.cursor.get_children():
        kind = cursor.kind
        if kind == kinds.MACRO_DEFINITION:
            if path := path_of(cursor.location):
                defined.add(cursor.spelling)
                if not _takes_arguments(cursor):
                    macros.append((cursor.spelling, path, cursor.location.line))
        elif kind in (kinds.STRUCT_DECL, kinds.UNION_DECL) and cursor.is_definition():
            record = _record(cursor)
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
    for cursor in unit.cursor.get_children():
        if cursor.kind != enum_kind:
            continue
        path = path_of(cursor.location)
        if path:
            for constant in _enumerators(cursor, path):
                found[constant.name] = constant
            continue
        for child in cursor.get_children():
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
    for order, child in enumerate(cursor.get_children()):
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


@dataclass(slots=True)
class _Collector:
    """Walks one record; ``outer`` is the type offsets are asked of."""

    outer: Any
    members: list[Member] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)


def _record(cursor: Any) -> Record:
    kinds = cindex().CursorKind
    collector = _Collector(outer=cursor.type)
    size = int(cursor.type.get_size())
    if size >= 0:
        _walk(cursor, collector, prefix="", base=0, union=cursor.kind == kinds.UNION_DECL)
    return Record(
        name=cursor.spelling,
        kind="union" if cursor.kind == kinds.UNION_DECL else "struct",
        size=size,
        alignment=int(cursor.type.get_align()),
        members=tuple(collector.members),
        holes=tuple(collector.holes),
        path=path_of(cursor.location),
        line=cursor.extent.start.line,
        end=cursor.extent.end.line,
        packed=any(child.kind == kinds.PACKED_ATTR for child in cursor.get_children()),
    )


def _walk(cursor: Any, into: _Collector, *, prefix: str, base: int, union: bool) -> tuple[int, int]:
    """Collect the members of a struct or union that starts at bit ``base`` of the outermost record."""
    kinds = cindex().CursorKind
    is_union = cursor.kind == kinds.UNION_DECL
    children = [c for c in cursor.get_children() if c.kind in _member_kinds()]
    named = {c.type.get_declaration().hash for c in children if c.kind == kinds.FIELD_DECL}
    named |= {
        c.type.element_type.get_declaration().hash
        for c in children
        if c.kind == kinds.FIELD_DECL and c.type.get_array_size() >= 0
    }
    position, last, last_line = 0, "", cursor.extent.start.line
    for child in children:
        if child.kind != kinds.FIELD_DECL:
            if child.hash in named or not child.is_anonymous() or not child.is_definition():
                continue  # the declaration of a named field's type, or a tag without a field
            start = _anonymous_offset(child, position, is_union=is_union)
            _walk(child, into, prefix=prefix, base=base + start, union=union or is_union)
            width = int(child.type.get_size()) * 8
            name = last or "the start"
            label, line = "an anonymous member", child.extent.end.line
        else:
            start = int(child.get_field_offsetof())
            width = _field(child, into, prefix=prefix, base=base + start, union=union or is_union)
            name = last or "the start"
            label, line = prefix + child.spelling, child.location.line
        if not is_union and start - position >= 8 and position >= 0:
            into.holes.append(
                Hole(
                    after=name,
                    offset=(base + position) // 8,
                    size=(start - position) // 8,
                    line=line,
                )
            )
        position = max(position, start + width)
        last, last_line = label, line
    total = int(cursor.type.get_size()) * 8
    if not is_union and children and total - position >= 8:
        into.holes.append(
            Hole(
                after=last,
                offset=(base + position) // 8,
                size=(total - position) // 8,
                line=last_line,
                tail=True,
            )
        )
    return position, total


def _member_kinds() -> tuple[Any, ...]:
    kinds = cindex().CursorKind
    return (kinds.FIELD_DECL, kinds.STRUCT_DECL, kinds.UNION_DECL)


def _anonymous_offset(cursor: Any, position: int, *, is_union: bool) -> int:
    """Bit offset of an anonymous member in its parent: the next aligned place (C11 6.7.2.1)."""
    if is_union:
        return 0
    alignment = max(int(cursor.type.get_align()), 1) * 8
    return -(-position // alignment) * alignment


def _field(cursor: Any, into: _Collector, *, prefix: str, base: int, union: bool) -> int:
    """Record one named field, and the members of the inline struct it may have; return its bits."""
    kinds = cindex().CursorKind
    path = prefix + cursor.spelling
    whole = cursor.type
    elements = _elements(whole)
    element = whole
    while _elements(element) is not None:
        element = element.element_type
    declaration = element.get_declaration()
    inline = (
        declaration.kind in (kinds.STRUCT_DECL, kinds.UNION_DECL)
        and declaration.semantic_parent.kind in (kinds.STRUCT_DECL, kinds.UNION_DECL)
        and declaration.is_anonymous()
    )
    if cursor.is_bitfield():
        width = int(cursor.get_bitfield_width())
    else:
        width = max(int(whole.get_size()), 0) * 8
    canonical = element.get_canonical()
    into.members.append(
        Member(
            path=path,
            type=f"{declaration.kind.name.split('_')[0].lower()} {{...}}"
            if inline
            else element.spelling,
            offset_bits=base,
            size_bits=width,
            line=cursor.location.line,
            bit_field=bool(cursor.is_bitfield()),
            elements=elements,
            element_size=max(int(element.get_size()), 0),
            signed=_signed(canonical),
            union=union,
            record="" if inline else _tag(declaration),
        )
    )
    if inline:
        suffix = "[]." if elements is not None else "."
        is_union = declaration.kind == kinds.UNION_DECL
        _walk(declaration, into, prefix=path + suffix, base=base, union=union or is_union)
    return width


def _tag(declaration: Any) -> str:
    kinds = cindex().CursorKind
    if declaration.kind in (kinds.STRUCT_DECL, kinds.UNION_DECL):
        return str(declaration.spelling)
    return ""


def _elements(kind: Any) -> int | None:
    names = cindex().TypeKind
    if kind.kind == names.CONSTANTARRAY:
        return int(kind.element_count)
    return 0 if kind.kind == names.INCOMPLETEARRAY else None


def _signed(kind: Any) -> bool | None:
    names = cindex().TypeKind
    name = kind.kind.name
    if name in {"CHAR_S", "SCHAR", "SHORT", "INT", "LONG", "LONGLONG"}:
        return True
    if name in {"CHAR_U", "UCHAR", "USHORT", "UINT", "ULONG", "ULONGLONG", "BOOL"}:
        return False
    return None if kind.kind != names.ENUM else False


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
    for cursor in unit.cursor.get_children():
        if cursor.kind != cindex().CursorKind.ENUM_DECL or path_of(cursor.location):
            continue
        for child in cursor.get_children():
            prefix, _, number = child.spelling.rpartition("_")
            if prefix == "reviewbot" and number.isdecimal() and int(number) not in rejected:
                values[wanted[int(number)]] = int(child.enum_value)
    return values
