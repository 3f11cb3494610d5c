# SPDX-License-Identifier: GPL-2.0-only
"""The rules on the labelled patches that developers have beside the checkout."""

import subprocess
from pathlib import Path

import pytest
from debian import kernel_tree

from reviewbot.model.base import Tree
from reviewbot.model.corpus import Outcome
from reviewbot.stages import evaluate
from reviewbot.stages.scorecard import Floors
from reviewbot.tools.context import Tools


@pytest.mark.slow
def test_no_false_error_on_real_series(shared: Path, tools: Tools, tmp_path: Path) -> None:
    """What maintainers accepted gets no error, and at most two warnings in all."""
    paths = [kernel_tree(version) for version in ("6.12", "6.1")]
    inbox = tmp_path / "0.git"
    run = ["git", "clone", "-q", "--bare", str(shared / "lore/kvm-sample.bundle"), str(inbox)]
    subprocess.run(run, check=True)
    request = evaluate.EvaluateRequest(
        corpus=(shared / "corpus/dev.json").read_bytes(),
        name="dev.json",
        inbox=inbox,
        trees=tuple(Tree(name=path.name, path=str(path)) for path in paths),
        floors=Floors(false_errors=0, false_warnings=2),
    )
    result = evaluate.run(request, tools)
    said = [
        f"{one.case.rule or 'control'} <{one.case.patch}>: {one.reason}"
        for one in result.cases
        if one.outcome is Outcome.FALSE
    ]
    said += [f"<{stray.series}>: {stray.finding.title}" for stray in result.strays]
    assert not result.floors, "\n".join([*result.floors, *said])
    assert result.total.found > 0, "nothing is found at all: are the mails in the inbox?"
