# SPDX-License-Identifier: GPL-2.0-only
"""A new flag is in the mask that its handler checks.

What
----
A new bit of a flags field is part of the mask that says which bits are valid (for instance
KVM_MSR_FILTER_VALID_MASK for KVM_MSR_FILTER_DEFAULT_*), wherever the tree defines that mask.  Flags of
userspace that become a write and an instruction fetch in one page walk exclude each other (a warning).
Code of all architectures does not accept a new flag that only one of them implements (a warning).

Why
---
KVM rejects every bit outside the mask with -EINVAL.  A flag that is not in it can not be used; and
when the handler was changed not to check, bits without a meaning are accepted for ever.  No CPU fetches and
writes in one access, and an architecture that accepts a flag which it ignores can never implement it.

Bad
---
::

         #define KVM_MSR_EXIT_REASON_FILTER	(1 << 2)
        +#define KVM_MSR_EXIT_REASON_TRACE	(1 << 3)
         #define KVM_MSR_EXIT_REASON_VALID_MASK	(KVM_MSR_EXIT_REASON_INVAL | ...FILTER)

Good
----
::

        +#define KVM_MSR_EXIT_REASON_TRACE	(1 << 3)
         #define KVM_MSR_EXIT_REASON_VALID_MASK	(... | KVM_MSR_EXIT_REASON_TRACE)

When to ignore
--------------
The bit is only ever reported by the kernel and never accepted from userspace.

What it does not see
--------------------
Masks it does not know, handlers that list the bits themselves, and other bits that exclude each other.
A flag that generic code accepts in other ways than by assigning it to something called "valid".
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reviewbot.rulekit import (
    KVM_HEADERS,
    CFile,
    Confidence,
    Constant,
    Context,
    Fact,
    Finding,
    Needs,
    NoSuchFileError,
    Problem,
    Severity,
    View,
    added,
    identifiers,
    matches,
    rule,
)

_MASKS = {
    "KVM_MSR_FILTER_VALID_MASK": ("KVM_MSR_FILTER_DEFAULT_",),
    "KVM_MSR_FILTER_RANGE_VALID_MASK": ("KVM_MSR_FILTER_READ", "KVM_MSR_FILTER_WRITE"),
    "KVM_MSR_EXIT_REASON_VALID_MASK": ("KVM_MSR_EXIT_REASON_",),
    "KVM_X2APIC_API_VALID_FLAGS": ("KVM_X2APIC_API_", "KVM_X2APIC_ENABLE_", "KVM_X2APIC_DISABLE_"),
    "KVM_BUS_LOCK_DETECTION_VALID_MODE": ("KVM_BUS_LOCK_DETECTION_",),
    "KVM_CAP_PMU_VALID_MASK": ("KVM_PMU_CAP_",),
    "KVM_PMU_EVENT_FLAGS_VALID_MASK": ("KVM_PMU_EVENT_FLAG_",),
    "KVM_X86_NOTIFY_VMEXIT_VALID_BITS": ("KVM_X86_NOTIFY_VMEXIT_",),
    "KVM_X86_DISABLE_VALID_EXITS": ("KVM_X86_DISABLE_EXITS_",),
    "KVM_GUESTDBG_VALID_MASK": ("KVM_GUESTDBG_",),
}
"""Masks that reject, and what the names of their bits start with.  Only those whose bits all come from
userspace: KVM_CLOCK_* for instance also has bits that only the kernel sets."""

_PLACES = (
    "arch/x86/include/uapi/asm/kvm.h",
    "include/uapi/linux/kvm.h",
    "arch/x86/include/asm/kvm_host.h",
    "arch/x86/kvm/x86.h",
    "arch/x86/kvm/x86.c",
    "include/linux/kvm_host.h",
)


_SOURCES = ("arch/x86/kvm/*.c", "virt/kvm/*.c")
_WRITE, _FETCH = "PFERR_WRITE_MASK", "PFERR_FETCH_MASK"
_DIRECTORIES = ("arm64", "loongarch", "mips", "powerpc", "riscv", "s390", "x86")


@rule(
    code="KVM-ABI-006",
    severity=Severity.ERROR,
    needs=Needs.SERIES,
    touches=(*KVM_HEADERS, *_SOURCES),
)
def valid_mask(context: Context) -> Iterator[Finding | Fact]:
    """Masks and bits of each tree; gaps that were there before are in the base too."""
    if not context.steps:
        yield from added_walks(context)
        raise NoSuchFileError("masks and who uses a flag can not be seen without a tree")
    words = (*_MASKS, *(prefix for prefixes in _MASKS.values() for prefix in prefixes))
    if any(word in patch.diff for patch in context.series.patches for word in words):
        yield from context.introduced(scan, touching=(*KVM_HEADERS, *_PLACES))
    lines = [(path, text) for _, path, _, text in context.added_lines(*_SOURCES)]
    walking = {path for path, text in lines if _FETCH in text or _WRITE in text}
    if walking:
        yield from context.introduced(lambda view: walks(view, walking), touching=_SOURCES)
    accepting = {path for path, text in lines if path.startswith("virt/") and "valid" in text}
    if accepting:
        known = context.base.constants()
        yield from context.introduced(
            lambda view: foreign(view, accepting, known),
            touching=(*KVM_HEADERS, "arch/*/kvm/*.c", "virt/kvm/*.c"),
        )


def scan(view: View) -> Iterator[Problem]:
    """Every known bit that its mask lacks."""
    constants = view.constants("x86_64")
    bits = [c for c in constants.values() if c.value and matches(c.path, KVM_HEADERS)]
    for path in _PLACES:
        text = view.read(path) or b""
        names = [name for name in _MASKS if name.encode() in text]
        if not names:
            continue
        for name, mask in view.values(path, names).items():
            if mask is not None:
                yield from lacking(name, mask, bits)


def lacking(name: str, mask: int, bits: list[Constant]) -> Iterator[Problem]:
    """Bits of one mask that are not in it."""
    for bit in bits:
        if bit.value is None or not bit.name.startswith(_MASKS[name]) or bit.name in _MASKS:
            continue
        if bit.value & (bit.value - 1) == 0 and not bit.value & mask:
            yield Problem(
                key=(name, bit.name),
                title=f"{bit.name} is not in {name}",
                why=f"{name} is {mask:#x}, so a request with {bit.name} ({bit.value:#x}) is rejected with "
                "-EINVAL, or the check was lost and any bit is accepted.",
                fix=f"Add {bit.name} to {name} in the patch that implements it.",
                reference="Documentation/process/botching-up-ioctls.rst",
                path=bit.path,
                line=bit.line,
                missing=True,
            )


def added_walks(context: Context) -> Iterator[Finding | Fact]:
    """The same in functions that a hunk adds whole."""
    for patch in context.series.patches:
        for file in patch.files:
            for hunk in file.hunks if matches(file.path, _SOURCES) else ():
                lines = list(added(hunk))
                source = CFile(file.path, "\n".join(text for _, text in lines).encode())
                for problem in walks_in(source):
                    number = lines[problem.line - 1][0]
                    yield from context.report(replace(problem, line=number), patch=patch.number)


def walks(view: View, paths: set[str]) -> Iterator[Problem]:
    """Functions that make a write and a fetch of two flags which may be set together."""
    for path in sorted(paths):
        text = view.read(path) or b""
        if _WRITE.encode() in text and _FETCH.encode() in text:
            yield from walks_in(view.c(path))


def walks_in(file: CFile) -> Iterator[Problem]:
    """Such functions of one file."""
    for function in file.functions.values():
        if _WRITE not in function.text or _FETCH not in function.text:
            continue
        writes, fetches = (flags_for(file, function.name, mask) for mask in (_WRITE, _FETCH))
        for subject, (write, _) in writes.items():
            fetch, line = fetches.get(subject, ("", 0))
            if fetch and fetch != write and not told_apart(file, write, fetch):
                yield both(file.path, line, write, fetch)


def flags_for(file: CFile, function: str, mask: str) -> dict[str, tuple[str, int]]:
    """Where ``if (subject & FLAG)`` adds ``mask`` to something: subject -> (FLAG, line)."""
    found = {}
    for each in file.assignments(function):
        inner = each.conditions[-1] if each.conditions else None
        if each.operator == "|=" and each.value == mask and inner and inner.kind == "if":
            subject, _, flag = inner.text.partition(" & ")
            if flag.isidentifier() and subject.endswith(("access", "flags")):
                found[subject] = (flag, each.line)
    return found


def told_apart(file: CFile, write: str, fetch: str) -> bool:
    """Whether any condition of the file has both flags."""
    return any(
        {write, fetch} <= set(identifiers(condition.text))
        for function in file.functions.values()
        if write in function.text and fetch in function.text
        for condition in file.conditions(function.name)
    )


def both(path: str, line: int, write: str, fetch: str) -> Problem:
    """Two kinds of access that no CPU makes at once."""
    return Problem(
        key=("both", write, fetch),
        title=f"{write} and {fetch} are not rejected together",
        why=f"No CPU writes and fetches in one access: a walk with {_WRITE} and {_FETCH} has no meaning "
        "in hardware, and one that is accepted can not be rejected later.",
        fix=f"Return -EINVAL when {write} and {fetch} are both set.",
        reference="https://lore.kernel.org/r/Z1oM1HQqXrIr1tij@google.com",
        path=path,
        line=line,
        missing=True,
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
    )


def foreign(view: View, paths: set[str], known: Mapping[str, Constant]) -> Iterator[Problem]:
    """New flags that code of all architectures accepts and only one architecture has a use for."""
    constants = view.constants()
    for path in sorted(path for path in paths if view.exists(path)):
        file = view.c(path)
        for name, line in file.identifiers("KVM_"):
            target, _, value = view.line(path, line).partition("=")
            accepts = "valid" in target and name in identifiers(value)
            new = name in constants and name not in known
            if new and accepts and not guarded(view, file, line):
                users = implementers(view, name)
                if len(users) == 1:
                    yield accepted(path, line, name, users[0])


def guarded(view: View, file: CFile, line: int) -> bool:
    """Whether a line is below an ``if`` or an ``#if``."""
    depth = 0
    for number in range(line - 1, 0, -1):
        text = view.line(file.path, number)
        if text.startswith("#endif"):
            depth += 1
        elif text.startswith("#if"):
            if not depth:
                return True
            depth -= 1
    function = next((f for f in file.functions.values() if f.line <= line <= f.end), None)
    return function is None or any(
        condition.kind != "exit"
        for each in file.assignments(function.name)
        if each.line == line
        for condition in each.conditions
    )


def implementers(view: View, name: str) -> list[str]:
    """Architectures whose KVM uses a constant."""
    wanted = name.encode()
    return [
        directory
        for directory in _DIRECTORIES
        if any(wanted in (view.read(p) or b"") for p in view.paths(f"arch/{directory}/kvm/", ".c"))
    ]


def accepted(path: str, line: int, name: str, directory: str) -> Problem:
    """One flag that means nothing to the other architectures."""
    return Problem(
        key=("accepted", name),
        title=f"{name} is accepted by all architectures and used by {directory} only",
        why="Elsewhere userspace may set the flag and nothing happens. It can not get a meaning there later, "
        "because programs that set it work already.",
        fix=f"Accept it only where it is implemented, for instance below an #ifdef of a symbol that "
        f"{directory} selects.",
        reference="https://lore.kernel.org/r/20240515180324.GF168153@ls.amr.corp.intel.com",
        path=path,
        line=line,
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
    )
