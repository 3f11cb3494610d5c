# SPDX-License-Identifier: GPL-2.0-only
"""What ``reviewbot doctor`` says about virtual machines: by starting some."""

from reviewbot.engine.doctor_check import Check, State, install
from reviewbot.model.errors import ReviewbotError
from reviewbot.model.guest import Accelerator
from reviewbot.tools import accelerator, machine, sandbox, vm
from reviewbot.tools.context import Tools

_SECONDS = 30.0


def emulator(tools: Tools) -> Check:
    """Whether QEMU is here."""
    program = tools.config.lab.qemu
    found = machine.version(program)
    if found is None:
        return Check(
            name="qemu",
            state=State.FAIL,
            detail=f"{program} not found; it boots the kernels",
            fix=install("qemu-system-x86"),
        )
    return Check(name="qemu", state=State.OK, detail=found)


def isolation(tools: Tools) -> Check:
    """Starts a virtual machine, as every build does with these settings."""
    machines = vm.machines(tools.config.lab, tools.cache)
    try:
        done = machines.run(sandbox.Task(argv=("true",), timeout=_SECONDS))
        where = machines.described()
    except ReviewbotError as error:
        fix = 'see docs/sandbox.md, or set isolation = "process" in [lab]'
        return Check(name="isolation", state=State.FAIL, detail=str(error), fix=fix)
    detail = f"{where} runs a program in {done.seconds:.1f} s"
    if machines.vendor():
        return Check(name="isolation", state=State.OK, detail=detail)
    return Check(
        name="isolation",
        state=State.WARN,
        detail=f"{detail}; test guests in it are emulated: it has no KVM",
        fix="kvm_amd.nested=1 or kvm_intel.nested=1 on the host",
    )


def accelerated(tools: Tools) -> Check:
    """Boots a bare program, with hardware KVM (answered once per host) and if that fails without."""
    qemu = tools.config.lab.qemu
    real = accelerator.hardware(qemu, tools.cache)
    if real.usable:
        return Check(name="accelerator", state=State.OK, detail=f"hardware KVM: {real.why}")
    emulated = accelerator.bare_boot(qemu, Accelerator.TCG)
    if not emulated.usable:
        return Check(
            name="accelerator",
            state=State.FAIL,
            detail=f"nothing boots: {real.why}; emulated, {emulated.why}",
            fix=install("qemu-system-x86"),
        )
    return Check(
        name="accelerator",
        state=State.WARN,
        detail=f"emulation with SVM, because {real.why}: slower, and no Intel VMX",
        fix=_kvm_fix(real.why),
    )


def _kvm_fix(why: str) -> str:
    if "denied" in why or "not ours" in why:
        return f"chgrp kvm {accelerator.KVM}; chmod 660 {accelerator.KVM}; adduser $USER kvm"
    return "none needed; faster with nested KVM: kvm_amd.nested=1 or kvm_intel.nested=1 on the host"
