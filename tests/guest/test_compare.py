# SPDX-License-Identifier: GPL-2.0-only
"""What may be called a regression, and what may not."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.baseline import Past
from reviewbot.model.guest import BootResult, Crash, CrashKind, Outcome
from reviewbot.model.status import Status
from reviewbot.model.test import Change, TestCase, TestResult, Why
from reviewbot.stages import odds
from reviewbot.stages.change import delta
from reviewbot.stages.compare import _often, _worth_repeating, by_load, new_crashes
from reviewbot.stages.flakes import Known, known

OLD = TestCase(name="x86/state_test", why=Why.TOUCHED, limit=120.0)
NEW = TestCase(name="x86/new_test", why=Why.ADDED, limit=120.0)
LETTERS = {
    "p": Status.PASS,
    "f": Status.FAIL,
    "s": Status.SKIP,
    "c": Status.CRASH,
    "t": Status.TIMEOUT,
    "i": Status.INFRA,
}


def results(letters, assertion="a.c:1: x"):
    return tuple(
        TestResult(
            name="t",
            status=LETTERS[letter],
            seconds=1.0,
            exit_code=None,
            assertion=assertion if LETTERS[letter] is not Status.PASS else "",
        )
        for letter in letters
    )


def mixed(*parts):
    """Results of several kinds: (letter, assertion) of each."""
    return tuple(one for letter, assertion in parts for one in results(letter, assertion))


def judged(base, tip, case=OLD, repeats=2, past="", **words):
    return delta(
        case,
        results(base),
        results(tip, **words),
        repeats=repeats,
        past=history(past),
        program="p",
    )


def history(letters, *, tree="t", program="p", here=True, assertion="a.c:1: x", config="k"):
    """Earlier runs on bases, which fail as results() do."""
    return tuple(
        Past(
            test="t",
            tree=tree,
            program=program,
            status=result.status,
            assertion=result.assertion,
            seconds=1.0,
            when=float(number),
            here=here,
            config=config,
        )
        for number, result in enumerate(results(letters, assertion))
    )


@pytest.mark.parametrize(
    ("base", "tip", "change"),
    [
        ("p", "p", Change.SAME),
        ("s", "s", Change.SAME),
        ("p", "s", Change.UNCONFIRMED),
        ("ppp", "sss", Change.REGRESSION),
        ("ppp", "ssp", Change.SAME),
        ("s", "p", Change.SAME),
        ("sss", "fff", Change.UNCONFIRMED),
        ("sss", "ttt", Change.UNCONFIRMED),
        ("sss", "ccc", Change.REGRESSION),
        ("sps", "fff", Change.REGRESSION),
        ("fff", "ccc", Change.REGRESSION),
        ("f", "c", Change.UNCONFIRMED),
        ("f", "t", Change.DIFFERENT),
        ("fff", "ccf", Change.UNCONFIRMED),
        ("ccc", "fff", Change.DIFFERENT),
        ("ppf", "ccc", Change.UNCONFIRMED),
        ("ppp", "fcp", Change.UNCONFIRMED),
        ("fft", "ftf", Change.SAME),
        ("ppp", "fff", Change.REGRESSION),
        ("ppp", "ccc", Change.REGRESSION),
        ("ppp", "ttt", Change.REGRESSION),
        ("ppp", "fct", Change.REGRESSION),
        ("p", "f", Change.UNCONFIRMED),
        ("pp", "ff", Change.UNCONFIRMED),
        ("ppp", "ffp", Change.UNCONFIRMED),
        ("ppp", "fpp", Change.UNCONFIRMED),
        ("ppf", "fff", Change.FLAKY),
        ("fpp", "fff", Change.FLAKY),
        ("f", "f", Change.SAME),
        ("t", "t", Change.SAME),
        ("fff", "ppp", Change.FIXED),
        ("fff", "ppf", Change.FLAKY),
        ("i", "f", Change.UNKNOWN),
        ("ppp", "ffi", Change.UNKNOWN),
        ("", "f", Change.UNKNOWN),
        ("p", "", Change.UNKNOWN),
    ],
)
def test_verdicts(base, tip, change):
    found = judged(base, tip)
    assert found.change is change, found.note


def test_a_test_that_the_base_skips_has_not_passed_there():
    note = "skips itself on the base: a.c:1: x; fails here, 3 of 3 times"
    assert judged("sss", "fff").note == note
    changed = judged("sss", "fff", case=dataclasses.replace(OLD, why=Why.CHANGED))
    assert (changed.change, changed.note) == (Change.REGRESSION, note)


@pytest.mark.parametrize(
    ("base", "tip", "change"),
    [
        ((), ("a",), Change.REGRESSION),
        (("b",), ("a", "b"), Change.REGRESSION),
        (("a",), ("a",), Change.SAME),
        (("a",), (), Change.SAME),
    ],
)
def test_parts_that_are_no_longer_tested_are_told(base, tip, change):
    """A test of several parts ends with 0 when one of them passes."""

    def passes(skipped):
        return tuple(dataclasses.replace(one, skipped=skipped) for one in results("ppp"))

    found = delta(OLD, passes(base), passes(tip), repeats=2)
    assert found.change is change
    if change is Change.REGRESSION:
        assert found.note == "passes, but skips with the series what it tests on the base: a"
    now_and_then = (*passes(tip)[:2], *results("p"))
    assert delta(OLD, passes(base), now_and_then, repeats=2).change is Change.SAME
    once = delta(OLD, passes(base)[:1], passes(tip)[:1], repeats=2)
    assert once.change is (Change.UNCONFIRMED if change is Change.REGRESSION else Change.SAME)


@pytest.mark.parametrize(
    ("base", "tip", "change", "note"),
    [
        ("f", "p", Change.NEW_PASS, "fails on the base, as a new test should"),
        ("s", "p", Change.NEW_PASS, "skips itself on the base, as a new test should"),
        ("p", "p", Change.NEW_PASS, "passes on the base too: it does not need this series"),
        ("fff", "fff", Change.NEW_FAIL, ""),
        ("s", "s", Change.NEW_SKIP, "a.c:1: x"),
    ],
)
def test_new_tests(base, tip, change, note):
    found = judged(base, tip, case=NEW)
    assert (found.change, found.note) == (change, note)


def test_the_same_assertion_on_both_is_the_exact_same_failure():
    assert judged("f", "f").note == "exact same failure on the base"


def test_another_assertion_on_both_is_a_change():
    found = judged("fff", "fff", assertion="a.c:9: y")
    assert (found.change, found.note) == (Change.DIFFERENT, "on the base fail: a.c:1: x")
    assert judged("f", "f", assertion="a.c:9: y").note.endswith("(seen once)")


def test_other_values_in_the_message_are_the_same_failure():
    base = results("f", "a.c:1: x == 1 | saw 7")
    assert delta(OLD, base, results("f", "a.c:1: x == 1 | saw 9"), repeats=2).change is Change.SAME


def test_a_known_flake_is_not_blamed_on_a_series():
    found = judged("ppp", "fff", past="p" * 5 + "fff" + "p" * 2)
    assert found.change is Change.FLAKY
    assert found.note.startswith(
        "flaky on the base: failed 3 of 10 runs; 3 of 3 here, by chance in"
    )


def test_a_rare_flake_does_not_explain_three_failures_of_three():
    found = judged("ppp", "fff", past="p" * 99 + "f")
    assert found.change is Change.REGRESSION
    assert "flaky on the base: failed 1 of 100 runs, which does not explain it" in found.note


def test_a_known_flake_explains_only_its_own_failure():
    found = judged("ppp", "fff", past="p" * 5 + "fff" + "p" * 2, assertion="a.c:9: y")
    assert found.change is Change.REGRESSION
    assert "failed 3 of 10 runs, but never like this" in found.note


@pytest.mark.parametrize(
    ("base", "tip"), [("ppp", "ccc"), ("ppp", "fcf"), ("ppp", "cpp"), ("ppf", "cfp")]
)
def test_a_crash_is_never_called_flaky_unless_the_base_crashed_so(base, tip):
    flips = "ppffpfpfpp"
    assert judged(base, tip, past=flips).change in {Change.REGRESSION, Change.UNCONFIRMED}
    assert judged(base, tip, past="ppfcpccfpp").change is Change.FLAKY


def test_one_failure_of_a_known_flake_is_told_as_such():
    found = judged("ppp", "fpp", past="p" * 37 + "fff")
    assert found.change is Change.FLAKY
    assert found.note == "flaky on the base: failed 3 of 40 runs; failed 1 of 3 here"


def test_what_passes_now_and_then_on_the_base_is_not_fixed():
    assert judged("fff", "ppp", past="fffppffp").change is Change.FLAKY
    assert judged("fff", "ppp", past="ffffffff").change is Change.FIXED


@pytest.mark.parametrize("here", [True, False])
def test_what_only_other_bases_did_is_not_said_of_this_one(here):
    past = (*history("ppp"), *history("pfpfpppppp", tree="t" if here else "u", here=here))
    found = delta(OLD, results("ppp"), results("fff"), repeats=2, past=past, program="p")
    assert found.change is Change.FLAKY
    where = "flaky on the base: " if here else "flaky on other bases, of late: "
    assert found.note.startswith(f"{where}failed 2 of 13 runs; 3 of 3 here")


def test_relatives_count_where_the_test_flips_and_not_where_it_only_fails():
    flips = history("pfpf", tree="u", here=False)
    broken = history("ffff", tree="v", here=False)
    fine = history("pp", tree="w", here=False)
    counted = known((*history("p"), *flips, *broken, *fine), results("p"), results("f"), "p")
    assert (counted.runs, counted.failures, counted.alike) == (7, 2, 2)


def test_the_same_check_of_another_build_of_the_test_is_on_another_line():
    elsewhere = history("pf", program="q", here=False, assertion="a.c:44: x")
    counted = known(elsewhere, results("p"), results("f"), "p")
    assert (counted.failures, counted.alike) == (1, 1)


def test_what_the_very_base_does_outweighs_bases_that_never_did_it():
    past = (*history("pppf" * 2), *history("p" * 150, tree="w", here=False))
    found = delta(OLD, results("ppp"), results("fff"), repeats=2, past=past, program="p")
    assert found.change is Change.FLAKY
    assert found.note.startswith("flaky on the base: failed 2 of 8 runs; 3 of 3 here")


def test_what_another_series_program_only_ever_fails_says_nothing():
    """A test that another series changes fails on the base: it tests what that series mends."""
    past = (*history("ppppp"), *history("fffff", program="q", assertion="a.c:9: y"))
    worse = delta(OLD, results("ppp"), results("fff"), repeats=2, past=past, program="p")
    assert worse.note == "base passes and series fails, 3 of 3 times"
    fixed = delta(OLD, results("fff"), results("ppp"), repeats=2, past=past, program="q")
    assert fixed.change is Change.FIXED


@pytest.mark.parametrize(
    ("tip", "assertion", "why"),
    [
        ("ffp", "a.c:1: x", "which does not explain it"),
        ("ffp", "a.c:9: y", "failed 2 of 3 here, failed 0 of 3 on the base"),
        ("pff", "a.c:9: y", "failed 2 of 3 here, failed 0 of 3 on the base"),
    ],
)
def test_a_known_flake_does_not_hide_what_it_cannot_explain(tip, assertion, why):
    found = judged("ppp", tip, past="f" + "p" * 199, assertion=assertion)
    assert (found.change, found.note.endswith(why)) == (Change.UNCONFIRMED, True), found.note


@pytest.mark.parametrize(
    ("past", "known_one", "other"),
    [
        (history("p" * 34 + "t" * 6), ("t", "not finished"), ("f", "b.c:9: y")),
        (history("pfpfpfpf"), ("f", "a.c:1: x"), ("f", "b.c:9: y")),
        (history("pcpcpcpc", assertion="WARNING in f()"), ("c", "WARNING in f()"), ("c", "BUG")),
    ],
)
def test_a_known_flake_excuses_no_other_failure_beside_it(past, known_one, other):
    tip = mixed(known_one, other, other)
    found = delta(OLD, results("ppp"), tip, repeats=2, past=past, program="p")
    assert found.change is Change.UNCONFIRMED
    assert found.note.endswith("2 of 3 failures here are other ones")
    alike = mixed(known_one, known_one, known_one)
    found = delta(OLD, results("ppp"), alike, repeats=2, past=past, program="p")
    assert found.change is Change.FLAKY


def test_a_base_that_fails_once_excuses_no_other_failure():
    base = mixed(("p", ""), ("f", "a.c:1: x"), ("p", ""))
    found = delta(OLD, base, results("fff", "b.c:9: y"), repeats=2)
    assert (found.change, found.note) == (
        Change.UNCONFIRMED,
        "failed 3 of 3 here, failed 1 of 3 on the base",
    )


def test_a_base_that_seldom_fails_does_not_explain_three_failures_of_three():
    found = judged("pfp", "fff", past="p" * 99 + "f")
    assert found.change is Change.UNCONFIRMED
    assert found.note.endswith("failed 1 of 100 runs, which does not explain it")


def test_failing_on_both_now_and_then_in_another_way_is_told():
    tip = mixed(("f", "a.c:1: x"), ("f", "b.c:9: y"), ("f", "b.c:9: y"))
    found = delta(OLD, results("fff"), tip, repeats=2)
    said = "in another way 2 of 3 times; on the base fail: a.c:1: x"
    assert (found.change, found.note) == (Change.DIFFERENT, said)


@pytest.mark.parametrize("base", ["fpf", "pff", "ttp"])
def test_a_new_test_that_always_fails_is_no_flake_whatever_the_base_does(base):
    assert judged(base, "fff", case=NEW).change is Change.NEW_FAIL
    passes = judged(base, "ppp", case=NEW)
    assert passes.change is Change.NEW_PASS
    assert passes.note.endswith("on the base, as a new test should")


def test_runs_that_are_not_in_the_history_count_beside_it():
    """What a series with programs of its own sees of a base is written down for nobody."""
    base = (*results("p"), *(dataclasses.replace(one, seconds=7.0) for one in results("fp")))
    counted = known(history("p" * 20), base, results("fff"), "p")
    assert (counted.runs, counted.alike, counted.flaky) == (22, 1, True)


def test_a_configuration_that_only_ever_fails_is_a_base_of_its_own():
    """The same tree with KASAN: too slow for the limit, always."""
    past = (*history("p" * 9), *history("t" * 9, here=False, config="KASAN"))
    found = delta(OLD, results("ppp"), results("ttt"), repeats=2, past=past, program="p")
    assert (found.change, found.note) == (
        Change.REGRESSION,
        "base passes and series fails, 3 of 3 times",
    )
    other = (*history("p" * 9, here=False), *history("t" * 9, here=False, config="KASAN"))
    assert not known(other, results("p"), results("t"), "p").flaky


def test_without_history_this_reviews_own_runs_count():
    assert known((), results("pf"), results("f")).failures == 1


def test_a_moved_line_of_the_kernel_is_no_other_crash():
    base = results("c", "WARNING in f() at arch/x86/kvm/x86.c:10")
    tip = results("c", "WARNING in f() at arch/x86/kvm/x86.c:12")
    assert delta(OLD, base, tip, repeats=2).change is Change.SAME


@pytest.mark.parametrize(
    ("alike", "runs", "repeats"),
    [(0, 40, 2), (3, 40, 2), (3, 15, 5), (9, 20, 2)],
)
def test_a_flake_is_repeated_until_it_is_settled_where_that_is_cheap(alike, runs, repeats):
    counted = Known(runs=runs, failures=alike, alike=alike)
    assert _often(counted, 2) == repeats
    if repeats > 2:
        assert counted.chance(repeats + 1, repeats + 1) < odds.UNLIKELY
        assert counted.chance(repeats, repeats) >= odds.UNLIKELY


@given(
    st.text(st.sampled_from("psftci"), max_size=5),
    st.text(st.sampled_from("psftci"), max_size=5),
    st.text(st.sampled_from("psftc"), max_size=30),
    st.integers(0, 4),
)
def test_a_regression_is_never_claimed_on_less_than_full_evidence(base, tip, past, repeats):
    found = judged(base, tip, repeats=repeats, past=past)
    if found.change is Change.REGRESSION:
        assert len(base) > repeats
        assert len(tip) > repeats
        if set(tip) != {"s"}:
            assert set(tip) <= set("ftc")
        assert set(base) <= set("ps") or (set(base), set(tip)) == ({"f"}, {"c"})
        assert "p" in base or set(tip) == {"c"}


@given(
    st.text(st.sampled_from("psftc"), max_size=5),
    st.text(st.sampled_from("psftc"), min_size=1, max_size=5),
    st.text(st.sampled_from("psft"), max_size=30),
)
def test_a_crash_that_the_base_never_had_is_never_hidden(base, tip, past):
    found = judged(base, tip, past=past)
    if "c" in tip and "c" not in base:
        told = {Change.REGRESSION, Change.UNCONFIRMED, Change.DIFFERENT, Change.UNKNOWN}
        assert found.change in told


def boot(*fingerprints, console=""):
    crashes = tuple(
        Crash(kind=CrashKind.WARN, title=name, frames=(), fingerprint=name, excerpt=())
        for name in fingerprints
    )
    return BootResult(
        outcome=Outcome.FINISHED,
        seconds=1.0,
        boot_seconds=1.0,
        command="",
        console=console,
        last_lines=(),
        crashes=crashes,
    )


def test_a_crash_that_the_base_has_too_is_not_new():
    assert new_crashes([boot("a")], [boot("a")]) == ()


def test_a_new_crash_is_told_once_however_often_it_was_seen():
    found = new_crashes([boot("a")], [boot("b", "a"), boot("b")])
    assert [crash.title for crash in found] == ["b"]


@pytest.mark.parametrize(
    ("changes", "new"),
    [
        ({"title": "WARNING in f() at x.c:12"}, False),
        ({"title": "WARNING in f() at x.c:12", "test": "another"}, True),
        ({"title": "WARNING in g() at x.c:12"}, True),
        ({"title": "WARNING in f() at x.c:12", "kind": CrashKind.OOPS}, True),
        ({"title": "WARNING"}, True),
    ],
)
def test_an_old_report_with_a_changed_trace_is_not_new(changes, new):
    """The series renamed a caller: another fingerprint, the same complaint."""
    (old,) = boot("WARNING in f() at x.c:10").crashes
    crash = dataclasses.replace(old, fingerprint="other", **changes)
    before, after = (dataclasses.replace(boot(), crashes=(one,)) for one in (old, crash))
    assert bool(new_crashes([before], [after])) is new


@pytest.mark.parametrize(
    ("kind", "boots", "doubtful"),
    [
        (CrashKind.STALL, [boot("a"), boot()], True),
        (CrashKind.HUNG_TASK, [boot("a")], True),
        (CrashKind.HUNG_TASK, [boot("a", console="1"), boot("a", console="2")], False),
        # What is kept of one guest lies beside the results of all tests that it ran.
        (CrashKind.HUNG_TASK, [boot("a", console="1"), boot("a", console="1")], True),
        (CrashKind.WARN, [boot("a"), boot()], False),
    ],
)
def test_a_report_of_slowness_counts_when_two_guests_make_it(kind, boots, doubtful):
    crash = dataclasses.replace(boot("a").crashes[0], kind=kind)
    assert by_load(crash, boots) is doubtful


@pytest.mark.parametrize(
    ("base", "tip", "seconds", "repeated"),
    [
        ("p", "f", 400.0, True),  # somebody would be blamed: always
        ("f", "p", 1.0, True),
        ("t", "p", 200.0, False),  # a hang that the series cures
        ("p", "p", 1.0, False),
    ],
)
def test_what_is_worth_repeating(base, tip, seconds, repeated):
    def slow(letters):
        return tuple(dataclasses.replace(one, seconds=seconds) for one in results(letters))

    case = TestCase(name="t", why=Why.TOUCHED, limit=480.0)
    found = delta(case, slow(base), slow(tip), repeats=2)
    assert _worth_repeating(found) is repeated


def test_a_failing_new_test_is_repeated_however_long_it_takes():
    """The verdict counts it: a time limit on a busy machine is no failure of the series."""
    slow = tuple(dataclasses.replace(one, seconds=400.0) for one in results("t"))
    assert _worth_repeating(delta(NEW, slow, slow, repeats=2))


@pytest.mark.parametrize(
    ("base", "tip"), [("ppp", "fff"), ("ppp", "ffp"), ("ppp", "ccc"), ("fff", "ppp")]
)
def test_where_the_kernels_are_the_same_every_difference_is_chance(base, tip):
    """A series of selftests or documents alone: nobody's code is to blame for a race."""
    found = delta(OLD, results(base), results(tip), repeats=2, same_kernel=True)
    assert found.change is Change.FLAKY
    assert found.note.endswith("but both kernels are the same")
    assert delta(NEW, results("fff"), results("fff"), repeats=2, same_kernel=True).change is (
        Change.NEW_FAIL
    )
