# SPDX-License-Identifier: GPL-2.0-only
"""What an emulated guest would find out about its clock at each start, kept from an earlier one.

A second processor without an invariant time stamp counter, which QEMU does not emulate, measures its delay loop:
0.15 s, and wrongly where the host is busy (init/calibrate.c, calibrate_delay()).  KVM's guests are told by their host
(kvm_get_preset_lpj()); these by the parameter "lpj=", with what the first processor found before, on this very machine since
it was started, with the same kernel configuration (CONFIG_HZ).
"""

from pathlib import Path

from reviewbot.model.codec import key_of
from reviewbot.model.guest import Accelerator, Host
from reviewbot.parse import console
from reviewbot.tools.cache import Cache

_STAGE = "calibration"
_STARTED = Path("/proc/sys/kernel/random/boot_id")


def parameters(cache: Cache, config: str, host: Host) -> str:
    """``lpj=N`` for the kernel's command line, or "" where nothing is known.

    ``config`` is the digest of the kernel's configuration.
    """
    if host.accelerator is not Accelerator.TCG:
        return ""
    loops = cache.load(_STAGE, _key(config), int)
    return "" if loops is None else f"lpj={loops}"


def learn(cache: Cache, config: str, host: Host, log: str) -> None:
    """Keep what a console, by its digest, says of it.  Of bases only: a series could spoil the guests of all others."""
    if host.accelerator is Accelerator.TCG and not parameters(cache, config, host):
        loops = console.loops_per_jiffy(cache.get(log).decode("utf-8", "replace"))
        if loops is not None:
            cache.save(_STAGE, _key(config), loops)


def _key(config: str) -> str:
    return key_of(_STAGE, config, _STARTED.read_text(encoding="ascii").strip())
