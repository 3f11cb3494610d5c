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
The function starts from "all intercepted" each time it runs, in a way that the rule does not see.

What it does not see
--------------------
Conditions that are kept in a variable first, MSRs that are variables, and reverses that run at the
wrong time or under the wrong condition.  Passing an MSR through at its first write (XFD, SPEC_CTRL) is
one way by design and no finding; neither are functions that create or reset a vCPU.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from reviewbot.rulekit import (
    Assignment,
    Call,
    CFile,
    Condition,
    Confidence,
    Context,
    Fact,
    Finding,
    Problem,
    Severity,
    View,
    rule,
)

SOURCES = ("arch/x86/kvm/vmx/*.c", "arch/x86/kvm/svm/*.c")
DIRECTORIES = ("arch/x86/kvm/vmx/", "arch/x86/kvm/svm/")
CREATING = ("init", "create", "reset", "hardware_setup", "set_msr", "get_msr")
AFTER_CPUID = "after_set_cpuid"
GUEST = ("guest_cpuid_", "guest_cpu_cap_", "guest_can_use", "guest_has_")
ALL_INTERCEPTED = ("0xff", "bitmap_fill(", "bitmap_set(")
ONE, NONE = ("1", "true"), ("0", "false")
CONTROLS = (
    "vm_entry_controls",
    "vm_exit_controls",
    "secondary_vm_exit_controls",
    "pin_controls",
    "exec_controls",
    "secondary_exec_controls",
    "tertiary_exec_controls",
)
SETTERS = tuple(f"{name}_setbit" for name in CONTROLS)
DISABLE = ("vmx_disable_intercept_for_msr", "svm_disable_intercept_for_msr")
ENABLE = ("vmx_enable_intercept_for_msr", "svm_enable_intercept_for_msr")
CHOOSE = ("vmx_set_intercept_for_msr", "svm_set_intercept_for_msr")
CLEAR, SET, OLD = "svm_clr_intercept", "svm_set_intercept", "set_msr_interception"
ON = (*DISABLE, *CHOOSE, OLD, CLEAR, *SETTERS)
OFF = (*ENABLE, *CHOOSE, OLD, SET)
OFF_CONTROLS = tuple(f"{name}_{end}" for name in CONTROLS for end in ("clearbit", "changebit"))
SIGNS = (*ON, "= true", "= 1", "vmcb->control")
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


@rule(code="KVM-MSR-003", severity=Severity.ERROR, confidence=Confidence.MEDIUM, touches=SOURCES)
def reversible(context: Context) -> Iterator[Finding | Fact]:
    """What is newly turned on and never off."""
    paths = context.changed_files(*SOURCES, words=SIGNS)
    if paths:
        before = stuck(context, context.base, paths)
        old = frozenset((item.kind, name) for item in before for name in item.names)
        yield from context.introduced(
            partial(scan, context=context, paths=paths, old=old), touching=paths
        )


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
        directory = next(d for d in DIRECTORIES if path.startswith(d))
        switches = [item for call in guarded_calls(source) for item in switched_on(call, path)]
        switches += guarded_bits(source, path)
        if switches:
            off = turned_off(context, view, directory)
            for item in switches:
                left = frozenset(name for name in item.names if (item.kind, name) not in off)
                if left:
                    yield replace(item, names=left)
        yield from stuck_flags(context, view, source, path)


def guarded_calls(source: CFile) -> Iterator[Call]:
    """Calls that turn something on where the guest's CPUID has it."""
    for name in ON:
        for call in source.calls(name) if name.encode() in source.source else ():
            if not skipped(source, call.function) and guarded(source, call):
                yield call


def skipped(source: CFile, function: str) -> bool:
    """Whether a function runs before CPUID is known, or starts from "all intercepted"."""
    if any(word in function for word in CREATING) and AFTER_CPUID not in function:
        return True
    known = source.functions.get(function)
    return known is None or any(word in known.text for word in ALL_INTERCEPTED)


def guarded(source: CFile, call: Call | Assignment) -> bool:
    """Whether a call, or every call of the function that it is in, depends on the guest's CPUID."""
    if asks(call.conditions):
        return True
    above = source.calls(call.function)
    return bool(above) and all(asks(each.conditions) for each in above)


def asks(conditions: Iterable[Condition]) -> bool:
    """Whether one of the conditions is about the guest's CPUID."""
    return any(word in condition.text for condition in conditions for word in GUEST)


def switched_on(call: Call, path: str) -> Iterator[Switch]:
    """What a call turns on; nothing when it turns it off or takes a variable."""
    kind, names = target(call)
    last = call.arguments[-1] if call.arguments else ""
    on = call.name in {*DISABLE, CLEAR, *SETTERS}
    on = on or (call.name in CHOOSE and last in NONE)
    on = on or (call.name == OLD and all(value in ONE + NONE for value in call.arguments[3:]))
    on = on and not (call.name == OLD and all(value in NONE for value in call.arguments[3:]))
    if on and names:
        yield Switch(kind=kind, names=names, function=call.function, path=path, line=call.line)


def target(call: Call) -> tuple[str, frozenset[str]]:
    """The kind and the constants that a call is about."""
    place = 2 if call.name == OLD else 1
    text = call.arguments[place] if len(call.arguments) > place else ""
    if call.name in {CLEAR, SET}:
        return "instruction", constants(text)
    intercept = call.name in {*DISABLE, *ENABLE, *CHOOSE, OLD}
    return ("intercept" if intercept else "control"), constants(text)


def constants(text: str) -> frozenset[str]:
    """Upper-case names of "A | B"."""
    return frozenset(word for word in words(text) if word.isupper() and word.isidentifier())


def words(text: str) -> list[str]:
    """Names and numbers of an expression."""
    return text.translate(str.maketrans("|&~()!=", "       ")).split()


def turned_off(context: Context, view: View, directory: str) -> Names:
    """Everything that a vendor's code ever turns off, or sets to a value it works out."""
    found: set[tuple[str, str]] = set()
    new = context.changed_files(directory + "*.c", words=(*OFF, *OFF_CONTROLS, "&="))
    for path in view.paths(directory, ".c"):
        source = (view if path in new or not context.base.exists(path) else context.base).c(path)
        for name in (*OFF, *OFF_CONTROLS):
            for call in source.calls(name) if name.encode() in source.source else ():
                fixed = (name in CHOOSE and call.arguments[-1:] == ("false",)) or (
                    name == OLD and all(value in ONE for value in call.arguments[3:])
                )
                if not fixed:
                    kind, names = target(call)
                    found |= {(kind, each) for each in names}
        for part in source.source.decode("utf-8", "replace").split("&=")[1:]:
            found |= {("bit", each) for each in constants(part.split(";")[0])}
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


def stuck_flags(context: Context, view: View, source: CFile, path: str) -> Iterator[Switch]:
    """Flags that are set to true for some guests or writes, and to nothing else anywhere."""
    handlers = tuple(name for name in source.functions if name.endswith("_set_msr"))
    for function in (*cpuid_functions(source), *handlers):
        kind = "written flag" if function in handlers else "flag"
        for each in source.assignments(function):
            name = each.target.replace("->", ".").rpartition(".")[2]
            if each.value not in ONE or each.operator != "=" or name == each.target:
                continue
            sticky = by_value(source, each) if function in handlers else guarded(source, each)
            if sticky and not written_otherwise(context, view, name):
                names = frozenset({name})
                yield Switch(kind=kind, names=names, function=function, path=path, line=each.line)


def by_value(source: CFile, flag: Assignment) -> bool:
    """Whether a flag depends on the written value, and not on an intercept that goes with it."""
    value = any("data" in words(each.text) for each in flag.conditions)
    passed = (call for name in (*DISABLE, OLD) for call in source.calls(name, flag.function))
    return value and all(call.conditions != flag.conditions for call in passed)


def written_otherwise(context: Context, view: View, member: str) -> bool:
    """Whether any of KVM's x86 code gives a flag another value than true."""
    new = context.changed_files("arch/x86/kvm/*", words=(member,))
    for path in view.paths("arch/x86/kvm/", ".c") + view.paths("arch/x86/kvm/", ".h"):
        tree = view if path in new or not context.base.exists(path) else context.base
        if member.encode() in (tree.read(path) or b""):
            for access in tree.c(path).accesses(member):
                line = tree.line(path, access.line).replace(" ", "")
                if access.written and not line.endswith((f"{member}=true;", f"{member}=1;")):
                    return True
    return False


def _problem(function: str, kind: str, items: list[Switch], old: Names) -> Problem:
    names = sorted({name for item in items for name in item.names if (item.kind, name) not in old})
    written = kind == "written flag"
    on = "clears the intercept of" if kind in {"intercept", "instruction"} else "sets"
    cause = "the guest writes a non-zero value" if written else "the guest's CPUID has the feature"
    return Problem(
        key=(function, kind),
        title=f"{function}() {on} {short(names)} and nothing does the reverse",
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


def short(names: list[str]) -> str:
    """The first name and how many more there are."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
