# SPDX-License-Identifier: GPL-2.0-only
"""Delivery against real SMTP servers: what arrives, what is said, and that nothing arrives twice."""

import email
import email.policy
import shutil
from contextlib import closing
from dataclasses import replace

import pytest
import sample_runs
from mail_servers import PASSWORD, USER, Keeper, Script, certificate, free_port, serving

from reviewbot.model.config import MailConfig
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.outbox import Entry, EntryState
from reviewbot.stages import deliver, report
from reviewbot.tools import smtp
from reviewbot.tools.database import url_of
from reviewbot.tools.outbox import Outbox

SENDER = "KVM reviewbot <bot@example.org>"
AUTHOR, LIST = "jmattson@google.com", "kvm@vger.kernel.org"


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command (Debian package openssl)")
    return certificate(tmp_path_factory.mktemp("tls"))


class Desk:
    """Someone with a home directory, a state directory and mails to send."""

    def __init__(self, tools, tmp_path, mails):
        self.tools, self.mails = tools, mails
        self.home = tmp_path / "home"
        self.database = url_of("", tmp_path / "state")
        self.home.mkdir()
        self.said: list[str] = []

    def enter(self, mail, state):
        with closing(Outbox(self.database)) as box:
            assert box.add(Entry(mail=mail, inbox="kvm@vger.kernel.org", state=state))

    def move(self, mail, state):
        with closing(Outbox(self.database)) as box:
            assert box.move(mail.message_id, state, when=(EntryState.SENDING,))

    def state_of(self, mail):
        with closing(Outbox(self.database)) as box:
            return box.get(mail.message_id).state

    def git(self, **settings):
        lines = [f"\t{key} = {value}\n" for key, value in settings.items()]
        (self.home / ".gitconfig").write_text("[sendemail]\n" + "".join(lines))

    def send(self, mails=None, **settings):
        mail = MailConfig(**({"sender": SENDER, "timeout": 5.0} | settings))
        tools = replace(
            self.tools,
            config=replace(self.tools.config, mail=mail),
            progress=lambda _, message: self.said.append(message),
        )
        request = deliver.DeliverRequest(
            mails=self.mails if mails is None else mails, database=self.database, home=self.home
        )
        return deliver.run(request, tools)


@pytest.fixture
def desk(tools, tmp_path, settings):
    return Desk(tools, tmp_path, report.mails(sample_runs.findings(), settings))


def test_mails_arrive_as_they_were_shown(desk):
    keeper = Keeper()
    with serving(keeper) as port:
        done = desk.send(server="127.0.0.1", port=port)
    assert done.sent == tuple(mail.message_id for mail in desk.mails)
    sender, people, raw = keeper.mails[1]
    assert (sender, people) == ("bot@example.org", [AUTHOR, LIST])
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert message["From"] == SENDER
    assert message["Message-ID"] == f"<{desk.mails[1].message_id}>"
    assert message.get_content().replace("\r\n", "\n") == desk.mails[1].body


def test_a_second_run_sends_nothing_again(desk):
    keeper = Keeper()
    with serving(keeper) as port:
        desk.send(server="127.0.0.1", port=port)
        again = desk.send(server="127.0.0.1", port=port)
    assert again.sent == ()
    assert len(again.before) == len(keeper.mails) == 3


def test_starttls_with_a_login(desk, tls):
    cert, context = tls
    desk.git(smtpsslcertpath=cert)
    keeper = Keeper()
    with serving(keeper, tls=context, login=True) as port:
        secret = desk.home / "password"
        secret.write_text(PASSWORD + "\n")
        desk.send(
            server="localhost", port=port, encryption="tls", user=USER, password_file=str(secret)
        )
    assert len(keeper.mails) == 3


def test_ssl_from_the_first_byte_with_everything_from_git(desk, tls):
    cert, context = tls
    keeper = Keeper()
    with serving(keeper, ssl_context=context) as port:
        desk.git(
            smtpserver="localhost",
            smtpserverport=port,
            smtpencryption="ssl",
            smtpsslcertpath=cert,
            **{"from": "Git Person <git@example.org>"},
        )
        desk.send(sender="")
    assert keeper.mails[0][0] == "git@example.org"


@pytest.mark.parametrize("encryption", ["tls", "ssl"])
def test_a_certificate_nobody_vouches_for_is_refused(desk, tls, encryption):
    _, context = tls
    keeper = Keeper()
    kind = {"tls": context} if encryption == "tls" else {"ssl_context": context}
    with (
        serving(keeper, **kind) as port,
        pytest.raises(InfrastructureError, match="certificate not trusted"),
    ):
        desk.send(server="localhost", port=port, encryption=encryption)
    assert keeper.mails == []


def test_a_certificate_for_another_host_is_refused(desk, tmp_path):
    cert, context = certificate(tmp_path, "elsewhere.example.org")
    desk.git(smtpsslcertpath=cert)
    with (
        serving(Keeper(), tls=context) as port,
        pytest.raises(InfrastructureError, match="certificate not trusted"),
    ):
        desk.send(server="localhost", port=port, encryption="tls")


def test_no_mail_goes_out_in_clear_when_starttls_was_asked_for(desk):
    keeper = Keeper()
    with serving(keeper) as port, pytest.raises(InfrastructureError, match="STARTTLS"):
        desk.send(server="127.0.0.1", port=port, encryption="tls")
    assert keeper.mails == []


def test_a_wrong_password_is_one_line_without_the_password(desk, tls):
    cert, context = tls
    desk.git(smtpsslcertpath=cert, smtpuser=USER, smtppass="wrong-guess")
    with (
        serving(Keeper(), tls=context, login=True) as port,
        pytest.raises(InfrastructureError, match="login refused") as caught,
    ):
        desk.send(server="localhost", port=port, encryption="tls")
    assert "wrong-guess" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ({"MAIL": "550 not you"}, "550 not you"),
        ({"DATA": "554 looks like spam"}, "554 looks like spam"),
        ({"DATA": "451 try later"}, "451 try later"),
        ({AUTHOR: "550 unknown", LIST: "450 busy"}, "every recipient was refused"),
    ],
)
def test_a_refused_mail_is_reported_and_may_be_tried_again(desk, replies, said):
    with serving(Keeper(replies)) as port, pytest.raises(InfrastructureError, match=said) as caught:
        desk.send(server="127.0.0.1", port=port)
    assert "\n" not in str(caught.value)
    keeper = Keeper()
    with serving(keeper) as port:
        desk.send(server="127.0.0.1", port=port)
    assert len(keeper.mails) == 3


def test_one_refused_recipient_does_not_stop_the_others(desk):
    keeper = Keeper({AUTHOR: "550 5.1.1 no such user"})
    with serving(keeper) as port:
        done = desk.send(server="127.0.0.1", port=port)
    assert len(done.sent) == 3
    assert keeper.mails[0][1] == [LIST]
    assert any("did not take jmattson@google.com: 550" in line for line in desk.said)


BROKEN_OFF = ["220 hello", "250 hello", "250 sender", "250 rcpt", "250 rcpt", "354 go on"]


def test_a_connection_lost_after_the_text_is_reported_and_never_repeated(desk):
    first = desk.mails[:1]
    with (
        Script(BROKEN_OFF, "read the text and hang up") as port,
        pytest.raises(InfrastructureError, match="may have it"),
    ):
        desk.send(first, server="127.0.0.1", port=port)
    keeper = Keeper()
    with serving(keeper) as port:
        with pytest.raises(InfrastructureError, match="not sent again") as caught:
            desk.send(server="127.0.0.1", port=port)
        assert len(keeper.mails) == 2, "the other mails go out all the same"
        assert "reviewbot outbox resend" in str(caught.value)
        desk.move(first[0], EntryState.READY)
        desk.send(server="127.0.0.1", port=port)
    assert len(keeper.mails) == 3


def test_a_connection_lost_before_the_text_may_be_tried_again(desk):
    with Script(["220 hello", "250 hello"], "hang up") as port, pytest.raises(InfrastructureError):
        desk.send(server="127.0.0.1", port=port)
    assert {desk.state_of(mail) for mail in desk.mails} == {EntryState.READY}


def test_being_killed_while_sending_counts_as_unclear(desk):
    desk.enter(desk.mails[0], EntryState.SENDING)
    with serving(Keeper()) as port, pytest.raises(InfrastructureError, match="interrupted"):
        desk.send(server="127.0.0.1", port=port)


def test_what_waits_for_approval_is_sent_when_a_person_sends_it(desk):
    desk.enter(desk.mails[0], EntryState.HELD)
    desk.enter(desk.mails[1], EntryState.DROPPED)
    keeper = Keeper()
    with serving(keeper) as port:
        assert len(desk.send(server="127.0.0.1", port=port).sent) == 3
    assert {desk.state_of(mail) for mail in desk.mails} == {EntryState.SENT}


def test_a_silent_server_is_given_up(desk):
    with Script([], "say nothing") as port, pytest.raises(InfrastructureError, match="no answer"):
        desk.send(server="127.0.0.1", port=port, timeout=0.3)


def test_nobody_listening(desk):
    port = free_port()
    with pytest.raises(InfrastructureError, match=f"127.0.0.1:{port}: .*refused") as caught:
        desk.send(server="127.0.0.1", port=port)
    assert "\n" not in str(caught.value)


def test_without_a_server_or_sender_nothing_is_tried(desk, tmp_path):
    with pytest.raises(UserError, match="no mail server"):
        desk.send()
    with pytest.raises(UserError, match="no From address"):
        desk.send(sender="", server="127.0.0.1")
    with pytest.raises(UserError, match="no sender's address"):
        desk.send(sender="not an address", server="127.0.0.1")
    assert not (tmp_path / "state").exists()


def test_nothing_to_send_needs_no_server(desk):
    assert desk.send(mails=()).sent == ()
    assert "nothing to send" in desk.said[0]


@pytest.mark.parametrize(
    ("git", "ours", "wanted"),
    [
        ({"smtpserver": "h"}, {}, ("h", 25, "none")),
        ({"smtpserver": "h", "smtpencryption": "tls"}, {}, ("h", 587, "tls")),
        ({"smtpserver": "h", "smtpencryption": "starttls"}, {}, ("h", 587, "tls")),
        ({"smtpserver": "h", "smtpssl": "1"}, {}, ("h", 465, "ssl")),
        ({"smtpserver": "h", "smtpserverport": "2525"}, {}, ("h", 2525, "none")),
        (
            {"smtpserver": "h", "smtpserverport": "2525"},
            {"server": "o", "port": 26},
            ("o", 26, "none"),
        ),
        ({"smtpserver": "h", "smtpencryption": "tls"}, {"encryption": "ssl"}, ("h", 465, "ssl")),
    ],
)
def test_our_settings_win_over_gits(desk, git, ours, wanted):
    desk.git(**git)
    found = smtp.server(MailConfig(**ours), desk.home)
    assert (found.host, found.port, found.encryption) == wanted


@pytest.mark.parametrize(
    ("git", "ours", "said"),
    [
        ({"smtpserver": "/usr/sbin/sendmail"}, {}, "is a program"),
        ({"smtpserver": "h", "smtpserverport": "smtp"}, {}, "is no port number"),
        ({"smtpserver": "h", "smtpencryption": "rot13"}, {}, "'rot13' is unknown"),
        ({"smtpserver": "h"}, {"password_file": "/nonexistent"}, "password_file"),
    ],
)
def test_settings_that_make_no_sense_are_user_errors(desk, git, ours, said):
    desk.git(**git)
    with pytest.raises(UserError, match=said):
        smtp.server(MailConfig(**ours), desk.home)


def test_a_broken_git_configuration_is_a_user_error(desk):
    (desk.home / ".gitconfig").write_text("[sendemail\n")
    with pytest.raises(UserError, match="git config cannot be read"):
        smtp.server(MailConfig(server="h"), desk.home)
