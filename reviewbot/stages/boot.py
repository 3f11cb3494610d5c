# SPDX-License-Identifier: GPL-2.0-only
"""Find out how guests run here, and boot one kernel without any test.

The caller boots the base first: what the base does wrong is never blamed on the series.  The first
accelerator under which the kernel comes up with its modules is taken.  When none does, the answer is
about emulation, which every machine has.
"""

import threading
from dataclasses import dataclass, replace

from reviewbot.model.build import Image
from reviewbot.model.codec import key_of
from reviewbot.model.guest import STOPPED, Accelerator, Booted, BootResult, Host, Outcome
from reviewbot.model.profile import Profile
from reviewbot.model.run import Stage
from reviewbot.tools import accelerator, calibration, testbed
from reviewbot.tools.context import Tools

VERSION = 1
"""Raised when a kept result would be decided otherwise today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootRequest:
    """A kernel to boot.  ``host`` fixes how (as found with the base); None finds out.

    ``known`` takes the answer of an earlier run, when this very kernel came up so without a complaint.
    """

    image: Image
    profile: Profile
    host: Host | None = None
    known: bool = False
    cancel: threading.Event | None = None


def run(request: BootRequest, tools: Tools) -> Booted:
    """Boot it.  Raises UserError without QEMU or busybox, InfrastructureError when our tools fail.

    A kernel that does not come up is a result (see :func:`came_up`), not an error.
    """
    emulator = tools.config.lab.qemu
    kernel = request.image.kernel
    hosts = (
        (request.host,) if request.host else accelerator.candidates(emulator, tools.cache, kernel)
    )
    key = _key(request, hosts[0], tools)
    kept = tools.cache.load("boot", key, BootResult) if request.known else None
    if kept and tools.cache.has(kept.console):
        return Booted(host=hosts[0], boot=kept)
    outcomes = []
    for host in hosts:
        tools.progress(Stage.BOOT, f"boot {request.image.commit[:12]} under {host.accelerator}")
        guest = testbed.Kernel(image=request.image, profile=request.profile, host=host)
        life = testbed.boot(tools, guest, cancel=request.cancel)
        if request.known:
            calibration.learn(tools.cache, request.image.config, host, life.boot.console)
        outcomes.append(life.boot.outcome)
        if came_up(life.boot):
            break
    refused = host.accelerator is Accelerator.TCG and len(hosts) > 1 and came_up(life.boot)
    if refused and Outcome.INFRA not in outcomes:
        # The bare program ran under hardware KVM, this kernel does not: remember that.  A QEMU that
        # the host killed says nothing about KVM.
        why = "this kernel does not boot with nested KVM under it"
        accelerator.reject(emulator, tools.cache, kernel, why)
    if request.known and host is hosts[0] and came_up(life.boot) and not life.boot.crashes:
        tools.cache.save("boot", key, life.boot)
    return Booted(host=host, boot=life.boot)


def surely(request: BootRequest, tools: Tools) -> tuple[Booted, tuple[BootResult, ...]]:
    """:func:`run`, and once more when the kernel just stopped: a busy machine looks so, too.

    Returns the answer, and every boot that it took: what the first one's console showed counts as well.
    """
    first = run(request, tools)
    if first.boot.outcome not in STOPPED:
        return first, (first.boot,)
    second = run(replace(request, host=first.host), tools)
    answer = second if came_up(second.boot) else first
    return answer, (first.boot, second.boot)


def _key(request: BootRequest, host: Host, tools: Tools) -> str:
    """Everything that decides how a boot ends."""
    image, lab = request.image, tools.config.lab
    guest = (host.accelerator, host.qemu, host.qemu_version, host.cpu_model, host.vendor)
    modules = (image.modules, request.profile.modules)
    return key_of("boot", VERSION, image.kernel, modules, guest, lab.cpus, lab.memory_mib)


def came_up(boot: BootResult) -> bool:
    """True when the kernel reached init, loaded every module and powered off."""
    return boot.outcome is Outcome.FINISHED and not boot.module_error
