# SPDX-License-Identifier: GPL-2.0-only
"""The rules on the labelled patches that developers have beside the checkout."""

import subprocess
from pathlib import Path

import pytest

from reviewbot.cli.environment import cache_directory
from reviewbot.model.base import Tree
from reviewbot.model.corpus import Outcome
from reviewbot.stages import evaluate
from reviewbot.stages.scorecard import Floors
from reviewbot.tools.context import Tools
from reviewbot.tools.source_import import import_source

SOURCES = [Path(f"/usr/src/linux-source-{version}.tar.xz") for version in ("6.12", "6.1")]


@pytest.mark.slow
def test_no_false_error_on_real_series(shared: Path, tools: Tools, tmp_path: Path) -> None:
    """What maintainers accepted gets no error, and at most two warnings in all."""
    for source in SOURCES:
        if not source.is_file():
            pytest.skip(f"{source} not found: apt-get install {source.name.split('.tar')[0]}")
    inbox = tmp_path / "0.git"
    run = ["git", "clone", "-q", "--bare", str(shared / "lore/kvm-sample.bundle"), str(inbox)]
    subprocess.run(run, check=True)
    # Where 'reviewbot import-source' keeps them: made once, then found at once.
    paths = [cache_directory() / "trees" / source.name.split(".tar")[0] for source in SOURCES]
    for source, path in zip(SOURCES, paths, strict=True):
        import_source(source, path, path.name)
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
