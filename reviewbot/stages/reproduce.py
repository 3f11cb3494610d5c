# SPDX-License-Identifier: GPL-2.0-only
"""Commands that repeat a run on the reader's machine.  They must work as printed.

Nothing here tells people to install us: that depends on where they got us from, and a wrong line is
worse than none.  What we can vouch for is our own command, and git, b4 and make.
"""

import shlex

from reviewbot.model.base import BaseRule
from reviewbot.model.build import CommitBuild
from reviewbot.model.run import Run, Stage
from reviewbot.parse.mail import SYNTHETIC_DOMAIN
from reviewbot.stages.compose import is_identifier
from reviewbot.stages.printable import one_line
from reviewbot.stages.summary import build_command

_TREE = "~/linux"


def ours(run: Run) -> tuple[str, ...]:
    """The same run with reviewbot; continued lines are indented.  None for what we decline."""
    what = _what(run)
    if not what or run.declined:
        return ()
    words = f"reviewbot review {what}"
    options = [f"--tree {_TREE}"]
    if run.base:
        options.append(f"--base {run.base.tip[:12]}")
    options += _limits(run)
    return (f"{words} \\", f"    {' '.join(options)}")


def by_hand(run: Run, *, exact: bool) -> tuple[str, ...]:
    """Base, series and build with nothing of ours, from inside a kernel checkout.

    ``exact`` gives the very configuration and targets of the lab, which fills a screen; otherwise the
    profile's few lines that come close, when it has any.
    """
    series, base, built = run.series, run.base, build_command(run)
    if series is None or base is None or built is None or not _mailed(run):
        return ()
    if base.rule is BaseRule.RANGE:
        return ()
    part = f" -P 1-{built.number}" if built.number < series.total else ""
    return (
        f"git checkout --detach {base.tip[:12]}",
        f"b4 shazam -v {series.revision}{part} {shlex.quote(one_line(series.message_id))}",
        *build_lines(run, built, exact=exact),
    )


def build_lines(run: Run, built: CommitBuild, *, exact: bool) -> tuple[str, ...]:
    """How to repeat one build in a checkout of its commit; see :func:`by_hand`."""
    if not exact and run.build and run.build.reproduce:
        return run.build.reproduce
    return tuple(line for line in map(one_line, built.command.split("\n")) if line)


def duration(run: Run) -> str:
    """'about 3 minutes', from what this run took; '' when unknown or when results were reused."""
    if not run.times or any(time.reused for time in run.times):
        return ""
    seconds = sum(time.seconds for time in run.times)
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"about {round(seconds, -1):.0f} seconds"
    return f"about {round(seconds / 60):.0f} minutes"


def _mailed(run: Run) -> bool:
    """True when the series has a message-id that a command can be given (not "-rf@host"), and no made-up one."""
    if run.series is None or run.series.message_id.startswith("-"):
        return False
    if run.series.message_id.endswith(f"@{SYNTHETIC_DOMAIN}"):
        return False
    return is_identifier(run.series.message_id)


def _what(run: Run) -> str:
    if ".." in run.request and "@" not in run.request and ".." not in run.request.split("/"):
        return f"--range {shlex.quote(one_line(run.request))}"
    if run.series and _mailed(run):
        return shlex.quote(one_line(run.series.message_id))
    return ""


def _limits(run: Run) -> list[str]:
    """The option that stopped the run early, as it was given."""
    said = (reason for stage, reason in run.skipped if stage is not Stage.DELIVER)
    return list(dict.fromkeys(one_line(reason) for reason in said if reason.startswith("--")))
