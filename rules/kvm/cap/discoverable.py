# SPDX-License-Identifier: GPL-2.0-only
"""A new capability is answered by KVM_CHECK_EXTENSION.

What
----
For each KVM_CAP_* that the series adds to include/uapi/linux/kvm.h, some function that answers
KVM_CHECK_EXTENSION, generic or of an architecture, has a ``case`` for it once all patches are applied.

Why
---
Userspace finds out by KVM_CHECK_EXTENSION what it may use.  Without a case the answer is 0 on every
kernel, so well-behaved userspace never uses the feature.

Bad
---
A KVM_CAP_EXAMPLE that only kvm_vm_ioctl_enable_cap() knows.

Good
----
::

    +    case KVM_CAP_EXAMPLE:
    +        r = KVM_EXAMPLE_VALID_FLAGS;
    +        break;

When to ignore
--------------
The number is reserved for another tree that has the code.

What it does not see
--------------------
Architectures that have the feature and not the case; whether the answer should be a mask of supported
bits; new behaviour that has no capability at all.
"""

from collections.abc import Iterator
from functools import partial

from reviewbot.rulekit import Context, Fact, Finding, Macro, Needs, Problem, Severity, View, rule

HEADER = "include/uapi/linux/kvm.h"
SOURCES = ("arch/*/kvm/*.c", "virt/kvm/*.c")
# Where a KVM_CHECK_EXTENSION handler may be; the functions in them are known by their names.
ARCHITECTURES = ("x86", "arm64", "loongarch", "mips", "powerpc", "riscv", "s390")
PLACES = ("virt/kvm/", *(f"arch/{name}/kvm/" for name in ARCHITECTURES))
PREFIX = "KVM_CAP_"
REFERENCE = (
    "Documentation/virt/kvm/review-checklist.rst: the API must be discoverable using "
    "KVM_CHECK_EXTENSION"
)


@rule(code="KVM-CAP-001", severity=Severity.ERROR, needs=Needs.SERIES, touches=(HEADER,))
def discoverable(context: Context) -> Iterator[Finding | Fact]:
    """New capabilities without a case at the tip."""
    if any(PREFIX in text for *_, text in context.added_lines(HEADER)):
        if not context.steps or not context.complete:
            yield from in_mails(context)
            return
        old = frozenset(capabilities(context.base))
        yield from context.introduced(partial(scan, old=old), touching=(HEADER, *SOURCES))


def scan(view: View, old: frozenset[str]) -> Iterator[Problem]:
    """Capabilities of one tree that are not ``old`` and that no handler answers."""
    new = {name: macro for name, macro in capabilities(view).items() if name not in old}
    left = set(new) - answered(view, set(new)) if new else set()
    for name in sorted(left):
        yield _problem(name, new[name].line)


def in_mails(context: Context) -> Iterator[Finding]:
    """Capabilities that a series defines and nowhere answers, when no tree has all its patches."""
    cases = {text.strip() for *_, text in context.added_lines(*SOURCES)}
    gone = "\n".join(
        line
        for patch in context.series.patches
        for file in patch.files
        if file.path == HEADER
        for hunk in file.hunks
        for line in hunk.lines
        if line.startswith("-")
    )
    for patch, _, line, text in context.added_lines(HEADER):
        words = text.split()
        if len(words) > len(("#define", "NAME")) and words[0] == "#define":
            name = words[1]
            new = name.startswith(PREFIX) and words[2].isdecimal() and name not in gone
            if not new or any(case.startswith("case ") and name in case for case in cases):
                continue
            if context.series.complete:
                yield context.finding(_problem(name, line), patch=patch.number)
            else:
                context.unknown.append(f"{name} may have its case in a patch that is missing")


def _problem(name: str, line: int) -> Problem:
    return Problem(
        key=name,
        title=f"KVM_CHECK_EXTENSION does not know {name}",
        why=(
            f"No KVM_CHECK_EXTENSION handler, generic or of an architecture, has a case {name}.  "
            "Userspace always gets 0 and must take the feature for absent."
        ),
        fix=f"Add case {name} to kvm_vm_ioctl_check_extension() where the feature works.",
        reference=REFERENCE,
        path=HEADER,
        line=line,
        missing=True,
    )


def capabilities(view: View) -> dict[str, Macro]:
    """Capabilities by name."""
    macros = view.c(HEADER).macros.items() if view.exists(HEADER) else ()
    return {
        name: macro
        for name, macro in macros
        if name.startswith(PREFIX) and macro.value.partition(" ")[0].isdecimal()
    }


def answered(view: View, names: set[str]) -> set[str]:
    """Those names that a handler has a case for."""
    found: set[str] = set()
    for path in (path for place in PLACES for path in view.paths(place, ".c")):
        text = view.read(path) or b""
        maybe = {name for name in names if name.encode() in text}
        if not maybe or b"extension" not in text:
            continue
        source = view.c(path)
        handlers = [one for name, one in source.functions.items() if "extension" in name]
        # Not by the switch's cases: those below an #ifdef are not seen as such.
        found |= {
            name
            for name in maybe
            for line in source.mentions(name)
            if any(one.line <= line <= one.end for one in handlers)
        }
    return found
