# SPDX-License-Identifier: GPL-2.0-only
"""What following a list keeps of a mail: enough to put series together, and no bodies.

It is a Mail still, cut down to what parse.thread and parse.classify look at, so that a list's
series are found the very same way as those of ``reviewbot review``.
"""

import re
from dataclasses import dataclass, replace
from urllib.parse import quote

from reviewbot.model.codec import to_json
from reviewbot.model.series import Address
from reviewbot.parse.classify import telling_lines, touched
from reviewbot.parse.lineage import earlier_versions
from reviewbot.parse.mail import Mail
from reviewbot.parse.posting import stem
from reviewbot.parse.thread import CHANGE_ID

_REFERENCES = 30
_ADDRESSES = 64
_PATHS = 100
_ID = 250  # RFC 5322 lines have at most 998 characters; ids that long are nobody's
_TEXT = 300
_UPSTREAM = re.compile(
    r"^\s*(?:\[ ?upstream commit [0-9a-f]{7,40} ?\]|commit [0-9a-f]{7,40} upstream\.?"
    r"|upstream commit [0-9a-f]{7,40}\.?)\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_STRAY_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A mail without its text: ``lists`` it came over, and when the first ``received`` it.

    ``source`` is that first list, ``origin`` where in it the whole mail is (model.watch.Arrival).
    """

    mail: Mail
    lists: tuple[str, ...]
    received: float
    source: str = ""
    origin: str = ""

    @property
    def message_id(self) -> str:
        """The mail's."""
        return self.mail.message_id


def envelope(mail: Mail, *, source: str, received: float, origin: str = "") -> Envelope:
    """Cut ``mail``, which came over the list ``source``, down to what is kept."""
    quiet = mail.subject.reply and not mail.diff  # it only holds its thread together
    head = replace(
        mail,
        message_id=mail.message_id[:_ID],
        references=tuple(one[:_ID] for one in _few(mail.references)),
        subject=replace(
            mail.subject,
            full=mail.subject.full[:_TEXT],
            text=mail.subject.text[:_TEXT],
            prefixes=tuple(word[:40] for word in mail.subject.prefixes[:10]),
        ),
        sender=_short(mail.sender),
        author=_short(mail.author),
        date="",
        to=() if quiet else tuple(_bare(one) for one in mail.to[:_ADDRESSES]),
        cc=() if quiet else tuple(_bare(one) for one in mail.cc[:_ADDRESSES]),
        body="" if quiet else _telling(mail),
        changelog="",
        below_cut="",
        diff=_paths(mail) if mail.diff else "",
        damage="",
    )
    return Envelope(
        mail=head, lists=(source,), received=received, source=source, origin=origin[:_TEXT]
    )


def merged(one: Envelope, other: Envelope) -> Envelope:
    """The same Message-ID twice: over two lists, or by somebody who made it up.

    The one that was received first is kept, whatever its Date says and whichever is read first: a
    replay must find the same series, and a forger come too late.
    """
    first, second = sorted((one, other), key=lambda each: (each.received, to_json(each.mail)))
    return replace(first, lists=tuple(sorted({*first.lists, *second.lists})))


def links(kept: Envelope) -> tuple[str, ...]:
    """Names of what the mail belongs to; mails that share one are looked at together.

    Threads, one run of git send-email, and for numbered mails sent without --thread the sender,
    version, total and hour.
    """
    mail = kept.mail
    found = ["m " + one for one in (mail.message_id, *mail.references)]
    name = stem(mail)[0]
    if name != mail.message_id:
        found.append("s " + name)
    subject = mail.subject
    if subject.number is not None and not subject.reply and not mail.references:
        hour = int(mail.when // _STRAY_SECONDS)
        who = f"{mail.sender.email.lower()} {subject.version or 1} {subject.total}"
        found += [f"h {who} {hour}", f"h {who} {hour + 1}"]
    return tuple(dict.fromkeys(found))


def is_upstream_commit(mail: Mail) -> bool:
    """True when the changelog names the upstream commit it is, as stable's rules want it."""
    return _UPSTREAM.search(mail.body) is not None


def _few(references: tuple[str, ...]) -> tuple[str, ...]:
    """The start of the thread and the nearest mails above; the parent stays last."""
    return (
        references
        if len(references) <= _REFERENCES
        else (
            references[0],
            *references[1 - _REFERENCES :],
        )
    )


def _short(address: Address) -> Address:
    return Address(name=address.name[:_TEXT], email=address.email[:_TEXT])


def _bare(address: Address) -> Address:
    return Address(name="", email=address.email[:_TEXT])


def _telling(mail: Mail) -> str:
    """The lines of the text that say what kind of mail it is."""
    lines = [found[0].strip()[:_TEXT] for found in CHANGE_ID.finditer(mail.body)][:1]
    lines += [found[0].strip() for found in _UPSTREAM.finditer(mail.changelog)][:1]
    text = mail.body[: len(mail.body) - len(mail.diff)]
    lines += [f"v{number}: https://x/{quote(name)}" for number, name in earlier_versions(text)]
    lines += telling_lines(mail)[:_PATHS]
    return "\n".join(lines)


def _paths(mail: Mail) -> str:
    """The diff's file headers, without any change."""
    named = "".join(f"diff --git a/{path[:_TEXT]}\n" for path in touched([mail])[:_PATHS])
    return named or "diff\n"
