# SPDX-License-Identifier: GPL-2.0-only
"""What a person can do with waiting mails, and what compare-and-set promises."""

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reviewbot.cli.main import cli
from reviewbot.model.errors import UserError
from reviewbot.model.mail import Mail
from reviewbot.model.outbox import Entry, EntryState
from reviewbot.model.series import Address
from reviewbot.tools.database import url_of
from reviewbot.tools.outbox import Outbox

LIST = "kvm@vger.kernel.org"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return url_of("", tmp_path / "reviewbot")


def mail(name: str, body: str = "Hello.\n", subject: str = "Re: [PATCH] KVM: x86: Do") -> Mail:
    return Mail(
        sender=None,
        to=(Address(name="Jo", email="jo@example.org"),),
        cc=(Address(name="", email=LIST),),
        subject=subject,
        date="Thu, 15 Jan 2026 12:00:00 +0000",
        message_id=f"{name}@reviewbot.example",
        in_reply_to="patch@example.org",
        references=("patch@example.org",),
        body=body,
    )


def enter(url: str, name: str, state: EntryState = EntryState.HELD, **more: object) -> None:
    body = str(more.pop("body", "Hello.\n"))
    entry = Entry(mail=mail(name, body), inbox=LIST, state=state, **more)  # type: ignore[arg-type]
    with closing(Outbox(url)) as box:
        assert box.add(entry)


def state(url: str, name: str) -> EntryState:
    with closing(Outbox(url)) as box:
        entry = box.get(f"{name}@reviewbot.example")
    assert entry
    return entry.state


def outbox(*words: str) -> Result:
    return CliRunner().invoke(cli, ["outbox", *words])


def test_a_held_mail_is_listed_shown_approved(url: str) -> None:
    enter(url, "one")
    listed = outbox("list").output
    assert listed.startswith("held ")
    assert "one@reviewbot.example  Re: [PATCH] KVM: x86: Do" in listed
    shown = outbox("show", "one").output
    assert "To: Jo <jo@example.org>\n" in shown
    assert shown.endswith("\nHello.\n")
    assert outbox("approve", "one").output == "one@reviewbot.example will be sent\n"
    assert state(url, "one") is EntryState.READY


def test_nothing_changes_when_one_of_several_names_is_wrong(url: str) -> None:
    enter(url, "one")
    assert isinstance(outbox("approve", "one", "two").exception, UserError)
    assert state(url, "one") is EntryState.HELD
    enter(url, "two", EntryState.SENT)
    assert "is sent, not held" in str(outbox("approve", "one", "two").exception)
    assert state(url, "one") is EntryState.HELD


def test_a_dropped_mail_comes_back_only_by_resend(url: str) -> None:
    enter(url, "one", EntryState.READY)
    outbox("drop", "one", "--why", "wrong base")
    assert state(url, "one") is EntryState.DROPPED
    assert "wrong base" in outbox("list", "--all").output
    assert "is dropped, not held" in str(outbox("approve", "one").exception)
    outbox("resend", "one")
    assert state(url, "one") is EntryState.READY


def test_diff_shows_what_changed_since_the_mail_before(url: str) -> None:
    enter(url, "one", EntryState.SENT, body="2 errors\nsame\n", created=100.0)
    enter(url, "two", body="1 error\nsame\n", created=200.0)
    shown = outbox("diff", "two").output
    assert "-2 errors\n+1 error\n same\n" in shown
    assert "is the first mail" in str(outbox("diff", "one").exception)


def test_names_may_be_shortened_but_not_ambiguous(url: str) -> None:
    enter(url, "one")
    enter(url, "once")
    assert "could be" in str(outbox("show", "on").exception)
    assert "no mail 'x'" in str(outbox("show", "x").exception)


def test_control_characters_never_reach_the_terminal(url: str) -> None:
    enter(url, "one", body="\x1b]0;owned\x07 \x1b[31mred\n")
    assert "\x1b" not in outbox("show", "one").output
    assert "\x07" not in outbox("show", "one").output


def test_one_of_many_senders_gets_a_mail(url: str) -> None:
    enter(url, "one", EntryState.READY)
    won: list[bool] = []

    def take() -> None:
        with closing(Outbox(url)) as box:
            name = "one@reviewbot.example"
            won.append(box.move(name, EntryState.SENDING, when=(EntryState.READY,)))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


def test_a_mail_is_entered_once_and_due_in_order(url: str) -> None:
    now = time.time()
    enter(url, "later", EntryState.READY, due=now + 60)
    enter(url, "second", EntryState.READY, due=now - 1)
    enter(url, "first", EntryState.READY, due=now - 2)
    enter(url, "held")
    with closing(Outbox(url)) as box:
        again = Entry(mail=mail("first", "other words\n"), inbox=LIST, state=EntryState.READY)
        assert not box.add(again)
        names = [entry.message_id.partition("@")[0] for entry in box.due(now)]
        assert names == ["first", "second"]
        assert box.sent_since(0) == []
        box.move("first@reviewbot.example", EntryState.SENDING, when=(EntryState.READY,))
        assert [sent.inbox for sent in box.sent_since(now - 1)] == [LIST]


def test_people_and_threads_are_muted_until_they_are_not(url: str) -> None:
    assert outbox("mute", "<Jo@Example.org>").output == "muted <Jo@Example.org>\n"
    outbox("mute", "jo@example.org")
    with closing(Outbox(url)) as box:
        assert box.muted() == {"jo@example.org": "by hand"}
    assert outbox("unmute", "jo@example.org").exit_code == 0
    assert "is not muted here" in str(outbox("unmute", "jo@example.org").exception)
