# SPDX-License-Identifier: GPL-2.0-only
"""What the report says of sparse, kernel-doc, exported symbols and Kconfig symbols: pure."""

from reviewbot.model.analysis import SPARSE, Analysis, ConfigSymbol, Export, Reach, ToolReport
from reviewbot.model.build import Diagnostic
from reviewbot.model.run import Run
from reviewbot.model.status import Status
from reviewbot.stages.printable import count, listed, one_line
from reviewbot.stages.remarks import diagnostic_lines

_MOST_WARNINGS = 6
_MOST = 4
_MOST_NAMES = 12
_LONGEST_COMMAND = 100


def row(run: Run) -> str:
    """One line of prose; "" when nothing was to be looked at."""
    found = run.analysis
    if found is None:
        return ""
    if found.unavailable:
        return f"not checked: {one_line(found.unavailable)}"
    said = []
    ran = [tool for tool in found.tools if tool.status is Status.PASS]
    if quiet := [tool.name for tool in ran if not (tool.added or tool.elsewhere)]:
        said.append(f"{', '.join(quiet)}: no new message")
    below = [
        f"{tool.name}: {count(len(tool.added) + len(tool.elsewhere), 'new message')}"
        for tool in ran
        if tool.added or tool.elsewhere
    ]
    if found.exports:
        below.append(f"{count(len(found.exports), 'symbol')} newly exported")
    good = tuple(f"CONFIG_{one_line(s.name)}" for s in found.symbols if s.reach is Reach.YES)
    if left := len(found.symbols) - len(good):
        below.append(f"{count(left, 'new Kconfig symbol')} not set")
    said += [f"{', '.join(below)} (see below)"] if below else []
    said += [f"{listed(good, 3)} can be set"] if good else []
    if gaps := _unchecked(found):
        said.append(f"not checked: {', '.join(gaps)}")
    return "; ".join(said)


def blocks(run: Run) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(heading, lines) of everything that is new, what counts first."""
    found = run.analysis
    if found is None:
        return ()
    parts = [_counted(tool) for tool in found.tools if tool.name == SPARSE]
    parts += [_noted(tool) for tool in found.tools]
    parts += [_exported(found.exports), _unreached(found.symbols)]
    return tuple((heading, lines) for heading, lines in parts if lines)


def _counted(tool: ToolReport) -> tuple[str, tuple[str, ...]]:
    heading = f"New messages of sparse on lines of the series, at its tip{_by(tool)}:"
    return heading, _messages(tool.added, _MOST_WARNINGS)


def _noted(tool: ToolReport) -> tuple[str, tuple[str, ...]]:
    if tool.name == SPARSE:
        heading = "New messages of sparse on lines that the series leaves alone; not counted:"
        return heading, _messages(tool.elsewhere, _MOST)
    heading = f"New messages of {tool.name}; not counted{_by(tool)}:"
    return heading, _messages((*tool.added, *tool.elsewhere), _MOST)


def _messages(found: tuple[Diagnostic, ...], most: int) -> tuple[str, ...]:
    lines = tuple(line for one in found[:most] for line in diagnostic_lines(one))
    left = len(found) - most
    return (*lines, f"[... and {left} more]") if left > 0 else lines


def _by(tool: ToolReport) -> str:
    brief = one_line(tool.brief)
    return f" ({brief})" if brief and len(brief) <= _LONGEST_COMMAND else ""


def _exported(exports: tuple[Export, ...]) -> tuple[str, tuple[str, ...]]:
    lines = [
        f"{one_line(one.name)} by {one_line(one.module)}, used by "
        f"{listed(tuple(map(one_line, one.users)), 3) if one.users else 'no other module of this build'}"
        for one in exports[:_MOST_NAMES]
    ]
    if len(exports) > _MOST_NAMES:
        lines.append(f"[... and {len(exports) - _MOST_NAMES} more]")
    return "Newly exported:", tuple(lines)


def _unreached(symbols: tuple[ConfigSymbol, ...]) -> tuple[str, tuple[str, ...]]:
    shown = [one for one in symbols if one.reach is not Reach.YES]
    shown.sort(key=lambda one: one.reach is not Reach.NEVER)
    lines = []
    for one in shown[:_MOST_NAMES]:
        what = "cannot be set" if one.reach is Reach.NEVER else "not known whether it can be set"
        what = "was not set here" if one.reach is Reach.NOT_HERE else what
        lines += [
            f"{one_line(one.path)}:{one.line}: CONFIG_{one_line(one.name)} {what}:",
            f"    {one_line(one.why)}",
        ]
    return "Kconfig symbols of the series:", tuple(lines)


def _unchecked(found: Analysis) -> list[str]:
    gaps = []
    for tool in found.tools:
        if tool.status is not Status.PASS:
            gaps.append(f"{tool.name} ({one_line(tool.reason) or 'no result'})")
        elif tool.unchecked:
            names = listed(tuple(map(one_line, tool.unchecked)), 2)
            gaps.append(f"{tool.name} on {names} (not part of the configuration)")
    if found.exports_unknown:
        gaps.append(f"exported symbols ({one_line(found.exports_unknown)})")
    if found.symbols_unknown:
        gaps.append(f"Kconfig symbols ({one_line(found.symbols_unknown)})")
    return gaps
