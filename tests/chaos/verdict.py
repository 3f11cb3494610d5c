# SPDX-License-Identifier: GPL-2.0-only
"""After the storm: no series lost, no mail twice, nothing stuck."""

import contextlib
import email
from collections import Counter

from farm import LIST, Farm
from outside import Post

from reviewbot.engine.durable import JobQueue
from reviewbot.model.job import JobState
from reviewbot.model.outbox import Entry, EntryState
from reviewbot.model.watch import WatchState
from reviewbot.tools.finished import Finished
from reviewbot.tools.ledger import Ledger
from reviewbot.tools.outbox import Outbox

_MANY = 1_000_000
_OPEN = (JobState.DELAYED, JobState.QUEUED, JobState.RUNNING)


class Complaints(list[str]):
    """What is wrong, a line each; ``facts`` are for the report."""

    def __init__(self) -> None:
        super().__init__()
        self.facts: dict[str, object] = {}


def open_ends(farm: Farm) -> str:
    """What is still to be done, one line; parked jobs are retried, as a person would."""
    ledger = Ledger(farm.state / "ledger.sqlite")
    with (
        contextlib.closing(ledger),
        contextlib.closing(JobQueue(farm.url)) as queue,
        contextlib.closing(Finished(farm.url)) as finished,
        contextlib.closing(Outbox(farm.url)) as box,
    ):
        for status in queue.jobs([JobState.PARKED], limit=_MANY):
            farm.ends[f"parked, then retried by hand: {status.error}"[:150]] += 1
            queue.retry(status.job.id)
        ready = box.entries((EntryState.READY,), limit=_MANY)
        sending = [e for e in box.entries((EntryState.SENDING,), limit=_MANY) if not e.note]
        counts = {
            "mails not read": farm.expected - ledger.count_mails(),
            "events not acted on": len(ledger.untaken(_MANY)),
            "jobs not done": len(queue.jobs(_OPEN, limit=_MANY)),
            "reviews not decided": len(list(finished.undecided(_MANY))),
            "mails not sent": len(ready),
            "mails nobody cleared up": len(sending),
        }
    return ", ".join(f"{many} {what}" for what, many in counts.items() if many)


def verdict(farm: Farm, post: Post, lots: list[list[bytes]]) -> Complaints:
    """Everything that is not as it should be."""
    found = Complaints()
    known = {one.message_id: one for one in _series(farm)}
    covers = [
        name
        for lot in lots
        for raw in lot
        if (name := email.message_from_bytes(raw)["Message-ID"].strip("<>")).endswith(".1-1-ann@kernel.example")
    ]  # fmt: skip
    found += [f"series lost: {name}" for name in covers if name not in known]
    found += [f"no such series was sent: {name}" for name in known if name not in covers]
    with (
        contextlib.closing(JobQueue(farm.url)) as queue,
        contextlib.closing(Outbox(farm.url)) as box,
    ):
        entries = box.entries(limit=_MANY)
        wanted = [n for n, one in known.items() if one.state is not WatchState.SUPERSEDED]
        for name in wanted:
            if known[name].state is not WatchState.COMPLETE:
                found.append(f"{name} is {known[name].state}")
            states = [status.state for status in queue.of_series(LIST, name)]
            if JobState.DONE not in states:
                found.append(f"{name} was never reviewed: {states}")
            if not any(entry.series == name for entry in entries):
                found.append(f"nothing was written about {name}")
    for entry in entries:
        found += _of_mail(
            entry, post, superseded=known[entry.series].state is WatchState.SUPERSEDED
        )
    found += [f"sent more than once: {name}" for name, many in post.perhaps.items() if many > 1]
    strangers = post.perhaps.keys() - {entry.message_id for entry in entries}
    found += [f"sent, and not in the outbox: {name}" for name in strangers]
    states = Counter(str(entry.state) for entry in entries)
    found.facts = {
        "series": len(covers),
        "reviews wanted": len(wanted),
        "mails": dict(states),
        "most often sent": max(post.perhaps.values(), default=0),
    }
    return found


def _of_mail(entry: Entry, post: Post, *, superseded: bool) -> list[str]:
    name, taken = entry.message_id, post.taken[entry.message_id]
    match entry.state:
        case EntryState.SENT:
            return [] if taken else [f"said to be sent, but no server took it: {name}"]
        case EntryState.SENDING if entry.note and not taken:
            return []  # the line broke before a server took it: a person is asked
        case EntryState.DROPPED if superseded and entry.note:
            return []
    return [f"{name} ends {entry.state}, taken {taken} times, note {entry.note!r}"]


def _series(farm: Farm):
    with contextlib.closing(Ledger(farm.state / "ledger.sqlite")) as ledger:
        return ledger.series()
