# SPDX-License-Identifier: GPL-2.0-only
"""What the bot, its workers and its sender say: one line a thing, whatever a mail is called."""

import io
import json
import logging
from pathlib import Path

from reviewbot.cli.log import Form, Log
from reviewbot.model.say import Level

HOSTILE = 'a"b\x1b]52;c;aGk=\x07\r\n{"level":"error"}\u2028\u202e\x00\ud800é'


def said(form: Form, *arguments: str, **about) -> str:
    stream = io.StringIO()
    Log("bot", form, stream=stream, clock=lambda: 1_772_366_400.25)(*arguments, **about)
    return stream.getvalue()


def test_json_is_one_object_a_line_in_ascii() -> None:
    line = said(Form.JSON, "queued", HOSTILE, job=HOSTILE, series="s@x", list="", seconds=1.5)
    assert line.isascii()
    assert line.splitlines() == [line[:-1]]
    row = json.loads(line)
    assert "\x1b" not in row["text"]
    assert "\\x1b" in row["text"]
    assert "\u202e" not in row["job"]
    del row["text"], row["job"]
    assert row == {
        "time": "2026-03-01T12:00:00.250+00:00",
        "level": "info",
        "component": "bot",
        "event": "queued",
        "series": "s@x",
        "seconds": 1.5,
    }


def test_lines_for_people_name_what_they_are_about_once() -> None:
    assert said(Form.TEXT, "queued", "queued, v1", job="kvm/x") == "kvm/x: queued, v1\n"
    assert said(Form.TEXT, "unclear", "x@y: broke off", mail="x@y") == "x@y: broke off\n"
    assert said(Form.TEXT, "failed", "no database", level=Level.ERROR) == "reviewbot: no database\n"
    hostile = said(Form.TEXT, "queued", HOSTILE, job=HOSTILE)
    assert hostile.count("\n") == 1
    assert "\x1b" not in hostile


def test_a_subject_of_a_megabyte_is_cut() -> None:
    assert len(said(Form.JSON, "queued", "x" * 1_000_000)) < 3000
    assert len(said(Form.TEXT, "queued", "\x1b" * 1_000_000)) < 3000


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    Log("bot", stream=stream)("queued", "text")
    with Path("/dev/full").open("wb", buffering=0) as device:
        full = io.TextIOWrapper(device, write_through=True)
        Log("bot", stream=full)("queued", "text")
        full.detach()


def test_what_libraries_log_is_a_line_of_ours() -> None:
    stream = io.StringIO()
    root, library = logging.getLogger(), logging.getLogger("dbos")
    before = root.handlers[:], root.level, library.handlers[:], library.propagate
    try:
        Log("worker", Form.JSON, stream=stream).take_over()
        library.warning("Queue %s was\x1b[31m lost", "review")
        logging.getLogger("urllib3").error("first\nsecond")
        library.info("chatter")
        rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    finally:
        logging.captureWarnings(capture=False)
        root.handlers, root.level, library.handlers, library.propagate = before
    assert [(row["level"], row["logger"], row["event"]) for row in rows] == [
        ("warning", "dbos", "library"),
        ("error", "urllib3", "library"),
    ]
    assert rows[0]["text"] == "Queue review was\\x1b[31m lost"
    assert rows[1]["text"] == "first second"
