# SPDX-License-Identifier: GPL-2.0-only
"""The order of a bisection: ends, search, revert, deadline.  Commits are real; the lab is a made-up one that
answers by what is in a tree."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import epochs
import pygit2
import pytest

from reviewbot.engine import bisection
from reviewbot.model.bisection import BisectRequest, Failure
from reviewbot.model.profile import Profile
from reviewbot.model.sweep import Kind, Reverted, StepOutcome
from reviewbot.stages.bisect_judge import BAD, GOOD, Look, cannot_tell
from reviewbot.tools.objects import TreeView

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reviewbot.model.sweep import Bisection
    from reviewbot.tools.context import Tools

TEST = Failure(kind=Kind.TEST, name="x86_64/t")
"""Bad where the file "kernel" says "broken", unless the step's own program is the one that knows of it."""
BUILD = Failure(kind=Kind.BUILD, name="made up")


@dataclass
class MadeUp:
    """Answers from the files of a tree; ``rate`` is how often what is broken shows itself."""

    repository: str
    rate: float = 1.0
    seconds: float = 0.0
    own_programs: set[int] = field(default_factory=set)
    looked: list[str] = field(default_factory=list)
    chance: random.Random = field(
        default_factory=lambda: random.Random(5)  # noqa: S311 - a simulation
    )

    def look(
        self, tree_id: str, commit: str, wanted: Sequence[int], seconds: float
    ) -> dict[int, Look]:
        del commit, seconds
        self.looked.append(tree_id)
        time.sleep(self.seconds)
        kernel = TreeView(self.repository, tree_id).read("kernel") or b""
        program = TreeView(self.repository, tree_id).read("program") or b""
        found = {}
        for number in wanted:
            if b"does not build" in kernel:
                found[number] = cannot_tell("does not build: kernel")
            elif b"wrong" in (program if number in self.own_programs else kernel):
                found[number] = BAD
            else:
                broken = b"broken" in kernel and self.chance.random() < self.rate
                found[number] = BAD if broken else GOOD
        return found

    def is_built(self, tree_id: str, wanted: Sequence[int]) -> bool:
        del wanted
        return tree_id in self.looked

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class World:
    """A repository, and bisections in it."""

    tools: Tools
    path: Path
    monkeypatch: pytest.MonkeyPatch
    lab: MadeUp

    def commits(self, *states: dict[str, str], quiet: bool = False) -> list[str]:
        """A commit for each state of some files (others stay); without ``quiet`` each has noise of its own."""
        repository = pygit2.init_repository(str(self.path), bare=True)
        files: dict[str, str] = {}
        parents: list[pygit2.Oid] = []
        found = []
        for number, state in enumerate(states):
            files |= state if quiet else {f"noise-{number}": "\n", **state}
            index = pygit2.Index()
            for name, text in files.items():
                blob = repository.create_blob(text.encode())
                index.add(pygit2.IndexEntry(name, blob, pygit2.enums.FileMode.BLOB))
            who = pygit2.Signature("A. U. Thor", "author@example.org", 1_700_000_000 + number, 0)
            made = repository.create_commit(
                None, who, who, f"change {number}\n", index.write_tree(repository), parents
            )
            parents = [made]
            found.append(str(made))
        return found

    def bisect(self, commits: list[str], *, failure: Failure = TEST, **more: object) -> Bisection:
        profile = Profile(
            name="made up",
            subsystem="KVM",
            architecture="x86_64",
            config=(),
            optional_config=(),
            config_summary="",
            targets=(),
            kernel_image="",
            modules=(),
            selftests="kvm",
            selections=(),
        )
        request = BisectRequest(
            repository=str(self.path),
            good=commits[0],
            bad=commits[-1],
            failures=(failure,),
            profile=profile,
            **more,
        )
        self.monkeypatch.setattr(bisection, "steps_for", self._steps)
        (found,) = bisection.bisect(request, self.tools)
        return found

    def _steps(self, request: object, store: object, commits: object, tools: object) -> MadeUp:
        del request, commits, tools
        self.lab.repository = str(store.path)  # type: ignore[attr-defined]
        return self.lab


@pytest.fixture
def world(tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tools, tmp_path / "linux.git", monkeypatch, MadeUp(""))


FINE = {"kernel": "fine\n"}
BROKEN = {"kernel": "broken\n"}


def test_the_culprit_its_author_and_its_revert(world: World) -> None:
    commits = world.commits(FINE, {}, {}, BROKEN, {}, {}, {}, {})
    found = world.bisect(commits)
    assert found.culprit
    assert found.culprit.commit == commits[3]
    assert found.culprit.author == "A. U. Thor <author@example.org>"
    assert found.culprit.reverted is Reverted.CURES
    assert len(found.steps) <= 1 + 3 + 8, "halving, and repeats where they are cheap"


def test_a_rebased_culprit_has_the_same_patch_id(world: World) -> None:
    first = world.commits(FINE, {"this": "\n"}, BROKEN, quiet=True)
    pushed = world.commits({**FINE, "other": "\n"}, {"that": "\n"}, BROKEN, quiet=True)
    found, rebased = world.bisect(first), world.bisect(pushed)
    assert found.culprit
    assert rebased.culprit
    assert (found.culprit.commit, rebased.culprit.commit) == (first[-1], pushed[-1])
    assert found.culprit.patch_id == rebased.culprit.patch_id != ""


def test_a_revert_that_conflicts_is_said_to(world: World) -> None:
    found = world.bisect(world.commits(FINE, {}, BROKEN, {"kernel": "still broken\n"}, {}))
    assert found.culprit
    assert found.culprit.reverted is Reverted.CONFLICTS
    found = world.bisect(world.commits(FINE, BROKEN, {}), verify=False)
    assert found.culprit
    assert found.culprit.reverted is Reverted.NOT_TRIED


def test_a_flaky_failure_needs_more_runs_and_gets_them(world: World) -> None:
    commits = world.commits(FINE, *[{}] * 6, BROKEN, *[{}] * 8)
    world.lab.rate = 0.5
    found = world.bisect(commits)
    assert found.culprit
    assert found.culprit.commit == commits[7]
    assert found.confidence >= 0.99
    assert sum(step.runs for step in found.steps) > 10


def test_where_the_test_changed_each_commit_runs_its_own(world: World) -> None:
    wrong = {"program": "wrong\n"}
    everywhere = {"kernel": "wrong program everywhere\n"}
    commits = world.commits({**everywhere, "program": "right\n"}, {}, {}, wrong, {}, {})
    found = world.bisect(commits)
    assert found.culprit
    assert found.culprit.commit == commits[3]
    assert "the selftest itself is what changed" in found.note


def test_commits_that_change_no_code_are_not_built(world: World) -> None:
    """Nothing but documentation in between: the answer needs neither of its neighbours."""
    text = [{f"Documentation/{number}.rst": "\n"} for number in range(6)]
    commits = world.commits(
        FINE, *text[:3], {"kernel": "fine still\n"}, BROKEN, *text[3:], quiet=True
    )
    found = world.bisect(commits)
    assert found.culprit
    assert found.culprit.commit == commits[5]
    tried = {step.commit for step in found.steps}
    assert not tried & set(commits[1:4]), "a commit without code was tried"


def test_what_fails_at_the_good_end_blames_nobody(world: World) -> None:
    found = world.bisect(world.commits(BROKEN, {}, {}, {}))
    assert (found.culprit, found.suspects) == (None, ())
    assert found.reason == f"not in this range: already failing at {found.good[:12]} (4 of 4)"
    assert {step.commit for step in found.steps} == {found.good}, "nothing else need be built"


@pytest.mark.parametrize("rate", [0.9, 0.6, 0.3])
def test_what_is_flaky_at_both_ends_blames_nobody(world: World, rate: float) -> None:
    world.lab.rate = rate
    found = world.bisect(world.commits(BROKEN, *[{}] * 16))
    assert (found.culprit, found.suspects) == (None, ())
    there = [step for step in found.steps if step.commit == found.good]
    failed = sum(step.failures for step in there)
    assert f"already failing at {found.good[:12]} ({failed} of " in found.reason


def test_the_good_end_is_seen_good_before_the_first_commit_is_blamed(world: World) -> None:
    """Half of the runs of a good end that is bad pass: one pass is no reason to blame the first commit."""
    commits = world.commits(FINE, BROKEN, *[{}] * 6)
    world.lab.rate = 0.5
    found = world.bisect(commits)
    assert found.culprit
    assert found.culprit.commit == commits[1]
    assert sum(step.runs for step in found.steps if step.commit == commits[0]) >= 4


def test_a_build_that_was_broken_before_blames_nobody(world: World) -> None:
    found = world.bisect(world.commits(BROKEN, {}, {}, {}), failure=BUILD)
    assert (found.culprit, found.suspects) == (None, ())
    assert found.reason == f"not in this range: already failing at {found.good[:12]}"
    assert len(found.steps) == 1


def test_what_is_over_blames_nobody(world: World) -> None:
    found = world.bisect(world.commits(FINE, {}, {}, {}))
    assert (found.culprit, found.suspects) == (None, ())
    assert found.reason.startswith("the failure is not there any more: the bad end is good")


def test_nothing_builds_in_between(world: World) -> None:
    unbuilt = {"kernel": "does not build\n"}
    commits = world.commits(FINE, unbuilt, {}, {}, {}, BROKEN, {})
    found = world.bisect(commits)
    assert found.culprit is None
    assert set(found.suspects) == set(commits[1:6])
    assert all(s.why for s in found.steps if s.outcome is StepOutcome.SKIPPED)


def test_the_deadline_ends_it_with_what_is_known(world: World) -> None:
    commits = world.commits(FINE, *[{}] * 200, BROKEN, *[{}] * 200)
    world.lab.seconds = 0.3
    began = time.time()
    found = world.bisect(commits, deadline=began + 1.5)
    assert time.time() < began + 1.9
    assert found.culprit is None
    assert found.reason == "no time was left"
    assert commits[201] in found.suspects
    assert 1 <= len(found.steps) <= 5


def test_the_mail_is_found_by_patch_id(world: World, tmp_path: Path) -> None:
    commits = world.commits(FINE, {}, BROKEN, {})
    repository = pygit2.Repository(str(world.path))
    diff = repository.diff(commits[1], commits[2]).patch
    assert diff

    def mail(name: str, text: str) -> bytes:
        head = f"From: A. U. Thor <author@example.org>\nMessage-ID: <{name}@example.org>\n"
        return f"{head}Subject: [PATCH] change 2\n\nWhy.\n\n---\n\n{text}\n-- \n2.47\n".encode()

    other = diff.replace("+broken", "+broken otherwise")
    inbox = epochs.make(
        tmp_path / "0.git", [("m", mail("other", other)), ("m", mail("this", diff))]
    )
    found = world.bisect(commits, archives=(str(tmp_path / "absent"), str(inbox)))
    assert found.culprit
    assert found.culprit.message_id == "this@example.org"
    found = world.bisect(commits)
    assert found.culprit
    assert found.culprit.message_id == ""
