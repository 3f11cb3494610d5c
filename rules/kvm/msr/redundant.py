# SPDX-License-Identifier: GPL-2.0-only
"""Nothing is done for MSRs that KVM intercepts anyway.

What
----
A call that enables the interception of a named MSR is only there if some other call disables it; and an
MSR that is added to vmx_possible_passthrough_msrs[] or direct_access_msrs[] is passed through somewhere.

Why
---
KVM starts with everything intercepted, and filters only ever add to that.  Enabling what is never
disabled, or listing what is never passed through, is work on every update that changes nothing, and
makes readers look for the other half.

Bad
---
::

    +    vmx_enable_intercept_for_msr(vcpu, MSR_ARCH_PERFMON_EVENTSEL0 + i, MSR_TYPE_RW);

and no call that disables it.

Good
----
::

    /* Event selectors are always intercepted: nothing to do. */

When to ignore
--------------
A series that follows passes the MSR through.

What it does not see
--------------------
Calls whose MSR is a variable.  It is silent about lists when the series adds such a call.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from reviewbot.rulekit import (
    Call,
    Context,
    Fact,
    Finding,
    Problem,
    Severity,
    View,
    rule,
)

REFERENCE = "https://lore.kernel.org/r/aCc_AMOUiw69SiQr@google.com"
LISTED = "https://lore.kernel.org/r/aCc_Xh4hSCL4eVV8@google.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """Names by which one vendor's code changes intercepts; trees have some of them each.

    ``calls`` gives the position of the MSR.
    """

    directory: str
    home: str
    table: str
    calls: tuple[tuple[str, int], ...]


VENDORS = (
    Vendor(
        directory="arch/x86/kvm/vmx/",
        home="arch/x86/kvm/vmx/vmx.c",
        table="vmx_possible_passthrough_msrs",
        calls=(
            ("vmx_enable_intercept_for_msr", 1),
            ("vmx_disable_intercept_for_msr", 1),
            ("vmx_set_intercept_for_msr", 1),
        ),
    ),
    Vendor(
        directory="arch/x86/kvm/svm/",
        home="arch/x86/kvm/svm/svm.c",
        table="direct_access_msrs",
        calls=(
            ("svm_enable_intercept_for_msr", 1),
            ("svm_disable_intercept_for_msr", 1),
            ("svm_set_intercept_for_msr", 1),
            ("set_msr_interception", 2),
        ),
    ),
)
SOURCES = tuple(f"{vendor.directory}*.[ch]" for vendor in VENDORS)


@rule(code="KVM-MSR-011", severity=Severity.NOTE, touches=SOURCES)
def redundant(context: Context) -> Iterator[Finding | Fact]:
    """Calls and elements that the series adds, judged at the tip."""
    text = "\n".join(context.changed_lines(*SOURCES))
    for vendor in VENDORS:
        names = [name for name, _ in vendor.calls]
        if "MSR_" in text and any(word in text for word in (*names, vendor.table, "MSR_")):
            yield from context.introduced(
                partial(scan, vendor=vendor, base=context.base),
                touching=(f"{vendor.directory}*",),
            )


def scan(view: View, vendor: Vendor, base: View) -> Iterator[Problem]:
    """Calls that change nothing, and elements that no call passes through."""
    calls = list(intercepts(view, vendor))
    passed = {msr for _, call, msr in calls if msr and not enables(call)}
    passed |= always_passed(view, vendor)
    if unnamed(calls) - unnamed(intercepts(base, vendor)):
        return
    for path, call, msr in calls:
        if msr and enables(call) and msr not in passed:
            yield Problem(
                key=("call", msr),
                title=f"{msr} is intercepted in any case",
                why=(
                    f"{call.function}() enables the interception of {msr}, which no code ever "
                    "disables: KVM starts with all MSRs intercepted."
                ),
                fix="Drop the call.",
                reference=REFERENCE,
                path=path,
                line=call.line,
            )
    for text, line in elements(view, vendor):
        msr = named(text)
        if msr and msr not in passed:
            yield Problem(
                key=("list", msr),
                title=f"{msr} is in {vendor.table}[] and never passed through",
                why=(
                    f"The list holds what guests may access directly; no code disables the "
                    f"interception of {msr}."
                ),
                fix=f"Leave {msr} out of {vendor.table}[].",
                reference=LISTED,
                path=vendor.home,
                line=line,
                missing=True,
            )


def intercepts(view: View, vendor: Vendor) -> Iterator[tuple[str, Call, str]]:
    """Every call that changes an intercept: path, call, MSR ("" for variables)."""
    for suffix in (".c", ".h"):
        for path in view.paths(vendor.directory, suffix):
            data = view.read(path) or b""
            for name, position in vendor.calls:
                for call in view.c(path).calls(name) if name.encode() in data else ():
                    if len(call.arguments) > position and call.function:
                        yield path, call, named(call.arguments[position])


def unnamed(
    calls: Iterator[tuple[str, Call, str]] | list[tuple[str, Call, str]],
) -> set[str]:
    """Texts of calls whose MSR has no name and that may pass it through."""
    return {
        " ".join(call.arguments)
        for _, call, msr in calls
        if not msr and not enables(call) and not any("X2APIC_MSR(" in a for a in call.arguments)
    }


def enables(call: Call) -> bool:
    """Whether a call can only ever intercept."""
    if call.name == "set_msr_interception":
        return call.arguments[-2:] == ("0", "0")
    return "_enable_" in call.name or call.arguments[-1] in {"true", "1"}


def named(text: str) -> str:
    """The first MSR_ name of an argument or element, "" when it has none."""
    words = "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
    return next(
        (word for word in words if word.startswith("MSR_") and word != "MSR_INVALID"),
        "",
    )


def elements(view: View, vendor: Vendor) -> tuple[tuple[str, int], ...]:
    """Elements of the list with their lines; none in trees that recalculate intercepts."""
    if vendor.table.encode() not in (view.read(vendor.home) or b""):
        return ()
    return view.c(vendor.home).array_initialiser(vendor.table) or ()


def always_passed(view: View, vendor: Vendor) -> set[str]:
    """MSRs of the list that initialisation passes through (".always = true")."""
    return {
        named(text)
        for text, _ in elements(view, vendor)
        if ".always = true" in " ".join(text.split())
    }
