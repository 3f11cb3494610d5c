# SPDX-License-Identifier: GPL-2.0-only
"""A new quirk is used by at least one KVM selftest.

What
----
The name of a quirk that the series adds occurs in tools/testing/selftests/kvm once all patches are
applied.

Why
---
A quirk is two behaviours.  The one that is not the default runs nowhere unless a test asks for it.

Bad
---
A series that defines and honours KVM_X86_QUIRK_EXAMPLE and has no selftest.

Good
----
::

    vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_EXAMPLE);

When to ignore
--------------
kvm-unit-tests cover it, or the selftest is a posting of its own; a cover letter or changelog that
names kvm-unit-tests silences the rule.

What it does not see
--------------------
Whether the test checks anything.  Older quirks without a test are not reported.
"""

from collections.abc import Iterator

from reviewbot.rulekit import (
    Context,
    Fact,
    Finding,
    Needs,
    Problem,
    Severity,
    View,
    rule,
    several,
)

HEADER = "arch/x86/include/uapi/asm/kvm.h"
SELFTESTS = "tools/testing/selftests/kvm"
PREFIX = "KVM_X86_QUIRK_"
REFERENCE = (
    "Documentation/process/maintainer-kvm-x86.rst: new features *must* come with test coverage"
)


@rule(code="KVM-QUIRK-005", severity=Severity.WARNING, touches=(HEADER,), needs=Needs.BUILD)
def tested(context: Context) -> Iterator[Finding | Fact]:
    """New quirks that no selftest names at the tip."""
    if not any(PREFIX in text for *_, text in context.added_lines(HEADER)):
        return
    if tested_elsewhere(context):
        return
    old = frozenset(context.base.constants())
    found = context.introduced(lambda view: scan(old, view), touching=(HEADER, SELFTESTS + "/*"))
    yield from several(found, {" is used by ": " are used by "})


def tested_elsewhere(context: Context) -> bool:
    """Whether the author says that kvm-unit-tests has the test."""
    cover = context.series.cover
    texts = [cover.body if cover else "", *(patch.changelog for patch in context.series.patches)]
    return any("kvm-unit-tests" in text for text in texts)


def scan(old: frozenset[str], view: View) -> Iterator[Problem]:
    """Quirks of one tree that are not ``old`` and that no selftest names."""
    for name, constant in view.constants().items():
        if not name.startswith(PREFIX) or name in old or used(view, name):
            continue
        yield Problem(
            key=name,
            title=f"{name} is used by no selftest",
            why=(
                f"Nothing below {SELFTESTS} mentions {name}.  What KVM does with the quirk "
                "disabled is never executed by a test."
            ),
            fix=(
                "Add a selftest that disables the quirk with KVM_CAP_DISABLE_QUIRKS2 and checks "
                "both behaviours, or name the kvm-unit-tests that do."
            ),
            reference=REFERENCE,
            path=constant.path,
            line=constant.line,
            missing=True,
        )


def used(view: View, name: str) -> bool:
    """Whether a selftest source names the quirk; a comment counts, a person will look."""
    word = name.encode()
    sources = (path for path in view.paths(SELFTESTS) if path.endswith((".c", ".h")))
    return any(word in (view.read(path) or b"") for path in sources)
