# SPDX-License-Identifier: GPL-2.0-only
"""KVM's documents build without new warnings, and section numbers are used once.

What
----
A series that changes a document below Documentation/virt/kvm adds no docutils warning or error to it,
and no section number that another section has already (a note).

Why
---
maintainer-kvm-x86.rst asks that htmldocs build without new warnings.  A table or code block that
docutils rejects is missing from the rendered document.

Bad
---
::

    +::
    +	struct kvm_example {

Good
----
::

    +::
    +
    +	struct kvm_example {

When to ignore
--------------
The series is meant for a tree whose document differs where it complains.

What it does not see
--------------------
What only sphinx knows: cross references, directives and roles of the kernel's own extensions.  Old
messages, also when their line moves.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from reviewbot.rulekit import (
    API_RST,
    Confidence,
    Context,
    Document,
    Fact,
    Finding,
    Problem,
    Severity,
    Step,
    View,
    files_of,
    matches,
    ranges,
    rule,
    several,
)

DOCUMENTS = ("Documentation/virt/kvm/*.rst",)
REFERENCE = (
    "Documentation/process/maintainer-kvm-x86.rst: must build htmldocs cleanly, i.e. with no new "
    "warnings or errors"
)
NUMBERS = f"{API_RST}: sections are referred to by number"


@rule(code="KVM-DOC-003", severity=Severity.ERROR, touches=DOCUMENTS)
def rst_messages(context: Context) -> Iterator[Finding | Fact]:
    """What the documents' last versions complain about and their first do not."""
    for path in sorted({p for patch in context.series.patches for p in files_of(patch)}):
        if not matches(path, DOCUMENTS):
            continue
        if not suspicious(context.tip, context.base, path):
            continue
        old = document(context.base, path)
        found = complaints(context, path, old)
        yield from several(found, {" is taken": " are taken"}, most=1)


def complaints(context: Context, path: str, old: Document | None) -> Iterator[Finding]:
    """What is new in one document, each at the patch that brought it."""
    for problem in scan(context.tip, path, old, numbered=context.settled):
        step, line = blame(context, path, problem.line)
        yield from context.report(replace(problem, line=line), patch=step.number, view=step.after)


def blame(context: Context, path: str, line: int) -> tuple[Step, int]:
    """The first patch with the text at a line of the tip, and where it has it.

    Parsing the versions in between would tell it better and take 0.4 s each for api.rst.
    """
    steps = [step for step in context.steps if path in step.paths]
    wanted = around(context.tip, path, line)
    for step in steps:
        text = "\n" + step.after.text(path)
        if wanted in text:
            return step, text[: text.index(wanted)].count("\n") + (2 if line > 1 else 1)
    return steps[-1], line


def around(view: View, path: str, line: int) -> str:
    """A line with its neighbours, as they stand in the file."""
    lines = ["", *view.text(path).split("\n")]
    return "\n".join(["", *lines[max(line - 1, 1) : line + 2]])


def suspicious(tip: View, base: View, path: str) -> bool:
    """Whether the base must be parsed too.  A document without messages has no new ones."""
    new = document(tip, path)
    if new is None or tip.blob_id(path) == base.blob_id(path):
        return False
    known = base.text(path)
    used = Counter(section.number for section in new.sections)
    taken = (s for s in new.sections if "." in s.number and used[s.number] > 1)
    return bool(new.messages) or any(section.title not in known for section in taken)


def document(view: View, path: str) -> Document | None:
    """The parsed document, None where the file is not there."""
    return view.rst(path) if view.exists(path) else None


def scan(view: View, path: str, old: Document | None, *, numbered: bool) -> Iterator[Problem]:
    """Messages and section numbers of one document that its ``old`` version does not have.

    Numbers only where the tree is the one that the author ``numbered`` them for: every newer one has taken
    the next.
    """
    new = document(view, path)
    if new is None or new is old:
        return
    yield from messages(new, old, path)
    if numbered:
        yield from numbers(new, old, path)


def messages(new: Document, old: Document | None, path: str) -> Iterator[Problem]:
    """What there is more of than before, one problem a section: messages come in cascades."""
    before = Counter(plain(message.text) for message in old.messages) if old else Counter[str]()
    after = Counter(plain(message.text) for message in new.messages)
    known = {place(m.line, plain(m.text), old) for m in old.messages} if old else set()
    by_section: dict[str, list[tuple[int, str]]] = {}
    for message in new.messages:
        text = plain(message.text)
        if after[text] > before[text] and place(message.line, text, new) not in known:
            by_section.setdefault(title_at(message.line, new), []).append((message.line, text))
    for title, found in by_section.items():
        line, text = min(found)
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        others = sorted({other for other, _ in found} - {line})
        lines = f"{'lines' if len(others) > 1 else 'line'} {ranges(others)}" if others else ""
        also = f"  More of it in {lines} of the file as the series leaves it." if others else ""
        yield Problem(
            key=("messages", title),
            title=f"new documentation warning{'s' if more else ''}: {text.rstrip('.')}{more}",
            why=(
                "make htmldocs does not say so without the series, and what is rendered is not what "
                f"was meant.{also}"
            ),
            fix=fix_of([text for _, text in found]),
            reference=REFERENCE,
            path=path,
            line=line,
        )


def title_at(line: int, document: Document) -> str:
    """The section a line is in."""
    return next((s.title for s in reversed(document.sections) if s.line <= line), "")


def plain(text: str) -> str:
    """What docutils says without where: its "<string>:8286: (ERROR/3)" changes with every line."""
    return re.sub(r"^\S*:\d+: \([A-Z]+/\d\) ", "", text)


def place(line: int, text: str, document: Document) -> tuple[str, str]:
    """A message with the nearest text above it: line numbers change with every patch."""
    lines = document.text.split("\n")[: max(line, 1)]
    return text, next((each.strip() for each in reversed(lines) if each.strip()), "")


def fix_of(texts: list[str]) -> str:
    """What to do about the messages that are usual."""
    said = " ".join(texts)
    if "Unexpected indentation" in said or "Block quote" in said or "Literal block" in said:
        return "Put an empty line after '::' and around indented blocks."
    if "Malformed table" in said:
        return "Keep the cells within the columns that the '=' rulers mark."
    if "underline" in said:
        return "Make the underline as long as the title."
    return "Run make htmldocs SPHINXDIRS=virt/kvm and repair what it reports."


def numbers(new: Document, old: Document | None, path: str) -> Iterator[Problem]:
    """Section numbers that two sections have, unless they had them before."""
    before = Counter(section.number for section in old.sections) if old else Counter[str]()
    after = Counter(section.number for section in new.sections)
    titles = {section.title for section in old.sections} if old else set()
    for section in new.sections:
        number = section.number
        if "." not in number or after[number] < 2 or after[number] <= before[number]:
            continue
        if section.title in titles:
            continue
        yield Problem(
            key=("number", section.title),
            title=f"section number {number} is taken",
            why=(
                f'"{section.title}" has the number of another section.  References to {number} '
                "become ambiguous."
            ),
            fix=f"Take the next free number, {free(number, after)} in this tree.",
            reference=NUMBERS,
            path=path,
            line=section.line,
            severity=Severity.NOTE,
            confidence=Confidence.MEDIUM,
        )


def free(number: str, used: Counter[str]) -> str:
    """The number after the last of the chapter: 7.31 -> 7.37."""
    chapter = number.rpartition(".")[0]
    last = max(
        int(other.rpartition(".")[2])
        for other in used
        if other.rpartition(".")[0] == chapter and other.rpartition(".")[2].isdecimal()
    )
    return f"{chapter}.{last + 1}"
