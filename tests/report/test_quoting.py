# SPDX-License-Identifier: GPL-2.0-only
"""Which of the author's lines stand above a remark."""

from dataclasses import replace

from sample_runs import BIT, NESTED, RESERVED, TEST, UAPI, hunk, patch

from reviewbot.model.finding import Location
from reviewbot.model.series import ChangeKind, FileDiff
from reviewbot.stages.quote import hunk_header, passages
from reviewbot.stages.remarks import Remark


def say(path, line, title="x", **more):
    return Remark(
        kind="warning", location=Location(path=path, line=line), title=title, text="", **more
    )


def long_patch(lines=60):
    text = "".join(f"+line {n}\n" for n in range(1, lines + 1))
    file = FileDiff(kind=ChangeKind.ADD, old_path=None, new_path="a.c", hunks=(hunk(1, "", text),))
    return replace(patch(1), files=(file,))


def test_a_far_line_is_quoted_with_a_little_before_it():
    (passage,) = passages(long_patch(), (say("a.c", 40),))
    assert passage.quote[:3] == ("--- /dev/null", "+++ b/a.c", "@@ -1,0 +1,60 @@")
    assert passage.quote[3:] == ("[...]", *(f"+line {n}" for n in range(36, 41)))


def test_a_near_line_is_quoted_from_the_top_of_the_hunk():
    (passage,) = passages(long_patch(), (say("a.c", 7),))
    assert passage.quote[3:] == tuple(f"+line {n}" for n in range(1, 8))


def test_the_second_remark_goes_on_where_the_first_stopped():
    first, second, third = passages(long_patch(), (say("a.c", 3), say("a.c", 5), say("a.c", 50)))
    assert first.quote[-1] == "+line 3"
    assert second.quote == ("+line 4", "+line 5")
    assert third.quote[:2] == ("[...]", "+line 46")


def test_remarks_follow_the_patch_not_the_order_they_were_made_in():
    found = (say(NESTED, 1789, "second"), say(UAPI, RESERVED.location.line, "first"))
    assert [p.remarks[0].title for p in passages(patch(6), found)] == ["first", "second"]


def test_two_remarks_on_one_line_share_the_quote():
    (passage,) = passages(patch(6), (say(UAPI, 497, "a"), say(UAPI, 497, "b")))
    assert [remark.title for remark in passage.remarks] == ["a", "b"]


def test_a_place_outside_the_hunks_is_named_and_not_passed_off_as_quoted_mail():
    (passage,) = passages(patch(6), (say(NESTED, 9, quoted=("int elsewhere;",)),))
    assert passage.quote == ()
    assert passage.where == f"{NESTED}:9"


def test_a_remark_without_a_place_comes_first():
    general = Remark(kind="warning", location=None, title="changelog", text="")
    found = passages(patch(6), (say(UAPI, 497), general))
    assert [p.remarks[0].title for p in found] == ["changelog", "x"]


def test_a_removed_line_does_not_shift_what_follows():
    text = " a\n-gone\n+new\n b\n"
    file = FileDiff(
        kind=ChangeKind.MODIFY, old_path="a.c", new_path="a.c", hunks=(hunk(10, "f()", text),)
    )
    (passage,) = passages(replace(patch(1), files=(file,)), (say("a.c", 12),))
    assert passage.quote[2:] == ("@@ -10,3 +10,3 @@ f()", " a", "-gone", "+new", " b")


def test_an_escape_in_a_quoted_line_is_made_visible_and_a_monster_is_cut():
    text = "+\x1b]52;c;aGk=\x07 \u202e evil\n+" + "y" * 5000 + "\n"
    file = FileDiff(kind=ChangeKind.ADD, old_path=None, new_path="a.c", hunks=(hunk(1, "", text),))
    (passage,) = passages(replace(patch(1), files=(file,)), (say("a.c", 2),))
    assert passage.quote[3] == "+\\x1b]52;c;aGk=\\x07 \\u202e evil"
    assert len(passage.quote[4]) < 500
    assert passage.quote[4].endswith("[...]")


def test_hunk_headers_are_written_as_git_writes_them():
    assert hunk_header(hunk(5, "", " a\n-b\n")) == "@@ -5,2 +5 @@"


def test_every_sample_finding_lies_on_a_line_of_its_patch():
    for finding in (BIT, RESERVED):
        (passage,) = passages(patch(6), (say(UAPI, finding.location.line),))
        assert passage.quote[-1].startswith("+")
    assert passages(patch(8), (say(TEST, 1),))[0].quote[-1] == "+line 1 of the selftest"
