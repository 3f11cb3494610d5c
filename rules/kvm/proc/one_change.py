# SPDX-License-Identifier: GPL-2.0-only
"""One patch, one logical change.

What
----
A patch does not change KVM and its selftests at once; its subject does not list several of KVM x86's
parts (vmx, svm, mmu) that it changes separately; it does not fix and clean up in one go; a changelog
does not list three or more different actions; and a helper comes with its first user: a patch that
does nothing but define functions is not needed before one later patch of the series.

Why
---
Small patches are reviewed, bisected, reverted and backported one by one.  A helper without a user can
not be reviewed: what it is for is in another mail.

Bad
---
::

    KVM: arm64: Allow the RAS feature bit in ID_AA64PFR0_EL1 writable from userspace
     arch/arm64/kvm/sys_regs.c                          | 2 +-
     tools/testing/selftests/kvm/aarch64/set_id_regs.c  | 1 +

Good
----
::

    [1/2] KVM: arm64: Allow userspace to change ID_AA64PFR0_EL1.RAS
    [2/2] KVM: selftests: Check that ID_AA64PFR0_EL1.RAS is writable

When to ignore
--------------
What is changed at several places can only change together: renames, a new argument of a function, a
test that does not build without the other half.

What it does not see
--------------------
Whether the parts of a patch belong together.  Renames that reach into the selftests are recognised by
a name that both halves lose.  Helpers with several later users are taken: those have a reason.
"""

import re
from collections.abc import Iterator

from reviewbot.rulekit import (
    SELFTESTS,
    Confidence,
    Context,
    Fact,
    FileDiff,
    Finding,
    Needs,
    Patch,
    Problem,
    Series,
    Severity,
    backport,
    enumerated,
    files_of,
    matches,
    of_kvm_x86,
    rule,
    together,
)

KERNEL = (
    "arch/*/kvm/*.[ch]",
    "virt/kvm/*.[ch]",
    "arch/*/include/asm/kvm*.h",
    "include/linux/kvm*.h",
)
PARTS = {
    "vmx": "arch/x86/kvm/vmx/*",
    "svm": "arch/x86/kvm/svm/*",
    "mmu": "arch/x86/kvm/mmu/*",
}
WORD = re.compile(r"[A-Za-z_]\w{3,}")
FIX = r"\bfix(?:es)?\b"
TIDY = r"\b(?:clean ?up|refactor|rename|simplify|rework)\b"
FIX_AND_TIDY = re.compile(
    rf"{FIX}[^,;]*(?:,| and) (?:also )?{TIDY}|{TIDY}[^,;]*(?:,| and) (?:also )?{FIX}", re.IGNORECASE
)
ITEM = re.compile(r"^ {0,3}(?:[-*o]|\d[.)]) +(?P<verb>[A-Z][a-z]+)\b(?!:)", re.MULTILINE)
ACTIONS = frozenset(
    [
        "Add",
        "Allow",
        "Change",
        "Convert",
        "Drop",
        "Extend",
        "Fix",
        "Handle",
        "Implement",
        "Introduce",
        "Make",
        "Move",
        "Reject",
        "Remove",
        "Rename",
        "Replace",
        "Rework",
        "Split",
        "Switch",
        "Update",
        "Use",
    ]
)
ENOUGH = 3
# A function head at the beginning of a line, as kernel style has it; a declaration ends in ";".
HEAD = re.compile(r"(?:[A-Za-z_][\w ]*[ *]+)?\*?(?P<name>[a-z_]\w+)\([^;]*$")
REFERENCE = (
    "Documentation/process/submitting-patches.rst, Separate your changes: if you make several changes, "
    "separate each logical change into a separate patch"
)
TESTS = "https://lore.kernel.org/r/ZvUMZFdY_j3pUisX@linux.dev"
USER = "https://lore.kernel.org/r/aCc_LmORNibXBt8V@google.com"


@rule(
    code="KVM-PROC-006",
    severity=Severity.NOTE,
    confidence=Confidence.MEDIUM,
    needs=Needs.SERIES,
    touches=(*KERNEL, *SELFTESTS),
)
def one_change(context: Context) -> Iterator[Finding | Fact]:
    """One note a patch at most, the surest first."""
    found = []
    for patch in () if backport(context.series) else context.series.patches:
        problem = (
            with_tests(patch)
            or several_parts(patch)
            or several_actions(patch)
            or early(patch, context.series)
        )
        if problem:
            found.append((patch.number, problem))
    yield from together(context, found)


def with_tests(patch: Patch) -> Problem | None:
    """KVM and its selftests in one patch, unless a name goes from both."""
    kernel = [file for file in patch.files if matches(file.path, KERNEL)]
    tests = [f for f in patch.files if matches(f.path, SELFTESTS) and f.path.endswith((".c", ".h"))]
    if not kernel or not tests or gone(kernel) & gone(tests):
        return None
    return Problem(
        key="tests",
        title="KVM and its selftests change in one patch",
        why=(
            f"The patch changes {kernel[0].path} and {tests[0].path}.  The test can then not be run "
            "before the change, nor the change be backported without it."
        ),
        fix="Put the selftest into the next patch.",
        reference=f"{REFERENCE}; {TESTS}",
        confidence=Confidence.HIGH,
    )


def gone(files: list[FileDiff]) -> set[str]:
    """Words that the removed lines have and the added ones do not."""
    old: set[str] = set()
    new: set[str] = set()
    for file in files:
        for hunk in file.hunks:
            for line in hunk.lines:
                if line[:1] in "+-":
                    (old if line[0] == "-" else new).update(WORD.findall(line))
    return old - new


def several_parts(patch: Patch) -> Problem | None:
    """A subject that lists the parts itself."""
    topic = patch.subject.lower().rpartition(":")[0]
    named = [part for part in PARTS if re.search(rf"\b{part}\b", topic)]
    touched = [part for part in named if any(matches(p, (PARTS[part],)) for p in files_of(patch))]
    listed = re.search(r"[,/&+]", topic.partition(":")[2])
    if len(touched) < 2 or not listed or not of_kvm_x86(patch):
        return None
    return Problem(
        key="parts",
        title=f"{enumerated(touched)} change in one patch",
        why=f'The subject "{patch.subject}" names several parts, and the patch changes each of them.',
        fix="Make it a patch for the common code and one for each user of it, if they can stand alone.",
        reference=f"{REFERENCE}; https://lore.kernel.org/r/Zwm9TmRpNY6EeGKu@google.com",
    )


def several_actions(patch: Patch) -> Problem | None:
    """A subject or changelog that lists them."""
    if not of_kvm_x86(patch):
        return None
    said = patch.subject.rpartition(": ")[2]
    if FIX_AND_TIDY.search(said):
        what = f'The subject says "{said}": a fix and a clean-up.'
    else:
        verbs = [m["verb"] for m in ITEM.finditer(patch.changelog) if m["verb"] in ACTIONS]
        if len(set(verbs)) < ENOUGH:
            return None
        what = f"The changelog lists {len(verbs)} actions: {', '.join(dict.fromkeys(verbs))}."
    return Problem(
        key=("actions", patch.number),
        title="the patch does several things",
        why=f"{what}  Each of them is easier to review, and to find by bisection, alone.",
        fix="Split the patch, the preparations first.",
        reference=REFERENCE,
    )


def early(patch: Patch, series: Series) -> Problem | None:
    """Functions that are all a patch adds, and that exactly one later patch uses."""
    if not of_kvm_x86(patch) or any(matches(path, SELFTESTS) for path in files_of(patch)):
        return None
    names = only_defines(patch)
    if not names:
        return None
    users = {
        later.number
        for later in series.patches
        if later.number > patch.number and names & added_words(later)
    }
    if len(users) != 1 or not series.complete:
        return None
    user = users.pop()
    listed = ", ".join(f"{name}()" for name in sorted(names))
    return Problem(
        key=("early", patch.number),
        title=f"{listed} {'has' if len(names) == 1 else 'have'} no user before patch {user}",
        why=(
            f"The patch only defines {listed}, and patch {user} alone uses it.  Reviewers have to read "
            "both to see whether it is right."
        ),
        fix=f"Merge the patch with patch {user}, or make existing code use the function here.",
        reference=f"{REFERENCE}; {USER}",
    )


def only_defines(patch: Patch) -> frozenset[str]:
    """Names of functions the patch defines and does not use, if it does nothing else."""
    names: set[str] = set()
    added: list[str] = []
    for file in patch.files:
        if not file.path.endswith((".c", ".h")) or file.new_path is None:
            return frozenset()
        for hunk in file.hunks:
            if any(line.startswith("-") for line in hunk.lines):
                return frozenset()
            lines = [line[1:] for line in hunk.lines if line.startswith("+")]
            if lines and not whole(lines):
                return frozenset()
            names.update(match["name"] for line in lines if (match := HEAD.match(line)))
            added += lines
    # Heads and declarations begin a line, uses are in a function or an initialiser.
    inner = [line for line in added if line[:1].isspace() or "=" in line]
    used = {word for line in inner for word in WORD.findall(line)}
    return frozenset() if names & used else frozenset(names)


def whole(lines: list[str]) -> bool:
    """Whether added lines are whole definitions or declarations, and no statements of a function."""
    first = next((line for line in lines if line.strip()), "")
    return (
        not first.startswith((" ", "\t", "}", "#"))
        and sum(line.count("{") - line.count("}") for line in lines) == 0
    )


def added_words(patch: Patch) -> set[str]:
    """Every word of the lines a patch adds."""
    return {
        word
        for file in patch.files
        for hunk in file.hunks
        for line in hunk.lines
        if line.startswith("+")
        for word in WORD.findall(line)
    }
