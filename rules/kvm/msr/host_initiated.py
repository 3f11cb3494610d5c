# SPDX-License-Identifier: GPL-2.0-only
"""Userspace sets CPUID before MSRs, so host-initiated accesses are checked like the guest's.

What
----
New code does not exempt host-initiated accesses from a check of the guest's CPUID
(guest_cpuid_has(), guest_cpu_cap_has(), guest_can_use()).  Only in trees with kvm_do_msr_access(),
which lets userspace read, and write 0 to, every MSR that KVM advertises.

Why
---
With the exemption userspace may give a guest state of a feature that it does not have, and each such
MSR needs thought about what that state then does.  Since kvm_do_msr_access() nothing needs the
exemption: return KVM_MSR_RET_UNSUPPORTED.

Bad
---
::

    case MSR_IA32_XSS:
        if (!msr_info->host_initiated &&
            !guest_cpu_cap_has(vcpu, X86_FEATURE_XSAVES))
            return 1;

Good
----
::

    case MSR_IA32_XSS:
        if (!guest_cpu_cap_has(vcpu, X86_FEATURE_XSAVES))
            return KVM_MSR_RET_UNSUPPORTED;

When to ignore
--------------
Userspace that exists already restores the MSR before it sets CPUID.

What it does not see
--------------------
Checks of the vCPU's own state instead of its CPUID, checks that are kept in a variable, and bypasses of
KVM's capabilities (kvm_cpu_cap_has()).  Code that is only moved is no finding.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial

from reviewbot.rulekit import (
    Call,
    CFile,
    Condition,
    Confidence,
    Context,
    Fact,
    Finding,
    Problem,
    Severity,
    View,
    rule,
    several,
)

SOURCES = ("arch/x86/kvm/*.c",)
# 7.3 moved the function to msrs.c.
HOMES = ("arch/x86/kvm/msrs.c", "arch/x86/kvm/x86.c")
CENTRAL = b"int kvm_do_msr_access("
HOST = "host_initiated"
GUEST = ("guest_cpuid_has", "guest_cpu_cap_has", "guest_can_use")
FEATURE = "X86_FEATURE_"
HANDLER = "_msr"
LEAVES = ("return", "{ return", "break", "{ break", "goto")
REFERENCE = "https://lore.kernel.org/r/ZmocflXIH0UUsFzn@google.com"


@rule(code="KVM-MSR-007", severity=Severity.WARNING, confidence=Confidence.MEDIUM, touches=SOURCES)
def host_initiated(context: Context) -> Iterator[Finding | Fact]:
    """Exemptions that the base does not have, wherever they were moved to."""
    paths = context.changed_files(*SOURCES, words=(HOST,))
    if paths and any(CENTRAL in (context.base.read(home) or b"") for home in HOMES):
        found = context.introduced(partial(scan, paths=paths), touching=paths)
        yield from several(found, {" exempts ": " exempt "}, most=1)


def scan(view: View, paths: list[str]) -> Iterator[Problem]:
    """Every exemption in one tree's touched files."""
    seen: Counter[str] = Counter()
    for path in paths:
        if HOST.encode() not in (view.read(path) or b""):
            continue
        source = view.c(path)
        for name in GUEST:
            for call in source.calls(name):
                feature = call.arguments[-1] if call.arguments else ""
                if feature.startswith(FEATURE) and exempt(source, call):
                    seen[feature] += 1
                    yield _problem(call, feature, path, seen[feature])


def exempt(source: CFile, call: Call) -> bool:
    """Whether a call decides, for the guest only, if there is such an MSR.

    Sums of valid bits (vmx_get_supported_debugctl()) have exemptions that upstream keeps, so it must be
    an MSR function, and the check must lead straight out of it.
    """
    before = [each for each in source.conditions(call.function) if each.line <= call.line]
    tests = [each for each in before if f"{call.name}(" in each.text]
    own = max(tests, key=lambda each: each.line).text if tests else ""
    if HANDLER not in call.function or not own or "data" in words(own):
        return False
    text = source.functions[call.function].text
    leaves = any(f"if ({own}) {how}" in text for how in LEAVES)
    return leaves and (host_passes(own) or any(guest_only(each) for each in call.conditions))


def host_passes(text: str) -> bool:
    """Whether "!host && !guest_has(...)" or "host || guest_has(...)" is in a condition."""
    bare = text.replace(" ", "").replace("msr_info->", "").replace("msr->", "")
    return f"!{HOST}&&!guest_" in bare or f"{HOST}||guest_" in bare


def guest_only(condition: Condition) -> bool:
    """Whether a condition around the check is that the guest asks, and nothing else."""
    if words(condition.text)[-1:] != [HOST] or len(words(condition.text)) > len(("msr", HOST)):
        return False
    return condition.text.startswith("!") == (condition.kind == "if")


def words(text: str) -> list[str]:
    """Names in an expression."""
    marks = "!&|()=<>~,.-"
    return text.translate(str.maketrans(marks, " " * len(marks))).split()


def _problem(call: Call, feature: str, path: str, count: int) -> Problem:
    return Problem(
        key=(feature, count),
        title=f"{call.function}() exempts userspace from the check for {feature}",
        why=(
            f"Userspace may access this MSR although the guest's CPUID does not have {feature}.  KVM "
            "expects CPUID to be set before MSRs, and kvm_do_msr_access() already lets userspace "
            "read the MSRs that KVM advertises, and write 0 to them."
        ),
        fix=f"Check {feature} whoever asks, and return KVM_MSR_RET_UNSUPPORTED without it.",
        reference=REFERENCE,
        path=path,
        line=call.line,
    )
