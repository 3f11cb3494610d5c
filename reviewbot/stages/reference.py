# SPDX-License-Identifier: GPL-2.0-only
"""The rule reference in Markdown, made of the rules' own docs and cases (docs/rules, ``make docs``)."""

import posixpath
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from reviewbot.parse.text import one_line
from reviewbot.rulekit.case import CaseText, parse_case
from reviewbot.rulekit.rule import Needs, Rule
from reviewbot.stages.printable import count
from reviewbot.tools.case_tree import read_case

INDEX = "README.md"
PAGE = re.compile(r"[A-Z][A-Z0-9]*-[A-Z][A-Z0-9]*-\d{3}\.md")
"""Names of pages: what is called so and has no rule is out of date."""

_MADE = "<!-- Made of the rule's own text by `make docs`; change it there. -->"
_NEEDS = {
    Needs.SERIES: "the mails alone",
    Needs.TREES: "the tree before and after each patch",
    Needs.BUILD: "the tree before and after each patch, and headers that compile",
}
_LITERAL = re.compile(r"``(.+?)``|`([^`]+)`")
_SPECIAL = re.compile(r"([\\*<\[\]]|(?<!\w)_|_(?!\w))")


def pages(rules: Sequence[Rule], directory: Path) -> dict[str, str]:
    """File name to text: one page a rule and an index, with links from ``directory`` to the rules.

    Raises UserError for a case that cannot be read.
    """
    made = {f"{rule.code}.md": _page(rule, directory) for rule in rules}
    return {INDEX: _index(rules), **made}


def markdown(text: str) -> str:
    """A section of a rule's docstring: paragraphs, lists, ``literals`` and :: blocks."""
    return "\n\n".join(_blocks(text))


def _index(rules: Sequence[Rule]) -> str:
    lines = [
        _MADE,
        "",
        "# Rules",
        "",
        "`reviewbot rules explain CODE` prints the same. How to switch one off or change its severity:",
        "[settings](../configuration.md). How to write one: [rulekit](../rulekit.md).",
    ]
    for name in dict.fromkeys(_group(rule) for rule in rules):
        lines += ["", f"## {name}", "", "| rule | severity | what must hold |", "|---|---|---|"]
        lines += [
            f"| [{rule.code}]({rule.code}.md) | {rule.declaration.severity} | {_cell(rule.title)} |"
            for rule in rules
            if _group(rule) == name
        ]
    return "\n".join(lines) + "\n"


def _page(rule: Rule, directory: Path) -> str:
    own = rule.declaration
    touches = ", ".join(f"`{glob}`" for glob in own.touches)
    parts = [
        _MADE,
        f"# {rule.code}: {_prose(rule.title)}",
        f"Severity {own.severity}, confidence {own.confidence}. Reads {_NEEDS[own.needs]}."
        + (f" Looks at series that touch {touches}." if touches else ""),
    ]
    for heading, text in rule.docs.items():
        parts += [f"## {heading}", markdown(text)]
    source = _link(rule.path, directory)
    parts += ["## Cases", f"The rule is {source}. What it must say, and where it must be silent:"]
    parts.append("\n".join(_cases(rule, directory)))
    return "\n\n".join(parts) + "\n"


def _cases(rule: Rule, directory: Path) -> Iterator[str]:
    for path in rule.cases:
        case = parse_case(read_case(path), path.name)
        what = " ".join(one_line(comment.removeprefix("#")) for comment in case.comments)
        yield f"- {_link(path, directory)}: {_prose(what) or 'no comment.'} {_outcome(case)}"


def _outcome(case: CaseText) -> str:
    """No lines and codes here: they change with every edit of a case, and the case has them."""
    if case.expect == ("none",):
        return "Nothing is said."
    if case.expect == ("unknown",):
        return "The answer is: unknown."
    return f"{count(len(case.expect), 'finding').capitalize()}."


def _link(path: Path, directory: Path) -> str:
    target = posixpath.relpath(path.absolute().as_posix(), directory.absolute().as_posix())
    return f"[{path.name}]({target})"


def _group(rule: Rule) -> str:
    return rule.code.rsplit("-", 1)[0]


def _blocks(text: str) -> Iterator[str]:
    code_follows = False
    for paragraph in _paragraphs(text.expandtabs(8).split("\n")):
        if code_follows and paragraph[0].startswith(" "):
            yield f"```\n{textwrap.dedent(chr(10).join(paragraph))}\n```"
            continue
        code_follows = paragraph[-1].endswith("::")
        said = "\n".join(paragraph)
        if code_follows:
            said = said[:-2].rstrip() and said[:-1]
        if said:
            yield "\n".join(_item(line) for line in said.split("\n"))


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


def _item(line: str) -> str:
    """A line of prose; "* " and "- " begin an item of a list."""
    bullet = line[:2] if line[:2] in ("* ", "- ") else ""
    return bullet.replace("*", "-") + _prose(line.removeprefix(bullet))


def _prose(text: str) -> str:
    """Markdown that shows the text as it is, its literals as code."""
    said, end = "", 0
    for match in _LITERAL.finditer(text):
        said += _SPECIAL.sub(r"\\\1", text[end : match.start()])
        said += f"`{match[1] or match[2]}`"
        end = match.end()
    return said + _SPECIAL.sub(r"\\\1", text[end:])


def _cell(text: str) -> str:
    return _prose(text).replace("|", "\\|")
