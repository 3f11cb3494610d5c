# SPDX-License-Identifier: GPL-2.0-only
"""Every new KVM_X86_QUIRK_* has a row in the quirk table of api.rst.

What
----
A quirk that the series adds to arch/x86/include/uapi/asm/kvm.h is named in the first column of the
table below KVM_CAP_DISABLE_QUIRKS2 in Documentation/virt/kvm/api.rst once all patches are applied, and
the row says what happens when the quirk is disabled (a warning).  The lines of such a series name only
quirks that exist (a warning).  A series of nothing but userspace headers gets a warning at most.

Why
---
The name alone does not tell userspace what it gives up by disabling the quirk.  The table is the
only place where default behaviour and behaviour without the quirk are described.

Bad
---
::

    +#define KVM_X86_QUIRK_EXAMPLE        (1 << 11)

and no patch of the series touches api.rst.

Good
----
::

    +KVM_X86_QUIRK_EXAMPLE              By default, KVM keeps doing what it did.
    +                                   When this quirk is disabled, KVM does
    +                                   what the architecture says.

When to ignore
--------------
The documentation is a separate posting that is already applied.

What it does not see
--------------------
Whether what the row says is right.  Names of other namespaces (KVM_X2APIC_API_*, Hyper-V) are not quirks
in this sense.
"""

import re
from collections.abc import Iterator
from functools import partial

from reviewbot.rulekit import (
    API_RST,
    Context,
    Document,
    Fact,
    Finding,
    Needs,
    Problem,
    Severity,
    Verified,
    View,
    rule,
    several,
    softened,
)

HEADER = "arch/x86/include/uapi/asm/kvm.h"
PREFIX = "KVM_X86_QUIRK_"
SECTION = "KVM_CAP_DISABLE_QUIRKS2"
# Where quirks are spoken of; "KVM_X86_QUIRK_*" is no name.
PLACES = ("arch/x86/*", "Documentation/virt/kvm/*", "tools/testing/selftests/kvm/*")
NAME = re.compile(rf"\b{PREFIX}\w*[A-Z0-9]\b(?!\*)")
REFERENCE = (
    "Documentation/virt/kvm/review-checklist.rst: the API must be documented in "
    "Documentation/virt/kvm/api.rst"
)


@rule(code="KVM-QUIRK-001", severity=Severity.ERROR, touches=PLACES, needs=Needs.SERIES)
def documented(context: Context) -> Iterator[Finding | Fact]:
    """Quirks without a row that the base did not have, or that it had a row for; and wrong names."""
    new = frozenset(name for name, *_ in defined(context))
    # Other series may just be made for a newer tree.
    if new and context.steps and context.series.complete:
        yield from wrong_names(context, new)
    if not any(PREFIX in line for line in context.changed_lines(HEADER, API_RST)):
        return
    found = softened(context.series, undescribed(context))
    yield from several(found, {" is not documented": " are not documented"})


def undescribed(context: Context) -> Iterator[Finding | Fact]:
    """Quirks without a row, in the trees or, where they are not whole, in the mails."""
    if not context.steps or not context.complete:
        yield from in_mails(context)
        return
    old = context.base.constants()
    text = context.base.text(API_RST)
    known = frozenset(name for name in old if name.startswith(PREFIX))
    described = frozenset(name for name in known if name in text)
    yield from context.introduced(
        partial(scan, known=known, described=described), touching=(HEADER, API_RST)
    )


def wrong_names(context: Context, new: frozenset[str]) -> Iterator[Finding]:
    """Quirks that do not exist and that a line names which the series only adds."""
    names = [
        (name, patch, path, line, text)
        for patch, path, line, text in context.added_lines(*PLACES)
        for name in NAME.findall(text)
    ]
    known = {*context.tip.constants(), *new} if names else new
    old = {
        line[1:]
        for patch in context.series.patches
        for file in patch.files
        for hunk in file.hunks
        for line in hunk.lines
        if not line.startswith("+")
    }
    for name, patch, path, line, text in names:
        if name in known or text in old:
            continue
        known |= {name}
        problem = Problem(
            key=name,
            title=f"{name} does not exist",
            why=f"The line speaks of {name}, which {HEADER} does not define.",
            fix="Name the quirk that is meant.",
            reference=REFERENCE,
            path=path,
            line=line,
            severity=Severity.WARNING,
        )
        yield context.finding(problem, patch=patch.number)


def in_mails(context: Context) -> Iterator[Finding]:
    """Quirks that a series defines and does not describe, when no tree has all its patches."""
    if not context.series.complete:
        context.unknown.extend(f"{name} may be documented" for name, *_ in defined(context))
        return
    said = "\n".join(text for *_, text in context.added_lines(API_RST))
    for name, patch, line in defined(context):
        if name not in said:
            yield context.finding(_problem(name, HEADER, line, ()), patch=patch)


def defined(context: Context) -> list[tuple[str, int, int]]:
    """Quirks that added lines of the header define and no removed line did: name, patch, line."""
    gone = {
        line[1:].split()[1]
        for patch in context.series.patches
        for file in patch.files
        if file.path == HEADER
        for hunk in file.hunks
        for line in hunk.lines
        if line.startswith("-") and len(line.split()) > 1
    }
    lines = ((text.split(), p.number, line) for p, _, line, text in context.added_lines(HEADER))
    return [
        (words[1], patch, line)
        for words, patch, line in lines
        if len(words) > 1
        and words[0] == "#define"
        and words[1].startswith(PREFIX)
        and words[1] not in gone
    ]


def scan(
    view: View, known: frozenset[str], described: frozenset[str]
) -> Iterator[Problem | Verified]:
    """Quirks of one tree that are new, or whose description is gone."""
    text = view.text(API_RST)
    for name, constant in view.constants().items():
        if not name.startswith(PREFIX):
            continue
        if name in known and (name not in described or name in text):
            continue
        row = named(view.rst()).get(name) if name in text else None
        if row is not None and "disabl" not in row.lower():
            yield half_a_row(name, constant.path, constant.line)
        elif row is not None:
            yield Verified(
                key=("row", name),
                text=f"{name} is described in the quirk table of api.rst",
                path=constant.path,
                line=constant.line,
            )
        else:
            elsewhere = view.rst().mentions(name) if name in text else ()
            yield _problem(name, constant.path, constant.line, elsewhere)


def half_a_row(name: str, path: str, line: int) -> Problem:
    """A row that says one half only."""
    return Problem(
        key=("half", name),
        title=f"the row of {name} does not say what disabling it does",
        why=(
            f"The table below {SECTION} describes {name} without a word about the quirk being "
            "disabled.  That is what userspace has to decide."
        ),
        fix="Add what KVM does when the quirk is disabled, as the other rows do.",
        reference=REFERENCE,
        path=path,
        line=line,
        severity=Severity.WARNING,
    )


def _problem(name: str, path: str, line: int, elsewhere: tuple[int, ...]) -> Problem:
    return Problem(
        key=name,
        title=f"{name} is not documented",
        why=(
            f"The table below {SECTION} in api.rst has no row for {name}"
            + (f"; it is only mentioned in line {elsewhere[0]}." if elsewhere else ".")
            + "  Userspace cannot know what changes when it disables the quirk."
        ),
        fix=(
            "Add a row to the table of quirks in api.rst: what KVM does by default, and what it does "
            "when the quirk is disabled."
        ),
        reference=REFERENCE,
        path=path,
        line=line,
        missing=True,
    )


def named(document: Document) -> dict[str, str]:
    """Rows by the quirk in their first column.  6.12 has the table malformed: raw lines then count."""
    rows = {row[0].split()[0]: " ".join(row) for row in cells(document) if row and row[0].split()}
    quirk = ""
    for line in (line for _, text in document.malformed for line in text.split("\n")):
        word = line.split(None, 1)[0] if line.strip() else ""
        column = len(line) - len(line.lstrip())
        quirk = word if word.startswith(PREFIX) and column <= 1 else quirk
        if quirk:
            rows[quirk] = f"{rows.get(quirk, '')} {line}"
    return {name: text for name, text in rows.items() if name.startswith(PREFIX)}


def cells(document: Document) -> Iterator[tuple[str, ...]]:
    """Rows of the tables in the section."""
    for table in document.tables_in(SECTION):
        yield from table.rows
