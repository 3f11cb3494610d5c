# SPDX-License-Identifier: GPL-2.0-only
"""What a night's results depend on besides the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewbot.tools import accelerator, kbuild

if TYPE_CHECKING:
    from reviewbot.model.guest import Host
    from reviewbot.model.profile import Profile
    from reviewbot.tools.context import Tools


def hosts(tools: Tools) -> tuple[Host, ...]:
    """How guests could run here, best first."""
    return accelerator.candidates(tools.config.lab.qemu, tools.cache)


def machine(host: Host, profile: Profile, tools: Tools) -> str:
    """What results depend on besides the tree, for people and for telling nights apart."""
    lab = tools.config.lab
    compiler = kbuild.compiler().rpartition(" ")[2]
    return (
        f"{host.accelerator} {host.cpu_model}, QEMU {host.qemu_version}, {lab.cpus} CPUs, "
        f"{lab.memory_mib} MiB, gcc {compiler}, profile {profile.name}"
    )
