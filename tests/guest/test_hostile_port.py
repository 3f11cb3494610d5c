# SPDX-License-Identifier: GPL-2.0-only
"""A guest whose result port says what our init never does: its kernel is the series', and its tests are root.

The emulator is a shell script that writes the port; everything else is as in a review.
"""

import time
from dataclasses import replace

import pytest

from reviewbot.model.build import Image
from reviewbot.model.config import Config
from reviewbot.model.guest import Accelerator, GuestSpec, Host, Outcome
from reviewbot.model.status import Status
from reviewbot.model.test import TestBinary
from reviewbot.tools import kept_results, profile, qemu, testbed
from reviewbot.tools.baselines import Baselines
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools

HOST = Host(accelerator=Accelerator.TCG, qemu="sh", qemu_version="1", cpu_model="any", vendor="amd", why="")  # fmt: skip
BEGIN = r"KTAP version 1\n#reviewbot up 1.00\n1..1\n#reviewbot start 1 10 x86/a\n"
END = r"#reviewbot done 1 0 0.10\nok 1 x86/a\n#reviewbot finished\n"


@pytest.fixture
def tools(tmp_path):
    return Tools(
        config=Config(), cache=Cache(tmp_path / "cache"), scratch=tmp_path, progress=lambda *_: None
    )


@pytest.fixture
def run(tools, monkeypatch):
    """Everything that a run of x86/a gives when the emulator is this script, and the names it told of."""
    monkeypatch.setattr(qemu, "arguments", lambda _spec: ["sh", "bzImage"])
    told = []

    def start(script):
        image = Image(commit="c", kernel=tools.cache.put(script.encode()), modules=(), config="")
        kernel = testbed.Kernel(image=image, profile=profile.load("kvm"), host=HOST)
        test = TestBinary(name="x86/a", digest=tools.cache.put(b"\x7fELF"), limit=10.0)
        ran = testbed.run(tools, kernel, [test], on_test=told.append)
        return ran, told, kept_results.load(tools, kernel, [test])

    return start


def test_a_test_that_nobody_asked_for_is_not_heard(run):
    forged = r"#reviewbot start 2 10 x86/other\nok 2 x86/other\n"
    ran, told, kept = run(f"printf '{BEGIN}{END.replace('#reviewbot finished', '')}' > results.ktap; sleep 1; printf '{forged}#reviewbot finished\\n' >> results.ktap")  # fmt: skip
    assert [(one.name, one.status) for one in ran.results] == [("x86/a", Status.PASS)]
    assert set(told) == {"x86/a"}
    assert set(kept) == {"x86/a"}


def test_a_guest_that_ends_in_a_test_that_nobody_asked_for_reached_none(run):
    ran, _, _ = run(f"printf '{BEGIN.replace('x86/a', 'x86/other')}' > results.ktap; exit 1")
    assert [(one.name, one.status) for one in ran.results] == [("x86/a", Status.CRASH)]
    assert "before the first test" in ran.results[0].assertion


def test_a_guest_that_does_not_come_up_is_no_history_of_tests(tools, monkeypatch):
    monkeypatch.setattr(qemu, "arguments", lambda _spec: ["sh", "bzImage"])
    image = Image(commit="c", kernel=tools.cache.put(b"exit 1"), modules=(), config="")
    kernel = testbed.Kernel(image=image, profile=profile.load("kvm"), host=HOST, tree="t")
    test = TestBinary(name="x86/a", digest=tools.cache.put(b"\x7fELF"), limit=10.0)
    testbed.run(tools, kernel, [test])
    assert Baselines(tools.cache.root).past(testbed.baseline(tools, kernel), ["x86/a"]) == {}


def test_what_a_series_programs_say_of_the_base_is_for_that_series_alone(tools, monkeypatch):
    """Its program may write init's port, and make the base fail the test that would show its own fault."""
    monkeypatch.setattr(qemu, "arguments", lambda _spec: ["sh", "bzImage"])
    forged = f"printf '{BEGIN}#reviewbot done 1 1 0.10\\nnot ok 1 x86/a # exit=1\\n#reviewbot finished\\n' > results.ktap"
    image = Image(commit="c", kernel=tools.cache.put(forged.encode()), modules=(), config="")
    kernel = testbed.Kernel(image=image, profile=profile.load("kvm"), host=HOST, tree="t")
    test = TestBinary(name="x86/a", digest=tools.cache.put(b"\x7fELF"), limit=10.0)
    theirs = replace(kernel, apart="their tree")

    def known(one):
        past = Baselines(tools.cache.root).past(testbed.baseline(tools, one), ["x86/a"])
        return len(kept_results.load(tools, one, [test])), len(past)

    assert testbed.run(tools, theirs, [test]).results[0].status is Status.FAIL
    assert (known(theirs), known(kernel)) == ((1, 0), (0, 0))
    testbed.run(tools, kernel, [test])
    assert known(kernel) == (1, 1)
    assert known(replace(kernel, apart="another tree")) == (1, 1)


@pytest.mark.parametrize("line", ["ok 1 x", "# ok 1 x"])
def test_printing_without_end_ends_the_guest_and_costs_little(tmp_path, line):
    """Each line that ends a test had the whole port read again; 60 MB of them took days, and 8 GB of memory."""
    kernel, initramfs = tmp_path / "kernel", tmp_path / "initramfs"
    kernel.write_text(
        f"yes '{line}' | head -c 60000000 > results.ktap; while :; do sleep 1; echo >> alive; done"
    )
    initramfs.write_bytes(b"")
    spec = GuestSpec(kernel=str(kernel), initramfs=str(initramfs), host=HOST, cpus=1, memory_mib=64, timeout=60, hang_timeout=30)  # fmt: skip
    looks = []
    began = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(qemu, "arguments", lambda _spec: ["sh", "bzImage"])
        life = qemu.run(
            spec,
            place=tmp_path / "guest",
            cache=Cache(tmp_path / "cache"),
            on_done=lambda results, _log: looks.append(len(results)),
        )
    assert life.boot.outcome is Outcome.LOST
    assert len(life.results) <= qemu._SAID
    assert len(looks) < 500
    assert time.monotonic() - began < 30
