# SPDX-License-Identifier: GPL-2.0-only
"""Why a selftest failed or skipped itself, from what it printed."""

import pytest

from reviewbot.parse import selftest

ASSERTION = """\
Random seed: 0x6b8b4567
==== Test Assertion Failure ====
  x86_64/svm_nested_soft_inject_test.c:201: kvm_cpu_has(X86_FEATURE_NRIPS)
  pid=102 tid=102 errno={errno}
sh: addr2line: not found
  {message}
""".format


def lines(errno="0 - Success", message="KVM with nSVM advertises nRIP Save"):
    return ASSERTION(errno=errno, message=message).splitlines()


def test_a_kvm_assertion_names_place_check_and_message():
    assert selftest.assertion(lines()) == (
        "x86_64/svm_nested_soft_inject_test.c:201: kvm_cpu_has(X86_FEATURE_NRIPS)"
        " | KVM with nSVM advertises nRIP Save"
    )


def test_errno_is_told_when_there_is_one():
    assert "errno 22 Invalid argument" in selftest.assertion(lines(errno="22 - Invalid argument"))


def test_a_stack_with_addr2line_is_not_the_message():
    text = lines()
    text[4:5] = ["     1\t0x0000000000402d5c: main at state_test.c:280", "     2\t?? ??:0"]
    assert selftest.assertion(text).endswith("| KVM with nSVM advertises nRIP Save")


def test_the_same_check_with_other_values_is_the_same_failure():
    one = selftest.assertion(lines(message="got 0x1"))
    other = selftest.assertion(lines(errno="14 - Bad address", message="got 0x2"))
    assert one != other
    assert selftest.same_assertion(one, other)


def test_another_check_is_another_failure():
    one = selftest.assertion(lines())
    assert not selftest.same_assertion(one, one.replace(":201:", ":202:"))
    assert not selftest.same_assertion("", "")


def test_the_harness_says_what_it_expected():
    text = ["# TAP version 13", "# test.c:41:name:Expected 0 (0) == r (1)", "not ok 1 name"]
    assert selftest.assertion(text) == "test.c:41:name:Expected 0 (0) == r (1)"


def test_one_more_failing_part_is_another_failure():
    """A test of several parts goes on: what fails on the base anyway must not hide what the series breaks."""
    one = selftest.assertion(["not ok 1 a", "ok 2 b", "ok 3 c # SKIP", "not ok 4 d # SKIP old"])
    two = selftest.assertion(["not ok 1 a", "not ok 2 b", "ok 3 c"])
    assert (one, two) == ("a", "a; 2 not ok: a, b")
    assert not selftest.same_assertion(one, two)
    many = selftest.assertion([f"not ok {number} {'long' * 30}{number}" for number in range(99)])
    assert "99 not ok: " in many
    parts = [*lines(), "not ok 1 a", "not ok 2 b"]
    assert "kvm_cpu_has(X86_FEATURE_NRIPS); 2 not ok: a, b | " in selftest.assertion(parts)


def test_the_harness_values_do_not_make_another_failure():
    one, other = (f"t.c:41:name:Expected 0 (0) == r ({value})" for value in (-22, 1))
    assert selftest.same_assertion(one, other)
    assert not selftest.same_assertion(one, other.replace("== r", "== q"))
    assert not selftest.same_assertion("f(1): x (1)", "f(1): x (2)")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1..0 # SKIP - Requirement not met: kvm_cpu_has(X86_FEATURE_SVM)", "Requirement not met: kvm_cpu_has(X86_FEATURE_SVM)"),
        ("MCG_CMCI_P is not supported, skipping test", "MCG_CMCI_P is not supported, skipping test"),
        ("- something, skipping test", "something, skipping test"),
    ],
)  # fmt: skip
def test_skip_reasons(line, reason):
    assert selftest.skip_reason(["Random seed: 0x6b8b4567", line]) == reason


def test_silence_has_no_reason():
    assert selftest.skip_reason([]) == ""
    assert selftest.assertion([]) == ""
