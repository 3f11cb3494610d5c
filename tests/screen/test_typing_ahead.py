# SPDX-License-Identifier: GPL-2.0-only
"""What is typed faster than screens open goes to the screen that opens."""

import pytest
from rooms import drive, see
from textual import events

from reviewbot.screen.list_screen import ListScreen
from reviewbot.screen.series_screen import SeriesScreen

LETTERS = {"slash": "/", "enter": "\r", "tab": "\t", "escape": None, "colon": ":"}


def at_once(pilot, *names):
    """Keys as a terminal sends them when they are typed within a moment."""
    for name in names:
        pilot.app.post_message(events.Key(name, LETTERS.get(name, name)))


@pytest.mark.parametrize("keys", ["2f", "f", "j1jf"])
def test_keys_after_enter_are_for_the_series_that_opens(room, keys):
    async def work(pilot):
        await see(pilot, "4 series", "1/4", gone="reading")
        at_once(pilot, "G", "enter", *keys)
        await see(pilot, "[2 patch 4/8]", "| ERROR: read of IA32_PAT bypasses the MSR filter")
        assert isinstance(pilot.app.screen, SeriesScreen)
        await pilot.press("q")
        await see(pilot, "4/4")

    drive(room.app(), work)


def test_the_whole_way_there_and_back_typed_at_once(room):
    async def work(pilot):
        await see(pilot, "4 series", "1/4", gone="reading")
        at_once(pilot, "enter", "j", "q", "j", "enter", "q", "j")
        await see(pilot, "3/4")
        assert isinstance(pilot.app.screen, ListScreen)

    drive(room.app(), work)


def test_words_typed_at_once_behind_the_slash_are_the_filter(room):
    async def work(pilot):
        await see(pilot, "4 series", gone="reading")
        at_once(pilot, "slash", *"area", "colon", *"arm64", "enter", "enter")
        await see(pilot, "[1 overview]", "Drop it")
        await pilot.press("q")
        await see(pilot, "area:arm64 | by rank | 1 series")

    drive(room.app(), work)


def test_a_choice_typed_at_once(room):
    async def work(pilot):
        await see(pilot, "4 series", gone="reading")
        at_once(pilot, "s", "j", "enter", "j")
        await see(pilot, "by age", "2/4")

    drive(room.app(), work)


def test_ctrl_c_waits_for_no_key(room):
    async def work(pilot):
        await see(pilot, "4 series", gone="reading")
        at_once(pilot, *("enter", "q") * 200)
        pilot.app.post_message(events.Key("ctrl+c", None))
        for _ in range(100):  # a busy machine takes its time
            if not pilot.app.is_running:
                break
            await pilot.pause(0.1)
        assert not pilot.app.is_running

    drive(room.app(), work)
