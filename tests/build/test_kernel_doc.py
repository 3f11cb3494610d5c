# SPDX-License-Identifier: GPL-2.0-only
"""What kernel-doc and documentation-file-ref-check print, old and new."""

from reviewbot.model.build import Diagnostic, Level
from reviewbot.parse import kernel_doc
from reviewbot.stages.new_messages import new_messages
from reviewbot.tools import nm


def test_kernel_doc_in_perl_and_in_python_say_the_same():
    # Linux 6.12 and 6.19, scripts/kernel-doc -none
    perl = "mm/a.c:12: warning: Function parameter or struct member 'p' not described in 'f'\n"
    python = "Warning: mm/a.c:12 Function parameter or struct member 'p' not described in 'f'\n"
    assert kernel_doc.messages(perl) == kernel_doc.messages(python)
    (one,) = kernel_doc.messages(f"1 warnings\n{perl}Error: Cannot open file nothing.c\n")
    assert (one.path, one.line, one.level) == ("mm/a.c", 12, Level.WARNING)


def test_a_reference_is_found_in_its_file():
    text = "one\nsee Documentation/gone.rst\n"
    said = "a.c: Documentation/gone.rst\nother.c: Documentation/no.rst\nnothing\n"
    (one,) = kernel_doc.broken_references(said, {"a.c": text})
    assert (one.path, one.line, one.message) == ("a.c", 2, "there is no Documentation/gone.rst")


def message(line, text="different address spaces"):
    return Diagnostic(path="a.c", line=line, column=1, level=Level.WARNING, message=text)


def test_the_same_words_of_another_place_are_new_and_those_on_added_lines_first():
    before = (message(5),)
    after = (message(5), message(9), message(20))
    assert new_messages(before, after, {"a.c": ((9, 9),)}) == ((message(9),), (message(20),))
    assert new_messages(before, after, {}) == ((), (message(9), message(20)))
    assert new_messages(after, after, {"a.c": ((1, 99),)}) == ((), ())


def test_a_header_speaks_once_however_many_files_include_it():
    assert new_messages((), (message(5), message(5)), {"a.c": ((5, 5),)}) == ((message(5),), ())


def test_nm_of_modules_and_objects():
    # binutils 2.40, nm -A of a 6.12 object and module
    said = (
        "a.o:0000000000000040 r __export_symbol_kvm_one\n"
        "b.ko:                 U kvm_one\n"
        "b.ko:0000000000000010 r __ksymtab_kvm_two\n"
        "b.ko:0000000000000010 r __kstrtab_kvm_two\n"
        "nm: c.o: no symbols\n"
    )
    assert nm.read(said) == {"a.o": ({"kvm_one"}, set()), "b.ko": ({"kvm_two"}, {"kvm_one"})}
