# SPDX-License-Identifier: GPL-2.0-only
"""Commands by mail: whose, whether he may, carried out once, answered in the thread.

A mail is never answered unless a signature says who wrote it: the From of a forged mail belongs to
somebody who would get our answer and did not ask.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from reviewbot.engine.clerk import policy_of
from reviewbot.engine.obey import Obey
from reviewbot.engine.target import target_of
from reviewbot.model.codec import key_of
from reviewbot.model.command import Carried, Claim, Standing
from reviewbot.model.config import CommandPolicy
from reviewbot.model.errors import ReviewbotError, UnavailableError
from reviewbot.model.job import JobState
from reviewbot.model.say import Level
from reviewbot.parse.commands import commands_of
from reviewbot.parse.mail import MailError, parse_mail
from reviewbot.parse.sealed import DAY, automatic, headers_of, not_trusted
from reviewbot.stages.answer import Said, answer, answer_id, entry, result
from reviewbot.stages.complaints import complaints
from reviewbot.stages.permission import may
from reviewbot.stages.recipients import sender_of
from reviewbot.tools.attestation import Attestation
from reviewbot.tools.command_log import CommandLog
from reviewbot.tools.domain_keys import DomainKeys
from reviewbot.tools.statistics import Statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reviewbot.engine.durable import JobQueue
    from reviewbot.engine.target import Target
    from reviewbot.model.command import Attested, Command, Request
    from reviewbot.model.config import Config
    from reviewbot.model.job import JobStatus
    from reviewbot.model.outbox import Entry
    from reviewbot.model.run import Run
    from reviewbot.model.say import Say
    from reviewbot.parse.mail import Mail
    from reviewbot.tools.finished import Finished
    from reviewbot.tools.ledger import Ledger
    from reviewbot.tools.outbox import Outbox

RETRY_SECONDS = 600.0
"""How long a mail waits when the key for its signature cannot be fetched."""
PATIENCE_SECONDS = 3 * DAY
"""For how long that is tried."""

_SLOW = 3
"""Mails whose key could not be fetched before the bot turns to its other work: each may take seconds."""

_ENDED = (JobState.DONE, JobState.PARKED, JobState.CANCELLED)


class Commands:
    """Reads the mails that the watcher put aside, and does what they ask."""

    def __init__(
        self,
        config: Config,
        *,
        ledger: Ledger,
        queue: JobQueue,
        finished: Finished,
        outbox: Outbox,
        say: Say,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``say`` is told of everything that is done or refused."""
        own = config.commands
        self._config = config
        self._ledger = ledger
        self._queue = queue
        self._finished = finished
        self._outbox = outbox
        self._say = say
        self._clock = clock
        self._sender = sender_of(config.mail.sender)
        self._attestation = Attestation(DomainKeys(own.nameservers, own.dns_timeout), own.keyring)
        self._log = CommandLog(queue.url)
        self._statistics = Statistics(queue.url)
        self._obey = Obey(config, queue, outbox, self._statistics)

    def close(self) -> None:
        """Close the connections that are ours."""
        self._log.close()
        self._statistics.close()

    def mailed(self, run: Run, entries: Sequence[Entry]) -> None:
        """Count what a report complains of; ``run`` as it is reported.  May be told twice."""
        self._statistics.reported(entries[0].message_id, entries[0].series, complaints(run))

    def act(self) -> int:
        """Look at every mail that waits, and at the reviews people asked for; return how many ended."""
        count = slow = 0
        for request in self._ledger.requests.untaken(self._clock()):
            taken = self._take(request)
            count += taken
            slow += not taken
            if slow == _SLOW:
                break
        for carried in self._log.waiting():
            count += self._follow(carried)
        return count

    def _take(self, request: Request) -> bool:
        """Look at a mail; False when it must be looked at again later."""
        now = self._clock()
        try:
            outcome = self._look(request, now)
        except UnavailableError as error:
            if now < request.received + PATIENCE_SECONDS:
                why = f"tried again later: {error}"
                self._ledger.requests.postpone(request.number, now + RETRY_SECONDS, why)
                self._say("command waits", why, mail=request.message_id, level=Level.WARNING)
                return False
            outcome = f"not obeyed: {error}"
        except MailError as error:
            outcome = f"not obeyed: {error}"
        except ReviewbotError:
            raise
        except Exception as error:  # noqa: BLE001 - else one mail would end the bot for ever
            outcome = f"not obeyed: our own mistake: {type(error).__name__}: {error}"[:300]
        self._say("command", outcome, mail=request.message_id, list=request.source)
        self._ledger.requests.take(request.number, now, outcome)
        return True

    def _look(self, request: Request, now: float) -> str:
        """What became of a mail, one line.  Raises UnavailableError when nobody can say yet."""
        mail = parse_mail(request.raw)
        headers, twice = headers_of(request.raw)
        if twice:
            return f"not obeyed: it has several {twice} headers"
        if why := automatic(headers, mail, self._config.lists):
            return f"not obeyed: {why}"
        if self._is_ours(mail):
            return "not obeyed: our own mail"
        found = commands_of(mail.body)
        if not found:
            return "no command in it"
        target = target_of(mail, self._config, self._ledger, self._outbox)
        if target is None:
            return "not obeyed: about no series that is known here"
        if policy_of(self._config, target.inbox).mode == "off":
            return "not obeyed: the list's policy is off"
        if not self._permitted(found, mail.sender.email.lower(), target):
            return f"not obeyed: {mail.sender.email} may not"
        attested, why = self._attestation.verify(request.raw, mail)
        if attested is None:
            return f"not obeyed: {why}"
        days = self._config.commands.days
        why = not_trusted(attested, mail, headers, subjects=target.subjects, now=now, days=days)
        if why:
            return f"not obeyed: {why}"
        wanted = self._permitted(commands_of(attested.text), attested.identity, target)
        return self._carry_out(wanted, attested, mail, target, now)

    def _is_ours(self, mail: Mail) -> bool:
        own = self._sender is not None and mail.sender.email.lower() == self._sender.email.lower()
        return own or self._outbox.get(mail.message_id) is not None

    def _permitted(self, commands: Sequence[Command], who: str, target: Target) -> list[Command]:
        policy = self._policy(target)
        return [one for one in commands if may(one, who, policy, target.authors)]

    def _policy(self, target: Target) -> CommandPolicy:
        listed = self._config.lists.get(target.inbox)
        return listed.commands if listed else CommandPolicy(per_day=0)

    def _carry_out(
        self,
        commands: Sequence[Command],
        attested: Attested,
        mail: Mail,
        target: Target,
        now: float,
    ) -> str:
        """Each command that nobody has carried out, and one answer to all of them."""
        done: list[tuple[Carried, str, str]] = []
        said: list[Said] = []
        for command in commands:
            carried = _carried(command, attested, mail, target, now)
            known = self._log.get(carried.message_id, carried.line)
            limit = self._policy(target).per_day
            if known is None and self._log.count(carried.who, now - DAY) >= limit:
                self._say(
                    "command limit",
                    f"{carried.who} has had {limit} commands in a day",
                    mail=mail.message_id,
                    level=Level.WARNING,
                )
                break
            if self._log.claim(carried) is not Claim.MINE:
                continue
            outcome = self._obey(command, target, carried)
            said.append(Said(word=command.word, command=command.said, text=outcome.text))
            done.append((carried, outcome.text.partition("\n")[0], outcome.job))
        if not done:
            return f"nothing to do for {attested.identity}: done before, or over the limit"
        name = self._answer(mail, said, target, now)
        for carried, text, job in done:
            standing = Standing.WAITING if job else Standing.DONE
            self._log.settle(
                carried.message_id, carried.line, standing, outcome=text, job=job, answer=name
            )
        what = "; ".join(carried.said for carried, _, _ in done)
        return f"done for {attested.identity} ({attested.how}): {what}"

    def _answer(self, mail: Mail, said: Sequence[Said], target: Target, now: float) -> str:
        """Enter the answer into the outbox; its Message-ID, "" when the policy wants none."""
        made = answer(mail, said, series=target.series, sender=self._sender, now=now)
        policy = policy_of(self._config, target.inbox)
        row = entry(made, policy, inbox=target.inbox, series=target.series, now=now)
        if row is None:
            return ""
        self._outbox.add(row)
        return made.message_id

    def _follow(self, carried: Carried) -> int:
        """Tell who asked for a review how it ended, unless the report itself does."""
        status = self._queue.get(carried.job)
        if status is not None and status.state not in _ENDED:
            return 0
        decision = self._finished.decision(carried.job) if status else ""
        if status and status.state is JobState.DONE and status.run and decision is None:
            return 0  # the clerk has not seen it yet
        text = _ended(status, decision or "")
        before = self._outbox.get(carried.answer) if carried.answer else None
        if text and before:
            now = self._clock()
            name = answer_id(carried.series, carried.message_id, self._sender, carried.job)
            made = result(before.mail, text, message_id=name, now=now)
            policy = policy_of(self._config, carried.inbox)
            row = entry(
                made,
                policy,
                inbox=carried.inbox,
                series=carried.series,
                now=now,
            )
            if row:
                self._outbox.add(row)
        self._log.settle(
            carried.message_id,
            carried.line,
            Standing.DONE,
            outcome=text or decision or "",
            job=carried.job,
            answer=carried.answer,
        )
        self._say("command", f"ended: {text or decision}", mail=carried.message_id, job=carried.job)
        return 1


def _carried(
    command: Command, attested: Attested, mail: Mail, target: Target, now: float
) -> Carried:
    seal = key_of(
        attested.identity, attested.when, attested.subject.lower(), command.line, command.said
    )
    return Carried(
        message_id=mail.message_id,
        line=command.line,
        seal=seal,
        who=attested.identity,
        how=attested.how,
        said=command.said,
        series=target.series,
        inbox=target.inbox,
        made=now,
    )


def _ended(status: JobStatus | None, decision: str) -> str:
    """What to tell of a review that was asked for, "" when its report was mailed."""
    if status is None:
        return "The review you asked for is not known any more; please ask again."
    if status.state is JobState.CANCELLED:
        return "The review you asked for was stopped: the series has changed since, or somebody said so."
    if status.state is JobState.PARKED:
        return "The review you asked for could not be made: our own tools failed. A person looks at it."
    action, _, why = decision.partition(": ")
    if decision and action != "nothing":
        return ""
    verdict = status.verdict or "no verdict"
    return f"The review you asked for is done: {verdict}\n\nNo report is mailed: {why or 'there is none'}."
