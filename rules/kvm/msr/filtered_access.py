# SPDX-License-Identifier: GPL-2.0-only
"""An MSR that the guest chooses is accessed through the helper that honours the MSR filter.

What
----
New code below arch/x86/kvm that accesses an MSR whose number is not a constant calls
kvm_{get,set}_msr_with_filter() (kvm_emulate_msr_{read,write}() since 6.19), not the variants that
skip KVM_X86_SET_MSR_FILTER.

Why
---
Userspace uses the filter to deny MSRs.  RDMSR, WRMSR and the VMX load/store lists are filtered; a new
way to reach an MSR of the guest's choice that is not would be a hole in that.

Bad
---
::

    if (kvm_set_msr(vcpu, e.index, e.value))

Good
----
::

    if (kvm_set_msr_with_filter(vcpu, e.index, e.value))

When to ignore
--------------
The access is a side effect of another instruction: api.rst says that those are not filtered.

What it does not see
--------------------
Constant MSRs (smm.c and EFER, PERF_GLOBAL_CTRL of nested VMX): these are side effects.  Accesses on
behalf of userspace, which have helpers of their own.  Raw writes to the MSR bitmaps.
"""

from collections import Counter
from collections.abc import Iterator

from reviewbot.rulekit import (
    Confidence,
    Context,
    Fact,
    Finding,
    Problem,
    Severity,
    View,
    rule,
)

SOURCES = ("arch/x86/kvm/*.c",)
HOMES = ("arch/x86/kvm/msrs.c", "arch/x86/kvm/x86.c")
# Filtered helper -> the one that skips the filter, by tree: the names changed in 6.19, and
# kvm_set_msr() of 6.12 must not be confused with 6.19's kvm_msr_write(), which is for userspace.
HELPERS = {
    "kvm_get_msr_with_filter": "kvm_get_msr",
    "kvm_set_msr_with_filter": "kvm_set_msr",
    "kvm_emulate_msr_read": "__kvm_emulate_msr_read",
    "kvm_emulate_msr_write": "__kvm_emulate_msr_write",
}
REFERENCE = (
    "Documentation/virt/kvm/api.rst, 4.97 KVM_X86_SET_MSR_FILTER: MSRs that are loaded/stored via "
    "VMX's load/store lists _are_ filtered"
)


@rule(code="KVM-MSR-004", severity=Severity.ERROR, confidence=Confidence.MEDIUM, touches=SOURCES)
def filtered_access(context: Context) -> Iterator[Finding | Fact]:
    """Unfiltered accesses that the base does not have, wherever they were moved to."""
    calls = tuple(f"{name}(" for name in HELPERS.values())
    if any(call in text for *_, text in context.added_lines(*SOURCES) for call in calls):
        files = context.changed_files(*SOURCES, words=calls)
        yield from context.introduced(lambda view: scan(view, files), touching=files)


def scan(view: View, paths: list[str]) -> Iterator[Problem]:
    """Every unfiltered access to a variable MSR in one tree's touched files."""
    pairs = known_helpers(view)
    seen: Counter[tuple[str, str]] = Counter()
    for path in paths:
        text = view.read(path) or b""
        for filtered, unfiltered in pairs.items():
            if unfiltered.encode() + b"(" not in text:
                continue
            for call in view.c(path).calls(unfiltered):
                if len(call.arguments) < 3 or constant(call.arguments[1]):
                    continue
                index = call.arguments[1].strip()
                seen[unfiltered, index] += 1
                yield Problem(
                    key=(unfiltered, index, seen[unfiltered, index]),
                    title=f"{unfiltered}() skips the MSR filter",
                    why=(
                        f"{call.function}() accesses MSR {index} with {unfiltered}(), which does not "
                        "ask the filter that userspace installed.  A guest that chooses the MSR "
                        "gets around the filter."
                    ),
                    fix=f"Call {filtered}(), or say in the changelog why this is a side effect.",
                    reference=REFERENCE,
                    path=path,
                    line=call.line,
                )


def known_helpers(view: View) -> dict[str, str]:
    """The pairs whose filtered half this tree defines."""
    return {
        filtered: unfiltered
        for filtered, unfiltered in HELPERS.items()
        for home in HOMES
        if view.exists(home) and filtered in view.c(home).functions
    }


def constant(index: str) -> bool:
    """Whether an MSR number is fixed at compile time."""
    text = index.strip()
    return text.startswith(("MSR_", "X2APIC_MSR(")) or text[:1].isdigit() or text.isupper()
