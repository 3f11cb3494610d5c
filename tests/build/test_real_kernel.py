# SPDX-License-Identifier: GPL-2.0-only
"""The build stage on Debian's 6.12 and the shipped KVM profile.  The base is built once per machine."""

import uuid
from pathlib import Path

import debian
import pygit2
import pytest

from reviewbot.cli.environment import cache_directory
from reviewbot.model.base import Applied, AppliedPatch, Base, BaseRule, Confidence
from reviewbot.model.build import Level
from reviewbot.model.config import Config
from reviewbot.model.status import Status
from reviewbot.stages import build
from reviewbot.tools import profile
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools
from reviewbot.tools.objects import ObjectStore, resolve_commit
from reviewbot.tools.scratch import scratch

pytestmark = pytest.mark.slow

NESTED = "arch/x86/kvm/svm/nested.c"
PARA = "arch/x86/include/uapi/asm/kvm_para.h"
SELFTEST = "tools/testing/selftests/kvm/x86_64/state_test.c"
AUTHOR = pygit2.Signature("T", "t@example.org", 1_700_000_000, 0)


def added(text):
    return lambda old: old + text.encode()


# What each patch does, and what has to be found.
PATCHES = (
    {NESTED: added("\nstatic const int only_with_w1 = 1;\n")},
    {NESTED: added("\nint uses(void);\nint uses(void)\n{\n\treturn vm_enable_npt();\n}\n")},
    {NESTED: lambda old: old.replace(b"vm_enable_npt()", b"0")},
    {PARA: added("\n/* used by the guest side, which is built in */\n")},
    {SELFTEST: added("\n/* no kernel code */\n")},
)


class _Series:
    """Commits on Debian's kernel, in an object store of ours."""

    def __init__(self, cache):
        repository = debian.kernel_tree()
        self.store = ObjectStore(cache, repository)
        self.commit = resolve_commit(self.store.origin, "HEAD")
        self.repository = repository

    def applied(self, patches):
        made, parent, tree = [], self.commit, self.store.tree_of(self.commit)
        base_tree = tree
        for number, changes in enumerate(patches, 1):
            written = {}
            for path, change in changes.items():
                old = self.store.blob_at(parent, path) or b""
                blob = self.store.repository.create_blob(change(old))
                written[path] = (str(blob), 0o100644)
            tree = self.store.write_tree(tree, written)
            parent = self.store.write_commit(
                tree=tree, parents=(parent,), message=f"{number}\n", author=AUTHOR, committer=AUTHOR
            )
            made.append(AppliedPatch(number=number, commit=parent, tree_id=tree))
        base = Base(
            tree="linux",
            path=str(self.repository),
            ref="HEAD",
            tip=self.commit,
            commit=self.commit,
            tree_id=base_tree,
            rule=BaseRule.EXPLICIT,
            confidence=Confidence.HIGH,
            why="named",
        )
        return Applied(
            status=Status.PASS, base=base, repository=str(self.store.path), patches=tuple(made)
        )


@pytest.fixture(scope="module")
def kernel_tools():
    cache = Cache(cache_directory())
    with scratch(cache.root / "scratch") as place:
        yield Tools(
            config=Config(), cache=cache, scratch=place, progress=lambda _stage, _text: None
        )


@pytest.fixture(scope="module")
def result(kernel_tools):
    # A comment of its own makes this series new, so that an earlier run's results are not taken.
    unique = {NESTED: added(f"\n/* {uuid.uuid4()} */\n")}
    first = {NESTED: lambda old: unique[NESTED](PATCHES[0][NESTED](old))}
    applied = _Series(kernel_tools.cache).applied((first, *PATCHES[1:]))
    request = build.BuildRequest(applied=applied, profile=profile.load("kvm"))
    return build.run(request, kernel_tools)


def compiled(result, number, cache):
    log = cache.get(result.patches[number - 1].log).decode()
    steps = (line.split() for line in log.splitlines() if line.startswith("  CC "))
    return {words[-1] for words in steps}


def test_the_base_builds(result):
    assert result.reason == ""
    assert result.base.status is Status.PASS


def test_each_patch_is_judged_by_what_it_adds(result):
    statuses = [patch.status for patch in result.patches]
    assert statuses == [Status.PASS, Status.FAIL, Status.PASS, Status.PASS, Status.PASS]
    first, second, third, fourth, fifth = result.patches
    assert [(one.path, one.option, one.level) for one in first.new] == [
        (NESTED, "-Wunused-const-variable", Level.WARNING)
    ]
    assert second.new[0].function == "uses"
    assert (third.new, fourth.new, fifth.new) == ((), (), ())


def test_a_patch_compiles_only_what_it_changes(result, kernel_tools):
    assert compiled(result, 1, kernel_tools.cache) == {"arch/x86/kvm/svm/nested.o"}
    users = compiled(result, 4, kernel_tools.cache)
    assert "arch/x86/kernel/kvm.o" in users  # built in, outside the profile's targets
    assert "arch/x86/kvm/x86.o" in users
    assert "mm/memory.o" not in users
    assert result.patches[4].reused


def test_what_boots(result):
    assert [Path(path).name for path, _ in result.tip_image.modules] == [
        "irqbypass.ko",
        "kvm.ko",
        "kvm-amd.ko",
        "kvm-intel.ko",
    ]
    assert result.tip_image.commit != result.base_image.commit


def test_wrong_base_is_told_from_the_authors_bug(result):
    assert result.missing_symbols == ("vm_enable_npt",)


def test_a_patch_takes_seconds(result):
    # One object: a few seconds of make.  Generous, for this may run on a busy machine.
    assert result.patches[0].seconds < 60
