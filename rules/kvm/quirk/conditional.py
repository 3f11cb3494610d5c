# SPDX-License-Identifier: GPL-2.0-only
r"""A quirk of one vendor is marked as not applicable on the other.

What
----
A new quirk that only arch/x86/kvm/vmx/ or only arch/x86/kvm/svm/ reads is in
KVM_X86_CONDITIONAL_QUIRKS, or vendor code takes it out of kvm_caps.supported_quirks or
kvm_caps.inapplicable_quirks.

Why
---
KVM_CHECK_EXTENSION(KVM_CAP_DISABLE_QUIRKS2) offers every quirk that is not marked.  On the other
vendor's hosts userspace then disables a quirk that does nothing, and believes that it did.

Bad
---
A quirk that only svm/nested.c reads and that KVM_X86_CONDITIONAL_QUIRKS lacks.

Good
----
::

     #define KVM_X86_CONDITIONAL_QUIRKS        \
    -     KVM_X86_QUIRK_IGNORE_GUEST_PAT
    +    (KVM_X86_QUIRK_IGNORE_GUEST_PAT |    \
    +     KVM_X86_QUIRK_EXAMPLE)

When to ignore
--------------
Disabling the quirk is harmless and meaningless on the other vendor, and that is documented.

What it does not see
--------------------
Quirks that common code reads and that only some hosts or VM types have.  Trees without
KVM_X86_CONDITIONAL_QUIRKS.
"""

from collections.abc import Iterator

from reviewbot.rulekit import Context, Fact, Finding, Problem, Severity, View, rule

HEADER = "arch/x86/include/uapi/asm/kvm.h"
# Where the mask is: the header up to 6.19, x86.c since 7.3.
HOMES = ("arch/x86/include/asm/kvm_host.h", "arch/x86/kvm/x86.c")
MASK = "KVM_X86_CONDITIONAL_QUIRKS"
PREFIX = "KVM_X86_QUIRK_"
SOURCES = "arch/x86/kvm/"
VENDORS = {"vmx": "Intel", "svm": "AMD"}
MASKED = ("supported_quirks", "inapplicable_quirks")
REFERENCE = (
    "commit a4dae7c7a41d: KVM: x86: Introduce supported_quirks to block disabling quirks; "
    "arch/x86/kvm/x86.c, kvm_caps.inapplicable_quirks"
)


@rule(code="KVM-QUIRK-003", severity=Severity.NOTE, touches=(HEADER,))
def conditional(context: Context) -> Iterator[Finding | Fact]:
    """New quirks, as the tip uses them; reported where they are defined."""
    old = quirks(context.base)
    for name, line in quirks(context.tip).items():
        if name in old or handled(context.tip, name):
            continue
        vendor = only_vendor(context.tip, name)
        if not vendor:
            continue
        step = next(step for step in context.steps if name in quirks(step.after))
        yield from context.report(problem(name, vendor, line), patch=step.number, view=step.after)


def problem(name: str, vendor: str, line: int) -> Problem:
    """What to say about a quirk."""
    return Problem(
        key=name,
        title=f"only {vendor}/ uses {name}",
        why=(
            f"The quirk can only make a difference on {VENDORS[vendor]} hosts and is not in {MASK}.  "
            "KVM_CHECK_EXTENSION offers it on all others too, where disabling it does nothing."
        ),
        fix=f"Add it to {MASK} and clear it from kvm_caps.inapplicable_quirks in {vendor}/.",
        reference=REFERENCE,
        path=HEADER,
        line=line,
        missing=True,
    )


def quirks(view: View) -> dict[str, int]:
    """Quirks with their lines."""
    if PREFIX.encode() not in (view.read(HEADER) or b""):
        return {}
    macros = view.c(HEADER).macros.items()
    return {name: macro.line for name, macro in macros if name.startswith(PREFIX)}


def handled(view: View, name: str) -> bool:
    """Whether the tree has no such mask, or marks the quirk in it or in vendor code."""
    masks = [
        view.c(home).macros[MASK].value
        for home in HOMES
        if MASK.encode() in (view.read(home) or b"") and MASK in view.c(home).macros
    ]
    if not masks or any(name in mask for mask in masks):
        return True
    for path in view.paths(SOURCES, ".c"):
        lines = view.text(path).split("\n") if name.encode() in (view.read(path) or b"") else ()
        if any(name in line and any(mask in line for mask in MASKED) for line in lines):
            return True
    return False


def only_vendor(view: View, name: str) -> str:
    """The vendor's directory that has all uses, "" when common code has one or nothing uses it."""
    users = {
        path.removeprefix(SOURCES).split("/")[0]
        for suffix in (".c", ".h")
        for path in view.paths(SOURCES, suffix)
        if path not in HOMES and name.encode() in (view.read(path) or b"")
    }
    users |= {"x86.c" for path in HOMES if path.endswith(".c") and uses(view, path, name)}
    return users.pop() if len(users) == 1 and users <= VENDORS.keys() else ""


def uses(view: View, path: str, name: str) -> bool:
    """Whether x86.c reads the quirk, apart from listing it in a mask."""
    return name.encode() in (view.read(path) or b"") and bool(view.c(path).mentions(name))
