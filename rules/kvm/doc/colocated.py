# SPDX-License-Identifier: GPL-2.0-only
"""Documentation and userspace definitions come in the patch that implements them.

What
----
In KVM x86 and common KVM code, a patch that changes nothing but Documentation/virt/kvm does not
describe what another patch of the series implements, and a patch that changes nothing but KVM's
userspace headers does not define what only another patch, or none, uses.

Why
---
Reviewers compare the text with the code.  In one patch they can, and a bisection never ends on a
kernel that defines an interface it does not have.

Bad
---
::

    [2/4] KVM: SVM: Enable Bus lock threshold exit
    [3/4] KVM: x86: Add documentation about behavioral difference for KVM_EXIT_X86_BUS_LOCK

Good
----
The change to api.rst is part of patch 2.

When to ignore
--------------
Several architectures implement the interface in patches of their own.

What it does not see
--------------------
Other architectures: arm64 and RISC-V take documentation in patches of its own.  Features that neither
subject nor changelog of the documentation calls by a KVM_ name that the code has.
"""

import re
from collections.abc import Iterator

from reviewbot.rulekit import (
    KVM_HEADERS,
    KVM_X86,
    Context,
    Fact,
    Finding,
    Needs,
    Patch,
    Problem,
    Severity,
    files_of,
    matches,
    other_architecture,
    rule,
    together,
)

DOCUMENTS = ("Documentation/virt/kvm/*",)
CODE = (*KVM_X86, "arch/x86/include/*kvm*.h", "include/linux/kvm*.h")
NAME = re.compile(r"\bKVM_[A-Z0-9_]*[A-Z0-9]\b")
DEFINITION = re.compile(r"\+\s*#\s*define\s+(KVM_[A-Z0-9_]+)")
# Every document names these.
COMMON = frozenset(
    {"KVM_RUN", "KVM_CREATE_VM", "KVM_CREATE_VCPU", "KVM_CHECK_EXTENSION", "KVM_ENABLE_CAP"}
)
# So much text is easier to review alone (https://lore.kernel.org/r/877dmfxdgp.wl-maz@kernel.org).
LONG = 100
TEXT = "https://lore.kernel.org/r/Zw6xSi3Om2H41fRa@google.com"
HEADER = "https://lore.kernel.org/r/877caggwsd.fsf@redhat.com"


@rule(
    code="KVM-DOC-004",
    severity=Severity.NOTE,
    needs=Needs.SERIES,
    touches=(*DOCUMENTS, *KVM_HEADERS),
)
def colocated(context: Context) -> Iterator[Finding | Fact]:
    """One note for each patch that should be part of another."""
    found = []
    for patch in context.series.patches:
        if other_architecture(patch):
            continue
        others = [other for other in context.series.patches if other is not patch]
        problem = document_alone(patch, others) or header_alone(patch, others)
        if problem:
            found.append((patch.number, problem))
    yield from together(context, found)


def document_alone(patch: Patch, others: list[Patch]) -> Problem | None:
    """Text about what another patch implements."""
    if not only(patch, DOCUMENTS):
        return None
    if sum(1 for _ in added(patch, DOCUMENTS)) > LONG:
        return None
    said = set(NAME.findall(f"{patch.subject}\n{patch.changelog}")) - COMMON
    written = {name for line in added(patch, DOCUMENTS) for name in NAME.findall(line)}
    wanted = said | (written & {n for other in others for n in defined(other)})
    home = home_of(wanted, others)
    if home is None:
        return None
    return Problem(
        key=("text", home.number),
        title=f"the documentation of what patch {home.number} implements is a patch of its own",
        why=(
            f'Patch {home.number}, "{home.subject}", implements what this patch describes.  '
            "Whoever reviews one has to have the other at hand."
        ),
        fix=f"Merge the documentation into patch {home.number}.",
        reference=TEXT,
    )


def header_alone(patch: Patch, others: list[Patch]) -> Problem | None:
    """Definitions for userspace that nothing in the patch uses."""
    names = defined(patch)
    if not names or not only(patch, KVM_HEADERS) or elsewhere(names, others):
        return None
    home = home_of(names, others)
    after = (
        f'Patch {home.number}, "{home.subject}", is what makes them work.'
        if home
        else "No patch of the series uses them."
    )
    listed = ", ".join(sorted(names)[:3]) + (" ..." if len(names) > 3 else "")
    return Problem(
        key=("header", home.number if home else 0),
        title=f"the patch only defines {listed}",
        why=f"After this patch userspace can name {listed}, and the kernel does not know it.  {after}",
        fix=f"Merge the patch with patch {home.number}."
        if home
        else "Add the definitions with their user.",
        reference=HEADER,
        missing=home is None,
    )


def home_of(names: set[str], others: list[Patch]) -> Patch | None:
    """The patch whose x86 or common code has most of the names; None where other code has them too."""
    if elsewhere(names, others):
        return None
    counts = [(len(names & used(other, CODE)), -other.number) for other in others]
    best = max(counts, default=(0, 0))
    return next((o for o in others if best[0] and o.number == -best[1]), None)


def elsewhere(names: set[str], others: list[Patch]) -> bool:
    """Whether another architecture's code uses one of the names."""
    return any(
        names & used(other, ("arch/*/kvm/*",)) for other in others if other_architecture(other)
    )


def only(patch: Patch, globs: tuple[str, ...]) -> bool:
    """Whether all of a patch is within the globs."""
    paths = files_of(patch)
    return bool(paths) and all(matches(path, globs) for path in paths)


def added(patch: Patch, globs: tuple[str, ...]) -> Iterator[str]:
    """The lines a patch adds to matching files, with their mark."""
    for file in patch.files:
        if matches(file.path, globs):
            for hunk in file.hunks:
                yield from (line for line in hunk.lines if line.startswith("+"))


def used(patch: Patch, globs: tuple[str, ...]) -> set[str]:
    """KVM_ names in what a patch adds to code."""
    return {name for line in added(patch, globs) for name in NAME.findall(line)}


def defined(patch: Patch) -> set[str]:
    """Names a patch defines in a userspace header, unless it only moves them."""
    moved = {
        name
        for file in patch.files
        for hunk in file.hunks
        for line in hunk.lines
        if line.startswith("-")
        for name in NAME.findall(line)
    }
    lines = added(patch, KVM_HEADERS)
    return {match[1] for line in lines if (match := DEFINITION.match(line))} - moved
