# SPDX-License-Identifier: GPL-2.0-only
"""A sweep's mails wait in the outbox: each once, and each in spite of a failure on the way."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from test_sweep_mail import BROKEN, OWNER

from reviewbot.engine import sweep_mail
from reviewbot.model.config import Config
from reviewbot.model.errors import UserError
from reviewbot.tools.nights import Nights
from reviewbot.tools.outbox import Outbox

SETTINGS = replace(OWNER, mode="send")


def enter(place: Path, report=BROKEN) -> list[str]:
    url = f"sqlite:///{place / 'engine.sqlite'}"
    with closing(Nights(place / "nights.sqlite")) as nights:
        return list(sweep_mail.enter(report, SETTINGS, nights, Config(), url))


def waiting(place: Path) -> int:
    with closing(Outbox(f"sqlite:///{place / 'engine.sqlite'}")) as outbox:
        return len(outbox.entries())


def test_each_mail_waits_once(tmp_path: Path) -> None:
    assert len(enter(tmp_path)) == 2
    assert enter(tmp_path) == []
    assert waiting(tmp_path) == 2


def test_one_culprit_on_two_branches_is_written_to_once(tmp_path: Path) -> None:
    enter(tmp_path)
    (tmp_path / "nights.sqlite").unlink()  # as if both had looked before either had marked it
    other = replace(BROKEN, night=replace(BROKEN.night, branch="kvm/next"))
    (line,) = enter(tmp_path, other)
    assert line.startswith("mail to maintainer@example.org")


def test_a_mail_that_the_outbox_could_not_take_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bool:
        raise UserError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(Outbox, "add", full)
        with pytest.raises(UserError):
            enter(tmp_path)
    assert len(enter(tmp_path)) == 2
