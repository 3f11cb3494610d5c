# SPDX-License-Identifier: GPL-2.0-only
"""A new flag is in the mask that its handler checks.

What
----
A new bit of a flags field is part of the mask that says which bits are valid (for instance
KVM_MSR_FILTER_VALID_MASK for KVM_MSR_FILTER_DEFAULT_*), wherever the tree defines that mask.

Why
---
KVM rejects every bit outside the mask with -EINVAL.  A flag that is not in it can not be used; and
when the handler was changed not to check, bits without a meaning are accepted for ever.

Bad
---
::

         #define KVM_MSR_EXIT_REASON_FILTER	(1 << 2)
        +#define KVM_MSR_EXIT_REASON_TRACE	(1 << 3)
         #define KVM_MSR_EXIT_REASON_VALID_MASK	(KVM_MSR_EXIT_REASON_INVAL | ...FILTER)

Good
----
::

        +#define KVM_MSR_EXIT_REASON_TRACE	(1 << 3)
         #define KVM_MSR_EXIT_REASON_VALID_MASK	(... | KVM_MSR_EXIT_REASON_TRACE)

When to ignore
--------------
The bit is only ever reported by the kernel and never accepted from userspace.

What it does not see
--------------------
Masks it does not know, handlers that list the bits themselves, bits that exclude each other, and
generic code that accepts a bit which only one architecture implements.
"""

from collections.abc import Iterator

from reviewbot.rulekit import (
    KVM_HEADERS,
    Constant,
    Context,
    Fact,
    Finding,
    Needs,
    Problem,
    Severity,
    View,
    matches,
    rule,
)

_MASKS = {
    "KVM_MSR_FILTER_VALID_MASK": ("KVM_MSR_FILTER_DEFAULT_",),
    "KVM_MSR_FILTER_RANGE_VALID_MASK": ("KVM_MSR_FILTER_READ", "KVM_MSR_FILTER_WRITE"),
    "KVM_MSR_EXIT_REASON_VALID_MASK": ("KVM_MSR_EXIT_REASON_",),
    "KVM_X2APIC_API_VALID_FLAGS": ("KVM_X2APIC_API_", "KVM_X2APIC_ENABLE_", "KVM_X2APIC_DISABLE_"),
    "KVM_BUS_LOCK_DETECTION_VALID_MODE": ("KVM_BUS_LOCK_DETECTION_",),
    "KVM_CAP_PMU_VALID_MASK": ("KVM_PMU_CAP_",),
    "KVM_PMU_EVENT_FLAGS_VALID_MASK": ("KVM_PMU_EVENT_FLAG_",),
    "KVM_X86_NOTIFY_VMEXIT_VALID_BITS": ("KVM_X86_NOTIFY_VMEXIT_",),
    "KVM_X86_DISABLE_VALID_EXITS": ("KVM_X86_DISABLE_EXITS_",),
    "KVM_GUESTDBG_VALID_MASK": ("KVM_GUESTDBG_",),
}
"""Masks that reject, and what the names of their bits start with.  Only those whose bits all come from
userspace: KVM_CLOCK_* for instance also has bits that only the kernel sets."""

_PLACES = (
    "arch/x86/include/uapi/asm/kvm.h",
    "include/uapi/linux/kvm.h",
    "arch/x86/include/asm/kvm_host.h",
    "arch/x86/kvm/x86.h",
    "arch/x86/kvm/x86.c",
    "include/linux/kvm_host.h",
)


@rule(code="KVM-ABI-006", severity=Severity.ERROR, needs=Needs.BUILD, touches=KVM_HEADERS)
def valid_mask(context: Context) -> Iterator[Finding | Fact]:
    """Masks and bits of each tree; gaps that were there before are in the base too."""
    words = (*_MASKS, *(prefix for prefixes in _MASKS.values() for prefix in prefixes))
    if not any(word in patch.diff for patch in context.series.patches for word in words):
        return  # nothing the series says is about these
    yield from context.introduced(scan, touching=(*KVM_HEADERS, *_PLACES))


def scan(view: View) -> Iterator[Problem]:
    """Every known bit that its mask lacks."""
    constants = view.constants("x86_64")
    bits = [c for c in constants.values() if c.value and matches(c.path, KVM_HEADERS)]
    for path in _PLACES:
        text = view.read(path) or b""
        names = [name for name in _MASKS if name.encode() in text]
        if not names:
            continue
        for name, mask in view.values(path, names).items():
            if mask is not None:
                yield from lacking(name, mask, bits)


def lacking(name: str, mask: int, bits: list[Constant]) -> Iterator[Problem]:
    """Bits of one mask that are not in it."""
    for bit in bits:
        if bit.value is None or not bit.name.startswith(_MASKS[name]) or bit.name in _MASKS:
            continue
        if bit.value & (bit.value - 1) == 0 and not bit.value & mask:
            yield Problem(
                key=(name, bit.name),
                title=f"{bit.name} is not in {name}",
                why=f"{name} is {mask:#x}, so a request with {bit.name} ({bit.value:#x}) is rejected with "
                "-EINVAL, or the check was lost and any bit is accepted.",
                fix=f"Add {bit.name} to {name} in the patch that implements it.",
                reference="Documentation/process/botching-up-ioctls.rst",
                path=bit.path,
                line=bit.line,
                missing=True,
            )
