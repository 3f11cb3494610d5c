# SPDX-License-Identifier: GPL-2.0-only
"""Mail -> bytes, and mails -> mbox.  Pure.

The standard library's email package does the encoding; what it would refuse or mangle (line breaks
in headers, surrogates, long message-ids) is taken out before.
"""

import re
import textwrap
from email.generator import BytesGenerator
from email.headerregistry import Address as Mailbox
from email.headerregistry import BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import EmailPolicy, Policy
from email.utils import parsedate_to_datetime
from io import BytesIO

from reviewbot.model.mail import Mail
from reviewbot.model.series import Address
from reviewbot.stages.printable import one_line, printable
from reviewbot.stages.recipients import is_mailbox

PLACEHOLDER = Address(name="reviewbot", email="reviewbot@localhost.localdomain")
"""From of a mail that is shown but not sent, when no sender is configured."""

_LONGEST_LINE = 998  # octets, RFC 5322 2.1.1
_IDENTIFIER = re.compile(r"[!-;=?-~]{1,200}")
_FROM_LINE = re.compile(rb"^(>*From )", re.MULTILINE)


class _Identifiers(UnstructuredHeader, BaseHeader):
    """Message-ids, one a line: the default would turn a long one into an encoded word."""

    def fold(self, *, policy: Policy) -> str:
        """One line for each word, whatever its length."""
        return f"{self.name}: " + f"{policy.linesep} ".join(self.split()) + policy.linesep


class _Subject(UnstructuredHeader, BaseHeader):
    """A subject folded between words: the default leaves the first line of a long one empty."""

    def fold(self, *, policy: Policy) -> str:
        """ASCII is folded here; the rest needs encoded words, which the library knows to make."""
        if not self.isascii():
            return super().fold(policy=policy)
        lines = textwrap.wrap(
            f"{self.name}: {self}", 78, break_long_words=False, break_on_hyphens=False
        )
        return f"{policy.linesep} ".join(lines) + policy.linesep


def _policy(linesep: str) -> "EmailPolicy[EmailMessage]":
    headers = HeaderRegistry()
    for name in ("message-id", "in-reply-to", "references"):
        headers.map_to_type(name, _Identifiers)
    headers.map_to_type("subject", _Subject)
    return EmailPolicy(header_factory=headers, linesep=linesep, max_line_length=78, cte_type="7bit")


def is_identifier(text: str) -> bool:
    """True when a message-id (without brackets) can stand in a header as it is."""
    return bool(_IDENTIFIER.fullmatch(text)) and "@" in text


def compose(mail: Mail, sender: Address | None = None) -> EmailMessage:
    """The message, ready to be flattened.  ``sender`` is taken when the mail names none.

    Bodies that are not plain ASCII, or have lines longer than mail allows, are quoted-printable:
    right on every server, with or without 8BITMIME.
    """
    message = EmailMessage(policy=_policy("\r\n"))
    message["From"] = _mailbox(mail.sender or sender or PLACEHOLDER)
    if to := [_mailbox(address) for address in mail.to if is_mailbox(address)]:
        message["To"] = to
    if cc := [_mailbox(address) for address in mail.cc if is_mailbox(address)]:
        message["Cc"] = cc
    message["Subject"] = _header_text(mail.subject)
    if mail.date:
        message["Date"] = parsedate_to_datetime(mail.date)
    message["Message-ID"] = f"<{mail.message_id}>"
    if is_identifier(mail.in_reply_to):
        message["In-Reply-To"] = f"<{mail.in_reply_to}>"
    if references := [f"<{name}>" for name in mail.references if is_identifier(name)]:
        message["References"] = " ".join(references)
    message["Auto-Submitted"] = "auto-replied" if mail.answer else "auto-generated"
    body = printable(mail.body)
    message.set_content(
        body, charset="utf-8", cte="7bit" if _is_plain(body) else "quoted-printable"
    )
    return message


def flatten(message: EmailMessage, *, linesep: str = "\r\n") -> bytes:
    """The bytes of a message: CRLF for SMTP, LF for files."""
    out = BytesIO()
    BytesGenerator(out, mangle_from_=False, policy=_policy(linesep)).flatten(message)
    return out.getvalue()


def mbox(mails: tuple[Mail, ...]) -> bytes:
    """Mails as an mbox (mboxrd: "From " in a body gets a ">", which readers take off again)."""
    return b"".join(_entry(mail) for mail in mails)


def _entry(mail: Mail) -> bytes:
    message = compose(mail)
    when = parsedate_to_datetime(mail.date).strftime("%a %b %e %H:%M:%S %Y") if mail.date else ""
    sender = (mail.sender or PLACEHOLDER).email
    body = _FROM_LINE.sub(rb">\1", flatten(message, linesep="\n"))
    first = f"From {sender} {when or 'Thu Jan  1 00:00:00 1970'}\n"
    return first.encode("ascii", "replace") + body.rstrip(b"\n") + b"\n\n"


def _mailbox(address: Address) -> Mailbox:
    return Mailbox(display_name=_header_text(address.name), addr_spec=address.email)


def _header_text(text: str) -> str:
    """One line in which nothing looks like an encoded word.

    The library decodes "=?utf-8?q?=0abcc:...?=" even in text that we hand it, and Pythons before
    3.11.10 then write the line break out (CVE-2024-6923).
    """
    return one_line(text).replace("=?", "= ?")


def _is_plain(body: str) -> bool:
    return body.isascii() and all(len(line) <= _LONGEST_LINE for line in body.split("\n"))
