# SPDX-License-Identifier: GPL-2.0-only
"""A new MSR filter reaches every MSR that KVM passes through.

What
----
In trees that recalculate all intercepts ({vmx,svm}_recalc_msr_intercepts(), 6.17 and later), an MSR
whose intercept is newly disabled or set is named in the code that the recalculation runs.  A
recalculation that returns early because its result equals what it remembered is a warning.  In trees
with lists, an MSR that is newly exempt from the list is named in the code that
{vmx,svm}_msr_filter_changed() runs.

Why
---
When userspace installs an MSR filter, KVM runs that code and nothing else.  An MSR that it does not
name keeps its old intercept, and the filter is silently not enforced for it.

Bad
---
::

    static void vmx_vcpu_after_set_cpuid(struct kvm_vcpu *vcpu)
    ...
    +    vmx_set_intercept_for_msr(vcpu, MSR_IA32_FRED_RSP0, MSR_TYPE_RW, !fred);

Good
----
::

    static void vmx_recalc_msr_intercepts(struct kvm_vcpu *vcpu)
    ...
    +    vmx_set_intercept_for_msr(vcpu, MSR_IA32_FRED_RSP0, MSR_TYPE_RW, !fred);

When to ignore
--------------
The MSR cannot be filtered (x2APIC), or the vCPU cannot run yet.

What it does not see
--------------------
MSRs that are variables.  Whether what a decision depends on asks for a recalculation
(KVM_REQ_RECALC_INTERCEPTS) when it changes.  x2APIC and LBR MSRs, which upstream changes on demand, and
functions that create a vCPU.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from reviewbot.rulekit import (
    Call,
    CFile,
    Confidence,
    Context,
    Fact,
    Finding,
    Problem,
    Severity,
    View,
    rule,
)

SOURCES = ("arch/x86/kvm/vmx/*.c", "arch/x86/kvm/svm/*.c")
ON_DEMAND = ("x2apic", "lbr")
CREATING = ("vcpu_create", "sev_es_init")
NOT_FILTERED = "MSR_LBR_"
FAMILY_WORDS = 3
REFERENCE = "https://lore.kernel.org/r/aG6QeTXrd7Can8PK@google.com"
LIST_REFERENCE = "https://lore.kernel.org/r/aCdPbZiYmtni4Bjs@google.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """Where one vendor's code is.  ``slots`` are the functions that say what the list need not have."""

    directory: str
    home: str
    recalculation: str
    filter_changed: str
    slots: tuple[str, ...]
    calls: tuple[str, ...]


VENDORS = (
    Vendor(
        directory="arch/x86/kvm/vmx/",
        home="arch/x86/kvm/vmx/vmx.c",
        recalculation="vmx_recalc_msr_intercepts",
        filter_changed="vmx_msr_filter_changed",
        slots=("vmx_get_passthrough_msr_slot", "is_valid_passthrough_msr"),
        calls=(
            "vmx_set_intercept_for_msr",
            "vmx_disable_intercept_for_msr",
        ),
    ),
    Vendor(
        directory="arch/x86/kvm/svm/",
        home="arch/x86/kvm/svm/svm.c",
        recalculation="svm_recalc_msr_intercepts",
        filter_changed="svm_msr_filter_changed",
        slots=("direct_access_msr_slot",),
        calls=(
            "svm_set_intercept_for_msr",
            "svm_disable_intercept_for_msr",
        ),
    ),
)


@rule(code="KVM-MSR-002", severity=Severity.ERROR, confidence=Confidence.MEDIUM, touches=SOURCES)
def recalc_path(context: Context) -> Iterator[Finding | Fact]:
    """What a change of the filter newly does not reach."""
    for vendor in VENDORS:
        globs = (vendor.directory + "*.c",)
        lines = tuple(context.changed_lines(*globs))
        if any(sign in line for line in lines for sign in ("MSR_", "intercept")):
            yield from context.introduced(
                partial(scan, context=context, vendor=vendor), touching=globs
            )


def scan(view: View, context: Context, vendor: Vendor) -> Iterator[Problem]:
    """Everything of one tree that a change of the filter does not reach."""
    if not view.exists(vendor.home):
        return
    home = view.c(vendor.home)
    if vendor.recalculation in home.functions:
        paths = view.paths(vendor.directory, ".c")
        sources = {
            path: tree.c(path)
            for path, tree in context.sources(view, paths, words=("intercept", "MSR_"))
            if b"intercept" in (tree.read(path) or b"")
        }
        yield from unreached(vendor, sources)
        for path, source in sources.items():
            yield from remembered(vendor, path, source)
    elif vendor.filter_changed in home.functions:
        yield from unrefreshed(vendor, home)


def unreached(vendor: Vendor, sources: dict[str, CFile]) -> Iterator[Problem]:
    """MSRs whose intercept is changed, and never by the recalculation."""
    calls = [
        (path, call)
        for path, source in sources.items()
        for name in vendor.calls
        for call in source.calls(name)
        if msr_of(call)
    ]
    reached = reachable(sources, vendor.recalculation)
    handled = {msr_of(call) for _, call in calls if call.function in reached}
    for path, call in calls:
        exempt = any(word in call.function for word in (*ON_DEMAND, *CREATING))
        if call.function not in reached and not exempt and msr_of(call) not in handled:
            yield _unreached(vendor, path, call)


def msr_of(call: Call) -> str:
    """The MSR that a call names, "" for variables and x2APIC registers."""
    text = call.arguments[1] if len(call.arguments) > 1 else ""
    return text if text.startswith("MSR_") and text.isidentifier() else ""


def reachable(sources: dict[str, CFile], root: str) -> frozenset[str]:
    """Functions that ``root`` calls, directly or not, and every other recalculation of intercepts."""
    found: set[str] = set()
    waiting = [root]
    for source in sources.values():
        waiting += [name for name in source.functions if "recalc" in name and "intercept" in name]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            for source in sources.values():
                if name in source.functions:
                    waiting += [call.name for call in source.calls_in(name)]
    return frozenset(found)


def remembered(vendor: Vendor, path: str, source: CFile) -> Iterator[Problem]:
    """Recalculations that leave early when what they remember has not changed."""
    for name in source.functions:
        if "recalc" not in name or "intercept" not in name:
            continue
        kept = {each.target for each in source.assignments(name) if each.operator == "="}
        calls = (call for each in vendor.calls for call in source.calls(each, name))
        exits = {c.text for call in calls for c in call.conditions if c.kind == "exit"}
        for text in sorted(exits):
            sides = [side.strip() for side in text.split("==")]
            if len(sides) == 2 and any(side in kept and "->" in side for side in sides):
                yield _remembered(name, path, source.functions[name].line, text)


def unrefreshed(vendor: Vendor, home: CFile) -> Iterator[Problem]:
    """MSRs that a list tree exempts from its list and does not refresh by other means."""
    reached = reachable({vendor.home: home}, vendor.filter_changed)
    texts = [home.functions[name].text for name in reached if name in home.functions]
    for slot in vendor.slots:
        for case in home.switch_cases(slot):
            for label in case.labels:
                first = label.split(" ")[0]
                family = "_".join(first.split("_")[:FAMILY_WORDS])
                filterable = first.startswith("MSR_") and not first.startswith(NOT_FILTERED)
                if filterable and not any(family in text for text in texts):
                    yield _unrefreshed(vendor, label, family, case.line)


def _unreached(vendor: Vendor, path: str, call: Call) -> Problem:
    msr = msr_of(call)
    return Problem(
        key=("unreached", msr),
        title=f"the intercept of {msr} is not recalculated for a new filter",
        why=(
            f"{call.function}() changes the intercept of {msr}, and nothing that "
            f"{vendor.recalculation}() calls does.  That function is all that KVM runs when userspace "
            f"changes its MSR filter, so the filter is not enforced for {msr}."
        ),
        fix=f"Set the intercept in {vendor.recalculation}() and request KVM_REQ_RECALC_INTERCEPTS here.",
        reference=REFERENCE,
        path=path,
        line=call.line,
        missing=True,
    )


def _remembered(name: str, path: str, line: int, text: str) -> Problem:
    return Problem(
        key=("remembered", name, text),
        title=f"{name}() does nothing when only the filter has changed",
        why=(
            f"{name}() returns when {text}.  The intercepts depend on userspace's MSR filter as well, "
            "which may have changed since that value was remembered."
        ),
        fix="Recalculate always, or forget the remembered value when the filter changes.",
        reference=REFERENCE,
        path=path,
        line=line,
        severity=Severity.WARNING,
    )


def _unrefreshed(vendor: Vendor, label: str, family: str, line: int) -> Problem:
    return Problem(
        key=("unrefreshed", label),
        title=f"a new filter does not reach {label}",
        why=(
            f"{label} is exempt from the list of passed-through MSRs that {vendor.filter_changed}() "
            f"walks, and that function refreshes no {family} MSR by other means.  A filter that "
            "userspace installs later is not enforced."
        ),
        fix=f"Set these intercepts again in {vendor.filter_changed}().",
        reference=LIST_REFERENCE,
        path=vendor.home,
        line=line,
        missing=True,
    )
