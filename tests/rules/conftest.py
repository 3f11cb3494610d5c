# SPDX-License-Identifier: GPL-2.0-only
"""Small trees in a dictionary, series over them, and rules written for one test."""

import hashlib
import itertools
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from reviewbot.model.base import (
    Applied,
    AppliedPatch,
    Base,
    BaseRule,
    Confidence,
)
from reviewbot.model.series import Address, ChangeKind, CoverLetter, FileDiff, Patch, Series
from reviewbot.model.status import Status
from reviewbot.rulekit.registry import load_rule
from reviewbot.rulekit.rule import SECTIONS
from reviewbot.rulekit.runner import on_trees

NOBODY = Address(name="A Developer", email="developer@example.org")


@dataclass
class DictTree:
    """A TreeView of a dictionary."""

    files: dict = field(default_factory=dict)

    def read(self, path):
        return self.files[path].encode() if path in self.files else None

    def blob_id(self, path):
        data = self.read(path)
        return None if data is None else hashlib.sha1(data).hexdigest()  # noqa: S324 - as git does

    def paths(self, prefix):
        return [path for path in self.files if path.startswith(prefix)]


def make_patch(number, paths):
    files = tuple(FileDiff(kind=ChangeKind.MODIFY, old_path=p, new_path=p) for p in paths)
    return Patch(
        number=number,
        mailed_number=number,
        subject=f"patch {number}",
        full_subject=f"[PATCH] patch {number}",
        message_id=f"{number}@example.org",
        references=(),
        author=NOBODY,
        sender=NOBODY,
        date="",
        to=(),
        cc=(),
        changelog="",
        below_cut="",
        trailers=(),
        files=files,
        diff="",
    )


def make_series(patches, *, total=None, cover=""):
    total = total or len(patches)
    letter = CoverLetter(
        subject="cover",
        full_subject="[PATCH 0/n] cover",
        message_id="0@example.org",
        references=(),
        sender=NOBODY,
        date="",
        to=(),
        cc=(),
        body=cover,
    )
    seen = {patch.number for patch in patches}
    return Series(
        title="title",
        revision=1,
        prefixes=(),
        total=total,
        cover=letter if cover else None,
        patches=tuple(patches),
        missing=tuple(n for n in range(1, total + 1) if n not in seen),
        base_commit=None,
        prerequisites=(),
        change_id=None,
        source="test",
        newest_revision=1,
    )


def make_applied(numbers, repository=""):
    base = Base(
        tree="t",
        path="t",
        ref="main",
        tip="0" * 40,
        commit="0" * 40,
        tree_id="0" * 40,
        rule=BaseRule.EXPLICIT,
        confidence=Confidence.HIGH,
        why="a test",
    )
    patches = tuple(
        AppliedPatch(number=n, commit=f"{n:040d}", tree_id=f"{n:040d}") for n in numbers
    )
    return Applied(status=Status.PASS, base=base, repository=repository, patches=patches)


def make_trees(*states, total=None, cover=""):
    """A series over trees given as dictionaries: the base, then one a patch."""
    patches = []
    for number, (old, new) in enumerate(itertools.pairwise(states), 1):
        changed = [p for p in old.keys() | new.keys() if old.get(p) != new.get(p)]
        patches.append(make_patch(number, changed))
    series = make_series(patches, total=total, cover=cover)
    views = [DictTree(state) for state in states]
    applied = make_applied([patch.number for patch in patches])
    return on_trees(series, [patch.number for patch in applied.patches], views[0], views[1:])


@pytest.fixture
def small():
    """The makers above."""
    return SimpleNamespace(
        trees=make_trees,
        series=make_series,
        patch=make_patch,
        tree=DictTree,
        applied=make_applied,
    )


@pytest.fixture
def write_rule(tmp_path):
    """Write a rule and its two cases; returns the loaded rule.  ``body`` is the check's own lines."""
    place = tmp_path / "rules"
    place.mkdir()

    def write(body, *, code="SITE-TEST-001", needs="TREES", touches="()", before=""):
        docs = "A title.\n\n" + "\n".join(f"{n}\n{'-' * len(n)}\nText.\n" for n in SECTIONS)
        stem = code.lower().replace("-", "_")
        lines = "\n".join("    " + line for line in body.split("\n"))
        (place / f"{stem}.py").write_text(
            f'"""{docs}"""\nfrom reviewbot.rulekit import *\n{before}\n\n'
            f'@rule(code="{code}", severity=Severity.WARNING, needs=Needs.{needs}, touches={touches})\n'
            f"def check(context):\n{lines}\n    yield from ()\n"
        )
        for kind in ("bad", "ok"):
            (place / f"{stem}.{kind}.case").write_text("EXPECT: none\n")
        return load_rule(place / f"{stem}.py")

    write.place = place
    return write
