# SPDX-License-Identifier: GPL-2.0-only
"""Bisections in the real lab: small commits on Debian's 6.12, built and booted.  The base is built once per machine.

Every history is one that no earlier run has built.  Each test prints its steps: what took how long.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import kernel_history as made
import pytest

from reviewbot.cli.environment import cache_directory
from reviewbot.engine.bisect_setup import steps_for
from reviewbot.engine.bisection import bisect
from reviewbot.model.bisection import BisectRequest, Failure
from reviewbot.model.config import Config
from reviewbot.model.sweep import Kind, Reverted, StepOutcome
from reviewbot.stages import bisect_text, boot
from reviewbot.tools import profile
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools
from reviewbot.tools.objects import ObjectStore
from reviewbot.tools.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reviewbot.model.sweep import Bisection

pytestmark = pytest.mark.slow

HWCR = Failure(kind=Kind.TEST, name=made.HWCR_TEST)
SREGS = Failure(kind=Kind.TEST, name=made.SREGS_TEST)
UNUSED = Failure(kind=Kind.WARNING, name=f"{made.KVM}/irq.c: 'kvm_irq_unused' defined but not used")


@dataclass
class Lab:
    """The cache that the product uses, and a new history on the kernel there."""

    tools: Tools
    kernel: Path
    place: Path
    said: list[str] = field(default_factory=list)

    def history(self, *commits: made.Made) -> list[str]:
        return list(made.make(self.place, self.kernel, list(commits)))

    def printed(self, commit: str) -> list[str]:
        """Fingerprints of what a kernel reports while it boots."""
        shipped = profile.load("kvm")
        store = ObjectStore(self.tools.cache, self.place)
        failure = Failure(kind=Kind.BOOT, name="kvm")
        request = BisectRequest(
            repository=str(self.place),
            good=commit,
            bad=commit,
            failures=(failure,),
            profile=shipped,
        )
        with contextlib.closing(steps_for(request, store, [commit], self.tools)) as steps:
            built = steps.builders[""].build(store.tree_of(commit), seconds=600)
        assert built.image, built.errors
        booted = boot.run(boot.BootRequest(image=built.image, profile=shipped), self.tools).boot
        return [crash.fingerprint for crash in booted.crashes]

    def bisect(self, good: str, bad: str, *failures: Failure, **more: float) -> list[Bisection]:
        request = BisectRequest(
            repository=str(self.place),
            good=good,
            bad=bad,
            failures=failures,
            profile=profile.load("kvm"),
            deadline=more.get("deadline", 0.0),
        )
        began = time.monotonic()
        found = bisect(request, self.tools)
        print("\n".join(self.said))
        print("".join(map(bisect_text.text, found)), f"{time.monotonic() - began:.0f} s")
        return list(found)


@pytest.fixture
def lab(kernel_tree: Path, tmp_path: Path) -> Iterator[Lab]:
    cache = Cache(cache_directory())
    with scratch(cache.root / "scratch") as place:
        said: list[str] = []
        began = time.monotonic()
        tools = Tools(
            config=Config(),
            cache=cache,
            scratch=place,
            progress=lambda stage, text: said.append(
                f"{time.monotonic() - began:6.1f} {stage} {text}"
            ),
        )
        yield Lab(tools=tools, kernel=kernel_tree, place=tmp_path / "linux.git", said=said)
        cache.release()


def new() -> str:
    """What no kernel has had yet."""
    return uuid.uuid4().hex[:8]


def test_a_failing_selftest_among_commits_that_do_not_build(lab: Lab) -> None:
    mark = new()
    quiet = ("lapic.c", "cpuid.c", "pmu.c", "xen.c")
    later = ("vmx/vmx.c", "i8254.c", "ioapic.c", "emulate.c", "irq.c", "svm/nested.c")
    commits = lab.history(
        *(made.noise(path, mark) for path in quiet),
        made.broken(),
        made.noise("hyperv.c", mark),
        made.noise("mtrr.c", mark),
        made.repaired(),
        made.noise("svm/svm.c", mark),
        made.hwcr(),
        *(made.noise(path, mark) for path in later),
    )
    (found,) = lab.bisect(commits[0], commits[16], HWCR)
    assert found.culprit
    assert found.culprit.commit == commits[10]
    assert found.culprit.reverted is Reverted.CURES
    assert found.culprit.message_id == "20260101000000.1-2-author@example.org"
    assert found.confidence >= 0.99
    for step in found.steps:
        unbuildable = step.commit in commits[5:8]
        assert (step.outcome is StepOutcome.SKIPPED) == unbuildable, step
    lab.said.clear()
    began = time.monotonic()
    (again,) = lab.bisect(commits[0], commits[16], HWCR)
    assert again.culprit == found.culprit
    assert time.monotonic() - began < 10, "a second bisection does not find what the first has kept"
    assert not [said for said in lab.said if " steps" in said]


def test_what_a_break_hides_leaves_suspects(lab: Lab) -> None:
    """The culprit lies where nothing builds: the honest answer is three commits, not one."""
    mark = new()
    commits = lab.history(
        made.noise("lapic.c", mark), made.broken(), made.hwcr(), made.repaired(), made.noise("irq.c", mark)
    )  # fmt: skip
    (found,) = lab.bisect(commits[0], commits[-1], HWCR)
    assert found.culprit is None
    assert set(found.suspects) == set(commits[2:5])
    assert found.reason == "the commits between the suspects cannot be tested"
    skipped = [step for step in found.steps if step.outcome is StepOutcome.SKIPPED]
    assert all("does not build" in step.why for step in skipped)
    assert skipped


def test_three_failures_are_found_in_one_pass(lab: Lab) -> None:
    mark = new()
    commits = lab.history(
        made.noise("lapic.c", mark),
        made.sregs(),
        made.noise("cpuid.c", mark),
        made.unused(),
        made.noise("xen.c", mark),
        made.hwcr(),
        made.noise("pmu.c", mark),
        made.noise("mtrr.c", mark),
    )
    found = lab.bisect(commits[0], commits[-1], HWCR, SREGS, UNUSED)
    assert [one.culprit and one.culprit.commit for one in found] == [
        commits[6],
        commits[2],
        commits[4],
    ]
    assert [one.culprit and one.culprit.reverted for one in found] == [Reverted.CURES] * 3
    tried = {step.commit for one in found for step in one.steps}
    assert len(tried) <= 7, "one by one, three bisections of eight commits look at 12"


def test_a_console_report_is_followed_to_its_commit(lab: Lab) -> None:
    mark = new()
    commits = lab.history(
        made.noise("lapic.c", mark), made.noise("xen.c", mark), made.warns(), made.noise("mtrr.c", mark)
    )  # fmt: skip
    (fingerprint,) = lab.printed(commits[-1])
    failure = Failure(kind=Kind.CONSOLE, name=fingerprint)
    (found,) = lab.bisect(commits[0], commits[-1], failure)
    assert found.culprit
    assert found.culprit.commit == commits[3]
    assert found.culprit.reverted is Reverted.CURES
