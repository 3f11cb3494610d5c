# SPDX-License-Identifier: GPL-2.0-only
"""What moved on a branch: plain pushes, merges, force-pushes, mainline moving on, and too much of it."""

from pathlib import Path

import pygit2
import pytest
from branch import Branch, Patch, with_line

from reviewbot.stages import sweep_range, sweep_rules
from reviewbot.tools.cache import Cache
from reviewbot.tools.objects import ObjectStore

WHO = pygit2.Signature("Jo", "jo@example.org", 1_600_000_000, 0)
FILES = ("arch/x86/kvm/x86.c", "drivers/net/dummy.c")


def patch(number: int, path: str = FILES[0]) -> Patch:
    """Adds a line at the top, so that the same patch applies anywhere and has the same patch-id."""
    return Patch(subject=f"Patch {number}", edits=((path, with_line(f"int line_{number};")),))


@pytest.fixture
def branch(tmp_path: Path) -> Branch:
    repository = pygit2.init_repository(str(tmp_path / "linux.git"), bare=True)
    index = pygit2.Index()
    for path in FILES:
        blob = repository.create_blob(b"/* a file */\n")
        index.add(pygit2.IndexEntry(path, blob, pygit2.enums.FileMode.BLOB))
    tree = index.write_tree(repository)
    repository.create_commit("refs/heads/mainline", WHO, WHO, "Linux", tree, [])
    repository.set_head("refs/heads/mainline")
    return Branch(tmp_path / "linux.git")


@pytest.fixture
def moved(branch: Branch, tmp_path: Path):
    """Ask for the range of two tips."""
    store = ObjectStore(Cache(tmp_path / "cache"), branch.path)

    def ask(old: str, tip: str, mainline: str = "") -> sweep_range.SweepRange:
        return sweep_range.run(
            sweep_range.RangeRequest(
                store=store, old=old, tip=tip, mainline=mainline, paths=("arch/*/kvm/*",)
            )
        )

    return ask


def subjects(commits) -> list[str]:
    return [one.subject for one in commits]


def test_commits_since_the_last_sweep(branch, moved):
    first = branch.push(branch.base, [patch(1), patch(2)])
    second = branch.push(first[-1], [patch(3), patch(4)])
    found = moved(first[-1], second[-1], branch.base)
    assert subjects(found.commits) == ["Patch 3", "Patch 4"]
    assert (found.forced, found.start, found.merge_base) == (False, first[-1], branch.base)
    assert found.commits[0].author == "Jo Developer <jo@example.org>"
    assert found.missing == ()


def test_the_first_sweep_begins_at_mainline_and_says_so_without_one(branch, moved):
    tip = branch.push(branch.base, [patch(1)])[-1]
    assert subjects(moved("", tip, branch.base).commits) == ["Patch 1"]
    alone = moved("", tip)
    assert alone.commits == ()
    assert "no mainline" in alone.missing[0]


def test_a_force_push_tells_new_from_rebased_and_dropped(branch, moved):
    old = branch.push(branch.base, [patch(1), patch(2), patch(3)])[-1]
    other = branch.push(branch.base, [patch(9, FILES[1])], name="elsewhere")[-1]
    new = branch.push(other, [patch(1), patch(2), patch(4)])[-1]
    found = moved(old, new, branch.base)
    assert found.forced
    assert subjects(found.rebased) == ["Patch 1", "Patch 2"]
    assert subjects(found.commits) == ["Patch 9", "Patch 4"]
    assert subjects(found.dropped) == ["Patch 3"]


def test_what_went_into_mainline_was_not_dropped(branch, moved):
    old = branch.push(branch.base, [patch(1), patch(2)])[-1]
    mainline = branch.push(branch.base, [patch(7, FILES[1]), patch(1)], name="mainline")[-1]
    new = branch.push(mainline, [patch(2)])[-1]
    found = moved(old, new, mainline)
    assert (found.dropped, found.commits, found.upstream) == ((), (), 2)
    assert subjects(found.rebased) == ["Patch 2"]


def test_a_merge_of_mainline_brings_no_commits_of_the_branch(branch, moved):
    old = branch.push(branch.base, [patch(1)])[-1]
    mainline = branch.push(branch.base, [patch(n, FILES[1]) for n in (5, 6)], name="mainline")[-1]
    repository = branch.repository
    index = repository.merge_commits(old, mainline)
    tree = index.write_tree(repository)
    merge = str(repository.create_commit(None, WHO, WHO, "Merge", tree, [old, mainline]))
    tip = branch.push(merge, [patch(2)])[-1]
    found = moved(old, tip, mainline)
    assert subjects(found.commits) == ["Patch 2"]
    assert (found.upstream, found.merges, found.merge_base) == (2, 1, mainline)


def test_of_a_huge_range_only_the_subsystem_is_looked_at(branch, moved, monkeypatch):
    monkeypatch.setattr(sweep_range, "MOST", 4)
    some = [patch(n, FILES[n % 2]) for n in range(6)]
    tip = branch.push(branch.base, some)[-1]
    found = moved("", tip, branch.base)
    assert subjects(found.commits) == ["Patch 0", "Patch 2", "Patch 4"]
    assert found.missing == ("of 6 new commits only the 3 that touch the subsystem were looked at",)


def test_an_old_tip_that_is_gone_is_as_if_there_was_none(branch, moved):
    tip = branch.push(branch.base, [patch(1)])[-1]
    found = moved("0" * 40, tip, branch.base)
    assert (found.old, subjects(found.commits)) == ("", ["Patch 1"])


def test_commits_in_a_row_are_one_series(branch, moved):
    first = branch.push(branch.base, [patch(1), patch(2)])
    side = branch.push(first[0], [patch(8, FILES[1])], name="side")
    repository = branch.repository
    tree = repository.merge_commits(first[-1], side[-1]).write_tree(repository)
    merge = str(repository.create_commit(None, WHO, WHO, "Merge", tree, [first[-1], side[-1]]))
    tip = branch.push(merge, [patch(3)])[-1]
    chains = [subjects(one) for one in sweep_rules.chains(moved("", tip, branch.base).commits)]
    assert sorted(chains) == [["Patch 1", "Patch 2"], ["Patch 3"], ["Patch 8"]] or sorted(
        chains
    ) == [["Patch 1", "Patch 8"], ["Patch 2"], ["Patch 3"]]


def test_a_commit_without_a_subject_is_one_all_the_same(branch: Branch, moved):
    one = branch.push(branch.base, [patch(1)])[0]
    tree = branch.repository[one].peel(pygit2.Tree).id
    empty = str(branch.repository.create_commit(None, WHO, WHO, "", tree, [branch.base]))
    tip = str(branch.repository.create_commit(None, WHO, WHO, "Last", tree, [empty]))
    span = moved(branch.base, tip)
    assert [(each.commit, each.subject) for each in span.commits] == [(empty, ""), (tip, "Last")]
