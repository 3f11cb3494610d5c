# SPDX-License-Identifier: GPL-2.0-only
"""Where the members of a struct or union lie, from libclang's cursors.

Offsets and sizes are bytes unless the name says bits.
"""

from dataclasses import dataclass, field
from typing import Any

from reviewbot.parse.clang import children, cindex, path_of


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


@dataclass(slots=True)
class _Collector:
    """What was found in one record so far."""

    members: list[Member] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)


def read_record(cursor: Any) -> Record:
    """The layout of one struct or union definition; ``size`` is negative when clang does not know it."""
    kinds = cindex().CursorKind
    collector = _Collector()
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
        packed=any(child.kind == kinds.PACKED_ATTR for child in children(cursor)),
    )


def _walk(cursor: Any, into: _Collector, *, prefix: str, base: int, union: bool) -> tuple[int, int]:
    """Collect the members of a struct or union that starts at bit ``base`` of the outermost record."""
    kinds = cindex().CursorKind
    is_union = cursor.kind == kinds.UNION_DECL
    fields = [c for c in children(cursor) if c.kind in _member_kinds()]
    named = {c.type.get_declaration().hash for c in fields if c.kind == kinds.FIELD_DECL}
    named |= {
        c.type.element_type.get_declaration().hash
        for c in fields
        if c.kind == kinds.FIELD_DECL and c.type.get_array_size() >= 0
    }
    position, last, last_line = 0, "", cursor.extent.start.line
    for child in fields:
        if child.kind != kinds.FIELD_DECL:
            if child.hash in named or not child.is_anonymous() or not child.is_definition():
                continue  # the declaration of a named field's type, or a tag without a field
            known = _anonymous_offset(child, cursor.type)
            start = position if known is None else known
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
    if not is_union and fields and total - position >= 8:
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


def _anonymous_offset(cursor: Any, scope: Any) -> int | None:
    """Bit offset of an anonymous member in ``scope``, the type whose members its fields count as.

    libclang does not say it; it does say where a field lies in both types.
    """
    for field_cursor in cursor.type.get_fields():
        name = field_cursor.spelling
        if name and (outside := int(scope.get_offset(name))) >= 0:
            return outside - int(cursor.type.get_offset(name))
    for child in children(cursor):
        if child.kind in _member_kinds() and child.is_anonymous():
            inner = _anonymous_offset(child, scope)
            if inner is not None:
                own = _anonymous_offset(child, cursor.type)
                return inner - (own or 0)
    return None


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
