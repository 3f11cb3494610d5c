# SPDX-License-Identifier: GPL-2.0-only
"""An MSR with state is in the lists that userspace migrates, and is listed only where it works.

What
----
An MSR that the series adds to msrs_to_save_base[] (msrs_to_save_all[] in older trees) has a case in
the function that builds the final list (kvm_probe_msr_to_save(), kvm_init_msr_list()), unless both
vendors handled it already.  An MSR that KVM handles with CONFIG_X86_64 only is listed with it only, or its
feature is kept from guests without it.  An MSR that
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
Whether the condition is right.  MSRs that only vendor code handles;
Hyper-V and KVM's own MSRs, of which many need no saving.  Where the files are not to be had, only MSRs
that the mails list and handle are judged.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from reviewbot.rulekit import (
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

KVM = "arch/x86/kvm/*.c"
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
VENDORS = (("arch/x86/kvm/vmx/vmx.c", "vmx_get_msr"), ("arch/x86/kvm/svm/svm.c", "svm_get_msr"))
CPUID = "arch/x86/kvm/cpuid.c"
CONFIG = "CONFIG_X86_64"
COUNTERS = ("PERF", "PEBS", "EVNTSEL", "DS_AREA")
REFERENCE = (
    "Documentation/virt/kvm/api.rst, 4.3 KVM_GET_MSR_INDEX_LIST; "
    "https://lore.kernel.org/r/ZVGzC66k0QtJywi0@chao-email"
)


@rule(
    code="KVM-MSR-006",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    touches=HOMES,
    needs=Needs.SERIES,
)
def save_list(context: Context) -> Iterator[Finding | Fact]:
    """MSRs that are newly listed or newly handled."""
    if not context.steps:
        yield from from_mails(context)
    elif any("MSR_" in text for *_, text in context.added_lines(*HOMES)):
        old = {name for home in homes(context.base) for name in everything(context.base, home)}
        known = Known(names=frozenset(old), handled=handled_by_both(context.base))
        yield from context.introduced(partial(scan, old=known), touching=(*HOMES, CPUID))


def from_mails(context: Context) -> Iterator[Finding]:
    """MSRs that the mails list and handle, and for which they show no case in the last check."""
    parts = tuple(fragments(context.series, KVM))
    checks = " ".join(
        part.source.source.decode("utf-8", "replace")
        for part in parts
        if any(name in part.section or name in part.source.functions for name in PROBES)
    )
    cases = {word for part in parts for word in part.added_words("case ")}
    for part in parts:
        if not any(name in part.section for name in SAVED) or part.path not in HOMES:
            continue
        families: dict[str, list[str]] = {}
        for name in sorted(part.added_words("MSR_")):
            handled = any(family_of(word) == family_of(name) for word in cases)
            checked = f"case {family_of(name)}" in checks or any(word in name for word in COUNTERS)
            if name.startswith("MSR_") and handled and not checked:
                families.setdefault(family_of(name), []).append(name)
        for family, names in families.items():
            unsure = _unconditional(family, names, part.path, min(part.added.values()))
            unsure = replace(unsure, confidence=Confidence.LOW)
            yield from context.report(unsure, patch=part.patch.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """MSRs of the base: those listed or handled in common, and those that both vendors handle."""

    names: frozenset[str]
    handled: frozenset[str]


def scan(view: View, old: Known) -> Iterator[Problem]:
    """What is wrong with MSRs of one tree that the base does not know."""
    for home in homes(view):
        source = view.c(home)
        listed = {name: line for array in SAVED for name, line in elements(source, array)}
        families: dict[str, list[str]] = {}
        for name, line in listed.items():
            if name in old.names:
                continue
            if name not in old.handled and not probed(source, name):
                families.setdefault(family_of(name), []).append(name)
            elif only_64_bit(source, name) and not guarded(view, home, name, line):
                yield _not_on_32_bit(name, home, line)
        for family, names in families.items():
            yield _unconditional(family, names, home, listed[names[0]])
        known = {name for array in LISTS for name, _ in elements(source, array)}
        for name, line in kept(source):
            if name not in old.names and name not in known:
                yield _unsaved(name, home, line)


def handled_by_both(view: View) -> frozenset[str]:
    """MSRs that every vendor's code can read."""
    found = [
        {name for case in view.c(path).switch_cases(function) for name in case.labels}
        for path, function in VENDORS
        if view.exists(path)
    ]
    return frozenset(set.intersection(*found)) if found else frozenset()


def only_64_bit(source: CFile, msr: str) -> bool:
    """Whether a common handler has the MSR's case in an #ifdef CONFIG_X86_64."""
    handlers = [source.functions[name] for name in (GET, SET) if name in source.functions]
    return any(
        f"case {msr}:" in part.partition("#endif")[0]
        for handler in handlers
        for part in handler.text.split(f"#ifdef {CONFIG}")[1:]
    )


def guarded(view: View, home: str, msr: str, line: int) -> bool:
    """Whether the list, its last check or the CPUID tables leave the MSR out on 32-bit hosts."""
    source = view.c(home)
    for above in range(line - 1, 0, -1):
        text = view.line(home, above)
        if text.startswith("#endif") or text.endswith("= {"):
            break
        if text.startswith("#if"):
            return CONFIG in text
    probes = [source.functions[name].text for name in PROBES if name in source.functions]
    case = " ".join(text.partition(f"case {msr}:")[2].partition("break;")[0] for text in probes)
    feature = case.partition("X86_FEATURE_")[2].partition(")")[0]
    # F(XFD) in a variable is "unsigned int f_xfd = F(XFD);" in an #ifdef; 6.13 has X86_64_F(XFD).
    masked = (f"= F({feature})", f"X86_64_F({feature})")
    return CONFIG in case or not feature or any(text in view.text(CPUID) for text in masked)


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
    # Not by the switch's cases: those below an #ifdef are not seen as such.
    return any(f"case {family_of(msr)}" in text for text in texts)


def family_of(msr: str) -> str:
    """MSR_IA32_FRED of MSR_IA32_FRED_RSP0."""
    return "_".join(msr.split("_")[:FAMILY_WORDS])


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


def _unconditional(family: str, names: list[str], home: str, line: int) -> Problem:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    are, them = ("are", "them") if more else ("is", "it")
    return Problem(
        key=("unconditional", family),
        title=f"{names[0]}{more} {are} listed for migration unconditionally",
        why=(
            f"{', '.join(names)} {are} in the list of MSRs to save and nothing takes {them} out where "
            f"KVM does not virtualize {them}.  Userspace is told to save {them} and then fails to "
            f"restore {them}."
        ),
        fix=f"Add case {names[0]} to kvm_probe_msr_to_save() with a check by kvm_cpu_cap_has().",
        reference=REFERENCE,
        path=home,
        line=line,
        missing=True,
    )


def _not_on_32_bit(name: str, home: str, line: int) -> Problem:
    return Problem(
        key=("32-bit", name),
        title=f"{name} is listed for migration on 32-bit hosts, which reject it",
        why=(
            f"The handlers have {name} in an #ifdef {CONFIG}, the list of MSRs to save has it always.  "
            "A 32-bit host tells userspace to save it and then rejects the access."
        ),
        fix=f"List it in the #ifdef as well, or keep its feature from guests without {CONFIG}.",
        reference="https://lore.kernel.org/r/YdSgzsiBft/NgxdF@google.com",
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
