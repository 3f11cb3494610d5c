# SPDX-License-Identifier: GPL-2.0-only
"""Userspace structs have no implicit holes and the same layout in 32 and 64 bits.

What
----
A struct that a series adds or changes in KVM's userspace headers has no bytes that only the compiler
put there, neither between members nor at its end, and every member has the same offset and size for
64-bit and 32-bit userspace.

Why
---
Nobody sets such bytes: the kernel may leak its stack through them and can never give them a meaning.
Where 32-bit and 64-bit layouts differ the ioctl number differs too, and 32-bit programs need a
compatibility handler that KVM does not have.

Bad
---
::

        struct kvm_tsc_state {
                __u32 flags;
                __u64 nsec;		/* at 8 on x86_64, at 4 on i386 */
                __u64 tsc;
        };

Good
----
::

        struct kvm_tsc_state {
                __u32 flags;
                __u32 pad;
                __u64 nsec;
                __u64 tsc;
        };

When to ignore
--------------
The struct is never copied as a whole, such as riscv's registers for KVM_SET_ONE_REG.

What it does not see
--------------------
Structs that only the kernel uses.  The end of an alternative of a union is not looked at: the union
has its own padding.  Holes that were there before are not reported, even when the struct changes.  A
struct that outgrows its ioctl number is KVM-ABI-002's.
"""

from collections.abc import Iterator

from reviewbot.rulekit import (
    KVM_HEADERS,
    Confidence,
    Context,
    Fact,
    Finding,
    Hole,
    Needs,
    Problem,
    Record,
    Severity,
    View,
    architectures,
    files_of,
    kvm_records,
    leaves,
    resized_ioctls,
    rule,
)

_REFERENCE = "Documentation/process/botching-up-ioctls.rst"


@rule(code="KVM-ABI-003", severity=Severity.WARNING, needs=Needs.BUILD, touches=KVM_HEADERS)
def implicit_hole(context: Context) -> Iterator[Finding | Fact]:
    """Holes of each tree; old ones are in the base too."""
    paths = [path for patch in context.series.patches for path in files_of(patch)]
    names = architectures(paths)
    yield from context.introduced(
        lambda view: scan(context.base, view, names), touching=KVM_HEADERS
    )


def scan(base: View, view: View, names: tuple[str, ...]) -> Iterator[Problem]:
    """All holes and all differences between x86_64 and i386, one of each a struct."""
    holed: set[tuple[str, str]] = set()
    grown: set[str] = set()
    for name in names:
        before = base.uapi(name).records
        for record in kvm_records(view.uapi(name)).values():
            was = before.get(record.name)
            if (
                was is not None
                and record.size > was.size
                and outgrown(base, view, name, was, record)
            ):
                grown.add(record.name)
                continue  # the new members have to go elsewhere, and their holes with them
            if record.packed or registers(record, name):
                continue
            for hole in record.holes:
                if (record.name, hole.after) not in holed and not in_union(record, hole):
                    holed.add((record.name, hole.after))
                    yield say(record, hole, name)
    if "i386" in names:
        yield from differing(view, grown | {record for record, _ in holed})


def outgrown(base: View, view: View, name: str, was: Record, record: Record) -> bool:
    """Whether an ioctl number has the size of a struct, so that KVM-ABI-002 says it can not grow.

    Only asked where it grew: the values of constants may not be had although the layouts are.
    """
    return (was.size, record.size) in resized_ioctls(base, view, name).values()


def registers(record: Record, architecture: str) -> bool:
    """The convention of riscv: structs of ``unsigned long`` that are read one register at a time."""
    return architecture == "riscv64" and any(m.type == "unsigned long" for m in record.members)


def in_union(record: Record, hole: Hole) -> bool:
    """The end of an alternative of a union: the bytes behind it belong to the union."""
    return hole.tail and any(
        member.path == hole.after and member.union for member in record.members
    )


def say(record: Record, hole: Hole, architecture: str) -> Problem:
    """One hole."""
    where = (
        f"at the end of {record.kind} {record.name}"
        if hole.tail
        else f"in {record.kind} {record.name}"
    )
    which, them = f"bytes {hole.offset} to {hole.offset + hole.size - 1}", "them"
    if hole.size == 1:
        which, them = f"byte {hole.offset}", "it"
    number = "1 byte" if hole.size == 1 else f"{hole.size} bytes"
    return Problem(
        key=(record.name, hole.after),
        title=f"{number} of implicit padding {where}, behind {hole.after}",
        why=f"The compiler leaves {which} unnamed ({architecture}). Userspace never sets "
        f"{them} and the kernel may leak its memory in {them}.",
        fix=f"Add `__u8 pad[{hole.size}];` there, and let KVM reject values other than zero.",
        reference=_REFERENCE,
        path=record.path,
        line=hole.line,
    )


def differing(view: View, said: set[str]) -> Iterator[Problem]:
    """Structs that 32-bit userspace sees differently, unless a hole was reported there already."""
    small = kvm_records(view.uapi("i386"))
    for name, record in kvm_records(view.uapi("x86_64")).items():
        other = small.get(name)
        if other is None or name in said:
            continue
        pairs = zip(leaves(record), leaves(other), strict=False)
        first = next(
            (
                (here, there)
                for here, there in pairs
                if (here.offset_bits, here.size_bits) != (there.offset_bits, there.size_bits)
            ),
            None,
        )
        if first is None and record.size == other.size:
            continue
        if first and first[0].record and first[0].offset_bits == first[1].offset_bits:
            continue  # the struct inside differs, and is said to
        what = f"{name}.{first[0].path}" if first else f"{record.kind} {name}"
        yield Problem(
            key=(name, "32"),
            title=f"{what} has another layout for 32-bit userspace",
            why=f"The struct has {record.size} bytes on x86_64 and {other.size} on i386, or its members lie "
            "elsewhere. A 32-bit program on a 64-bit kernel passes data that KVM reads wrongly.",
            fix="Use __u32, __u64 and explicit padding, so that every member is naturally aligned.",
            reference=_REFERENCE,
            path=record.path,
            line=first[0].line if first else record.line,
            confidence=Confidence.HIGH,
        )
