# SPDX-License-Identifier: GPL-2.0-only
"""Where intercepts are kept in lists, an MSR whose intercept changes is in the list.

What
----
In trees with vmx_possible_passthrough_msrs[] or direct_access_msrs[], every MSR that is named in a
call of vmx_{disable,enable,set}_intercept_for_msr() or set_msr_interception() is an element of the
list, or one of the ranges that vmx_get_passthrough_msr_slot() handles elsewhere.  The MAX_ macro that
sizes the list is the number of its elements.

Why
---
The lists are what KVM walks when userspace installs a new MSR filter.  An MSR that is passed through
but not listed keeps its old intercept then, so the filter is silently not enforced, and
vmx_get_passthrough_msr_slot() warns "Invalid MSR, please adapt vmx_possible_passthrough_msrs[]".

Bad
---
::

    +    vmx_disable_intercept_for_msr(vcpu, MSR_IA32_FRED_RSP0, MSR_TYPE_RW);

without a new element.

Good
----
::

    -#define MAX_POSSIBLE_PASSTHROUGH_MSRS    16
    +#define MAX_POSSIBLE_PASSTHROUGH_MSRS    17
    ...
    +    MSR_IA32_FRED_RSP0,

When to ignore
--------------
The call can only ever enable an intercept that nothing disables.

What it does not see
--------------------
Calls whose MSR is a variable (loops over ranges).  Trees that recalculate all intercepts (6.16 and
later) have no lists, and the rule does not apply there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from reviewbot.rulekit import Call, Context, Fact, Finding, Problem, Severity, View, rule, switched

SOURCES = (
    "arch/x86/kvm/vmx/*.c",
    "arch/x86/kvm/vmx/*.h",
    "arch/x86/kvm/svm/*.c",
    "arch/x86/kvm/svm/*.h",
)
FAMILY_WORDS = 3
TERMINATOR = "MSR_INVALID"
REFERENCE = (
    "arch/x86/kvm/vmx/vmx.c, vmx_get_passthrough_msr_slot(): please adapt "
    "vmx_possible_passthrough_msrs[]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One vendor's list."""

    directory: str
    home: str
    header: str
    table: str
    limit: str
    slots: tuple[str, ...]
    calls: tuple[str, ...]


MODELS = (
    Model(
        directory="arch/x86/kvm/vmx/",
        home="arch/x86/kvm/vmx/vmx.c",
        header="arch/x86/kvm/vmx/vmx.h",
        table="vmx_possible_passthrough_msrs",
        limit="MAX_POSSIBLE_PASSTHROUGH_MSRS",
        # 6.1 asks is_valid_passthrough_msr() first.
        slots=("vmx_get_passthrough_msr_slot", "is_valid_passthrough_msr"),
        calls=(
            "vmx_disable_intercept_for_msr",
            "vmx_enable_intercept_for_msr",
            "vmx_set_intercept_for_msr",
        ),
    ),
    Model(
        directory="arch/x86/kvm/svm/",
        home="arch/x86/kvm/svm/svm.c",
        header="arch/x86/kvm/svm/svm.h",
        table="direct_access_msrs",
        limit="MAX_DIRECT_ACCESS_MSRS",
        slots=("direct_access_msr_slot",),
        calls=("set_msr_interception",),
    ),
)


@rule(code="KVM-MSR-001", severity=Severity.ERROR, touches=SOURCES)
def passthrough_list(context: Context) -> Iterator[Finding | Fact]:
    """Calls that newly name an MSR which is not listed."""
    for model in MODELS:
        words = (*model.calls, model.limit, model.table, "MSR_")
        changed = context.changed_files(model.directory + "*", words=words)
        if changed:
            files = sorted({path for path in changed if path.endswith(".c")} | {model.home})
            touching = {*files, *changed, model.header}
            yield from context.introduced(
                partial(scan, model=model, files=files), touching=touching
            )


def scan(view: View, model: Model, files: list[str]) -> Iterator[Problem]:
    """Every call of one tree that names an MSR outside the list, and a limit that is not its length."""
    listed = elements(view, model)
    if listed is None:
        return
    yield from wrong_limit(view, model)
    known = frozenset(word for text in listed for word in words(text))
    for path in files:
        text = view.read(path) or b""
        for name in model.calls:
            if name.encode() not in text:
                continue
            for call in view.c(path).calls(name):
                msr = named_msr(call)
                if msr and msr not in known and not handled_elsewhere(view, model, msr):
                    yield _problem(model, msr, path, call)


def wrong_limit(view: View, model: Model) -> Iterator[Problem]:
    """The macro that sizes the array and the bitmaps is not the number of elements."""
    source = view.c(model.home)
    listed = source.array_initialiser(model.table)
    macro = view.c(model.header).macros.get(model.limit) if view.exists(model.header) else None
    if listed is None or macro is None or not macro.value.isdecimal():
        return
    if source.array_size(model.table) != model.limit or int(macro.value) == len(listed):
        return
    if int(macro.value) > len(listed) and TERMINATOR in listed[-1][0]:
        return  # what follows is never looked at: 6.1 has 46 for 45 elements
    yield Problem(
        key=(model.table, "limit"),
        title=f"{model.limit} is {macro.value}, {model.table}[] has {len(listed)} elements",
        why=(
            f"{model.limit} sizes the array and the bitmaps beside it.  With a larger value the "
            "array ends in MSR 0, with a smaller one it does not compile."
        ),
        fix=f"Set {model.limit} to {len(listed)}.",
        reference=REFERENCE,
        path=model.header,
        line=macro.line,
    )


def elements(view: View, model: Model) -> tuple[str, ...] | None:
    """Texts of the list's elements, None in trees without one."""
    if model.table.encode() not in (view.read(model.home) or b""):
        return None
    array = view.c(model.home).array_initialiser(model.table)
    return None if array is None else tuple(text for text, _ in array)


def words(element: str) -> list[str]:
    """Identifiers of "{ .index = MSR_STAR, .always = true }"."""
    return element.translate(str.maketrans("{},=", "    ")).split()


def named_msr(call: Call) -> str:
    """The MSR's name if the call has one, "" for variables and x2APIC registers."""
    text = switched(call).strip()
    return text if text.startswith("MSR_") and text.isidentifier() else ""


def handled_elsewhere(view: View, model: Model, msr: str) -> bool:
    """Whether the slot function names the MSR, or a range of its family (PT, FRED)."""
    source = view.c(model.home)
    labels = [
        label
        for slot in model.slots
        if slot in source.functions
        for case in source.switch_cases(slot)
        for label in case.labels
    ]
    family = "_".join(msr.split("_")[:FAMILY_WORDS])
    ranges = [label for label in labels if "..." in label]
    named = any(msr in label.split() for label in labels)
    return named or msr.startswith("MSR_LBR_") or any(family in label for label in ranges)


def _problem(model: Model, msr: str, path: str, call: Call) -> Problem:
    return Problem(
        key=(model.table, msr),
        title=f"{msr} is not in {model.table}[]",
        why=(
            f"{call.function}() changes the intercept of {msr}, which {model.table}[] does not hold.  "
            "When userspace changes its MSR filter, KVM walks that list only, so the filter is not "
            f"enforced for {msr}."
        ),
        fix=f"Add {msr} to {model.table}[] and raise its MAX_ constant.",
        reference=REFERENCE,
        path=path,
        line=call.line,
        missing=True,
    )
