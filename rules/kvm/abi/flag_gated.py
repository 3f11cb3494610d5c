# SPDX-License-Identifier: GPL-2.0-only
"""What is new in a struct is announced by a flag, and flags are added, not overwritten.

What
----
Code that tells userspace of a new flag ORs it into a ``flags`` member that was initialised before.
A member that a series takes out of the padding of a struct from userspace is not used unless something
says that userspace filled it: a flag, a capability, a quirk, or its value itself.  A new ioctl struct
that has ``flags`` does not carry an on/off switch as a byte of its own (a note).

Why
---
``=`` drops the flags that were set before, or will be when somebody adds one above.  Programs that do
not know the new member leave garbage or zero in what was padding, and KVM would act on it.  Flags
reject what they do not know; a byte that is 0 or 1 needs a check of its own, and seldom gets one.

Bad
---
::

        kvm_state.hdr.svm.flags = KVM_STATE_SVM_VALID_GPAT;

Good
----
::

        kvm_state.hdr.svm.flags |= KVM_STATE_SVM_VALID_GPAT;

When to ignore
--------------
The member means the same when it is zero as when it did not exist; say so in the documentation.

What it does not see
--------------------
Flags that are built in a variable.  Whether the guard of a new member is the right one: any condition on
flags, capabilities, quirks or the member itself in a function that reads it counts.  Structs behind
pointers of other structs, and a switch that is not tested as a truth value.
"""

from collections.abc import Iterable, Iterator

from reviewbot.rulekit import (
    KVM_HEADERS,
    Access,
    Assignment,
    CFile,
    Confidence,
    Context,
    Fact,
    Finding,
    Function,
    Member,
    Needs,
    Problem,
    Record,
    Severity,
    View,
    architectures,
    changes,
    commands,
    defined_anywhere,
    files_of,
    identifiers,
    leaves,
    matches,
    rule,
    within,
)

_SOURCES = ("arch/*/kvm/*.c", "virt/kvm/*.c")
_DIRECTORIES = {"x86_64": "x86", "arm64": "arm64", "riscv64": "riscv", "s390x": "s390"}
_GUARDS = ("flag", "cap", "quirk", "valid", "enabled", "mask", "feature")
_OR = "https://lore.kernel.org/r/aWgJv154AfkrvqfQ@google.com"
_FLAGS = "Documentation/process/botching-up-ioctls.rst"
_SWITCH = "https://lore.kernel.org/r/878quwgwsh.fsf@redhat.com"


@rule(
    code="KVM-ABI-004",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    needs=Needs.BUILD,
    touches=(*KVM_HEADERS, *_SOURCES),
)
def flag_gated(context: Context) -> Iterator[Finding | Fact]:
    """Flags that are overwritten, members read without a guard, switches beside flags."""
    lines = context.added_lines(*_SOURCES)
    assigning = {path for _, path, _, text in lines if "flags = KVM_" in text}
    if assigning:
        yield from context.introduced(lambda view: overwritten(view, assigning), touching=_SOURCES)
    paths = [path for patch in context.series.patches for path in files_of(patch)]
    names = [name for name in architectures(paths) if name in _DIRECTORIES]
    if any(matches(path, KVM_HEADERS) for path in paths):
        yield from context.introduced(
            lambda view: members(context.base, view, names), touching=(*KVM_HEADERS, *_SOURCES)
        )


def overwritten(view: View, paths: set[str]) -> Iterator[Problem]:
    """Flags that are assigned to a member which something has set before."""
    for path in sorted(paths):
        if b"flags = KVM_" not in (view.read(path) or b""):
            continue
        file = view.c(path)
        for access in file.accesses("flags"):
            function = around(file, access.line) if access.written else None
            if function is None:
                continue
            done = file.assignments(function.name)
            for each in done:
                here = (each.target, each.line) == (access.text, access.line)
                if here and announces(view, each) and set_before(file, function, each, done):
                    yield clobbers(path, each)


def announces(view: View, assignment: Assignment) -> bool:
    """Whether the value is a flag of the userspace interface."""
    return (
        assignment.operator == "="
        and assignment.value.startswith("KVM_")
        and assignment.value.replace("_", "").isalnum()
        and defined_anywhere(view, assignment.value)
    )


def set_before(
    file: CFile, function: Function, each: Assignment, done: Iterable[Assignment]
) -> bool:
    """Whether the member has a value already: set above, initialised with its struct, or cleared."""
    if any(other.target == each.target and other.line < each.line for other in done):
        return True
    root = next(iter(identifiers(each.target)))
    if not any(condition.kind == "if" for condition in each.conditions):
        return False  # the one place that sets it
    cleared = (
        call.arguments and root in identifiers(call.arguments[0])
        for call in file.calls("memset", function.name)
        if call.line < each.line
    )
    return f" {root} = {{" in function.text or any(cleared)


def clobbers(path: str, each: Assignment) -> Problem:
    """An ``=`` that should be ``|=``."""
    return Problem(
        key=("overwritten", path, each.function, each.target, each.value),
        title=f"`{each.target}` is overwritten with {each.value}",
        why=f"The member has a value already when {each.function}() comes here. `=` drops every flag "
        "that is set above this line, now or after the next change.",
        fix=f"Use `{each.target} |= {each.value};`.",
        reference=_OR,
        path=path,
        line=each.line,
    )


def members(old: View, new: View, names: list[str]) -> Iterator[Problem]:
    """New members that are used without a guard or only tested, each once."""
    said: set[object] = set()
    for name in names:
        for problem in (*unguarded(old, new, name), *switches(old, new, name)):
            if problem.key not in said:
                said.add(problem.key)
                yield problem


def from_userspace(view: View, name: str) -> frozenset[str]:
    """Tags of structs that an ioctl hands to KVM, nested ones too."""
    taken = [command.record for command in commands(view, name).values() if command.writes]
    return frozenset(within(view.uapi(name), [tag for tag in taken if tag]))


def unguarded(old: View, new: View, name: str) -> Iterator[Problem]:
    """Members out of the padding that are read where nothing asks whether they are filled."""
    taken = from_userspace(new, name)
    for change in changes(old.uapi(name), new.uapi(name)):
        for member in change.added if change.new.name in taken else ():
            padded = set(range(member.offset, member.offset + member.size))
            if member.name == "flags" or not padded <= change.padding_before:
                continue
            reading = list(readers(new, name, member, change.new.name))
            if reading and not any(
                guarded(file, function, member) for file, _, function in reading
            ):
                file, access, function = reading[0]
                yield reads(change.new, member, file.path, access.line, function)


def readers(
    view: View, name: str, member: Member, tag: str
) -> Iterator[tuple[CFile, Access, Function]]:
    """Where KVM reads the member of something that has the struct's type."""
    wanted = (member.name.encode(), tag.encode())
    for place in ("virt/kvm/", f"arch/{_DIRECTORIES[name]}/kvm/"):
        for path in view.paths(place, ".c"):
            text = view.read(path) or b""
            if not all(word in text for word in wanted):
                continue
            file = view.c(path)
            owners = file.names_of_type(tag)
            for access in file.accesses(member.name):
                function = None if access.written else around(file, access.line)
                if function is not None and (access.owner, access.owner_is_field) in owners:
                    yield file, access, function


def guarded(file: CFile, function: Function, member: Member) -> bool:
    """Whether a function asks about flags and the like, or about the member's own value."""
    text = function.text.lower()
    return any(word in text for word in _GUARDS) or any(
        member.name in identifiers(condition.text) for condition in file.conditions(function.name)
    )


def reads(record: Record, member: Member, path: str, line: int, function: Function) -> Problem:
    """A member that old programs do not fill."""
    return Problem(
        key=("unguarded", record.name, member.path),
        title=f"{function.name}() uses `{member.path}` of {record.name} unconditionally",
        why="The bytes were padding. Programs built with the old header pass whatever is there, and KVM "
        "acts on it.",
        fix="Add a flag that says that the member is filled, or let a capability enable it.",
        reference=_FLAGS,
        path=path,
        line=line,
    )


def switches(old: View, new: View, name: str) -> Iterator[Problem]:
    """New structs that have flags, and a byte that is only ever true or false."""
    for tag in sorted(from_userspace(new, name) - old.uapi(name).records.keys()):
        record = new.uapi(name).records[tag]
        if record.member("flags") is None or not matches(record.path, KVM_HEADERS):
            continue
        for member in leaves(record):
            if member.type == "__u8" and not member.elements and truth(new, name, member, tag):
                yield switch(record, member)


def truth(view: View, name: str, member: Member, tag: str) -> bool:
    """Whether code tests the member with ``!`` and never compares it with a constant."""
    tested = compared = False
    for file, access, function in readers(view, name, member, tag):
        for condition in file.conditions(function.name):
            if access.text in condition.text:
                tested |= f"!{access.text}" in condition.text
                compared |= any(sign in condition.text for sign in (" > ", " >= ", " & "))
    return tested and not compared


def switch(record: Record, member: Member) -> Problem:
    """A byte that could be a flag."""
    return Problem(
        key=("switch", record.name, member.path),
        title=f"`{member.path}` of struct {record.name} is a switch beside `flags`",
        why="KVM only asks whether the byte is zero, so 2 to 255 have a meaning that nobody wants and that "
        "can not be changed later.",
        fix=f"Make `{member.path}` a bit of `flags`, or reject values above 1.",
        reference=_SWITCH,
        path=record.path,
        line=member.line,
        severity=Severity.NOTE,
        confidence=Confidence.LOW,
    )


def around(file: CFile, line: int) -> Function | None:
    """The function a line is in."""
    return next((f for f in file.functions.values() if f.line <= line <= f.end), None)
