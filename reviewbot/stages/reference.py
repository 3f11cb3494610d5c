# SPDX-License-Identifier: GPL-2.0-only
"""The rule reference in Markdown, made of the rules' own docs and cases (docs/rules, ``make docs``)."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from reviewbot.parse import prose
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
    for block in prose.blocks(text):
        if block.kind is prose.Kind.CODE:
            yield "```\n" + "\n".join(block.lines) + "\n```"
        else:
            yield "\n".join(_item(line) for line in block.lines)


def _item(line: str) -> str:
    """A line of prose; "* " and "- " begin an item of a list."""
    bullet = prose.bullet(line)
    return bullet.replace("*", "-") + _prose(line.removeprefix(bullet))


def _prose(text: str) -> str:
    """Markdown that shows the text as it is, its literals as code."""
    return "".join(
        f"`{part}`" if literal else _SPECIAL.sub(r"\\\1", part)
        for literal, part in prose.pieces(text)
    )


def _cell(text: str) -> str:
    return _prose(text).replace("|", "\\|")
