# SPDX-License-Identifier: GPL-2.0-only
"""The same remark about many patches, whose conventions hold, and which headers a file reaches."""

from dataclasses import replace

import pytest

from reviewbot.model.base import Confidence
from reviewbot.model.finding import Location, Severity
from reviewbot.model.series import ChangeKind, FileDiff, Hunk
from reviewbot.rulekit.context import Context
from reviewbot.rulekit.definitions import definitions
from reviewbot.rulekit.facts import Facts
from reviewbot.rulekit.includes import includes
from reviewbot.rulekit.problem import Problem
from reviewbot.rulekit.rule import Declaration, Needs
from reviewbot.rulekit.territory import backport, of_kvm_x86, softened
from reviewbot.rulekit.together import ranges, several, together
from reviewbot.rulekit.trees import View


def remark(key):
    return Problem(key=key, title=f"wrong {key}", why="Because.", fix="Mend it.", reference="r")


@pytest.fixture
def context(small):
    declaration = Declaration(
        code="SITE-TEST-001",
        severity=Severity.NOTE,
        confidence=Confidence.HIGH,
        needs=Needs.SERIES,
        touches=(),
    )
    series = small.series([small.patch(number, ("f",)) for number in range(1, 10)])
    return Context(series=series, steps=(), declaration=declaration, complete=True)


def test_a_remark_about_a_few_patches_is_made_at_each(context):
    found = list(together(context, [(2, remark("a")), (4, remark("b")), (5, remark("a"))]))
    assert [(f.patch, f.title) for f in found] == [(2, "wrong a"), (5, "wrong a"), (4, "wrong b")]


def test_a_remark_about_many_is_made_once_and_names_the_others(context):
    (only,) = together(context, [(number, remark("a")) for number in (2, 4, 5, 6, 9)])
    assert only.patch == 2
    assert only.why == "Because.  The same goes for patches 4-6 and 9."


def test_what_is_missing_from_an_incomplete_series_is_unknown(context):
    context.complete = False
    assert list(together(context, [(2, replace(remark("a"), missing=True))])) == []
    assert context.unknown == ["wrong a"]


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([3], "3"), ([3, 4], "3 and 4"), ([3, 4, 5], "3-5"), ([1, 3, 4, 5, 9], "1, 3-5 and 9")],
)
def test_numbers_are_written_as_people_do(numbers, text):
    assert ranges(numbers) == text


def test_other_architectures_are_known_by_path_and_subject(small):
    assert of_kvm_x86(small.patch(1, ("arch/x86/kvm/x86.c", "virt/kvm/kvm_main.c")))
    assert not of_kvm_x86(small.patch(1, ("virt/kvm/kvm_main.c", "arch/arm64/kvm/arm.c")))
    riscv = replace(small.patch(1, ("virt/kvm/kvm_main.c",)), subject="RISC-V: KVM: Do it")
    assert not of_kvm_x86(riscv)
    assert not of_kvm_x86(small.patch(1, ("mm/memory.c",)))


@pytest.mark.parametrize(
    ("prefix", "stable"),
    [("AUTOSEL", True), ("6.1", True), ("5.10.y", True), ("stable", True), ("RFC", False)],
)
def test_patches_for_stable_branches_are_known_by_their_prefix(small, prefix, stable):
    series = replace(small.series([small.patch(1, ("f",))]), prefixes=(prefix,))
    assert backport(series) is stable


def test_headers_are_followed_and_circles_end(small):
    tree = {
        "arch/x86/kvm/x86.c": '#include "x86.h"\n#include <linux/kvm_host.h>\n#include <none.h>\n',
        "arch/x86/kvm/x86.h": '#include "x86.h"\n#include "../boot/a.h"\n',
        "arch/x86/boot/a.h": "",
        "include/linux/kvm_host.h": "# include <asm/kvm.h>\n",
        "arch/x86/include/uapi/asm/kvm.h": "",
        "arch/arm64/include/uapi/asm/kvm.h": "",
    }
    view = View(tree=small.tree(tree), facts=Facts(), label="a test")
    assert set(includes(view, "arch/x86/kvm/x86.c")) == tree.keys() - {
        "arch/x86/kvm/x86.c",
        "arch/arm64/include/uapi/asm/kvm.h",
    }


def test_a_patch_defines_what_it_adds_and_does_not_move(small):
    lines = (
        "+int kvm_new(struct kvm *kvm)",
        "+#define KVM_NEW 1",
        "+\tu64 new_member[2];",
        "+\tNEW_ENUMERATOR,",
        "-int kvm_moved(void)",
        "+int kvm_moved(int x)",
        "+\treturn kvm_called(kvm);",
        " int kvm_context(void)",
    )
    hunk = Hunk(old_start=1, old_count=2, new_start=1, new_count=7, section="", lines=lines)
    file = FileDiff(kind=ChangeKind.MODIFY, old_path="a.c", new_path="a.c", hunks=(hunk,))
    patch = replace(small.patch(1, ("a.c",)), files=(file,))
    assert definitions(patch) == {"kvm_new", "KVM_NEW", "new_member", "NEW_ENUMERATOR"}


def gone(context, *names):
    return [context.finding(replace(remark("k"), title=f"{n} is gone"), patch=1) for n in names]


def test_what_holds_for_many_names_is_said_once(context):
    (only,) = several(gone(context, *"ABCDE"), {" is gone": " are gone"})
    assert only.title == "A and 4 more are gone"
    assert only.why == "Because.  The same goes for B, C, D, E."


def test_few_names_stay_apart_unless_asked(context):
    assert len(list(several(gone(context, *"ABC"), {" is gone": " are gone"}))) == 3
    (only,) = several(gone(context, *"ABC"), {" is gone": " are gone"}, most=1)
    assert only.title == "A, B and C are gone"


def test_what_says_something_else_stays_apart(context):
    other = context.finding(remark("k"), patch=1)
    late = [context.finding(replace(remark("k"), title="F is gone"), patch=2)]
    found = list(several([*gone(context, *"ABCD"), other, *late], {" is gone": " are gone"}))
    assert [one.title for one in found] == ["wrong k", "A and 3 more are gone", "F is gone"]


def test_a_series_of_headers_alone_misses_nothing_for_certain(context, small):
    found = [replace(each, severity=Severity.ERROR) for each in gone(context, "A")]
    header, code = "include/uapi/linux/kvm.h", "virt/kvm/kvm_main.c"
    for paths, severity in (((header,), Severity.WARNING), ((header, code), Severity.ERROR)):
        series = small.series([small.patch(1, paths)])
        assert [one.severity for one in softened(series, found)] == [severity]


def test_the_same_title_many_times_is_once_with_the_lines(context):
    places = [Location(path="f.c", line=line) for line in (3, 7, 9)]
    found = [
        replace(each, location=p) for each, p in zip(gone(context, *"AAA"), places, strict=True)
    ]
    (only,) = several(found, {" is gone": " are gone"}, most=1)
    assert (only.title, only.location) == ("A is gone", places[0])
    assert only.why == "Because.  The same goes for lines 7 and 9."
