# SPDX-License-Identifier: GPL-2.0-only
"""Quirks are read through kvm_check_has_quirk() only.

What
----
New KVM code does not look at ``disabled_quirks`` itself: it asks kvm_check_has_quirk(kvm, QUIRK).

Why
---
The bit says that a quirk is *disabled*, so every open-coded test is one negation away from giving
existing guests the new behaviour.  Userspace may also disable quirks while vCPUs run, which the
function knows how to read.

Bad
---
::

    if (kvm->arch.disabled_quirks & KVM_X86_QUIRK_EXAMPLE)

Good
----
::

    if (!kvm_check_has_quirk(kvm, KVM_X86_QUIRK_EXAMPLE))

When to ignore
--------------
The code maintains the field: VM creation, KVM_ENABLE_CAP, copying a VM's configuration.

What it does not see
--------------------
A wrong negation in front of kvm_check_has_quirk(), and one operation that reads the quirk twice and
may get two answers.
"""

from collections.abc import Iterator

from reviewbot.rulekit import CFile, Context, Fact, Finding, Problem, Severity, View, rule

SOURCES = ("arch/x86/kvm/*.c", "arch/x86/kvm/*.h")
FIELD = "disabled_quirks"
READER = "kvm_check_has_quirk"
REFERENCE = (
    "Documentation/virt/kvm/api.rst, KVM_CAP_DISABLE_QUIRKS2; arch/x86/kvm/x86.h, "
    "kvm_check_has_quirk()"
)


@rule(code="KVM-QUIRK-004", severity=Severity.WARNING, touches=SOURCES)
def polarity(context: Context) -> Iterator[Finding | Fact]:
    """Functions that newly read the field."""
    files = sorted({path for _, path, _, text in context.added_lines(*SOURCES) if FIELD in text})
    if files:
        yield from context.introduced(lambda view: scan(view, files), touching=files)


def scan(view: View, paths: list[str]) -> Iterator[Problem]:
    """Every function of the touched files that reads the field and does not maintain it."""
    for path in paths:
        if FIELD.encode() not in (view.read(path) or b""):
            continue
        source = view.c(path)
        lines = set(source.mentions(FIELD))
        for name, function in source.functions.items():
            used = sorted(line for line in lines if function.line <= line <= function.end)
            if not used or name == READER or maintains(source, name):
                continue
            yield Problem(
                key=name,
                title=f"{name}() reads {FIELD} itself",
                why=(
                    f"A set bit in {FIELD} means that the quirk is off, which open-coded "
                    f"tests get wrong easily.  {READER}() hides the polarity and the locking."
                ),
                fix=f"Use {READER}(kvm, KVM_X86_QUIRK_...).",
                reference=REFERENCE,
                path=path,
                line=used[0],
            )


def maintains(source: CFile, function: str) -> bool:
    """Whether a function writes the field: VM creation, KVM_ENABLE_CAP, TDX, copying a VM."""
    written = [assignment.target for assignment in source.assignments(function)]
    written += [
        call.arguments[0] for call in source.calls("WRITE_ONCE", function) if call.arguments
    ]
    return any(FIELD in target for target in written)
