# SPDX-License-Identifier: GPL-2.0-only
"""Findings stay as long as their commits do, also under another id."""

from reviewbot.model.sweep import Kind
from reviewbot.model.sweep_range import RangeCommit
from reviewbot.stages.sweep_rules import carried, seen_at


def commit(letter: str, subject: str) -> RangeCommit:
    return RangeCommit(
        commit=letter * 40, tree_id="1" * 40, parents=(), subject=subject, author="A <a@b.org>"
    )


HERE, MOVED, GONE = commit("a", "Here"), commit("b", 'Say "hello") to (all)'), commit("c", "Gone")
FOUND = [seen_at(one, Kind.RULE, f"KVM-X-001: {one.subject}") for one in (HERE, MOVED, GONE)]


def test_findings_go_with_their_commits():
    kept = list(carried(FOUND, ["a" * 12], []))
    assert kept == FOUND[:1]


def test_a_rebased_commit_keeps_its_finding():
    kept = list(carried(FOUND, ["a" * 12], [commit("d", "Here"), commit("e", MOVED.subject)]))
    assert [one.name for one in kept] == [one.name for one in FOUND[:2]]
    assert kept[1].detail.startswith("e" * 12), "or it would be lost the night after"
    assert list(carried(kept, ["a" * 12, "e" * 12], [])) == kept


def test_a_name_has_neither_line_nor_commit():
    assert seen_at(HERE, Kind.RULE, "x").name == seen_at(GONE, Kind.RULE, "x").name
