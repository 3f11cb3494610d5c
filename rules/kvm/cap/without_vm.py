# SPDX-License-Identifier: GPL-2.0-only
"""KVM_CHECK_EXTENSION works on /dev/kvm, where there is no VM.

What
----
A ``case`` of kvm_vm_ioctl_check_extension() or kvm_vm_ioctl_check_extension_generic() that the series
adds or changes does not look into ``kvm`` without a check that there is one, nor into vCPU 0.

Why
---
Asked through /dev/kvm the functions get kvm == NULL, so any program that may open the device can make
the kernel oops.  A VM need not have vCPUs either.

Bad
---
::

    case KVM_CAP_EXAMPLE:
        r = kvm->arch.example_allowed;

Good
----
::

    case KVM_CAP_EXAMPLE:
        r = kvm ? kvm->arch.example_allowed : 1;

When to ignore
--------------
The architecture answers the capability on a VM only.

What it does not see
--------------------
Functions that are handed ``kvm`` and look into it.  Without a tree only cases that a hunk adds whole,
below a hunk header that names the function.
"""

import re
from collections.abc import Iterator

from reviewbot.rulekit import (
    Context,
    Fact,
    Finding,
    Needs,
    Problem,
    Severity,
    View,
    added_cases,
    matches,
    rule,
)

SOURCES = ("arch/*/kvm/*.c", "virt/kvm/kvm_main.c")
FUNCTIONS = ("kvm_vm_ioctl_check_extension", "kvm_vm_ioctl_check_extension_generic")
FIRST_VCPU = re.compile(r"\bkvm->vcpus\[0\]->|\bkvm_get_vcpu\(kvm, 0\)->")
USE = re.compile(r"\bkvm->|\bkvm_(?:get_vcpu|for_each_vcpu)\s*\(")
# Every way people test it; an argument "kvm)" of a call counts too, to be on the quiet side.
GUARD = re.compile(r"\bkvm\s*(?:\?|&&|\|\||\)|[!=]=)|!\s*kvm\b(?!->)")
REFERENCE = (
    "Documentation/virt/kvm/api.rst, 4.4 KVM_CHECK_EXTENSION: Type: system ioctl, vm ioctl; "
    "https://lore.kernel.org/r/YdSkDAruycpXhNUT@google.com"
)


@rule(code="KVM-CAP-003", severity=Severity.ERROR, needs=Needs.SERIES, touches=SOURCES)
def without_vm(context: Context) -> Iterator[Finding | Fact]:
    """New cases that look into a VM that may not be there."""
    files = sorted({path for _, path, _, text in context.added_lines(*SOURCES) if USE.search(text)})
    if files and context.steps and context.complete:
        yield from context.introduced(lambda view: scan(view, files), touching=files)
    elif files:
        yield from in_mails(context)


def in_mails(context: Context) -> Iterator[Finding]:
    """Such cases that patches add whole, when no tree has all patches."""
    for patch in context.series.patches:
        for file in patch.files:
            for hunk in file.hunks if matches(file.path, SOURCES) else ():
                if not any(f"{name}(" in hunk.section for name in FUNCTIONS):
                    continue
                for body in added_cases(file.path, hunk, "KVM_CAP_", "ext"):
                    if unguarded(body.text) and "cap->" not in body.text:
                        problem = _problem((body.name,), FUNCTIONS[0], file.path, body.line)
                        yield context.finding(problem, patch=patch.number)


def scan(view: View, paths: list[str]) -> Iterator[Problem]:
    """Every such case of one tree's files."""
    for path in paths:
        text = view.text(path)
        for function in FUNCTIONS:
            if f"{function}(" not in text or function not in view.c(path).functions:
                continue
            for case in view.c(path).switch_cases(function):
                if case.switch == argument(view, path, function) and unguarded(case.body):
                    yield _problem(case.labels, function, path, case.line)


def _problem(labels: tuple[str, ...], function: str, path: str, line: int) -> Problem:
    return Problem(
        key=(path, function, labels),
        title=f"{labels[0]} looks into kvm, which may be NULL",
        why=(
            f"KVM_CHECK_EXTENSION on /dev/kvm calls {function}() with kvm == NULL, and a VM may have "
            "no vCPU; this case does not check.  Userspace can make the kernel oops."
        ),
        fix='Check kvm first: "kvm ? ... : ...", with the most the host can do as the answer.',
        reference=REFERENCE,
        path=path,
        line=line,
    )


def argument(view: View, path: str, function: str) -> str:
    """The name of the second parameter, which the outer switch is about."""
    parameters = view.c(path).functions[function].parameters
    return parameters[1].split()[-1] if len(parameters) > 1 else ""


def unguarded(body: str) -> bool:
    """Whether ``kvm`` is used before it is tested, or vCPU 0 without a look whether it is there."""
    if FIRST_VCPU.search(body):
        return True
    use, guard = USE.search(body), GUARD.search(body)
    return use is not None and (guard is None or guard.start() > use.start())
