# SPDX-License-Identifier: GPL-2.0-only
"""A new capability is answered by KVM_CHECK_EXTENSION.

What
----
For each KVM_CAP_* that the series adds to include/uapi/linux/kvm.h, some function that answers
KVM_CHECK_EXTENSION, generic or of an architecture, has a ``case`` for it once all patches are applied.
A series of nothing but userspace headers gets a warning: its code is somewhere else.

A series that adds no capability does not make an existing ioctl write to userspace after a failure that
so far left the memory alone (a warning).

Why
---
Userspace finds out by KVM_CHECK_EXTENSION what it may use.  Without a case the answer is 0 on every
kernel, so well-behaved userspace never uses the feature.  And what an ioctl writes in one kernel and not
in another, without a capability, cannot be trusted at all.

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
bits; other new behaviour of existing ioctls.
"""

from collections.abc import Iterator
from functools import partial

from reviewbot.rulekit import (
    Call,
    CFile,
    Context,
    Fact,
    Finding,
    Macro,
    Needs,
    Problem,
    Severity,
    View,
    matches,
    rule,
    several,
    softened,
)

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


COPY = "copy_to_user"
RESULTS = frozenset({"r", "ret", "rc", "err", "error"})
TRUSTED = "https://lore.kernel.org/r/871raueg7y.fsf@vitty.brq.redhat.com"


@rule(code="KVM-CAP-001", severity=Severity.ERROR, needs=Needs.SERIES, touches=(HEADER, *SOURCES))
def discoverable(context: Context) -> Iterator[Finding | Fact]:
    """New capabilities without a case at the tip, and ioctls that write more without a capability."""
    if any(PREFIX in text for *_, text in context.added_lines(HEADER)):
        found = softened(context.series, unanswered(context))
        yield from several(found, {" is unknown to ": " are unknown to "})
    elif context.steps and any(COPY in line for line in context.changed_lines(*SOURCES)):
        touched = sorted({p for s in context.steps for p in s.paths if matches(p, SOURCES)})
        compare = partial(writes_more, context.base, paths=touched)
        yield from context.introduced(compare, touching=SOURCES)


def unanswered(context: Context) -> Iterator[Finding | Fact]:
    """New capabilities that no handler knows."""
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


def writes_more(base: View, view: View, paths: list[str]) -> Iterator[Problem]:
    """Ioctls that copy to userspace whatever the result, and did so only after success."""
    for path in paths:
        if not base.exists(path) or not view.exists(path):
            continue
        before, after = copies(base, path), copies(view, path)
        for key, call in after.items():
            lost = key in before and depends(base.c(path), before[key])
            if lost and not depends(view.c(path), call):
                yield Problem(
                    key=key,
                    title=f"{key[1]} now writes to userspace after a failure as well",
                    why=(
                        f"{key[0]}() copied its answer after success only.  Programs cannot find out "
                        "whether a kernel fills it in when the ioctl fails."
                    ),
                    fix="Keep it, or add a capability that tells, and document it in api.rst.",
                    reference=TRUSTED,
                    path=path,
                    line=call.line,
                    severity=Severity.WARNING,
                )


def copies(view: View, path: str) -> dict[tuple[str, str], Call]:
    """The only copy_to_user() of each ioctl, by function and ioctl."""
    found: dict[tuple[str, str], list[Call]] = {}
    for call in view.c(path).calls(COPY) if COPY.encode() in (view.read(path) or b"") else ():
        labels = [one.text for one in call.conditions if one.kind == "case"]
        if "ioctl" in call.function and labels and labels[-1].startswith("KVM_"):
            found.setdefault((call.function, labels[-1]), []).append(call)
    return {key: calls[0] for key, calls in found.items() if len(calls) == 1}


def depends(source: CFile, call: Call) -> bool:
    """Whether a call is only made for some results, the ``if`` it is part of included."""
    whole = f"{COPY}({', '.join(call.arguments)})"
    texts = [one.text for one in call.conditions if one.kind != "case"]
    texts += [one.text for one in source.conditions(call.function) if whole in one.text]
    plain = "".join(c if c.isalnum() or c == "_" else " " for c in " ".join(texts))
    return not RESULTS.isdisjoint(plain.split())


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
        title=f"{name} is unknown to KVM_CHECK_EXTENSION",
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
