# SPDX-License-Identifier: GPL-2.0-only
"""Calls by which KVM x86 intercepts MSRs and instructions or sets VMCS controls, in all trees.

Trees with lists of MSRs (6.1, 6.12) have vmx_{disable,enable,set}_intercept_for_msr() and
set_msr_interception(); since 6.17 SVM has the same three.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from reviewbot.parse.c_facts import Call, Condition

_VENDORS = ("vmx", "svm")
_DISABLE = tuple(f"{vendor}_disable_intercept_for_msr" for vendor in _VENDORS)
_ENABLE = tuple(f"{vendor}_enable_intercept_for_msr" for vendor in _VENDORS)
_CHOOSE = tuple(f"{vendor}_set_intercept_for_msr" for vendor in _VENDORS)
_OLD, _CLEAR, _SET = "set_msr_interception", "svm_clr_intercept", "svm_set_intercept"
_ONE, _NONE = ("1", "true"), ("0", "false")

_CONTROLS = (
    "vm_entry_controls",
    "vm_exit_controls",
    "secondary_vm_exit_controls",
    "pin_controls",
    "exec_controls",
    "secondary_exec_controls",
    "tertiary_exec_controls",
)
_SETBIT = tuple(f"{name}_setbit" for name in _CONTROLS)
_CLEARBIT = tuple(f"{name}_clearbit" for name in _CONTROLS)
_CHANGEBIT = tuple(f"{name}_changebit" for name in _CONTROLS)

MSR_CALLS = (*_DISABLE, *_ENABLE, *_CHOOSE, _OLD)
"""Calls that change the intercept of an MSR."""

PASSING_CALLS = (*_DISABLE, *_CHOOSE, _OLD, _CLEAR, *_SETBIT)
"""Calls that can let the guest at something."""

BLOCKING_CALLS = (*_ENABLE, *_CHOOSE, _OLD, _SET, *_CLEARBIT, *_CHANGEBIT)
"""Calls that can take it away again."""


_GUEST = ("guest_cpuid_", "guest_cpu_cap_", "guest_can_use", "guest_has_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Switching:
    """What a call does.

    ``kind`` is "intercept" (of an MSR), "instruction" or "control"; ``names`` are the constants, none
    when it is a variable; ``passes`` and ``blocks`` are both True when a variable decides.
    """

    kind: str
    names: frozenset[str]
    passes: bool
    blocks: bool


def switching(call: Call) -> Switching:
    """What one of the calls above does."""
    text = switched(call)
    kind = "intercept" if call.name in MSR_CALLS else "control"
    if call.name in {_CLEAR, _SET}:
        kind = "instruction"
    passes = call.name in {*_DISABLE, _CLEAR, *_SETBIT, *_CHANGEBIT}
    blocks = call.name in {*_ENABLE, _SET, *_CLEARBIT, *_CHANGEBIT}
    if call.name in _CHOOSE:
        last = call.arguments[-1] if call.arguments else ""
        passes, blocks = last not in _ONE, last not in _NONE
    if call.name == _OLD:
        values = call.arguments[3:]
        passes = any(value not in _NONE for value in values)
        blocks = any(value not in _ONE for value in values)
        if all(value in _ONE + _NONE for value in values):
            blocks = not passes
    return Switching(kind=kind, names=constants(text), passes=passes, blocks=blocks)


def switched(call: Call) -> str:
    """The argument of one of the calls above that says what is switched, "" when it is not there."""
    place = 2 if call.name == _OLD else 1
    return call.arguments[place] if len(call.arguments) > place else ""


def constants(text: str) -> frozenset[str]:
    """Upper-case names of an expression such as "A | B"."""
    words = text.translate(str.maketrans("|&~()!=", "       ")).split()
    return frozenset(word for word in words if word.isupper() and word.isidentifier())


def asks_guest(conditions: Iterable[Condition], kind: str = "") -> bool:
    """Whether one of the conditions (of one kind) is about the guest's CPUID."""
    wanted = (each for each in conditions if kind in {"", each.kind})
    return any(word in each.text for each in wanted for word in _GUEST)
