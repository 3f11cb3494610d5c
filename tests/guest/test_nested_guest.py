# SPDX-License-Identifier: GPL-2.0-only
"""A test guest within the virtual machine that isolates it: with KVM of its own, though QEMU emulates all below."""

import pytest
from machines import machines

from reviewbot.model.guest import Accelerator, Outcome
from reviewbot.tools import accelerator, sandbox, testbed
from reviewbot.tools.testbed import Kernel

pytestmark = pytest.mark.slow


def test_a_test_guest_runs_in_the_virtual_machine(lab, monkeypatch):
    """Found out by booting, as on a host; its results come back while it runs."""
    monkeypatch.setitem(testbed._BOOT_SECONDS, Accelerator.KVM, 500.0)
    monkeypatch.setitem(testbed._HANG_SECONDS, Accelerator.KVM, 400.0)
    has_kvm = lab.program("has_kvm", 'return open("/dev/kvm", O_RDWR) < 0;', limit=100)
    machine = machines(lab.tools.cache)
    sandbox.isolate(machine)
    try:
        host, *_ = accelerator.candidates(machine.emulator, lab.tools.cache)
        assert host.accelerator is Accelerator.KVM, host.why
        assert machine.described() in host.qemu_version
        kernel = Kernel(image=lab.kernel.image, profile=lab.kernel.profile, host=host)
        seen = []
        life = testbed.boot(
            lab.tools, kernel, [has_kvm], on_test=lambda test: seen.append(test.name)
        )
    finally:
        sandbox.isolate(None)
    assert life.boot.outcome is Outcome.FINISHED, life.boot.last_lines
    assert not life.boot.module_error
    assert seen == ["has_kvm"]
    assert "ok 1 has_kvm" in life.results
