# SPDX-License-Identifier: GPL-2.0-only
"""What the screen shows, without a screen: pure functions."""

from dataclasses import replace

import pytest
import sample_runs
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style
from test_hostile_text import poisoned

from reviewbot.model.errors import UserError
from reviewbot.model.job import Job, JobState, JobStatus
from reviewbot.model.run import Stage, StageTime
from reviewbot.parse.until import moment_of
from reviewbot.screen import keys, logs, patch, progress
from reviewbot.screen.actions import SeriesActions
from reviewbot.screen.asked import Shot
from reviewbot.screen.lines import Lazy, line
from reviewbot.screen.list_screen import ListScreen
from reviewbot.screen.series_screen import SeriesScreen
from reviewbot.screen.widgets import Page, strip_of
from reviewbot.stages.tally import tally

EVIL = "\x1b]52;c;cm0=\x07[red]x[/] \u202e\t\u4e2d\r\n\x9b2J\u0301"


@given(st.text())
def test_any_text_becomes_one_printable_line(text):
    made = line(text)
    assert made.text.isprintable()
    assert strip_of(made, 0, 30, Style.null()).cell_length == 30


def test_every_line_of_a_hostile_series_is_printable():
    run = poisoned(EVIL)
    assert run.series
    shown = [*logs.menu(logs.logs(run)), *progress.stages(run, 0.0, working=False)]
    for one in run.series.patches:
        shown += patch.patch(run, tally(run), one, 80)
    assert shown
    assert all(text.text.isprintable() for text in shown)


def test_a_finding_stands_below_its_line_and_general_ones_on_top():
    run = sample_runs.findings()
    assert run.series
    shown = patch.patch(run, tally(run), run.series.patches[5], 80)
    texts = [one.text for one in shown]
    (at,) = [at for at, text in enumerate(texts) if "BIT() in a UAPI header" in text]
    assert texts[at - 1].startswith("+#define KVM_STATE_SVM_VALID_GPAT")
    assert shown[at].stop
    assert all(one.text.startswith("  | ") for one in shown[at : at + 2])


def test_what_is_said_of_the_whole_series_stands_in_the_cover_letter_or_the_first_patch():
    run = sample_runs.findings()
    assert run.series
    assert run.check
    general = replace(run.check.findings[0], patch=0, location=None, title="the base is not named")
    run = replace(run, check=replace(run.check, findings=(general,)))
    shown = patch.cover(run, tally(run), run.series, 80)
    assert next(one.text for one in shown if one.stop).startswith(
        "  | ERROR: the base is not named"
    )
    bare = replace(run, series=replace(run.series, cover=None))
    assert patch.cover(bare, tally(bare), bare.series, 80) == ()
    first, second = (patch.patch(bare, tally(bare), one, 80) for one in bare.series.patches[:2])
    assert any("the base is not named" in one.text for one in first)
    assert not any("the base is not named" in one.text for one in second)


def test_a_very_long_patch_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr(patch, "LINES", 5)
    run = sample_runs.findings()
    assert run.series
    shown = patch.patch(run, tally(run), run.series.patches[7], 80)
    assert shown[-1].text.startswith("[...] more than 5 lines: read the mail ")


def test_logs_name_what_was_kept_and_what_went_wrong():
    run = sample_runs.build_error()
    assert run.build
    built = tuple(replace(one, log="0" * 64) for one in run.build.patches)
    found = logs.logs(replace(run, build=replace(run.build, patches=built)))
    assert any(one.bad and "new compiler messages" in one.title for one in found)
    assert sum(one.digest != "" for one in found) == len(built)
    assert [one.key for one in logs.menu(found)] == [str(at) for at in range(len(found))]


def test_the_end_of_a_huge_log_is_shown(monkeypatch):
    monkeypatch.setattr(logs, "BYTES", 1 << 20)
    shown = logs.opened(b"begin\n" + b"x\n" * (2 << 20) + b"a.c:1: error: no\n")
    assert shown[0].text.startswith("[...] the last 1 MiB of 4")
    assert shown[-1].stop


def test_lines_are_made_when_they_are_looked_at():
    made = []

    def make(at):
        made.append(at)
        return line(str(at))

    many = Lazy(10_000_000, make)
    assert many[9_999_999].text == "9999999"
    assert [one.text for one in many[5:7]] == ["5", "6"]
    assert made == [9_999_999, 5, 6]


def test_stages_say_what_is_done_what_goes_on_and_what_is_left_out():
    whole = sample_runs.clean()
    begun = replace(whole, verdict=None, times=(StageTime(stage=Stage.FETCH, seconds=2.0),), started="2026-01-16T10:15:00+00:00")  # fmt: skip
    now = 1768558500.0 + 75
    shown = [one.text for one in progress.stages(begun, now, working=True)]
    assert shown[0] == f"Review {begun.id}, at work for 1:15"
    assert shown[1] == "  fetch    2.0 s"
    assert shown[2] == "  base     at work, 1:13"
    cut = [one.text for one in progress.stages(begun, now, working=False)]
    assert "cut off before its end" in cut[0]
    assert not any("at work" in one for one in cut)
    left = replace(
        begun, skipped=((Stage.BUILD, "--until check"),), failures=((Stage.CHECK, "no\x1b"),)
    )
    shown = [one.text for one in progress.stages(left, now, working=True)]
    assert "  build    not: --until check" in shown
    assert "  check    failed: no\\x1b" in shown


def test_what_happens_to_a_series_is_one_word():
    job = JobStatus(job=Job(series="a@x", source="asked"), state=JobState.RUNNING, queued=1.0)
    waits = replace(job, job=Job(series="b@x", source="asked"), state=JobState.QUEUED)
    own = {"c@x": ("    0.1s fetch   x", "   12.3s build   patch 2 of 4", "what the compiler says")}
    shot = Shot(working={"d@x": "run"})
    assert progress.doing(shot, (job, waits), own) == {
        "a@x": "reviewing",
        "b@x": "queued",
        "c@x": "build",
        "d@x": "reviewing",
    }
    assert progress.stage_of(()) == "starting"
    assert "Worker" in progress.job(job, 62.0)[0].text
    assert "Waits for a worker (queued), 1:01" in progress.job(waits, 62.0)[0].text


@pytest.mark.parametrize("width", [20, 80, 200])
def test_the_keys_at_the_bottom_fit(width):
    for some in (keys.LIST, keys.SERIES):
        shown = keys.bar(some, "1234/5678", width).text
        assert len(shown) <= width
        if width >= 80:
            assert "?:keys" in keys.bar(some, "12/34", width).text


def test_every_key_is_described():
    text = "\n".join(one.text for one in keys.every())
    spelt = {"slash": "/", "question_mark": "?", "left_square_bracket": "[", "right_square_bracket": "]", "enter": "Enter", "escape": "Escape", "space": "space", "pagedown": "PgDn", "pageup": "PgUp", "home": "Home", "end": "End", "tab": "Tab"}  # fmt: skip
    for where in (SeriesActions, ListScreen, SeriesScreen, Page):
        for one in where.BINDINGS:
            for key in one.key.split(","):
                if not key.startswith(("ctrl+", "shift+")):
                    assert spelt.get(key, key) in text.split() or key in ("up", "down", "left", "right"), key  # fmt: skip
    assert all(len(one.text) <= 80 for one in keys.every())


def test_until_when():
    assert moment_of("2w", 0.0) == 14 * 86400
    assert moment_of("0", 5.0) == 0
    for wrong in ("soon", "2001-01-01", "9999-99-99", ""):
        with pytest.raises(UserError):
            moment_of(wrong, 1e9)
