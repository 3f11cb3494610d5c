# SPDX-License-Identifier: GPL-2.0-only
"""Carries out one command whose sender is known and may.  Everything here may be done twice."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reviewbot.engine.enclose import private_lists
from reviewbot.model.codec import key_of
from reviewbot.model.command import Objection, SubjectKind, Word
from reviewbot.model.job import Job, Urgency
from reviewbot.model.outbox import EntryState, Kind
from reviewbot.model.watch import WatchState
from reviewbot.stages.answer import HELP
from reviewbot.stages.printable import count, listed

if TYPE_CHECKING:
    from reviewbot.engine.durable import JobQueue
    from reviewbot.engine.target import Target
    from reviewbot.model.command import Carried, Command
    from reviewbot.model.config import Config
    from reviewbot.tools.outbox import Outbox
    from reviewbot.tools.statistics import Statistics

# Besides the tree's own refs: what names one commit in any tree.
_COMMIT = re.compile(r"[0-9a-f]{12,40}|v[0-9]{1,2}\.[0-9]{1,3}(?:\.[0-9]{1,4})?(?:-rc[0-9]{1,2})?")
_UNSENT = (EntryState.HELD, EntryState.READY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What we say to a command; ``job`` when a review was asked for."""

    text: str
    job: str = ""


class Obey:
    """Carries commands out."""

    def __init__(
        self, config: Config, queue: JobQueue, outbox: Outbox, statistics: Statistics
    ) -> None:
        self._config = config
        self._queue = queue
        self._outbox = outbox
        self._statistics = statistics

    def __call__(self, command: Command, target: Target, carried: Carried) -> Outcome:
        """Do it, and say what was done."""
        if command.problem:
            return Outcome(text=f"I cannot do that: {command.problem}.\n\n{HELP}")
        if command.word in (Word.TEST, Word.RERUN):
            return self._review(command, target, carried)
        if command.word is Word.INVALID:
            return self._invalid(command, target, carried)
        if command.word is Word.UNRELATED:
            return self._unrelated(command, target, carried)
        if command.word is Word.MUTE:
            return self._mute(command, target, carried)
        if command.word is Word.UNMUTE:
            return self._unmute(command, target, carried)
        return Outcome(text=HELP)

    def _review(self, command: Command, target: Target, carried: Carried) -> Outcome:
        if refusal := self._no_review(command, target):
            return Outcome(text=refusal)
        known = self._queue.of_series(target.inbox, target.series)
        watched = target.watched
        fresh = Job(
            series=target.series,
            source=target.inbox,
            title=watched.subject,
            revision=watched.revision,
            enclosed=target.inbox in private_lists(self._config),
        )
        last = max(known, key=lambda status: status.queued).job if known else fresh
        if command.word is Word.TEST:
            last = replace(last, tree=command.tree, base=command.branch)
        # From the mail, so that the same command is the same job whoever carries it out.
        again = int(key_of(carried.message_id, carried.line)[:12], 16)
        job = replace(last, urgency=Urgency.ASKED, again=again)
        self._queue.add(job)
        where = f" on {job.tree}" if job.tree else ""
        base = f", {job.base}" if job.base else ""
        text = f"v{job.revision} is queued for another review{where}{base}. What comes of it will be mailed."
        return Outcome(text=text, job=job.id)

    def _no_review(self, command: Command, target: Target) -> str:
        """Why no review can be made, "" when one can."""
        watched = target.watched
        if watched.own_state is WatchState.SKIPPED and watched.skipped:
            return f"This is not reviewed: {watched.skipped.reason}."
        if watched.own_state is WatchState.WAITING:
            return "Patches of this series have not come yet; it will be reviewed by itself."
        if not command.tree:
            return ""
        trees = self._config.trees
        if command.tree not in trees:
            return f"There is no tree of that name; there are {listed(tuple(trees), 10)}."
        refs = trees[command.tree].refs
        if command.branch and command.branch not in refs and not _COMMIT.fullmatch(command.branch):
            return (
                f"That is no branch of {command.tree} that is followed here. There are "
                f"{listed(refs, 10)}; a tag such as v6.18-rc3 or a commit of 12 to 40 digits will do as well."
            )
        return ""

    def _invalid(self, command: Command, target: Target, carried: Carried) -> Outcome:
        known = self._statistics.names(target.series, SubjectKind.RULE)
        if command.code not in known:
            what = f"what was reported: {listed(known, 10)}" if known else "nothing was reported"
            return Outcome(text=f"No finding {command.code} was mailed about this series; {what}.")
        self._object(SubjectKind.RULE, command.code, command, target, carried)
        return Outcome(
            text=f"Noted: {command.code} is wrong about this series. It counts in the rule's statistics, "
            "and a person reads the reason."
        )

    def _unrelated(self, command: Command, target: Target, carried: Carried) -> Outcome:
        known = self._statistics.names(target.series, SubjectKind.TEST)
        if not known:
            return Outcome(text="No failed test and no crash was mailed about this series.")
        for name in known:
            self._object(SubjectKind.TEST, name, command, target, carried)
        return Outcome(
            text=f"Noted, for {count(len(known), 'failure')}: not the fault of this series. A person reads it."
        )

    def _object(
        self, kind: SubjectKind, name: str, command: Command, target: Target, carried: Carried
    ) -> None:
        self._statistics.object(
            Objection(
                message_id=carried.message_id,
                line=carried.line,
                kind=kind,
                name=name,
                series=target.series,
                who=carried.who,
                by_author=carried.who in target.authors,
                reason=command.reason,
                made=carried.made,
            )
        )

    def _mute(self, command: Command, target: Target, carried: Carried) -> Outcome:
        by = f"{carried.who}, by mail"
        for name in [carried.who] if command.me else target.thread:
            self._outbox.mute(name, by)
        waiting = self._outbox.entries(_UNSENT, series="" if command.me else target.series)
        for entry in waiting:
            if entry.kind is Kind.ANSWER or (command.me and entry.author != carried.who):
                continue
            self._outbox.move(
                entry.message_id, EntryState.DROPPED, when=_UNSENT, note=f"muted by {by}"
            )
        if command.me:
            text = "You will get no more reports about your series, here and on other lists."
        else:
            text = "No more reports about this series, and about new versions in this thread."
        return Outcome(text=f"{text} The same with 'unmute' takes it back.")

    def _unmute(self, command: Command, target: Target, carried: Carried) -> Outcome:
        names = [carried.who] if command.me else target.thread
        gone = [self._outbox.unmute(name) for name in names]
        if not any(gone):
            return Outcome(text="That was not muted.")
        return Outcome(text="Reports will be sent again.")
