# SPDX-License-Identifier: GPL-2.0-only
"""A patch series as it was mailed."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One mailbox of a From, To or Cc header; ``name`` may be empty."""

    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailer:
    """A ``Name: value`` line.  ``message_id`` names the follow-up mail that offered it, if any."""

    name: str
    value: str
    message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    r"""One ``@@`` block.  ``lines`` keep their first column (space, ``+``, ``-`` or ``\``)."""

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    section: str
    lines: tuple[str, ...]


class ChangeKind(StrEnum):
    """What a diff does to a file."""

    MODIFY = "modify"
    ADD = "add"
    DELETE = "delete"
    RENAME = "rename"
    COPY = "copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDiff:
    """The change to one file.  Blob ids are as abbreviated in the mail, None when not given."""

    kind: ChangeKind
    old_path: str | None
    new_path: str | None
    old_blob: str | None = None
    new_blob: str | None = None
    old_mode: int | None = None
    new_mode: int | None = None
    binary: bool = False
    hunks: tuple[Hunk, ...] = ()

    @property
    def path(self) -> str:
        """The path people would call the file by: the new one, or the old one of a deletion."""
        return self.new_path or self.old_path or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One mail of a series that carries a diff.

    ``number`` is the position 1..total as reviewed; ``mailed_number`` is what the subject said, None
    when it said nothing (PAT v8 5/8 was mailed as plain ``[PATCH]``).  ``subject`` has no prefix,
    ``full_subject`` is the decoded header.  ``changelog`` is what ``git am`` would commit, trailers
    included; ``below_cut`` is the text between ``---`` and the diff.  ``references`` end with the
    parent.  ``diff`` is the raw patch text from the first ``diff --git`` (or ``---``) line on.
    """

    number: int
    mailed_number: int | None
    subject: str
    full_subject: str
    message_id: str
    references: tuple[str, ...]
    author: Address
    sender: Address
    date: str
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    changelog: str
    below_cut: str
    trailers: tuple[Trailer, ...]
    files: tuple[FileDiff, ...]
    diff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverLetter:
    """The 0/n mail."""

    subject: str
    full_subject: str
    message_id: str
    references: tuple[str, ...]
    sender: Address
    date: str
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All mails of one revision.

    ``total`` is the n of n/m as announced; ``missing`` lists numbers that were announced but not
    seen.  ``prefixes`` are the words in the brackets besides PATCH, version and counter (RFC,
    RESEND, kvm-unit-tests ...).  ``prerequisites`` are patch-ids, in order.  ``source`` says where
    the mails came from, for the report.  ``notes`` are honest remarks about assembly, such as
    renumbering.  ``newest_revision`` is the highest version seen in the thread.
    """

    title: str
    revision: int
    prefixes: tuple[str, ...]
    total: int
    cover: CoverLetter | None
    patches: tuple[Patch, ...]
    missing: tuple[int, ...]
    base_commit: str | None
    prerequisites: tuple[str, ...]
    change_id: str | None
    source: str
    newest_revision: int
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """True when every announced patch is here."""
        return not self.missing and len(self.patches) == self.total

    @property
    def message_id(self) -> str:
        """The mail a report about the whole series replies to: the cover, else patch 1."""
        return self.cover.message_id if self.cover else self.patches[0].message_id


class DeclineReason(StrEnum):
    """Why a series is not reviewed.  Each is reported by name."""

    PULL_REQUEST = "pull request"
    QEMU = "QEMU series"
    KVM_UNIT_TESTS = "kvm-unit-tests series"
    OTHER_PROJECT = "series for another project"
    NO_PATCH = "no patch in the mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """A series recognised as not ours; ``evidence`` is one sentence saying what gave it away."""

    reason: DeclineReason
    evidence: str
