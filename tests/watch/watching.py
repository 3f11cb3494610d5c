# SPDX-License-Identifier: GPL-2.0-only
"""Lists made of mails in memory, and a watcher of them with a clock that is turned by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

from reviewbot.engine.watch import FollowedList, Watcher
from reviewbot.model.watch import Arrival, Batch, WatchedSeries, WatchEvent
from reviewbot.parse.gather import Following
from reviewbot.parse.mail import parse_mail
from reviewbot.parse.scope import Scope
from reviewbot.tools.ledger import Ledger

KVM = "kvm@vger.kernel.org"
SCOPE = Scope(subsystem="KVM", paths=("arch/*/kvm/*", "tools/testing/selftests/kvm/*"))
HOUR = 3600.0


@dataclass
class Delivered:
    """A source of batches that the test puts there; the cursor counts them."""

    waiting: list[tuple[Arrival, ...]] = field(default_factory=list)
    done: int = 0

    def batches(self, cursor, begin):  # noqa: ARG002 - the protocol's
        while self.waiting:
            self.done += 1
            yield Batch(arrivals=self.waiting.pop(0), cursor=str(self.done))


class Desk:
    """Deliver mails, turn the clock, look at what was found."""

    def __init__(self, wait: float = 2 * HOUR, lists: tuple[str, ...] = (KVM,)) -> None:
        self.now = 0.0
        self.ledger = Ledger(":memory:")
        self.sources = {name: Delivered() for name in lists}
        self.watcher = Watcher(
            self.ledger,
            {
                name: FollowedList(source=source, following=Following(scope=SCOPE, wait=wait))
                for name, source in self.sources.items()
            },
            clock=lambda: self.now,
        )

    def deliver(self, *raw: bytes, to: str = KVM, later: float = 60.0) -> list[WatchEvent]:
        """One batch that arrives a minute after its last mail was sent; returns the events."""
        sent = [parse_mail(one).when for one in raw]
        self.now = max([self.now, *(when + later for when in sent)])
        self.sources[to].waiting.append(
            tuple(
                Arrival(raw=one, received=when + later, origin=str(number))
                for number, (one, when) in enumerate(zip(raw, sent, strict=True))
            )
        )
        return list(self.watcher.poll().events)

    def wait(self, seconds: float) -> list[WatchEvent]:
        """Let time pass."""
        self.now += seconds
        return list(self.watcher.poll().events)

    def series(self) -> list[WatchedSeries]:
        return self.ledger.series()

    def states(self) -> list[tuple[str, int, str]]:
        """(subject, revision, state) of all series, oldest first."""
        return [(one.subject, one.revision, str(one.state)) for one in self.series()]
