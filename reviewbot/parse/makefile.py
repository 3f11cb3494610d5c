# SPDX-License-Identifier: GPL-2.0-only
"""Variables of a Makefile, such as the lists of programs in the KVM selftests' ones.

Nothing is expanded or evaluated: both sides of a conditional count, and recipes are left out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_ASSIGNMENT = re.compile(
    r"(?:(?:export|override)\s+)*([\w.$(){}-]+)\s*(\+=|:{0,3}=|\?=|!=)(.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One word of a variable's value, where it stands and by which operator it came there."""

    word: str
    line: int
    operator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Makefile:
    """Everything that is assigned, by variable name as written ("TEST_GEN_PROGS_x86")."""

    variables: Mapping[str, tuple[Entry, ...]]

    def words(self, prefix: str) -> Mapping[str, tuple[Entry, ...]]:
        """Entries of all variables that start with ``prefix``, by the rest of the name."""
        return {
            name.removeprefix(prefix): entries
            for name, entries in self.variables.items()
            if name.startswith(prefix)
        }

    def names(self, file: str) -> bool:
        """Whether a value has the file, in whichever directory ("x86/state_test", "$(KVM)/kvm_main.o")."""
        return any(
            entry.word.strip("()").rpartition("/")[2] == file
            for entries in self.variables.values()
            for entry in entries
        )


def read_makefile(data: bytes) -> Makefile:
    """Read a Makefile; never raises for its contents."""
    found: dict[str, list[Entry]] = {}
    for number, line in _logical_lines(data.decode("utf-8", "replace")):
        matched = _ASSIGNMENT.match(line.lstrip(" "))
        if matched is None or line.startswith("\t"):
            continue
        name, operator, value = matched.groups()
        at = number
        entries = found.setdefault(name, [])
        for piece in value.split("\n"):
            text = piece.partition("#")[0]
            entries += (Entry(word=word, line=at, operator=operator) for word in text.split())
            if "#" in piece:
                break
            at += 1
    return Makefile(variables={name: tuple(entries) for name, entries in found.items()})


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; continued ones are one, newlines in it where they were."""
    pieces: list[str] = []
    start = 1
    for number, line in enumerate(text.split("\n"), 1):
        if not pieces:
            start = number
        if line.endswith("\\"):
            pieces.append(line[:-1])
            continue
        yield start, "\n".join([*pieces, line])
        pieces = []
    if pieces:
        yield start, "\n".join(pieces)
