# SPDX-License-Identifier: GPL-2.0-only
"""New interfaces come with selftests, these also test what must fail, and a Makefile lists them.

What
----
A C file with a main() that the series adds below tools/testing/selftests/kvm is named in Makefile or
Makefile.kvm there once all patches are applied.  A series that adds an ioctl or a capability to KVM x86
or common code has a selftest, or says where the test is.  The selftests of a new interface look at an
error at least once (a note).

Why
---
A test that is not in TEST_GEN_PROGS_<arch> is never built, so it rots and proves nothing.  Wrong
arguments that nobody tries are accepted by the first version, and can then never be rejected.

Bad
---
A patch that adds x86/example_test.c and does not touch the Makefile; a test of a new ioctl that only
calls it with valid arguments.

Good
----
::

    +TEST_GEN_PROGS_x86 += x86/example_test

    +   r = __vm_ioctl(vm, KVM_EXAMPLE, &invalid);
    +   TEST_ASSERT(r == -1 && errno == EINVAL, "Invalid flags should fail");

When to ignore
--------------
The program is a tool that people build by hand.  The interface has no argument that could be wrong.

What it does not see
--------------------
Whether the test is listed for the right architectures, and whether the errors it looks at are those of the
new interface: any errno, vector or word such as "invalid" in an added line counts.  Files below lib/.
An RFC is not asked for tests.
"""

import re
from collections.abc import Iterator

from reviewbot.rulekit import (
    KVM_HEADERS,
    Confidence,
    Context,
    Fact,
    Finding,
    Macro,
    Needs,
    Patch,
    Problem,
    Severity,
    View,
    interface_kind,
    macro_in_line,
    matches,
    other_architecture,
    removed_macros,
    rule,
)

SELFTESTS = "tools/testing/selftests/kvm"
# 6.13 moved the list from Makefile to Makefile.kvm.
MAKEFILES = (f"{SELFTESTS}/Makefile", f"{SELFTESTS}/Makefile.kvm")
LIBRARIES = (f"{SELFTESTS}/lib/*", f"{SELFTESTS}/include/*")
REFERENCE = (
    "Documentation/process/maintainer-kvm-x86.rst: new features *must* come with test coverage"
)


SOURCES = (f"{SELFTESTS}/*.c",)
# What a test that expects an error cannot do without: an errno, an exception, or a word for it.
NEGATIVE = re.compile(
    r"\bE(?:2BIG|ACCES|AGAIN|BUSY|EXIST|FAULT|INVAL|NODEV|NOENT|NOSYS|NOTTY|NXIO|OPNOTSUPP|PERM)\b"
    r"|\berrno\b|_VECTOR\b|_safe\(|\b__v(?:m|cpu)_ioctl|\b(?:r|ret|rc|err)\s*(?:==\s*-\d|<\s*0)"
    r"|invalid|illegal|unsupported|reject|bogus|\bbad_|\b(?:should|must) (?:fail|not)",
    re.IGNORECASE,
)
TESTED = re.compile(r"selftest|kvm-unit-test|unit test|\btested (?:with|by|on)\b", re.IGNORECASE)
CHECKLIST = (
    "Documentation/process/maintainer-kvm-x86.rst: negative testcases in particular are mandatory; "
    "https://lore.kernel.org/r/ZvwWM7rQd075o6nb@linux.dev"
)
# Fewer added lines are a change of old tests.
A_TEST = 20


@rule(
    code="KVM-PROC-005",
    severity=Severity.WARNING,
    needs=Needs.SERIES,
    touches=(*SOURCES, *KVM_HEADERS),
)
def selftests(context: Context) -> Iterator[Finding | Fact]:
    """New programs that no Makefile has, and new interfaces without tests of what must fail."""
    if context.steps and context.touched(*SOURCES):
        yield from unlisted(context)
    new = interfaces(context)
    if new and "RFC" not in context.series.prefixes:
        yield from coverage(context, new)


def unlisted(context: Context) -> Iterator[Finding | Fact]:
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


def interfaces(context: Context) -> dict[str, tuple[Patch, str]]:
    """New ioctls, capabilities and flag bits with patch and kind; moved ones are old."""
    gone = removed_macros(context.series)
    return {
        macro.name: (patch, interface_kind(macro))
        for patch, _, line, text in context.added_lines(*KVM_HEADERS)
        if (macro := macro_in_line(text, line)) and macro.name not in gone and testable(macro)
    }


def testable(macro: Macro) -> bool:
    """Whether a macro is something userspace passes in or asks for; numbers and encodings are not."""
    kind = interface_kind(macro)
    return kind in {"ioctl", "capability"} or (kind == "flag" and "<<" in macro.value)


def coverage(context: Context, new: dict[str, tuple[Patch, str]]) -> Iterator[Finding]:
    """No test at all, or none that looks at an error."""
    tests: dict[int, list[str]] = {}
    for patch, _, _, text in context.added_lines(*SOURCES):
        tests.setdefault(patch.number, []).append(text)
    lines = [text for added in tests.values() for text in added]
    listed = ", ".join(sorted(new)[:3]) + (" ..." if len(new) > 3 else "")
    if not context.touched(f"{SELFTESTS}/*"):
        ours = [p for p, kind in new.values() if kind != "flag" and not other_architecture(p)]
        if ours and not says_tested(context):
            yield from context.report(untested(listed), patch=ours[0].number)
    elif len(lines) >= A_TEST and not any(NEGATIVE.search(text) for text in lines):
        first = max(tests, key=lambda number: len(tests[number]))
        yield from context.report(only_positive(listed), patch=first)


def says_tested(context: Context) -> bool:
    """Whether the series says in words where its tests are."""
    cover = context.series.cover
    texts = [cover.body] if cover else []
    texts += [f"{patch.changelog}\n{patch.below_cut}" for patch in context.series.patches]
    return any(TESTED.search(text) for text in texts)


def untested(listed: str) -> Problem:
    """What to say about an interface without a test."""
    return Problem(
        key="untested",
        title=f"no selftest for {listed}",
        why=f"The series adds {listed}, changes no KVM selftest and does not say how it was tested.",
        fix="Add a selftest, with negative testcases, or point to the test in the cover letter.",
        reference=REFERENCE,
        missing=True,
        confidence=Confidence.MEDIUM,
    )


def only_positive(listed: str) -> Problem:
    """What to say about tests that expect success all the way."""
    return Problem(
        key="positive",
        title=f"the selftests of {listed} never look at an error",
        why=(
            f"The series adds {listed}, and no added line of its tests has an errno, an exception or a "
            "word for an invalid argument."
        ),
        fix="Assert that reserved bits and invalid arguments are rejected, and with which error.",
        reference=CHECKLIST,
        missing=True,
        severity=Severity.NOTE,
        confidence=Confidence.MEDIUM,
    )


def scan(view: View, paths: list[str]) -> Iterator[Problem]:
    """Programs of one tree that are in no Makefile."""
    for path in paths:
        if not view.exists(path) or listed(view, path) or "main" not in view.c(path).functions:
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


def listed(view: View, path: str) -> bool:
    """Whether a Makefile names the program; arch/arm64/foo may be split and listed as "foo" only."""
    name = path.rpartition("/")[2].removesuffix(".c")
    return any(view.makefile(one).names(name) for one in MAKEFILES if view.exists(one))


def home(view: View) -> str:
    """The Makefile that has the lists in this tree."""
    return MAKEFILES[view.exists(MAKEFILES[1])]
