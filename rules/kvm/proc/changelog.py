# SPDX-License-Identifier: GPL-2.0-only
"""A changelog exists, commands in the imperative, and has no pronouns.

What
----
Every KVM patch but a spelling fix has text besides its trailers.  Changelogs of KVM x86, common KVM
code and its selftests do not say we, us, our, I, my or "this patch", do not begin "Added ..." or "This
adds ...", and do not refer to sections, tables or figures of Intel's SDM and AMD's APM by number.  A
sentence or two without any word that gives a reason is too little for ten lines of code.  One note a
patch.

Why
---
The changelog is all that git blame shows years later.  "We" may be the kernel, the guest, or the
author's employer; section numbers change with every edition of the manuals.

Bad
---
::

    We now propagate the error to the guest.  This patch adds a helper for that.

Good
----
::

    Propagate the error to the guest, and add a helper for that.

When to ignore
--------------
The words are a quotation that the rule did not recognise.

What it does not see
--------------------
Whether the changelog says the truth, gives good reasons, or begins with what is changed.  Function names
without parentheses.  Past tense in the middle of a sentence.  Pronouns in quotation marks, in
indented or quoted ("> ") text, and in maintainers' [notes] are not looked at.  Other architectures'
changelogs only have to exist.  Backports to stable branches are not looked at.
"""

import re
from collections.abc import Iterator

from reviewbot.rulekit import (
    KVM_X86,
    SELFTESTS,
    Confidence,
    Context,
    Fact,
    Finding,
    Needs,
    Patch,
    Problem,
    Severity,
    backport,
    files_of,
    matches,
    of_kvm_x86,
    rule,
    together,
)

KVM = ("arch/*/kvm/*", "virt/kvm/*", *SELFTESTS)
SUBMITTING = "Documentation/process/submitting-patches.rst, Describe your changes"
KVM_X86_DOC = (
    "Documentation/process/maintainer-kvm-x86.rst, Changelog: write changelogs using imperative mood "
    "and avoid pronouns"
)
MANUALS = (
    "Documentation/process/maintainer-kvm-x86.rst, SDM and APM References: do not reference specific "
    "sections, tables, figures, etc. by number"
)

# "us" after a number is microseconds; "I" is a person only where a verb or adverb follows.
PRONOUN = re.compile(
    r"\b(?:[Ww]e(?:'(?:re|ve|ll|d))?|(?<!\d )(?<!\d)us|[Oo]ur|[Mm]y|[Tt]his patch)\b(?![-/.]\w)"
    r"|(?<![\w/.'-])I(?:'(?:m|ve|ll|d)\b|(?= (?:am|was|have|had|think|do|did|can|could|will|would"
    r"|added|changed|found|noticed|believe|guess|see|tested|want|also|only|just|don't|didn't|made)\b))"
)
NOT_IMPERATIVE = re.compile(
    r"(?:This (?:patch |commit |change )?)?"
    r"(?:(?:Add|Remov|Introduc|Implement|Renam|Refactor|Replac|Mov|Fix|Extend)(?:e?d|e?s|ing)) "
    r"(?:a|an|the|support|new|missing|some|more)\b"
)
NUMBERED = re.compile(
    r"\b(?:SDM|APM)\b[^.\n]{0,60}\b(?:[Ss]ections?|[Tt]able|[Ff]igure|[Cc]hapter)\s+[\dA-Z]*\d+(?:[.-]\d+)*"
    r"|\b(?:[Ss]ections?|[Tt]able|[Ff]igure|[Cc]hapter)\s+\d+[.-]\d[\d.-]*[^.\n]{0,40}\b(?:SDM|APM)\b"
)
TRAILER = re.compile(r"[A-Z][A-Za-z-]+: \S|\[[^\]\s]+: |Cc:|Link:|\(cherry picked|base-commit:")
# What is quoted: up to three lines between quotation marks, and code between backquotes.
QUOTED = re.compile(r'"[^"]{1,300}"|“[^”]{1,300}”|`[^`]{1,200}`|\[[^\]]{1,600}\]|https?://\S+')
TYPO = re.compile(r"\b(?:typos?|spelling|misspell\w*|white ?space)\b", re.IGNORECASE)
SHOWN = 6
# A changelog that gives a reason has one of these, or more words than this.
REASON = re.compile(
    r"\b(?:as|allows?|also|avoid|because|but|can|cannot|could|due|e\.g|enables?|ensure|fix|for|future|"
    r"however|if|i\.e|in order|instead|later|must|needs?|needed|no functional|only|otherwise|prevent|"
    r"required?|should|since|so|support|therefore|thus|when|which|will|would)\b",
    re.IGNORECASE,
)
FEW_WORDS = 30
# Fewer added lines explain themselves.
MUCH_CODE = 10


@rule(code="KVM-PROC-003", severity=Severity.NOTE, needs=Needs.SERIES, touches=KVM)
def changelog(context: Context) -> Iterator[Finding | Fact]:
    """One note a patch at most; one for all where more than a few need it."""
    found = []
    for patch in () if backport(context.series) else context.series.patches:
        problem = remark(patch)
        if problem:
            found.append((patch.number, problem))
    yield from together(context, found)


def remark(patch: Patch) -> Problem | None:
    """What there is to say about one changelog."""
    if not any(matches(path, KVM) for path in files_of(patch)):
        return None
    lines = text_lines(patch)
    if not any(line.strip() for line in lines):
        if TYPO.search(patch.subject):
            return None  # the subject says it all
        return Problem(
            key="empty",
            title="the patch has no changelog",
            why="There is nothing between the subject and the trailers that says what is changed and why.",
            fix="Say what the patch changes, and why that is wanted.",
            reference=f"{SUBMITTING}; https://lore.kernel.org/r/ZvwW1y1pWln5l99M@linux.dev",
        )
    return (wording(lines) or reasonless(patch, lines)) if of_kvm_x86(patch) else None


def reasonless(patch: Patch, lines: list[str]) -> Problem | None:
    """A sentence that says what the code says already, about code that is not trivial."""
    text = prose(lines)
    files = [
        file for file in patch.files if matches(file.path, KVM_X86) and file.path.endswith(".c")
    ]
    added = sum(line.startswith("+") for f in files for h in f.hunks for line in h.lines)
    if added < MUCH_CODE or len(text.split()) > FEW_WORDS or REASON.search(text):
        return None
    return Problem(
        key="why",
        title="the changelog does not say why",
        why=(
            f"It is {len(text.split())} words about what is changed, for {added} lines of code.  The "
            "code says what; what it is for, and why this way, is only known to the author."
        ),
        fix="Add the reason: what userspace or the guest gets, what breaks without it.",
        reference=f"{SUBMITTING}; https://lore.kernel.org/r/ZmoT0jaX_3Ww3Uzu@google.com",
        confidence=Confidence.MEDIUM,
    )


def wording(lines: list[str]) -> Problem | None:
    """Words a changelog should not have, or references that do not last."""
    text = prose(lines)
    words = list(dict.fromkeys(match[0] for match in PRONOUN.finditer(text)))
    first = NOT_IMPERATIVE.match(text.lstrip())
    if first:
        words.append(f"{first[0]} ...")
    numbers = [" ".join(match[0].split()) for match in NUMBERED.finditer(text)]
    if words:
        listed = ", ".join(f'"{word}"' for word in words[:SHOWN])
        return Problem(
            key="wording",
            title=f"changelog with {listed}",
            why=f"The changelog says {listed}.  KVM x86 wants the imperative mood and no pronouns."
            + (f'  "{numbers[0]}" will be another in the next edition.' if numbers else ""),
            fix='Write it as a command: "Add ...", "Reject ..."; name who acts: KVM, the guest, userspace.',
            reference=KVM_X86_DOC,
        )
    if numbers:
        return Problem(
            key="numbers",
            title=f'"{numbers[0]}" is a number that changes',
            why="Sections, tables and figures of the SDM and APM get other numbers with every edition.",
            fix="Name the section by its title, or quote the sentence that matters.",
            reference=MANUALS,
            confidence=Confidence.MEDIUM,
        )
    return None


def text_lines(patch: Patch) -> list[str]:
    """The changelog without trailers."""
    lines = patch.changelog.split("\n")
    while lines and (not lines[-1].strip() or TRAILER.match(lines[-1])):
        lines.pop()
    return [line for line in lines if not line.startswith(("Signed-off-by:", "Cc:", "Link:"))]


def prose(lines: list[str]) -> str:
    """What the author says: no quotations, code, logs, or notes of those who applied it."""
    kept = [line for line in lines if not indented(line) and not line.startswith((">", "[ "))]
    return QUOTED.sub('""', "\n".join(kept))


def indented(line: str) -> bool:
    """Code, a log or a quotation; items of lists begin with a mark and are text."""
    if not line.startswith(("  ", "\t")):
        return False
    return not line.lstrip().startswith(("- ", "* ", "o "))
