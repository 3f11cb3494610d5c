# SPDX-License-Identifier: GPL-2.0-only
"""The JSON of labelled patches -> cases."""

import msgspec

from reviewbot.model.corpus import Case, Label
from reviewbot.model.errors import UserError

_CONTROL = "control"
_PARTS = 4
"""Of a catalogue id: kvm-abi-padding-002."""


class _Entry(msgspec.Struct):
    """What is needed of an entry; a corpus may say more."""

    label: Label
    rule: str
    patch_msgid: str
    cover_msgid: str | None = None
    subject: str = ""
    also_rules: list[str] = []
    detect: str = "static"


def read_corpus(text: bytes, name: str) -> tuple[Case, ...]:
    """Every case of a corpus.  Raises UserError, naming ``name``, for what is none."""
    try:
        entries = msgspec.json.decode(text, type=list[_Entry])
    except msgspec.DecodeError as error:
        raise UserError(
            f"{name}: not a corpus of labelled patches: {error}; "
            "docs/rulekit.md says what its entries hold"
        ) from error
    if not entries:
        raise UserError(f"{name}: holds no labelled patch")
    return tuple(
        Case(
            label=entry.label,
            rule="" if entry.rule == _CONTROL else code_of(entry.rule, name),
            also=tuple(code_of(rule, name) for rule in entry.also_rules),
            patch=entry.patch_msgid.strip().strip("<>"),
            cover=(entry.cover_msgid or "").strip().strip("<>"),
            subject=entry.subject,
            detect=entry.detect,
        )
        for entry in entries
    )


def code_of(rule: str, name: str) -> str:
    """A rule's code: that of catalogue id kvm-abi-padding-002 is KVM-ABI-002.  Raises UserError."""
    words = rule.upper().split("-")
    if len(words) >= _PARTS:
        words = [*words[:2], words[-1]]
    if len(words) != _PARTS - 1 or not words[-1].isdecimal():
        raise UserError(
            f"{name}: {rule[:60]!r} is no rule; write KVM-ABI-002, or kvm-abi-padding-002"
        )
    return "-".join(words)
