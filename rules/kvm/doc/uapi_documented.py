# SPDX-License-Identifier: GPL-2.0-only
"""New capabilities, exit reasons and ioctls are documented once the series is applied.

What
----
A KVM_CAP_*, KVM_EXIT_* or ioctl number that the series adds to a KVM userspace header is named below
Documentation/virt/kvm.  The same holds, as a warning, for flags and attributes whose siblings are
nearly all documented (KVM_MEM_*, KVM_XEN_*, KVM_GUESTDBG_*), for names of an architecture that
documents none of its own, for series of nothing but userspace headers, and for a capability that
KVM_ENABLE_CAP newly takes: it has a section.  A new section of chapter 4 has the fields that all
have (a warning), and says which errors there are (a note).  Notes also go to a patch that says it
rejects something of which no document of the series speaks, and to the first test of a VM type that
is not documented.

Why
---
review-checklist.rst makes documentation part of a new interface: without it VMM authors read the
kernel to find out what an argument means, and take what the code happens to do for the contract.

Bad
---
::

    +#define KVM_CAP_EXAMPLE 239

and no patch of the series touches Documentation/virt/kvm.

Good
----
::

    +7.38 KVM_CAP_EXAMPLE
    +--------------------
    +
    +:Architectures: x86
    +:Parameters: args[0] - ...
    +:Returns: 0 on success, -EINVAL ...

When to ignore
--------------
The number is for a test module only, or the documentation is posted separately and already applied.

What it does not see
--------------------
Whether what is written is right, complete, or in the right section.  Interfaces that are not a macro
in a KVM header; device attributes and registers of families that are mostly undocumented; quirks
(KVM-QUIRK-001).  "KVM_[GS]ET_X", "KVM_{GET,SET}_X" and "KVM_GET_X_*" count as documentation of what
they stand for.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from reviewbot.rulekit import (
    API_RST,
    DOCUMENTS,
    KVM_HEADERS,
    SELFTESTS,
    Confidence,
    Context,
    Fact,
    Finding,
    Macro,
    Needs,
    Problem,
    Severity,
    View,
    always_documented,
    backport,
    documented_family,
    files_of,
    interface_kind,
    interface_macros,
    macro_in_line,
    matches,
    misnamed,
    name_family,
    name_patterns,
    newcomer,
    refused_cases,
    removed_macros,
    rule,
    several,
    softened,
    tested_before,
    together,
    undocumented,
    unfinished_sections,
    written_names,
)

REFERENCE = (
    "Documentation/virt/kvm/review-checklist.rst: the API must be documented in "
    "Documentation/virt/kvm/api.rst"
)
VM_TYPE = re.compile(r"\bKVM_X86_[A-Z0-9_]+_VM\b")
CODE = ("arch/*/kvm/*.c", "virt/kvm/*.c")
CASE = re.compile(r"\s*case (KVM_CAP_\w+):")
ENABLE = ("kvm_vm_ioctl_enable_cap", "kvm_vcpu_ioctl_enable_cap", "kvm_vm_ioctl_enable_cap_generic")
REJECTS = re.compile(r"\b(?:reject|disallow|forbid|refuse|prohibit)\b", re.IGNORECASE)
# What all 133 sections of chapter 4 have in 6.12.
FIELDS = ("capability", "architectures", "type", "parameters", "returns")
TOUCHES = (*KVM_HEADERS, DOCUMENTS + "/*", *CODE, *SELFTESTS)


@rule(code="KVM-DOC-001", severity=Severity.ERROR, needs=Needs.SERIES, touches=TOUCHES)
def uapi_documented(context: Context) -> Iterator[Finding | Fact]:
    """New names that no document has, and new rules for old ones that none mentions."""
    yield from unfinished(context)
    yield from together(context, rejected(context))
    if context.steps:
        yield from settable(context)
        yield from tested_types(context)
    yield from several(
        softened(context.series, new_names(context)), {" is not documented": " are not documented"}
    )


def new_names(context: Context) -> Iterator[Finding | Fact]:
    """New names that no document has at the tip, or in the mails where there is no tip."""
    if not context.steps or not context.complete:
        yield from in_mails(context)
        return
    paths = sorted(
        {p for patch in context.series.patches for p in files_of(patch) if matches(p, KVM_HEADERS)}
    )
    old = interface_macros(context.base, paths)
    if all(interface_macros(step.after, paths).keys() <= old.keys() for step in context.steps):
        return
    yield from context.introduced(
        partial(scan, paths=paths, base=context.base, old=old),
        touching=(*KVM_HEADERS, DOCUMENTS + "/*"),
    )


def scan(
    view: View, paths: list[str], base: View, old: dict[str, tuple[str, Macro]]
) -> Iterator[Problem]:
    """Names of one tree that are not ``old`` and that no document has."""
    new = {name: at for name, at in interface_macros(view, paths).items() if name not in old}
    known: dict[str, bool] = {}
    for name in undocumented(view, [n for n, (_, macro) in new.items() if interface_kind(macro)]):
        path, macro = new[name]
        kind = interface_kind(macro)
        if kind == "flag" and not always_documented(name):
            group = name_family(name)
            if group not in known:
                known[group] = documented_family(base, group, old)
            if not known[group]:
                continue
        problem = _problem(name, kind, path, macro, view.text(API_RST))
        unheard = newcomer(name, base) and problem.severity is None
        yield replace(problem, severity=Severity.WARNING) if unheard else problem


def in_mails(context: Context) -> Iterator[Finding]:
    """Names that a series defines and does not describe itself, when no tree has all its patches.

    Nobody documented them before they existed.  Moved and renumbered definitions are not new.
    """
    gone = removed_macros(context.series)
    said = "\n".join(text for *_, text in context.added_lines(DOCUMENTS + "/*"))
    patterns = tuple(name_patterns(said))
    for patch, path, line, text in context.added_lines(*KVM_HEADERS):
        macro = macro_in_line(text, line)
        kind = interface_kind(macro) if macro and macro.name not in gone else ""
        if not macro or not kind or (kind == "flag" and not always_documented(macro.name)):
            continue
        name = macro.name
        if re.search(rf"(?<!\w){name}(?!\w)", said) or any(re.fullmatch(p, name) for p in patterns):
            continue
        problem = _problem(name, kind, path, macro, said)
        unsure = problem.missing and not context.series.complete
        yield from context.report(replace(problem, missing=unsure), patch=patch.number)


def unfinished(context: Context) -> Iterator[Finding]:
    """New sections about ioctls that lack what every section has, or do not say how they fail."""
    said = unfinished_sections(context.series, "4", FIELDS)
    for (patch, lacking), sections in said.items():
        titles = ", ".join(section.title for section in sections)
        what = lacking or "which errors there are"
        problem = Problem(
            key=titles,
            title=f"the documentation of {titles} does not say {what}",
            why=(
                f"{API_RST} gets {sections[0].number} {sections[0].title}, and every section there "
                f"has {lacking}."
                if lacking
                else f"{API_RST} gets {titles} without an errno.  Userspace handles errors it knows."
            ),
            fix=f"Add {what}." if lacking else "Add :Errors: with a table, one line an errno.",
            reference=f"{REFERENCE}; https://lore.kernel.org/r/877dmfxdgp.wl-maz@kernel.org",
            path=sections[0].path,
            line=sections[0].line,
            severity=Severity.WARNING if lacking else Severity.NOTE,
        )
        yield context.finding(problem, patch=patch)


def rejected(context: Context) -> Iterator[tuple[int, Problem]]:
    """Patches that say they reject what userspace could do, while no document of the series does."""
    told = written_names(context.series)
    for patch in context.series.patches:
        if not REJECTS.search(patch.subject):
            continue
        names = refused_cases(patch)
        if names and not names & told and not backport(context.series):
            listed = ", ".join(sorted(names))
            problem = Problem(
                key=("rejected", patch.number),
                title=f"no document says when {listed} is rejected",
                why=(
                    f'"{patch.subject}": userspace gets an error now, and the series writes '
                    f"nothing below {DOCUMENTS} about it."
                ),
                fix=f"Say it where {DOCUMENTS} describes {listed}.",
                reference=(
                    f"{REFERENCE}; https://lore.kernel.org/r/"
                    "0585d9ec-b680-407e-9f82-6c2c98b93a09@linux.ibm.com"
                ),
                missing=True,
                severity=Severity.NOTE,
                confidence=Confidence.MEDIUM,
            )
            yield patch.number, problem


def settable(context: Context) -> Iterator[Finding | Fact]:
    """Capabilities that KVM_ENABLE_CAP newly takes, and that no document says how to enable."""
    cases = {m[1] for *_, text in context.added_lines(*CODE) if (m := CASE.match(text))}
    cases -= written_names(context.series)
    fresh = {
        text.split()[1] for *_, text in context.added_lines(*KVM_HEADERS) if len(text.split()) > 1
    }
    cases -= set(undocumented(context.tip, sorted(cases & fresh)))  # new_names() says so
    if cases:
        yield from context.introduced(
            lambda view: not_explained(context, view, cases), touching=(*CODE, DOCUMENTS + "/*")
        )


def not_explained(context: Context, view: View, names: set[str]) -> Iterator[Problem]:
    """Those of the names that one tree can enable, without a section on them."""
    paths = {p for step in context.steps for p in step.paths if matches(p, CODE) and view.exists(p)}
    paths = {path for path in paths if b"_ioctl_enable_cap" in (view.read(path) or b"")}
    text = view.text(API_RST)
    for name in sorted(names):
        at = [(p, n) for p in sorted(paths) for f in ENABLE for n in view.c(p).mentions(name, f)]
        if at and not re.search(rf"^\d+\.\d+ .*\b{name}\b", text, re.MULTILINE):
            yield Problem(
                key=("settable", name),
                title=f"{name} can be enabled, and no document says how",
                why=f"KVM_ENABLE_CAP takes {name} now; {API_RST} has no section on it.",
                fix=f"Add a section on {name}: architectures, target, parameters, return values.",
                reference=f"{REFERENCE}; https://lore.kernel.org/r/YkZc7cMsDaR5S2hM@google.com",
                path=at[0][0],
                line=at[0][1],
                missing=True,
                severity=Severity.WARNING,
            )


def tested_types(context: Context) -> Iterator[Finding | Fact]:
    """VM types that selftests begin to use while api.rst does not list them."""
    header = context.base.text("arch/x86/include/uapi/asm/kvm.h")
    seen: set[str] = set()
    for patch, path, line, text in context.added_lines(*SELFTESTS):
        names = {name for name in VM_TYPE.findall(text) if name in header} - seen
        seen |= names
        for name in undocumented(context.tip, sorted(names)):
            if tested_before(context.base, name):
                continue
            problem = Problem(
                key=name,
                title=f"VM type {name} is not documented",
                why=f"The test creates VMs of type {name}, which no file below {DOCUMENTS} names.",
                fix=f"Add {name} to the VM types in {API_RST}.",
                reference=f"{REFERENCE}; https://lore.kernel.org/r/bc5650c3-e759-42d7-b993-1af838fd6a80@amd.com",
                path=path,
                line=line,
                missing=True,
                severity=Severity.NOTE,
            )
            yield from context.report(problem, patch=patch.number)


def _problem(name: str, kind: str, path: str, macro: Macro, text: str) -> Problem:
    flag, other = kind == "flag", misnamed(name, text)
    if other:
        return Problem(
            key=name,
            title=f"{kind} {name} is documented as {other}",
            why=f"{DOCUMENTS} has {other}, which no header defines.  People search for {name}.",
            fix=f"Write {name} in the document.",
            reference=REFERENCE,
            path=path,
            line=macro.line,
            severity=Severity.NOTE,
        )
    return Problem(
        key=name,
        title=f"{kind} {name} is not documented",
        why=(
            f"No file below {DOCUMENTS} names {name}"
            + (f", while its siblings {name_family(name)}_* are documented." if flag else ".")
            + "  Userspace can only learn from the code what it means."
        ),
        fix=f"Describe {name} in {DOCUMENTS}/api.rst: architectures, parameters, return values, errors.",
        reference=REFERENCE,
        path=path,
        line=macro.line,
        missing=True,
        severity=Severity.WARNING if flag else None,
        confidence=Confidence.MEDIUM if flag else None,
    )
