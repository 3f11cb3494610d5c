# SPDX-License-Identifier: GPL-2.0-only
"""Compare the layout of a struct before and after, and account for its padding."""

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reviewbot.parse.c_structs import DeclaredMember
from reviewbot.parse.records import Member, Record
from reviewbot.parse.uapi import Constant, Layouts
from reviewbot.rulekit.trees import View

KVM_HEADERS = ("include/uapi/linux/kvm*.h", "arch/*/include/uapi/asm/kvm*.h")
"""Where KVM's userspace interface is defined."""

_PADDING = re.compile(r"_*(?:pad|padding|reserved|rsvd|unused|rsv|res)_?\d*")


def is_padding(member: Member | DeclaredMember) -> bool:
    """Whether a member only reserves bytes, by its name (``pad``, ``reserved1``, ``padding``)."""
    return _PADDING.fullmatch(member.name.rpartition(".")[2]) is not None


def architectures(paths: Iterable[str]) -> tuple[str, ...]:
    """The architectures whose layout can change when these files do; x86 always in 64 and 32 bits."""
    touched = set(paths)
    found = []
    for name, directory in (("arm64", "arm64"), ("riscv64", "riscv"), ("s390x", "s390")):
        if any(path.startswith(f"arch/{directory}/include/uapi/") for path in touched):
            found.append(name)
    if not found or any(
        path.startswith(("arch/x86/include/uapi/", "include/uapi/")) for path in touched
    ):
        found = ["x86_64", "i386", *found]
    return tuple(found)


def kvm_records(layouts: Layouts) -> Mapping[str, Record]:
    """The records that KVM's own headers define."""
    return {
        name: record
        for name, record in layouts.records.items()
        if any(fnmatch.fnmatchcase(record.path, glob) for glob in KVM_HEADERS)
    }


_DIRECTORIES = ("arm64", "loongarch", "mips", "powerpc", "riscv", "s390", "x86")


def defined_anywhere(view: View, name: str) -> bool:
    """Whether any KVM userspace header, of whatever architecture, still has the identifier.

    A struct that moves from linux/kvm.h to the header of the architecture that has it is not gone.
    """
    wanted = name.encode()
    return any(
        wanted in (view.read(path) or b"") and view.c(path).mentions(name)
        for path in userspace_headers()
    )


def userspace_headers() -> tuple[str, ...]:
    """Where KVM's userspace headers may be, of every architecture."""
    places = (f"arch/{directory}/include/uapi/asm/" for directory in _DIRECTORIES)
    names = ("kvm.h", "kvm_para.h", "kvm_perf.h")
    return (
        "include/uapi/linux/kvm.h",
        "include/uapi/linux/kvm_para.h",
        *(place + name for place in places for name in names),
    )


def leaves(record: Record) -> tuple[Member, ...]:
    """Members that hold data: no inline containers, no helpers of ``__DECLARE_FLEX_ARRAY``."""
    containers = {
        member.path.rpartition(".")[0].removesuffix("[]")
        for member in record.members
        if "." in member.path
    }
    return tuple(
        member
        for member in record.members
        if member.path not in containers and not member.name.startswith("__empty_")
    )


def shape(record: Record) -> tuple[object, ...]:
    """All that userspace depends on, without line numbers."""
    return (
        record.size,
        tuple(
            (m.path, m.type, m.offset_bits, m.size_bits, m.elements, m.signed)
            for m in record.members
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordChange:
    """A record before and after.  ``kept`` pairs members of the same path; padding is not paired."""

    old: Record
    new: Record
    kept: tuple[tuple[Member, Member], ...]
    removed: tuple[Member, ...]
    added: tuple[Member, ...]

    @property
    def moved(self) -> Iterator[tuple[Member, Member]]:
        """Kept members whose bits are elsewhere, or are more or fewer."""
        for was, now in self.kept:
            growing = was.elements == 0 or now.elements == 0
            if was.offset_bits != now.offset_bits or (
                was.size_bits != now.size_bits and not growing
            ):
                yield was, now

    @property
    def padding_before(self) -> frozenset[int]:
        """Byte offsets that the old record set aside by name, alternatives of a union left out."""
        return _padding_bytes(self.old)

    @property
    def padding_after(self) -> frozenset[int]:
        """Byte offsets that the new record sets aside by name."""
        return _padding_bytes(self.new)

    @property
    def added_bytes(self) -> frozenset[int]:
        """Byte offsets the added members cover, new alternatives of unions left out."""
        return frozenset(
            offset
            for member in self.added
            if not member.union
            for offset in range(member.offset, member.offset + member.size)
        )


def changes(old: Layouts, new: Layouts) -> Iterator[RecordChange]:
    """KVM's records that both trees have and whose members differ in any way."""
    before = kvm_records(old)
    for name, record in kvm_records(new).items():
        was = before.get(name)
        if was is None or shape(was) == shape(record):
            continue
        now = {member.path: member for member in record.members}
        then = {member.path: member for member in was.members}
        data = {member.path for member in leaves(record) if not is_padding(member)}
        yield RecordChange(
            old=was,
            new=record,
            kept=tuple(
                (member, now[path])
                for path, member in then.items()
                if path in now and not is_padding(member)
            ),
            removed=tuple(
                member
                for member in leaves(was)
                if member.path not in now and not is_padding(member)
            ),
            added=tuple(
                member for path, member in now.items() if path in data and path not in then
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A union with explicit padding that holds a struct: ``outer`` stays, the struct may grow."""

    outer: Record
    member: Member
    padding: Member

    @property
    def room(self) -> int:
        """Bytes the padding alternative sets aside."""
        return self.padding.size


def slots(layouts: Layouts, name: str) -> tuple[Slot, ...]:
    """Where ``struct name`` is an alternative of a union next to a padding member."""
    found: list[Slot] = []
    for record in kvm_records(layouts).values():
        for member in record.members:
            if member.record != name or not member.union:
                continue
            parent = member.path.rpartition(".")[0]
            found += [
                Slot(outer=record, member=member, padding=other)
                for other in record.members
                if other.path.rpartition(".")[0] == parent and other.union and is_padding(other)
            ]
    return tuple(found)


def overfull(record: Record) -> Iterator[tuple[Member, Member]]:
    """Alternatives of a union that are larger than its explicit padding, each with that padding."""
    for padding in record.members:
        if not (padding.union and is_padding(padding) and padding.elements):
            continue
        parent = padding.path.rpartition(".")[0]
        for member in record.members:
            if (
                member.union
                and member.path.rpartition(".")[0] == parent
                and member.offset_bits == padding.offset_bits
                and member.size > padding.size
            ):
                yield member, padding


def users(layouts: Layouts, name: str) -> tuple[Record, ...]:
    """Records with a member of type ``struct name`` (arrays included)."""
    return tuple(
        record
        for record in kvm_records(layouts).values()
        if any(member.record == name for member in record.members)
    )


def ioctls(constants: Mapping[str, Constant]) -> Mapping[str, int]:
    """KVM's ioctl numbers (type 0xAE) by name."""
    return {
        name: constant.value
        for name, constant in constants.items()
        if constant.value is not None
        and name.startswith("KVM_")
        and not name.startswith(("KVM_CAP_", "KVM_REG_"))
        and 0 <= constant.value < 1 << 32
        and (constant.value >> 8) & 0xFF == 0xAE
    }


def resized_ioctls(old: View, new: View, architecture: str) -> Mapping[str, tuple[int, int]]:
    """Ioctls whose number changed only in its size field: (old bytes, new bytes)."""
    before, after = (ioctls(view.constants(architecture)) for view in (old, new))
    rest = ~(0x3FFF << 16)
    return {
        name: ((was >> 16) & 0x3FFF, (after[name] >> 16) & 0x3FFF)
        for name, was in before.items()
        if name in after and after[name] != was and after[name] & rest == was & rest
    }


def _padding_bytes(record: Record) -> frozenset[int]:
    return frozenset(
        offset
        for member in leaves(record)
        if is_padding(member) and not member.union
        for offset in range(member.offset, member.offset + member.size)
    )
