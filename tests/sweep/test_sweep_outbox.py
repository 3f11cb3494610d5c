# SPDX-License-Identifier: GPL-2.0-only
"""A sweep's mails wait in the outbox: each once, and each in spite of a failure on the way."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pygit2
import pytest
from branch import Branch, Patch, with_line
from test_sweep_mail import BROKEN, OWNER

from reviewbot.engine import sweep_mail
from reviewbot.model.config import Config
from reviewbot.model.errors import UserError
from reviewbot.model.sweep_report import SweepReport
from reviewbot.tools import git
from reviewbot.tools.nights import Nights
from reviewbot.tools.outbox import Outbox

SETTINGS = replace(OWNER, mode="send")


def enter(place: Path, report=BROKEN) -> list[str]:
    url = f"sqlite:///{place / 'engine.sqlite'}"
    with closing(Nights(place / "nights.sqlite")) as nights:
        return list(sweep_mail.enter(report, SETTINGS, nights, Config(), url))


def waiting(place: Path) -> int:
    with closing(Outbox(f"sqlite:///{place / 'engine.sqlite'}")) as outbox:
        return len(outbox.entries())


def test_each_mail_waits_once(tmp_path: Path) -> None:
    assert len(enter(tmp_path)) == 2
    assert enter(tmp_path) == []
    assert waiting(tmp_path) == 2


def test_one_culprit_on_two_branches_is_written_to_once(tmp_path: Path) -> None:
    enter(tmp_path)
    (tmp_path / "nights.sqlite").unlink()  # as if both had looked before either had marked it
    other = replace(BROKEN, night=replace(BROKEN.night, branch="kvm/next"))
    (line,) = enter(tmp_path, other)
    assert line.startswith("mail to maintainer@example.org")


def test_a_culprit_that_a_force_push_gave_another_id_is_not_told_of_again(tmp_path: Path) -> None:
    """The same patch on top of another one; a patch with the same subject and another diff is news."""
    repository = pygit2.init_repository(str(tmp_path / "linux.git"), bare=True)
    who = pygit2.Signature("Jo", "jo@example.org", 1_600_000_000, 0)
    index = pygit2.Index()
    for name in "ab":
        blob = repository.create_blob(b"a file\n")
        index.add(pygit2.IndexEntry(name, blob, pygit2.enums.FileMode.BLOB))
    tree = index.write_tree(repository)
    repository.create_commit("refs/heads/mainline", who, who, "Linux", tree, [])
    repository.set_head("refs/heads/mainline")
    branch = Branch(tmp_path / "linux.git")
    culprit = Patch(subject="KVM: Break it", edits=(("a", with_line("broken")),))
    other = Patch(subject="KVM: Go before", edits=(("b", with_line("else")),))
    reworked = Patch(subject="KVM: Break it", edits=(("a", with_line("broken otherwise")),))
    ids = [
        branch.push(branch.base, some)[-1] for some in ((culprit,), (other, culprit), (reworked,))
    ]
    assert len(set(ids)) == 3
    reports = [told_of(commit, git.patch_id_of(branch.path, commit)) for commit in ids]
    assert len(enter(tmp_path, reports[0])) == 2
    (line,) = enter(tmp_path, reports[1])
    assert line.startswith("mail to maintainer@example.org")
    (tmp_path / "nights.sqlite").unlink()
    assert enter(tmp_path, reports[1]) == [], "the outbox itself takes it once"
    assert len(enter(tmp_path, reports[2])) == 2


def told_of(commit: str, patch_id: str) -> SweepReport:
    """The report of a night that blames a commit."""
    (one,) = BROKEN.bisections
    assert one.culprit
    culprit = replace(one.culprit, commit=commit, patch_id=patch_id)
    return replace(
        BROKEN,
        night=replace(BROKEN.night, commit=commit),
        bisections=(replace(one, culprit=culprit),),
    )


def test_a_mail_that_the_outbox_could_not_take_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bool:
        raise UserError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(Outbox, "add", full)
        with pytest.raises(UserError):
            enter(tmp_path)
    assert len(enter(tmp_path)) == 2
