# SPDX-License-Identifier: GPL-2.0-only
"""docs/triage.md says what is there, no more and no less."""

import dataclasses
import re
from pathlib import Path

import pytest

from reviewbot.model.errors import UserError
from reviewbot.model.triage import Card, Found, Item, Reviewed, Standing, Tag
from reviewbot.parse import wanted
from reviewbot.stages import triage_standing
from reviewbot.tools import settings

MANUAL = (Path(__file__).resolve().parents[2] / "docs/triage.md").read_text()
NOBODY: frozenset[str] = frozenset()


def test_its_settings_and_views_are_accepted():
    (block,) = re.findall(r"^```toml\n(.*?)^```", MANUAL, re.MULTILINE | re.DOTALL)
    config = settings.parse(block.encode(), source="docs/triage.md")
    assert config.triage.views
    for words in config.triage.views.values():
        wanted.parse_wanted(words.split(), NOBODY)


def test_every_word_of_a_filter_is_described_and_works():
    filters = MANUAL[MANUAL.index("## Filters") : MANUAL.index("## One series")]
    shown = [
        word
        for row in re.findall(r"^\| (`.+?) \|", filters, re.MULTILINE)
        for word in re.findall(r"`(\S+)`", row)
    ]
    keys = {word.lstrip("-").partition(":")[0] for word in shown}
    for word in shown:
        wanted.parse_wanted([word], NOBODY)
    assert keys | {"", "subsystem"} == {*wanted._TESTS, "sort"}
    assert {word for word in shown if word.startswith("is:")} == {
        f"is:{one}" for one in ("mine", *wanted._IS)
    }
    assert all(one in filters for one in wanted.SORTS)


@pytest.mark.parametrize(
    ("prefix", "kind"), [("", Item), ("card", Card), ("review", Reviewed), ("", Found), ("", Tag)]
)
def test_every_field_of_the_json_is_described(prefix, kind):
    part = MANUAL.partition("## JSON")[2].partition("\n## ")[0]
    rows = [row for row in part.splitlines() if row.startswith("| `")]
    named = {
        f"{row[3:].partition('.')[0]}{name}" if name.startswith(".") else name
        for row in rows
        for name in re.findall(r"`([a-z._]+)`", row)
    }
    for field in dataclasses.fields(kind):
        name = f"{prefix}.{field.name}" if prefix else field.name
        if (prefix, name) not in {("", "card"), ("", "review")}:
            assert name in named, f"--json has a field {name} that docs/triage.md does not explain"


def test_every_state_is_described():
    states = MANUAL[MANUAL.index("### States") : MANUAL.index("### Rank")]
    rows = {
        word
        for row in re.findall(r"^\| ([a-z, -]+) \|", states, re.MULTILINE)
        for word in row.split(", ")
    }
    assert rows == {str(one) for one in Standing}


def test_the_points_of_the_states_are_true():
    for state, points in triage_standing._BASE.items():
        assert f"{state} {points}" in MANUAL


@pytest.mark.parametrize(
    "word", ["state:odd", "is:odd", "severity:bad", "age:x", "odd:x", "x" * 3000]
)
def test_words_that_are_none_are_named(word):
    with pytest.raises(UserError, match=r"expected|no such key|shorten"):
        wanted.parse_wanted([word], NOBODY)
