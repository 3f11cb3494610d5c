# SPDX-License-Identifier: GPL-2.0-only
"""Branches of a tree that somebody else serves: pushed, force-pushed, deleted, and out of reach.

Everything is real but the lab, which finds nothing in any tree.
"""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pygit2
import pytest
from branch import Branch, Patch, with_line
from click.testing import CliRunner, Result
from remotes import daemon, dumb, smart

from reviewbot.cli.main import cli
from reviewbot.engine import sweep_round
from reviewbot.engine.sweep import Sweep
from reviewbot.model.sweep import Ending
from reviewbot.tools import git
from reviewbot.tools.nights import Nights

WHO = pygit2.Signature("Jo", "jo@example.org", 1_600_000_000, 0)


def patch(number: int) -> Patch:
    return Patch(subject=f"Patch {number}", edits=((f"file{number}", with_line("more")),))


@dataclass
class Served:
    """What kernel.org has, and a user who sweeps two branches of it."""

    origin: Branch
    user: Path
    place: Path
    server: ExitStack

    def push(self, on: str, *numbers: int, name: str = "queue") -> str:
        """Move a branch at the remote; its new tip."""
        tip = self.origin.push(on, [patch(number) for number in numbers], name)[-1]
        self.told()
        return tip

    def delete(self, name: str) -> None:
        self.origin.repository.references.delete(f"refs/heads/{name}")
        self.told()

    def told(self) -> None:
        """What a server that knows nothing of git needs after each push."""
        subprocess.run(["git", "-C", str(self.origin.path), "update-server-info"], check=True)

    def sweep(self, *words: str) -> Result:
        """``reviewbot sweep``, as the user runs it."""
        argv = ["--config", str(self.place / "config.toml"), "--quiet", "sweep", *words]
        return CliRunner().invoke(cli, argv, catch_exceptions=False)

    def nights(self, branch: str = "kvm/queue"):
        with closing(Nights(self.place / "state" / "reviewbot" / "nights.sqlite")) as store:
            heads = store.heads(branch)
            return [(one, store.range_of(one.id)) for one in heads]


@pytest.fixture(params=[daemon, smart, dumb])
def served(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    repository = pygit2.init_repository(str(tmp_path / "srv" / "kvm.git"), bare=True)
    index = pygit2.Index()
    for number in range(10):
        blob = repository.create_blob(b"a file\n")
        index.add(pygit2.IndexEntry(f"file{number}", blob, pygit2.enums.FileMode.BLOB))
    tree = index.write_tree(repository)
    repository.create_commit("refs/heads/mainline", WHO, WHO, "Linux", tree, [])
    repository.set_head("refs/heads/mainline")
    pygit2.init_repository(str(tmp_path / "linux"))
    (tmp_path / "config.toml").write_text(
        f"""
        [trees.kvm]
        path = {json.dumps(str(tmp_path / "linux"))}
        remote = "kvm"
        [sweeps.kvm]
        refs = ["kvm/queue", "kvm/next"]
        mainline = "kvm/mainline"
        """
    )
    for name in ("STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setattr(Sweep, "_look", lambda _: Ending.COMPLETE)
    for module in ("reviewbot.engine.sweep", "reviewbot.engine.sweep_machine"):
        monkeypatch.setattr(f"{module}.hosts", lambda _: ("a guest",))
        monkeypatch.setattr(f"{module}.machine", lambda *_: "a machine")
    server = ExitStack()
    address = server.enter_context(request.param(tmp_path / "srv"))
    user = pygit2.Repository(str(tmp_path / "linux"))
    user.remotes.create("kvm", f"{address}/kvm.git")
    made = Served(Branch(tmp_path / "srv" / "kvm.git"), tmp_path / "linux", tmp_path, server)
    made.push(made.origin.base, 1, name="next")
    with server:
        yield made


def subjects(commits) -> list[str]:
    return [one.subject for one in commits]


def test_pushes_and_a_force_push_are_fetched(served: Served) -> None:
    first = served.push(served.origin.base, 1, 2)
    assert served.sweep("kvm/queue").exit_code == 0
    served.push(first, 3)
    served.sweep("kvm/queue")
    again = served.sweep("kvm/queue")
    assert "as in the sweep" in again.stdout
    served.push(served.origin.base, 4, 1, 3, 5)
    served.sweep("kvm/queue")
    (pushed, forced), (still, _), (_, plain), (_, new) = served.nights()
    assert (pushed.ending, still.ending) == (Ending.COMPLETE, Ending.UNCHANGED)
    assert subjects(new.commits) == ["Patch 1", "Patch 2"]
    assert (plain.forced, subjects(plain.commits)) == (False, ["Patch 3"])
    assert forced.forced
    assert subjects(forced.commits) == ["Patch 4", "Patch 5"]
    assert sorted(subjects(forced.rebased)) == ["Patch 1", "Patch 3"]
    assert subjects(forced.dropped) == ["Patch 2"]
    assert pygit2.Repository(str(served.user)).references.get("FETCH_HEAD") is None


def test_a_deleted_branch_is_one_line_and_the_others_go_on(served: Served) -> None:
    served.push(served.origin.base, 1)
    served.sweep()
    served.delete("queue")
    served.push(served.origin.base, 2, name="next")
    done = served.sweep()
    (line,) = done.stderr.splitlines()
    assert line == (
        "reviewbot: kvm/queue: kvm has no such branch any more; take kvm/queue out of [sweeps.kvm]"
    )
    assert done.exit_code == 2
    assert len(served.nights()) == 1
    assert [one.ending for one, _ in served.nights("kvm/next")] == [Ending.COMPLETE] * 2
    assert "refs/remotes/kvm/queue" in pygit2.Repository(str(served.user)).references


def test_an_unreachable_remote_is_one_line_and_what_is_here_is_swept(served: Served) -> None:
    served.push(served.origin.base, 1)
    served.sweep("kvm/queue")
    served.server.close()
    done = served.sweep("kvm/queue")
    (line,) = done.stderr.splitlines()
    assert line.startswith("reviewbot: kvm/queue: kvm may be out of date: kvm was not fetched: ")
    assert "as in the sweep" in done.stdout
    assert done.exit_code == 0
    ((last, _), _) = served.nights()
    assert last.missing, "the page does not say so"


def test_a_remote_that_was_never_reached_is_said_to_be(served: Served) -> None:
    served.server.close()
    done = served.sweep()
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all("has no kvm/" in line and "was not fetched: " in line for line in lines)
    assert done.exit_code == 2


def test_a_remote_that_does_not_answer_is_not_waited_for(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes the connection and says nothing."""
    served.push(served.origin.base, 1)
    served.sweep("kvm/queue")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        user = pygit2.Repository(str(served.user))
        user.remotes.set_url("kvm", f"git://127.0.0.1:{silent.getsockname()[1]}/kvm.git")
        monkeypatch.setattr(sweep_round, "_FETCH_SECONDS", 1.0)
        done = served.sweep("kvm/queue")
    assert "was not fetched: no answer within 1 s" in done.stderr
    assert done.exit_code == 0


def test_only_what_the_remote_lacks_is_gone(served: Served) -> None:
    served.push(served.origin.base, 1)
    assert git.fetch(served.user, "kvm", timeout=20) == ""
    assert not git.gone(served.user, "kvm", "kvm/queue", timeout=20)
    served.delete("queue")
    for name in ("kvm/queue", "refs/remotes/kvm/queue"):
        assert git.gone(served.user, "kvm", name, timeout=20)
    assert not git.gone(served.user, "kvm", "kvm/next", timeout=20)
    assert not git.gone(served.user, "kvm", "master", timeout=20)
