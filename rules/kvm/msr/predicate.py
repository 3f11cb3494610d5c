# SPDX-License-Identifier: GPL-2.0-only
"""What a guest may use is asked of the guest's and KVM's capabilities, not of the host's CPU.

What
----
New code in ``*_vcpu_after_set_cpuid()`` and in functions that recalculate intercepts does not decide by
boot_cpu_has(X86_FEATURE_*), or by cpu_feature_enabled(), whether the guest may access an MSR, but by
kvm_cpu_cap_has() or guest_cpu_cap_has(); and where the tree has guest_cpu_cap_has(), new code does not
call guest_cpuid_has() (a note where most of the tree still does).

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
    several,
)

SOURCES = ("arch/x86/kvm/*.c",)
# Where guest_cpu_cap_has() is, in trees that have it.
GUEST_HEADER = "arch/x86/kvm/cpuid.h"
HOST = ("boot_cpu_has", "cpu_feature_enabled", "static_cpu_has")
GUEST, GUEST_CAP = "guest_cpuid_has", "guest_cpu_cap_has"
# Where it is used most: 6.12 has a third of the calls converted, 6.19 all.
USERS = ("arch/x86/kvm/x86.c", "arch/x86/kvm/vmx/vmx.c", "arch/x86/kvm/svm/svm.c")
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
    paths = context.changed_files(*SOURCES, words=tuple(f"{name}(" for name in (*HOST, GUEST)))
    if paths:
        guest = guest_severity(context.base)
        found = context.introduced(partial(scan, paths=paths, guest=guest), touching=paths)
        yield from several(found, {" ignores ": " ignore "}, most=1)


def guest_severity(view: View) -> Severity | None:
    """How bad guest_cpuid_has() is in a tree: None without an alternative, a note where few use it."""
    if GUEST_CAP.encode() not in (view.read(GUEST_HEADER) or b""):
        return None
    texts = [view.read(path) or b"" for path in USERS]
    old, new = (sum(text.count(name.encode()) for text in texts) for name in (GUEST, GUEST_CAP))
    return Severity.WARNING if new > old else Severity.NOTE


def from_mails(context: Context) -> Iterator[Finding]:
    """Questions to the host in the mails' hunks, where nobody has the files."""
    known = ""
    for part in fragments(context.series, *SOURCES):
        known += part.known
        for call in (call for name in HOST for call in part.source.calls(name)):
            feature = call.arguments[-1] if call.arguments else ""
            new = call.line in part.added and not any(
                f"{name}({feature})" in known for name in HOST
            )
            if new and decides(part.source, call):
                here = replace(call, line=part.added[call.line])
                unsure = replace(_host(here, feature, part.path, 1), confidence=Confidence.LOW)
                yield from context.report(unsure, patch=part.patch.number)


def scan(view: View, paths: list[str], *, guest: Severity | None) -> Iterator[Problem]:
    """Every such question of one tree's touched files."""
    seen: Counter[tuple[bool, str]] = Counter()
    for path in paths:
        if not view.exists(path):
            continue
        source = view.c(path)
        calls = [call for name in HOST for call in source.calls(name) if decides(source, call)]
        calls += source.calls(GUEST) if guest else ()
        for call in calls:
            feature = call.arguments[-1] if call.arguments else ""
            if feature.startswith(FEATURE):
                key = (call.name in HOST, feature)
                seen[key] += 1
                if call.name in HOST:
                    yield _host(call, feature, path, seen[key])
                else:
                    yield replace(_guest(call, feature, path, seen[key]), severity=guest)


def decides(source: CFile, call: Call) -> bool:
    """Whether a question to the host decides that the guest may access an MSR with state."""
    feature = call.arguments[-1] if call.arguments else ""
    deciding = any(name in call.function for name in DECIDING)
    if not deciding or not feature.startswith(FEATURE) or feature.startswith(HARDWARE):
        return False
    return any(
        f"{call.name}({feature})" in condition.text
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


def _host(call: Call, feature: str, path: str, count: int) -> Problem:
    return Problem(
        key=("host", feature, count),
        title=f"{call.function}() asks the host for {feature}",
        why=(
            f"{call.name}({feature}) is true on hosts where KVM does not support the feature.  "
            "What is set up for the guest must depend on what KVM can virtualize."
        ),
        fix=f"Use kvm_cpu_cap_has({feature}), or guest_cpu_cap_has() for the guest's view.",
        reference=REFERENCE,
        path=path,
        line=call.line,
    )


def _guest(call: Call, feature: str, path: str, count: int) -> Problem:
    return Problem(
        key=("guest", feature, count),
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
