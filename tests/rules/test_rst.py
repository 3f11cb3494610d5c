# SPDX-License-Identifier: GPL-2.0-only
"""Documents: sections, tables and complaints; nothing of the host is ever inserted."""

from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.parse import rst

API = b"""
=======
The API
=======

7.31 KVM_CAP_DISABLE_QUIRKS2
----------------------------

:Capability: KVM_CAP_DISABLE_QUIRKS2
:Parameters: args[0] - set of KVM quirks to disable
:Architectures: x86

This capability disables :ref:`quirks <x>`.

=================== ==============================
KVM_X86_QUIRK_ONE   By default one.
                    Else two.
KVM_X86_QUIRK_TWO   By default three.
=================== ==============================

7.32 KVM_CAP_OTHER
------------------

::

  struct kvm_other {
	__u32 pad;
  };
"""


def test_sections_have_numbers_fields_code_and_lines():
    document = rst.parse(API)
    section = document.section("KVM_CAP_DISABLE_QUIRKS2")
    assert (section.number, section.line) == ("7.31", 6)
    assert section.field("architectures") == "x86"
    assert document.section("KVM_CAP_DISABLE_QUIRKS") is None, "whole words only"
    assert "struct kvm_other" in document.section("KVM_CAP_OTHER").code[0]
    assert "struct" not in section.text


def test_simple_tables_have_rows_of_joined_cells():
    (table,) = rst.parse(API).tables_in("KVM_CAP_DISABLE_QUIRKS2")
    assert table.rows == (
        ("KVM_X86_QUIRK_ONE", "By default one. Else two."),
        ("KVM_X86_QUIRK_TWO", "By default three."),
    )


def test_a_malformed_table_is_a_message_with_its_text():
    broken = API.replace(b"KVM_X86_QUIRK_TWO   By", b"KVM_X86_QUIRK_TWO_IS_TOO_LONG By")
    document = rst.parse(broken)
    assert document.tables == ()
    assert [message.level for message in document.messages] == [3]
    ((_, text),) = document.malformed
    assert "KVM_X86_QUIRK_TWO_IS_TOO_LONG" in text


def test_sphinx_roles_and_directives_are_no_complaints():
    assert rst.parse(API + b"\n.. kernel-doc:: x.c\n   :internal:\n").messages == ()


def test_nothing_is_inserted_from_the_host(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("stolen words\n")
    for directive in ("include:: {}", "csv-table:: x\n   :file: {}", "raw:: html\n   :file: {}"):
        text = f"x\n=\n\n.. {directive.format(secret)}\n".encode()
        document = rst.parse(text)
        assert "stolen" not in repr(document.sections) + repr(document.tables)


def test_whole_words_are_mentioned():
    assert rst.parse(b"KVM_CAP_X\n\nKVM_CAP_XY and KVM_CAP_X.\n").mentions("KVM_CAP_X") == (1, 3)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=300))
def test_no_bytes_raise(data):
    rst.parse(b"Title\n=====\n\n" + data)
