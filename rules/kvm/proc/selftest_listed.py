# SPDX-License-Identifier: GPL-2.0-only
"""A new KVM selftest is in the Makefile, so that it is built and run.

What
----
A C file with a main() that the series adds below tools/testing/selftests/kvm is named in Makefile or
Makefile.kvm there once all patches are applied.

Why
---
A test that is not in TEST_GEN_PROGS_<arch> is never built, so it rots and proves nothing.

Bad
---
A patch that adds x86/example_test.c and does not touch the Makefile.

Good
----
::

    +TEST_GEN_PROGS_x86 += x86/example_test

When to ignore
--------------
The program is a tool that people build by hand.

What it does not see
--------------------
Whether the test is listed for the right architectures, or checks what must fail.  Files below lib/.
"""

import re
from collections.abc import Iterator

from reviewbot.rulekit import Context, Fact, Finding, Problem, Severity, View, matches, rule

SELFTESTS = "tools/testing/selftests/kvm"
# 6.13 moved the list from Makefile to Makefile.kvm.
MAKEFILES = (f"{SELFTESTS}/Makefile", f"{SELFTESTS}/Makefile.kvm")
LIBRARIES = (f"{SELFTESTS}/lib/*", f"{SELFTESTS}/include/*")
REFERENCE = (
    "Documentation/process/maintainer-kvm-x86.rst: new features *must* come with test coverage"
)


@rule(code="KVM-PROC-005", severity=Severity.WARNING, touches=(f"{SELFTESTS}/*.c",))
def selftest_listed(context: Context) -> Iterator[Finding | Fact]:
    """New programs that the Makefiles of the tip do not have."""
    new = sorted(
        {
            path
            for step in context.steps
            for path in step.paths
            if matches(path, (f"{SELFTESTS}/*.c",))
            and not matches(path, LIBRARIES)
            and not context.base.exists(path)
        }
    )
    if new:
        yield from context.introduced(
            lambda view: scan(view, new), touching=(f"{SELFTESTS}/*.c", *MAKEFILES)
        )


def scan(view: View, paths: list[str]) -> Iterator[Problem]:
    """Programs of one tree that are in no Makefile."""
    makefiles = "\n".join(view.text(path) for path in MAKEFILES)
    for path in paths:
        if not view.exists(path) or listed(path, makefiles) or "main" not in view.c(path).functions:
            continue
        yield Problem(
            key=path,
            title=f"{path.rpartition('/')[2]} is never built",
            why=(
                f"{path} has a main() and no Makefile of the KVM selftests names it.  "
                "make kselftest neither builds nor runs it."
            ),
            fix=f"Add it to TEST_GEN_PROGS_<arch> in {home(view)}.",
            reference=REFERENCE,
            path=path,
            line=view.c(path).functions["main"].line,
            missing=True,
        )


def listed(path: str, makefiles: str) -> bool:
    """Whether a Makefile names the program; arch/arm64/foo may be split and listed as "foo" only."""
    name = path.rpartition("/")[2].removesuffix(".c")
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", makefiles) is not None


def home(view: View) -> str:
    """The Makefile that has the lists in this tree."""
    return MAKEFILES[view.exists(MAKEFILES[1])]
