# SPDX-License-Identifier: GPL-2.0-only
"""Find out how guests run here, and boot one kernel without any test.

The caller boots the base first: what the base does wrong is never blamed on the series.  The first
accelerator under which the kernel comes up with its modules is taken.  When none does, the answer is
about emulation, which every machine has.
"""

import threading
from dataclasses import dataclass

from reviewbot.model.build import Image
from reviewbot.model.guest import Accelerator, Booted, BootResult, Host, Outcome
from reviewbot.model.profile import Profile
from reviewbot.model.run import Stage
from reviewbot.tools import accelerator, testbed
from reviewbot.tools.context import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class BootRequest:
    """A kernel to boot.  ``host`` fixes how (as found with the base); None finds out."""

    image: Image
    profile: Profile
    host: Host | None = None
    cancel: threading.Event | None = None


def run(request: BootRequest, tools: Tools) -> Booted:
    """Boot it.  Raises UserError without QEMU or busybox, InfrastructureError when our tools fail.

    A kernel that does not come up is a result (see :func:`came_up`), not an error.
    """
    emulator = tools.config.lab.qemu
    hosts = (request.host,) if request.host else accelerator.candidates(emulator, tools.cache)
    outcomes = []
    for host in hosts:
        tools.progress(Stage.BOOT, f"boot {request.image.commit[:12]} under {host.accelerator}")
        kernel = testbed.Kernel(image=request.image, profile=request.profile, host=host)
        life = testbed.boot(tools, kernel, cancel=request.cancel)
        outcomes.append(life.boot.outcome)
        if came_up(life.boot):
            break
    refused = host.accelerator is Accelerator.TCG and len(hosts) > 1 and came_up(life.boot)
    if refused and Outcome.INFRA not in outcomes:
        # The bare program ran under hardware KVM, this kernel does not: remember that.  A QEMU that
        # the host killed says nothing about KVM.
        accelerator.reject(emulator, tools.cache, "a kernel does not boot with nested KVM under it")
    return Booted(host=host, boot=life.boot)


def came_up(boot: BootResult) -> bool:
    """True when the kernel reached init, loaded every module and powered off."""
    return boot.outcome is Outcome.FINISHED and not boot.module_error
