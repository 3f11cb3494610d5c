# SPDX-License-Identifier: GPL-2.0-only
"""The virtual machine that a task runs in: its emulator's command line, what it shows, what its init reads."""

import math
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from reviewbot.model.guest import Accelerator
from reviewbot.tools import bubblewrap, cpio
from reviewbot.tools.bubblewrap import Bind, Overlay
from reviewbot.tools.cpio import Member
from reviewbot.tools.sandbox import Task, total_memory
from reviewbot.tools.vm_kernel import VmKernel

RESULT, CONSOLE, EMULATOR = "result", "console", "emulator"
"""Files in the machine's own directory: what init says, what its kernel says, what QEMU says."""
INSIDE = "/machine"
_KERNEL, _INITRAMFS = "/kernel/image", "/kernel/initramfs"
_MIB = 1 << 20
_OWN_MEMORY = 384 * _MIB  # what a distribution's kernel takes for itself, generously
# QEMU talks on standard error itself, and hands on no standard stream.
_SCRIPT = f'exec 3>&1 4>&2 >{INSIDE}/{EMULATOR} 2>&1; exec "$@"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """How machines run here.  ``vendor`` is the nesting their processors offer: "amd", "intel" or ""."""

    emulator: str
    accelerator: Accelerator
    cpu_model: str
    vendor: str


def memory(task: Task) -> int:
    """Bytes of memory of a task's machine."""
    return total_memory(task.limits) + _OWN_MEMORY


def arguments(hardware: Hardware, task: Task, processors: int) -> tuple[str, ...]:
    """What runs in the sandbox instead of the task: QEMU, with files where :func:`mounts` shows them."""
    emulated = hardware.accelerator is Accelerator.TCG
    ports = (
        ("out", "/dev/fdset/3"),
        ("err", "/dev/fdset/4"),
        ("result", f"{INSIDE}/{RESULT}"),
    )
    return (
        *("sh", "-c", _SCRIPT, "vm", hardware.emulator),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", "pc"),
        *("-accel", "tcg,thread=multi" if emulated else "kvm", "-cpu", hardware.cpu_model),
        *("-smp", str(processors), "-m", f"{math.ceil(memory(task) / _MIB)}"),
        *("-kernel", _KERNEL, "-initrd", _INITRAMFS),
        *("-append", "console=ttyS0 quiet panic=-1 printk.devkmsg=on"),
        *("-chardev", f"file,id=console,path={INSIDE}/{CONSOLE}", "-serial", "chardev:console"),
        *("-add-fd", "fd=3,set=3", "-add-fd", "fd=4,set=4", "-device", "virtio-serial-pci"),
        *(word for name, path in ports for word in _port(name, path)),
        *_share("readonly", ",readonly=on"),
        *_share("writable", ""),
    )


def _port(name: str, path: str) -> tuple[str, ...]:
    device = f"virtserialport,chardev={name},name=org.reviewbot.{name}"
    # What is not appended to is truncated first, and a pipe cannot be.
    return ("-chardev", f"file,id={name},path={path},append=on", "-device", device)


def _share(name: str, how: str) -> tuple[str, ...]:
    # Files keep the modes that the machine gives them and belong to QEMU's user, who is nobody on the host.
    where = f"local,id={name},path=/{name},security_model=none,multidevs=remap{how}"
    return ("-fsdev", where, "-device", f"virtio-9p-pci,fsdev={name},mount_tag={name}")


def mounts(kernel: VmKernel, task: Task, place: Path) -> tuple[Bind | Overlay, ...]:
    """What the emulator's sandbox shows; ``place`` has the directories ``machine`` and ``clock``, and ``initramfs``."""
    own = (
        Bind(source=kernel.image, target=_KERNEL),
        Bind(source=place / "initramfs", target=_INITRAMFS),
        Bind(source=place / "machine", target=INSIDE, writable=True),
        Bind(source=place / "clock", target="/writable/clock", writable=True),
        *(Bind(source=path, target=f"/readonly{path}") for path in _system()),
    )
    shown = zip(task.mounts, _places(task), strict=True)
    return (*own, *(replace(mount, target=where) for mount, where in shown))


def _system() -> Iterator[Path]:
    yield Path("/usr")
    for path in map(Path, (*bubblewrap.SYSTEM_LINKS, *bubblewrap.SYSTEM_FILES)):
        if path.exists() and not path.is_symlink():
            yield path


def _places(task: Task) -> Iterator[str]:
    for number, mount in enumerate(task.mounts):
        yield f"/{'writable' if mount.writable else 'readonly'}/{number}"


def base(kernel: VmKernel) -> bytes:
    """The part of the machine's initramfs that is the same for every task.  Raises UserError without busybox."""
    init = resources.files("reviewbot").joinpath("guest", "vm-init").read_bytes()
    names = "".join(f"{name}\n" for name, _ in kernel.modules).encode()
    directories = ("dev", "machine", "machine/modules")
    return b"".join(
        cpio.archive(
            [
                *(Member(path=path, mode=cpio.DIRECTORY) for path in directories),
                Member(path="dev/console", mode=cpio.CONSOLE, device=(5, 1)),
                Member(path="machine/busybox", mode=cpio.EXECUTABLE, data=cpio.busybox()),
                Member(path="init", mode=cpio.EXECUTABLE, data=init),
                Member(path="machine/load", mode=cpio.PLAIN, data=names),
                *(
                    Member(path=f"machine/modules/{name}", mode=cpio.PLAIN, data=data)
                    for name, data in kernel.modules
                ),
            ]
        )
    )


def order(task: Task) -> bytes:
    """The part that says what to do, an archive behind the first; reviewbot/guest/vm-init has its files."""
    limits = task.limits
    settings = {
        "merge": "yes" if task.merge else "no",
        "seconds": str(math.ceil(task.timeout)),
        "memory": str(total_memory(limits)),
        "processes": str(limits.processes),
        "devices": " ".join(str(device) for device in task.devices),
        # busybox knows no fractions of a second.
        "date": bubblewrap.tool("date"),
        "stat": bubblewrap.tool("stat"),
    }
    files = {
        "settings": "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items()),
        "prepare": "".join(f"{line}\n" for line in _prepare()),
        "command": f"exec {_command(task)}\n",
    }
    members = [
        Member(path="machine/task", mode=cpio.DIRECTORY),
        Member(path="machine/task/stdin", mode=cpio.PLAIN, data=task.stdin),
        *(
            Member(path=f"machine/task/{name}", mode=cpio.PLAIN, data=text.encode())
            for name, text in files.items()
        ),
    ]
    return b"".join(cpio.archive(members))


def _prepare() -> Iterator[str]:
    """Make the machine's root look like this host's, as far as programs need."""
    for path in map(Path, bubblewrap.SYSTEM_LINKS):
        if path.is_symlink():
            yield f"$B ln -s {shlex.quote(str(path.readlink()))} {path}"
    for path in _system():
        if path.is_dir():
            yield f"$B mkdir -p {path} && $B mount --bind /readonly{path} {path}"
        else:
            yield f"$B cp /readonly{path} {path}"


def _command(task: Task) -> str:
    inside = [
        word
        for mount, where in zip(task.mounts, _places(task), strict=True)
        for word in ("--bind" if mount.writable else "--ro-bind", where, mount.target)
    ]
    words = bubblewrap.command_line(
        task.argv,
        status=4,
        mounts=inside,
        devices=task.devices,
        cwd=task.cwd,
        env=task.env,
        limits=task.limits,
    )
    # Its user is the one that the emulator's files belong to, seen through its sandbox.
    user = (bubblewrap.tool("setpriv"), "--reuid", "1000", "--regid", "1000", "--clear-groups")
    late = (bubblewrap.tool("timeout"), "--kill-after=2", str(math.ceil(task.timeout)))
    return shlex.join((*late, *user, "--", *words))
