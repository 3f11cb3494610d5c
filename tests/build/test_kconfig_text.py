# SPDX-License-Identifier: GPL-2.0-only
"""Kconfig files as text: what they define, what that depends on, and what can never hold."""

import pytest

from reviewbot.parse import kconfig

TEXT = """\
# comment
menuconfig VIRT
\tbool "Virtualization"
\thelp
\t  Say config NOT_ONE here.
\t
\t  config NOR_THIS

if VIRT

config KVM
\ttristate "KVM" if EXPERT
\tdepends on \\
\t\tX86_LOCAL_APIC && \\
\t\tMULTIUSER
\tselect EVENTFD
\tdefault m
config KVM_HIDDEN
\tdef_bool y
\tdepends on KVM

menu "More"
\tdepends on DEBUG

config KVM_PROMPT
\tbool
\tprompt "later"

config KVM_NUMBER
\tint "How many"
\trange 1 5
endmenu

endif # VIRT

config LAST
\tbool
"""


def test_what_a_file_defines():
    found = {one.name: one for one in kconfig.definitions(TEXT)}
    assert list(found) == ["VIRT", "KVM", "KVM_HIDDEN", "KVM_PROMPT", "KVM_NUMBER", "LAST"]
    assert {name: (one.type, one.prompt) for name, one in found.items()} == {
        "VIRT": ("bool", True),
        "KVM": ("tristate", True),
        "KVM_HIDDEN": ("bool", False),
        "KVM_PROMPT": ("bool", True),
        "KVM_NUMBER": ("int", True),
        "LAST": ("bool", False),
    }
    assert found["KVM"].line == 11
    assert [" ".join(text.split()) for text in found["KVM"].depends] == [
        "VIRT",
        "X86_LOCAL_APIC && MULTIUSER",
    ]
    assert found["KVM_PROMPT"].depends == ("VIRT", "DEBUG")
    assert (found["VIRT"].depends, found["LAST"].depends) == ((), ())


@pytest.mark.parametrize(
    ("expression", "never"),
    [
        ("GONE", True),
        ("KVM && GONE", True),
        ("GONE && (A || B)", True),
        ("(GONE || n) && A", True),
        ("!y || GONE", True),
        ("KVM || GONE", False),
        ("!GONE", False),
        ("A", False),
        ("GONE = n", False),
        ("GONE != y", False),
        ("$(success,true) && GONE", False),  # a macro: not understood
        ("GONE &&", False),
        ("", False),
        ("(" * 1000 + "GONE" + ")" * 1000, False),
    ],
)
def test_what_can_never_hold_without_a_symbol(expression, never):
    assert kconfig.unmeetable(expression, frozenset({"GONE"})) is never


def test_symbols_that_are_asked_for():
    assert kconfig.needed('A && (!B || C=y) && "D" != E || m') == ("A", "C", "E")


@pytest.mark.parametrize("text", ["endif\nendmenu\n", "config\n", "\0", "help\n", "if\n", "menu"])
def test_garbage_is_read_to_its_end(text):
    kconfig.definitions(text + "\nconfig LAST\n\tbool\n")
