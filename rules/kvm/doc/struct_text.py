# SPDX-License-Identifier: GPL-2.0-only
"""Structs in KVM's documents have the members of the headers, and Architectures: says where.

What
----
Where a document below Documentation/virt/kvm shows a whole struct, the series leaves no new
difference to the header: members that are missing, superfluous, in another order, or arrays (padding
above all) of another size.  Padding that the compiler inserts anyhow is worth a note.  Where the series
makes KVM_CHECK_EXTENSION return a capability on one more architecture, the sections about the capability
name that architecture, if it has the ioctl or takes the capability in KVM_ENABLE_CAP.

Why
---
VMM authors copy structs out of api.rst.  A copy without the padding, or with the old size of a reserved
array, has members at the wrong offsets.

Bad
---
::

      struct {
              __u8 ar;
              __u8 key;
     +        __u64 old[2];        (the header has "__u8 pad1[6]" in front of it)

Good
----
The same members, in the same order, with the padding.

When to ignore
--------------
The document leaves members out on purpose; "..." in the struct tells the rule so.

What it does not see
--------------------
Differences there were before.  Types of members, and array sizes that are macros.  Structs that are
shown in pieces, such as kvm_run.  Whether the text around is right.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from reviewbot.rulekit import (
    API_RST,
    KVM_HEADERS,
    Context,
    DeclaredMember,
    Fact,
    Finding,
    Problem,
    Section,
    Severity,
    View,
    documented_structs,
    is_padding,
    matches,
    rule,
    several,
    structs,
    userspace_headers,
)

DOCUMENTS = "Documentation/virt/kvm"
CODE = "arch/*/kvm/*.c"
REFERENCE = (
    "Documentation/virt/kvm/review-checklist.rst: the API must be documented in "
    f"{API_RST}; https://lore.kernel.org/r/85399389-9b5a-d72a-5db1-b8418008ad58@redhat.com"
)
ARCHITECTURES = "https://lore.kernel.org/r/aMMba1r3AVdC9cQw@linux.dev"
# What is wrong with a copy, where it is not the layout.
WRONG = {"name": "other names.", "padding": "bytes without a name, and may not clear them."}
LACKS = " lacks padding"
# Ioctls in a section's title, and what handles KVM_ENABLE_CAP.
IOCTL = re.compile(r"\bKVM_(?!CAP_)\w+")
ANYWHERE: tuple[str, ...] = ("",)
ENABLE: tuple[str, ...] = (
    "kvm_vm_ioctl_enable_cap",
    "kvm_vcpu_ioctl_enable_cap",
    "kvm_vm_ioctl_enable_cap_generic",
)
CHECK = "kvm_vm_ioctl_check_extension"
NEW_CASE = re.compile(r"\s*case (KVM_CAP_\w{1,100}):")
# How Architectures: lines call the directories of arch/.
CALLED = {
    "x86": r"x86|i386",
    "arm64": r"arm",
    "riscv": r"risc-?v",
    "powerpc": r"ppc|power",
    "s390": r"s390",
    "mips": r"mips",
    "loongarch": r"loongarch",
}


@rule(
    code="KVM-DOC-002",
    severity=Severity.WARNING,
    touches=(*KVM_HEADERS, DOCUMENTS + "/*.rst", CODE),
)
def struct_text(context: Context) -> Iterator[Finding | Fact]:
    """What differs at the tip and did not at the base."""
    found = context.introduced(differences, touching=(*KVM_HEADERS, DOCUMENTS + "/*.rst"))
    yield from several(found, {LACKS: LACKS.replace("lacks", "lack")}, most=1)
    for (capability, architecture), path in newly_returned(context).items():
        step = next((s for s in context.steps if returns(s.after, path, capability)), None)
        if step is None:
            continue
        for problem in unnamed(context.tip, capability, architecture, path):
            line = returns(step.after, path, capability)
            yield from context.report(
                replace(problem, line=line), patch=step.number, view=step.after
            )


def differences(view: View) -> Iterator[Problem]:
    """Every difference between documents and headers in one tree."""
    seen: set[tuple[str, str, str]] = set()
    for path in view.paths(DOCUMENTS, ".rst"):
        for shown in documented_structs(view, path):
            found = best(view, shown.name, shown.members)
            if found is None:
                continue
            header, problems = found
            for kind, name, text, line in problems:
                if (shown.name, kind, name) in seen:
                    continue
                seen.add((shown.name, kind, name))
                in_header = kind in {"missing", "padding", "size"}
                yield Problem(
                    key=(shown.name, kind, name, text if kind == "size" else ""),
                    title=f"struct {shown.name} in {path.rpartition('/')[2]}{LACKS if kind == 'padding' else ' ' + text}",
                    why=(
                        f"{path}:{shown.line} shows struct {shown.name}, and it {text}; the struct is "
                        f"defined in {header}.  Whoever copies it from there gets "
                        + WRONG.get(kind, "another layout.")
                    ),
                    fix=f"Show the struct as {header} has it, padding included.",
                    reference=REFERENCE,
                    path=header if in_header else path,
                    line=line if in_header else shown.line + line - 1,
                    missing=kind in {"missing", "padding", "extra"},
                    severity=Severity.NOTE if kind in {"name", "padding"} else None,
                )


Difference = tuple[str, str, str, int]
"""Kind, member, what is wrong in the document, and the line in the header or in the block."""


def best(
    view: View, name: str, shown: Sequence[DeclaredMember]
) -> tuple[str, list[Difference]] | None:
    """The header whose struct is nearest (architectures have their own), with the differences."""
    candidates = [
        (path, compare(shown, members))
        for path in userspace_headers()
        if (members := structs(view, path).get(name))
    ]
    return min(candidates, key=lambda each: len(each[1]), default=None)


def compare(
    shown: Sequence[DeclaredMember], declared: Sequence[DeclaredMember]
) -> list[Difference]:
    """What a document's struct has otherwise than the header's."""
    here = {member.name: member for member in shown}
    there = {member.name: member for member in declared}
    lacking = [member for name, member in there.items() if name not in here]
    extra = [member for name, member in here.items() if name not in there]
    found = []
    spare = {(member.type, member.size) for member in extra}
    bare = [m for m in lacking if natural(m) and (m.type, m.size) not in spare]
    if bare:
        names = ", ".join(plain(member) for member in bare)
        found.append(("padding", names, f'lacks "{names}"', bare[0].line))
        lacking = [member for member in lacking if member not in bare]
    for member in lacking:
        twin = next((m for m in extra if (m.type, m.size) == (member.type, member.size)), None)
        if twin:
            extra.remove(twin)
            text = f'calls "{plain(member)}" {twin.name}'
            found.append(("name", twin.name, text, twin.line))
        else:
            found.append(
                ("missing", member.name, f'lacks the member "{plain(member)}"', member.line)
            )
    for member in extra:
        text = f'has a member "{plain(member)}" that the header has not'
        found.append(("extra", member.name, text, member.line))
    for name in here.keys() & there.keys():
        sizes = length(here[name]), length(there[name])
        if None not in sizes and sizes[0] != sizes[1]:
            text = f'has "{plain(here[name])}" where the header has "{plain(there[name])}"'
            found.append(("size", name, text, there[name].line))
    if not found and list(here) != list(there):
        first = next(a for a, b in zip(here, there, strict=True) if a != b)
        found.append(("order", first, f"has {first} at another place", here[first].line))
    return sorted(found)


def natural(member: DeclaredMember) -> bool:
    """Whether a member is padding of so few bytes that a compiler may insert it by itself."""
    return is_padding(member) and "64" not in member.type and (length(member) or 8) < 8


def plain(member: DeclaredMember) -> str:
    """A member as one writes it."""
    size = "" if member.size is None else f"[{member.size}]"
    return f"{member.type} {member.name.rpartition('.')[2]}{size}"


def length(member: DeclaredMember) -> int | None:
    """The number of elements: 1 for no array, 0 for [] and [0], None for a macro."""
    if not member.size:
        return 1 if member.size is None else 0
    try:
        return int(member.size, 0)
    except ValueError:
        return None


def newly_returned(context: Context) -> dict[tuple[str, str], str]:
    """Capabilities that KVM_CHECK_EXTENSION newly knows, by (capability, architecture), with the file."""
    gone = {m[1] for line in removed(context) if (m := NEW_CASE.match(line))}
    found = {}
    for _, path, _, text in context.added_lines(CODE):
        match = NEW_CASE.match(text)
        if match and match[1] not in gone and not returns(context.base, path, match[1]):
            found[match[1], path.split("/")[1]] = path
    return found


def concerned(view: View, section: Section, capability: str, architecture: str) -> bool:
    """Whether the architecture has what the section is about, besides returning the capability.

    KVM_CAP_IRQCHIP is also for KVM_GET_LAPIC; chapters 6 and 7 are about KVM_ENABLE_CAP.
    """
    wanted, functions = IOCTL.findall(section.title), ANYWHERE
    if section.number.partition(".")[0] in {"6", "7"} and capability in section.title:
        wanted, functions = [capability], ENABLE
    if not wanted:
        return True
    for path in (*view.paths(f"arch/{architecture}/kvm/", ".c"), *view.paths("virt/kvm/", ".c")):
        text = view.read(path) or b""
        cases = [name for name in wanted if f"case {name}:".encode() in text]
        if any(view.c(path).mentions(name, one) for name in cases for one in functions):
            return True
    return False


def removed(context: Context) -> Iterator[str]:
    """The lines that the series takes out of KVM's code."""
    for patch in context.series.patches:
        for file in patch.files:
            if matches(file.path, (CODE,)):
                for hunk in file.hunks:
                    yield from (line[1:] for line in hunk.lines if line.startswith("-"))


def returns(view: View, path: str, capability: str) -> int:
    """The line where KVM_CHECK_EXTENSION looks at the capability, 0 for none."""
    if capability.encode() not in (view.read(path) or b""):
        return 0
    return next(iter(view.c(path).mentions(capability, CHECK)), 0)


def unnamed(view: View, capability: str, architecture: str, path: str) -> Iterator[Problem]:
    """Sections about a capability whose Architectures: leaves out one that returns it."""
    word = re.compile(rf"(?<!\w){capability}(?!\w)")
    known = CALLED.get(architecture)
    if not returns(view, path, capability) or not known or not word.search(view.text(API_RST)):
        return
    for section in view.rst().sections:
        listed = section.field("architectures")
        about = word.search(section.title) or word.search(section.field("capability") or "")
        if not listed or not about or re.search(rf"\b(?:all|any)\b|{known}", listed, re.IGNORECASE):
            continue
        if not concerned(view, section, capability, architecture):
            continue
        yield Problem(
            key=(capability, architecture, section.title),
            title=f'section "{section.title}" does not name {architecture}',
            why=(
                f"{path} now returns {capability}, and {API_RST}:{section.line} has "
                f'"Architectures: {listed}".'
            ),
            fix=f"Add {architecture} to Architectures:, and say what is different there.",
            reference=ARCHITECTURES,
            path=path,
            missing=True,
        )
