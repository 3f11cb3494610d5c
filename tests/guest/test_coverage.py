# SPDX-License-Identifier: GPL-2.0-only
"""What gcov and the guest say, and which tests and lines come out of it."""

import gzip
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from reviewbot.model.coverage import (
    AddedCode,
    CountedFile,
    CountedFunction,
    Coverage,
    ExecutedFile,
    Loading,
    PatchCoverage,
    TestCoverage,
    Touched,
)
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.run import Run
from reviewbot.model.status import Status
from reviewbot.model.test import TestBinary
from reviewbot.parse import counters, gcov
from reviewbot.parse.c_jumps import jumps
from reviewbot.parse.c_syntax import SourceText
from reviewbot.stages import added_lines
from reviewbot.stages.added_code import added_code, together, uncounted, with_jumps
from reviewbot.stages.choose_covered import choose_covered, executed_by, measured
from reviewbot.stages.covered import (
    assemble,
    executed,
    loading,
    numbers,
    only_at_load,
    spans,
    touched_functions,
    touched_lines,
)
from reviewbot.stages.patch_coverage import selftests
from reviewbot.tools.counted import batches

REAL = Path(__file__).parent.parent / "fixtures" / "gcov" / "state_test.json"
PATHS = ("arch/x86/kvm/*", "virt/kvm/*")
NESTED = "arch/x86/kvm/svm/nested.c"


def read(loaded=("virt/kvm/coalesced_mmio.gcda", "virt/kvm/guest_memfd.gcda"), paths=PATHS):
    found = gcov.read(REAL.read_bytes(), root="/lab/src", paths=paths, loaded=loaded)
    return {file.path: file for file in found}


def test_paths_are_from_the_top_of_the_tree():
    assert set(read()) == {
        "virt/kvm/coalesced_mmio.c",
        "virt/kvm/guest_memfd.c",
        "arch/x86/kvm/vmx/posted_intr.c",
        "arch/x86/kvm/vmx/vmx.h",
        "arch/x86/kvm/irq.h",
        "arch/x86/kvm/lapic.h",
    }


def test_real_output_says_which_functions_ran():
    # state_test makes and destroys a VM; it registers no zone and has no guest_memfd.
    mmio = read()["virt/kvm/coalesced_mmio.c"]
    ran = {one.name for one in mmio.functions if one.executed}
    assert ran == {"kvm_coalesced_mmio_init", "kvm_coalesced_mmio_free"}
    assert not any(one.executed for one in read()["virt/kvm/guest_memfd.c"].functions)
    free = next(one for one in mmio.functions if one.name == "kvm_coalesced_mmio_free")
    assert any(count for line, count in mmio.lines.items() if free.first <= line <= free.last)


def test_a_file_without_counters_was_not_loaded():
    files = read()
    assert files["virt/kvm/coalesced_mmio.c"].loaded
    assert not files["arch/x86/kvm/vmx/posted_intr.c"].loaded


def test_lines_of_a_header_that_only_a_module_not_loaded_uses_cannot_run_here():
    # x86.h has functions for vmx.c alone, beside those that svm.c uses as well.
    def document(name, *numbers):
        lines = [{"line_number": number, "count": 0} for number in numbers]
        function = {"name": "f", "start_line": 1, "end_line": 9, "blocks_executed": 0}
        file = {"file": "/lab/src/arch/x86/kvm/x86.h", "lines": lines, "functions": [function]}
        return json.dumps({"data_file": name, "files": [file]}).encode() + b"\n"

    text = document("arch/x86/kvm/svm/svm.gcno", 2, 3) + document("arch/x86/kvm/vmx/vmx.gcno", 3, 4)
    (header,) = gcov.read(text, root="/lab/src", paths=PATHS, loaded=("arch/x86/kvm/svm/svm.gcda",))
    assert (header.loaded, header.foreign) == (True, {4})
    change = Touched(path=header.path, old=(), added=((1, 9),))
    found = added_code([change], together([[header], [header]]), {})
    assert [(one.loaded, one.counted) for one in found] == [(True, ((2, 3),)), (False, ((4, 4),))]


def test_a_header_is_counted_in_every_object():
    twice = REAL.read_bytes() * 2
    once, doubled = (
        gcov.read(text, root="/lab/src", paths=PATHS, loaded=())
        for text in (REAL.read_bytes(), twice)
    )
    pairs = zip(once, doubled, strict=True)
    assert all(
        {line: 2 * count for line, count in one.lines.items()} == two.lines for one, two in pairs
    )


def test_output_of_another_program_is_our_failure():
    with pytest.raises(InfrastructureError, match="gcov said what we cannot read"):
        gcov.read(b'{"files": 1}\n', root="/lab/src", paths=PATHS, loaded=())


def packed(*members):
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(plain.getvalue())


def member(name, kind=tarfile.REGTYPE, link=""):
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


def test_only_plain_counters_come_out_of_an_archive():
    archive = packed(
        (member("./arch/x86/kvm/x86.gcda"), b"good"),
        (member("../../etc/passwd.gcda"), b"out"),
        (member("/etc/cron.gcda"), b"out"),
        (member("-o.gcda"), b"an option"),
        (member("x86.gcno"), b"notes"),
        (member("link.gcda", tarfile.SYMTYPE, "/etc/shadow"), b""),
    )
    assert counters.unpack(archive) == {"arch/x86/kvm/x86.gcda": b"good"}


def test_an_archive_that_grows_without_end_is_dropped():
    assert counters.unpack(gzip.compress(bytes(65 << 20))) == {}
    assert counters.unpack(b"\x1f\x8b not gzip") == {}


def test_frames_end_at_the_first_that_is_not_whole():
    said = b"counters 1 3\nabc" + b"counters 2 0\n" + b"counters 3 9\nshort"
    assert counters.frames(said) == {1: b"abc", 2: b""}
    assert counters.frames(b"rubbish " + said) == {}


def counted(path=NESTED, counts=None, *, loaded=True):
    lines = {10: 0, 11: 0, 14: 0, 20: 0, 21: 0, 30: 0} | (counts or {})
    functions = tuple(
        CountedFunction(
            name=name,
            first=first,
            last=last,
            executed=any(n for line, n in lines.items() if first <= line <= last),
        )
        for name, first, last in (("one", 10, 15), ("two", 19, 22), ("three", 29, 31))
    )
    return CountedFile(path=path, functions=functions, lines=lines, loaded=loaded)


def covered(name, seconds=1.0, status=Status.PASS, **ran):
    counts = {int(line.removeprefix("line_")): count for line, count in ran.items()}
    files = executed([counted(counts=counts)])
    return TestCoverage(key=name, test=name, status=status, seconds=seconds, files=files)


def coverage(*tests) -> Coverage:
    return assemble("c" * 40, [counted()], tests)


def test_a_gap_without_code_does_not_split_lines():
    assert spans([10, 11, 14, 30], counted().lines) == ((10, 14), (30, 30))


def test_only_what_ran_is_kept():
    found = covered("a", line_10=1, line_14=7).files
    assert found == (ExecutedFile(path=NESTED, functions=("one",), lines=((10, 10), (14, 14))),)


def test_functions_and_lines_know_their_tests():
    whole = coverage(covered("a", line_10=1, line_20=1), covered("b", line_20=1))
    (file,) = whole.files
    assert {one.name: numbers(one.tests) for one in file.functions} == {
        "one": {0},
        "two": {0, 1},
        "three": frozenset(),
    }
    assert [(run.first, run.last, run.tests) for run in file.lines] == [
        (10, 10, "1"),
        (11, 14, "0"),
        (20, 20, "3"),
        (21, 30, "0"),
    ]


@pytest.mark.parametrize(
    ("old", "names"),
    [
        ((10, 10), {"one"}),
        ((15, 14), {"one"}),  # an insertion before the last line
        ((16, 15), set()),  # an insertion after the closing brace
        ((12, 20), {"one", "two"}),
        ((23, 28), set()),
    ],
)
def test_touched_functions_hold_a_changed_line(old, names):
    change = Touched(path=NESTED, old=(old,), added=())
    found = touched_functions(coverage(covered("a")), [change])
    assert {name for _, name in found} == names


@pytest.mark.parametrize(
    ("old", "who"),
    [
        ((14, 14), {("one", "b")}),  # the very line, which "a" does not execute
        ((12, 13), {("one", "a"), ("one", "b")}),  # no code: what stands before and behind
        ((12, 11), {("one", "a"), ("one", "b")}),  # an insertion
        ((20, 20), set()),  # nobody executes it
        ((40, 40), {("", "b")}),  # inlined wherever it is called, so no function has it
        ((39, 38), {("", "b")}),  # behind its opening brace
        ((38, 37), set()),  # before it begins
        ((44, 43), set()),  # behind it
        ((17, 16), set()),  # between two functions
        ((25, 24), set()),
    ],
)
def test_touched_lines_are_those_changed_or_around_an_insertion(old, who):
    tests = [covered("a", line_10=1, line_11=1), covered("b", line_14=1, line_40=1)]
    whole = assemble("c" * 40, [counted(counts={40: 0})], tests)
    found = touched_lines(whole, [Touched(path=NESTED, old=(old,), added=())])
    names = [test.name for test in whole.tests]
    assert {(name, names[n]) for (_, name, _), ran in found.items() for n in ran} == who


def test_a_test_that_executes_the_changed_line_is_chosen_before_one_of_its_function():
    tests = [covered(f"call{n}", seconds=0.1, line_10=1) for n in range(9)]
    whole = coverage(*tests, covered("case", seconds=9, line_10=1, line_14=1))
    change = Touched(path=NESTED, old=((14, 14),), added=())
    names = [test.name for test in whole.tests]
    found = measured(whole, [change], names, at_most=3, seconds=100)
    assert "case" in found.tests


def test_an_inlined_function_has_its_tests_too():
    whole = assemble("c" * 40, [counted(counts={40: 0})], [covered("a", line_40=1)])
    change = Touched(path=NESTED, old=((40, 40),), added=())
    found = measured(whole, [change], ["a"], at_most=3, seconds=9)
    assert (found.tests, found.unknown, found.unexecuted) == (("a",), frozenset(), ())


ALL = [Touched(path=NESTED, old=((10, 30),), added=())]


def chosen(*tests, at_most=10, seconds=100.0):
    whole = coverage(*tests)
    touched = touched_functions(whole, ALL)
    names = [test.test for test in tests]
    return choose_covered(whole, touched, names, at_most=at_most, seconds=seconds)


def test_the_fast_test_that_executes_most_comes_first():
    slow = covered("slow", seconds=40, line_10=1, line_20=1, line_30=1)
    fast = covered("fast", seconds=1, line_10=1, line_20=1)
    other = covered("other", seconds=2, line_30=1)
    assert chosen(slow, other, fast) == ("fast", "other", "slow")
    assert chosen(slow, other, fast, at_most=2) == ("fast", "other")
    assert chosen(slow, other, fast, seconds=10.0) == ("fast", "other")


def test_a_test_that_executes_nothing_of_it_is_not_chosen():
    assert chosen(covered("idle"), covered("a", line_10=1)) == ("a",)


def test_a_test_that_fails_on_the_base_comes_after_one_that_passes():
    fails = covered("fails", seconds=0.1, status=Status.FAIL, line_10=1)
    lost = covered("lost", status=Status.CRASH, line_10=1)
    assert chosen(fails, lost, covered("passes", seconds=1, line_10=1)) == ("passes", "fails")


def test_a_test_that_skips_itself_is_chosen_only_where_no_other_goes():
    # vmx_set_nested_state_test takes 0.1 s to find that there is no VMX, and is no second test of anything.
    vmx = covered("vmx", seconds=0.1, status=Status.SKIP, line_10=1)
    assert chosen(vmx, covered("passes", seconds=9, line_10=1)) == ("passes",)
    assert chosen(vmx, covered("passes", seconds=9, line_20=1)) == ("vmx", "passes")


def test_a_test_the_series_removes_is_not_chosen():
    whole = coverage(covered("a", line_10=1), covered("b", line_10=1))
    touched = touched_functions(whole, ALL)
    assert choose_covered(whole, touched, ["b"], at_most=5, seconds=9) == ("b",)


def test_what_is_chosen_executes_what_all_execute():
    tests = [covered("a", line_10=1), covered("b", line_20=1), covered("c", line_20=1, line_30=1)]
    whole = coverage(*tests)
    touched = touched_functions(whole, ALL)
    names = choose_covered(whole, touched, "abc", at_most=2, seconds=9)
    assert len(executed_by(whole, touched, names)) == 3


def test_paths_decide_where_nothing_was_measured():
    header = Touched(path="arch/x86/include/asm/kvm_host.h", old=((1, 2),), added=())
    found = measured(coverage(covered("a", line_10=1)), [*ALL, header], ["a"], at_most=5, seconds=9)
    assert found.tests == ("a",)
    assert found.unknown == {header.path}
    assert found.unexecuted == ("three", "two")


def test_added_lines_by_function():
    change = Touched(path=NESTED, old=(), added=((11, 21), (40, 50)))
    files = together([[counted(counts={11: 1})], [counted(counts={20: 3})]])
    assert added_code([change], files, {}) == (
        AddedCode(
            path=NESTED,
            function="one",
            lines=2,
            executed=1,
            missed=((14, 14),),
            counted=((11, 11), (14, 14)),
        ),
        AddedCode(
            path=NESTED,
            function="two",
            lines=2,
            executed=1,
            missed=((21, 21),),
            counted=((20, 21),),
        ),
    )


def test_of_functions_made_of_one_text_one_that_ran_is_named():
    # paging_tmpl.h is included for 64-bit, 32-bit and EPT page tables.
    ran = dict.fromkeys(("ept_fetch", "paging64_fetch", "paging32_fetch"), False)
    files = [
        CountedFile(
            path="paging_tmpl.h",
            functions=tuple(
                CountedFunction(name=name, first=1, last=9, executed=executed)
                for name, executed in (ran | now).items()
            ),
            lines={2: count, 3: 0},
        )
        for now, count in (({"paging64_fetch": True}, 4), ({}, 0))
    ]
    change = Touched(path="paging_tmpl.h", old=(), added=((1, 9),))
    (found,) = added_code([change], together([[file] for file in files]), {})
    assert (found.function, found.executed, found.lines) == ("paging64_fetch", 1, 2)


def test_an_inlined_function_is_named_by_its_source():
    change = Touched(path=NESTED, old=(), added=((20, 41),))
    files = together([[counted(counts={40: 1, 41: 0})]])
    found = added_code([change], files, {}, lambda _, line: f"inline_{line // 10}0")
    assert [(one.function, one.executed, one.lines) for one in found] == [
        ("two", 0, 2),
        ("three", 0, 1),
        ("inline_40", 1, 2),
    ]


LEAVES = b"""\
int f(int a, int b)
{
	if (a < 0)
		return -EINVAL;

	/* Both. */
	if (b < 0 || b > 9) {
		/* why */
		return -ERANGE;
	}
	b = a;
	if (inlined(b))
		goto out;
	return b;
}
"""


@pytest.mark.parametrize(
    ("counts", "branches", "taken"),
    [
        # gcc has no line 4: a constant that is returned is folded into the function's end.
        ({3: 9, 7: 9}, {3: (0, 9)}, {4: 0}),
        ({3: 9, 7: 7}, {3: (2, 7)}, {4: 2}),
        ({3: 0, 7: 0}, {}, {4: 0}),
        ({7: 9, 11: 9}, {7: (0, 9, 0, 9)}, {9: 0}),
        ({7: 9, 11: 5}, {7: (3, 6, 1, 5)}, {9: 4}),
        ({3: 9}, {3: (2, 7)}, {}),  # what comes behind was not counted
        ({3: 9, 7: 9}, {3: (2, 7)}, {}),  # one way leads past the condition
        ({3: 9000, 7: 8999}, {3: (1, 8999)}, {}),  # lost when two processors counted, or not
        ({12: 6, 14: 3}, {12: (3, 0, 0, 3)}, {}),  # each call of inlined() comes to the line again
        ({12: 9, 13: 4, 14: 9}, {12: (0, 9)}, {13: 0}),  # of all gotos, on the first one's line
    ],
)
def test_how_often_a_function_was_left_follows_from_the_lines_around(counts, branches, taken):
    file = CountedFile(path="a.c", functions=(), lines=counts, branches=branches)
    found = with_jumps(file, jumps(SourceText(LEAVES)))
    assert {line: n for line, n in found.lines.items() if line in {4, 9, 13}} == taken
    assert list(found.lines) == sorted(found.lines)


def test_a_folded_line_of_another_module_cannot_run_here_either():
    file = CountedFile(path="a.h", functions=(), lines={3: 0, 7: 0}, foreign=frozenset({3, 7}))
    assert with_jumps(file, jumps(SourceText(LEAVES))).foreign == {3, 4, 7}


def test_only_statements_that_are_reached_in_one_way_are_looked_at():
    found = jumps(SourceText(LEAVES))
    assert [(one.condition, one.line, one.behind) for one in found] == [
        (3, 4, (7,)),
        (7, 9, (11, 12)),
        (12, 13, (14,)),
    ]
    others = b"""\
int g(int a)
{
	if (a)
		return 1;
	else
		a = 2;
	if (a) return 3;
	if (a == 4)
		return 4;
again:
	if (a == 5) {
		a = 6;
		return 5;
	}
	if (a == 6)
		break;
	while (a--)
		;
	if (a == 7)
		return 7;
#ifdef B
	a = 8;
#endif
}
"""
    assert jumps(SourceText(others)) == ()


def test_ways_out_of_a_condition_are_added_up_run_by_run():
    def document(first, second):
        ways = [{"count": first, "throw": False}, {"count": second, "throw": False}]
        line = {"line_number": 3, "count": first + second, "branches": ways}
        file = {"file": "/lab/src/arch/x86/kvm/x86.c", "lines": [line], "functions": []}
        return json.dumps({"data_file": "arch/x86/kvm/x86.gcno", "files": [file]}).encode()

    runs = [
        gcov.read(text, root="/lab/src", paths=PATHS, loaded=())
        for text in (document(0, 9), document(1, 2))
    ]
    (file,) = together(runs).values()
    assert file.branches == {3: (1, 11)}


def test_ways_out_of_one_text_that_became_several_functions_are_added_up_if_alike():
    def line(*counts):
        ways = [{"count": count, "throw": False} for count in counts]
        return {"line_number": 3, "count": sum(counts), "branches": ways}

    def branches(*lines):
        file = {"file": "/lab/src/arch/x86/kvm/x86.h", "lines": lines, "functions": []}
        text = json.dumps({"data_file": "a.gcno", "files": [file]}).encode()
        return gcov.read(text, root="/lab/src", paths=PATHS, loaded=())[0].branches

    assert branches(line(0, 9), line(0, 2)) == {3: (0, 11)}
    assert branches(line(0, 9), line(0, 2, 1, 1), line(0, 1)) == {3: ()}


def test_what_only_loading_the_modules_runs_is_not_called_missed():
    # svm_set_cpu_caps() and all __init: no test can run them again, and every guest did.
    change = Touched(path=NESTED, old=(), added=((11, 21),))
    tests = together([[counted(counts={11: 1, 20: 1})]])
    start = together([[counted(counts={14: 1, 20: 1})]])
    one, two = added_code([change], tests, start)
    assert (one.executed, one.missed, one.at_load) == (2, (), 1)
    assert (two.executed, two.missed, two.at_load) == (1, ((21, 21),), 0)


def test_functions_that_loading_runs_or_this_guest_cannot_are_not_called_unexecuted():
    vmx = counted(path="arch/x86/kvm/vmx/vmx.c", loaded=False)
    change = Touched(path=vmx.path, old=((10, 30),), added=())
    start = loading([counted(counts={30: 1}), vmx])
    assert start.foreign == (vmx.path,)
    whole = assemble("c" * 40, [counted(), vmx], [covered("a", line_10=1)], start)
    found = measured(whole, [*ALL, change], ["a"], at_most=5, seconds=9)
    assert found.unexecuted == ("two",)
    assert only_at_load(whole) == {(NESTED, "three")}
    before = measured(replace(whole, loading=Loading()), ALL, ["a"], at_most=5, seconds=9)
    assert before.unexecuted == ("three", "two")


def binary(name, *parameters, options=()):
    return TestBinary(name=name, digest="", limit=9, parameters=parameters, options=options)


def test_selftests_with_other_module_parameters_are_counted_in_guests_of_their_own():
    # "No selftest ran" the code of shadow paging, said below "5 of them with npt=0", would be wrong.
    npt = binary("a [npt=0]", "kvm_amd.npt=0")
    many = [binary(f"t{n}") for n in range(10)]
    unit = binary("unit/x", options=("-smp", "1"))
    tests = selftests((binary("a"), npt, *many, unit))
    shares = [[test.name for test in share] for share in batches(tests)]
    assert [len(share) for share in shares] == [8, 3, 1]
    assert shares[-1] == ["a [npt=0]"]
    assert "unit/x" not in str(shares)


RUN = Run(id="r", version="0", started="", request="")
PATCH = PatchCoverage(
    code=(
        AddedCode(path="a.c", function="f", lines=9, executed=5, missed=((3, 5), (9, 9))),
        AddedCode(path="b.c", function="g", lines=2, executed=2, missed=()),
        AddedCode(path="v.c", function="h", lines=3, executed=0, missed=((1, 3),), loaded=False),
    ),
    tests=("t", "u"),
    vendor="amd",
    emulated=True,
)


def test_the_report_tells_what_ran_and_what_cannot_run_here():
    run = replace(RUN, coverage=PATCH)
    assert added_lines.row(run) == (
        "7 of 11 added executable lines were run by 2 selftests;"
        " 3 lines cannot be run here (no VMX under emulation)"
    )
    assert added_lines.lines(run) == (
        "a.c:3-5,9  f(): 5 of 9 run",
        "v.c: 3 lines cannot be run here",
    )


def said(**code):
    made = {"path": "a.c", "function": "f", "lines": 1, "executed": 0, "missed": ((1, 1),)}
    run = replace(RUN, coverage=PatchCoverage(code=(AddedCode(**made | code),), tests=("t",)))
    return added_lines.row(run), added_lines.lines(run), added_lines.heading(run)


def test_one_line_is_said_as_one():
    row, lines, heading = said()
    assert row == "0 of 1 added executable line was run by 1 selftest"
    assert heading == "Added lines that the one selftest did not run:"
    assert lines == ("a.c:1  f(): 0 of 1 run",)


def test_what_ran_in_no_test_is_not_said_to_be_run_by_tests():
    row, lines, _ = said(lines=9, executed=9, at_load=2, missed=())
    assert row == (
        "9 of 9 added executable lines were run: 7 by 1 selftest, 2 by loading the modules alone"
    )
    assert lines == ()


def test_places_fit_into_a_mail():
    path = "arch/x86/kvm/svm/nested.c"
    missed = tuple((n, n + 5) for n in range(1000, 1200, 10))
    name = "nested_svm_check_intercepts_of_permission_maps"
    _, lines, _ = said(path=path, function=name, lines=150, executed=30, missed=missed)
    assert lines == (
        f"{path}:1000-1005,1010-1015,1020-1025 and 17 more",
        f"    {name}(): 30 of 150 run",
    )
    assert max(map(len, lines)) <= 70


def test_the_example_of_the_documentation_is_what_is_said():
    _, lines, _ = said(
        path=NESTED,
        function="nested_vmcb02_compute_g_pat",
        lines=2,
        executed=1,
        missed=((551, 551),),
    )
    text = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text("utf-8")
    assert "".join(f"      {line}\n" for line in lines) in text


def test_what_nothing_counts_is_never_said_to_be_no_code():
    changes = [
        Touched(path=path, old=(), added=((1, 2),))
        for path in (
            "arch/arm64/kvm/arm.c",
            "arch/x86/kvm/svm/vmenter.S",
            NESTED,
            "tools/a.c",
            "a.h",
        )
    ]
    gone = Touched(path="gone.c", old=((1, 2),), added=())
    found = uncounted([*changes, gone], {NESTED})
    assert found == ("arch/arm64/kvm/arm.c", "arch/x86/kvm/svm/vmenter.S")
    run = replace(RUN, coverage=PatchCoverage(tests=("t",), uncounted=found))
    assert added_lines.row(run) == (
        "not counted: arch/arm64/kvm/arm.c, arch/x86/kvm/svm/vmenter.S"
        " (not compiled into this KVM, or assembler)"
    )


def test_silence_is_never_full_coverage():
    assert added_lines.row(RUN) == ""
    unknown = replace(RUN, coverage=PatchCoverage(unavailable="no test sent what it counted"))
    assert added_lines.row(unknown) == "not known: no test sent what it counted"
