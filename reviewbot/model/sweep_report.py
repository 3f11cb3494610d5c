# SPDX-License-Identifier: GPL-2.0-only
"""All that a night's report says of one branch."""

from dataclasses import dataclass

from reviewbot.model.sweep import Bisection, Movement, Night, Regression
from reviewbot.model.sweep_range import SweepRange


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """``sweep`` is the settings' name.  ``range`` is None where nothing was looked at.

    ``movements`` are those since the last sweep, then those against merge base and mainline.
    ``closed`` are regressions that this night ended, ``open`` those that go on, with ``found`` (earlier
    searches) for them.  ``incomparable`` says why there is no comparison with the last sweep, if so.
    ``tip_subject`` is the first line of the tip's message.
    """

    sweep: str
    night: Night
    range: SweepRange | None = None
    tip_subject: str = ""
    movements: tuple[Movement, ...] = ()
    bisections: tuple[Bisection, ...] = ()
    closed: tuple[Regression, ...] = ()
    open: tuple[Regression, ...] = ()
    found: tuple[Bisection, ...] = ()
    incomparable: str = ""
