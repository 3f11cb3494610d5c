# SPDX-License-Identifier: GPL-2.0-only
"""What a guest may use is asked of the guest's and KVM's capabilities, not of the host's CPU.

What
----
New code in ``*_vcpu_after_set_cpuid()`` and in functions that recalculate intercepts does not decide by
boot_cpu_has(X86_FEATURE_*) whether the guest may access an MSR, but by kvm_cpu_cap_has() or
guest_cpu_cap_has(); and where the tree has guest_cpu_cap_has(), new code does not call
guest_cpuid_has().

Why
---
The host may have a feature that KVM does not virtualize, or that a module parameter turned off; the
guest's CPUID may claim one that KVM does not support.  Passing through MSRs on that ground lets the
guest at state that nobody saves.

Bad
---
::

    if (boot_cpu_has(X86_FEATURE_XFD))
        vmx_set_intercept_for_msr(vcpu, MSR_IA32_XFD_ERR, MSR_TYPE_R, ...);

Good
----
::

    if (kvm_cpu_cap_has(X86_FEATURE_XFD))
        vmx_set_intercept_for_msr(vcpu, MSR_IA32_XFD_ERR, MSR_TYPE_R,
                                  !guest_cpu_cap_has(vcpu, X86_FEATURE_XFD));

When to ignore
--------------
The question is about the host's behaviour (an erratum, what XSAVES saves), or about what the guest was
told although KVM does not support it.

What it does not see
--------------------
boot_cpu_has() in hardware setup, MSR handlers and elsewhere, where it is often right.  Commands, MSRs
that are only written (PRED_CMD, FLUSH_CMD), have no state, and features of the virtualization hardware
(V_SPEC_CTRL) no guest: upstream asks the host for both.  Code that is only moved.  Without the files, guest_cpuid_has().
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from reviewbot.rulekit import (
    MSR_CALLS,
    Call,
    CFile,
    Confidence,
    Context,
    Fact,
    Finding,
    Needs,
    Problem,
    Severity,
    View,
    fragments,
    rule,
)

SOURCES = ("arch/x86/kvm/*.c",)
# Where guest_cpu_cap_has() is, in trees that have it.
GUEST_HEADER = "arch/x86/kvm/cpuid.h"
HOST, GUEST, GUEST_CAP = "boot_cpu_has", "guest_cpuid_has", "guest_cpu_cap_has"
FEATURE = "X86_FEATURE_"
DECIDING = ("vcpu_after_set_cpuid", "intercept")
OLD = "set_msr_interception"
HARDWARE = "X86_FEATURE_V_"
REFERENCE = "https://lore.kernel.org/r/YdShTDdOQISmku2H@google.com"
GUEST_REFERENCE = "arch/x86/kvm/cpuid.h, guest_cpu_cap_has()"


@rule(
    code="KVM-MSR-010",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    needs=Needs.SERIES,
    touches=SOURCES,
)
def predicate(context: Context) -> Iterator[Finding | Fact]:
    """Questions that the base does not ask, wherever they were moved to."""
    if not context.steps:
        yield from from_mails(context)
        return
    paths = context.changed_files(*SOURCES, words=(f"{HOST}(", f"{GUEST}("))
    if paths:
        modern = GUEST_CAP.encode() in (context.base.read(GUEST_HEADER) or b"")
        yield from context.introduced(partial(scan, paths=paths, modern=modern), touching=paths)


def from_mails(context: Context) -> Iterator[Finding]:
    """Questions to the host in the mails' hunks, where nobody has the files."""
    known = ""
    for part in fragments(context.series, *SOURCES):
        known += part.known
        for call in part.source.calls(HOST):
            feature = call.arguments[-1] if call.arguments else ""
            new = call.line in part.added and f"{HOST}({feature})" not in known
            if new and feature.startswith(FEATURE) and decides(part.source, call):
                here = replace(call, line=part.added[call.line])
                unsure = replace(_problem(here, feature, part.path, 1), confidence=Confidence.LOW)
                yield from context.report(unsure, patch=part.patch.number)


def scan(view: View, paths: list[str], *, modern: bool) -> Iterator[Problem]:
    """Every such question of one tree's touched files."""
    seen: Counter[tuple[str, str]] = Counter()
    for path in paths:
        if not view.exists(path):
            continue
        source = view.c(path)
        calls = [call for call in source.calls(HOST) if decides(source, call)]
        calls += source.calls(GUEST) if modern else ()
        for call in calls:
            feature = call.arguments[-1] if call.arguments else ""
            if feature.startswith(FEATURE):
                seen[call.name, feature] += 1
                yield _problem(call, feature, path, seen[call.name, feature])


def decides(source: CFile, call: Call) -> bool:
    """Whether a question to the host decides that the guest may access an MSR with state."""
    feature = call.arguments[-1] if call.arguments else ""
    if not any(name in call.function for name in DECIDING) or feature.startswith(HARDWARE):
        return False
    return any(
        f"{HOST}({feature})" in condition.text
        for name in MSR_CALLS
        for each in source.calls(name, call.function)
        if not written_only(each)
        for condition in each.conditions
    )


def written_only(call: Call) -> bool:
    """Whether an intercept is that of a command, an MSR that nobody reads."""
    if call.name == OLD:
        return call.arguments[3:4] == ("0",)
    return "MSR_TYPE_W" in call.arguments


def _problem(call: Call, feature: str, path: str, count: int) -> Problem:
    if call.name == HOST:
        return Problem(
            key=(call.name, feature, count),
            title=f"{call.function}() asks the host for {feature}",
            why=(
                f"boot_cpu_has({feature}) is true on hosts where KVM does not support the feature.  "
                "What is set up for the guest must depend on what KVM can virtualize."
            ),
            fix=f"Use kvm_cpu_cap_has({feature}), or guest_cpu_cap_has() for the guest's view.",
            reference=REFERENCE,
            path=path,
            line=call.line,
        )
    return Problem(
        key=(call.name, feature, count),
        title=f"guest_cpuid_has({feature}) ignores what KVM supports",
        why=(
            "guest_cpuid_has() says what userspace put into CPUID, whether KVM supports it or not.  "
            "guest_cpu_cap_has() says what both have and is what new code uses."
        ),
        fix=f"Use guest_cpu_cap_has(vcpu, {feature}).",
        reference=GUEST_REFERENCE,
        path=path,
        line=call.line,
    )
