# SPDX-License-Identifier: GPL-2.0-only
"""Each patch builds: nothing is used before it exists, and no static function is left unused.

What
----
Two things that can be told without a compiler.  A patch uses a function, constant or struct member
that only a later patch of the series defines.  A patch adds a static function to a C file of KVM and
nothing there uses it, or it takes away the last use of one (-Wunused-function, an error with
KVM_WERROR=y).

Why
---
A bisection stops at any patch.  maintainer-kvm-x86.rst asks that all patches of a series build with
KVM_WERROR=y.

Bad
---
::

    [3/5] +	r = kvm_example_handle(vcpu);
    [4/5] +int kvm_example_handle(struct kvm_vcpu *vcpu)

Good
----
The other order, or both in one patch.

When to ignore
--------------
The file is not built yet after that patch.

What it does not see
--------------------
Everything else that keeps a patch from building: the build stage compiles each patch and reports what
the compiler says.  Where it ran, this rule says the same earlier and names the patch that has the
definition; without a build it is all there is.  Uses below #ifdef and in macros, types, unused
variables, and names built by ## are left to the compiler, and so is a name that occurs anywhere in
the headers a file includes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from reviewbot.rulekit import (
    KVM_X86,
    Context,
    Fact,
    FileDiff,
    Finding,
    Patch,
    Problem,
    Severity,
    Step,
    View,
    added,
    definitions,
    includes,
    matches,
    rule,
)

SOURCES = ("arch/*/kvm/*.c", "virt/kvm/*.c")
REFERENCE = (
    "Documentation/process/maintainer-kvm-x86.rst, Testing: *all* patches in a series must build "
    "cleanly for KVM_INTEL=m KVM_AMD=m, and KVM_WERROR=y"
)
CALLED = re.compile(r"(?<![\w.>])([A-Za-z_]\w{3,100})\(")
CONSTANT = re.compile(r"\b(?!CONFIG_)([A-Z][A-Z0-9]*_[A-Z0-9_]{3,})\b")
MEMBER = re.compile(r"(?:->|\.)([a-z_]\w{3,})\b(?!\()")
MAY_BE_UNUSED = re.compile(
    r"\binline\b|__maybe_unused|__always_unused|__used|__attribute|__visible|asmlinkage"
)
ARGUMENT = re.compile(r"(?<=[(,])\s*(\w+)\s*(?=[,)])")
INVOCATION = re.compile(rb"^[ \t]*[A-Z][A-Z0-9_]+\(([^()\n]*)", re.MULTILINE)


@rule(code="KVM-PROC-007", severity=Severity.ERROR, touches=SOURCES)
def builds(context: Context) -> Iterator[Finding | Fact]:
    """What breaks the build of one patch, whatever later patches repair."""
    yield from unused(context)
    yield from too_early(context)


def unused(context: Context) -> Iterator[Finding]:
    """Static functions that a patch leaves without a use."""
    for index, step in enumerate(context.steps):
        for file in changed(step.patch):
            path = file.path
            if not step.after.exists(path) or not built(step.after, path):
                continue
            for name in sorted(lonely(step, file)):
                user = next(
                    (s for s in context.steps[index + 1 :] if count(s.after, path, name) != 1), None
                )
                yield from context.report(
                    unused_problem(step.after, path, name, user), patch=step.number, view=step.after
                )


def unused_problem(view: View, path: str, name: str, user: Step | None) -> Problem:
    """What to say about a function without a use."""
    later = f"  Patch {user.number} is the first that has one." if user else ""
    return Problem(
        key=("unused", path, name),
        title=f"static function {name}() is not used",
        why=(
            f"After this patch nothing in {path} uses {name}(), so the compiler warns "
            f"(-Wunused-function), which KVM_WERROR=y turns into an error.{later}"
        ),
        fix=f"Add the function in patch {user.number}."
        if user
        else "Remove the function, or use it.",
        reference=REFERENCE,
        path=path,
        line=view.c(path).functions[name].line,
        severity=None if matches(path, KVM_X86) else Severity.WARNING,
    )


def lonely(step: Step, file: FileDiff) -> set[str]:
    """Names in the changed lines that the file now has once, as a static function."""
    names = {
        name
        for hunk in file.hunks
        for line in hunk.lines
        if line[:1] in {"+", "-"}
        for name in CALLED.findall(line)
    }
    path = file.path
    return {
        name
        for name in names
        if is_unused(step.after, path, name) and not is_unused(step.before, path, name)
    }


def is_unused(view: View, path: str, name: str) -> bool:
    """Whether the only occurrence of a name defines a static function that must be used."""
    if count(view, path, name) != 1 or not begins_static(view.read(path) or b"", name):
        return False  # most names, and parsing takes time
    function = view.c(path).functions.get(name)
    if function is None or not function.static:
        return False
    head = function.text.partition("{")[0]
    if MAY_BE_UNUSED.search(head) or pasted(view, path, name):
        return False
    # Templates such as mmu/paging_tmpl.h use what the file that includes them defines.
    return not any(count(view, each, name) for each in includes(view, path) if "/kvm/" in each)


def begins_static(data: bytes, name: str) -> bool:
    """Whether the line with a name, or the one before, begins with "static"."""
    at = data.find(name.encode())
    lines = data[:at].rsplit(b"\n", 2)[-2:]
    return any(line.startswith(b"static ") for line in lines)


def pasted(view: View, path: str, name: str) -> bool:
    """Whether a macro may build the name: a piece of it is an argument somewhere (vt_op(vcpu_run))."""
    words = name.split("_")
    pieces = {"_".join(words[:at]) for at in range(1, len(words))}
    pieces |= {"_".join(words[at:]) for at in range(1, len(words))}
    arguments = view.facts.of(
        ("arguments", view.blob_id(path)), lambda: frozenset(ARGUMENT.findall(view.text(path)))
    )
    return bool(pieces & arguments)


def count(view: View, path: str, name: str) -> int:
    """How often a file has a name as a whole word, comments included; 2 stands for more."""
    data, wanted, found = view.read(path) or b"", name.encode(), 0
    at = data.find(wanted)
    while at >= 0 and found < 2:
        around = data[max(at - 1, 0) : at] + data[at + len(wanted) : at + len(wanted) + 1]
        found += not re.search(rb"\w", around)
        at = data.find(wanted, at + 1)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One name that a patch uses.  ``kind`` is "function", "constant" or "member"."""

    name: str
    kind: str
    path: str
    line: int


def too_early(context: Context) -> Iterator[Finding]:
    """Names that a patch uses and a later one defines."""
    patches = context.series.patches
    later = {patch.number: definitions(patch) for patch in patches}
    for step in context.steps:
        if any(number < step.number for number in context.series.missing):
            return
        wanted = {n: k for k in sorted(later, reverse=True) if k > step.number for n in later[k]}
        wanted = {n: k for n, k in wanted.items() if n not in later[step.number]}
        if not wanted:
            continue
        seen: set[str] = set()
        for use in uses(step.patch):
            if use.name not in wanted or use.name in seen:
                continue
            seen.add(use.name)
            if undefined(step.after, use):
                yield context.finding(
                    early_problem(use, wanted[use.name]), patch=step.number, view=step.after
                )


def early_problem(use: Use, definer: int) -> Problem:
    """What to say about a use before the definition."""
    shown = {"function": f"{use.name}()", "member": f"member {use.name}"}.get(use.kind, use.name)
    return Problem(
        key=("early", use.name),
        title=f"{shown} is used before patch {definer} defines it",
        why=(
            f"The patch uses {shown}, which neither the tree nor an earlier patch has; patch "
            f"{definer} adds it.  This patch does not build."
        ),
        fix=f"Put the definition in front, or move this use to patch {definer}.",
        reference=REFERENCE,
        path=use.path,
        line=use.line,
    )


def changed(patch: Patch) -> Iterator[FileDiff]:
    """The C files of KVM that a patch changes and leaves there."""
    for file in patch.files:
        if file.new_path and matches(file.new_path, SOURCES):
            yield file


def uses(patch: Patch) -> Iterator[Use]:
    """What the added lines of C files use."""
    kinds = (("function", CALLED), ("member", MEMBER), ("constant", CONSTANT))
    for file in changed(patch):
        for hunk in file.hunks:
            for line, text in added(hunk):
                for kind, pattern in kinds:
                    for name in pattern.findall(text):
                        yield Use(name=name, kind=kind, path=file.path, line=line)


def undefined(view: View, use: Use) -> bool:
    """Whether a name is nothing but used in its file, always, and in no header the file includes."""
    source = view.c(use.path)
    lines = source.mentions(use.name)
    bodies = [(f.line, f.end) for f in source.functions.values()]
    if use.kind == "function":
        users = {call.line for call in source.calls(use.name) if call.function}
    elif use.kind == "member":
        users = {access.line for access in source.accesses(use.name)}
    else:
        users = {at for at in lines if any(first < at <= last for first, last in bodies)}
    if not lines or set(lines) != users or mentioned(view, use) != len(lines):
        return False
    if guarded(view.text(use.path), min(lines)) or not built(view, use.path):
        return False
    if made(view.read(use.path) or b"", use.name):
        return False
    for path in includes(view, use.path):
        data = view.read(path) or b""
        if count(view, path, use.name) or made(data, use.name):
            return False
    return True


def mentioned(view: View, use: Use) -> int:
    """How often the file has the name, in comments and macros as well."""
    return len(re.findall(rf"(?<!\w){use.name}(?!\w)", view.text(use.path)))


def made(data: bytes, name: str) -> bool:
    """Whether a macro at file level may define the name from its arguments.

    BUILD_KVM_GPR_ACCESSORS(rbx, RBX) makes kvm_rbx_read(), TRACE_EVENT(kvm_exit, ...) trace_kvm_exit().
    """
    return any(
        len(piece) > 2 and piece in name
        for arguments in INVOCATION.findall(data)
        for piece in re.findall(r"\w+", arguments.decode("utf-8", "replace"))
    )


def guarded(text: str, line: int) -> bool:
    """Whether a line is below an #if."""
    depth = 0
    for each in text.split("\n")[: line - 1]:
        directive = each.lstrip()[1:].lstrip() if each.lstrip().startswith("#") else ""
        depth += directive.startswith("if") - directive.startswith("endif")
    return depth > 0


def built(view: View, path: str) -> bool:
    """Whether a Makefile of the directory or one above it names the object."""
    place = PurePosixPath(path)
    makefiles = [
        f"{p}/{name}" for p in place.parents[:3] for name in ("Makefile", "Kbuild", "Makefile.kvm")
    ]
    makefiles.append("virt/kvm/Makefile.kvm")
    wanted = f"{place.stem}.o"
    return any(view.makefile(one).names(wanted) for one in makefiles if view.exists(one))
