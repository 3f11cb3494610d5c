# SPDX-License-Identifier: GPL-2.0-only
"""``Name: value`` lines at the end of a changelog, by the rules of git-interpret-trailers(1)."""

import re
from email.utils import parseaddr

from reviewbot.model.series import Trailer

_TRAILER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)")
_URL_SCHEMES = frozenset({"http", "https", "ftp", "git", "ssh"})
_SURE = (
    "signed-off-by",
    "reviewed-by",
    "acked-by",
    "tested-by",
    "reported-by",
    "suggested-by",
    "co-developed-by",
    "fixes",
    "closes",
    "link",
    "cc",
    "change-id",
)
_OFFERED = re.compile(r"([A-Z][A-Za-z]*(?:-[A-Za-z]+)*-[Bb]y)[ \t]*:[ \t]*(\S.{0,300})")


def parse_trailers(changelog: str) -> tuple[Trailer, ...]:
    """The trailers of a commit message, in order; continuation lines are joined with a space.

    As git does, only a last paragraph counts that is all trailers, or that holds a well-known one
    and is trailers for at least a quarter.  Beyond git, paragraphs right above it are taken too when
    they are nothing but well-known trailers: kernel tools find a ``Fixes:`` there as well.
    """
    paragraphs = _paragraphs(changelog)
    found: list[Trailer] = []
    for position, lines in enumerate(reversed(paragraphs)):
        if position == len(paragraphs) - 1 and _looks_like_title(lines):
            break
        block = _block(lines, strict=position > 0)
        if block is None:
            break
        found = block + found
    return tuple(found)


def offered_trailers(body: str, sender: str, name: str) -> tuple[tuple[str, str], ...]:
    """``Reviewed-by:`` and the like that a reply's author gives in their own, unquoted words.

    Only those whose address or name is the sender's, as b4 does: nobody speaks for somebody else.
    """
    found = []
    for line in body.split("\n"):
        if line == "-- ":
            break
        if match := _OFFERED.fullmatch(line.rstrip()):
            who, address = parseaddr(match[2].split("#")[0])
            if address.lower() == sender.lower() or (who and who.lower() == name.lower()):
                found.append((match[1], match[2].strip()))
    return tuple(found)


def _looks_like_title(lines: list[str]) -> bool:
    """True for a message of one line such as "KVM: fix foo": a subject, not a trailer."""
    first = _TRAILER.fullmatch(lines[0])
    return first is None or first[1].lower() not in _SURE


def _paragraphs(text: str) -> list[list[str]]:
    paragraphs: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            paragraphs[-1].append(line.rstrip())
        elif paragraphs[-1]:
            paragraphs.append([])
    return [paragraph for paragraph in paragraphs if paragraph]


def _block(lines: list[str], *, strict: bool) -> list[Trailer] | None:
    """The trailers of one paragraph, None when it is prose."""
    found: list[tuple[str, list[str]]] = []
    others = 0
    for line in lines:
        match = _TRAILER.fullmatch(line)
        if line[0] in " \t" and found:
            found[-1][1].append(line.strip())
        elif match and match[1].lower() not in _URL_SCHEMES:
            found.append((match[1], [match[2].strip()]))
        elif line[0] == "[" or line.startswith("(cherry picked from commit"):
            continue  # "[rebased, fixed a typo]" stands among trailers by kernel custom
        elif found and found[-1][0].lower() == "fixes" and _unfinished(found[-1][1]):
            found[-1][1].append(line.strip())  # a Fixes: subject that a mailer wrapped
        else:
            others += 1
    sure = sum(name.lower() in _SURE or name.lower().endswith("-by") for name, _ in found)
    accepted = bool(found) and (
        sure == len(found) and not others
        if strict
        else not others or (sure and len(found) * 3 >= others)
    )
    return (
        [Trailer(name=name, value=" ".join(value)) for name, value in found] if accepted else None
    )


def _unfinished(pieces: list[str]) -> bool:
    """True when a Fixes: value does not end its quoted subject, of three lines at most."""
    value = " ".join(pieces[:4])
    return len(pieces) < 3 and not (value.count("(") <= value.count(")") and value.endswith(")"))
