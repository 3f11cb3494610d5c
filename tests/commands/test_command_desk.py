# SPDX-License-Identifier: GPL-2.0-only
"""From a reply on a list to a job, a muted thread, a statistic, and one answer: once, whatever breaks."""

import email
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import mails
import pytest
import sample_runs
import sqlalchemy as sa
from signing import HEADERS, Key, Zone, nameserver, patatt_sign, rsa_key, sign
from signing import keyring as patatt_keyring
from watching import KVM, Desk

from reviewbot.engine.clerk import Clerk
from reviewbot.engine.commands import PATIENCE_SECONDS, RETRY_SECONDS, Commands
from reviewbot.engine.durable import JobQueue
from reviewbot.model.codec import to_json
from reviewbot.model.command import SubjectKind
from reviewbot.model.config import (
    CommandPolicy,
    CommandsConfig,
    Config,
    ListConfig,
    MailConfig,
    PolicyConfig,
    TreeConfig,
)
from reviewbot.model.job import Done, JobState, JobStatus, Urgency
from reviewbot.model.outbox import Entry, EntryState, Kind
from reviewbot.model.run import Run
from reviewbot.parse.mail import parse_mail
from reviewbot.stages.compose import compose
from reviewbot.tools.database import url_of
from reviewbot.tools.finished import Finished
from reviewbot.tools.outbox import Outbox

SERIES = f"{mails.STAMP}-1-ann@kernel.example"
PATCH = f"{mails.STAMP}-2-ann@kernel.example"
ANN = "ann@kernel.example"
SEAN = "Sean <sean@big.example>"
OTHER = "kvm-private@lists.example.org"
DAY = 86400.0


class Office:
    """Two lists, a clerk and a command desk over one real database, and a nameserver."""

    def __init__(self, place: Path, key: Key, policy: PolicyConfig, **more: object) -> None:
        self.url = url_of("", place / "state")
        self.key = key
        self.zone = Zone()
        for domain in ("kernel.example", "big.example", "evil.example"):
            self.zone.publish(domain, key)
        self._nameserver = nameserver(self.zone)
        address = self._nameserver.__enter__()
        self.desk = Desk(lists=(KVM, OTHER))
        self.queue = JobQueue(self.url)
        self.finished = Finished(self.url)
        self.outbox = Outbox(self.url)
        self.said: list[str] = []
        commands = CommandPolicy(allow=("@big.example",), per_day=int(more.get("per_day", 10)))
        listed = ListConfig(report=policy, commands=commands)
        self.config = Config(
            lists={KVM: listed, OTHER: ListConfig()},
            trees={"linux": TreeConfig(path="/nowhere", refs=("kvm-x86/next", "kvm/next"))},
            mail=MailConfig(sender="KVM reviewbot <bot@example.org>"),
            commands=CommandsConfig(
                nameservers=(address,), dns_timeout=1.0, keyring=str(place / "keys")
            ),
        )
        self.commands = self.hire()
        self.clerk = Clerk(
            self.config,
            ledger=self.desk.ledger,
            queue=self.queue,
            finished=self.finished,
            outbox=self.outbox,
            say=self.say,
            mailed=self.commands.mailed,
            archive_seconds=0,
        )

    def hire(self) -> Commands:
        return Commands(
            self.config,
            ledger=self.desk.ledger,
            queue=self.queue,
            finished=self.finished,
            outbox=self.outbox,
            say=self.say,
            clock=lambda: self.desk.now,
        )

    def say(self, event: str, text: str, **about: object) -> None:
        assert event
        assert about
        self.said.append(text)

    def close(self) -> None:
        self._nameserver.__exit__(None, None, None)
        for each in (self.commands, self.queue, self.finished, self.outbox, self.desk.ledger):
            each.close()

    def post(self) -> JobStatus:
        """A series comes."""
        self.desk.deliver(*mails.series(2))
        self.clerk.schedule()
        (status,) = self.queue.jobs()
        return status

    def report(self, run: Run | None = None, *, sent: bool = True) -> None:
        """The series comes, is reviewed, and the report is sent."""
        status = self.post()
        self.end(status, run or sample_runs.findings())
        for entry in self.outbox.entries((EntryState.HELD, EntryState.READY)) if sent else ():
            self.outbox.move(entry.message_id, EntryState.SENT, when=(entry.state,))

    def end(self, status: JobStatus, run: Run) -> None:
        """A worker has done the job; the clerk decides."""
        assert run.series
        assert run.series.cover
        cover = replace(run.series.cover, message_id=status.job.series)
        patches = tuple(
            replace(p, message_id=f"{p.number}-{status.job.series}") for p in run.series.patches
        )
        about = replace(run, series=replace(run.series, patches=patches, cover=cover))
        self.finished.put(status.job.id, about)
        done = to_json(to_json(Done(run=run.id, verdict="1 error.")).decode()).decode()
        engine = sa.create_engine(self.url)
        with engine.begin() as connection:
            connection.execute(
                sa.text(
                    "UPDATE workflow_status SET status = 'SUCCESS', output = :output"
                    " WHERE workflow_uuid = :job"
                ),
                {"output": done, "job": status.job.id},
            )
        engine.dispose()
        self.clerk.report()

    def reply(self, *lines: str, to: str = KVM, **more: object) -> bytes:
        """A signed mail is delivered, and the desk looks at it; the mail as it was sent."""
        raw = self.written(*lines, **more)
        self.desk.deliver(raw, to=to)
        self.commands.act()
        return raw

    def written(self, *lines: str, **more: object) -> bytes:
        signed = more.pop("signed", HEADERS)
        domain = str(more.pop("domain", ""))
        sender = str(more.setdefault("sender", mails.AUTHOR))
        raw = mails.mail(
            str(more.pop("subject", "Re: [PATCH 1/2] KVM: x86: step 1")),
            body="\n".join(lines) + "\n",
            message_id=str(more.pop("message_id", "r1@kernel.example")),
            parent=str(more.pop("parent", PATCH)),
            to=KVM,
            minute=int(str(more.pop("minute", 30))),
            **more,  # type: ignore[arg-type]
        )
        domain = domain or sender.rpartition("@")[2].strip(">")
        return sign(raw, self.key, domain, signed) if signed else raw  # type: ignore[arg-type]

    def answers(self) -> list[Entry]:
        return [entry for entry in self.outbox.entries() if entry.kind is Kind.ANSWER]

    def answer(self) -> str:
        (entry,) = self.answers()
        return entry.mail.body

    def refusal(self) -> str:
        """Why nothing was done; nothing was, and nobody was answered."""
        assert self.answers() == []
        assert self.outbox.muted() == {}
        return self.said[-1]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return rsa_key(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def office(tmp_path: Path, key: Key, request: pytest.FixtureRequest) -> Iterator[Office]:
    options = dict(getattr(request, "param", {}))
    policy = PolicyConfig(delay_minutes=0, **options.pop("report", {"mode": "send"}))
    with closing(Office(tmp_path, key, policy, **options)) as made:
        yield made


def test_an_author_mutes_his_thread(office: Office) -> None:
    office.report(sent=False)
    office.reply("No, thanks.", "", "#reviewbot mute")
    assert office.outbox.muted() == {SERIES: f"{ANN}, by mail"}
    assert not [e for e in office.outbox.entries((EntryState.READY,)) if e.kind is not Kind.ANSWER]
    (entry,) = office.answers()
    assert entry.state is EntryState.READY
    message = compose(entry.mail)
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["In-Reply-To"] == "<r1@kernel.example>"
    assert PATCH in message["References"]
    assert (message["To"], message["Cc"]) == (mails.AUTHOR, None), "a mute concerns nobody else"
    assert entry.mail.body.startswith("> #reviewbot mute\n\nNo more reports about this series")
    office.reply("#reviewbot unmute", message_id="r2@kernel.example", minute=40)
    assert office.outbox.muted() == {}


def test_anybody_may_say_that_he_wants_no_mail(office: Office) -> None:
    office.post()
    office.reply("#reviewbot mute me", sender="Eve <eve@evil.example>")
    assert set(office.outbox.muted()) == {"eve@evil.example"}
    office.reply("#reviewbot mute", sender="Eve <eve@evil.example>", message_id="r2@e", minute=31)
    assert set(office.outbox.muted()) == {"eve@evil.example"}
    assert "eve@evil.example may not" in office.said[-1]


def test_who_is_allowed_tests_on_a_tree(office: Office) -> None:
    office.report()
    office.reply("#reviewbot test linux kvm/next", sender=SEAN, message_id="r1@big.example")
    job = office.queue.jobs()[0].job
    assert (job.tree, job.base, job.urgency, job.series) == (
        "linux", "kvm/next", Urgency.ASKED, SERIES,
    )  # fmt: skip
    assert job.source == KVM
    (entry,) = office.answers()
    assert "queued for another review on linux, kvm/next" in " ".join(entry.mail.body.split())
    assert [a.email for a in entry.mail.cc] == [KVM], "the list was asked, and may know"


def test_an_author_may_not_spend_machine_time(office: Office) -> None:
    office.report()
    office.reply("#reviewbot test")
    assert office.refusal() == f"not obeyed: {ANN} may not"
    assert len(office.queue.jobs()) == 1
    assert office.zone.asked == 0, "who may not needs no check"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("test windows", "There is no tree of that name; there are linux."),
        ("test linux evil/next", "That is no branch of linux that is followed here."),
        ("test ../x", "that is no name of a tree"),
        ("dance", "there is no such command"),
    ],
)
def test_what_cannot_be_done_is_answered(office: Office, command: str, answer: str) -> None:
    office.post()
    office.reply(f"#reviewbot {command}", sender=SEAN)
    assert answer in " ".join(office.answer().split())
    assert len(office.queue.jobs()) == 1


def test_a_tag_or_a_commit_is_a_base(office: Office) -> None:
    office.post()
    office.reply(
        "#reviewbot test linux v6.18-rc3", "#reviewbot test linux 0123456789ab", sender=SEAN
    )
    bases = {status.job.base for status in office.queue.jobs()}
    assert bases == {"", "v6.18-rc3", "0123456789ab"}
    assert office.answer().count("\n\nv1 is queued") == 2


def test_a_rerun_that_finds_the_same_is_told_to_who_asked(office: Office) -> None:
    office.report()
    reports = len(office.outbox.entries())
    office.reply("#reviewbot rerun", sender=SEAN)
    again = office.queue.jobs()[0]
    office.commands.act()
    assert len(office.answers()) == 1, "nothing to tell yet"
    office.end(again, sample_runs.findings())
    for _ in range(3):
        office.commands.act()
    newest, first = office.answers()
    if "done" not in newest.mail.body:
        newest, first = first, newest
    assert "is done: 1 error." in newest.mail.body
    assert "already reported, with the same result" in " ".join(newest.mail.body.split())
    assert newest.mail.in_reply_to == first.message_id
    assert newest.mail.cc == ()
    assert len(office.outbox.entries()) == reports + 2


def test_a_review_that_was_stopped_is_told(office: Office) -> None:
    office.post()
    office.reply("#reviewbot rerun", sender=SEAN)
    office.desk.deliver(*mails.series(2, tag="PATCH v2", stamp="20260302120000.1", start=600))
    office.clerk.schedule()
    states = {status.state for status in office.queue.jobs() if status.job.revision == 1}
    assert states == {JobState.CANCELLED}
    office.commands.act()
    bodies = [entry.mail.body for entry in office.answers() if entry.state is EntryState.READY]
    assert len(bodies) == 2, "no newer version drops an answer"
    assert any("was stopped" in body for body in bodies)


def test_objections_are_counted_by_rule(office: Office) -> None:
    run = sample_runs.findings()
    assert run.check
    code = run.check.findings[0].code
    office.report(run)
    office.reply(f"#reviewbot invalid {code} the struct", "is not in the UAPI")
    office.reply(
        "#reviewbot invalid KVM-XYZ-999 no", message_id="r2@kernel.example", minute=31, sender=SEAN
    )
    tried = {one.name: one for one in office.commands._statistics.tried()}
    assert (tried[code].series, tried[code].objected, tried[code].by_author) == (1, 1, 1)
    assert {one.name for one in tried.values()} >= {f.code for f in run.check.findings}
    assert sum(one.objected for one in tried.values()) == 1
    ((_, who, reason),) = office.commands._statistics.reasons(SubjectKind.RULE, code)
    assert (who, reason) == (ANN, "the struct is not in the UAPI")
    texts = [" ".join(entry.mail.body.split()) for entry in office.answers()]
    assert any("No finding KVM-XYZ-999 was mailed" in text for text in texts)


def test_what_was_not_sent_cannot_be_wrong(office: Office) -> None:
    run = sample_runs.findings()
    assert run.check
    office.report(run, sent=False)
    office.reply(f"#reviewbot invalid {run.check.findings[0].code} no")
    assert "nothing was reported" in " ".join(office.answer().split())
    assert office.commands._statistics.tried() == ()


def test_failures_of_tests_can_be_unrelated(office: Office) -> None:
    office.report(sample_runs.regression())
    office.reply("#reviewbot unrelated fails since v6.2")
    tests = [one for one in office.commands._statistics.tried() if one.kind is SubjectKind.TEST]
    assert tests
    assert {one.objected for one in tests} == {1}


@pytest.mark.parametrize("office", [{"report": {}}], indirect=True)
def test_answers_are_held_when_reports_are(office: Office) -> None:
    office.post()
    office.reply("#reviewbot help")
    (entry,) = office.answers()
    assert entry.state is EntryState.HELD
    lines = [line for line in entry.mail.body.split("\n") if line.startswith("#reviewbot")]
    assert lines == [], "an answer is no command itself"


@pytest.mark.parametrize(
    "office", [{"report": {"mode": "owner", "owner": "Jo <jo@example.org>"}}], indirect=True
)
def test_answers_go_to_the_owner_when_reports_do(office: Office) -> None:
    office.post()
    office.reply("#reviewbot help")
    (entry,) = office.answers()
    assert [a.email for a in (*entry.mail.to, *entry.mail.cc)] == ["jo@example.org"]


@pytest.mark.parametrize("office", [{"report": {"mode": "off"}}], indirect=True)
def test_a_list_that_is_off_is_deaf(office: Office) -> None:
    office.post()
    office.reply("#reviewbot help")
    assert "policy is off" in office.refusal()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"signed": ()}, "no DKIM signature of kernel.example"),
        ({"domain": "evil.example"}, "no DKIM signature of kernel.example"),
        ({"headers": ["Auto-Submitted: auto-replied"]}, "Auto-Submitted: auto-replied"),
        ({"headers": ["Auto-Submitted : auto-generated"], "signed": ()}, "Auto-Submitted: auto-gen"),
        ({"headers": ["Precedence: bulk"]}, "Precedence: bulk"),
        ({"headers": ["Precedence: junk", "List-Id: <kvm>"]}, "Precedence: junk"),
        ({"headers": ["X-Autoreply: yes"]}, "an automatic reply"),
        ({"headers": ["Return-Path: <>"]}, "a bounce"),
        ({"sender": "MAILER-DAEMON@kernel.example"}, "program's address"),
        ({"sender": f"KVM <{KVM}>", "domain": "vger.kernel.org"}, "sent by a list"),
        ({"sender": "kvm-owner@kernel.example"}, "program's address"),
        ({"sender": "KVM reviewbot <bot@example.org>"}, "our own mail"),
        ({"headers": ["From: Sean <sean@big.example>"]}, "several from headers"),
        ({"headers": ["IN-REPLY-TO: <x@y.example>"]}, "several in-reply-to headers"),
        ({"headers": ["Subject : other"], "signed": ()}, "several subject headers"),
        ({"parent": "stranger@x.example"}, "no series that is known here"),
        ({"signed": (b"from", b"date")}, "neither From nor Subject"),
        ({"signed": (b"from", b"subject", b"in-reply-to")}, "dated more than 7 days ago"),
        (
            {"signed": (b"from", b"subject", b"date"), "subject": "Re: something else"},
            "does not cover what the mail replies to",
        ),
    ],
)  # fmt: skip
def test_what_is_not_obeyed_is_not_answered_either(office: Office, more: dict, why: str) -> None:
    office.post()
    office.reply("#reviewbot mute", **more)
    assert why in office.refusal()


def test_a_delivery_report_is_not_obeyed(office: Office) -> None:
    office.post()
    part = ("--x", "Content-Type: text/plain", "", "#reviewbot mute", "--x--")
    office.reply(*part, headers=["Content-Type: multipart/report; boundary=x"])
    assert "a delivery report" in office.refusal()


def test_a_mail_that_was_changed_by_a_list_is_not_obeyed(office: Office) -> None:
    office.post()
    raw = office.written("#reviewbot mute")
    office.desk.deliver(raw + b"_____________\nlist footer\n")
    office.commands.act()
    assert "does not fit: changed on the way, or forged" in office.refusal()
    office.desk.deliver(raw, to=OTHER)
    office.commands.act()
    assert SERIES in office.outbox.muted(), "the copy of another list is whole"


def test_lists_say_bulk_of_everything(office: Office) -> None:
    office.post()
    office.reply("#reviewbot mute", headers=["Precedence: bulk", "X-Mailing-List: kvm@vger"])
    assert SERIES in office.outbox.muted()


def test_where_the_thread_is_not_signed_the_subject_must_fit(office: Office) -> None:
    """Of the signers of kvm@, amd.com does not cover In-Reply-To and References."""
    office.post()
    office.reply("#reviewbot mute", signed=(b"from", b"subject", b"date"))
    assert SERIES in office.outbox.muted()


def test_an_old_mail_is_not_obeyed(office: Office) -> None:
    office.post()
    raw = office.written("#reviewbot mute")
    office.desk.now += 8 * DAY
    office.desk.deliver(raw)
    office.commands.act()
    assert "dated more than 7 days ago" in office.refusal()


def test_the_same_mail_on_two_lists_is_obeyed_once(office: Office) -> None:
    office.post()
    raw = office.reply("#reviewbot rerun", sender=SEAN)
    office.desk.deliver(raw, to=OTHER)
    office.desk.deliver(b"Received: again\n" + raw)
    office.commands.act()
    assert len(office.queue.jobs()) == 2
    assert len(office.answers()) == 1


def test_a_signed_mail_sent_again_under_another_name_is_not_obeyed(office: Office) -> None:
    """kernel.org does not sign Message-ID."""
    office.post()
    loose = tuple(name for name in HEADERS if name != b"message-id")
    raw = office.written("#reviewbot mute", signed=loose)
    office.desk.deliver(raw)
    office.commands.act()
    office.outbox.unmute(SERIES)
    office.desk.deliver(raw.replace(b"r1@kernel.example", b"r2@kernel.example"))
    office.commands.act()
    assert office.outbox.muted() == {}
    assert "done before" in office.said[-1]
    assert len(office.answers()) == 1


def test_a_crash_at_any_point_does_it_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.post()
    office.desk.deliver(office.written("#reviewbot rerun", "#reviewbot mute", sender=SEAN))

    class Killed(BaseException):
        pass

    for name, place in (
        ("claim", office.commands._log),
        ("add", office.queue),
        ("add", office.outbox),
        ("settle", office.commands._log),
        ("take", office.desk.ledger.requests),
    ):
        for late in (False, True):
            real = getattr(place, name)

            def dies(*words, real=real, late=late, **named):
                if late:
                    real(*words, **named)
                raise Killed

            with monkeypatch.context() as patch:
                patch.setattr(place, name, dies)
                with suppress(Killed):
                    office.commands.act()
    office.commands.act()
    assert len(office.queue.jobs()) == 2
    assert len(office.answers()) == 1
    assert set(office.outbox.muted()) == {SERIES}
    assert office.desk.ledger.requests.untaken(office.desk.now + DAY) == []
    assert len(office.commands._log.all()) == 2


def test_a_nameserver_that_fails_means_later(office: Office) -> None:
    office.post()
    office.zone.broken = True
    office.reply("#reviewbot mute")
    assert "tried again later" in office.refusal()
    office.zone.broken = False
    office.commands.act()
    assert office.outbox.muted() == {}, "not at once"
    office.desk.now += RETRY_SECONDS + 1
    office.commands.act()
    assert SERIES in office.outbox.muted()


def test_a_nameserver_that_fails_does_not_hold_up_the_bot(office: Office) -> None:
    office.post()
    office.zone.broken = True
    for number in range(6):
        name = f"r{number}@kernel.example"
        office.desk.deliver(office.written("#reviewbot help", message_id=name, minute=31 + number))
    office.zone.asked = 0
    assert office.commands.act() == 0
    assert len(office.desk.ledger.requests.untaken(office.desk.now)) == 3, "three were tried"
    office.zone.broken = False
    assert office.commands.act() == 3
    office.desk.now += RETRY_SECONDS + 1
    assert office.commands.act() == 3
    assert len(office.answers()) == 6


def test_a_nameserver_that_fails_for_days_means_no(office: Office) -> None:
    office.post()
    office.zone.broken = True
    office.reply("#reviewbot mute")
    office.desk.now += PATIENCE_SECONDS + 1
    office.commands.act()
    assert "not obeyed: no nameserver answers" in office.refusal()
    assert office.desk.ledger.requests.untaken(office.desk.now + DAY) == []


@pytest.mark.parametrize("office", [{"per_day": 2}], indirect=True)
def test_nobody_commands_all_day(office: Office) -> None:
    office.post()
    for number in range(4):
        office.reply("#reviewbot help", message_id=f"r{number}@kernel.example", minute=31 + number)
    assert len(office.answers()) == 2
    office.desk.now += DAY
    later = office.written("#reviewbot help", message_id="r9@kernel.example", minute=50)
    office.desk.deliver(later)
    office.commands.act()
    assert len(office.answers()) == 3


@pytest.mark.parametrize("office", [{"per_day": 0}], indirect=True)
def test_commands_can_be_switched_off(office: Office) -> None:
    office.post()
    office.reply("#reviewbot mute me")
    assert "may not" in office.refusal()


def test_a_private_reply_to_our_report_is_not_answered_in_public(office: Office) -> None:
    run = sample_runs.findings()
    assert run.check
    office.report(run)
    ours = office.outbox.entries(series=SERIES)[0].message_id
    raw = mails.mail(
        "Re: [PATCH 0/2] KVM: x86: do things",
        body=f"#reviewbot invalid {run.check.findings[0].code} no\n",
        message_id="r1@kernel.example",
        parent=ours,
        to="bot@example.org",
        minute=30,
    )
    office.desk.deliver(sign(raw, office.key, "kernel.example"), to=OTHER)
    office.commands.act()
    (entry,) = office.answers()
    assert (entry.inbox, entry.mail.cc) == (KVM, ())
    assert "Noted" in entry.mail.body


def test_patatt_is_as_good(office: Office, tmp_path: Path) -> None:
    office.post()
    own = patatt_keyring(tmp_path / "keys", ANN)
    raw = patatt_sign(office.written("#reviewbot mute", signed=()), own, ANN)
    office.desk.now = time.time()
    office.desk.deliver(raw)
    office.commands.act()
    assert SERIES in office.outbox.muted()
    assert "(patatt)" in office.said[-1]


def test_hostile_mails_end_nothing(office: Office) -> None:
    office.post()
    for number, body in enumerate(
        (b"#reviewbot invalid KVM-ABI-001 \xff\xfe\x00", b"#reviewbot test \x1b]0;x\x07 y", b"#reviewbot " * 90_000)
    ):  # fmt: skip
        raw = office.written("x", message_id=f"h{number}@kernel.example", signed=())
        office.desk.deliver(raw.replace(b"\n\nx\n", b"\n\n" + body + b"\n"))
    big = office.written("#reviewbot mute", "x" * 600_000, message_id="h9@kernel.example")
    office.desk.deliver(big)
    office.commands.act()
    assert office.desk.ledger.requests.untaken(office.desk.now + DAY) == []
    assert office.answers() == []
    assert office.outbox.muted() == {}


def test_the_ledger_forgets_the_text_when_it_is_done(office: Office) -> None:
    office.post()
    office.reply("#reviewbot mute")
    rows = office.desk.ledger._database.execute("SELECT length(raw), outcome FROM requests")
    assert rows.fetchall() == [
        (0, "done for ann@kernel.example (DKIM of kernel.example): #reviewbot mute")
    ]


def test_answers_do_not_answer_themselves(office: Office) -> None:
    office.post()
    office.reply("#reviewbot help")
    (entry,) = office.answers()
    message = compose(entry.mail, parse_mail(b"From: bot@example.org\n\n").sender)
    raw = email.message_from_bytes(message.as_bytes())
    office.desk.deliver(raw.as_bytes())
    office.commands.act()
    assert len(office.answers()) == 1
