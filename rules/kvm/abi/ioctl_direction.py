# SPDX-License-Identifier: GPL-2.0-only
"""An ioctl's number is its own, and says which way the data goes.

What
----
No two ioctls of one architecture's KVM headers have the same number, direction and size.  A case of an
ioctl switch that copies to the argument belongs to an _IOR or _IOWR ioctl, one that copies from it to an
_IOW or _IOWR one.

Why
---
strace, seccomp filters, sanitizers and emulators go by the direction bits of the number.  They cannot be
corrected later: another direction is another number, and old programs know only the old one.

Bad
---
::

        #define KVM_GET_TSC_STATE _IOW(KVMIO, 0xd9, struct kvm_tsc_state)

        case KVM_GET_TSC_STATE:
                ...
                if (copy_to_user(argp, &state, sizeof(state)))

Good
----
::

        #define KVM_GET_TSC_STATE _IOR(KVMIO, 0xd9, struct kvm_tsc_state)

When to ignore
--------------
Two ioctls of different file descriptors (VM and vCPU) may share a number, as KVM_GET_ONE_REG does: a
shared number is a warning.  So is an _IOR ioctl that also reads its argument, because such ioctls were
accepted (KVM_ARM_GET_REG_WRITABLE_MASKS).

What it does not see
--------------------
Copies in functions that a case calls, and through other names than ``argp`` and ``arg``.  _IO ioctls that
take a pointer are common and left alone.  Ioctls that are as old as the base, in files that the series
does not touch.
"""

from collections.abc import Iterator, Mapping

from reviewbot.rulekit import (
    KVM_HEADERS,
    CFile,
    Command,
    Confidence,
    Context,
    Fact,
    Finding,
    Needs,
    Problem,
    Severity,
    View,
    architectures,
    commands,
    files_of,
    identifiers,
    rule,
)

_SOURCES = ("virt/kvm/*.c", "arch/*/kvm/*.c")
_DIRECTORIES = {"x86_64": "x86", "arm64": "arm64", "riscv64": "riscv", "s390x": "s390"}
_REFERENCE = "Documentation/userspace-api/ioctl/ioctl-number.rst"
_TO = {"copy_to_user": 0, "put_user": 1}
_FROM = {"copy_from_user": 1, "get_user": 1, "memdup_user": 0, "copy_struct_from_user": 2}
_ARGUMENT = frozenset({"argp", "arg"})


@rule(
    code="KVM-ABI-008",
    severity=Severity.ERROR,
    needs=Needs.BUILD,
    touches=(*KVM_HEADERS, *_SOURCES),
)
def ioctl_direction(context: Context) -> Iterator[Finding | Fact]:
    """Judge ioctls that are new, and handlers in files that the series touches."""
    hints = ("_IO", "case KVM_", *_TO, *_FROM)
    lines = context.added_lines(*KVM_HEADERS, *_SOURCES)
    hinted = {path for _, path, _, text in lines if any(hint in text for hint in hints)}
    if not hinted:
        return  # large files need not be parsed for a series that has nothing to do with ioctls
    names = served({path for patch in context.series.patches for path in files_of(patch)})
    yield from context.introduced(
        lambda view: scan(context.base, view, names, hinted), touching=(*KVM_HEADERS, *_SOURCES)
    )


def served(paths: set[str]) -> list[str]:
    """The architectures whose headers or handlers the series touches, i386 left out."""
    found = [name for name in architectures(paths) if name in _DIRECTORIES]
    for name, directory in _DIRECTORIES.items():
        if name not in found and any(path.startswith(f"arch/{directory}/kvm/") for path in paths):
            found.append(name)
    return found


def scan(old: View, new: View, names: list[str], paths: set[str]) -> Iterator[Problem]:
    """Shared numbers and wrong directions, each once."""
    said: set[object] = set()
    for name in names:
        known, found = commands(old, name), commands(new, name)
        fresh = {n for n, command in found.items() if n not in known or differs(known[n], command)}
        for problem in (*shared(found), *misdirected(new, name, found, fresh, paths)):
            if problem.key not in said:
                said.add(problem.key)
                yield problem


def differs(was: Command, now: Command) -> bool:
    """Whether an ioctl has another number or direction.  Its size is its struct's affair."""
    return (was.number, was.reads, was.writes) != (now.number, now.reads, now.writes)


def shared(found: Mapping[str, Command]) -> Iterator[Problem]:
    """Ioctls with one and the same number."""
    first: dict[int, Command] = {}
    for command in found.values():
        other = first.setdefault(command.value, command)
        if other is command:
            continue
        yield Problem(
            key=frozenset({command.name, other.name}),
            title=f"{command.name} has the number of {other.name}",
            why=f"Both are {command.value:#x}. No switch can tell them apart, and strace and seccomp filters "
            "take one for the other.",
            fix="Use the next free number of include/uapi/linux/kvm.h.",
            reference=_REFERENCE,
            path=command.path,
            line=command.line,
            severity=Severity.WARNING,
            confidence=Confidence.MEDIUM,
        )


def misdirected(
    view: View, name: str, found: Mapping[str, Command], fresh: set[str], paths: set[str]
) -> Iterator[Problem]:
    """Cases that copy in a direction which the number does not say."""
    for path in handlers(view, name, fresh, paths):
        file = view.c(path)
        called = {call.function for copy in (*_TO, *_FROM) for call in file.calls(copy)}
        for function in sorted(name for name in called if name.endswith("ioctl")):
            for case in file.switch_cases(function):
                for label in case.labels:
                    command = found.get(label) if path in paths or label in fresh else None
                    if command is not None and (command.reads or command.writes):
                        yield from against(file, function, case.labels, command)


def handlers(view: View, name: str, fresh: set[str], paths: set[str]) -> Iterator[str]:
    """Files of the architecture that the series changes, and those that have a new ioctl's name."""
    for place in ("virt/kvm/", f"arch/{_DIRECTORIES[name]}/kvm/"):
        if not fresh:
            yield from sorted(
                p for p in paths if p.startswith(place) and p.endswith(".c") and view.exists(p)
            )
            continue
        for path in view.paths(place, ".c"):
            if path in paths or any(n.encode() in (view.read(path) or b"") for n in fresh):
                yield path


def against(
    file: CFile, function: str, labels: tuple[str, ...], command: Command
) -> Iterator[Problem]:
    """The first copy of each direction in the case that the ioctl's number does not allow."""
    for functions, allowed, wanted in (
        (_TO, command.reads, "reads the result"),
        (_FROM, command.writes, "hands in data"),
    ):
        line = None if allowed else copies(file, function, labels, functions)
        if line is None:
            continue
        direction = "_IOW" if command.writes else "_IOR"
        yield Problem(
            key=(command.name, wanted),
            title=f"{command.name} is {direction}, but its handler "
            f"{'fills' if functions is _TO else 'reads'} the argument",
            why=f"{direction} does not say that userspace {wanted}. Tools that go by the number treat the "
            "argument wrongly, and it cannot be corrected once it is in a release.",
            fix="Define it with the macro that says what the handler does "
            f"({'_IOR' if functions is _TO else '_IOW'}, or _IOWR for both).",
            reference=_REFERENCE,
            path=file.path,
            line=line,
            severity=None if functions is _TO else Severity.WARNING,
            confidence=None if functions is _TO else Confidence.MEDIUM,
        )


def copies(
    file: CFile, function: str, labels: tuple[str, ...], functions: Mapping[str, int]
) -> int | None:
    """The line of the first copy to or from the ioctl's own argument in one case."""
    lines = [
        call.line
        for name, position in functions.items()
        for call in file.calls(name, function)
        if any(c.kind == "case" and c.text in labels for c in call.conditions)
        and len(call.arguments) > position
        and _ARGUMENT & set(identifiers(call.arguments[position]))
    ]
    return min(lines, default=None)
