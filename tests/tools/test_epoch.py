# SPDX-License-Identifier: GPL-2.0-only
"""Reading public-inbox v2 epochs: order, deletions, several epochs, going on from a commit."""

import subprocess
from pathlib import Path

import pytest
from epochs import make, tip

from reviewbot.model.errors import UserError
from reviewbot.tools import epoch


def mail(number: int) -> bytes:
    return f"Subject: mail {number}\nMessage-ID: <{number}@example.org>\n\n{number}\n".encode()


def numbers(place: Path, since: str | None = None) -> list[int]:
    return [int(one.raw.split()[-1]) for one in epoch.read(place, since)]


def test_mails_come_in_the_order_they_arrived(tmp_path: Path) -> None:
    inbox = make(tmp_path / "0.git", [("m", mail(n)) for n in (3, 1, 2)])
    assert numbers(inbox) == [3, 1, 2]
    assert next(one.raw for one in epoch.read(inbox)) == mail(3)


def test_a_deleted_mail_is_not_read_unless_it_came_again(tmp_path: Path) -> None:
    changes = [("m", mail(1)), ("m", mail(2)), ("d", mail(1)), ("m", mail(3)), ("d", mail(2))]
    inbox = make(tmp_path / "0.git", [*changes, ("m", mail(2))])
    assert numbers(inbox) == [3, 2]


def test_going_on_from_a_commit_reads_only_what_is_new(tmp_path: Path) -> None:
    inbox = make(tmp_path / "0.git", [("m", mail(1)), ("m", mail(2))])
    seen = epoch.tip(inbox)
    assert seen == [one.commit for one in epoch.read(inbox)][-1]
    assert numbers(inbox, seen) == []
    make(inbox, [("m", mail(3)), ("m", mail(4))])
    assert numbers(inbox, seen) == [3, 4]


def test_epochs_are_read_in_order_and_a_later_one_may_delete(tmp_path: Path) -> None:
    top = tmp_path / "list"
    (top / "git").mkdir(parents=True)
    make(top / "git" / "10.git", [("m", mail(5)), ("d", mail(1))])
    make(top / "git" / "2.git", [("m", mail(3)), ("m", mail(4))])
    first = make(top / "git" / "0.git", [("m", mail(1)), ("m", mail(2))])
    assert numbers(top) == numbers(top / "git") == [2, 3, 4, 5]
    assert numbers(top, tip(first)) == [3, 4, 5]
    assert epoch.tip(top) == tip(top / "git" / "10.git")


def test_a_clone_with_a_work_tree_is_read_too(tmp_path: Path) -> None:
    inbox = make(tmp_path / "0.git", [("m", mail(1)), ("m", mail(2))])
    subprocess.run(["git", "clone", "-q", str(inbox), str(tmp_path / "clone")], check=True)
    assert numbers(tmp_path / "clone") == [1, 2]


def test_an_epoch_whose_head_names_another_branch_is_read(tmp_path: Path) -> None:
    inbox = make(tmp_path / "0.git", [("m", mail(1))], branch="main")
    (inbox / "HEAD").write_text("ref: refs/heads/master\n")
    assert numbers(inbox) == [1]


def test_an_empty_epoch_has_no_mails_and_notip(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "0.git")], check=True)
    assert numbers(tmp_path / "0.git") == []
    assert epoch.tip(tmp_path / "0.git") is None


def test_a_rewritten_history_is_noticed(tmp_path: Path) -> None:
    inbox = make(tmp_path / "0.git", [("m", mail(1)), ("m", mail(2))])
    seen = tip(inbox)
    run = ["git", "-C", str(inbox), "update-ref", "refs/heads/master", f"{seen}^"]
    subprocess.run(run, check=True)
    with pytest.raises(UserError, match="history was rewritten"):
        numbers(inbox, seen)


@pytest.mark.parametrize("name", ["missing", "plain"])
def test_what_is_no_inbox_is_one_clear_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(UserError) as error:
        numbers(tmp_path / name)
    assert name in str(error.value)
    assert "\n" not in str(error.value)
