# SPDX-License-Identifier: GPL-2.0-only
"""The machine that a test guest is, as QEMU's command line."""

from reviewbot.model.guest import Accelerator, GuestSpec

CONSOLE, RESULTS, ALIVE, COUNTERS = "console.log", "results.ktap", "alive", "counters"
"""Files that the guest's ports write, in its own directory."""
_COUNTER_PORT = (
    *("-chardev", f"file,id=counters,path={COUNTERS}"),
    *("-device", "virtserialport,chardev=counters,name=org.reviewbot.counters"),
)


def arguments(spec: GuestSpec) -> list[str]:
    """QEMU's command line, with file names relative to the guest's directory."""
    # Instructions are counted by one thread only (QEMU's docs/devel/tcg-icount.rst).
    threads = "single" if spec.instructions else "multi"
    accelerator = {Accelerator.TCG: f"tcg,thread={threads}", Accelerator.KVM: "kvm"}
    # Devices: one serial line, one virtio-serial with two ports, nothing else; no network at all.
    return [
        *(spec.host.qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", "pc", "-accel", accelerator[spec.host.accelerator]),
        *(("-icount", "shift=0,sleep=off") if spec.instructions else ()),
        *("-cpu", spec.host.cpu_model, "-smp", str(spec.cpus), "-m", str(spec.memory_mib)),
        *("-kernel", "bzImage", "-initrd", "initramfs.cpio"),
        # panic=-1 reboots at once, which ends QEMU; devkmsg lets init mark every test.
        *("-append", f"console=ttyS0 panic=-1 printk.devkmsg=on {spec.command_line}".rstrip()),
        *("-chardev", f"file,id=console,path={CONSOLE}", "-serial", "chardev:console"),
        *("-device", "virtio-serial-pci"),
        *("-chardev", f"file,id=results,path={RESULTS}"),
        *("-device", "virtserialport,chardev=results,name=org.reviewbot.ktap"),
        *("-chardev", f"file,id=alive,path={ALIVE}"),
        *("-device", "virtserialport,chardev=alive,name=org.reviewbot.alive"),
        *(_COUNTER_PORT if spec.counters else ()),
    ]
