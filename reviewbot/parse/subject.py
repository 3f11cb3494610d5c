# SPDX-License-Identifier: GPL-2.0-only
"""``[RFC PATCH v3 02/10 kvm-unit-tests] lib: foo`` taken apart."""

import re
from dataclasses import dataclass

_REPLY = re.compile(r"(?:re|aw|antw|sv|vs|odp|fwd?)(?:\[\d{1,3}\])?:\s*", re.IGNORECASE)
_BRACKETS = re.compile(r"\[([^\[\]]*)\]\s*")
_COUNTER = re.compile(r"(\d{1,3})/(\d{1,3})")
_VERSION = re.compile(r"v(\d{1,3})(?:\.\d{1,3})?", re.IGNORECASE)
_PATCH = re.compile(r"PATCH(?:SET|ES)?", re.IGNORECASE)
_GLUED = re.compile(r"PATCH[-_]?(v\d{1,3})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a subject says.

    ``reply`` when it begins with Re: or the like; ``patch`` when a bracket says PATCH or carries a
    counter; ``version``, ``number`` and ``total`` are None when not given.  ``prefixes`` are the
    other words in the brackets, ``text`` what is left after them.
    """

    full: str
    text: str
    reply: bool = False
    patch: bool = False
    version: int | None = None
    number: int | None = None
    total: int | None = None
    prefixes: tuple[str, ...] = ()

    def has_prefix(self, *words: str) -> bool:
        """True when one of ``words`` (lower case) stands in the brackets."""
        return any(prefix.lower() in words for prefix in self.prefixes)


def parse_subject(full: str) -> Subject:
    """Take a decoded, one-line subject apart.  Never fails; git am strips the same brackets."""
    rest, reply = full, False
    words: list[str] = []
    while True:
        if match := _REPLY.match(rest):
            reply = True
        elif match := _BRACKETS.match(rest):
            words += match[1].replace(",", " ").split()
        else:
            break
        rest = rest[match.end() :]
    version = number = total = None
    patch = False
    prefixes = []
    for word in words:
        if glued := _GLUED.fullmatch(word):
            patch, word = True, glued[1]  # noqa: PLW2901 - "PATCHv2" is PATCH and v2
        if match := _COUNTER.fullmatch(word):
            number, total = int(match[1]), int(match[2])
        elif match := _VERSION.fullmatch(word):
            version = int(match[1])
        elif _PATCH.fullmatch(word):
            patch = True
        else:
            prefixes.append(word)
    return Subject(
        full=full,
        text=rest.strip() or full,
        reply=reply,
        patch=patch or number is not None,
        version=version,
        number=number,
        total=total,
        prefixes=tuple(dict.fromkeys(prefixes)),
    )
