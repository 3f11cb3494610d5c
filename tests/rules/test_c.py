# SPDX-License-Identifier: GPL-2.0-only
"""Facts about C files: right where the code is C, bounded where it is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.parse.c import CFile

SOURCE = b"""
#define MASK (FIRST | /* why */ \\
          BIT(3))
#define TAKES(a) ((a) + 1)
static const u32 msrs[MAX_MSRS] = {
    MSR_ONE, MSR_TWO, /* MSR_NOT */
#ifdef CONFIG_X86_64
    MSR_THREE,
#endif
};

static int handler(struct kvm *kvm, u32 flags)
{
    /* helper(9); */
    if (flags & ~MASK)
        return -EINVAL;
    if (kvm) {
        kvm->flags |= helper(1, MSR_ONE);
    } else {
        helper(2, "helper(3)");
    }
    switch (flags) {
    case CASE_A:
    case CASE_B:
        helper(4);
        break;
    default:
        break;
    }
    kvm_for_each_vcpu(i, vcpu, kvm)
        helper(5);
    return 0;
}
#ifdef CONFIG_B
int second(void) { return helper(6); }
#endif
"""


@pytest.fixture(scope="module")
def file():
    return CFile("x.c", SOURCE)


def test_functions_are_found_in_and_out_of_ifdefs(file):
    assert list(file.functions) == ["handler", "second"]
    handler = file.functions["handler"]
    assert handler.static
    assert handler.parameters == ("struct kvm *kvm", "u32 flags")
    assert (handler.line, handler.end) == (12, 33)


def test_calls_are_not_found_in_comments_and_strings(file):
    assert [call.arguments[0] for call in file.calls("helper")] == ["1", "2", "4", "5", "6"]
    assert [call.function for call in file.calls("helper")][-2:] == ["handler", "second"]


def test_conditions_around_a_call_say_what_must_hold(file):
    kinds = {
        call.arguments[0]: [(c.kind, c.text) for c in call.conditions]
        for call in file.calls("helper")
    }
    assert kinds["1"] == [("exit", "flags & ~MASK"), ("if", "kvm")]
    assert kinds["2"] == [("exit", "flags & ~MASK"), ("else", "kvm")]
    assert ("case", "CASE_B") in kinds["4"]
    assert kinds["6"] == []


def test_macros_arrays_cases_and_assignments(file):
    assert file.macros["MASK"].value == "(FIRST | BIT(3))"
    assert file.macros["MASK"].calls == {"BIT"}
    assert file.macros["TAKES"].parameters == "(a)"
    assert {text for text, _ in file.array_initialiser("msrs")} == {
        "MSR_ONE",
        "MSR_TWO",
        "MSR_THREE",
    }
    assert file.array_size("msrs") == "MAX_MSRS"
    assert file.array_initialiser("nothing") is None
    first, last = file.switch_cases("handler")
    assert (first.labels, first.switch, last.labels) == (
        ("CASE_A", "CASE_B"),
        "flags",
        ("default",),
    )
    (assignment,) = file.assignments("handler")
    assert (assignment.target, assignment.operator) == ("kvm->flags", "|=")


def test_identifiers_by_prefix(file):
    assert [name for name, _ in file.identifiers("CONFIG_")] == ["CONFIG_X86_64", "CONFIG_B"]


@pytest.mark.parametrize(
    "text",
    [
        b"{" * 100_000,
        b"(" * 100_000,
        b"if (x) " * 20_000,
        b"#if A\n" * 20_000,
        b"\xff\xfe\x00",
        b"",
    ],
    ids=["braces", "parentheses", "ifs", "preprocessor", "bytes", "empty"],
)
def test_text_that_is_no_c_gives_facts_without_recursion_errors(text):
    file = CFile("x.c", b"int f(void)\n{\n g();\n" + text)
    assert set(file.functions) <= {"f"}
    assert isinstance(file.macros, dict)
    file.calls("g")
    file.identifiers("CONFIG_")


@given(st.binary(max_size=400))
def test_no_bytes_raise(data):
    file = CFile("x.c", b"int f(int a) { if (a) g(a); " + data)
    list(file.functions)
    file.calls("g")
    for name in file.functions:
        file.calls_in(name)
        file.switch_cases(name)
        file.assignments(name)
        file.conditions(name)
