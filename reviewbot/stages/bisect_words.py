# SPDX-License-Identifier: GPL-2.0-only
"""Why a search that ended has no culprit, in one line.  Pure."""

from collections.abc import Sequence

from reviewbot.model.bisection import Failure
from reviewbot.model.sweep import Kind, Step
from reviewbot.stages.bisecting import Belief

_SEEN = frozenset({Kind.WARNING, Kind.CONSOLE})

TEST_CHANGED = (
    "the selftest itself is what changed: the bad end's fails on the good end's kernel, "
    "so that each commit was tested with its own"
)
"""What the reader of such an answer must know."""


def not_here(failure: Failure, belief: Belief, steps: Sequence[Step], good: str) -> str:
    """Why no commit of the range is blamed; ``good`` is the commit id of its good end."""
    there = [step for step in steps if step.commit == good]
    failures = failure.good_failures + sum(step.failures for step in there)
    if failures:
        runs = failure.good_runs + sum(step.runs for step in there)
        what = "there" if failure.kind in _SEEN else "failing"
        times = f" ({failures} of {runs})" if belief.rates.repeatable else ""
        return f"not in this range: already {what} at {good[:12]}{times}"
    runs = sum(one for one, _ in belief.seen.values())
    failures = sum(one for _, one in belief.seen.values())
    return (
        f"not in this range, most likely: it fails now and then ({failures} of {runs} executions), "
        "and no commit is seen to have changed that"
    )


def undecided(belief: Belief) -> str:
    """Why several commits are left, though there was time."""
    if belief.runs and not belief.useful():
        return "the commits between the suspects cannot be tested"
    return f"too flaky: {belief.runs} executions do not tell"
