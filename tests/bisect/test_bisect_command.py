# SPDX-License-Identifier: GPL-2.0-only
"""What ``reviewbot bisect`` says: to wrong input in one line, and of an answer."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pygit2
import pytest

from reviewbot.model.sweep import Bisection, Culprit, Kind, Reverted, Step, StepOutcome
from reviewbot.stages import bisect_text

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two commits with one selftest."""
    place = tmp_path / "linux.git"
    repository = pygit2.init_repository(str(place), bare=True)
    blob = repository.create_blob(b"int main(void) { return 0; }\n")
    inner = repository.TreeBuilder()
    inner.insert("a_test.c", blob, pygit2.enums.FileMode.BLOB)
    made = inner.write()
    for name in ("x86", "kvm", "selftests", "testing", "tools"):
        builder = repository.TreeBuilder()
        builder.insert(name, made, pygit2.enums.FileMode.TREE)
        made = builder.write()
    who = pygit2.Signature("T", "t@example.org", 1_700_000_000, 0)
    first = repository.create_commit(None, who, who, "one\n", made, [])
    second = repository.create_commit(None, who, who, "two\n", made, [first])
    repository.references.create("refs/heads/good", first)
    repository.references.create("refs/heads/bad", second)
    return place


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["good"], "is not of the form GOOD..BAD"),
        (["good...bad", "--boot"], "is not of the form GOOD..BAD"),
        (["good..nowhere", "--boot"], "no commit nowhere"),
        (["good..bad"], "say what broke: --test NAME"),
        (["good..bad", "--test", "other"], "--test other: tools/testing/selftests/kvm of"),
        (["good..bad", "--build", "mips"], "--build mips: there are kvm,"),
        (["bad..good", "--test", "a_test"], "holds no commit; is the good end the older one?"),
        (["good..bad", "--boot", "--confidence", "2"], "is not in the range"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(tree: Path, words: list[str], said: str) -> None:
    argv = [sys.executable, "-m", "reviewbot", "bisect", "--tree", str(tree), *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def step(**more: object) -> Step:
    values = {"commit": "c" * 40, "subject": "KVM: x", "outcome": StepOutcome.BAD, "seconds": 7.0}
    return Step(**(values | more))  # type: ignore[arg-type]


ANSWER = Bisection(
    kind=Kind.TEST,
    name="x86/a_test",
    detail="",
    good="a" * 40,
    bad="b" * 40,
    steps=(
        step(runs=3, failures=2),
        step(outcome=StepOutcome.SKIPPED, why="does not build: \x1b[31mred"),
        step(outcome=StepOutcome.GOOD, runs=1),
    ),
    culprit=Culprit(
        commit="c" * 40,
        subject="KVM: \x1b]0;title\x07 x",
        author="A <a@example.org>",
        message_id="1@example.org",
        reverted=Reverted.CURES,
    ),
    confidence=0.9951,
)


def test_an_answer_for_people() -> None:
    text = bisect_text.text(ANSWER)
    assert "bad, 2 of 3 failed (7 s)" in text
    assert "First bad commit (99.51% sure, 4 executions):" in text
    assert "Reverting it on the tip cures it." in text
    assert not [char for char in text if char != "\n" and not char.isprintable()]


def test_suspects_for_people() -> None:
    unsure = replace(
        ANSWER,
        culprit=None,
        suspects=tuple(f"{number:040x}" for number in range(30)),
        reason="no time was left",
    )
    text = bisect_text.text(unsure)
    assert "No culprit: no time was left." in text
    assert "One of 30 commits" in text
    assert text.endswith("and 20 before\n")
