# SPDX-License-Identifier: GPL-2.0-only
"""What people ask of the bot by mail, and how sure it is who asked."""

from dataclasses import dataclass
from enum import StrEnum


class Word(StrEnum):
    """The first word of a command; UNKNOWN is anything else."""

    TEST = "test"
    RERUN = "rerun"
    INVALID = "invalid"
    UNRELATED = "unrelated"
    MUTE = "mute"
    UNMUTE = "unmute"
    HELP = "help"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of a mail.

    ``line`` counts the text's lines from 1; ``said`` is the command as one clean line.  ``tree`` and
    ``branch`` belong to TEST, ``code`` and ``reason`` to INVALID (UNRELATED has a reason as well), ``me``
    to MUTE and UNMUTE.  ``problem`` says what is wrong with it, "" when it can be carried out.
    """

    word: Word
    line: int
    said: str
    tree: str = ""
    branch: str = ""
    code: str = ""
    reason: str = ""
    me: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """Who wrote a mail, as a signature says.

    ``identity`` is the address in lower case, ``how`` what vouches for it ("DKIM of kernel.org").
    ``signed`` are the names of the headers the signature covers, in lower case; ``when`` it was signed or
    dated, in seconds since 1970; ``text`` and ``subject`` (without brackets and "Re:") are what it covers.
    """

    identity: str
    how: str
    signed: frozenset[str]
    when: float
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A mail that may hold commands, as it came over ``source``; ``received`` in seconds since 1970."""

    number: int
    message_id: str
    source: str
    received: float
    raw: bytes


class Standing(StrEnum):
    """How far a command is.

    CLAIMED: nobody else will do it.  WAITING: a review that it asked for is not done yet.
    """

    CLAIMED = "claimed"
    WAITING = "waiting"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A command that was carried out, or is being.

    Its name is the mail's ``message_id`` and the ``line``.  ``seal`` is the same for every copy of what
    was signed.  ``job`` is the review it asked for, ``answer`` the Message-ID of our answer.
    """

    message_id: str
    line: int
    seal: str
    who: str
    how: str
    said: str
    series: str
    inbox: str
    standing: Standing = Standing.CLAIMED
    outcome: str = ""
    job: str = ""
    answer: str = ""
    made: float = 0.0


class Claim(StrEnum):
    """What became of trying to be the one who carries out a command."""

    MINE = "mine"
    DONE = "done"
    REPLAYED = "replayed"


class SubjectKind(StrEnum):
    """What somebody may call wrong."""

    RULE = "rule"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Somebody says that what was reported under ``name`` about ``series`` is wrong, or not its fault."""

    message_id: str
    line: int
    kind: SubjectKind
    name: str
    series: str
    who: str
    by_author: bool
    reason: str
    made: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How a rule, or a test, did in mails that were sent.

    ``findings`` were reported about ``series`` different series revisions; of those, somebody objected in
    ``objected``, the series' own author (and nobody else) in ``by_author``.
    """

    kind: SubjectKind
    name: str
    findings: int
    series: int
    objected: int
    by_author: int

    @property
    def ratio(self) -> float:
        """Objected to, of all series it was reported about."""
        return self.objected / self.series if self.series else 0.0

    @property
    def doubtful(self) -> bool:
        """Whether a person should look at the rule: one objection in five, and not just one."""
        return self.objected >= 2 and self.ratio >= 0.2
