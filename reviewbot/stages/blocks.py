# SPDX-License-Identifier: GPL-2.0-only
"""The parts of a report about the series as a whole, in the order in which all formats for people show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewbot.stages import added_lines, analysed, other_builds
from reviewbot.stages.summary import base_block, conflict_block, symbols_block
from reviewbot.stages.tested import Block, boot_block, crash_block, test_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewbot.model.guest import Crash
    from reviewbot.model.run import Run
    from reviewbot.stages.tally import Tally


def blocks(run: Run, counted: Tally, crashes: Iterable[Crash] = ()) -> list[Block]:
    """Those that have something to say; ``crashes`` are the ones to show among them."""
    about = (conflict_block(run), symbols_block(run), base_block(run))
    found = [block for block in about if block]
    found += [
        Block(heading=other_builds.heading(one), lines=other_builds.lines(one))
        for one in counted.variants
    ]
    found += [Block(heading=heading, lines=lines) for heading, lines in analysed.blocks(run)]
    found += [block] if (block := boot_block(run, counted)) else []
    found += test_blocks(counted)
    found += [crash_block(crash) for crash in crashes]
    if missed := added_lines.lines(run):
        found.append(Block(heading=added_lines.heading(run), lines=missed))
    return found
