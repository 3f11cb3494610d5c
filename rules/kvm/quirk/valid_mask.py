# SPDX-License-Identifier: GPL-2.0-only
r"""KVM_X86_VALID_QUIRKS holds exactly the quirks that exist, and each has a bit of its own.

What
----
After every patch KVM_X86_VALID_QUIRKS compiles; after the series its value is the OR of all
KVM_X86_QUIRK_* bits, and no two quirks share a bit.  That a series of nothing but userspace headers
leaves a quirk out is a warning.

Why
---
KVM_CHECK_EXTENSION(KVM_CAP_DISABLE_QUIRKS2) returns this mask and KVM_ENABLE_CAP rejects what is not
in it: a quirk that is missing can never be disabled, and nobody can discover it.

Bad
---
::

          KVM_X86_QUIRK_SLOT_ZAP_ALL |        \
    -     KVM_X86_QUIRK_STUFF_FEATURE_MSRS)
    +     KVM_X86_QUIRK_STUFF_FEATURE_MSRS    \
    +     KVM_X86_QUIRK_EXAMPLE)

Good
----
::

    +     KVM_X86_QUIRK_STUFF_FEATURE_MSRS |    \
    +     KVM_X86_QUIRK_EXAMPLE)

When to ignore
--------------
The quirk is compiled conditionally and is left out on purpose where it cannot exist.

What it does not see
--------------------
Quirks that vendor code takes out of kvm_caps.supported_quirks at run time (KVM-QUIRK-003).
"""

from collections import defaultdict
from collections.abc import Iterator

from reviewbot.rulekit import (
    Constant,
    Context,
    Fact,
    Finding,
    Needs,
    Problem,
    Severity,
    View,
    rule,
    several,
    softened,
)

HEADER = "arch/x86/include/uapi/asm/kvm.h"
# Where KVM_X86_VALID_QUIRKS is: the header up to 6.19, x86.c since 7.3.
HOMES = ("arch/x86/include/asm/kvm_host.h", "arch/x86/kvm/x86.c")
MASK = "KVM_X86_VALID_QUIRKS"
PREFIX = "KVM_X86_QUIRK_"
REFERENCE = (
    "Documentation/virt/kvm/api.rst, KVM_CAP_DISABLE_QUIRKS2: KVM_CHECK_EXTENSION returns the "
    "supported quirks; https://lore.kernel.org/r/"
    "CAO9r8zMYdLjH8BuN_GWsS_BNrdE+Kbz=d6Y-Cxt3GTXMpdEM+w@mail.gmail.com"
)


@rule(code="KVM-QUIRK-002", severity=Severity.ERROR, touches=(HEADER, *HOMES), needs=Needs.BUILD)
def valid_mask(context: Context) -> Iterator[Finding | Fact]:
    """What is wrong at the tip; for a mask that does not compile, also what was wrong in between."""
    touching = (HEADER, *HOMES)
    if not any("QUIRK" in line for line in context.changed_lines(*touching)):
        return
    yield from context.introduced(broken, touching=touching, transient=Severity.NOTE)
    found = context.introduced(lambda view: incomplete(context.base, view), touching=touching)
    yield from several(softened(context.series, found), {" is not in ": " are not in "})
    yield from context.introduced(shared, touching=(HEADER,))


def broken(view: View) -> Iterator[Problem]:
    """The mask is there and is no integer constant."""
    for home, line, value in masks(view):
        if value is None:
            yield Problem(
                key="broken",
                title=f"{MASK} does not compile",
                why=(
                    f"{MASK} is not an integer constant expression here; most often a '|' is "
                    "missing between two quirks.  Nothing that uses it builds."
                ),
                fix="Join all quirks with '|'.",
                reference=REFERENCE,
                path=home,
                line=line,
            )


def incomplete(base: View, view: View) -> Iterator[Problem]:
    """Quirks that the base does not have and the mask does not hold."""
    old = quirks(base)
    for home, line, value in masks(view):
        if value is None:
            continue
        for name, constant in quirks(view).items():
            bit = constant.value
            if bit is None or bit & value or name in old:
                continue
            yield Problem(
                key=("left out", name),
                title=f"{name} is not in {MASK}",
                why=(
                    f"{name} ({bit:#x}) is not part of {MASK} ({value:#x}).  KVM_ENABLE_CAP "
                    "rejects it, so userspace can never disable the quirk."
                ),
                fix=f"Add {name} to {MASK} in {home}:{line}.",
                reference=REFERENCE,
                path=constant.path,
                line=constant.line,
                missing=True,
            )


def shared(view: View) -> Iterator[Problem]:
    """Two names for one bit."""
    by_value: dict[int, list[tuple[int, str, Constant]]] = defaultdict(list)
    for name, constant in quirks(view).items():
        if constant.value is not None:
            by_value[constant.value].append((constant.line, name, constant))
    for value, users in by_value.items():
        for _, name, constant in sorted(users, key=lambda user: user[0])[1:]:
            first = min(users, key=lambda user: user[0])[1]
            yield Problem(
                key=("shared", name),
                title=f"{name} reuses the bit of {first}",
                why=(
                    f"Both are {value:#x}.  Userspace that disables one disables the other as well, "
                    "without a way to tell."
                ),
                fix="Take the next bit that is free.",
                reference=REFERENCE,
                path=constant.path,
                line=constant.line,
            )


def masks(view: View) -> Iterator[tuple[str, int, int | None]]:
    """File, line and value of the mask, in trees that have it."""
    for home in HOMES:
        if view.exists(home) and MASK.encode() in (view.read(home) or b""):
            values = view.values(home, (MASK,))
            if MASK in values:
                yield home, view.c(home).macros[MASK].line, values[MASK]


def quirks(view: View) -> dict[str, Constant]:
    """Quirks by name."""
    return {n: c for n, c in view.constants().items() if n.startswith(PREFIX)}
