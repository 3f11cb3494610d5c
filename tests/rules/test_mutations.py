# SPDX-License-Identifier: GPL-2.0-only
"""Mutation tests: an ok case, broken in the way its rule forbids, is caught.

An ok case says with ``MUTATE: old => new`` how to break it.  The text is replaced in the lines that its
mails add and nowhere else, so what is caught is the forbidden change and nothing around it.
"""

import shutil
from pathlib import Path

import pytest

from reviewbot import assets
from reviewbot.model.errors import UserError
from reviewbot.rulekit.case import CaseText, mutant, parse_case, render_case
from reviewbot.stages import cases

DIRECTORIES = ("kvm/abi", "kvm/cap", "kvm/doc", "kvm/msr", "kvm/proc", "kvm/quirk")
"""Where every rule must have a mutation.  Add a directory when its rules have theirs."""

MUTATIONS = [
    (path, mutation)
    for path in sorted(assets.rules_directory().rglob("*.case"))
    for mutation in parse_case(path.read_text(encoding="utf-8"), path.name).mutations
]


@pytest.mark.parametrize(
    ("path", "mutation"), MUTATIONS, ids=[f"{path.name}: {what}" for path, what in MUTATIONS]
)
def test_a_broken_ok_case_is_caught(path: Path, mutation: str, tools, tmp_path):
    rule = cases.rule_of(path)
    for file in (rule, *rule.parent.glob(f"{rule.stem}.*.case")):
        shutil.copy(file, tmp_path)
    whole = parse_case(path.read_text(encoding="utf-8"), path.name)
    assert whole.expect == ("none",), f"{path}: only a case in which nothing is wrong has MUTATE:"
    broken = tmp_path / f"{rule.stem}.bad.mutant.case"
    broken.write_text(render_case(mutant(whole, mutation, path.name)), encoding="utf-8")
    outcome = cases.run(cases.CaseRequest(path=broken), tools)
    assert outcome.result.findings, (
        f"{outcome.rule} finds nothing in {path} with {mutation!r}. Either the rule lost what it is "
        f"for, or the replacement no longer breaks anything; it says: {outcome.result.outcomes}"
    )
    assert {finding.code for finding in outcome.result.findings} == {outcome.rule}


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_every_rule_has_a_mutation(directory):
    rules = {path.stem for path in (assets.rules_directory() / directory).glob("*.py")}
    covered = {path.name.split(".")[0] for path, _ in MUTATIONS}
    lacking = sorted(rules - covered)
    assert not lacking, f"add a 'MUTATE: old => new' line to an ok case of {', '.join(lacking)}"


def case_of(*mails):
    return CaseText(expect=("none",), facts=(), comments=(), before=(), mails=mails)


FIRST = "Subject: one\n\nsay one\ndiff --git a/f b/f\n--- a/f\n+++ b/f\n one\n+one 1\n"
SECOND = "Subject: two\n\ndiff --git a/f b/f\n--- a/f\n+++ b/f\n one 1\n+two\n"


def test_a_mutation_changes_added_lines_and_their_later_context_only():
    first, second = mutant(case_of(FIRST, SECOND), "one => three", "x").mails
    assert first == FIRST.replace("+one 1", "+three 1")
    assert second == SECOND.replace("\n one 1", "\n three 1")


def test_a_mutation_may_change_what_stands_above_the_diffs():
    changed = mutant(case_of(FIRST, SECOND), "mail: one => three", "x").mails
    assert changed == (FIRST.replace("one\n\nsay one", "three\n\nsay three"), SECOND)


@pytest.mark.parametrize(
    "mutation", ["one", "=> one", "mail: nowhere => one", "one => one", "nowhere => one"]
)
def test_a_mutation_that_breaks_nothing_is_an_error_that_names_the_case(mutation):
    with pytest.raises(UserError, match=r"x\.ok\.case.*MUTATE"):
        mutant(case_of(FIRST), mutation, "x.ok.case")
