# SPDX-License-Identifier: GPL-2.0-only
"""struct vmcs12 keeps its revision and its offsets, and new fields are checked.

What
----
VMCS12_REVISION keeps its value, every member of struct vmcs12 keeps its offset and size, and every
new member has a CHECK_OFFSET() line with its offset.

Why
---
vmcs12 lies in guest memory and in the nested state that userspace migrates: a kernel that lays it out
otherwise, or names another revision, cannot take a guest hypervisor over from an older kernel.

Bad
---
::

        -#define VMCS12_REVISION 0x11e57ed0
        +#define VMCS12_REVISION 0x11e57ed1

Good
----
::

        -	u64 padding64[8];
        +	u64 injected_event_data;
        +	u64 padding64[7];
        ...
        +	CHECK_OFFSET(injected_event_data, 328);

When to ignore
--------------
The member has not been in a release yet.

What it does not see
--------------------
Fields that keep their place and change their meaning, and nested-vmx.rst's copy of the struct.  The
sizes of the nested state's data (KVM_STATE_NESTED_VMX_VMCS_SIZE) are KVM-ABI-009's.
"""

from collections.abc import Iterator

from reviewbot.rulekit import (
    Confidence,
    Context,
    Fact,
    Finding,
    HeadersUnreadableError,
    Member,
    Needs,
    Problem,
    Record,
    Severity,
    View,
    leaves,
    rule,
)

_PATH = "arch/x86/kvm/vmx/vmcs12.h"
_HDR = "arch/x86/kvm/vmx/vmcs.h"  # struct vmcs_hdr, the first member
_REVISION = "VMCS12_REVISION"
_REFERENCE = (
    "arch/x86/kvm/vmx/vmcs12.h: For save/restore compatibility, the vmcs12 field offsets must not "
    "change, although appending fields and/or filling gaps is obviously allowed"
)


@rule(code="KVM-ABI-012", severity=Severity.ERROR, needs=Needs.BUILD, touches=(_PATH,))
def vmcs12_layout(context: Context) -> Iterator[Finding | Fact]:
    """Compare each tree with the base."""
    if context.base.exists(_PATH):
        yield from context.introduced(lambda view: scan(context.base, view), touching=(_PATH, _HDR))


def scan(old: View, new: View) -> Iterator[Problem]:
    """The revision, the first member that moved, and new members without a check."""
    if not new.exists(_PATH):
        return
    yield from revision(old, new)
    before, after = vmcs12(old), vmcs12(new)
    if before is None or after is None:
        return
    yield from first_moved(before, after)
    yield from unchecked(before, after, new)


def vmcs12(view: View) -> Record | None:
    """The struct's layout, None where the tree has no such struct."""
    layouts = view.internal(*(path for path in (_HDR, _PATH) if view.exists(path)))
    if reason := layouts.broken.get("vmcs12"):
        raise HeadersUnreadableError(f"struct vmcs12 {view.label}: {reason}")
    return layouts.records.get("vmcs12")


def revision(old: View, new: View) -> Iterator[Problem]:
    """Another value of VMCS12_REVISION."""
    was, now = (view.values(_PATH, (_REVISION,)).get(_REVISION) for view in (old, new))
    if was is None or now == was or not new.c(_PATH).macros.get(_REVISION):
        return
    macro = new.c(_PATH).macros[_REVISION]
    yield Problem(
        key=_REVISION,
        title=f"{_REVISION} changes from {was:#x} to {macro.value}",
        why="KVM tells L1 the revision in MSR_IA32_VMX_BASIC and checks it at VMPTRLD. VMCSs of a guest that "
        "is migrated from an older kernel are rejected.",
        fix=f"Keep it at {was:#x}.",
        reference="https://lore.kernel.org/r/Zms6jkwA9PfvXCGv@google.com",
        path=_PATH,
        line=macro.line,
    )


def first_moved(before: Record, after: Record) -> Iterator[Problem]:
    """The first member that is elsewhere, of another size or gone; those behind it follow from it."""
    for was in leaves(before):
        now = after.member(was.path)
        if filler(was) or (
            now is not None and (now.offset_bits, now.size_bits) == (was.offset_bits, was.size_bits)
        ):
            continue
        if now is None:
            what = f"is no longer at offset {was.offset}"
        elif now.offset_bits == was.offset_bits:
            what = f"changes from {was.size} to {now.size} bytes"
        else:
            what = f"moves from offset {was.offset} to {now.offset}"
        yield Problem(
            key="layout",
            title=f"vmcs12.{was.path} {what}",
            why="vmcs12 is in guest memory and in migrated nested state. Another kernel reads the wrong "
            "fields of it.",
            fix="Append new fields, or take them out of the padding.",
            reference=_REFERENCE,
            path=_PATH,
            line=now.line if now else 0,
            removed="" if now else was.name,
        )
        return


def unchecked(before: Record, after: Record, new: View) -> Iterator[Problem]:
    """New members that no CHECK_OFFSET() names, where the tree has such checks."""
    checks = new.c(_PATH).calls("CHECK_OFFSET")
    checked = {check.arguments[0] for check in checks if check.arguments}
    for member in leaves(after):
        known = before.member(member.path) is not None
        if known or filler(member) or not checks or member.path in checked:
            continue
        yield Problem(
            key=("check", member.path),
            title=f"vmcs12.{member.path} has no CHECK_OFFSET()",
            why="The build checks the offset of every other field, because they may never change. Nothing "
            f"keeps `{member.path}` where it is.",
            fix=f"Add `CHECK_OFFSET({member.path}, {member.offset});` to vmx_check_vmcs12_offsets().",
            reference=_REFERENCE,
            path=_PATH,
            line=member.line,
            missing=True,
            severity=Severity.WARNING,
            confidence=Confidence.HIGH,
        )


def filler(member: Member) -> bool:
    """Reserved bytes: padding, padding64, paddingl."""
    return member.name.startswith("padding")
