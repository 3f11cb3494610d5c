# SPDX-License-Identifier: GPL-2.0-only
"""Unused input from userspace is looked at, so that it can be required to be zero.

What
----
Padding and flags (members named pad, reserved, rsvd, unused or flags) that a series adds to a struct
which userspace hands to KVM by an ioctl are read by some file of KVM that handles the struct: the member
itself, or the whole with memchr_inv() or memcmp().  Documentation that calls such a member reserved says
that it is zero.  A PSCI function that takes one value of its first argument looks at the second, too.

Why
---
A value that old kernels ignore can never get a meaning: programs that pass garbage would break then.

Bad
---
::

        __u64 padding[5];		/* nothing reads it */

Good
----
::

        if (range->flags || memchr_inv(range->padding, 0, sizeof(range->padding)))
                return -EINVAL;

When to ignore
--------------
Compatibility forbids a check.  Accepted code at times has none (KVM_PRE_FAULT_MEMORY): never an error.

What it does not see
--------------------
Whether the value that is read is compared with zero and rejected.  Members that are as old as the
series' base, structs behind pointers (device attributes, KVM_ENABLE_CAP arguments), registers of other
hypercalls; without a tree, all but documents and PSCI.  Silent when it can not tell which struct an access is made on, when no file of KVM names the
struct, for structs that only KVM_GET_ ioctls take, and for padding behind a member that KVM never reads.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from reviewbot.rulekit import (
    API_RST,
    KVM_HEADERS,
    CFile,
    Confidence,
    Context,
    Fact,
    Finding,
    Hunk,
    Layouts,
    Member,
    Needs,
    NoSuchFileError,
    Problem,
    Record,
    Severity,
    Step,
    View,
    added,
    added_cases,
    architectures,
    commands,
    files_of,
    identifiers,
    is_padding,
    kvm_records,
    leaves,
    rule,
    within,
)

_REFERENCE = (
    "Documentation/process/botching-up-ioctls.rst: Check all unused fields and flags and all the "
    "padding for whether it's 0"
)
_PSCI = "arch/arm64/kvm/psci.c"
_UNUSED = frozenset({"pad", "padding", "reserved", "rsvd", "unused"})
_LATER = frozenset({"reserved", "unused", "ignored", "future", "required"})
_ZERO = frozenset({"0", "zero", "zeroed", "zeros", "clear", "cleared"})
_WHOLE = ("memchr_inv", "memcmp", "mem_is_zero")
_DIRECTORIES = {"x86_64": "x86", "arm64": "arm64", "riscv64": "riscv", "s390x": "s390"}
_INTERNAL = ("include/linux/kvm_host.h", "arch/{}/include/asm/kvm_host.h")


@rule(
    code="KVM-ABI-005",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    needs=Needs.SERIES,
    touches=(*KVM_HEADERS, API_RST, _PSCI),
)
def unused_zero(context: Context) -> Iterator[Finding | Fact]:
    """Members from the headers, and what the mails alone show: documentation and PSCI."""
    for patch in context.series.patches:
        for file in patch.files:
            for hunk in file.hunks if file.new_path in {API_RST, _PSCI} else ():
                said = documented(hunk) if file.new_path == API_RST else hypercalls(hunk)
                for problem in said:
                    yield from context.report(problem, patch=patch.number)
    if context.touched(*KVM_HEADERS):
        if not context.steps:
            raise NoSuchFileError("without a tree only documentation and PSCI are looked at")
        yield from members(context)


def documented(hunk: Hunk) -> Iterator[Problem]:
    """New paragraphs on reserved members that do not say what they have to be."""
    number, paragraph = 0, list[str]()
    for line, text in (*added(hunk), (-1, "")):
        if text.strip() and line == number + 1:
            paragraph.append(text)
        else:
            words = " ".join(paragraph).replace("[", " ").replace("``", " ` ").split()
            quoted = [
                b for a, b in pairwise(words) if a == "`" and b.rstrip("0123456789") in _UNUSED
            ]
            plain = {word.strip(".,;:()").lower() for word in words}
            if quoted and plain & _LATER and not plain & _ZERO:
                yield Problem(
                    key=("documented", quoted[0]),
                    title=f"the documentation of `{quoted[0]}` does not say that it is zero",
                    why="A value that nobody has to set or to look at can never get a meaning.",
                    fix=f"Say that `{quoted[0]}` is zero (and make it so).",
                    reference="https://lore.kernel.org/r/YMrkGZzPrt0jA1iP@kroah.com",
                    path=API_RST,
                    line=number - len(paragraph) + 1,
                )
            paragraph = [text] if text.strip() else []
        number = line


def hypercalls(hunk: Hunk) -> Iterator[Problem]:
    """New PSCI functions that insist on their first argument and ignore the second."""
    for case in added_cases(_PSCI, hunk, "PSCI_", "psci_fn"):
        called = {call.name for call in case.calls}
        insists = any("!= PSCI_" in test for test in case.tests) and "_INVALID_PARAMS" in case.text
        if insists and "smccc_get_arg1" in called and "smccc_get_arg2" not in called:
            yield Problem(
                key=("argument", case.name),
                title=f"{case.name} does not look at its second argument",
                why="Arguments without a use must be zero. A guest that passes garbage works today, and "
                "would not with a later version of the specification.",
                fix="Return PSCI_RET_INVALID_PARAMS unless smccc_get_arg2(vcpu) is zero.",
                reference="https://lore.kernel.org/r/ZvwUK34LYeGuBV2H@linux.dev",
                path=_PSCI,
                line=case.line,
                confidence=Confidence.LOW,
            )


def members(context: Context) -> Iterator[Finding | Fact]:
    """Judge the tip: the check may come in any patch.  The patch that adds the member is told."""
    paths = [path for patch in context.series.patches for path in files_of(patch)]
    said: set[str] = set()
    for name in architectures(paths):
        if name not in _DIRECTORIES:
            continue
        for record, fresh, holders in new_input(context.base, context.tip, name):
            ignored = [
                m
                for m in fresh
                if record.name not in said
                and unread(context.tip, name, record, m, holders)
                and not behind_output(context.tip, name, record, m, holders)
            ]
            step = adding(context.steps, name, record.name, ignored)
            if step is not None:
                said.add(record.name)
                problem = say(step.after.uapi(name).records[record.name], ignored)
                yield from context.report(problem, patch=step.number, view=step.after)


def new_input(
    old: View, new: View, name: str
) -> Iterator[tuple[Record, list[Member], frozenset[str]]]:
    """Structs that userspace hands in with their new padding and flags, and what holds them."""
    before, after = kvm_records(old.uapi(name)), new.uapi(name)
    fresh = {}
    for record in kvm_records(after).values():
        was = before.get(record.name)
        known = {member.path for member in was.members} if was else set()
        added = [m for m in leaves(record) if m.path not in known and unused(m)]
        if added:
            fresh[record.name] = added
    if not fresh:
        return
    taken = [
        command.record
        for command in commands(new, name).values()
        if command.writes and "_GET_" not in command.name
    ]
    for tag, holders in within(after, taken).items():
        if tag in fresh:
            yield after.records[tag], fresh[tag], holders


def unused(member: Member) -> bool:
    """Padding and flags; an alternative of a union that only pads it is never input."""
    return (is_padding(member) and not member.union) or member.name == "flags"


def behind_output(
    view: View, name: str, record: Record, member: Member, holders: frozenset[str]
) -> bool:
    """Whether padding follows a member that KVM only fills: then it is output, too."""
    before = [m for m in leaves(record) if m.offset < member.offset and not unused(m)]
    return is_padding(member) and bool(before) and unread(view, name, record, before[-1], holders)


def unread(view: View, name: str, record: Record, member: Member, holders: frozenset[str]) -> bool:
    """Whether files handle the struct and none of them reads the member."""
    tags = (record.name, *sorted(holders))
    files = [view.c(path) for path in sources(view, name) if named(view, path, tags)]
    if not files:
        return False
    owners = owning(files, view.uapi(name), record, member)
    others = frozenset(m.name for m in record.members) - {member.name}
    return not any(reads(file, member, owners, others) for file in files)


def sources(view: View, name: str) -> Iterator[str]:
    """KVM's C files and headers of the architecture, and those of all."""
    directory = _DIRECTORIES[name]
    for place in ("virt/kvm/", f"arch/{directory}/kvm/"):
        yield from (path for path in view.paths(place) if path.endswith((".c", ".h")))
    yield from (p for p in (i.format(directory) for i in _INTERNAL) if view.exists(p))


def named(view: View, path: str, tags: Iterable[str]) -> bool:
    """Whether a file names one of the structs (quickly: bytes, then code)."""
    data = view.read(path) or b""
    return any(tag.encode() in data and view.c(path).mentions(tag) for tag in tags)


def owning(
    files: Iterable[CFile], layouts: Layouts, record: Record, member: Member
) -> frozenset[tuple[str, bool]]:
    """What accesses to the member are made on: (name, whether a field)."""
    inline = member.path.rpartition(".")[0].removesuffix("[]").rpartition(".")[2]
    if inline:
        return frozenset({(inline, True)})
    fields = {
        (other.name, True)
        for outer in kvm_records(layouts).values()
        for other in outer.members
        if other.record == record.name
    }
    return frozenset(fields.union(*(file.names_of_type(record.name) for file in files)))


def reads(
    file: CFile,
    member: Member,
    owners: frozenset[tuple[str, bool]],
    others: frozenset[str],
) -> bool:
    """Whether a file reads the member of one of its owners, or may compare the whole."""
    if any(
        not access.written and (not access.owner or (access.owner, access.owner_is_field) in owners)
        for access in file.accesses(member.name)
    ):
        return True
    whole = {name for name, _ in owners}
    for called in _WHOLE:
        for call in file.calls(called):
            for argument in call.arguments[:2]:  # the third is a length
                named_there = set(identifiers(argument))
                if named_there & whole and not named_there & others:
                    return True
    return any(member.name in identifiers(m.value) for m in file.macros.values() if m.parameters)


def adding(steps: tuple[Step, ...], name: str, record: str, members: list[Member]) -> Step | None:
    """The patch after which the struct first has one of the members; None without members."""
    wanted = {member.path for member in members}

    def there(view: View) -> bool:
        found = view.uapi(name).records.get(record)
        return found is not None and any(member.path in wanted for member in found.members)

    # Headers are compiled for each look; the patch that adds a member nearly always names its struct.
    for step in steps:
        if wanted and _names(step, record) and there(step.after):
            if not there(step.before):
                return step
            break
    return next((step for step in steps if wanted and there(step.after)), None)


def _names(step: Step, record: str) -> bool:
    """Whether a patch adds to a header near the name of a struct."""
    return any(
        record in hunk.section or any(record in line for line in hunk.lines)
        for file in step.patch.files
        if file.path.endswith(".h")
        for hunk in file.hunks
    )


def say(record: Record, members: list[Member]) -> Problem:
    """One finding a struct, at its first such member."""
    names = " and ".join(f"`{member.path}`" for member in members)
    first = record.member(members[0].path)
    return Problem(
        key=record.name,
        title=f"nothing checks that {names} of {record.kind} {record.name} "
        f"{'is' if len(members) == 1 else 'are'} zero",
        why="Userspace hands the struct to KVM, and no file of KVM that handles it reads "
        f"{names}. Programs may pass garbage there, and it can never get a meaning.",
        fix="Return -EINVAL unless unused flags and padding are zero.",
        reference=_REFERENCE,
        path=record.path,
        line=first.line if first else record.line,
        missing=True,
    )
