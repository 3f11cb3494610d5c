# SPDX-License-Identifier: GPL-2.0-only
"""The C of a mail's hunks, for series whose files nobody has.

A hunk shows a few lines of a function.  Its first and last lines are closed off with braces so that it
parses, in a function of the name that the ``@@`` line gives.  What stands outside the hunk is unknown: a
condition may be missing, but none is invented.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reviewbot.model.series import Hunk, Patch, Series
from reviewbot.parse.c import CFile
from reviewbot.rulekit.context import matches

_IDENTIFIERS = str.maketrans(dict.fromkeys("(){}[]<>=!&|+-*/%^~?:;,.\"'\\#@$`\t", " "))

_BRACES = 50
"""Blocks that are closed off at most; the kernel's own depth stays below 10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """One hunk after its patch.

    ``section`` is what git wrote behind the ``@@``, the function or array that the hunk begins in;
    ``added`` gives the line in the file for each line of ``source`` that the patch adds; ``known`` is the
    text of the lines that it takes out or leaves, on one line.
    """

    patch: Patch
    path: str
    section: str
    source: CFile
    added: Mapping[int, int]
    known: str

    def added_words(self, sign: str) -> frozenset[str]:
        """The identifiers in added lines that have ``sign`` in them."""
        lines = self.source.source.decode("utf-8", "replace").split("\n")
        text = " ".join(line for line in (lines[n - 1] for n in self.added) if sign in line)
        return frozenset(text.translate(_IDENTIFIERS).split())

    @property
    def known_words(self) -> frozenset[str]:
        """The identifiers in ``known``."""
        return frozenset(self.known.translate(_IDENTIFIERS).split())


def fragments(series: Series, *globs: str) -> Iterator[Fragment]:
    """Every hunk of the matching files, in the order of the patches."""
    for patch in series.patches:
        for file in patch.files:
            if file.new_path and matches(file.new_path, globs):
                for hunk in file.hunks:
                    yield _fragment(patch, file.new_path, hunk)


def _fragment(patch: Patch, path: str, hunk: Hunk) -> Fragment:
    new = [line for line in hunk.lines if line[:1] in {" ", "+", ""}]
    texts = [line[1:] for line in new]
    head, tail = _closing(texts, hunk.section)
    return Fragment(
        patch=patch,
        path=path,
        section=hunk.section,
        source=CFile(path, "\n".join([*head, *texts, *tail]).encode()),
        added={
            len(head) + index: hunk.new_start + index - 1
            for index, line in enumerate(new, 1)
            if line.startswith("+")
        },
        known=" ".join(line[1:].strip() for line in hunk.lines if line[:1] != "+"),
    )


def _closing(texts: list[str], section: str) -> tuple[list[str], list[str]]:
    """Lines to put before and after, by what the kernel's style has in the first column."""
    edge = next((i for i, text in enumerate(texts) if _outer(text)), len(texts))
    inside = bool(section) and (edge == len(texts) or texts[edge].rstrip() == "}")
    if not inside:
        return [], ["}" * min(max(_depth(texts)[0], 0), _BRACES)]
    depth, lowest = _depth(texts[:edge])
    name = section.partition("(")[0].split()[-1:] or ["unknown"]
    head = [f"void {name[0].strip('*')}(void) {{" + "{" * min(-lowest, _BRACES)]
    if edge == len(texts):
        return head, ["}" * min(depth - lowest + 1, _BRACES)]
    return head, ["}" * min(max(_depth(texts[edge + 1 :])[0], 0), _BRACES)]


def _outer(text: str) -> bool:
    """Whether a line ends a function or stands outside; labels, comments and directives do not."""
    return text[:1].strip() != "" and text[:1] not in "#/" and not text.rstrip().endswith(":")


def _depth(texts: list[str]) -> tuple[int, int]:
    """How many braces are open at the end, and the fewest on the way (at most 0)."""
    depth = lowest = 0
    for text in texts:
        for mark in text:
            depth += (mark == "{") - (mark == "}")
            lowest = min(lowest, depth)
    return depth, lowest
