# SPDX-License-Identifier: GPL-2.0-only
"""What is kept of counted lines.  Guests are told, not started."""

from types import SimpleNamespace

import pygit2
import pytest

from reviewbot.model.coverage import PatchCoverage
from reviewbot.model.guest import Accelerator, Host
from reviewbot.model.test import TestBinary
from reviewbot.stages import patch_coverage
from reviewbot.tools import profile

HOST = Host(accelerator=Accelerator.TCG, qemu="q", qemu_version="7", cpu_model="c", vendor="amd", why="")  # fmt: skip


@pytest.fixture
def request_for(tmp_path):
    repository = pygit2.init_repository(tmp_path / "tree", bare=True)

    def tree(text):
        index = pygit2.Index()
        blob = repository.create_blob(text)
        index.add(pygit2.IndexEntry("arch/x86/kvm/x86.c", blob, pygit2.enums.FileMode.BLOB))
        return str(index.write_tree(repository))

    before, after = tree(b"int a;\n"), tree(b"int a;\nint f(void) { return 1; }\n")
    applied = SimpleNamespace(
        repository=str(tmp_path / "tree"),
        base=SimpleNamespace(tree_id=before, commit="c"),
        patches=(SimpleNamespace(tree_id=after),),
    )
    tests = tuple(TestBinary(name=name, digest=name, limit=9.0) for name in ("a", "b"))
    return patch_coverage.PatchCoverageRequest(
        applied=applied, profile=profile.load("kvm"), host=HOST, tests=tests
    )


@pytest.mark.parametrize(("sent", "measured"), [(("a",), 2), (("a", "b"), 1)])
def test_what_a_lost_guest_did_not_send_is_counted_again(
    tools, request_for, monkeypatch, sent, measured
):
    """Else the next review of the series says of the same two tests what one of them ran."""
    asked = []

    def measure(*_):
        asked.append(sent)
        return PatchCoverage(tests=sent)

    monkeypatch.setattr(patch_coverage, "_measure", measure)
    found = [patch_coverage.run(request_for, tools) for _ in range(2)]
    assert [one.tests for one in found] == [sent, sent]
    assert len(asked) == measured
