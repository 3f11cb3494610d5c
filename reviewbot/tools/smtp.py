# SPDX-License-Identifier: GPL-2.0-only
"""Hand mails to an SMTP server.  Settings are ours or git's, as ``git send-email`` would use them."""

import contextlib
import os
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from reviewbot.model.config import MailConfig
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools import process, secret

_GIT_TIMEOUT = 10.0
_USUAL_PORT = {"none": 25, "tls": 587, "ssl": 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where and how to send.  ``certificates`` is a file or directory, "" for the system's.

    ``encryption`` is "none", "tls" (STARTTLS, insisted on) or "ssl"; certificates are always
    verified.  ``sender`` is what git would put into From, "" when it says nothing.
    """

    host: str
    port: int
    encryption: str
    user: str
    password: str
    timeout: float
    certificates: str
    sender: str

    @property
    def name(self) -> str:
        """For messages: host and port, nothing secret."""
        return f"{self.host}:{self.port}"


def server(config: MailConfig, home: Path | None) -> Server:
    """The server to use: each setting of ours that is not empty, else git's [sendemail].

    ``home`` is where git finds the user's configuration, None for $HOME.  Raises UserError when none is configured,
    or when a setting makes no sense.
    """
    git = _git_settings(home or Path(os.environ.get("HOME", "/")))
    host = config.server or git.get("sendemail.smtpserver", "")
    if not host:
        raise UserError(
            "no mail server: set mail.server in the configuration, or sendemail.smtpserver in git's"
        )
    if host.startswith(("/", "~")):
        raise UserError(
            f"sendemail.smtpserver is a program ({host}); set mail.server to an SMTP host"
        )
    encryption = config.encryption or _encryption(git)
    if encryption not in _USUAL_PORT:
        raise UserError(f'mail encryption {encryption!r} is unknown; use "tls", "ssl" or "none"')
    return Server(
        host=host,
        port=config.port or _port(git) or _USUAL_PORT[encryption],
        encryption=encryption,
        user=config.user or git.get("sendemail.smtpuser", ""),
        password=_password(config, git),
        timeout=config.timeout,
        certificates=git.get("sendemail.smtpsslcertpath", ""),
        sender=_git_sender(git),
    )


class Answer(StrEnum):
    """What became of one mail."""

    SENT = "sent"
    REFUSED = "refused"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """``why`` is the server's word; ``refused`` are recipients it did not take, with reasons.

    UNCLEAR means that the connection was lost after the text had gone out: the server may have it.
    """

    answer: Answer
    why: str = ""
    refused: tuple[tuple[str, str], ...] = ()


class Session:
    """A connection over which mails can go; made by :func:`connected`."""

    def __init__(self, client: smtplib.SMTP) -> None:
        self._client = client

    def send(self, sender: str, recipients: tuple[str, ...], message: bytes) -> Sent:
        """Send one mail (CRLF line ends).  Never raises for what the server or network does."""
        try:
            refused = self._envelope(sender, recipients)
        except _RejectedError as error:
            return Sent(answer=Answer.REFUSED, why=str(error), refused=error.refused)
        except (smtplib.SMTPException, OSError) as error:
            # Without DATA no server keeps a mail, so this one may be tried again.
            return Sent(answer=Answer.REFUSED, why=_why(error))
        try:
            code, reply = self._client.data(message)
        except smtplib.SMTPDataError as error:
            self._reset()
            return Sent(answer=Answer.REFUSED, why=_why(error), refused=refused)
        except (smtplib.SMTPException, OSError) as error:
            return Sent(answer=Answer.UNCLEAR, why=_why(error), refused=refused)
        if code != 250:
            self._reset()
            answer = Answer.UNCLEAR if code < 400 else Answer.REFUSED
            return Sent(answer=answer, why=_reply(code, reply), refused=refused)
        return Sent(answer=Answer.SENT, refused=refused)

    def _envelope(self, sender: str, recipients: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        """MAIL and RCPT.  Raises _RejectedError when no recipient is left."""
        code, reply = self._client.mail(sender)
        if code != 250:
            self._reset()
            raise _RejectedError(f"sender {sender}: {_reply(code, reply)}")
        refused = []
        for recipient in recipients:
            code, reply = self._client.rcpt(recipient)
            if code not in (250, 251):
                refused.append((recipient, _reply(code, reply)))
        if len(refused) == len(recipients):
            self._reset()
            said = "; ".join(f"{who}: {why}" for who, why in refused)
            raise _RejectedError(f"every recipient was refused: {said}", tuple(refused))
        return tuple(refused)

    def _reset(self) -> None:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            self._client.rset()


class _RejectedError(Exception):
    def __init__(self, why: str, refused: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(why)
        self.refused = refused


@contextlib.contextmanager
def connected(to: Server) -> Iterator[Session]:
    """Connect, encrypt, log in.  Raises InfrastructureError in one line, without the password."""
    try:
        client = _open(to)
    except (smtplib.SMTPException, OSError) as error:
        raise InfrastructureError(f"mail server {to.name}: {_why(error)}") from error
    try:
        yield Session(client)
    finally:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            client.quit()
        client.close()


def _open(to: Server) -> smtplib.SMTP:
    context = _tls(to)
    if to.encryption == "ssl":
        client: smtplib.SMTP = smtplib.SMTP_SSL(
            to.host, to.port, timeout=to.timeout, context=context
        )
    else:
        client = smtplib.SMTP(to.host, to.port, timeout=to.timeout)
    try:
        client.ehlo_or_helo_if_needed()
        if to.encryption == "tls":
            client.starttls(context=context)
            client.ehlo()
        if to.user:
            client.login(to.user, to.password)
    except BaseException:
        client.close()
        raise
    return client


def _tls(to: Server) -> ssl.SSLContext:
    place = Path(to.certificates).expanduser() if to.certificates else None
    if place is None:
        return ssl.create_default_context()
    if not place.exists():
        raise UserError(f"sendemail.smtpsslcertpath: {place} does not exist")
    try:
        if place.is_dir():
            return ssl.create_default_context(capath=str(place))
        return ssl.create_default_context(cafile=str(place))
    except ssl.SSLError as error:
        raise UserError(f"sendemail.smtpsslcertpath: {place} holds no certificates") from error


def _git_settings(home: Path) -> dict[str, str]:
    """The user's [sendemail] and [user], keys in lower case, the last value of each."""
    environment = {"HOME": str(home), "GIT_TERMINAL_PROMPT": "0"}
    done = process.run(
        ["git", "config", "--global", "--null", "--get-regexp", r"^(sendemail|user)\."],
        timeout=_GIT_TIMEOUT,
        cwd="/",
        env=environment,
    )
    if done.returncode == 1 or b"unable to read config file" in done.stderr:
        return {}  # nothing of the kind is configured, or there is no ~/.gitconfig at all
    if not done.ok:
        raise UserError(f"git config cannot be read: {done.complaint()}")
    pairs = (entry.partition("\n") for entry in done.text().split("\0") if entry)
    return {key.lower(): value.strip() for key, _, value in pairs}


def _encryption(git: dict[str, str]) -> str:
    said = git.get("sendemail.smtpencryption", "").lower()
    if not said and git.get("sendemail.smtpssl", git.get("sendemail.smtp-ssl", "")):
        return "ssl"  # the old spelling, git-send-email(1)
    return {"": "none", "starttls": "tls"}.get(said, said)


def _port(git: dict[str, str]) -> int:
    said = git.get("sendemail.smtpserverport", "")
    if said and not said.isdecimal():
        raise UserError(f"sendemail.smtpserverport: {said!r} is no port number")
    return int(said or 0)


def _password(config: MailConfig, git: dict[str, str]) -> str:
    said = secret.read(config.password_file, "mail.password_file")
    return said or git.get("sendemail.smtppass", "")


def _git_sender(git: dict[str, str]) -> str:
    if git.get("sendemail.from"):
        return git["sendemail.from"]
    if git.get("user.email"):
        return f"{git.get('user.name', '')} <{git['user.email']}>"
    return ""


def _why(error: Exception) -> str:
    """One line for people."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return f"{error}; it does not offer what mail.encryption or the login needs"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"login refused ({_reply(error.smtp_code, error.smtp_error)})"
    if isinstance(error, smtplib.SMTPResponseException):
        return _reply(error.smtp_code, error.smtp_error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "no answer in time"  # smtplib hides some time-outs in SMTPServerDisconnected
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "the server closed the connection"
    return " ".join(str(error).split()) or type(error).__name__


def _reply(code: int, text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    clean = "".join(c if c.isprintable() else " " for c in said)
    return f"{code} {' '.join(clean.split())}"[:300]
