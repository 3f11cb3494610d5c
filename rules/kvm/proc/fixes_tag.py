# SPDX-License-Identifier: GPL-2.0-only
"""A fix of KVM x86 names what it fixes, and Fixes: means a bug.

What
----
A patch to arch/x86/kvm or virt/kvm whose subject says "Fix" has a Fixes: trailer; in a series most of
whose patches fix nothing that is a note, for what it repairs may never have mattered before.  A Fixes: trailer
begins with twelve or more digits of the commit and has its subject in quotes.  A patch that changes
selftests only does not say Fixes: about a commit of the kernel proper.

Why
---
Stable maintainers and distributions find fixes by that trailer, and backport what it names.  A wrong
one drags patches into stable that fix nothing there.

Bad
---
::

    KVM: x86: Fix KVM_GET_CPUID2 ioctl to return cpuid entries count
    (no Fixes:)

Good
----
::

    Fixes: 6e37ec8825a1 ("KVM: x86: Plumb in the vCPU to kvm_x86_ops.hwapic_isr_update()")

When to ignore
--------------
What is fixed is not a bug that any release had, or was there from the first day.

What it does not see
--------------------
Fixes that do not say so in the subject.  Whether the commit exists or is the right one.  Corrections
of comments, spelling, white space and compiler warnings need no trailer; other architectures have
habits of their own.  "Cc: stable" without Fixes: is accepted on the list.
"""

import re
from collections.abc import Iterator

from reviewbot.rulekit import (
    Confidence,
    Context,
    Fact,
    Finding,
    Needs,
    Patch,
    Problem,
    Severity,
    backport,
    matches,
    rule,
)

X86 = ("arch/x86/kvm/*", "arch/x86/include/*kvm*.h", "virt/kvm/*", "include/linux/kvm*.h")
TOOLS = ("tools/testing/selftests/*",)
TRIFLES = re.compile(
    r"typo|spelling|comment|white ?space|indent|kernel-?doc|document|warning|-W\w|sparse|smatch"
    r"|grammar|formatting|style",
    re.IGNORECASE,
)
FIX = re.compile(r"fix(es)?\b", re.IGNORECASE)
FORM = re.compile(r"[0-9a-f]{12,64} \(\"[^\n]+\"\)")
KVM_X86 = "Documentation/process/maintainer-kvm-x86.rst"
SUBMITTING = "Documentation/process/submitting-patches.rst, Describe your changes"


@rule(
    code="KVM-PROC-004",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    needs=Needs.SERIES,
    touches=("arch/*/kvm/*", "virt/kvm/*", "tools/testing/selftests/kvm/*"),
)
def fixes_tag(context: Context) -> Iterator[Finding | Fact]:
    """What is missing, and what is there and should not be."""
    new = {
        file.path
        for patch in context.series.patches
        for file in patch.files
        if file.old_path is None
    }
    usual = mostly_fixes(context.series.patches)
    for patch in () if backport(context.series) else context.series.patches:
        values = [each.value for each in patch.trailers if each.name.lower() == "fixes"]
        early = "RFC" in context.series.prefixes
        absent = () if early else lacking(patch, values, new, usual=usual)
        for problem in (*absent, *wrong(patch, values)):
            yield context.finding(problem, patch=patch.number)


def mostly_fixes(patches: tuple[Patch, ...]) -> bool:
    """Whether at least half of the patches to the kernel proper say that they fix something."""
    kernel = [p for p in patches if not all(matches(f.path, TOOLS) for f in p.files)]
    return len(kernel) <= 2 * sum(FIX.match(said(patch)) is not None for patch in kernel)


def said(patch: Patch) -> str:
    """A subject without its scopes."""
    return patch.subject.rpartition(": ")[2]


def lacking(patch: Patch, values: list[str], new: set[str], *, usual: bool) -> Iterator[Problem]:
    """A fix of KVM x86 code that is older than the series, without the trailer."""
    paths = [file.path for file in patch.files]
    if values or not paths or not FIX.match(said(patch)):
        return
    if TRIFLES.search(said(patch)) or new & set(paths) or not all(matches(p, X86) for p in paths):
        return
    yield Problem(
        key="missing",
        title="a fix without a Fixes: trailer",
        why=(
            f'The subject says "{said(patch)}", and nothing says which commit had the bug.  KVM x86 wants '
            "Fixes: even for what need not be backported."
        ),
        fix='Add Fixes: <12 digits> ("<subject>"), or say what is changed instead of "fix".',
        reference=f"{KVM_X86}: add a Fixes: tag even if the change doesn't need to be backported",
        severity=None if usual else Severity.NOTE,
    )


def wrong(patch: Patch, values: list[str]) -> Iterator[Problem]:
    """Trailers that tools can not read, and selftests that "fix" the kernel."""
    paths = [file.path for file in patch.files]
    for value in values:
        if not FORM.fullmatch(value):
            yield Problem(
                key=value,
                title="a Fixes: trailer that tools can not read",
                why=f'"Fixes: {value[:100]}" is not 12 digits and the subject in brackets and quotes.',
                fix="git log -1 --abbrev=12 --format='Fixes: %h (\"%s\")' <commit>",
                reference=SUBMITTING,
                severity=Severity.NOTE,
                confidence=Confidence.HIGH,
            )
        elif paths and all(matches(path, TOOLS) for path in paths) and not is_test(value):
            yield Problem(
                key=value,
                title="Fixes: names a kernel commit, the patch changes selftests only",
                why=(
                    f"{value[:100]} did not break the test's code: the test has to follow the "
                    "kernel.  Fixes: does not express a dependency."
                ),
                fix="Drop the trailer and name the commit in the changelog.",
                reference=f"{SUBMITTING}; https://lore.kernel.org/r/86v7viqusg.wl-maz@kernel.org",
            )


def is_test(value: str) -> bool:
    """Whether the commit that is named is about tests."""
    return re.search(r"test|tools", value, re.IGNORECASE) is not None
