# SPDX-License-Identifier: GPL-2.0-only
"""MSR handlers answer 0, 1 or KVM_MSR_RET_*, and exits to userspace for MSRs are whole.

What
----
{vmx,svm}_{get,set}_msr(), kvm_{get,set}_msr_common() and the functions of the same file whose value they
return do not newly return a negative errno; when writing, those that say that KVM itself failed (-ENOMEM,
-EFAULT) are allowed.  Code that fills run->msr.reason clears run->msr.pad.  A function that completes
such an exit looks at run->msr.error.

Why
---
KVM_MSR_RET_UNSUPPORTED and KVM_MSR_RET_FILTERED are told apart for userspace, every other value is #GP
for the guest, and a negative value of a write makes KVM_RUN fail: a guest that writes a bad value would
end its VM.  What is not cleared in struct kvm_run leaks or gets a meaning by accident, and userspace
answers run->msr.error to have #GP injected.

Bad
---
::

    case MSR_IA32_XSS:
        if (data & ~kvm_caps.supported_xss)
            return -EINVAL;

Good
----
::

    case MSR_IA32_XSS:
        if (data & ~kvm_caps.supported_xss)
            return 1;

When to ignore
--------------
The error is KVM's own and must reach userspace.

What it does not see
--------------------
Values that are kept in a variable first, and handlers in other files.  Whether 1 or
KVM_MSR_RET_UNSUPPORTED is right.
"""

from collections.abc import Iterator
from functools import partial

from reviewbot.rulekit import (
    CFile,
    Confidence,
    Context,
    Fact,
    Finding,
    Function,
    Problem,
    Severity,
    View,
    rule,
)

SOURCES = ("arch/x86/kvm/*.c",)
READING = ("vmx_get_msr", "svm_get_msr", "tdx_get_msr", "kvm_get_msr_common")
WRITING = ("vmx_set_msr", "svm_set_msr", "tdx_set_msr", "kvm_set_msr_common")
# set_efer() allocates; commit 7dffecaf4eab lets such errors of a write end KVM_RUN.
OWN_FAILURES = ("ENOMEM", "EFAULT", "EIO", "EINTR", "EAGAIN", "EBUSY")
# Only userspace can reach the intercepted MSRs of a protected guest (svm_get_msr()).
USERSPACE_ONLY = "protected_state"
EXIT, ERROR = "kvm_msr_user_space", "msr.error"
EXITS = ("KVM_EXIT_X86_RDMSR", "KVM_EXIT_X86_WRMSR")
CLEARED = ("msr.pad", "memset(&vcpu->run->msr,", "memset(&run->msr,")
REFERENCE = "Documentation/virt/kvm/api.rst, KVM_EXIT_X86_RDMSR/KVM_EXIT_X86_WRMSR"
SIGNS = ("-E", "msr.", EXIT, *EXITS)


@rule(code="KVM-MSR-008", severity=Severity.WARNING, confidence=Confidence.MEDIUM, touches=SOURCES)
def return_codes(context: Context) -> Iterator[Finding | Fact]:
    """What handlers newly answer, and exits that are newly not whole."""
    paths = context.changed_files(*SOURCES, words=SIGNS)
    if paths:
        yield from context.introduced(partial(scan, paths=paths), touching=paths)


def scan(view: View, paths: list[str]) -> Iterator[Problem]:
    """Everything of that kind in one tree's touched files."""
    for path in paths:
        text = view.read(path) or b""
        if b"_msr" not in text:
            continue
        source = view.c(path)
        for handlers, allowed in ((READING, ()), (WRITING, OWN_FAILURES)):
            for handler in handlers:
                for function in answering(source, handler):
                    for code in codes(function):
                        if code not in allowed:
                            yield _errno(view, path, handler, function, code)
        if b"run->msr." in text or EXIT.encode() in text:
            yield from uncleared(source, path)
            yield from careless(source, path)


def answering(source: CFile, handler: str) -> Iterator[Function]:
    """A handler and the functions whose value it returns, directly or through others."""
    waiting, seen = [handler], set()
    while waiting:
        name = waiting.pop()
        function = source.functions.get(name)
        if function is None or name in seen:
            continue
        seen.add(name)
        yield function
        waiting += [value.partition("(")[0] for value in returned(function) if "(" in value]


def returned(function: Function) -> Iterator[str]:
    """The expressions that a function returns."""
    for part in function.text.split("return ")[1:]:
        yield part.partition(";")[0].strip()


def codes(function: Function) -> tuple[str, ...]:
    """Names of the negative errnos that a function returns, each once."""
    found = []
    for value in returned(function):
        words = value.translate(str.maketrans("()?:", "    ")).split()
        if USERSPACE_ONLY not in value:
            found += [word[1:] for word in words if word.startswith("-E")]
    return tuple(dict.fromkeys(found))


def uncleared(source: CFile, path: str) -> Iterator[Problem]:
    """Functions that fill run->msr and leave the padding as it was."""
    for function in source.functions_with("run->msr.reason"):
        fills = "run->msr.reason =" in function.text
        if fills and not any(sign in function.text for sign in CLEARED):
            yield Problem(
                key=("pad", function.name),
                title=f"{function.name}() does not clear run->msr.pad",
                why=(
                    f"{function.name}() fills run->msr for userspace and leaves what another exit wrote "
                    "in the padding.  Padding that is not zero cannot get a meaning later."
                ),
                fix="memset(vcpu->run->msr.pad, 0, sizeof(vcpu->run->msr.pad));",
                reference=REFERENCE,
                path=path,
                line=function.line,
            )


def careless(source: CFile, path: str) -> Iterator[Problem]:
    """Functions that complete an MSR exit whatever userspace answered."""
    for name, line in completions(source):
        if not looks(source, name):
            yield Problem(
                key=("completion", name),
                title=f"{name}() ignores run->msr.error",
                why=(
                    f"{name}() completes an MSR access that userspace was asked about.  Userspace sets "
                    "run->msr.error to have #GP injected, and that is not looked at."
                ),
                fix="Pass run->msr.error on, as complete_emulated_msr_access() does.",
                reference=REFERENCE,
                path=path,
                line=source.functions[name].line or line,
            )


def completions(source: CFile) -> Iterator[tuple[str, int]]:
    """Functions of the file that are called when userspace has answered."""
    for call in source.calls(EXIT):
        yield from ((name, call.line) for name in call.arguments if name in source.functions)
    for function in source.functions_with(*EXITS):
        if any(name in function.text for name in EXITS):
            for each in source.assignments(function.name):
                if each.target.endswith("complete_userspace_io") and each.value in source.functions:
                    yield each.value, each.line


def looks(source: CFile, function: str) -> bool:
    """Whether a function, or one of the file that it calls, reads run->msr.error."""
    waiting, seen = [function], set()
    while waiting:
        name = waiting.pop()
        if name in source.functions and name not in seen:
            seen.add(name)
            if ERROR in source.functions[name].text:
                return True
            waiting += [call.name for call in source.calls_in(name)]
    return False


def _errno(view: View, path: str, handler: str, function: Function, code: str) -> Problem:
    lines = range(function.line, function.end + 1)
    through = "" if handler == function.name else f", whose value {handler}() returns,"
    reading = handler in READING
    return Problem(
        key=("errno", function.name, code),
        title=f"{function.name}() answers an MSR access with -{code}",
        why=(
            f"{function.name}(){through} returns -{code}.  "
            + (
                "RDMSR makes #GP of it, whatever the reason was."
                if reading
                else "A negative value makes KVM_RUN fail, so that the guest can end its VM by a write."
            )
        ),
        fix="Return 1 for #GP, or KVM_MSR_RET_UNSUPPORTED when there is no such MSR.",
        reference="arch/x86/kvm/x86.c, kvm_emulate_rdmsr() and kvm_emulate_wrmsr()",
        path=path,
        line=next((n for n in lines if f"-{code}" in view.line(path, n)), function.line),
    )
