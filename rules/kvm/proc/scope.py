# SPDX-License-Identifier: GPL-2.0-only
"""The subject's scope is one that KVM x86 uses, and is as narrow as the change.

What
----
For patches to arch/x86/kvm and the KVM selftests: the scope is not "x86/kvm", "selftests: KVM" or a
list joined by commas or slashes, known scopes are spelled as they are (KVM, x86, VMX, nVMX, SVM,
nSVM, selftests), a patch that changes only vmx/ or only svm/ is not "KVM: x86:", and the subject does not
end in a period.

Why
---
Maintainers sort and search by scope.  maintainer-kvm-x86.rst lists the scopes; others make KVM's
history hard to search.

Bad
---
::

    selftests: KVM: extract lidt into helper function
    KVM: vmx, svm, mmu: Process MMIO during event delivery

Good
----
::

    KVM: selftests: Extract LIDT into a helper
    KVM: VMX: Handle MMIO during event delivery

When to ignore
--------------
The patch goes through another tree (x86/cpufeatures, perf), or an umbrella scope is right because
the change is about common behaviour.

What it does not see
--------------------
Other architectures, whose conventions differ, and backports.  Capital letters after the scope.  Scopes that are
wrong in other ways: "KVM: guest_memfd:", "KVM: TDX:" and any other single word is taken.
"""

import re
from collections.abc import Iterator

from reviewbot.rulekit import (
    KVM_X86,
    SELFTESTS,
    Context,
    Fact,
    Finding,
    Needs,
    Patch,
    Problem,
    Severity,
    backport,
    files_of,
    matches,
    other_architecture,
    rule,
    together,
)

OURS = (*KVM_X86, *SELFTESTS)
COMPANY = (
    "Documentation/*",
    "arch/x86/include/asm/kvm*.h",
    "arch/x86/include/asm/svm.h",
    "arch/x86/include/asm/vmx*.h",
    "arch/x86/include/uapi/asm/*.h",
    "include/*linux/kvm*.h",
    "include/trace/events/kvm.h",
)
# The scopes of maintainer-kvm-x86.rst, by how they look in small letters.
KNOWN = {
    name.lower(): name
    for name in ("x86", "x86/mmu", "x86/pmu", "x86/xen", "selftests", "VMX", "nVMX", "SVM", "nSVM")
}
VENDORS = {"VMX": ("arch/x86/kvm/vmx/*",), "SVM": ("arch/x86/kvm/svm/*",)}
REFERENCE = (
    "Documentation/process/maintainer-kvm-x86.rst, Shortlog: the preferred prefix format is "
    "KVM: <topic>:; https://lore.kernel.org/r/Z2MXarq2lpuNh_nv@google.com"
)


@rule(code="KVM-PROC-002", severity=Severity.WARNING, needs=Needs.SERIES, touches=OURS)
def scope(context: Context) -> Iterator[Finding | Fact]:
    """One finding a patch at most, and one for all where many have the same."""
    yield from together(context, remarks(context))


def remarks(context: Context) -> Iterator[tuple[int, Problem]]:
    """The patches with a wrong subject."""
    for patch in () if backport(context.series) else context.series.patches:
        paths = files_of(patch)
        if not paths or not all(matches(path, (*OURS, *COMPANY)) for path in paths):
            continue  # part of it is another tree's
        if not any(matches(path, OURS) for path in paths) or other_architecture(patch):
            continue
        found = complaint(patch)
        if found:
            title, fix = found
            yield (
                patch.number,
                Problem(
                    key=title,
                    title=title,
                    why=(
                        f'The subject is "{patch.subject}".  KVM x86 has a fixed set of scopes, and '
                        "maintainers rewrite others by hand."
                    ),
                    fix=fix,
                    reference=REFERENCE,
                ),
            )


def complaint(patch: Patch) -> tuple[str, str] | None:
    """What is wrong with the subject and what to write."""
    words = [word.strip() for word in patch.subject.split(":")[:-1]]
    if not words or patch.subject.lower().startswith("revert"):
        return None
    first = words[0].lower().replace(" ", "")
    if first in {"x86/kvm", "kvm/x86", "kvm-x86"}:
        return f'"{words[0]}:" is not a scope', 'Write "KVM: x86:".'
    if first in {"selftests", "selftest"} and words[1:] and words[1].lower() == "kvm":
        return f'"{words[0]}: {words[1]}:" is not a scope', 'Write "KVM: selftests:".'
    if first != "kvm" or not words[1:]:
        return None
    if words[0] != "KVM":
        return f'the scope is spelled "KVM", not "{words[0]}"', 'Write "KVM:", in capital letters.'
    return misspelt(words[1]) or too_wide(words, patch) or full_stop(patch.subject)


def misspelt(topic: str) -> tuple[str, str] | None:
    """A file, a list of topics, or a known one in other letters."""
    if topic.endswith((".c", ".h")):
        return f'"{topic}" is a file, no scope', "Take the topic the file belongs to."
    parts = [part.strip().lower() for part in re.split(r",|/ | /|&|\+", topic)]
    if len(parts) > 1 and any(part in {*KNOWN, "mmu", "pmu", "xen"} for part in parts):
        return (
            f'"{topic}" is a list of scopes',
            "Take the narrowest that covers the change, or split.",
        )
    right = KNOWN.get(topic.lower()) or {"selftest": "selftests"}.get(topic.lower())
    if right and right != topic:
        return f'the scope is spelled "{right}", not "{topic}"', f'Write "KVM: {right}:".'
    return None


def too_wide(words: list[str], patch: Patch) -> tuple[str, str] | None:
    """The scope "KVM: x86:" for what is one vendor's."""
    if words != ["KVM", "x86"]:
        return None
    for vendor, globs in VENDORS.items():
        if all(matches(path, globs) for path in files_of(patch)):
            return (
                f'"KVM: x86:" is wider than a change to {globs[0]}',
                f'Write "KVM: {vendor}:" or "KVM: n{vendor}:".',
            )
    return None


def full_stop(subject: str) -> tuple[str, str] | None:
    """A subject is no sentence."""
    if subject.endswith(".") and not subject.endswith(("..", "etc.")):
        return "the subject ends in a period", "Drop the period."
    return None
