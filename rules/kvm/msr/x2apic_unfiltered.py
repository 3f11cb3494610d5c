# SPDX-License-Identifier: GPL-2.0-only
"""kvm_msr_allowed() lets x2APIC MSRs pass, whatever filter userspace installed.

What
----
kvm_msr_allowed() goes on to return true for MSRs 0x800 to 0x8ff before it looks at the filter.

Why
---
x2APIC MSRs are passed through with APIC virtualization, where no filter can see them.  api.rst says
that filters which cover them are silently ignored; a kernel that sometimes honours them gives the
same filter two meanings.

Bad
---
::

    -    /* x2APIC MSRs do not support filtering. */
    -    if (index >= 0x800 && index <= 0x8ff)
    -        return true;

Good
----
Keep the check, by number or by a helper that names x2APIC.

When to ignore
--------------
The series changes the documented behaviour as well.

What it does not see
--------------------
A check that names x2APIC and tests something else.  Selftests that rely on such a filter.
"""

from collections.abc import Iterator

from reviewbot.rulekit import Context, Fact, Finding, Problem, Severity, View, rule

# 7.3 moved the function to msrs.c.
HOMES = ("arch/x86/kvm/msrs.c", "arch/x86/kvm/x86.c")
FUNCTION = "kvm_msr_allowed"
SIGNS = ("x2apic", "0x800", "apic_base_msr")
REFERENCE = (
    "Documentation/virt/kvm/api.rst, 4.97 KVM_X86_SET_MSR_FILTER: x2APIC MSR accesses cannot be "
    "filtered (KVM silently ignores filters that cover any x2APIC MSRs)"
)


@rule(code="KVM-MSR-005", severity=Severity.ERROR, touches=HOMES)
def x2apic_unfiltered(context: Context) -> Iterator[Finding | Fact]:
    """A function that had the check and lost it."""
    lines = context.changed_lines(*HOMES)
    if any(sign in line.lower() for line in lines for sign in (*SIGNS, FUNCTION)):
        yield from context.introduced(scan, touching=HOMES)


def scan(view: View) -> Iterator[Problem]:
    """The function without the check."""
    for home in HOMES:
        function = view.c(home).functions.get(FUNCTION) if view.exists(home) else None
        if function is None:
            continue
        conditions = view.c(home).conditions(FUNCTION)
        if any(sign in condition.text.lower() for condition in conditions for sign in SIGNS):
            continue
        yield Problem(
            key=FUNCTION,
            title=f"{FUNCTION}() filters x2APIC MSRs",
            why=(
                f"{FUNCTION}() no longer exempts MSRs 0x800-0x8ff.  With APIC virtualization the "
                "filter cannot be enforced for them, so it would hold on some hosts only."
            ),
            fix="Return true for x2APIC MSRs before looking at the filter.",
            reference=REFERENCE,
            path=home,
            line=function.line,
        )
