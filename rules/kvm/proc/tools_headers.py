# SPDX-License-Identifier: GPL-2.0-only
"""Copies of KVM's userspace headers below tools/ are not updated by KVM patches.

What
----
A KVM patch changes tools/include/uapi/linux/kvm.h or tools/arch/*/include/uapi/asm/{kvm,svm,vmx}.h.  A
warning when that is all it does, a note otherwise.

Why
---
The copies belong to perf, whose maintainers sync them after each merge window; KVM's selftests use
the installed headers.  An update from the KVM tree only makes conflicts.

Bad
---
::

    [PATCH 3/5] tools: Add KVM exit reason for the Idle HLT
     tools/arch/x86/include/uapi/asm/svm.h | 2 ++

Good
----
Leave the copies alone.

When to ignore
--------------
The patch is the periodic sync of perf ("tools headers: Sync ..."); the rule knows those subjects.

What it does not see
--------------------
Copies of headers that are not KVM's.
"""

from collections.abc import Iterator

from reviewbot.rulekit import (
    Context,
    Fact,
    Finding,
    Needs,
    Patch,
    Problem,
    Severity,
    added,
    matches,
    rule,
)

COPIES = (
    "tools/include/uapi/linux/kvm*.h",
    "tools/arch/*/include/uapi/asm/kvm*.h",
    "tools/arch/*/include/uapi/asm/svm.h",
    "tools/arch/*/include/uapi/asm/vmx.h",
)
PERF = ("tools headers", "tools uapi", "tools include", "perf ", "perf:", "tools arch")
REFERENCE = (
    "tools/include/uapi/README: its important not to touch the copies in tools/ when doing changes "
    "in the original kernel headers; https://lore.kernel.org/r/ZenPdRGYkf-Y-MgD@google.com"
)


@rule(code="KVM-PROC-001", severity=Severity.NOTE, needs=Needs.SERIES, touches=COPIES)
def tools_headers(context: Context) -> Iterator[Finding | Fact]:
    """One finding a patch, at its first copy."""
    for patch in context.series.patches:
        if patch.subject.lower().startswith(PERF):
            continue
        copies = [file for file in patch.files if matches(file.path, COPIES)]
        if not copies:
            continue
        whole = len(copies) == len(patch.files)
        first = copies[0]
        problem = Problem(
            key=patch.number,
            title=f"{first.path} is perf's copy",
            why=(
                "The perf maintainers update the headers below tools/ themselves, and KVM selftests "
                "do not include them."
                + ("  The patch does nothing else." if whole else "  This can only make conflicts.")
            ),
            fix="Drop the patch." if whole else f"Drop the change to {first.path}.",
            reference=REFERENCE,
            path=first.path,
            line=first_line(patch),
            severity=Severity.WARNING if whole else None,
        )
        yield context.finding(problem, patch=patch.number)


def first_line(patch: Patch) -> int:
    """The first line the patch adds to a copy."""
    hunks = (h for file in patch.files if matches(file.path, COPIES) for h in file.hunks)
    return next((line for hunk in hunks for line, _ in added(hunk)), 1)
