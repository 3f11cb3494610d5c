# SPDX-License-Identifier: GPL-2.0-only
"""KTAP: what our guests really wrote, what the specification allows, and anything else."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.status import Status
from reviewbot.parse import guest, ktap

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
PORTS = sorted((FIXTURES / "ktap").glob("*.ktap"))


@pytest.mark.parametrize("path", PORTS, ids=lambda path: path.stem)
def test_a_real_result_port_is_read_as_recorded(path, expect):
    expect(guest.report(path.read_text()), path)


def test_a_port_cut_off_anywhere_invents_no_result():
    """However a guest is lost, what was not said is not known; and never a pass."""
    whole = (FIXTURES / "ktap" / "kvm-selftests.ktap").read_text()
    complete = {result.name: result for result in guest.report(whole).results}
    for end in range(len(whole) - 1):
        cut = guest.report(whole[:end])
        assert not cut.finished
        for result in cut.results:
            assert result == complete[result.name], f"after {end} characters"


def test_subtests_by_indentation_belong_to_the_next_result():
    text = "KTAP version 1\n1..2\n  KTAP version 1\n  1..2\n  ok 1 a\n  not ok 2 b\nnot ok 1 one\nok 2 two\n"
    one, two = ktap.parse(text).results
    assert [(s.name, s.status) for s in one.subtests] == [("a", Status.PASS), ("b", Status.FAIL)]
    assert two.subtests == ()


def test_subtests_behind_a_hash_belong_to_the_next_result():
    text = "TAP version 13\n1..1\n# TAP version 13\n# 1..1\n# # noise\n# ok 1 inner # SKIP no SVM\nok 1 outer\n"
    (outer,) = ktap.parse(text).results
    (inner,) = outer.subtests
    assert (inner.name, inner.status, inner.reason) == ("inner", Status.SKIP, "no SVM")


@pytest.mark.parametrize(
    ("second", "status", "why"),
    [("ok 2 b # SKIP no VMX", Status.SKIP, "no SVM"), ("ok 2 b", Status.PASS, "")],
)
def test_a_test_that_skips_all_its_parts_did_not_pass(second, status, why):
    """It ends with 0, as tests do that pass."""
    text = f"""KTAP version 1
#reviewbot start 1 10 x86/a
# TAP version 13
# 1..2
# ok 1 a # SKIP no SVM
# {second}
# # Totals: pass:0 fail:0 xfail:0 xpass:0 skip:2 error:0
#reviewbot done 1 0 0.10
ok 1 x86/a
"""
    (found,) = guest.report(text).results
    assert (found.status, found.assertion) == (status, why)
    assert found.skipped == (("a",) if status is Status.PASS else ())


@pytest.mark.parametrize(
    ("line", "name", "status", "reason"),
    [
        ("ok 1 selftests: kvm: state_test", "selftests: kvm: state_test", Status.PASS, ""),
        ("ok 1 - dashed", "dashed", Status.PASS, ""),
        ("ok 1", "", Status.PASS, ""),
        ("ok", "", Status.PASS, ""),
        ("not ok 1 a # exit=254", "a", Status.FAIL, "254"),
        ("not ok 1 a # TIMEOUT 45 seconds", "a", Status.TIMEOUT, "45 seconds"),
        ("ok 1 a # SKIP no /dev/kvm", "a", Status.SKIP, "no /dev/kvm"),
        ("not ok 1 a # SKIP", "a", Status.SKIP, ""),
        ("ok 1 a # skip lower case", "a", Status.SKIP, "lower case"),
        ("not ok 1 a # TODO later", "a", Status.SKIP, "later"),
        (r"ok 1 a \# hash", "a # hash", Status.PASS, ""),
    ],
)
def test_result_lines(line, name, status, reason):
    (found,) = ktap.parse(line).results
    assert (found.name, found.status, found.reason) == (name, status, reason)


def test_okay_is_not_ok():
    assert ktap.parse("okay then\nnot okay\n").results == ()


def test_a_plan_that_is_not_kept_is_not_complete():
    found = ktap.parse("KTAP version 1\n1..3\nok 1 a\n")
    assert not found.complete
    assert found.notes == ("3 planned, 1 seen",)


def test_bail_out_is_kept():
    assert ktap.parse("1..2\nok 1 a\nBail out! no KVM\n").bail_out == "no KVM"


def test_a_test_cannot_speak_for_init():
    """What a test prints comes behind "# ", so it can neither end the run nor report for another."""
    forged = "#reviewbot finished"
    text = f"KTAP version 1\n1..2\n#reviewbot start 1 5 evil\n# {forged}\n# ok 2 other\n"
    found = guest.report(text)
    assert not found.finished
    assert found.results == ()
    assert found.unfinished == guest.Started(number=1, limit=5.0, name="evil")


@given(st.text(st.sampled_from("# \nok not1.2-TAPKversionSKIP!\\#reviewbotdonestart")))
def test_any_text_is_read(text):
    ktap.parse(text)
    guest.report(text)


@given(st.lists(st.sampled_from(["ok {} a", "not ok {} b", "ok {} c # SKIP why"]), max_size=30))
def test_what_is_written_by_the_book_is_read_completely(lines):
    body = "".join(line.format(number) + "\n" for number, line in enumerate(lines, 1))
    found = ktap.parse(f"KTAP version 1\n1..{len(lines)}\n{body}")
    assert found.complete
    assert found.notes == ()
    wanted = {"a": Status.PASS, "b": Status.FAIL, "c": Status.SKIP}
    assert all(wanted[result.name] is result.status for result in found.results)


def test_hostile_text_takes_linear_time():
    worst = [
        "ok 1 " + " " * 100_000 + "x",
        "# " * 50_000,
        "ok 1 " + "#" * 100_000,
        "  " * 50_000 + "ok",
    ]
    started = time.process_time()
    for line in worst:
        ktap.parse(f"{line}\n" * 200)
    ktap.parse("# ok 1 a\n" * 100_000)
    assert time.process_time() - started < 10, "the KTAP parser is no longer linear"
