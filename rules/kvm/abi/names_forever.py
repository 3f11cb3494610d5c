# SPDX-License-Identifier: GPL-2.0-only
"""Names and values of the userspace interface are forever.

What
----
No macro or enumerator of KVM's userspace headers is removed, renamed or given another value, and no
ioctl changes its direction.  A new KVM_CAP number is not taken already (a note: the number is settled
when the series is applied).

Why
---
A program built with the old header goes on passing the old value, which then means something else or
nothing.  One that is built anew no longer compiles when the name is gone.

Bad
---
::

        -#define KVM_REG_PPC_DAWR	(KVM_REG_PPC | KVM_REG_SIZE_U64 | 0xbc)
        +#define KVM_REG_PPC_DAWR0	(KVM_REG_PPC | KVM_REG_SIZE_U64 | 0xbc)

Good
----
::

         #define KVM_REG_PPC_DAWR	(KVM_REG_PPC | KVM_REG_SIZE_U64 | 0xbc)
        +#define KVM_REG_PPC_DAWR0	KVM_REG_PPC_DAWR

When to ignore
--------------
The name has not been in a release yet, or never had a meaning to userspace.

What it does not see
--------------------
Names that count or collect others may change their value: those with MAX, NR, NUM, LAST, COUNT, END,
MASK, VALID, SIZE or ALL in them.  An ioctl number that changes because its struct grew is KVM-ABI-002's.
Constants under an ``#ifdef`` that neither x86 nor the touched architecture takes.  Headers of powerpc, mips
and loongarch are not compiled: there, and without a tree, only a ``#define`` that gets a new name is seen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reviewbot.rulekit import (
    KVM_HEADERS,
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
    architectures,
    defined_anywhere,
    files_of,
    matches,
    rule,
    several,
)

_COLLECTIVE = frozenset(
    ("MAX", "NR", "NUM", "LAST", "COUNT", "END", "MASK", "VALID", "ALL", "SIZE")
)
_IOCTL_TYPE = 0xAE
_AN_API = "The existing names are an API: programs that use this one no longer compile."
_REMOVED = " is removed"
_REFERENCE = "https://lore.kernel.org/r/20200902014908.GA272502@thinks.paulus.ozlabs.org"


# What clang is not asked to compile here.
_TEXT_ONLY = tuple(
    f"arch/{directory}/include/uapi/asm/kvm*.h" for directory in ("loongarch", "mips", "powerpc")
)


@rule(code="KVM-ABI-009", severity=Severity.ERROR, needs=Needs.SERIES, touches=KVM_HEADERS)
def names_forever(context: Context) -> Iterator[Finding | Fact]:
    """Compare each tree with the base, on every architecture whose headers change."""
    yield from renamed(context, _TEXT_ONLY if context.steps else KVM_HEADERS)
    paths = {path for patch in context.series.patches for path in files_of(patch)}
    if all(matches(path, _TEXT_ONLY) for path in paths if matches(path, KVM_HEADERS)):
        return
    if not context.steps:
        raise NoSuchFileError("without a tree only new names for old values are seen")
    names = architectures(paths)
    settled = context.settled  # else the tree has numbers that the author could not know of
    found = context.introduced(
        lambda view: scan(context.base, view, names, numbers=settled), touching=KVM_HEADERS
    )
    yield from several(found, {_REMOVED: " are removed"})


def renamed(context: Context, headers: tuple[str, ...]) -> Iterator[Finding | Fact]:
    """Definitions that a patch takes out, where it adds another name with their value."""
    for patch in context.series.patches:
        for file in patch.files:
            if not matches(file.path, headers):
                continue
            lines = [line for hunk in file.hunks for line in hunk.lines]
            gone_here, fresh = defined(lines, "-"), defined(lines, "+")
            for name, value in gone_here.items():
                heir = next((n for n in kin(name, fresh) if fresh[n] == value), None)
                if heir and not name.startswith("_") and not kept(context, name):
                    problem = replace(rename(name, heir), removed="")
                    line = next(n for h in file.hunks for n, text in added(h) if heir in text)
                    yield context.finding(
                        replace(problem, path=file.path, line=line), patch=patch.number
                    )


def defined(lines: list[str], sign: str) -> dict[str, str]:
    """Object-like macros that lines of a diff define, with their values."""
    found = {}
    for line in lines:
        words = line[1:].split()
        if line.startswith(sign) and words[:1] == ["#define"] and len(words) > 2:
            found[words[1]] = " ".join(words[2:]).partition("/*")[0].strip()
    return found


def kin(name: str, others: Mapping[str, str]) -> Iterator[str]:
    """Names that begin as a name does."""
    stem = name[: max(name.rfind("_"), len("KVM_X86"))]
    return (other for other in others if other.startswith(stem) and other != name)


def kept(context: Context, name: str) -> bool:
    """Whether any patch adds a definition of the name."""
    return any(
        text.split()[:2] == ["#define", name] for _, _, _, text in context.added_lines("*/uapi/*")
    )


def scan(old: View, new: View, names: tuple[str, ...], *, numbers: bool) -> Iterator[Problem]:
    """What is gone, what has another value, and capability numbers taken twice."""
    seen: set[str] = set()
    for name in names:
        if name == "i386":
            continue  # the values that differ from x86_64 are sizes of structs
        before, after = old.constants(name), new.constants(name)
        defined = new.uapi(name).defined
        fresh = [c for c in after.values() if c.name not in before and lasting(c)]
        for constant in before.values():
            if constant.name in seen or not lasting(constant):
                continue
            now = after.get(constant.name)
            problem = None
            if now is None:
                if constant.name not in defined and not defined_anywhere(new, constant.name):
                    problem = gone(constant, fresh)
            elif now.value is not None and constant.value != now.value:
                problem = changed(constant, now)
            if problem is not None:
                seen.add(constant.name)
                yield problem
        if numbers:
            yield from taken_twice(after, before)


def lasting(constant: Constant) -> bool:
    """Whether the constant is KVM's, has a value, and is part of the interface by name."""
    return (
        constant.value is not None
        and matches(constant.path, KVM_HEADERS)
        and not constant.name.startswith("_")
    )


def gone(constant: Constant, fresh: list[Constant]) -> Problem:
    """A name that is no longer there: renamed when a new one of its kind has its value.

    Interfaces that KVM has not served for years are removed at times, so a mere removal is a warning.
    """
    same = {c.name: "" for c in fresh if c.value == constant.value}
    heir = next(kin(constant.name, same), None)
    if heir:
        return rename(constant.name, heir)
    return Problem(
        key=("gone", constant.name),
        title=f"{constant.name}{_REMOVED}",
        why=_AN_API,
        fix=f"Keep {constant.name}.",
        reference=_REFERENCE,
        removed=constant.name,
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
    )


def rename(name: str, heir: str) -> Problem:
    """An old name that is replaced by a new one with its value."""
    return Problem(
        key=("gone", name),
        title=f"{name} is renamed to {heir}",
        why=_AN_API,
        fix=f"Keep {name} as an alias of {heir}.",
        reference=_REFERENCE,
        removed=name,
    )


def changed(was: Constant, now: Constant) -> Problem | None:
    """A name with another value, unless it is meant to follow others."""
    if _COLLECTIVE & set(was.name.split("_")) or was.value is None or now.value is None:
        return None
    if was.value == 0 and was.name.endswith("_PAGE_OFFSET"):
        return None  # 0 says that the architecture does not have the page yet
    if number(was.value) and number(now.value) and (was.value ^ now.value) & 0xFFFF == 0:
        if was.value >> 30 == now.value >> 30:
            return None  # only the size: KVM-ABI-001 and KVM-ABI-002 name the struct
        return Problem(
            key=("value", was.name),
            title=f"{was.name} changes its direction, and with it its number",
            why=f"Programs built with the old header call {was.value:#x}, which the kernel no longer knows.",
            fix="Keep the old definition and add a new ioctl.",
            reference="Documentation/driver-api/ioctl.rst",
            path=now.path,
            line=now.line,
        )
    return Problem(
        key=("value", was.name),
        title=f"{was.name} changes its value from {shown(was.value)} to {shown(now.value)}",
        why="Programs built with the old header go on using the old value, which now means something else.",
        fix="Keep the value; append new constants behind the existing ones.",
        reference="Documentation/virt/kvm/review-checklist.rst",
        path=now.path,
        line=now.line,
    )


def number(value: int) -> bool:
    """Whether a value is one of KVM's ioctl numbers."""
    return 0 <= value < 1 << 32 and (value >> 8) & 0xFF == _IOCTL_TYPE


def shown(value: int) -> str:
    """Small numbers as they are, flags in hex."""
    return str(value) if -1024 < value < 1024 else hex(value)


def taken_twice(
    constants: Mapping[str, Constant], before: Mapping[str, Constant]
) -> Iterator[Problem]:
    """Two capabilities with one number; the one that was there ``before`` has it."""
    owners: dict[int, Constant] = {}
    ours = [one for one in constants.values() if capability(one)]
    for constant in sorted(ours, key=lambda one: (one.name not in before, one.line)):
        first = owners.setdefault(constant.value or 0, constant)
        if first is not constant:
            yield Problem(
                key=("twice", *sorted((constant.name, first.name))),
                title=f"{constant.name} has the number {constant.value} of {first.name}",
                why="KVM_CHECK_EXTENSION can not tell two capabilities with one number apart. On a newer "
                "tree the number may have been taken meanwhile.",
                fix="Take the next free number; the maintainer settles it when applying.",
                reference="Documentation/virt/kvm/review-checklist.rst",
                path=constant.path,
                line=constant.line,
                severity=Severity.NOTE,
                confidence=Confidence.MEDIUM,
            )


def capability(constant: Constant) -> bool:
    """Whether it numbers a capability: ``KVM_CAP_*`` in the list of linux/kvm.h."""
    return (
        constant.name.startswith("KVM_CAP_")
        and constant.path == "include/uapi/linux/kvm.h"
        and constant.value is not None
        and not _COLLECTIVE & set(constant.name.split("_"))
        and 100 <= constant.value < 10000
    )
