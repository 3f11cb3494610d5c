# SPDX-License-Identifier: GPL-2.0-only
"""From what make left to the result of one commit: which messages are new, and whose fault it was."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reviewbot.model.build import CommitBuild, Diagnostic, Level
from reviewbot.model.status import Status
from reviewbot.parse.compiler import Place, Step, place
from reviewbot.tools.kbuild import Made

# What the tools print when the machine, not the source, is at fault.
_OUR_FAULT = (
    "Killed signal terminated program",
    "Killed (program ",
    "unable to execute command: Killed",
    "Disk quota exceeded",
    "Too many open files",
    "No space left on device",
    "virtual memory exhausted",
    "Cannot allocate memory",
    "Resource temporarily unavailable",
)
# make of a program that a signal ended: the first is what the kernel does for want of memory, the others limits of the
# sandbox (strsignal(3)).
_ENDED = ("] Killed", "] CPU time limit exceeded", "] File size limit exceeded")
# gcc names the source line it has come to when it cannot write its output (gcc/toplev.cc, finalize).
_OUTPUT_FAILED = ("error writing to /", "error closing /")
_QUOTED = re.compile("['\u2018][A-Za-z_]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """One commit's build as kept in the cache.

    ``places`` are, by make target, the messages that are there at this commit; ``pending`` are make
    targets that failed and have to be tried again with the next patch; ``errors`` all errors;
    ``kernel`` the content key of the last commit that changed what is compiled.
    """

    build: CommitBuild
    places: dict[str, tuple[Place, ...]]
    pending: tuple[str, ...] = ()
    errors: tuple[Diagnostic, ...] = ()
    kernel: str = ""


def places_after(
    before: dict[str, tuple[Place, ...]], steps: tuple[Step, ...]
) -> dict[str, tuple[Place, ...]]:
    """The messages that are there after a make, by target.

    A target that was made again says everything it has to say again; one that failed to compile
    said only what came before the error, so what it said earlier still counts as known.
    """
    now: dict[str, list[Place]] = {}
    for step in steps:
        said = now.setdefault(step.target, [])
        said += [place(one) for one in step.diagnostics]
        known = before.get(step.target, ())
        if any(one.level is Level.ERROR for one in step.diagnostics):
            said += known
        elif step.kind == "MODPOST":  # of single modules: it says nothing of the others
            said += [one for one in known if not one[2].endswith("undefined!")]
    after = {target: known for target, known in before.items() if target}
    after |= {target: tuple(dict.fromkeys(said)) for target, said in now.items()}
    return {target: known for target, known in after.items() if known}


def new_diagnostics(
    before: dict[str, tuple[Place, ...]], steps: tuple[Step, ...]
) -> tuple[Diagnostic, ...]:
    """Errors and warnings that were not there before, each place once, in order.

    Code that moves to another file takes its warnings along: one that names its function, or something else,
    and was known with the same words of another file is no news.
    """
    known = {one for places in before.values() for one in places}
    moving = {one[1:] for one in known if one[1] or _QUOTED.search(one[2])}
    new: dict[Place, Diagnostic] = {}
    for step in steps:
        for one in step.diagnostics:
            moved = one.level is Level.WARNING and place(one)[1:] in moving
            if one.level is not Level.NOTE and place(one) not in known and not moved:
                new.setdefault(place(one), one)
    return tuple(new.values())


def status_of(*, ok: bool, timed_out: bool, steps: tuple[Step, ...]) -> Status:
    """PASS for a make that succeeded, FAIL only for one that named an error in what it was given."""
    if timed_out:
        return Status.TIMEOUT
    if ok:
        return Status.PASS
    errors = errors_in(steps)
    ours = any(_is_our_fault(error) for error in errors)
    return Status.FAIL if errors and not ours else Status.INFRA


def _is_our_fault(error: Diagnostic) -> bool:
    """True for an error of the machine.  A patch can print the same words, but with its own line."""

    def said(text: str) -> bool:
        return any(words in text for words in _OUR_FAULT)

    if error.message.startswith("make: [") and error.message.endswith(_ENDED):
        return True
    if not said(error.message) or error.message.startswith("#error"):
        return False
    if error.line == 0:
        return True
    return error.message.startswith(_OUTPUT_FAILED) and not any(map(said, error.context))


def errors_in(steps: tuple[Step, ...]) -> tuple[Diagnostic, ...]:
    """All errors, in order."""
    found = (one for step in steps for one in step.diagnostics)
    return tuple(one for one in found if one.level is Level.ERROR)


def lacks_exports(built: Built) -> bool:
    """True for a build that failed for what modpost says alone: it knows the exports of what it is shown."""
    found = built.build.status is Status.FAIL and built.errors
    return bool(found) and all(one.message.startswith("modpost: ") for one in built.errors)


def with_modpost_of(made: Made, more: Made) -> Made:
    """A make and another after it that made more, as if modpost had run in the second alone."""
    compiled = made.log.partition("\n  MODPOST ")[0]
    return replace(more, log=f"{compiled}\n{more.log}", seconds=made.seconds + more.seconds)


def worst(builts: Sequence[Built]) -> Status:
    """The series' status: FAIL when any patch failed, PASS only when all passed."""
    found = {built.build.status for built in builts}
    for status in (Status.FAIL, Status.TIMEOUT, Status.INFRA):
        if status in found:
            return status
    return Status.PASS if found else Status.INFRA


def reason(builts: Sequence[Built]) -> str:
    """Why there is neither PASS nor FAIL, one sentence; "" when there is."""
    if not builts:
        return "no patch of the series was applied"
    for built in builts:
        if built.build.status is Status.TIMEOUT:
            return f"the build of patch {built.build.number} took longer than an hour"
        if built.build.status is Status.INFRA:
            said = f": {built.errors[0].message}" if built.errors else " without naming an error"
            return f"the build of patch {built.build.number} stopped{said}"
    return ""


def errors_of(builts: Sequence[Built]) -> tuple[Diagnostic, ...]:
    """All errors of the patches that do not build."""
    failed = (built for built in builts if built.build.status is Status.FAIL)
    return tuple(error for built in failed for error in built.errors)
