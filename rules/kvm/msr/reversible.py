# SPDX-License-Identifier: GPL-2.0-only
"""What KVM turns on because of the guest's CPUID, it turns off when CPUID changes.

What
----
New code that disables the intercept of an MSR or an instruction, or sets a bit of a VMCS or VMCB
control, under a condition that asks for the guest's CPUID (guest_cpuid_has(), guest_cpu_cap_has(),
guest_can_use()) has the reverse for the same MSR or bit somewhere in the vendor's code.  A flag that
the same code, or a WRMSR with a non-zero value, sets to true is set to something else somewhere (for
WRMSR a warning).

Why
---
Userspace may call KVM_SET_CPUID2 several times before it runs the vCPU, and a guest may write an MSR
back to zero.  What is only ever turned on stays on for a guest that does not have the feature, and that
guest then reaches state of the host.

Bad
---
::

    if (guest_cpuid_has(vcpu, X86_FEATURE_FRED))
        vmx_disable_intercept_for_msr(vcpu, MSR_IA32_FRED_RSP1, MSR_TYPE_RW);

Good
----
::

    vmx_set_intercept_for_msr(vcpu, MSR_IA32_FRED_RSP1, MSR_TYPE_RW,
                              !guest_cpuid_has(vcpu, X86_FEATURE_FRED));

When to ignore
--------------
The function starts from "all intercepted" each time it runs.

What it does not see
--------------------
Conditions that are kept in a variable first, MSRs that are variables, and reverses that run at the
wrong time or under the wrong condition.  Where the files are not to be had, the mails are judged, with
less certainty (a warning).  Passing an MSR through at its first write (XFD, SPEC_CTRL) is
one way by design and no finding; neither are functions that create or reset a vCPU.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from reviewbot.rulekit import (
    BLOCKING_CALLS,
    MSR_CALLS,
    PASSING_CALLS,
    Assignment,
    Call,
    CFile,
    Confidence,
    Context,
    Fact,
    Finding,
    Needs,
    Problem,
    Severity,
    View,
    asks_guest,
    constants,
    fragments,
    rule,
    switching,
)

SOURCES = ("arch/x86/kvm/vmx/*.c", "arch/x86/kvm/svm/*.c")
CREATING = ("init", "create", "reset", "hardware_setup", "set_msr", "get_msr")
AFTER_CPUID = "after_set_cpuid"
VALUE, MARKS = "data", str.maketrans("!&|()=<>", "        ")
ALL_INTERCEPTED = ("0xff", "bitmap_fill(", "bitmap_set(")
ONE = ("1", "true")
SIGNS = (*PASSING_CALLS, "= true", "= 1", "vmcb->control")
REFERENCE = "https://lore.kernel.org/r/ZUyjPtaxOgDQQUwA@chao-email"
FLAG_REFERENCE = "https://lore.kernel.org/r/YcunSb52LlGKT7dC@google.com"
Names = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Something that is turned on: its kind, its names (an MSR, bits of a control), where."""

    kind: str
    names: frozenset[str]
    function: str
    path: str
    line: int


@rule(
    code="KVM-MSR-003",
    severity=Severity.ERROR,
    confidence=Confidence.MEDIUM,
    needs=Needs.SERIES,
    touches=SOURCES,
)
def reversible(context: Context) -> Iterator[Finding | Fact]:
    """What is newly turned on and never off."""
    if not context.steps:
        yield from from_mails(context)
        return
    paths = context.changed_files(*SOURCES, words=SIGNS)
    if paths:
        before = stuck(context, context.base, paths)
        old = frozenset((item.kind, name) for item in before for name in item.names)
        yield from context.introduced(
            partial(scan, context=context, paths=paths, old=old), touching=paths
        )


def from_mails(context: Context) -> Iterator[Finding]:
    """What the mails alone say, where nobody has the files: names that they do not show otherwise."""
    parts = tuple(fragments(context.series, *SOURCES))
    off = frozenset(each for part in parts for each in off_in(part.source))
    known: set[str] = set()
    leaving: set[str] = set()
    groups: dict[tuple[int, str, str], list[Switch]] = {}
    for part in parts:
        known |= part.known_words
        calls = [*guarded_calls(part.source, leaving)]
        leaving |= {each.function for each in calls if asks_guest(each.conditions, "exit")}
        items = [item for call in calls for item in switched_on(call, part.path)]
        items += sticky_flags(part.source, part.path)
        for item in items:
            left = frozenset(n for n in item.names if (item.kind, n) not in off and n not in known)
            other = any(other_values(each.source, n) for each in parts for n in left)
            if left and item.line in part.added and not other:
                here = replace(item, names=left, line=part.added[item.line])
                groups.setdefault((part.patch.number, item.function, item.kind), []).append(here)
    for (number, function, kind), found in groups.items():
        unsure = _problem(function, kind, found, frozenset())
        unsure = replace(unsure, severity=Severity.WARNING, confidence=Confidence.LOW)
        yield from context.report(unsure, patch=number)


def scan(view: View, context: Context, paths: list[str], old: Names) -> Iterator[Problem]:
    """One problem for each function and kind, with all the names that the base does not have."""
    groups: dict[tuple[str, str, str], list[Switch]] = {}
    for item in stuck(context, view, paths):
        if any((item.kind, name) not in old for name in item.names):
            groups.setdefault((item.path, item.function, item.kind), []).append(item)
    for (_, function, kind), items in groups.items():
        yield _problem(function, kind, items, old)


def stuck(context: Context, view: View, paths: list[str]) -> Iterator[Switch]:
    """Everything of one tree's files that is turned on for some guests and never off."""
    for path in paths:
        if not view.exists(path):
            continue
        source = view.c(path)
        switches = [item for call in guarded_calls(source) for item in switched_on(call, path)]
        switches += guarded_bits(source, path)
        if switches:
            off = turned_off(context, view, path.rpartition("/")[0])
            for item in switches:
                left = frozenset(name for name in item.names if (item.kind, name) not in off)
                if left:
                    yield replace(item, names=left)
        for item in sticky_flags(source, path):
            if not any(written_otherwise(context, view, name) for name in item.names):
                yield item


def guarded_calls(source: CFile, leaving: Iterable[str] = ()) -> Iterator[Call]:
    """Calls that turn something on where the guest's CPUID has it, or in a function that left before."""
    for name in PASSING_CALLS:
        for call in source.calls(name):
            asked = call.function in leaving or guarded(source, call)
            if asked and not skipped(source, call.function):
                yield call


def skipped(source: CFile, function: str) -> bool:
    """Whether a function runs before CPUID is known, or starts from "all intercepted"."""
    if any(word in function for word in CREATING) and AFTER_CPUID not in function:
        return True
    known = source.functions.get(function)
    return known is None or any(word in known.text for word in ALL_INTERCEPTED)


def guarded(source: CFile, call: Call | Assignment) -> bool:
    """Whether a call, or every call of the function that it is in, depends on the guest's CPUID."""
    if asks_guest(call.conditions):
        return True
    above = source.calls(call.function)
    return bool(above) and all(asks_guest(each.conditions) for each in above)


def switched_on(call: Call, path: str) -> Iterator[Switch]:
    """What a call turns on; nothing when it turns it off or takes a variable."""
    does = switching(call)
    if does.passes and not does.blocks and does.names:
        yield Switch(
            kind=does.kind, names=does.names, function=call.function, path=path, line=call.line
        )


def off_in(source: CFile) -> Names:
    """Everything that a file turns off, or sets to a value it works out."""
    found: set[tuple[str, str]] = set()
    for name in BLOCKING_CALLS:
        for call in source.calls(name):
            does = switching(call)
            if does.blocks:
                found |= {(does.kind, each) for each in does.names}
    for part in source.source.decode("utf-8", "replace").split("&=")[1:]:
        found |= {("bit", each) for each in constants(part.split(";")[0])}
    return frozenset(found)


def turned_off(context: Context, view: View, directory: str) -> Names:
    """Everything that the code of one directory ever turns off, or sets to a value it works out."""
    found: set[tuple[str, str]] = set()
    paths = view.paths(directory, ".c")
    for path, tree in context.sources(view, paths, words=(*BLOCKING_CALLS, "&=")):
        found |= off_in(tree.c(path))
    return frozenset(found)


def guarded_bits(source: CFile, path: str) -> Iterator[Switch]:
    """VMCB control bits that the code after KVM_SET_CPUID2 sets."""
    for function in cpuid_functions(source):
        for each in source.assignments(function):
            names = constants(each.value) if "control." in each.target else None
            if names and each.operator == "|=" and guarded(source, each):
                yield Switch(kind="bit", names=names, function=function, path=path, line=each.line)


def cpuid_functions(source: CFile) -> tuple[str, ...]:
    """Functions that run after KVM_SET_CPUID2, by name, and those they call in the file."""
    named = [name for name in source.functions if AFTER_CPUID in name]
    below = [call.name for name in named for call in source.calls_in(name)]
    return tuple(dict.fromkeys(name for name in (*named, *below) if name in source.functions))


def sticky_flags(source: CFile, path: str) -> Iterator[Switch]:
    """Flags that are set to true for some guests or writes."""
    handlers = tuple(name for name in source.functions if name.endswith("_set_msr"))
    for function in (*cpuid_functions(source), *handlers):
        kind = "written flag" if function in handlers else "flag"
        for each in source.assignments(function):
            name = each.target.replace("->", ".").rpartition(".")[2]
            if each.value not in ONE or each.operator != "=" or name == each.target:
                continue
            sticky = by_value(source, each) if function in handlers else guarded(source, each)
            if sticky:
                names = frozenset({name})
                yield Switch(kind=kind, names=names, function=function, path=path, line=each.line)


def by_value(source: CFile, flag: Assignment) -> bool:
    """Whether a flag depends on the written value, and not on an intercept that goes with it."""
    value = any(VALUE in each.text.translate(MARKS).split() for each in flag.conditions)
    passed = [call for name in MSR_CALLS for call in source.calls(name, flag.function)]
    return value and all(call.conditions != flag.conditions for call in passed)


def written_otherwise(context: Context, view: View, member: str) -> bool:
    """Whether any of KVM's x86 code gives a flag another value than true."""
    paths = view.paths("arch/x86/kvm/", ".c") + view.paths("arch/x86/kvm/", ".h")
    return any(
        member.encode() in (tree.read(path) or b"") and other_values(tree.c(path), member)
        for path, tree in context.sources(view, paths, words=(member,))
    )


def other_values(source: CFile, member: str) -> bool:
    """Whether a file gives a flag another value than true."""
    lines = source.source.decode("utf-8", "replace").split("\n")
    ends = (f"{member}=true;", f"{member}=1;")
    return any(
        each.written and not lines[each.line - 1].replace(" ", "").endswith(ends)
        for each in source.accesses(member)
    )


def _problem(function: str, kind: str, items: list[Switch], old: Names) -> Problem:
    names = sorted({name for item in items for name in item.names if (item.kind, name) not in old})
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    written = kind == "written flag"
    on = "clears the intercept of" if kind in {"intercept", "instruction"} else "sets"
    cause = "the guest writes a non-zero value" if written else "the guest's CPUID has the feature"
    return Problem(
        key=(function, kind),
        title=f"{function}() {on} {names[0]}{more} and nothing does the reverse",
        why=(
            f"{function}() {on} {', '.join(names)} when {cause}, and no code does the reverse.  It "
            f"then stays so when {'the value goes back to zero' if written else 'CPUID changes'}."
        ),
        fix="Handle both directions in one place, such as vmx_set_intercept_for_msr(..., !enabled).",
        reference=FLAG_REFERENCE if written else REFERENCE,
        path=items[0].path,
        line=items[0].line,
        missing=True,
        severity=Severity.WARNING if written else None,
    )
