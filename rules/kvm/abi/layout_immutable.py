# SPDX-License-Identifier: GPL-2.0-only
"""Members of existing userspace structs stay where they are.

What
----
Every member of a struct or union that KVM's userspace headers already define keeps its offset, its
size and its bit position; no member or struct disappears; a struct without new members keeps its size.
x86 headers are compared for 64-bit and 32-bit userspace.

Why
---
Programs built with the old header go on using the old offsets.  They then read and write other data
than the kernel does, and nothing tells them.

Bad
---
::

         struct kvm_pit_config {
        +	__u32 mode;		/* everything below moves by four bytes */
                __u32 flags;
        -	__u32 pad[15];
        +	__u32 pad[14];
         };

Good
----
::

         struct kvm_pit_config {
                __u32 flags;
        +	__u32 mode;
        -	__u32 pad[15];
        +	__u32 pad[14];
         };

When to ignore
--------------
The struct has not been in a release yet.

What it does not see
--------------------
A member that keeps its place and changes its meaning.  Structs outside the KVM headers, and those
that userspace can not compile.  Padding (members named pad, reserved, ...) may shrink, move and go.
Growth by new members is KVM-ABI-002; overlapping alternatives of a union are not looked at.
"""

from collections.abc import Iterator

from reviewbot.rulekit import (
    KVM_HEADERS,
    Confidence,
    Context,
    Fact,
    Finding,
    Member,
    Needs,
    Problem,
    Record,
    RecordChange,
    Severity,
    View,
    architectures,
    changes,
    defined_anywhere,
    files_of,
    kvm_records,
    overfull,
    rule,
    several,
    shape,
)

_REFERENCE = "Documentation/process/botching-up-ioctls.rst"


@rule(code="KVM-ABI-001", severity=Severity.ERROR, needs=Needs.BUILD, touches=KVM_HEADERS)
def layout_immutable(context: Context) -> Iterator[Finding | Fact]:
    """Compare each tree with the base, on every architecture whose headers change."""
    paths = [path for patch in context.series.patches for path in files_of(patch)]
    names = architectures(paths)
    found = context.introduced(lambda view: scan(context.base, view, names), touching=KVM_HEADERS)
    yield from several(found, {" is no longer": " are no longer", " gets its 64": " get their 64"})


def scan(old: View, new: View, names: tuple[str, ...]) -> Iterator[Problem]:
    """One problem a struct: the first member that moved says it all."""
    seen: set[str] = set()
    for name in names:
        before, after = old.uapi(name), new.uapi(name)
        for was in kvm_records(before).values():
            known = was.name in after.records or was.name in after.broken
            if not known and was.name not in seen and not defined_anywhere(new, was.name):
                seen.add(was.name)
                yield gone(was)
        changed = list(changes(before, after))
        resized = {c.old.name for c in changed if c.old.size != c.new.size}
        for change in changed:
            if change.old.name in seen or any(overfull(change.new)):
                continue  # KVM-ABI-010 says why it moves
            problem = judge(change, after.defined, resized, name)
            if problem is not None:
                seen.add(change.old.name)
                yield mended(change) if name == "i386" and alike(change, new) else problem


def gone(was: Record) -> Problem:
    """A struct that is no longer there.  Dead interfaces are removed at times, so this is a warning."""
    return Problem(
        key=was.name,
        title=f"{was.kind} {was.name} is no longer defined",
        why="Programs that use it no longer compile, and the names of an existing interface are part of it.",
        fix=f"Keep {was.kind} {was.name} in the header, even if KVM itself no longer uses it.",
        reference=_REFERENCE,
        removed=was.name,
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
    )


def alike(change: RecordChange, new: View) -> bool:
    """Whether the change only gives 32-bit userspace the layout that 64-bit userspace always had."""
    other = new.uapi("x86_64").records.get(change.new.name)
    return other is not None and shape(other) == shape(change.new)


def mended(change: RecordChange) -> Problem:
    """Explicit padding where the compiler had put it for 64 bits (and not for 32)."""
    record = change.new
    return Problem(
        key=record.name,
        title=f"{record.name} gets its 64-bit layout for 32-bit userspace as well",
        why="For 64-bit programs nothing changes. A 32-bit program built with the old header uses the old "
        "layout, which KVM never understood on a 64-bit kernel.",
        fix="Say in the changelog that 32-bit userspace is affected.",
        reference=_REFERENCE,
        path=record.path,
        line=record.line,
        severity=Severity.NOTE,
        confidence=Confidence.MEDIUM,
    )


def judge(
    change: RecordChange, macros: frozenset[str], resized: set[str], architecture: str
) -> Problem | None:
    """The one thing to say about a changed struct, or None."""
    record, was = change.new, change.old
    for then, now in change.moved:
        if then.record in resized and then.offset_bits == now.offset_bits:
            continue  # its own struct grew: blame that one
        return moved(record, then, now, architecture)
    for member in change.removed:
        if member.name not in macros:  # "#define old new" keeps programs compiling
            return removed(change, member)
    if (
        record.size != was.size
        and not change.added
        and not any(member.record in resized for member in record.members)
    ):
        return Problem(
            key=record.name,
            title=f"{record.kind} {record.name} changes from {was.size} to {record.size} bytes",
            why="The size of the struct is part of the interface, and of the ioctl numbers built from it.",
            fix=f"Keep it at {was.size} bytes.",
            reference=_REFERENCE,
            path=record.path,
            line=record.line,
        )
    return None


def moved(record: Record, then: Member, now: Member, architecture: str) -> Problem:
    """A member at another place or of another size."""
    if then.offset_bits == now.offset_bits:
        what = f"changes from {then.size} to {now.size} bytes"
    elif then.bit_field or now.bit_field:
        what = f"moves from bit {then.offset_bits} to bit {now.offset_bits}"
    else:
        what = f"moves from offset {then.offset} to {now.offset}"
    return Problem(
        key=record.name,
        title=f"{record.name}.{then.path} {what} ({architecture})",
        why="Programs built with the old header use the old layout. They and the kernel then read each "
        "other's data wrongly, without an error.",
        fix="Add new members behind the existing ones, in place of padding.",
        reference=_REFERENCE,
        path=record.path,
        line=now.line,
    )


def removed(change: RecordChange, member: Member) -> Problem:
    """A member that is gone or has a new name; at the same place it is a rename."""
    record = change.new
    heir = next(
        (
            new
            for new in change.added
            if (new.offset_bits, new.size_bits) == (member.offset_bits, member.size_bits)
        ),
        None,
    )
    if heir is not None:
        return Problem(
            key=record.name,
            title=f"{record.name}.{member.path} is renamed to {heir.path}",
            why="The layout stays, but programs that use the old name no longer compile.",
            fix="Keep the old name, for instance as an alternative of an anonymous union.",
            reference=_REFERENCE,
            path=record.path,
            line=heir.line,
            severity=Severity.WARNING,
            confidence=Confidence.MEDIUM,
        )
    # kvm_para.h is about guest memory: no ioctl number has the size of its structs, and what stands last
    # moves nothing. kvm_vcpu_pv_apf_data.enabled went that way, the guest kernel kept it for itself.
    lonely = record.path.endswith("kvm_para.h") and member.offset >= record.size
    return Problem(
        key=record.name,
        title=f"{record.name}.{member.path} is removed",
        why="Programs that use the member no longer compile, and the kernel no longer reads or fills it.",
        fix="Keep the member; give it a defined value when KVM has no use for it.",
        reference=_REFERENCE,
        path=record.path,
        line=record.line,
        severity=Severity.WARNING if lonely else None,
        confidence=Confidence.MEDIUM if lonely else None,
    )
