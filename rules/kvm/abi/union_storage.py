# SPDX-License-Identifier: GPL-2.0-only
"""An alternative of a padded union fits into the padding.

What
----
Where a union of the KVM userspace headers has a padding member that fixes its size (256 bytes for the
exits of struct kvm_run, 120 for the headers of struct kvm_nested_state, 32 for struct
kvm_irq_routing_entry), no other member is larger than it.

Why
---
The padding promises userspace how large the union is.  A larger member moves everything behind the
union, or changes the size of the struct and with it the ioctl's number.

Bad
---
::

        /* KVM_EXIT_SNAPSHOT, in the union that `char padding[256]` pads */
        struct {
                __u64 regs[33];		/* 264 bytes */
        } snapshot;

Good
----
::

        struct {
                __u64 size;
                __u64 address;		/* of the registers */
        } snapshot;

When to ignore
--------------
The struct has not been in a release yet; then make its padding larger as well.

What it does not see
--------------------
Alternatives of one union that are valid at the same time, and members of an anonymous struct within
the union that begin in the padding and end behind it.
"""

from collections.abc import Iterator

from reviewbot.rulekit import (
    KVM_HEADERS,
    Context,
    Fact,
    Finding,
    Needs,
    Problem,
    Severity,
    View,
    architectures,
    files_of,
    kvm_records,
    overfull,
    rule,
)


@rule(code="KVM-ABI-010", severity=Severity.ERROR, needs=Needs.BUILD, touches=KVM_HEADERS)
def union_storage(context: Context) -> Iterator[Finding | Fact]:
    """Unions of each tree; what was too large before is in the base too."""
    paths = [path for patch in context.series.patches for path in files_of(patch)]
    names = architectures(paths)
    yield from context.introduced(lambda view: scan(view, names), touching=KVM_HEADERS)


def scan(view: View, names: tuple[str, ...]) -> Iterator[Problem]:
    """Every member that is larger than the padding beside it, once for all architectures."""
    seen: set[tuple[str, str]] = set()
    for name in names:
        for record in kvm_records(view.uapi(name)).values():
            for member, padding in overfull(record):
                if (record.name, member.path) in seen:
                    continue
                seen.add((record.name, member.path))
                yield Problem(
                    key=(record.name, member.path),
                    title=f"`{member.path}` of {record.kind} {record.name} has {member.size} bytes, its union "
                    f"has {padding.size}",
                    why=f"`{padding.path}` fixes the size of the union for userspace. With the larger member "
                    "everything behind the union moves, or the struct grows and its ioctl's number changes.",
                    fix=f"Keep it within {padding.size} bytes, for instance with a pointer to the data.",
                    reference="Documentation/virt/kvm/api.rst: Fix the size of the union",
                    path=record.path,
                    line=member.line,
                )
