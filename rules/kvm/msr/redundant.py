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
Calls whose MSR is a variable: it is silent when the series adds one that may pass an MSR through.
Without a tree that has all patches, only calls are judged, by the base and the lines that are added.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from reviewbot.rulekit import (
    MSR_CALLS,
    Context,
    Fact,
    Finding,
    Intercept,
    Needs,
    Passed,
    Problem,
    Severity,
    View,
    added_intercepts,
    family,
    intercepts,
    named_msr,
    passed,
    rule,
)

# What trees up to 6.15 keep the MSRs in that guests may come to access, by the vendor's directory.
LISTS = {
    "arch/x86/kvm/vmx/": ("vmx.c", "vmx_possible_passthrough_msrs"),
    "arch/x86/kvm/svm/": ("svm.c", "direct_access_msrs"),
}
SOURCES = tuple(f"{directory}*.[ch]" for directory in LISTS)
REFERENCE = "https://lore.kernel.org/r/aCc_AMOUiw69SiQr@google.com"
LISTED = "https://lore.kernel.org/r/aCc_Xh4hSCL4eVV8@google.com"


@rule(code="KVM-MSR-011", severity=Severity.NOTE, needs=Needs.SERIES, touches=SOURCES)
def redundant(context: Context) -> Iterator[Finding | Fact]:
    """Calls and elements that the series adds, judged at the tip."""
    if not context.steps or not any("MSR_" in line for line in context.changed_lines(*SOURCES)):
        return
    for directory in LISTS:
        if context.complete:
            scanned = partial(scan, directory=directory, base=context.base)
            yield from context.introduced(scanned, touching=(f"{directory}*",))
        elif context.series.complete:
            yield from in_mails(context, directory)


def scan(view: View, directory: str, base: View) -> Iterator[Problem]:
    """Calls that change nothing, and elements that no call passes through."""
    calls, open_to = state(view, directory)
    if open_to.variables - state(base, directory)[1].variables:
        return
    yield from pointless(calls, open_to)
    home, table = LISTS[directory]
    told = set()
    for text, line in elements(view, directory):
        msr = named_msr(text)
        if msr and msr not in open_to and family(msr) not in told:
            told.add(family(msr))
            yield Problem(
                key=("list", msr),
                title=f"{msr} is in {table}[] and never passed through",
                why=(
                    "The list holds what guests may access directly; no code disables the "
                    f"interception of {msr}."
                ),
                fix=f"Leave {msr} out of {table}[].",
                reference=LISTED,
                path=directory + home,
                line=line,
                missing=True,
            )


def in_mails(context: Context, directory: str) -> Iterator[Finding]:
    """Added calls of MSRs that neither the base nor another added line passes through."""
    new = list(added_intercepts(context, directory, MSR_CALLS))
    old, known = state(context.base, directory)
    touched = {one.msr for one in old}
    if not new or passed(new).variables:
        return
    open_to = passed([*old, *new], known.names)
    patches = {(one.path, one.line): one.patch for one in new}
    for problem in pointless((one for one in new if one.msr not in touched), open_to):
        yield context.finding(problem, patch=patches[problem.path, problem.line])


def state(view: View, directory: str) -> tuple[list[Intercept], Passed]:
    """The calls of one tree, and what they and the list's ".always = true" pass through."""
    calls = list(intercepts(view, directory, MSR_CALLS))
    always = [text for text, _ in elements(view, directory) if "always = true" in text]
    return calls, passed(calls, map(named_msr, always))


def pointless(calls: Iterable[Intercept], open_to: Passed) -> Iterator[Problem]:
    """Calls that enable what no call disables; one for each range."""
    told = set()
    for one in calls:
        if one.msr and not one.passes and one.msr not in open_to and family(one.msr) not in told:
            told.add(family(one.msr))
            yield Problem(
                key=("call", one.msr),
                title=f"{one.msr} is intercepted in any case",
                why=(
                    f"The call enables the interception of {one.text}, which no code ever disables: "
                    "KVM starts with all MSRs intercepted."
                ),
                fix="Drop the call.",
                reference=REFERENCE,
                path=one.path,
                line=one.line,
            )


def elements(view: View, directory: str) -> tuple[tuple[str, int], ...]:
    """Elements of the list with their lines; none in trees that recalculate intercepts."""
    home, table = LISTS[directory]
    if table.encode() not in (view.read(directory + home) or b""):
        return ()
    return view.c(directory + home).array_initialiser(table) or ()
