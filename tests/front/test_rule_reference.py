# SPDX-License-Identifier: GPL-2.0-only
"""docs/rules is what the rules say, and shows it as they wrote it."""

from pathlib import Path

import pytest

from reviewbot import assets
from reviewbot.rulekit.registry import load_rules
from reviewbot.stages.reference import PAGE, markdown, pages
from reviewbot.tools.rule_files import write_pages

DIRECTORY = Path(__file__).resolve().parents[2] / "docs/rules"


def test_the_reference_is_up_to_date():
    made = pages(load_rules([assets.rules_directory()]), DIRECTORY)
    there = {place.name: place.read_text("utf-8") for place in DIRECTORY.iterdir()}
    stale = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
    assert not stale, f"docs/rules is not what the rules say: run 'make docs' and commit {stale}"


def test_every_rule_has_a_page_and_stands_in_the_index():
    made = pages(load_rules([assets.rules_directory()]), DIRECTORY)
    for rule in load_rules([assets.rules_directory()]):
        assert f"[{rule.code}]({rule.code}.md)" in made["README.md"]
        for heading in rule.docs:
            assert f"\n## {heading}\n" in made[f"{rule.code}.md"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One\nparagraph.\n\nAnother.", "One\nparagraph.\n\nAnother."),
        ("a ``*_irqoff`` b", "a `*_irqoff` b"),
        ("__u64 pad[2] < *x, gpa_t", "\\__u64 pad\\[2\\] \\< \\*x, gpa_t"),
        ("::\n\n    +a\n\n      b\n\nand", "```\n+a\n\n  b\n```\n\nand"),
        ("As here::\n\n    a_b\n", "As here:\n\n```\na_b\n```"),
        ("* one,\n  two\n* three", "- one,\n  two\n- three"),
        ("::\n\n\t__u64 x;", "```\n__u64 x;\n```"),
    ],
)
def test_sections_become_markdown(text, expected):
    assert markdown(text) == expected


def test_pages_of_rules_that_are_gone_go_too(tmp_path):
    for name in ("KVM-ABI-999.md", "notes.md"):
        (tmp_path / name).write_text("old")
    assert write_pages({"README.md": "x"}, tmp_path, PAGE) == 2
    assert write_pages({"README.md": "x"}, tmp_path, PAGE) == 0
    assert sorted(place.name for place in tmp_path.iterdir()) == ["README.md", "notes.md"]
