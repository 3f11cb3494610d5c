# SPDX-License-Identifier: GPL-2.0-only
"""Which MSRs KVM lets guests access and which it merges for L2, in a tree and in added lines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from reviewbot.parse.c import CFile
from reviewbot.rulekit.context import Context
from reviewbot.rulekit.fragments import fragments
from reviewbot.rulekit.intercepts import MSR_CALLS, switched, switching
from reviewbot.rulekit.module_parameter import identifiers
from reviewbot.rulekit.trees import View

_MACRO = "nested_vmx_merge_msr_bitmaps"
MERGE_CALLS = (
    "nested_vmx_set_intercept_for_msr",
    *(f"{_MACRO}_{how}" for how in ("read", "write", "rw")),
)
"""Calls that compute L2's intercept of an MSR from those of KVM and L1."""
_MERGED = {MERGE_CALLS[0]: 3} | dict.fromkeys(MERGE_CALLS[1:], 0)
"""Which of their arguments is the MSR."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intercept:
    """A call that changes L1's or computes L2's intercept.

    ``msr`` is "" when the argument names none (a variable), ``ranged`` says that it is the first of
    several ("MSR_IA32_PMC0 + i"), ``passes`` that the guest may come to access it.  ``function`` is "" where
    macros without a semicolon hide what follows from the parser, as in vmx/nested.c.
    """

    msr: str
    text: str
    ranged: bool
    passes: bool
    function: str
    path: str
    line: int
    patch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """MSRs that some calls pass through; ``families`` are ranges, by the name without digits.

    ``variables`` are the arguments that name no MSR: with one more, more may be passed through.
    """

    names: frozenset[str]
    families: frozenset[str]
    variables: frozenset[str]

    def __contains__(self, msr: str) -> bool:
        """Whether an MSR may be passed through."""
        return msr in self.names or family(msr) in self.families


def intercepts(view: View, directory: str, names: tuple[str, ...]) -> Iterator[Intercept]:
    """Calls of the functions ``names`` in the files of a directory."""
    for path in (*view.paths(directory, ".c"), *view.paths(directory, ".h")):
        data = view.read(path) or b""
        if any(name.encode() in data for name in names):
            yield from _calls(view.c(path), names)


def added_intercepts(
    context: Context, directory: str, names: tuple[str, ...]
) -> Iterator[Intercept]:
    """Such calls in lines that the series adds, with their lines in the files."""
    for fragment in fragments(context.series, f"{directory}*"):
        for one in _calls(fragment.source, names):
            if one.line in fragment.added:
                number = fragment.added[one.line]
                yield replace(one, line=number, patch=fragment.patch.number)


def passed(calls: Iterable[Intercept], more: Iterable[str] = ()) -> Passed:
    """What the calls pass through, and ``more`` by name."""
    passing = [one for one in calls if one.passes]
    return Passed(
        names=frozenset(one.msr for one in passing if one.msr) | frozenset(more),
        families=frozenset(family(one.msr) for one in passing if one.msr and one.ranged),
        variables=frozenset(
            one.text for one in passing if not one.msr and "X2APIC_MSR(" not in one.text
        ),
    )


def named_msr(text: str) -> str:
    """The first MSR_ name of an argument or an array's element, "" when it has none."""
    found = (word for word in identifiers(text) if word.startswith("MSR_"))
    return next((word for word in found if word != "MSR_INVALID"), "")


def family(msr: str) -> str:
    """MSR_K7_PERFCTR0 and MSR_K7_PERFCTR3 are of one."""
    return "".join(c for c in msr if not c.isdecimal())


def _calls(source: CFile, names: tuple[str, ...]) -> Iterator[Intercept]:
    for name in names:
        for call in source.calls(name):
            place = _MERGED.get(name)
            text = switched(call) if place is None else "".join(call.arguments[place:][:1])
            if text:
                yield Intercept(
                    msr=named_msr(text),
                    text=text,
                    ranged=not text.isidentifier(),
                    passes=name not in MSR_CALLS or switching(call).passes,
                    function=call.function,
                    path=source.path,
                    line=call.line,
                )
