# SPDX-License-Identifier: GPL-2.0-only
"""Intercepts for L2 are merged for the MSRs that L1 may access, and L1 sees its exceptions first.

What
----
* An MSR that nested_vmx_prepare_msr_bitmap() or nested SVM's merge_msrs[] merges for L2 is passed
  through to L1 somewhere.
* A series that merges some of the MSRs it passes through merges all of them (a note).
* Exit handlers that run with interrupts off (``*_irqoff`` and what they alone call) do not queue
  exceptions, nor read an MSR into the vCPU's state without any condition.

Why
---
The intercept of L2 is that of vmcs01 or that of L1, so merging an MSR that KVM always intercepts does
nothing, and one that is not merged makes every access by L2 exit.  KVM finds out whether L1 wants an
exception only in the exit handler proper, after ``handle_exit_irqoff``: what was queued before is
injected into L2 behind L1's back, and the MSR may not even exist.

Bad
---
::

    +static void handle_nm_fault_irqoff(struct kvm_vcpu *vcpu)
    +{
    +    rdmsrl(MSR_IA32_XFD_ERR, vcpu->arch.guest_fpu.xfd_err);
    +    kvm_queue_exception(vcpu, NM_VECTOR);
    +}

Good
----
::

    +    if (vcpu->arch.guest_fpu.fpstate->xfd)
    +        rdmsrl(MSR_IA32_XFD_ERR, vcpu->arch.guest_fpu.xfd_err);

and the exception is queued in handle_exception_nmi(), which runs when L1 does not want it.

When to ignore
--------------
A later series passes the MSR through.  L2 is not meant to use the feature yet.

What it does not see
--------------------
MSRs that are variables: it is silent about merging when the series adds a call with one.  Whether the
right VMCS is asked, and exception bitmaps that are wrong while L2 runs.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from functools import partial

from reviewbot.rulekit import (
    Call,
    CFile,
    Confidence,
    Context,
    Fact,
    Finding,
    Hunk,
    Needs,
    Problem,
    Severity,
    View,
    added,
    matches,
    rule,
)

SOURCES = ("arch/x86/kvm/*.c",)
# Where a vendor's code passes MSRs through and merges them: calls with the position of the MSR.
VENDORS = {
    "arch/x86/kvm/vmx/": (
        (("vmx_disable_intercept_for_msr", 1), ("vmx_set_intercept_for_msr", 1)),
        (
            ("nested_vmx_set_intercept_for_msr", 3),
            ("nested_vmx_merge_msr_bitmaps_read", 0),
            ("nested_vmx_merge_msr_bitmaps_write", 0),
            ("nested_vmx_merge_msr_bitmaps_rw", 0),
        ),
    ),
    "arch/x86/kvm/svm/": (
        (
            ("svm_disable_intercept_for_msr", 1),
            ("svm_set_intercept_for_msr", 1),
            ("set_msr_interception", 2),
        ),
        (),
    ),
}
# Nested SVM's MSRs to merge since 6.16, and what old trees pass through by ".always = true".
MERGED, LISTED = "merge_msrs", "direct_access_msrs"
EARLY = "_irqoff"
QUEUES = ("kvm_queue_exception", "kvm_queue_exception_e", "kvm_queue_exception_p")
READS = ("rdmsrl", "rdmsrq", "rdmsr")
POINTLESS = "https://lore.kernel.org/r/aCc-q_udsn8o1vBT@google.com"
BEHIND = "https://lore.kernel.org/r/YdSnlmO4dUnwRxxc@google.com"

Named = dict[str, tuple[str, int]]


@rule(
    code="KVM-MSR-009",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    needs=Needs.SERIES,
    touches=SOURCES,
)
def nested_merge(context: Context) -> Iterator[Finding | Fact]:
    """Handlers by the trees or by the mails that add them whole, merging by the trees only."""
    lines = "\n".join(context.changed_lines(*SOURCES))
    whole = bool(context.steps) and context.complete
    if any(name in lines for name in (*QUEUES, *READS)):
        if whole:
            touched = {p for step in context.steps for p in step.paths if matches(p, SOURCES)}
            yield from context.introduced(partial(handlers, paths=touched), touching=SOURCES)
        else:
            yield from in_mails(context)
    for directory in VENDORS if whole and "MSR_" in lines else ():
        scan = partial(merging, directory=directory, base=context.base)
        yield from context.introduced(scan, touching=(f"{directory}*",))


def in_mails(context: Context) -> Iterator[Finding]:
    """Handlers that a patch adds whole."""
    for patch in context.series.patches:
        for file in patch.files:
            called = {name for hunk in file.hunks for name in called_early(hunk)}
            for hunk in file.hunks if matches(file.path, SOURCES) else ():
                for start, lines in runs(added(hunk)):
                    source = CFile(file.path, "\n".join(lines).encode())
                    for problem in early(source, called):
                        there = replace(problem, path=file.path, line=problem.line + start - 1)
                        yield context.finding(there, patch=patch.number)


def called_early(hunk: Hunk) -> Iterator[str]:
    """Functions that a hunk makes the handler call which its header names."""
    for line in hunk.lines if f"{EARLY}(" in hunk.section else ():
        if line[1:2] == "}":  # the end of that function
            return
        if line.startswith("+"):
            source = CFile("", f"void line(void) {{ {line[1:]} }}".encode())
            yield from (call.name for call in source.calls_in("line"))


def runs(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """Numbered lines as runs without gaps: the first one's number, and the texts."""
    start = 0
    texts: list[str] = []
    for number, text in lines:
        if texts and number != start + len(texts):
            yield start, texts
            texts = []
        start = start if texts else number
        texts.append(text)
    if texts:
        yield start, texts


def handlers(view: View, paths: set[str]) -> Iterator[Problem]:
    """Handlers with interrupts off of one tree's files."""
    for path in sorted(paths):
        if f"{EARLY}(".encode() in (view.read(path) or b""):
            for problem in early(view.c(path)):
                yield replace(problem, path=path)


def early(source: CFile, called: Container[str] = ()) -> Iterator[Problem]:
    """Handlers that take an exception or an MSR before it is known whether it is L1's; one each."""
    told = set()
    for name in (*QUEUES, *READS):
        for call in source.calls(name):
            callers = [each.function for each in source.calls(call.function)]
            inside = bool(callers) and all(each.endswith(EARLY) for each in callers)
            own = inside or call.function.endswith(EARLY) or call.function in called
            asked = any("is_guest_mode" in each.text for each in call.conditions)
            if call.function not in source.functions or not own or asked:
                continue
            kept = not call.conditions and any("arch." in one for one in call.arguments[1:])
            if call.function not in told and (name in QUEUES or kept):
                told.add(call.function)
                yield _early(call)


def _early(call: Call) -> Problem:
    queues = call.name in QUEUES
    what = "".join(call.arguments[1:2] if queues else call.arguments[:1])
    does = f"queues {what}" if queues else f"reads {what} unconditionally"
    return Problem(
        key=(call.function, queues),
        title=f"{call.function}() {does} before L1 is asked",
        why=(
            "handle_exit_irqoff runs before KVM finds out whether L1 intercepts the exception.  If it "
            "does, nothing may be injected into L2, and the host need not have the MSR."
        ),
        fix="Queue it in the exit handler, and read the MSR only if the guest's state is in use.",
        reference=BEHIND,
        line=call.line,
    )


def merging(view: View, directory: str, base: View) -> Iterator[Problem]:
    """MSRs that are merged and never passed through, and new ones that are not merged."""
    passed, unnamed = passed_through(view, directory)
    merged = to_merge(view, directory)
    before, known = passed_through(base, directory)
    if unnamed - known:
        return
    for msr, (path, line) in merged.items():
        if msr not in passed:
            yield Problem(
                key=("merged", msr),
                title=f"{msr} is merged for L2 and never passed through to L1",
                why=(
                    f"KVM intercepts {msr} in L1 at all times, so it is intercepted in L2 whatever L1 "
                    "asks for.  The merge has no effect."
                ),
                fix="Drop it, or pass the MSR through to L1 as well.",
                reference=POINTLESS,
                path=path,
                line=line,
                missing=True,
            )
    started = any(msr in merged and msr not in before for msr in passed)
    for msr, (path, line) in passed.items():
        if started and msr not in merged and msr not in before:
            yield Problem(
                key=("left out", msr),
                title=f"{msr} is passed through to L1 and always intercepted in L2",
                why=(
                    "The series merges intercepts of other MSRs that it passes through, and not of "
                    f"{msr}: each access by L2 exits, although L1 may allow it."
                ),
                fix="Merge it as well, or say why L2 does not need it.",
                reference=POINTLESS,
                path=path,
                line=line,
                missing=True,
                severity=Severity.NOTE,
            )


def passed_through(view: View, directory: str) -> tuple[Named, frozenset[str]]:
    """MSRs that L1 may come to access with their places, and arguments that name none."""
    found: Named = {}
    unnamed = set()
    for path, text, line in arguments(view, directory, VENDORS[directory][0]):
        msr = first_msr(text)
        if msr:
            found.setdefault(msr, (path, line))
        elif "X2APIC_MSR(" not in text:
            unnamed.add(text)
    for text, place in elements(view, directory, LISTED):
        if ".always = true" in " ".join(text.split()):
            found.setdefault(first_msr(text), place)
    return found, frozenset(unnamed)


def to_merge(view: View, directory: str) -> Named:
    """MSRs whose intercepts are merged for L2."""
    calls = arguments(view, directory, VENDORS[directory][1])
    found = {first_msr(text): (path, line) for path, text, line in calls}
    found |= {first_msr(text): place for text, place in elements(view, directory, MERGED)}
    return {msr: place for msr, place in found.items() if msr}


def arguments(
    view: View, directory: str, calls: tuple[tuple[str, int], ...]
) -> Iterator[tuple[str, str, int]]:
    """Path, text and line of the MSR in every call that may let somebody access it."""
    for path in (*view.paths(directory, ".c"), *view.paths(directory, ".h")):
        data = view.read(path) or b""
        for name, position in calls:
            for call in view.c(path).calls(name) if name.encode() in data else ():
                last = (
                    call.arguments[-2:] if name == "set_msr_interception" else call.arguments[-1:]
                )
                if len(call.arguments) > position and last not in {
                    ("0", "0"),
                    ("true",),
                }:
                    yield path, call.arguments[position], call.line


def elements(view: View, directory: str, name: str) -> Iterator[tuple[str, tuple[str, int]]]:
    """Elements of an array with their places."""
    for path in view.paths(directory, ".c"):
        if name.encode() in (view.read(path) or b""):
            for text, line in view.c(path).array_initialiser(name) or ():
                yield text, (path, line)


def first_msr(text: str) -> str:
    """The first MSR_ name in an expression, "" when it has none."""
    words = "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
    return next(
        (word for word in words if word.startswith("MSR_") and word != "MSR_INVALID"),
        "",
    )
