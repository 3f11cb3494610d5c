# SPDX-License-Identifier: GPL-2.0-only
"""Which commit is swept, and what is in its history: also when another sweep or git takes its time."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest

from reviewbot.engine.sweep_round import Round
from reviewbot.model.base import Tree
from reviewbot.model.config import SweepConfig
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.sweep import Ending, Night
from reviewbot.stages.sweep_plan import Branch
from reviewbot.tools import git
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools
from reviewbot.tools.nights import Nights

WHO = pygit2.Signature("A", "a@example.org", 1_700_000_000, 0)
REF = "refs/heads/queue"


def push(repository: pygit2.Repository, subject: str) -> str:
    """Put an empty commit on the branch."""
    there = repository.references.get(REF)
    parents = [there.target] if there else []
    tree = repository.TreeBuilder().write()
    return str(repository.create_commit(REF, WHO, WHO, subject, tree, parents))


@pytest.fixture
def repository(tmp_path: Path) -> pygit2.Repository:
    return pygit2.init_repository(str(tmp_path / "kvm.git"), bare=True)


def test_what_is_pushed_while_a_sweep_waits_is_swept(
    repository: pygit2.Repository, tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(repository, "What was there when the other sweep began")
    pushed = []
    lock = Cache.lock

    @contextlib.contextmanager
    def after_a_wait(cache: Cache, name: str) -> Iterator[None]:
        with lock(cache, name):
            if name.startswith("sweep-"):
                pushed.append(push(repository, "Pushed while we waited"))
            yield

    def swept(_self: Round, branch: Branch, _store: object, tip: str, *_: object) -> Night:
        return Night(
            id="1",
            branch=branch.name,
            commit=tip,
            tree_id=tip,
            started=time.time(),
            ended=time.time(),
            ending=Ending.UNCHANGED,
            machine="",
        )

    monkeypatch.setattr(Cache, "lock", after_a_wait)
    monkeypatch.setattr(Round, "_unchanged", swept)
    branch = Branch(
        sweep="kvm",
        name="kvm/queue",
        ref="queue",
        tree=Tree(name="kvm", path=repository.path),
        settings=SweepConfig(mainline=""),
    )
    with contextlib.closing(Nights(tmp_path / "nights.sqlite")) as nights:
        report = Round(tools=tools, nights=nights).sweep(branch, lambda _: None)
    assert [report.night.commit] == pushed


def test_git_that_does_not_answer_has_not_said_no(repository: pygit2.Repository) -> None:
    first, tip = push(repository, "One"), push(repository, "Two")
    store = Path(repository.path)
    assert git.is_ancestor(store, first, tip)
    assert not git.is_ancestor(store, tip, first)
    assert not git.is_ancestor(store, "0123456789ab", tip), "what was pruned is not in its history"
    with pytest.raises(InfrastructureError, match=f"cannot tell whether {first[:12]} is in"):
        git.is_ancestor(store, first, tip, timeout=0.0)
