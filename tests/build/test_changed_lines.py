# SPDX-License-Identifier: GPL-2.0-only
"""Which lines a series changes, as coverage wants them."""

from reviewbot.model.coverage import Touched
from reviewbot.tools import changed_lines

PATH = "arch/x86/kvm/lines.c"
TEN = "".join(f"line {number}\n" for number in range(1, 11))


def changes(kernel, before, after):
    applied = kernel.series({PATH: after}, base={PATH: before} if before else None)
    trees = (applied.base.tree_id, applied.patches[-1].tree_id)
    return changed_lines.between(applied.repository, *trees)


def touched(old, added):
    return (Touched(path=PATH, old=old, added=added),)


def test_a_changed_line_is_old_and_new(kernel):
    after = TEN.replace("line 5\n", "line five\nand a half\n")
    assert changes(kernel, TEN, after) == touched(((5, 5),), ((5, 6),))


def test_an_insertion_lies_between_two_old_lines(kernel):
    after = TEN.replace("line 5\n", "line 5\nnew\n")
    assert changes(kernel, TEN, after) == touched(((6, 5),), ((6, 6),))


def test_a_deletion_adds_nothing(kernel):
    assert changes(kernel, TEN, TEN.replace("line 5\nline 6\n", "")) == touched(((5, 6),), ())


def test_of_a_renamed_file_only_what_differs_is_new(kernel):
    # svm.c moved to svm/svm.c is not 4,000 added lines that no test ran.
    other = "arch/x86/kvm/svm/lines.c"
    after = TEN.replace("line 5\n", "line five\n")
    applied = kernel.series({PATH: None, other: after}, base={PATH: TEN})
    trees = (applied.base.tree_id, applied.patches[-1].tree_id)
    assert changed_lines.between(applied.repository, *trees) == (
        Touched(path=PATH, old=((5, 5),), added=()),
        Touched(path=other, old=(), added=((5, 5),)),
    )


def test_a_new_file_is_all_added(kernel):
    assert changes(kernel, None, TEN) == touched(((1, 0),), ((1, 10),))
