# SPDX-License-Identifier: GPL-2.0-only
"""New state that a guest can see is saved and restored.

What
----
A new member of KVM's vCPU structs on x86 that an exit handler or emulation writes, and that is later given
back to the guest, is used by some code that userspace saves or restores a vCPU with: MSRs, registers, events,
nested state.  A new member of struct kvm_queued_exception is used by KVM_GET_VCPU_EVENTS.

Why
---
Live migration is KVM_GET_* on one host and KVM_SET_* on the other.  State that no ioctl carries is zero
afterwards, and the guest sees that.

Bad
---
::

        to_vmx(vcpu)->fred_xfd_event_data = vmcs_read64(ORIGINAL_EVENT_DATA);

Good
----
::

        events->exception_payload2 = ex->payload2;

When to ignore
--------------
The member is a cache, or is only used until the next entry into the guest.

What it does not see
--------------------
Other architectures, state of the VM, structs that are new as a whole, and members that have the name of
another one.  Where the state comes from and goes to is told by the names of functions.  Ioctls that can not
carry grown state and succeed, and MSRs whose meaning under KVM_SET_MSRS changes.  It is a hint, with low
confidence.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from reviewbot.rulekit import (
    Confidence,
    Context,
    Fact,
    Finding,
    Hunk,
    Needs,
    Problem,
    Series,
    Severity,
    identifiers,
    matches,
    rule,
)

_HEADERS = ("arch/x86/include/asm/kvm_host.h", "arch/x86/kvm/*.h")
_SOURCES = ("arch/x86/kvm/*.c", "arch/x86/kvm/*.h")
_VCPU = frozenset({"kvm_vcpu_arch", "kvm_vcpu_hv", "vcpu_vmx", "nested_vmx", "vcpu_svm"})
_EVENTS = "kvm_queued_exception"
_OWNERS = {_EVENTS: frozenset({"exception", "exception_vmexit", "ex"})}
_SCALARS = frozenset(
    {"u8", "u16", "u32", "u64", "bool", "int", "unsigned", "long", "ulong", "gpa_t", "gva_t"}
)
_FROM_GUEST = ("handle_", "em_", "kvm_emulate_", "vmx_handle_", "svm_handle_")
_AFTER_EXIT = ("_interception", "_complete_interrupts", "_irqoff", "_hypercall")
_TO_GUEST = ("inject", "enter_guest", "emulate")
_SAVES = (
    *("vcpu_events", "nested_state", "regs", "set_msr", "get_msr", "msr_common", "one_reg"),
    *("xsave", "_attr", "ioctl", "smm", "smi", "vmcs12", "vmcb12"),
)
_REFERENCE = (
    "Documentation/virt/kvm/review-checklist.rst: New state must include support for save/restore"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """An access to a member in a line that the series adds."""

    function: str
    written: bool


@rule(
    code="KVM-ABI-013",
    severity=Severity.NOTE,
    confidence=Confidence.LOW,
    needs=Needs.SERIES,
    touches=_HEADERS,
)
def saved_state(context: Context) -> Iterator[Finding | Fact]:
    """Every use of a new member is in a line that the series adds: the mails have it all."""
    for patch in context.series.patches:
        for file in patch.files:
            for hunk in file.hunks if file.new_path and matches(file.new_path, _HEADERS) else ():
                for tag, name, line in members(hunk):
                    uses = list(used(context.series, name, _OWNERS.get(tag)))
                    saves = ("vcpu_events",) if tag == _EVENTS else _SAVES
                    if any(word in use.function for use in uses for word in saves):
                        continue
                    if tag == _EVENTS or visible(uses):
                        problem = lost(tag, name, file.new_path or "", line)
                        yield from context.report(problem, patch=patch.number)


def members(hunk: Hunk) -> Iterator[tuple[str, str, int]]:
    """Numbers that a hunk adds to the structs of a vCPU: struct, name, line."""
    tag = structure(hunk.section)
    number = hunk.new_start
    for line in hunk.lines:
        text = line[1:].partition("/*")[0].strip()
        tag = structure(line[1:]) or tag
        if line[1:2] == "}":
            tag = ""
        words = identifiers(text.partition(":")[0].partition("[")[0])
        declares = line.startswith("+") and text.endswith(";") and "*" not in text
        if declares and tag in {*_VCPU, _EVENTS} and words[1:] and set(words[:-1]) <= _SCALARS:
            yield tag, words[-1], number
        number += line[:1] in {"+", " ", ""}


def structure(text: str) -> str:
    """The tag of the struct that a line opens, "" for other lines."""
    words = text.split()
    return words[1] if len(words) > 2 and words[0] == "struct" and words[2] == "{" else ""


def used(series: Series, name: str, owners: frozenset[str] | None) -> Iterator[Use]:
    """Accesses to members of that name in what the series adds, of ``owners`` where these are known."""
    for patch in series.patches:
        for file in patch.files:
            for hunk in file.hunks if file.new_path and matches(file.new_path, _SOURCES) else ():
                function = called(hunk.section)
                for line in hunk.lines:
                    if line[1:2].isalpha() and not line.startswith("-"):
                        function = called(line[1:]) or function
                    rest = behind(line[1:], name, owners) if line.startswith("+") else None
                    if rest is not None:
                        yield Use(function=function, written=assigns(rest))


def called(text: str) -> str:
    """The name in front of the first parenthesis of a function's head."""
    head, parenthesis, _ = text.partition("(")
    return (identifiers(head) or [""])[-1] if parenthesis else ""


def behind(text: str, name: str, owners: frozenset[str] | None) -> str | None:
    """What follows ``->name`` or ``.name`` in a line, None when it is not there."""
    for start in (f"->{name}", f".{name}"):
        before, found, rest = text.partition(start)
        owner = (identifiers(before) or [""])[-1]
        if found and not (rest[:1].isalnum() or rest[:1] == "_") and owner in (owners or {owner}):
            return rest.strip()
    return None


def assigns(rest: str) -> bool:
    """Whether a line goes on with an assignment."""
    return (rest.startswith("=") and not rest.startswith("==")) or rest[:2] in {"|=", "&=", "+="}


def visible(uses: list[Use]) -> bool:
    """Whether a guest's exit sets the member and something that reads it goes back to the guest."""
    written = any(
        use.written and (use.function.startswith(_FROM_GUEST) or use.function.endswith(_AFTER_EXIT))
        for use in uses
    )
    return written and any(
        not use.written and any(word in use.function for word in _TO_GUEST) for use in uses
    )


def lost(tag: str, name: str, path: str, line: int) -> Problem:
    """A member that does not survive migration."""
    return Problem(
        key=(tag, name),
        title=f"{tag}.{name} is not saved and restored",
        why="Guest exits set it and the guest sees it later, but no function that gets or sets vCPU state "
        "uses it. After live migration it is zero.",
        fix="Carry it in an ioctl that userspace saves (MSRs, kvm_vcpu_events, nested state), or say why it "
        "need not survive.",
        reference=_REFERENCE,
        path=path,
        line=line,
        missing=True,
    )
