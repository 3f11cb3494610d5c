# SPDX-License-Identifier: GPL-2.0-only
"""KVM_ENABLE_CAP takes only what it understands, at a time when it can still take effect.

What
----
A ``case KVM_CAP_*`` of a KVM_ENABLE_CAP handler that tests bits of ``cap->args[n]``, or stores it in
a narrower field, rejects other values.  It checks ``cap->flags`` and, on x86 and in generic code, that
args[] is zero when it uses none of it (a note).  It reads ``created_vcpus`` under ``kvm->lock``, and
before it changes state that vCPU creation reads.  It rejects what the host or the VM cannot do.

A new module parameter whose value is copied into a VM, a vCPU or hardware state is not writable.

Why
---
Arguments that are ignored today can never get a meaning.  A capability that is accepted and has no
effect, or one on some vCPUs only, cannot be told from one that works.  A parameter that changes below
running VMs takes effect at some later time on some vCPUs.

Bad
---
::

    case KVM_CAP_EXAMPLE:
        if (cap->args[0] & KVM_EXAMPLE_ENABLE)
            kvm->arch.example = true;
        r = 0;
        break;

    +module_param(bus_lock_counter, ushort, 0644);
    +    svm->vmcb->control.bus_lock_counter = bus_lock_counter;

Good
----
::

    case KVM_CAP_EXAMPLE:
        r = -EINVAL;
        if (cap->args[0] & ~KVM_EXAMPLE_VALID_FLAGS)
            break;
        kvm->arch.example = cap->args[0] & KVM_EXAMPLE_ENABLE;
        r = 0;
        break;

When to ignore
--------------
The capability is toggled while the VM runs, and vCPUs look at it each time.

What it does not see
--------------------
Cases that hand their arguments to a function.  State that vCPU creation reads through a function.
Writable parameters that are only tested, or that have a ``set`` function, or are older.
"""

from collections.abc import Iterator

from reviewbot.rulekit import (
    CaseBody,
    Confidence,
    Context,
    Fact,
    Finding,
    Needs,
    Problem,
    Severity,
    View,
    added_cases,
    case_bodies,
    copied_to,
    matches,
    new_parameters,
    rule,
)

SOURCES = ("arch/*/kvm/*.c", "virt/kvm/*.c")
KVM = ("arch/*/kvm/*", "virt/kvm/*")
GENERIC = "kvm_vm_ioctl_enable_cap_generic"
HANDLERS = ("kvm_vm_ioctl_enable_cap", GENERIC, "kvm_vcpu_ioctl_enable_cap")
CAPABILITY = "KVM_CAP_"
SWITCH = "cap->cap"
CREATION = ("vcpu_create", "vcpu_precreate", "init_vmcb", "init_vmcs")
SUPPORT = (
    "kvm_caps.has_",
    "kvm_cpu_cap_has(",
    "cpu_has_",
    "boot_cpu_has(",
    "cpu_feature_enabled(",
    "kvm_can_",
    "irqchip_in_kernel(",
    "lapic_in_kernel(",
    "system_supports_",
    "cpus_have_final_cap(",
)
NARROW = ("bool", "int", "u8", "u16", "u32", "unsigned int", "uint32_t")
ARGUMENTS = tuple(f"cap->args[{number}]" for number in range(4))
# A function that is handed one of these may check everything.
OBJECTS = ("cap", "kvm", "vcpu")
CREATED = "created_vcpus"
LOCKS = ("_lock(", "guard(")
_ZERO = "Documentation/process/botching-up-ioctls.rst: Check all unused fields and flags"
_WRITABLE = "https://lore.kernel.org/r/Zr-ubK_e4lAxyt_7@google.com"
# Title, why, fix and reference by what is wrong; {} is the name that goes with it.
SAY = {
    "values": (
        "accepts unknown values of {}",
        "The case returns 0 for values that it does not know, so no further bit can get a meaning.",
        "Return -EINVAL for everything but the values that are defined.",
        _ZERO,
    ),
    "flags": (
        "does not check cap->flags",
        "Neither the case nor {}() rejects flags that are not zero: they can never get a meaning.",
        "Return -EINVAL if cap->flags is not 0.",
        _ZERO,
    ),
    "arguments": (
        "does not require unused arguments to be zero",
        "The case uses none of cap->args[] and accepts anything there.  No argument can be added.",
        "Return -EINVAL if {} is not 0.",
        _ZERO,
    ),
    "lock": (
        "reads created_vcpus without kvm->lock",
        "A vCPU may be created between the test and the change; kvm->lock protects the count.",
        "Take {}->lock around the test and the change.",
        "virt/kvm/kvm_main.c, kvm_vm_ioctl_create_vcpu(): created_vcpus under kvm->lock",
    ),
    "created": (
        "may be enabled after vCPUs were created",
        "{}() reads what the case changes: only vCPUs that are created later follow it.",
        "Return -EINVAL under kvm->lock when kvm->created_vcpus is not 0.",
        "Documentation/virt/kvm/api.rst, KVM_CAP_PMU_CAPABILITY: before creating any VCPU",
    ),
    "dropped": (
        "returns 0 where it has no effect",
        "Unless {} nothing is enabled, yet 0 is returned and userspace believes that it works.",
        "Return -EINVAL for what cannot be enabled.",
        "https://lore.kernel.org/r/aCUwvXPKD0ANKFb7@google.com",
    ),
}


@rule(
    code="KVM-CAP-002",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    needs=Needs.SERIES,
    touches=SOURCES,
)
def enable(context: Context) -> Iterator[Finding | Fact]:
    """Cases on the trees, or in the mails where those add whole cases; parameters by the mails."""
    yield from writable_parameters(context)
    signs = (CAPABILITY, "cap->", CREATED, "kvm->")
    if not any(sign in line for line in context.changed_lines(*SOURCES) for sign in signs):
        return
    if not context.steps or not context.complete:
        yield from in_mails(context)
        return
    touched = {path for step in context.steps for path in step.paths if matches(path, SOURCES)}
    yield from context.introduced(lambda view: scan(view, sorted(touched)), touching=SOURCES)


def scan(view: View, paths: list[str]) -> Iterator[Problem]:
    """Every case of the handlers in some files of one tree."""
    for path in paths:
        if b"_ioctl_enable_cap" not in (view.read(path) or b""):
            continue
        source = view.c(path)
        for name in (name for name in HANDLERS if name in source.functions):
            for body in case_bodies(source, name, CAPABILITY, SWITCH):
                yield from judge(body, path, view)


def in_mails(context: Context) -> Iterator[Finding]:
    """Cases that a patch adds whole, when no tree has all patches."""
    for patch in context.series.patches:
        for file in patch.files:
            for hunk in file.hunks if matches(file.path, SOURCES) else ():
                for body in added_cases(file.path, hunk, CAPABILITY, SWITCH):
                    if "cap->" in body.text:
                        for problem in judge(body, file.path, None):
                            yield context.finding(problem, patch=patch.number)


def judge(body: CaseBody, path: str, view: View | None) -> Iterator[Problem]:
    """Everything wrong with one case.  Without a tree, what a case that is added whole shows."""
    if body.falls_through:
        return
    wrong = [("values", name) for name in ARGUMENTS if unknown_values(body, name, view)]
    locked = any(sign in body.text for sign in LOCKS)
    wrong += [("lock", "kvm")] if CREATED in body.text and not locked else []
    wrong += [("dropped", test) for test in dropped(body)]
    if view is not None and not body.hands_on(*OBJECTS):
        seen = " ".join((*body.tests_before, body.text))
        wrong += [("flags", body.function)] if "cap->flags" not in seen else []
        asked = path.startswith(("arch/x86/", "virt/kvm/"))  # elsewhere nobody asks for this
        wrong += [("arguments", "cap->args[0]")] if "cap->args" not in seen and asked else []
        readers = created_with(body, path, view) if CREATED not in body.text else []
        wrong += [("created", reader) for reader in readers]
    for what, name in wrong:
        title, why, fix, reference = SAY[what]
        yield Problem(
            key=(body.function, body.name, what, name if what == "values" else ""),
            title=f"{body.name} {title.format(name)}",
            why=why.format(name),
            fix=fix.format(name),
            reference=reference,
            path=path,
            line=body.line,
            severity=Severity.NOTE if what == "arguments" else None,
        )


def unknown_values(body: CaseBody, name: str, view: View | None) -> bool:
    """Whether every use of an argument is understood, and none turns away what is not known."""
    tests = [test for test in body.tests if name in test]
    stored = [one for one in body.assignments if name in one.value]
    uses = [*tests, *(one.value for one in stored)]
    if not uses or sum(text.count(name) for text in uses) != body.text.count(name):
        return False
    if any(rejects(body, test, name) for test in tests):
        return False
    plain = [one for one in stored if one.value.lstrip("!") == name]
    if any(one not in plain and f"{name} & " not in one.value for one in stored):
        return False
    flags = any(f"{name} & " in text for text in uses)
    return flags or any(view is not None and narrow(one.target, view) for one in plain)


def rejects(body: CaseBody, test: str, name: str) -> bool:
    """Whether an ``if`` may turn values away that the case does not know."""
    plain = test.replace("->", ".")
    if any(sign in plain for sign in ("~", "<", ">", "==", "!=")):
        return True
    parts = [part.strip() for part in plain.split("||")]
    return name.replace("->", ".") in parts and body.does_nothing_but_fail(test)


def narrow(target: str, view: View) -> bool:
    """Whether kvm_host.h declares the field with fewer bits than an argument has."""
    name = target.replace("->", ".").rpartition(".")[2]
    for path in ("arch/x86/include/asm/kvm_host.h", "include/linux/kvm_host.h"):
        for number in view.c(path).mentions(name) if view.exists(path) else ():
            declared, _, field = view.line(path, number).strip().rpartition(" ")
            if field == f"{name};" and declared in NARROW:
                return True
    return False


def created_with(body: CaseBody, path: str, view: View) -> list[str]:
    """Functions of vCPU creation that read a field of the VM the case sets, if none writes it."""
    targets = [a.target for a in body.assignments if a.target.startswith("kvm->arch.")]
    found: dict[str, bool] = {}
    for file in view.paths("/".join((*path.split("/")[:3], "")), ".c") if targets else ():
        data = view.read(file) or b""
        fields = (target.rpartition(".")[2] for target in targets)
        for field in (each for each in fields if f".{each}".encode() in data):
            creates = any(name.encode() in data for name in CREATION)
            uses = view.c(file).accesses(field) if creates else ()
            functions = view.c(file).functions if uses else {}
            for name in (each for each in functions if each.endswith(CREATION)):
                first, last = functions[name].line, functions[name].end
                inside = [use for use in uses if first <= use.line <= last]
                found |= {name: any(use.written for use in inside)} if inside else {}
    return [] if any(found.values()) else sorted(found)[:1]


def dropped(body: CaseBody) -> list[str]:
    """Tests of what can be done below which something is set, while 0 is returned in any case."""
    refused = any(f"!{sign}" in test for test in body.tests for sign in SUPPORT)
    found = []
    for test in body.tests if "else" not in body.text.split() and not refused else ():
        inside = body.under(test)
        sets = any(one.target.startswith(("kvm->", "vcpu->")) for one in inside)
        outside = [one for one in body.assignments if one not in inside]
        done = any(one.value == "0" and one.target.isidentifier() for one in outside)
        if sets and done and supports(test):
            found.append(test)
    return found


def supports(test: str) -> bool:
    """Whether a condition asks what the host or the VM can do."""
    return any(sign in test and f"!{sign}" not in test for sign in SUPPORT)


def writable_parameters(context: Context) -> Iterator[Finding]:
    """New parameters that may be written and whose value an added line copies into some state."""
    for new in new_parameters(context, *SOURCES):
        target = copied_to(context, new.variable, *KVM) if new.writable else ""
        if target:
            problem = Problem(
                key=new.variable,
                title=f"module parameter {new.variable} is writable, {target} keeps an old value",
                why=(
                    f"Its value is copied to {target}, so what is written reaches running VMs at "
                    "some later time or never.  The behaviour is not deterministic."
                ),
                fix="Make it read-only (0444), or a capability that userspace enables for each VM.",
                reference=_WRITABLE,
                path=new.path,
                line=new.line,
            )
            yield context.finding(problem, patch=new.patch)
