# SPDX-License-Identifier: GPL-2.0-only
"""One series: what goes on, then all that triage knows of it, then the stages of its review.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewbot.screen.lines import Line, line
from reviewbot.screen.progress import stages
from reviewbot.stages.triage_detail import detail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewbot.model.run import Run
    from reviewbot.model.triage import Item

_WIDEST = 120


def overview(
    item: Item,
    names: Mapping[str, str],
    run: Run | None,
    now: Sequence[Line],
    *,
    moment: float,
    working: bool,
    width: int,
) -> tuple[Line, ...]:
    """``now`` is what goes on besides; ``moment`` in seconds since 1970."""
    head, *rest = detail(item, names, width=min(width, _WIDEST), colour=False)
    at_work = (*stages(run, moment, working=True), line()) if run and working else ()
    done = (line(), *stages(run, moment, working=False)) if run and not working else ()
    return (line(head, "head"), line(), *now, *at_work, *(line(one) for one in rest), *done)


def title(item: Item, width: int) -> Line:
    """The line on top of everything about a series."""
    text = f"{item.id} v{item.card.revision}  {item.card.subject}"
    return Line(pieces=((line(text).text.ljust(width), "head"),))


def tabs(current: str, patch: str, found: int) -> Line:
    """The parts of a series, the one that is shown in brackets."""
    names = {
        "overview": "1 overview",
        "patches": f"2 {patch}",
        "logs": f"3 logs ({found})",
        "diff": "4 difference",
    }
    return Line(
        pieces=tuple(
            (f"[{text}] ", "head") if name == current else (f" {text}  ", "dim")
            for name, text in names.items()
        )
    )
