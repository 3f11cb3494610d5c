# SPDX-License-Identifier: GPL-2.0-only
"""What a list's policy makes of a report."""

from dataclasses import replace

import pytest
import sample_runs

from reviewbot.model.config import Config, PolicyConfig
from reviewbot.model.finding import Severity
from reviewbot.model.outbox import Entry, EntryState, Kind, Sent
from reviewbot.model.run import Run, VerdictKind
from reviewbot.stages import policy, report
from reviewbot.stages.policy import Action, Decision

LIST = "kvm@vger.kernel.org"
AUTHOR = "jmattson@google.com"
NOW = 1_800_000_000.0


def decide(
    run: Run, rules: PolicyConfig, earlier: tuple[Entry, ...] = (), **muted: str
) -> Decision:
    shown = policy.worth_reporting(run, rules)
    settings = replace(report.settings(Config()), all_clear=rules.all_clear)
    mails = report.mails(shown, settings)
    names = {name.replace("_at_", "@"): who for name, who in muted.items()}
    return policy.decide(shown, mails, rules, inbox=LIST, now=NOW, muted=names, earlier=earlier)


def test_the_default_is_that_a_person_looks_first() -> None:
    made = decide(sample_runs.findings(), PolicyConfig())
    assert made.action is Action.HOLD
    assert {entry.state for entry in made.entries} == {EntryState.HELD}
    assert {entry.author for entry in made.entries} == {AUTHOR}
    assert {entry.series for entry in made.entries} == {sample_runs.series().message_id}


def test_sending_waits_for_the_delay() -> None:
    made = decide(sample_runs.findings(), PolicyConfig(mode="send", delay_minutes=10))
    assert made.action is Action.SEND
    assert {(e.state, e.due) for e in made.entries} == {(EntryState.READY, NOW + 600)}


def test_off_and_success_are_silent() -> None:
    assert decide(sample_runs.findings(), PolicyConfig(mode="off")).action is Action.NOTHING
    quiet = decide(sample_runs.clean(), PolicyConfig(mode="send"))
    assert quiet.action is Action.NOTHING
    assert quiet.reason.startswith("silence is the report")
    loud = decide(sample_runs.clean(), PolicyConfig(mode="send", all_clear=True))
    assert loud.action is Action.SEND


def test_the_owner_alone_gets_it_until_the_bot_is_trusted() -> None:
    rules = PolicyConfig(mode="owner", owner="Jo <jo@example.org>")
    made = decide(sample_runs.findings(), rules)
    assert {entry.kind for entry in made.entries} == {Kind.OWNER}
    for entry in made.entries:
        assert [a.email for a in entry.mail.to] == ["jo@example.org"]
        assert entry.mail.cc == ()
    assert decide(sample_runs.findings(), PolicyConfig(mode="owner")).reason == "nobody to write to"


@pytest.mark.parametrize(
    ("who", "to", "cc"),
    [("all", [AUTHOR], [LIST]), ("author", [AUTHOR], []), ("list", [LIST], [])],
)
def test_recipients_are_the_policys(who: str, to: list[str], cc: list[str]) -> None:
    made = decide(sample_runs.findings(), PolicyConfig(recipients=who))
    for entry in made.entries:
        assert [a.email for a in entry.mail.to] == to
        assert [a.email for a in entry.mail.cc] == cc


def test_findings_below_the_policy_count_for_nothing() -> None:
    run = sample_runs.findings()
    assert run.check
    grave = policy.worth_reporting(run, PolicyConfig(severity="error"))
    assert grave.check
    assert {f.severity for f in grave.check.findings} == {Severity.ERROR}
    notes = replace(
        run,
        check=replace(
            run.check,
            findings=tuple(replace(f, severity=Severity.NOTE) for f in run.check.findings),
        ),
    )
    none = policy.worth_reporting(notes, PolicyConfig(severity="warning"))
    assert none.verdict
    assert none.verdict.kind is VerdictKind.CLEAN
    assert decide(notes, PolicyConfig(severity="warning")).action is Action.NOTHING


def test_muted_people_and_threads_get_nothing() -> None:
    run = sample_runs.findings()
    by_reply = decide(run, PolicyConfig(), jmattson_at_google_com="x")
    assert by_reply.action is Action.HOLD, "another address was muted"
    made = policy.decide(
        run, report.mails(run, report.settings(Config())), PolicyConfig(),
        inbox=LIST, now=NOW, muted={AUTHOR: "a reply of jmattson"},
    )  # fmt: skip
    assert (made.action, made.reason) == (Action.NOTHING, "muted by a reply of jmattson")
    for name in (AUTHOR.upper(), sample_runs.series().message_id):
        assert decide(run, PolicyConfig(mute=(name,))).reason == "muted by the settings"


def sent(made: Decision) -> tuple[Entry, ...]:
    return tuple(replace(entry, state=EntryState.SENT) for entry in made.entries)


def test_the_same_result_is_said_once() -> None:
    first = decide(sample_runs.findings(), PolicyConfig())
    again = decide(sample_runs.findings(), PolicyConfig(), earlier=sent(first))
    assert again.reason == "already reported, with the same result"


def test_another_result_corrects_the_report_in_one_mail() -> None:
    first = decide(sample_runs.findings(), PolicyConfig())
    made = decide(sample_runs.regression(), PolicyConfig(), earlier=sent(first))
    (entry,) = made.entries
    assert entry.kind is Kind.CORRECTION
    assert entry.mail.in_reply_to == first.entries[0].message_id
    assert entry.mail.references[-1] == first.entries[0].message_id
    assert entry.mail.body.startswith("This corrects our report of ")
    assert max(len(line) for line in entry.mail.body.splitlines()[:4]) <= 76


def entry(series: str = "new@example.org", author: str = AUTHOR) -> Entry:
    made = decide(sample_runs.findings(), PolicyConfig()).entries[0]
    return replace(made, series=series, author=author)


def history(*series: str, author: str = AUTHOR, inbox: str = LIST, age: float = 60) -> list[Sent]:
    return [Sent(inbox=inbox, author=author, series=name, when=NOW - age) for name in series]


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (history("a", "b"), "the author's limit of 2 reports a day is reached (per_author)"),
        (history("a", "a", "a"), ""),
        (history("a", "b", author="other@example.org"), ""),
        (history("a", "b", "c", author="o@e.org"), "the list's limit of 3 reports a day is reached (per_day)"),
        (history("a", "b", "c", author="o@e.org", inbox="other@lists.linux.dev"), ""),
        (history("a", "b", age=90_000), ""),
        (history("a", "b", "new@example.org"), ""),
        (history(*"abcdefghij", inbox="x@y.org"), "the limit of 10 mails a day is reached (mail.per_day)"),
    ],
)  # fmt: skip
def test_limits_count_reports_of_a_day(before: list[Sent], said: str) -> None:
    rules = PolicyConfig(per_day=3, per_author=2)
    assert policy.within_limits(entry(), rules, before, now=NOW, per_day=10) == said


def test_a_report_that_may_have_been_sent_is_corrected_not_repeated() -> None:
    """A row in SENDING was cut off: the list may have it, and two first reports would be one too many."""
    first = decide(sample_runs.findings(), PolicyConfig())
    cut = tuple(replace(entry, state=EntryState.SENDING) for entry in first.entries)
    made = decide(sample_runs.regression(), PolicyConfig(), earlier=cut)
    assert {entry.kind for entry in made.entries} == {Kind.CORRECTION}
    again = decide(sample_runs.findings(), PolicyConfig(), earlier=cut)
    assert again.reason == "already reported, with the same result"
