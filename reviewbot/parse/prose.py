# SPDX-License-Identifier: GPL-2.0-only
"""A section of a rule's docstring -> its blocks: prose, lists and examples.  Pure."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

LITERAL = re.compile(r"``(.+?)``|`([^`]+)`")


class Kind(StrEnum):
    """What a block is."""

    PROSE = "prose"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Lines of prose, some of which may begin with "* " or "- ", or of an example, dedented."""

    kind: Kind
    lines: tuple[str, ...]


def blocks(text: str) -> Iterator[Block]:
    """Paragraphs, and what follows "::" indented; empty lines within an example are kept."""
    code_follows = False
    for paragraph in _paragraphs(text.expandtabs(8).split("\n")):
        if code_follows and paragraph[0].startswith(" "):
            code = textwrap.dedent("\n".join(paragraph)).split("\n")
            yield Block(kind=Kind.CODE, lines=tuple(code))
            continue
        code_follows = paragraph[-1].endswith("::")
        said = "\n".join(paragraph)
        if code_follows:
            said = said[:-2].rstrip() and said[:-1]
        if said:
            yield Block(kind=Kind.PROSE, lines=tuple(said.split("\n")))


def bullet(line: str) -> str:
    """The two characters with which an item of a list begins, or ""."""
    return line[:2] if line[:2] in ("* ", "- ") else ""


def pieces(text: str) -> tuple[tuple[bool, str], ...]:
    """(is literal, text) for the parts of a line of prose."""
    found, end = [], 0
    for match in LITERAL.finditer(text):
        found += [(False, text[end : match.start()]), (True, match[1] or match[2])]
        end = match.end()
    return tuple(one for one in (*found, (False, text[end:])) if one[1])


def _paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    """Lines up to an empty one; an indented block keeps its empty lines."""
    block: list[str] = []
    for line in lines:
        if line.strip():
            if block and not block[-1].strip() and not (_code(block) and line.startswith(" ")):
                yield _trimmed(block)
                block = []
            block.append(line)
        elif block:
            block.append("")
    if block:
        yield _trimmed(block)


def _code(block: list[str]) -> bool:
    return block[0].startswith(" ")


def _trimmed(block: list[str]) -> list[str]:
    while not block[-1].strip():
        block = block[:-1]
    return block
