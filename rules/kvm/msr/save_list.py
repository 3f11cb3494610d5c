# SPDX-License-Identifier: GPL-2.0-only
"""An MSR with state is in the lists that userspace migrates, and is listed only where it works.

What
----
An MSR that the series adds to msrs_to_save_base[] (msrs_to_save_all[] in older trees) has a case in
the function that builds the final list (kvm_probe_msr_to_save(), kvm_init_msr_list()).  An MSR that
both kvm_get_msr_common() and kvm_set_msr_common() newly handle, and whose value KVM keeps, is in one of
the lists.  A warning: upstream once listed the LBR MSRs without a case of their own.

Why
---
Userspace saves and restores what KVM_GET_MSR_INDEX_LIST returns.  An MSR that is missing there is lost
on migration; one that is there although KVM rejects it breaks migration.

Bad
---
::

     static const u32 msrs_to_save_base[] = {
    +    MSR_IA32_FRED_RSP0,

and no case in kvm_probe_msr_to_save().

Good
----
::

    +    case MSR_IA32_FRED_RSP0:
    +        if (!kvm_cpu_cap_has(X86_FEATURE_FRED))
    +            return;
    +        break;

When to ignore
--------------
The MSR exists on every processor, or its state is migrated by an ioctl of its own.

What it does not see
--------------------
Whether the condition is right (CONFIG_X86_64, the right feature).  MSRs that only vendor code handles;
Hyper-V and KVM's own MSRs, of which many need no saving.
"""

from collections.abc import Iterator
from functools import partial

from reviewbot.rulekit import (
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

# 7.3 moved the lists and handlers to msrs.c.
HOMES = ("arch/x86/kvm/msrs.c", "arch/x86/kvm/x86.c")
SAVED = ("msrs_to_save_base", "msrs_to_save_all")
LISTS = (
    *SAVED,
    "msrs_to_save_pmu",
    "emulated_msrs_all",
    "msr_based_features_all_except_vmx",
    "msr_based_features_all",
)
PROBES = ("kvm_probe_msr_to_save", "kvm_init_msr_list")
GET, SET = "kvm_get_msr_common", "kvm_set_msr_common"
HARDWARE = ("MSR_IA32_", "MSR_AMD64_", "MSR_K7_", "MSR_F15H_", "MSR_ARCH_", "MSR_CORE_")
STATE = "vcpu->arch."
FAMILY_WORDS = 3
COUNTERS = ("PERF", "PEBS", "EVNTSEL", "DS_AREA")
REFERENCE = (
    "Documentation/virt/kvm/api.rst, 4.3 KVM_GET_MSR_INDEX_LIST; "
    "https://lore.kernel.org/r/ZVGzC66k0QtJywi0@chao-email"
)


@rule(code="KVM-MSR-006", severity=Severity.WARNING, confidence=Confidence.MEDIUM, touches=HOMES)
def save_list(context: Context) -> Iterator[Finding | Fact]:
    """MSRs that are newly listed or newly handled."""
    if any("MSR_" in text for *_, text in context.added_lines(*HOMES)):
        old = {name for home in homes(context.base) for name in everything(context.base, home)}
        yield from context.introduced(partial(scan, old=frozenset(old)), touching=HOMES)


def scan(view: View, old: frozenset[str]) -> Iterator[Problem]:
    """What is wrong with MSRs of one tree that the base does not know."""
    for home in homes(view):
        source = view.c(home)
        listed = {name: line for array in SAVED for name, line in elements(source, array)}
        for name, line in listed.items():
            if name not in old and not probed(source, name):
                yield _unconditional(name, home, line)
        known = {name for array in LISTS for name, _ in elements(source, array)}
        for name, line in kept(source):
            if name not in old and name not in known:
                yield _unsaved(name, home, line)


def homes(view: View) -> list[str]:
    """The file that has the list, if any."""
    return [
        home
        for home in HOMES
        if view.exists(home) and any(view.c(home).array_initialiser(array) for array in SAVED)
    ]


def elements(source: CFile, array: str) -> Iterator[tuple[str, int]]:
    """MSRs of one array with their lines; two on one line are two elements."""
    yield from source.array_initialiser(array) or ()


def everything(view: View, home: str) -> Iterator[str]:
    """MSRs that a tree lists or handles."""
    source = view.c(home)
    for array in LISTS:
        yield from (name for name, _ in elements(source, array))
    for function in (GET, SET):
        yield from (name for case in source.switch_cases(function) for name in case.labels)


def probed(source: CFile, msr: str) -> bool:
    """Whether the list's last check has a case for the MSR or its family (they come in ranges).

    True as well where no such check is known, and for counters, which the PMU's own checks cover.
    """
    texts = [source.functions[name].text for name in PROBES if name in source.functions]
    if not any("switch" in text for text in texts) or any(word in msr for word in COUNTERS):
        return True
    family = "_".join(msr.split("_")[:FAMILY_WORDS])
    # Not by the switch's cases: those below an #ifdef are not seen as such.
    return any(f"case {family}" in text for text in texts)


def kept(source: CFile) -> Iterator[tuple[str, int]]:
    """Hardware MSRs that both handlers have by name and whose value is stored in the vCPU."""
    if GET not in source.functions or SET not in source.functions:
        return
    readable = {label for case in source.switch_cases(GET) for label in case.labels}
    for case in source.switch_cases(SET):
        if not any(part.strip().startswith(STATE) and "=" in part for part in case.body.split(";")):
            continue
        for label in case.labels:
            if label in readable and label.startswith(HARDWARE) and label.isidentifier():
                yield label, case.line


def _unconditional(name: str, home: str, line: int) -> Problem:
    return Problem(
        key=("unconditional", name),
        title=f"{name} is listed for migration unconditionally",
        why=(
            f"{name} is in the list of MSRs to save and nothing takes it out where KVM does not "
            "virtualize it.  Userspace is told to save it and then fails to restore it."
        ),
        fix=f"Add case {name} to kvm_probe_msr_to_save() with a check by kvm_cpu_cap_has().",
        reference=REFERENCE,
        path=home,
        line=line,
        missing=True,
    )


def _unsaved(name: str, home: str, line: int) -> Problem:
    return Problem(
        key=("unsaved", name),
        title=f"{name} is lost on migration",
        why=(
            f"{SET}() keeps what the guest writes to {name}, and no list that userspace reads has the "
            "MSR.  After migration the guest finds another value."
        ),
        fix=f"Add {name} to msrs_to_save_base[] or emulated_msrs_all[].",
        reference=REFERENCE,
        path=home,
        line=line,
        missing=True,
    )
