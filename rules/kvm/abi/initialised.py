# SPDX-License-Identifier: GPL-2.0-only
"""What KVM hands to userspace is initialised to the last byte.

What
----
A struct on the stack that is copied to userspace is zeroed, or all its members (padding included) are
assigned.  Code that sets some members of an exit of struct kvm_run sets those that a series adds, too.

Why
---
What else is in these bytes leaks to userspace: kernel stack, or the data of an earlier exit.  And
garbage in padding and flags today keeps KVM from giving them a meaning.

Bad
---
::

        struct kvm_clock_data data;

        data.clock = get_kvmclock_ns(kvm);
        if (copy_to_user(argp, &data, sizeof(data)))

Good
----
::

        struct kvm_clock_data data = {};

When to ignore
--------------
The member is input: userspace fills it before it runs the vCPU again.

What it does not see
--------------------
Structs whose address is given to another function, which may fill them; memory from kmalloc(); assignments
on some paths only.  A member of an exit that code reads is taken for input.  Arrays of data with a count,
and exits whose members are in structs of their own.
"""

from collections.abc import Iterable, Iterator, Mapping

from reviewbot.rulekit import (
    KVM_HEADERS,
    Call,
    CFile,
    Condition,
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
    identifiers,
    is_padding,
    kvm_records,
    leaves,
    matches,
    rule,
    several,
)

_STALE = " is left as it was by "
_SOURCES = ("arch/*/kvm/*.c", "virt/kvm/*.c")
_HEADER = "include/uapi/linux/kvm.h"
_ARCHITECTURES = {"arm64": "arm64", "riscv": "riscv64", "s390": "s390x", "x86": "x86_64"}
_HINTS = ("copy_to_user", "memset", "= {")
_FILLS = ("memset", "memcpy", "strscpy", "strcpy", "strncpy", "strscpy_pad", "get_random_bytes")
_REFERENCE = "Documentation/process/botching-up-ioctls.rst"


@rule(
    code="KVM-ABI-007",
    severity=Severity.ERROR,
    needs=Needs.BUILD,
    touches=(*_SOURCES, *KVM_HEADERS),
)
def initialised(context: Context) -> Iterator[Finding | Fact]:
    """Structs on the stack in files that change such code, and new members of exits."""
    hinted = {
        file.path
        for patch in context.series.patches
        for file in patch.files
        if matches(file.path, _SOURCES)
        and any(hint in line for hunk in file.hunks for line in hunk.lines for hint in _HINTS)
    }
    yield from context.introduced(lambda view: leaks(view, hinted), touching=_SOURCES)
    if context.touched(_HEADER):
        touching = (_HEADER, *_SOURCES)
        found = context.introduced(lambda view: stale(context.base, view), touching=touching)
        yield from several(found, {_STALE: " are left as they were by "}, most=1)


def leaks(view: View, paths: set[str]) -> Iterator[Problem]:
    """Structs on the stack that are copied out before every byte has a value."""
    for path in sorted(paths):
        if b"copy_to_user(" not in (view.read(path) or b""):
            continue
        file = view.c(path)
        architecture = _ARCHITECTURES.get(path.split("/")[1].replace("kvm", "x86"))
        records = kvm_records(view.uapi(architecture)) if architecture else {}
        for call in file.calls("copy_to_user"):
            if len(call.arguments) < 3 or not call.arguments[1].startswith("&"):
                continue
            name = call.arguments[1][1:]
            scope = Scope(file, call)
            record = scope.declared(name, records) if name.isidentifier() else None
            if record is None or call.arguments[2] not in {
                f"sizeof({name})",
                f"sizeof(struct {record.name})",
            }:
                continue
            if missing := unset(scope, name, record):
                yield leak(path, call, record, missing)


class Scope:
    """What stands in the same function as a call, or in the same case of its switch."""

    def __init__(self, file: CFile, call: Call) -> None:
        self.file = file
        self.function = call.function
        function = file.functions.get(call.function)
        self.text = function.text if function else ""
        self.labels: frozenset[str] = frozenset()
        label = next((c.text for c in reversed(call.conditions) if c.kind == "case"), None)
        for case in file.switch_cases(call.function) if label else ():
            if label in case.labels:
                self.text, self.labels = case.body, frozenset(case.labels)

    def declared(self, name: str, records: Mapping[str, Record]) -> Record | None:
        """The struct that ``name`` is declared as, once, without a value."""
        if self.text.count(f" {name};") + self.text.count(f" {name},") != 1:
            return None
        return next((r for r in records.values() if f"struct {r.name} {name};" in self.text), None)

    def calls(self) -> list[Call]:
        """Calls in the scope."""
        return [c for c in self.file.calls_in(self.function) if self._here(c.conditions)]

    def targets(self) -> set[str]:
        """What is assigned in the scope."""
        done = self.file.assignments(self.function)
        return {each.target for each in done if self._here(each.conditions)}

    def _here(self, conditions: Iterable[Condition]) -> bool:
        return not self.labels or any(c.text in self.labels for c in conditions if c.kind == "case")


def unset(scope: Scope, name: str, record: Record) -> tuple[str, ...]:
    """What has no value: members, or "padding" where the compiler adds bytes; () when not decidable."""
    calls = scope.calls()
    given = [(call, n) for call in calls for n, a in enumerate(call.arguments) if a == f"&{name}"]
    if len(given) != scope.text.count(f"&{name}"):
        return ()
    known = scope.targets() | {c.arguments[0] for c in calls if c.name in _FILLS and c.arguments}
    for call, position in given:
        if call.name != "copy_to_user":
            filled = fills(scope.file, call.name, position)
            if filled is None:
                return ()
            known |= {f"{name}.{each}" if each else name for each in filled}
    known = {target.partition("[")[0].removeprefix("&") for target in known}
    data = [member.path for member in leaves(record) if not member.union]
    missing = tuple(path for path in data if not covered(f"{name}.{path}", known))
    if len(missing) == len(data):
        return ()  # filled in a way that is not seen here
    return missing or (("padding",) if record.holes and name not in known else ())


def fills(file: CFile, name: str, position: int) -> set[str] | None:
    """Members that a function of the file sets through a pointer it is given, "" for all of them.

    None when it can not be told: the function is elsewhere, or hands the pointer on.
    """
    function = file.functions.get(name)
    if function is None or position >= len(function.parameters):
        return None
    pointer = (identifiers(function.parameters[position]) or [""])[-1]
    found = {each.target for each in file.assignments(name)}
    for call in file.calls_in(name):
        if call.name in _FILLS and call.arguments:
            found.add(call.arguments[0].removeprefix("&"))
        elif pointer in call.arguments:
            return None
    own = (target for target in found if identifiers(target)[:1] == [pointer])
    return {target.partition("->")[2].partition("[")[0] for target in own}


def covered(path: str, known: set[str]) -> bool:
    """Whether a member, a struct around it or a part of it is assigned."""
    return any(
        path == target or path.startswith(f"{target}.") or target.startswith(f"{path}.")
        for target in known
    )


def leak(path: str, call: Call, record: Record, missing: tuple[str, ...]) -> Problem:
    """One struct that is copied out unfinished."""
    name = call.arguments[1][1:]
    what = "its padding" if missing == ("padding",) else " and ".join(f"`{m}`" for m in missing)
    return Problem(
        key=("leak", path, call.function, name),
        title=f"{call.function}() copies struct {record.name} to userspace without setting {what}",
        why=f"`{name}` is on the stack and not zeroed: these bytes are whatever was there before, and "
        "leak to userspace.",
        fix=f"Declare it `struct {record.name} {name} = {{}};`"
        + (" and memset() it, because of the holes." if record.holes else "."),
        reference=_REFERENCE,
        path=path,
        line=call.line,
    )


def stale(old: View, new: View) -> Iterator[Problem]:
    """New members of exits that code which sets the exit leaves as they were."""
    before, after = (view.uapi("x86_64").records.get("kvm_run") for view in (old, new))
    if before is None or after is None:
        return
    exits: dict[str, list[Member]] = {}
    for member in leaves(after):
        owner = member.path.rpartition(".")[0]
        fresh = owner and "." not in owner and before.member(member.path) is None
        if fresh and not shared(after, member) and (member.elements is None or is_padding(member)):
            exits.setdefault(owner, []).append(member)
    for owner, members in exits.items():
        files = [
            new.c(path)
            for place in ("virt/kvm/", "arch/")
            for path in new.paths(place, ".c")
            if matches(path, _SOURCES) and f">{owner}.".encode() in (new.read(path) or b"")
        ]
        output = [member for member in members if not taken(files, owner, member)]
        for file in files:
            yield from forgotten(file, owner, output, after)


def taken(files: list[CFile], owner: str, member: Member) -> bool:
    """Whether KVM reads the member of the exit: then userspace fills it."""
    reads = (access for file in files for access in file.accesses(member.name))
    return any(access.owner == owner and not access.written for access in reads)


def shared(run: Record, member: Member) -> bool:
    """Whether another member of the same exit lies on the same bits."""
    owner = member.path.rpartition(".")[0]
    return any(
        other.path != member.path
        and other.path.rpartition(".")[0] == owner
        and other.offset_bits < member.offset_bits + member.size_bits
        and member.offset_bits < other.offset_bits + other.size_bits
        for other in run.members
    )


def forgotten(file: CFile, owner: str, members: list[Member], run: Record) -> Iterator[Problem]:
    """Functions of a file that set some of an exit's members and not others."""
    siblings = {m.name for m in run.members if m.path.startswith(f"{owner}.")}
    for function in file.functions.values():
        if f">{owner}." not in function.text or "exit_reason" not in function.text:
            continue
        done = {below(each.target, owner) for each in file.assignments(function.name)}
        given = {
            below(argument, owner)
            for call in file.calls_in(function.name)
            for argument in call.arguments
        }
        if "" in given | done or not done & siblings:
            continue
        for member in members:
            if member.name not in done | given:
                yield left(file.path, function, owner, member)


def below(text: str, owner: str) -> str | None:
    """``data`` for ``vcpu->run->msr.data``, "" for the whole of it, None for anything else."""
    names = identifiers(text)
    if owner not in names[1:]:
        return None
    return next(iter(names[names.index(owner, 1) + 1 :]), "")


def left(path: str, function: Function, owner: str, member: Member) -> Problem:
    """One member of an exit that keeps an old value."""
    return Problem(
        key=("stale", path, function.name, owner, member.name),
        title=f"`run->{owner}.{member.name}`{_STALE}{function.name}()",
        why="The exits share their memory in struct kvm_run, so userspace reads the data of an earlier "
        "exit there.",
        fix=f"Set it, or clear the exit with memset(&run->{owner}, 0, sizeof(run->{owner})) first.",
        reference=_REFERENCE,
        path=path,
        line=function.line,
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
    )
