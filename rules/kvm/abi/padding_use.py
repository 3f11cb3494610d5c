# SPDX-License-Identifier: GPL-2.0-only
"""A new member of a userspace struct is paid for from padding.

What
----
When a struct or union of the KVM userspace headers gains a member, every struct keeps its size and
the bytes come out of a member named pad, padding, reserved, rsvd or unused, of the tail of a union
with a larger padding member, or of a hole.  When that is done right, a fact says how much was used.

Why
---
Userspace allocates these structs, and their size is part of the ioctl number: a larger struct means
that the kernel writes beyond what old userspace allocated, or that the ioctl no longer exists for it.

Bad
---
::

        struct kvm_svm_nested_state_hdr {
                __u64 vmcb_pa;
                __u64 gpat;
                __u8 more[112];		/* larger than the 120 bytes of hdr.pad */
        };

Good
----
::

        -	__u32 pad[4];
        +	__u64 gpat;
        +	__u32 pad[2];

When to ignore
--------------
The struct is not an ioctl argument and not part of one, or its size travels in a field that the
kernel checks before it reads or writes the new member.

What it does not see
--------------------
Whether the kernel already gave the padding a meaning, or rejects values other than zero in it
(KVM-ABI-005).  Structs outside the KVM headers.  Structs that end in a flexible array may grow by
elements, never by members.
"""

from collections.abc import Iterator

from reviewbot.rulekit import (
    KVM_HEADERS,
    Confidence,
    Context,
    Fact,
    Finding,
    Needs,
    Problem,
    RecordChange,
    Severity,
    Slot,
    Verified,
    View,
    architectures,
    changes,
    files_of,
    leaves,
    overfull,
    resized_ioctls,
    rule,
    slots,
    users,
)


@rule(code="KVM-ABI-002", severity=Severity.ERROR, needs=Needs.BUILD, touches=KVM_HEADERS)
def padding_use(context: Context) -> Iterator[Finding | Fact]:
    """Compare each tree with the base, on every architecture whose headers change."""
    paths = [path for patch in context.series.patches for path in files_of(patch)]
    names = architectures(paths)
    yield from context.introduced(
        lambda view: scan(context.base, view, names), touching=KVM_HEADERS
    )


def scan(old: View, new: View, names: tuple[str, ...]) -> Iterator[Problem | Verified]:
    """Growth that nothing pays for, and growth that padding pays for."""
    seen: set[str] = set()
    for name in names:
        before, after = old.uapi(name), new.uapi(name)
        for change in changes(before, after):
            if change.old.name in seen or not change.added:
                continue
            if any(change.moved) or change.removed:
                continue  # KVM-ABI-001 says so
            said = grown(change, old, new, name) or paid(change, old, new, names)
            if said is not None:
                seen.add(change.old.name)
                yield said


def grown(change: RecordChange, old: View, new: View, name: str) -> Problem | Verified | None:
    """What to say about a struct that is larger than before; None when it is not."""
    record, was = change.new, change.old
    if record.size <= was.size or in_one_reg(change, name):
        return None
    before, after = old.uapi(name), new.uapi(name)
    if any(any(overfull(slot.outer)) for slot in slots(after, record.name)):
        return None  # KVM-ABI-010 says so
    places = [
        slot
        for slot in slots(after, record.name)
        if slot.outer.name in before.records
        and before.records[slot.outer.name].size == slot.outer.size
    ]
    if places and len(places) == len(users(after, record.name)):
        return absorbed(change, places[0], new)
    first = change.added[0]
    numbers = [
        ioctl
        for ioctl, sizes in resized_ioctls(old, new, name).items()
        if sizes == (was.size, record.size)
    ]
    if numbers:
        consequence = (
            f"{numbers[0]} encodes the size of the struct: its number changes, and programs built "
            "with the old header get an error from a new kernel."
        )
    else:
        consequence = (
            "A program built with the old header passes a smaller struct, and the kernel reads or "
            "writes beyond it."
        )
    spare = len(change.padding_before)
    return Problem(
        key=record.name,
        title=f"{record.kind} {record.name} grows from {was.size} to {record.size} bytes",
        why=f"`{first.path}` is added at offset {first.offset} and no padding pays for it. {consequence}",
        fix=f"Take it from the {spare} bytes of padding the struct has."
        if spare >= len(change.added_bytes)
        else "Define a new struct (with padding) and a new ioctl or attribute for it.",
        reference="Documentation/process/botching-up-ioctls.rst",
        path=record.path,
        line=first.line,
        severity=None if numbers else Severity.WARNING,
        confidence=None if numbers else Confidence.MEDIUM,
    )


def in_one_reg(change: RecordChange, name: str) -> bool:
    """Register structs of riscv are read register by register; they may grow at the end."""
    return name == "riscv64" and all(
        member.type == "unsigned long" for member in leaves(change.new)
    )


def absorbed(change: RecordChange, slot: Slot, new: View) -> Verified:
    """A struct that grew inside a union with explicit padding."""
    record, was = change.new, change.old
    room, used = slot.room - was.size, record.size - was.size
    last = leaves(was)[-1].path if leaves(was) else "the start"
    sizes = stays(slot.outer.name, new, ("x86_64", "i386"))
    return Verified(
        key=("paid", record.name, used),
        text=f"{used} of the {room} bytes of padding behind {last} are used, {room - used} left, "
        f"{slot.outer.kind} {slot.outer.name} stays {sizes}",
        path=record.path,
        line=change.added[0].line,
    )


def paid(change: RecordChange, old: View, new: View, names: tuple[str, ...]) -> Verified | None:
    """A struct of the same size whose new members lie where padding was."""
    record, was = change.new, change.old
    used = change.added_bytes & change.padding_before
    if record.size != was.size or not used or used != change.added_bytes:
        return None
    for name in names:
        other, others = old.uapi(name).records.get(was.name), new.uapi(name).records.get(was.name)
        if other is None or others is None or other.size != others.size:
            return None
    had = len(change.padding_before)
    left = len(change.padding_after & change.padding_before)
    return Verified(
        key=("paid", record.name, len(used)),
        text=f"{len(used)} of the {had} bytes of padding in {record.kind} {record.name} are used, "
        f"{left} left, it stays {stays(record.name, new, names)}",
        path=record.path,
        line=change.added[0].line,
    )


def stays(record: str, view: View, names: tuple[str, ...]) -> str:
    """The size as in: 128 bytes on x86_64 and i386."""
    sizes: dict[int, list[str]] = {}
    for name in names:
        found = view.uapi(name).records.get(record)
        if found is not None:
            sizes.setdefault(found.size, []).append(name)
    return " and ".join(f"{size} bytes on {' and '.join(on)}" for size, on in sizes.items())
