# SPDX-License-Identifier: GPL-2.0-only
"""The same remark about many patches or many names, said once.

Twenty times "the subject begins with kvm:" is what makes maintainers switch a bot off.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reviewbot.model.finding import Fact, Finding, Severity
from reviewbot.rulekit.context import Context
from reviewbot.rulekit.problem import Problem

MANY = 3
"""Up to so many patches get the remark each: their authors look under their own patch."""

_LISTED = 12


def together(context: Context, found: Iterable[tuple[int, Problem]]) -> Iterator[Finding]:
    """Findings for problems at patches, given as (patch number, problem) in order.

    Problems with equal ``key`` are the same remark.  At more than ``MANY`` patches it is made once, at the
    first of them, with the numbers of the others.
    """
    groups: dict[Hashable, list[tuple[int, Problem]]] = {}
    for number, problem in found:
        groups.setdefault(problem.key, []).append((number, problem))
    for group in groups.values():
        number, first = group[0]
        others = [other for other, _ in group[1:]]
        if len(group) > MANY:
            also = f"  The same goes for patches {ranges(others)}."
            yield from context.report(replace(first, why=first.why + also), patch=number)
            continue
        for number, problem in group:
            yield from context.report(problem, patch=number)


def several(
    found: Iterable[Finding | Fact], verbs: Mapping[str, str], *, most: int = MANY
) -> Iterator[Finding | Fact]:
    """Findings of one patch that say the same about many names, as one.

    Titles must be "NAME VERB REST"; ``verbs`` has the plural of each VERB, blanks included:
    ``{" is removed": " are removed"}``.  Equal titles are one, with the lines of the others.  Up to ``most`` findings stay as they are, and so does what has
    none of the verbs.
    """
    groups: dict[tuple[int, Severity, str, str], list[Finding]] = {}
    for item in found:
        verb = next((v for v in verbs if isinstance(item, Finding) and v in item.title), None)
        if isinstance(item, Finding) and verb is not None:
            rest = item.title.partition(verb)[2]
            groups.setdefault((item.patch, item.severity, verb, rest), []).append(item)
        else:
            yield item
    for (_, _, verb, rest), group in groups.items():
        if len(group) <= most:
            yield from group
            continue
        names = list(dict.fromkeys(item.title.partition(verb)[0] for item in group))
        if len(names) == 1:
            lines = [item.location.line for item in group[1:] if item.location]
            what = (
                ("lines " if len(lines) > 1 else "line ") + ranges(sorted(lines)) if lines else ""
            )
            also = f"  The same goes for {what or 'other places'}."
            yield replace(group[0], why=group[0].why + also)
            continue
        several_names = names if len(names) <= MANY else [names[0], f"{len(names) - 1} more"]
        left = "" if len(names) <= _LISTED else f" and {len(names) - _LISTED} more"
        also = f"  The same goes for {', '.join(names[1:_LISTED])}{left}."
        yield replace(
            group[0],
            title=f"{enumerated(several_names)}{verbs[verb]}{rest}",
            why=group[0].why + also,
        )


def ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers as people write them: "2, 4-6 and 9"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    pieces = [
        piece
        for run in runs
        for piece in ([f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(n) for n in run])
    ]
    return enumerated(pieces)


def enumerated(words: Sequence[str]) -> str:
    """Words as people list them: "a, b and c".  At least one."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
