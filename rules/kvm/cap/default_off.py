# SPDX-License-Identifier: GPL-2.0-only
"""What relaxes KVM or is new to guests starts switched off.

What
----
A new module parameter of KVM whose name says that it allows, forces, ignores or exposes something is
not true by default.  A new ``struct kvm_vcpu_sbi_extension`` of RISC-V has ``.default_disabled = true``
(a note: some were accepted without).

Why
---
review-checklist.rst: "New features must default to off (userspace should explicitly request them)."  A
guest that was never told of a feature must not find it after a host upgrade, and migrates only to hosts
that have it too.

Bad
---
::

    +static bool __read_mostly allow_example = true;
    +module_param(allow_example, bool, 0444);

Good
----
::

    +static bool __read_mostly allow_example;
    +module_param(allow_example, bool, 0444);

When to ignore
--------------
The parameter preserves what KVM did so far, and is there to turn it off.

What it does not see
--------------------
Parameters with other names: those that use hardware to make existing guests faster (enable_apicv,
vnmi, tdp_mmu) are true by default, and only a person can tell them from features.  CPUID bits and ID
registers.
"""

from collections.abc import Iterator

from reviewbot.rulekit import (
    Confidence,
    Context,
    Fact,
    Finding,
    ModuleParameter,
    Needs,
    Problem,
    Severity,
    added,
    matches,
    new_parameters,
    rule,
)

SOURCES = ("arch/*/kvm/*.c", "virt/kvm/*.c")
SBI = ("arch/riscv/kvm/*.c",)
SBI_TYPE = "struct kvm_vcpu_sbi_extension "
SWITCH = ".default_disabled"
RELAXING = ("allow_", "force_", "ignore_", "expose_", "unsafe_")
REFERENCE = (
    "Documentation/virt/kvm/review-checklist.rst: New features must default to off (userspace "
    "should explicitly request them)"
)


@rule(
    code="KVM-CAP-004",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    needs=Needs.SERIES,
    touches=SOURCES,
)
def default_off(context: Context) -> Iterator[Finding | Fact]:
    """Parameters and SBI extensions that the mails add."""
    for new in new_parameters(context, *SOURCES):
        if new.type == "bool" and new.variable.startswith(RELAXING) and starts_true(context, new):
            yield context.finding(relaxed(new), patch=new.patch)
    yield from extensions(context)


def starts_true(context: Context, new: ModuleParameter) -> bool:
    """Whether an added line defines the parameter's variable as true."""
    for _, path, _, text in context.added_lines(*SOURCES):
        name, _, value = text.partition("=")
        if path == new.path and name.split()[-1:] == [new.variable]:
            return value.strip().startswith("true;") and "bool" in name.split()
    return False


def relaxed(new: ModuleParameter) -> Problem:
    """What to say about a parameter."""
    return Problem(
        key=new.variable,
        title=f"module parameter {new.variable} is on by default",
        why=(
            f"{new.variable} relaxes what KVM does, and does so for everybody who does not turn it "
            "off.  New behaviour must be asked for."
        ),
        fix="Let it be false by default.",
        reference=REFERENCE,
        path=new.path,
        line=new.line,
    )


def extensions(context: Context) -> Iterator[Finding]:
    """SBI extensions that a patch adds whole, with a handler and without the switch."""
    changed = "\n".join(context.changed_lines(*SBI))
    for patch in context.series.patches:
        for file in patch.files:
            for hunk in file.hunks if matches(file.path, SBI) else ():
                lines = list(added(hunk))
                for index, (number, text) in enumerate(lines):
                    body = initialiser([line for _, line in lines[index:]])
                    name = text.partition(SBI_TYPE)[2].partition(" ")[0]
                    new = name and f"-{text}" not in hunk.lines and ".handler" in body
                    if new and SWITCH not in body and f"{SWITCH} = true" not in changed:
                        yield context.finding(enabled(name, file.path, number), patch=patch.number)


def initialiser(lines: list[str]) -> str:
    """The text from ``= {`` in the first line to the closing brace, "" when it is not one."""
    if not lines[0].rstrip().endswith("= {"):
        return ""
    end = next((i for i, line in enumerate(lines) if line.startswith("};")), 0)
    return "\n".join(lines[1:end])


def enabled(name: str, path: str, line: int) -> Problem:
    """What to say about an SBI extension."""
    return Problem(
        key=name,
        title=f"{name} is offered to every guest",
        why=(
            "Without .default_disabled the SBI extension is there for guests whose userspace never "
            "asked for it, and they cannot migrate to an older host."
        ),
        fix="Set .default_disabled = true; userspace enables it with KVM_SET_ONE_REG.",
        reference=REFERENCE,
        path=path,
        line=line,
        severity=Severity.NOTE,
    )
