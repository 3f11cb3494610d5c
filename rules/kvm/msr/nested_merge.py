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
MSRs that are variables: it is silent about merging when the series adds a call with one.  In a series
that does not apply, only useless merges, by the base and the lines that are added.  Whether the right
VMCS is asked, and exception bitmaps that are wrong while L2 runs.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from functools import partial

from reviewbot.rulekit import (
    MERGE_CALLS,
    MSR_CALLS,
    Call,
    CFile,
    Confidence,
    Context,
    Fact,
    Finding,
    Hunk,
    Intercept,
    Needs,
    Passed,
    Problem,
    Severity,
    View,
    added,
    added_intercepts,
    intercepts,
    matches,
    named_msr,
    passed,
    rule,
)

SOURCES = ("arch/x86/kvm/*.c",)
VENDORS = ("arch/x86/kvm/vmx/", "arch/x86/kvm/svm/")
# Nested SVM's MSRs to merge since 6.16, and what old trees pass through by ".always = true".
MERGED, LISTED = "merge_msrs", "direct_access_msrs"
EARLY = "_irqoff"
QUEUES = ("kvm_queue_exception", "kvm_queue_exception_e", "kvm_queue_exception_p")
READS = ("rdmsrl", "rdmsrq", "rdmsr")
POINTLESS = "https://lore.kernel.org/r/aCc-q_udsn8o1vBT@google.com"
BEHIND = "https://lore.kernel.org/r/YdSnlmO4dUnwRxxc@google.com"


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
    for directory in VENDORS if context.steps and "MSR_" in lines else ():
        if whole:
            scan = partial(merging, directory=directory, base=context.base)
            yield from context.introduced(scan, touching=(f"{directory}*",))
        elif context.series.complete:
            yield from merged_in_mails(context, directory)


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
    calls, open_to = passed_through(view, directory)
    before = passed_through(base, directory)[1]
    if open_to.variables - before.variables:
        return
    merged = list(to_merge(view, directory))
    yield from useless(merged, open_to)
    names = {one.msr for one in merged}
    new = {one.msr: one for one in calls if one.msr and one.passes and one.msr not in before}
    for msr in new if names & new.keys() else ():
        if msr not in names:
            yield Problem(
                key=("left out", msr),
                title=f"{msr} is passed through to L1 and always intercepted in L2",
                why=(
                    "The series merges intercepts of other MSRs that it passes through, and not of "
                    f"{msr}: each access by L2 exits, although L1 may allow it."
                ),
                fix="Merge it as well, or say why L2 does not need it.",
                reference=POINTLESS,
                path=new[msr].path,
                line=new[msr].line,
                missing=True,
                severity=Severity.NOTE,
            )


def merged_in_mails(context: Context, directory: str) -> Iterator[Finding]:
    """Added merges of MSRs that neither the base nor an added line passes through."""
    merged = list(added_intercepts(context, directory, MERGE_CALLS))
    calls, known = passed_through(context.base, directory)
    new = list(added_intercepts(context, directory, MSR_CALLS))
    if not merged or passed(new).variables:
        return
    old = {one.msr for one in to_merge(context.base, directory)}
    patches = {(one.path, one.line): one.patch for one in merged}
    fresh = [one for one in merged if one.msr not in old]
    for problem in useless(fresh, passed([*calls, *new], known.names)):
        yield context.finding(problem, patch=patches[problem.path, problem.line])


def useless(merged: Iterable[Intercept], open_to: Passed) -> Iterator[Problem]:
    """Merges of MSRs that L1 may never access."""
    for one in merged:
        if one.msr and one.msr not in open_to:
            yield Problem(
                key=("merged", one.msr),
                title=f"{one.msr} is merged for L2 and never passed through to L1",
                why=(
                    f"KVM intercepts {one.text} in L1 at all times, so it is intercepted in L2 "
                    "whatever L1 asks for.  The merge has no effect."
                ),
                fix="Drop it, or pass the MSR through to L1 as well.",
                reference=POINTLESS,
                path=one.path,
                line=one.line,
                missing=True,
            )


def passed_through(view: View, directory: str) -> tuple[list[Intercept], Passed]:
    """Calls that change L1's intercepts, and the MSRs that L1 may come to access."""
    calls = list(intercepts(view, directory, MSR_CALLS))
    always = [text for text, *_ in elements(view, directory, LISTED) if "always = true" in text]
    return calls, passed(calls, map(named_msr, always))


def to_merge(view: View, directory: str) -> Iterator[Intercept]:
    """What is merged for L2."""
    yield from intercepts(view, directory, MERGE_CALLS)
    for text, path, line in elements(view, directory, MERGED):
        msr = named_msr(text)
        yield Intercept(
            msr=msr, text=msr, ranged=False, passes=True, function="", path=path, line=line
        )


def elements(view: View, directory: str, name: str) -> Iterator[tuple[str, str, int]]:
    """Elements of an array with their places."""
    for path in view.paths(directory, ".c"):
        if name.encode() in (view.read(path) or b""):
            for text, line in view.c(path).array_initialiser(name) or ():
                yield text, path, line
