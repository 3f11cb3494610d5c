# SPDX-License-Identifier: GPL-2.0-only
"""A KVM series says which commit it applies to.

What
----
A series that changes arch/x86/kvm, virt/kvm or the KVM selftests has a ``base-commit:`` line in its
cover letter or in one of its patches.

Why
---
KVM x86 is developed on topic branches: without the base, people and bots have to guess where a series
applies, and guess wrong.

Bad
---
A series made with plain ``git format-patch``.

Good
----
::

    git format-patch --base=auto --cover-letter kvm-x86/next

When to ignore
--------------
The cover letter names the base in words and the series is small.

What it does not see
--------------------
Whether the commit exists.  Other architectures' code, whose maintainers do not ask for it.
"""

from collections.abc import Iterator

from reviewbot.rulekit import (
    KVM_X86,
    SELFTESTS,
    Context,
    Fact,
    Finding,
    Needs,
    Problem,
    Severity,
    backport,
    other_architecture,
    rule,
)

X86 = "arch/x86/kvm/*"
SOURCES = (*KVM_X86, *SELFTESTS)
REFERENCE = (
    "Documentation/process/maintainer-kvm-x86.rst: use git format-patch with the --base flag"
)


@rule(code="KVM-PROC-008", severity=Severity.NOTE, needs=Needs.SERIES, touches=SOURCES)
def base_commit(context: Context) -> Iterator[Finding | Fact]:
    """One note for the whole series; an incomplete one may have it in a mail that was not seen."""
    others = any(other_architecture(patch) for patch in context.series.patches)
    if backport(context.series):
        return
    if context.series.base_commit is None and (context.touched(X86) or not others):
        problem = Problem(
            key="base-commit",
            title="the series does not say what it is based on",
            why=(
                "No mail of the series has a base-commit line.  KVM x86 has several branches, so "
                "where the series applies is a guess."
            ),
            fix="Send with git format-patch --base (or b4).",
            reference=REFERENCE,
            missing=not context.series.complete,
        )
        yield from context.report(problem, patch=0)
