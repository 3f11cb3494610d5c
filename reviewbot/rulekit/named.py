# SPDX-License-Identifier: GPL-2.0-only
"""Which names KVM's documents have, and what a series writes into them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from reviewbot.model.series import Hunk, Series
from reviewbot.parse.c_facts import Macro
from reviewbot.rulekit.context import matches
from reviewbot.rulekit.interface import interface_kind
from reviewbot.rulekit.trees import API_RST, View

DOCUMENTS = "Documentation/virt/kvm"
# "KVM_CAP_*" documents nothing; "KVM_DEV_FLIC_ADAPTER_*" does.
WORDS_BEFORE_A_STAR = 3
LONGEST_PATTERN = 100
SIBLINGS = 6
DOCUMENTED_SHARE = 0.8
# Families that every tree documents, small as they are and whatever tree is at hand.
_ALWAYS = re.compile(r"KVM_MEM_|KVM_MEMORY_ATTRIBUTE_|KVM_X86_[A-Z0-9_]+_VM$")
_ARCHITECTURE = re.compile(r"KVM_[A-Z]+_(LOONGARCH|MIPS|PPC|RISCV|S390)_")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenSection:
    """A section of an added ioctl: its heading and everything below is new.

    ``fields`` are the names of its field list in small letters, ``line`` that of the heading.
    """

    patch: int
    path: str
    line: int
    number: str
    title: str
    fields: frozenset[str]
    text: str


def undocumented(view: View, names: list[str]) -> list[str]:
    """Those names that no document has, as whole words or by a pattern that stands for them."""
    if not names:
        return []
    left = set(names)
    for path in (API_RST, *view.paths(DOCUMENTS, ".rst")):
        left -= view.words(path)
        patterns = _patterns_of(view.text(path)) if left else ()
        left -= {name for name in left if any(re.fullmatch(p, name) for p in patterns)}
        if not left:
            break
    return [name for name in names if name in left]


@lru_cache(maxsize=64)  # most documents are the same in every tree of a series
def _patterns_of(text: str) -> tuple[str, ...]:
    return tuple(name_patterns(text))


def name_patterns(text: str) -> Iterator[str]:
    """Regular expressions of "KVM_[GS]ET_X", "KVM_{GET,SET}_X" and "KVM_A_B_*"."""
    for token in set(re.findall(r"\bKVM_[A-Z0-9_]*[\[{*][A-Z0-9_\[\]{},*]*", text)):
        pieces = re.findall(r"\[[A-Z0-9]+\]|\{[A-Z0-9_,]+\}|\*|[A-Z0-9_]+", token)
        if "".join(pieces) != token.rstrip(",") or len(token) > LONGEST_PATTERN:
            continue
        if token.count("*") > 1:
            continue  # nobody writes that, and matching it may take for ever
        if "*" in token and token.split("*")[0].count("_") < WORDS_BEFORE_A_STAR:
            continue
        yield "".join(_as_expression(piece) for piece in pieces)


def _as_expression(piece: str) -> str:
    if piece == "*":
        return r"\w+"
    return f"(?:{piece[1:-1].replace(',', '|')})" if piece.startswith("{") else piece


def misnamed(name: str, text: str) -> str:
    """The name's words in another order, as a document may have them, or "".

    KVM_CAP_BINARY_STATS_FD is KVM_CAP_STATS_BINARY_FD in api.rst to this day.
    """
    words = sorted(name.split("_"))
    found = set(re.findall(r"\bKVM_[A-Z0-9_]+", text))
    return next((other for other in sorted(found) if sorted(other.split("_")) == words), "")


def written_names(series: Series) -> frozenset[str]:
    """KVM_ names in the hunks of documents, context included: the text there is about them."""
    texts = (
        line[1:]
        for patch in series.patches
        for file in patch.files
        if matches(file.path, (DOCUMENTS + "/*",))
        for hunk in file.hunks
        for line in (*hunk.lines, "@" + hunk.section)
    )
    return frozenset(name for text in texts for name in re.findall(r"\bKVM_[A-Z0-9_]+", text))


def written_sections(series: Series) -> Iterator[WrittenSection]:
    """Numbered sections that a series adds to api.rst, read from the mails."""
    for patch in series.patches:
        for file in patch.files:
            if file.path == API_RST:
                for hunk in file.hunks:
                    yield from _sections(patch.number, file.path, hunk)


def unfinished_sections(
    series: Series, chapter: str, wanted: Sequence[str]
) -> dict[tuple[int, str], list[WrittenSection]]:
    """Added sections of a chapter that lack ``wanted`` fields or say nothing of errors.

    By patch and the fields they lack (":Type:, :Returns:", "" for those that only lack errors).
    """
    found: dict[tuple[int, str], list[WrittenSection]] = {}
    for section in written_sections(series):
        if not section.number.startswith(f"{chapter}.") or not section.title.startswith("KVM_"):
            continue
        lacking = ", ".join(f":{n.capitalize()}:" for n in wanted if n not in section.fields)
        silent = "errors" not in section.fields and not re.search(r"\bE[A-Z]{3,}\b", section.text)
        if lacking or silent:
            found.setdefault((section.patch, lacking), []).append(section)
    return found


def always_documented(name: str) -> bool:
    """Whether every tree documents what has such a name."""
    return _ALWAYS.match(name) is not None


def newcomer(name: str, base: View) -> bool:
    """Whether a name is of an architecture that documents none of its own so far."""
    found = _ARCHITECTURE.match(name)
    return found is not None and f"_{found[1]}_" not in base.text(API_RST)


def _sections(patch: int, path: str, hunk: Hunk) -> Iterator[WrittenSection]:
    moved = {line[1:].partition(" ")[2] for line in hunk.lines if line.startswith("-")}
    lines = list(_after(hunk))
    heads = [
        at
        for at, (_, mark, text) in enumerate(lines[:-1])
        if re.match(r"\d+\.\d+ \S", text) and re.fullmatch(r"[-~]{4,}", lines[at + 1][2])
    ]
    for at, end in zip(heads, [*heads, len(lines)][1:], strict=True):
        number, mark, text = lines[at]
        section, _, title = text.partition(" ")
        if mark != "+" or title in moved:
            continue
        below = [each for _, own, each in lines[at + 2 : end] if own == "+"]
        yield WrittenSection(
            patch=patch,
            path=path,
            line=number,
            number=section,
            title=title,
            fields=frozenset(
                match[1].lower() for each in below if (match := re.match(r":(\w[\w ]*):", each))
            ),
            text="\n".join(below),
        )


def _after(hunk: Hunk) -> Iterator[tuple[int, str, str]]:
    """Lines of the after-file as (number, mark, text)."""
    number = hunk.new_start
    for line in hunk.lines:
        if line[:1] in {"+", " ", ""}:
            yield number, line[:1], line[1:]
            number += 1


def name_family(name: str) -> str:
    """KVM_MEM_READONLY belongs to KVM_MEM."""
    return "_".join(name.split("_")[:2])


def documented_family(base: View, group: str, old: dict[str, tuple[str, Macro]]) -> bool:
    """Whether a family is large and the base documents nearly every member."""
    siblings = [
        name
        for name, (_, macro) in old.items()
        if name_family(name) == group and interface_kind(macro)
    ]
    if len(siblings) < SIBLINGS:
        return False
    lacking = undocumented(base, siblings)
    known = len(siblings) - len(lacking)
    return known >= DOCUMENTED_SHARE * len(siblings)
