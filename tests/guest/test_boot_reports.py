# SPDX-License-Identifier: GPL-2.0-only
"""What booting shows is told whatever comes after it.  A shell script is the emulator; no kernel is built."""

import pytest

from reviewbot.engine.lab import Lab
from reviewbot.engine.pipeline import Review, ReviewRequest
from reviewbot.engine.store import Store
from reviewbot.model.build import Image
from reviewbot.model.config import Config
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.guest import Accelerator, BootResult, Host, Outcome
from reviewbot.model.run import Stage
from reviewbot.stages import boot, test
from reviewbot.tools import accelerator, profile, qemu, testbed
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools

HOST = Host(accelerator=Accelerator.TCG, qemu="sh", qemu_version="1", cpu_model="any", vendor="amd", why="")  # fmt: skip
UP = r"""printf 'KTAP version 1\n#reviewbot up 1.00\n1..0\n#reviewbot finished\n' > results.ktap"""
WARNS = """\
cat > console.log << EOF
[    1.0] Linux version 6.12
WARNING: CPU: 0 PID: 1 at arch/x86/kvm/x86.c:1 kvm_init+0x1/0x2
---[ end trace 0000000000000000 ]---
EOF
"""
STOPS_ONCE = f"{WARNS}[ $1 = 2 ] || sleep 1000; {UP}"


@pytest.fixture
def boots(tmp_path, monkeypatch):
    """The Run after two kernels were booted, which are scripts: $1 is the how manieth guest this is."""
    tools = Tools(
        config=Config(), cache=Cache(tmp_path / "cache"), scratch=tmp_path, progress=lambda *_: None
    )
    guests = {}

    def arguments(spec):
        number = guests.setdefault(spec.kernel, {}).setdefault(
            spec.initramfs, len(guests[spec.kernel]) + 1
        )
        return ["sh", "bzImage", str(number)]

    monkeypatch.setattr(qemu, "arguments", arguments)
    monkeypatch.setattr(accelerator, "candidates", lambda *_: (HOST,))
    monkeypatch.setitem(testbed._HANG_SECONDS, Accelerator.TCG, 2.0)

    def start(base, tip, until=Stage.BOOT):
        guests.clear()
        request = ReviewRequest(what="two kernels", trees=(), until=until)
        review = Review(request, tools, Store(tmp_path / "runs"))
        images = [
            Image(commit="c", kernel=tools.cache.put(script.encode()), modules=(), config="")
            for script in (base, tip)
        ]
        Lab(review)._boot_and_test(None, *images)
        return review.run

    return start


def titles(run):
    return [crash.title for crash in run.new_crashes]


def test_a_report_of_booting_is_told_when_nothing_is_to_be_tested(boots):
    assert titles(boots(UP, WARNS + UP)) == ["WARNING in kvm_init() at arch/x86/kvm/x86.c:1"]
    assert titles(boots(WARNS + UP, WARNS + UP)) == []


def test_a_report_of_booting_is_told_when_the_tests_do_not_end(boots, monkeypatch):
    def fails(*_):
        raise InfrastructureError("no space left on device")

    monkeypatch.setattr(test, "run", fails)
    monkeypatch.setattr(Lab, "_measure_base", lambda *_: None)
    run = boots(UP, WARNS + UP, until=Stage.TEST)
    assert titles(run) == ["WARNING in kvm_init() at arch/x86/kvm/x86.c:1"]


def test_a_kernel_that_stopped_once_is_booted_again_and_what_it_said_counts(boots):
    run = boots(UP, STOPS_ONCE)
    assert run.boot.outcome is Outcome.FINISHED
    assert titles(run) == ["WARNING in kvm_init() at arch/x86/kvm/x86.c:1"]
    assert boots(STOPS_ONCE, UP).base_boot.outcome is Outcome.FINISHED


def test_a_kernel_that_always_stops_does_not_come_up(boots):
    run = boots(UP, "sleep 1000")
    assert run.boot.outcome is Outcome.HUNG


def test_a_kernel_that_boots_under_emulation_only_says_nothing_of_others(tmp_path, monkeypatch):
    """A broken base, or a hostile prerequisite, must not have all later reviews emulated."""
    tools = Tools(config=Config(), cache=Cache(tmp_path), scratch=tmp_path, progress=lambda *_: None)  # fmt: skip
    monkeypatch.setattr(qemu, "version", lambda _name: "7")
    monkeypatch.setattr(accelerator, "vendor", lambda: "amd")
    monkeypatch.setattr(accelerator, "hardware", lambda *_: accelerator.Answer(usable=True, why=""))
    tried = []

    def guest(_tools, kernel, **_):
        tried.append((kernel.image.kernel, kernel.host.accelerator.value))
        stops = tried[-1] == ("bad", "kvm")
        outcome = Outcome.HUNG if stops else Outcome.FINISHED
        ended = BootResult(outcome=outcome, seconds=1.0, boot_seconds=1.0, command="", console="", last_lines=())  # fmt: skip
        return qemu.Life(boot=ended, results="")

    monkeypatch.setattr(testbed, "boot", guest)
    for name in ("bad", "good", "bad"):
        image = Image(commit="c", kernel=name, modules=(), config="")
        boot.run(boot.BootRequest(image=image, profile=profile.load("kvm")), tools)
    assert tried == [("bad", "kvm"), ("bad", "tcg"), ("good", "kvm"), ("bad", "tcg")]
