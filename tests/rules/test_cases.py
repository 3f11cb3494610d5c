# SPDX-License-Identifier: GPL-2.0-only
"""Every case beside every shipped rule says what the rule says."""

from pathlib import Path

import pytest

from reviewbot import assets
from reviewbot.stages import cases

CASES = sorted(assets.rules_directory().rglob("*.case"))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_rule_says_what_its_case_expects(case: Path, tools):
    outcome = cases.run(cases.CaseRequest(path=case), tools)
    assert not outcome.differences, (
        f"{outcome.rule} differs from {case}:\n  "
        + "\n  ".join(outcome.differences)
        + f"\nRead the difference; when the rule is right: reviewbot rules test --update {case}"
    )


def test_every_case_lies_beside_its_rule():
    lost = [str(case) for case in CASES if not cases.rule_of(case).is_file()]
    assert not lost, f"rename these after their rule file: {lost}"
