# SPDX-License-Identifier: GPL-2.0-only
"""The screen driven by keys, over real stores."""

import time
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rooms import drive, see, text

from reviewbot.model.run import Stage, StageTime
from reviewbot.screen.widgets import Page


def test_the_list_is_the_table(room):
    async def work(pilot):
        there = await see(
            pilot, "4 series", "Improve PAT", "1/4", "1E~  +++", "q:quit ?:keys", gone="reading"
        )
        lines = there.split("\n")
        assert lines[1].split()[:4] == ["ID", "STATE", "AREA", "AGE"]
        assert "1E~  +++" in there
        assert "q:quit ?:keys enter:open /:filter" in lines[-1]
        assert "?:keys" in lines[-1]
        assert "1/4" in lines[-1]
        assert all(len(one) <= 80 for one in lines)
        assert len(lines) == 24

    drive(room.app(), work)


def test_filter_picks_while_it_is_typed_and_escape_takes_it_back(room):
    async def work(pilot):
        await see(pilot, "4 series", gone="reading")
        await pilot.press("slash", *"area:arm")
        await see(pilot, "filter:", "| 0 series")
        await pilot.press(*"64")
        await see(pilot, "area:arm64 | by rank | 1 series", "Drop it")
        await pilot.press("escape")
        await see(pilot, "4 series", gone="filter:")
        await pilot.press("slash", *"state:odd", "enter")
        await see(pilot, "expected one of new, re-rolled")
        await pilot.press("slash", *"rev:>1", "enter")
        await see(pilot, "rev:>1 | by rank | 2 series", gone="expected")

    drive(room.app(), work)


def test_sorting_views_and_what_is_hidden(room):
    async def work(pilot):
        await see(pilot, "4 series", gone="reading")
        await pilot.press("s")
        await see(pilot, "sort by", "rank  (turn around)")
        await pilot.press("down", "enter")
        await see(pilot, "by age")
        await pilot.press("s", "enter")
        await see(pilot, "by -age")
        await pilot.press("v")
        await see(pilot, "arm          area:arm64")
        await pilot.press("down", "enter")
        await see(pilot, "area:arm64 | by rank | 1 series")
        await pilot.press("d")
        await see(pilot, "0 series | 1 hidden (A)", "done; A shows it", "no series: / changes")
        await pilot.press("A")
        await see(pilot, "1 series", "done ")
        await pilot.press("d")
        await see(pilot, "back in the list", "new ")

    drive(room.app(), work)


def test_a_series_its_patches_and_the_findings_below_their_lines(room):
    async def work(pilot):
        await see(pilot, "4 series", gone="reading")
        await pilot.press("enter")
        await see(pilot, "[1 overview]", "nSVM: Improve PAT virtualization", "rank", "2 patch 4/8")
        await pilot.press("2")
        await see(pilot, "[2 patch 4/8]", "Redirect IA32_PAT accesses")
        await pilot.press("f")
        there = await see(pilot, "| ERROR: read of IA32_PAT bypasses the MSR filter [KVM-MSR-003")
        before = there[: there.index("| ERROR")].rstrip().split("\n")[-1]
        assert before.startswith("+"), "the finding stands below the line it is about"
        await pilot.press("f")
        await see(pilot, "[2 patch 6/8]", "WARNING: BIT() in a UAPI header")
        await pilot.press("F")
        await see(pilot, "[2 patch 4/8]", "ERROR: read of")
        await pilot.press("right_square_bracket")
        await see(pilot, "[2 patch 5/8]")
        await pilot.press("q")
        await see(pilot, "4 series")

    drive(room.app(sort="findings"), work)


def test_logs_of_a_review_and_one_that_is_gone(room):
    kept = room.archive_blob(b"CC file.o\nfile.c:1: error: no\n" + b"x" * 200 + b"\nEND\n")
    run = room.findings
    assert run.build
    patches = (
        replace(run.build.patches[0], log=kept),
        replace(run.build.patches[1], log="ab" * 32),
    )
    room.store.save(replace(run, build=replace(run.build, patches=patches)))

    async def work(pilot):
        await see(pilot, "4 series", gone="reading")
        await pilot.press("enter", "3")
        await see(pilot, "[3 logs (2)]", "patch 1", "patch 2")
        await pilot.press("enter")
        await see(pilot, "file.c:1: error: no", "END")
        await pilot.press("q", "down", "enter")
        await see(pilot, "is no longer in the cache")

    drive(room.app(sort="findings"), work)


def test_a_run_that_goes_on_is_followed(room):
    begun = room.begun()
    with room.store.at_work(begun.id):
        room.store.save(begun)

        async def work(pilot):
            await see(pilot, "[reviewing]", gone="reading")
            await pilot.press("enter")
            await see(pilot, f"Review {begun.id}, at work for", "fetch", "at work")
            done = tuple(StageTime(stage=one, seconds=1.5) for one in (Stage.FETCH, Stage.BASE))
            room.store.save(replace(begun, times=done))
            there = await see(pilot, "base     1.5 s")
            assert "apply    at work" in there
            end = replace(room.findings, id=begun.id)
            room.store.save(end)

        drive(room.app(sort="findings"), work)

    async def after(pilot):
        await see(pilot, "4 series", gone="[reviewing]")

    drive(room.app(sort="findings"), after)


def test_a_run_that_was_cut_off_is_no_progress(room):
    room.store.save(room.begun())

    async def work(pilot):
        there = await see(pilot, "4 series", gone="reading")
        assert "[reviewing]" not in there
        assert "1E~  +++" in there, "what the review before found is still shown"

    drive(room.app(), work)


def test_notes_and_snoozing(room):
    async def work(pilot):
        await see(pilot, "4 series", gone="reading")
        await pilot.press("end", "n", *"ask [b]P[/b]", "enter")
        await see(pilot, ": noted")
        await pilot.press("enter")
        await pilot.press("end")
        await see(pilot, ": ask [b]P[/b]")
        await pilot.press("z", *(["backspace"] * 2), *"soon", "enter")
        await see(pilot, "expected 3d, 2w, 1m or a date")
        await pilot.press("z", "enter")
        await see(pilot, "snoozed until")
        await pilot.press("q")
        await see(pilot, "3 series | 1 hidden (A)")

    drive(room.app(), work)


def test_apply_shows_the_command_and_does_nothing(room):
    async def work(pilot):
        await see(pilot, "4 series", gone="reading")
        await pilot.press("a")
        await see(pilot, "reviewbot triage apply ", f"--from {room.box}"[:20])

    drive(room.app(), work, (200, 24))


def test_the_difference_to_the_revision_before(room):
    async def work(pilot):
        await see(pilot, "1 series", gone="reading")
        await pilot.press("D")
        await see(pilot, "[4 difference]", "KVM: x86: step 2", "++newer")

    drive(room.app(words="do things"), work)


def test_nothing_of_a_mail_is_markup_or_control(room):
    async def work(pilot):
        there = await see(pilot, "1 series", "[red]bad", gone="reading")
        assert "\x1b" not in there
        await pilot.press("enter")
        there = await see(pilot, "[@click=app.quit]x[/]", "x <eve@x.example>")
        await pilot.press("2")
        there += "\n" + await see(pilot, "+KVM: x86: \\x1b]52;c;cm0=\\x07[red]bad[/red]")
        assert not {one for one in there if not one.isprintable() and one != "\n"}
        assert all(cell_len(one) == 80 for one in there.split("\n")), (
            "wide characters take two columns"
        )

    drive(room.app(words="bad"), work)


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (200, 50), (20, 4)])
def test_every_part_at_every_size(room, size):
    async def work(pilot):
        await pilot.pause(1)
        for keys in (["enter"], ["2"], ["3"], ["1"], ["q"], ["question_mark"], ["q"], ["s"], ["escape"], ["n"], ["escape"]):  # fmt: skip
            await pilot.press(*keys)
            await pilot.pause()
            lines = text(pilot.app).split("\n")
            assert len(lines) == size[1]
            assert all(len(one) <= size[0] for one in lines)

    drive(room.app(), work, size)


def test_a_resized_terminal_gets_the_columns_it_has_room_for(room):
    async def work(pilot):
        await see(pilot, "4 series", gone="AUTHOR")
        await pilot.resize_terminal(160, 40)
        await see(pilot, "AUTHOR", "CLASHES")
        await pilot.resize_terminal(80, 24)
        await see(pilot, "TITLE", gone="AUTHOR")

    drive(room.app(), work)


def test_a_slow_store_does_not_keep_keys_waiting(room):
    archive = room.archive()
    archive.look(mails=True)
    asked = []

    class Slow(type(archive)):
        """The same, from a disk that has to spin up."""

        def look(self, *, mails):
            found = super().look(mails=mails)
            asked.append(time.monotonic())
            if len(asked) > 1:
                time.sleep(5)
            return found

        def run(self, item, working):
            time.sleep(5)
            return super().run(item, working)

    async def work(pilot):
        await see(pilot, "4 series", "1/4")
        began = time.monotonic()
        await pilot.press("down", "down")
        await see(pilot, "3/4")
        await pilot.press("enter")
        await see(pilot, "[1 overview]")
        await pilot.press("pagedown", "2")
        await see(pilot, "reading the mails")
        await pilot.press("q", "slash", "x", "escape")
        await see(pilot, "4 series")
        assert time.monotonic() - began < 4, "keys waited for the store"

    began = time.monotonic()
    drive(room.app(Slow(archive._invocation, str(room.box), days=30, cached=False)), work)
    assert time.monotonic() - began < SECONDS_TO_LEAVE, "who quits does not wait either"


SECONDS_TO_LEAVE = 12


def test_a_new_mail_is_seen_and_the_cursor_stays_with_its_series(room):
    async def work(pilot):
        await see(pilot, "4 series", gone="reading")
        await pilot.press("down")
        await see(pilot, "2/4")
        name = pilot.app.screen.query_one(Page).key
        from mails import mail, patch_body

        room.mails.append(
            mail(
                "[PATCH] KVM: s390: New",
                body=patch_body("arch/s390/kvm/a.c"),
                message_id="new@x.example",
                minute=99,
            )
        )
        room.write()
        await pilot.press("u")
        await see(pilot, "5 series", gone="reading")
        assert pilot.app.screen.query_one(Page).key == name

    drive(room.app(sort="age"), work)


def test_a_place_that_is_gone_is_said(room):
    room.archive().look(mails=True)
    room.box.unlink()

    async def work(pilot):
        await see(pilot, "such file or directory; give an mbox")

    drive(room.app(), work)
