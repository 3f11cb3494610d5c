# SPDX-License-Identifier: GPL-2.0-only
"""What a bisection is asked for; what it answers is :class:`reviewbot.model.sweep.Bisection`."""

from dataclasses import dataclass

from reviewbot.model.guest import Host
from reviewbot.model.profile import Profile
from reviewbot.model.status import Status
from reviewbot.model.sweep import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What is bad at the bad end and was not at the good end.

    ``kind``, ``name``, ``detail`` and ``status`` are those of :class:`reviewbot.model.sweep.Seen`; an empty
    ``detail`` takes any failure of that name for the same one.  Of a BUILD ``name`` is the configuration: the
    profile's name (or ""), or one of its variants.  Of a WARNING it is the message without its line.
    Of a CONSOLE it is the fingerprint, and ``tests`` are what ran when it was printed (none: a boot shows
    it).  Of a RULE its first word is the rule's code, and ``detail`` what its finding says.

    ``runs`` and ``failures`` are executions that are already known of the bad end's very tree,
    ``good_runs`` and ``good_failures`` those of the good end: a flaky test's record saves executions.
    ``limit`` is a test's time limit in seconds on this host, 0 to ask the tree.
    """

    kind: Kind
    name: str
    detail: str = ""
    status: Status = Status.FAIL
    tests: tuple[str, ...] = ()
    runs: int = 0
    failures: int = 0
    good_runs: int = 0
    good_failures: int = 0
    limit: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectRequest:
    """Find for each of ``failures`` the first bad commit of ``good..bad``, in one pass.

    ``repository`` is a path: the user's tree or our own store; it is only read.  ``good`` and ``bad`` are
    commit ids.  ``host`` is how guests run here (None: find out).  ``deadline`` is seconds since the
    epoch, UTC (0: none); no step is begun that would not end before it.  ``confidence`` is how probable a
    culprit must be.  ``first_parent`` takes a merge for one commit.  ``verify`` reverts a culprit on
    ``bad`` and looks again.  ``archives`` are public-inbox repositories to look for its mail in.
    ``base`` is a commit whose complete build is at hand or worth making ("": found out).
    """

    repository: str
    good: str
    bad: str
    failures: tuple[Failure, ...]
    profile: Profile
    host: Host | None = None
    deadline: float = 0.0
    confidence: float = 0.99
    first_parent: bool = False
    verify: bool = True
    archives: tuple[str, ...] = ()
    base: str = ""
