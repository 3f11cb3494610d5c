# SPDX-License-Identifier: GPL-2.0-only
"""New capabilities, exit reasons and ioctls are documented once the series is applied.

What
----
A KVM_CAP_*, KVM_EXIT_* or ioctl number that the series adds to a KVM userspace header is named below
Documentation/virt/kvm.  The same holds, as a warning, for flags and attributes whose siblings are
nearly all documented (KVM_MEM_*, KVM_XEN_*, KVM_GUESTDBG_*).

Why
---
review-checklist.rst makes documentation part of a new interface: without it VMM authors read the
kernel to find out what an argument means, and take what the code happens to do for the contract.

Bad
---
::

    +#define KVM_CAP_EXAMPLE 239

and no patch of the series touches Documentation/virt/kvm.

Good
----
::

    +7.38 KVM_CAP_EXAMPLE
    +--------------------
    +
    +:Architectures: x86
    +:Parameters: args[0] - ...
    +:Returns: 0 on success, -EINVAL ...

When to ignore
--------------
The number is for a test module only, or the documentation is posted separately and already applied.

What it does not see
--------------------
Whether what is written is right, complete, or in the right section.  Interfaces that are not a macro
in a KVM header; device attributes and registers of families that are mostly undocumented; quirks
(KVM-QUIRK-001).  "KVM_[GS]ET_X", "KVM_{GET,SET}_X" and "KVM_GET_X_*" count as documentation of what
they stand for.
"""

import re
from collections.abc import Iterator
from functools import partial

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
    files_of,
    matches,
    rule,
)

DOCUMENTS = "Documentation/virt/kvm"
REFERENCE = (
    "Documentation/virt/kvm/review-checklist.rst: the API must be documented in "
    "Documentation/virt/kvm/api.rst"
)
QUIRK = "KVM_X86_QUIRK_"
# Bounds, masks and encodings are implementation, even in families that are well documented.
NOT_FLAGS = ("_MASK", "_SHIFT", "_MAX", "_SIZE", "_OFFSET", "_BITS", "_FLAGS", "_FIELDS", "_MODE")
# Families that every tree documents, small as they are and whatever tree is at hand.
ALWAYS = ("KVM_MEM_", "KVM_MEMORY_ATTRIBUTE_")
SIBLINGS = 6
DOCUMENTED_SHARE = 0.8
# "KVM_CAP_*" documents nothing; "KVM_DEV_FLIC_ADAPTER_*" does.
WORDS_BEFORE_A_STAR = 3
LONGEST_PATTERN = 100


@rule(code="KVM-DOC-001", severity=Severity.ERROR, needs=Needs.SERIES, touches=KVM_HEADERS)
def uapi_documented(context: Context) -> Iterator[Finding | Fact]:
    """New names that no document has at the tip, or in the mails where there is no tip."""
    if not context.steps or not context.complete:
        yield from in_mails(context)
        return
    paths = sorted(
        {p for patch in context.series.patches for p in files_of(patch) if matches(p, KVM_HEADERS)}
    )
    old = defined(context.base, paths)
    if all(defined(step.after, paths).keys() <= old.keys() for step in context.steps):
        return
    yield from context.introduced(
        partial(scan, paths=paths, base=context.base, old=old),
        touching=(*KVM_HEADERS, DOCUMENTS + "/*"),
    )


def scan(
    view: View, paths: list[str], base: View, old: dict[str, tuple[str, Macro]]
) -> Iterator[Problem]:
    """Names of one tree that are not ``old`` and that no document has."""
    new = {name: at for name, at in defined(view, paths).items() if name not in old}
    known: dict[str, bool] = {}
    for name in undocumented(view, [n for n, (_, macro) in new.items() if kind_of(macro)]):
        path, macro = new[name]
        kind = kind_of(macro)
        if kind == "flag" and not name.startswith(ALWAYS):
            group = family(name)
            if group not in known:
                known[group] = documented_family(base, group, old)
            if not known[group]:
                continue
        yield _problem(name, kind, path, macro, view.text(API_RST))


def in_mails(context: Context) -> Iterator[Finding]:
    """Names that a series defines and does not describe itself, when no tree has all its patches.

    Nobody documented them before they existed.  Moved and renumbered definitions are not new.
    """
    gone = {
        macro.name
        for patch in context.series.patches
        for file in patch.files
        for hunk in file.hunks
        for line in hunk.lines
        if line.startswith("-") and (macro := macro_of(line[1:], 0))
    }
    said = "\n".join(text for *_, text in context.added_lines(DOCUMENTS + "/*"))
    patterns = tuple(_patterns(said))
    for patch, path, line, text in context.added_lines(*KVM_HEADERS):
        macro = macro_of(text, line)
        kind = kind_of(macro) if macro and macro.name not in gone else ""
        if not macro or not kind or (kind == "flag" and not macro.name.startswith(ALWAYS)):
            continue
        name = macro.name
        if re.search(rf"(?<!\w){name}(?!\w)", said) or any(re.fullmatch(p, name) for p in patterns):
            continue
        problem = _problem(name, kind, path, macro, said)
        if context.series.complete:
            yield context.finding(problem, patch=patch.number)
        else:
            yield from context.report(problem, patch=patch.number)


def macro_of(text: str, line: int) -> Macro | None:
    """The object-like KVM macro that one line of a header defines."""
    words = text.replace("# define", "#define", 1).split(None, 2)
    if len(words) < len(("#define", "NAME", "value")) or words[0] != "#define":
        return None
    name, value = words[1], words[2]
    if not name.startswith("KVM_") or not name.isidentifier():
        return None
    return Macro(name=name, parameters="", value=value, definition=text, line=line)


def defined(view: View, paths: list[str]) -> dict[str, tuple[str, Macro]]:
    """Object-like macros of the headers with their path."""
    return {
        name: (path, macro)
        for path in paths
        if view.exists(path)
        for name, macro in view.c(path).macros.items()
        if name.startswith("KVM_") and not macro.parameters and macro.value
    }


def kind_of(macro: Macro) -> str:
    """What a macro defines, "" for what needs no documentation."""
    if macro.value.startswith(("_IO(", "_IOR(", "_IOW(", "_IOWR(")):
        return "ioctl"
    if macro.name.startswith("KVM_CAP_"):
        return "capability"
    if macro.name.startswith("KVM_EXIT_") and macro.value.split()[0].isdecimal():
        return "exit reason"
    return "" if macro.name.startswith(QUIRK) or macro.name.endswith(NOT_FLAGS) else "flag"


def family(name: str) -> str:
    """KVM_MEM_READONLY belongs to KVM_MEM."""
    return "_".join(name.split("_")[:2])


def documented_family(base: View, group: str, old: dict[str, tuple[str, Macro]]) -> bool:
    """Whether a family is large and the base documents nearly every member."""
    siblings = [
        name for name, (_, macro) in old.items() if family(name) == group and kind_of(macro)
    ]
    if len(siblings) < SIBLINGS:
        return False
    lacking = undocumented(base, siblings)
    known = len(siblings) - len(lacking)
    return known >= DOCUMENTED_SHARE * len(siblings)


def undocumented(view: View, names: list[str]) -> list[str]:
    """Those names that no document has, as whole words or by a pattern that stands for them."""
    if not names:
        return []
    left = set(names)
    for path in (API_RST, *view.paths(DOCUMENTS, ".rst")):
        text = view.text(path)
        maybe = [name for name in left if name in text]
        left -= {name for name in maybe if re.search(rf"(?<!\w){name}(?!\w)", text)}
        patterns = tuple(_patterns(text)) if left else ()
        left -= {name for name in left if any(re.fullmatch(p, name) for p in patterns)}
        if not left:
            break
    return [name for name in names if name in left]


def _patterns(text: str) -> Iterator[str]:
    """Regular expressions of "KVM_[GS]ET_X", "KVM_{GET,SET}_X" and "KVM_A_B_*"."""
    for token in set(re.findall(r"\bKVM_[A-Z0-9_]*[\[{*][A-Z0-9_\[\]{},*]*", text)):
        pieces = re.findall(r"\[[A-Z0-9]+\]|\{[A-Z0-9_,]+\}|\*|[A-Z0-9_]+", token)
        if "".join(pieces) != token.rstrip(",") or len(token) > LONGEST_PATTERN:
            continue
        if token.count("*") > 1:
            continue  # nobody writes that, and matching it may take for ever
        if "*" in token and token.split("*")[0].count("_") < WORDS_BEFORE_A_STAR:
            continue
        yield "".join(_as_expression(piece) for piece in pieces)


def _as_expression(piece: str) -> str:
    if piece == "*":
        return r"\w+"
    return f"(?:{piece[1:-1].replace(',', '|')})" if piece.startswith("{") else piece


def misnamed(name: str, text: str) -> str:
    """The name's words in another order, as a document may have them, or "".

    KVM_CAP_BINARY_STATS_FD is KVM_CAP_STATS_BINARY_FD in api.rst to this day.
    """
    words = sorted(name.split("_"))
    found = set(re.findall(r"\bKVM_[A-Z0-9_]+", text))
    return next((other for other in sorted(found) if sorted(other.split("_")) == words), "")


def _problem(name: str, kind: str, path: str, macro: Macro, text: str) -> Problem:
    flag, other = kind == "flag", misnamed(name, text)
    if other:
        return Problem(
            key=name,
            title=f"{kind} {name} is documented as {other}",
            why=f"{DOCUMENTS} has {other}, which no header defines.  People search for {name}.",
            fix=f"Write {name} in the document.",
            reference=REFERENCE,
            path=path,
            line=macro.line,
            severity=Severity.NOTE,
        )
    return Problem(
        key=name,
        title=f"{kind} {name} is not documented",
        why=(
            f"No file below {DOCUMENTS} names {name}"
            + (f", while its siblings {family(name)}_* are documented." if flag else ".")
            + "  Userspace can only learn from the code what it means."
        ),
        fix=f"Describe {name} in {DOCUMENTS}/api.rst: architectures, parameters, return values, errors.",
        reference=REFERENCE,
        path=path,
        line=macro.line,
        missing=True,
        severity=Severity.WARNING if flag else None,
        confidence=Confidence.MEDIUM if flag else None,
    )
