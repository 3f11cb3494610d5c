# SPDX-License-Identifier: GPL-2.0-only
"""Userspace headers compile in userspace.

What
----
New definitions in KVM's userspace headers use nothing that only the kernel has: not BIT(), GENMASK(),
types such as u64 or gpa_t, or CONFIG_ symbols; and no member has a type whose size depends on the
architecture (long, size_t).  No constant there is a knob of the kernel: a plain number called ratio,
threshold or the like, which neither the header nor api.rst has a use for.

Why
---
The header is installed as it is.  A macro that expands to BIT() compiles in the kernel and fails in
every program that uses it; a CONFIG_ symbol is never defined there; a long differs in 32-bit programs.

Bad
---
::

        #define KVM_STATE_SVM_VALID_GPAT	BIT(0)

Good
----
::

        #define KVM_STATE_SVM_VALID_GPAT	_BITUL(0)

When to ignore
--------------
The definition is only meant for the kernel; then it belongs into a header that is not installed.

What it does not see
--------------------
Other constants that are policy of the kernel and no part of an interface.  riscv's register structs, which
are of ``unsigned long`` on purpose, and mips and powerpc, which are not compiled here.
"""

from collections.abc import Iterator

from reviewbot.rulekit import (
    API_RST,
    KVM_HEADERS,
    Confidence,
    Context,
    Fact,
    Finding,
    Macro,
    Needs,
    Problem,
    Severity,
    View,
    architectures,
    files_of,
    kvm_records,
    matches,
    rule,
    several,
)

_KERNEL_ONLY = ("BIT", "BIT_ULL", "GENMASK", "GENMASK_ULL", "BIT_MASK", "FIELD_PREP")
_INSTEAD = {
    "BIT": "_BITUL()",
    "BIT_ULL": "_BITULL()",
    "GENMASK": "__GENMASK() or a plain constant",
    "GENMASK_ULL": "__GENMASK_ULL() or a plain constant",
}
_KNOBS = frozenset(
    {"RATIO", "FACTOR", "THRESHOLD", "TIMEOUT", "INTERVAL", "PERIOD", "BUDGET", "BATCH", "RETRIES"}
)
_WORDS = frozenset({"long", "unsigned long", "size_t", "ssize_t"})
REJECTED = ": does not compile in userspace"
_REFERENCE = "Documentation/dev-tools/checkuapi.rst"


@rule(code="KVM-ABI-011", severity=Severity.WARNING, needs=Needs.BUILD, touches=KVM_HEADERS)
def header_hygiene(context: Context) -> Iterator[Finding | Fact]:
    """Look at each tree; what was wrong before is in the base too."""
    paths = sorted({path for patch in context.series.patches for path in files_of(patch)})
    names = tuple(name for name in architectures(paths) if name != "i386")
    headers = tuple(path for path in paths if matches(path, KVM_HEADERS))
    found = context.introduced(
        lambda view: scan(view, names, headers), touching=(*KVM_HEADERS, API_RST)
    )
    yield from several(found, {REJECTED: ": do not compile in userspace"}, most=1)


def scan(view: View, names: tuple[str, ...], headers: tuple[str, ...]) -> Iterator[Problem]:
    """Everything in the touched headers that userspace can not use."""
    for path in headers:
        if view.exists(path):
            yield from kernel_macros(view, path, names)
            yield from kconfig(view, path)
            yield from knobs(view, path)
    for name in names:
        yield from errors(view, name)
        yield from words(view, name)


def kernel_macros(view: View, path: str, names: tuple[str, ...]) -> Iterator[Problem]:
    """Definitions that expand to a macro which userspace does not have."""
    defined = frozenset[str]().union(*(view.uapi(name).defined for name in names))
    for macro in view.c(path).macros.values():
        for user in _KERNEL_ONLY:
            if user not in defined and user in macro.calls:
                yield kernel_macro(macro, user, path)


def kernel_macro(macro: Macro, user: str, path: str) -> Problem:
    """One of them."""
    return Problem(
        key=("macro", path, macro.name),
        title=f"{macro.name} uses {user}(), which userspace does not have",
        why=f"{user}() is not defined for programs that include this header: they do not compile when they "
        f"use {macro.name}.",
        fix=f"Use {_INSTEAD.get(user, 'a plain constant')}.",
        reference=_REFERENCE,
        path=path,
        line=macro.line,
    )


def knobs(view: View, path: str) -> Iterator[Problem]:
    """Plain numbers with a name of tuning, which nothing of the interface uses."""
    for macro in view.c(path).macros.values():
        if not macro.value.isdigit() or not _KNOBS & set(macro.name.split("_")):
            continue
        if view.text(path).count(macro.name) > 1 or macro.name in view.text(API_RST):
            continue
        yield Problem(
            key=("knob", path, macro.name),
            title=f"{macro.name} looks like a setting of the kernel in a userspace header",
            why="Nothing in the header or in api.rst uses it. Once programs have it, the kernel can not "
            "choose another value.",
            fix="Define it where the kernel uses it, or document what userspace does with it.",
            reference="Documentation/virt/kvm/review-checklist.rst",
            path=path,
            line=macro.line,
            missing=True,
            confidence=Confidence.MEDIUM,
        )


def kconfig(view: View, path: str) -> Iterator[Problem]:
    """CONFIG_ symbols in preprocessor conditions."""
    for name, line in view.c(path).identifiers("CONFIG_"):
        yield Problem(
            key=("config", path, name),
            title=f"{name} in a userspace header",
            why="Kconfig symbols are not defined in userspace, so programs never see what depends on this.",
            fix="Define it always, and let userspace ask with KVM_CHECK_EXTENSION.",
            reference="scripts/headers_install.sh",
            path=path,
            line=line,
        )


def errors(view: View, architecture: str) -> Iterator[Problem]:
    """What the compiler rejects."""
    for path, line, message in view.uapi(architecture).errors:
        if matches(path, KVM_HEADERS):
            yield Problem(
                key=("error", path, message),
                title=f"{message}{REJECTED}",
                why="The installed header is compiled without the kernel's own headers.",
                fix="Use __u8 to __u64, __s8 to __s64 and __aligned_u64, and include what is used from uapi.",
                reference=_REFERENCE,
                path=path,
                line=line,
            )


def words(view: View, architecture: str) -> Iterator[Problem]:
    """Members whose size is the machine word's."""
    if architecture == "riscv64":
        return
    for record in kvm_records(view.uapi(architecture)).values():
        for member in record.members:
            if member.type in _WORDS:
                yield Problem(
                    key=("word", record.name, member.path),
                    title=f"{record.name}.{member.path} is {member.type}",
                    why=f"{member.type} has 4 bytes in 32-bit programs and 8 in the kernel.",
                    fix="Use __u64 (or __u32).",
                    reference="Documentation/virt/kvm/review-checklist.rst",
                    path=record.path,
                    line=member.line,
                )
