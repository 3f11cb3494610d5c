# SPDX-License-Identifier: GPL-2.0-only
"""How rules do in mails that were sent; on both databases, and as people see it."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import postgres
import pytest
from click.testing import CliRunner, Result

from reviewbot.cli.main import cli
from reviewbot.model.command import Carried, Claim, Objection, Standing, SubjectKind, Tried
from reviewbot.model.mail import Mail
from reviewbot.model.outbox import Entry, EntryState
from reviewbot.tools.command_log import CommandLog
from reviewbot.tools.database import url_of
from reviewbot.tools.outbox import Outbox
from reviewbot.tools.statistics import Statistics

RULE, TEST = SubjectKind.RULE, SubjectKind.TEST


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return url_of("", tmp_path)
    name = f"statistics{abs(hash(request.node.name))}"
    found: postgres.Server = request.getfixturevalue("server")
    return found.database(name)


def mail(name: str, url: str, state: EntryState = EntryState.SENT) -> str:
    """A mail of the outbox."""
    words = {"subject": "Re: x", "date": "", "in_reply_to": "", "body": "x\n"}
    made = Mail(sender=None, to=(), cc=(), references=(), message_id=name, **words)
    with closing(Outbox(url)) as box:
        box.add(Entry(mail=made, inbox="kvm@vger.kernel.org", state=state))
    return name


def objection(name: str, series: str, number: int = 1, **more: object) -> Objection:
    values: dict[str, object] = {
        "kind": RULE, "who": "sean@big.example", "by_author": False, "reason": "no", "made": 1.0,
    }  # fmt: skip
    return Objection(message_id=f"o{number}@x", line=1, name=name, series=series, **(values | more))


def fill(url: str) -> None:
    with closing(Statistics(url)) as statistics:
        for number in range(4):
            said = [(RULE, "KVM-ABI-001", "1 a.c:1"), (RULE, "KVM-ABI-001", "2 b.c:1")]
            said += [(RULE, "KVM-DOC-001", "1"), (TEST, "x86/smm_test", "regression")]
            for _ in range(2):
                statistics.reported(mail(f"m{number}@x", url), f"s{number}", said)
        statistics.reported(mail("again@x", url), "s0", [(RULE, "KVM-ABI-001", "1 a.c:1")])
        held = mail("held@x", url, EntryState.HELD)
        statistics.reported(held, "s9", [(RULE, "KVM-MSR-001", "1")])
        statistics.object(objection("KVM-ABI-001", "s0"))
        statistics.object(objection("KVM-ABI-001", "s0"))
        statistics.object(objection("KVM-ABI-001", "s0", 2, by_author=True))
        statistics.object(objection("KVM-ABI-001", "s1", 3, by_author=True))
        statistics.object(objection("KVM-ABI-001", "elsewhere", 4))
        statistics.object(objection("KVM-DOC-001", "s2", 5))


def test_sent_mails_are_counted_by_series(url: str) -> None:
    with closing(Statistics(url)) as statistics:
        assert statistics.tried() == ()
    fill(url)
    with closing(Statistics(url)) as statistics:
        tried = {one.name: one for one in statistics.tried()}
        assert tried["KVM-ABI-001"] == Tried(
            kind=RULE, name="KVM-ABI-001", findings=8, series=4, objected=2, by_author=1
        )
        assert tried["KVM-DOC-001"].ratio == 0.25
        assert tried["x86/smm_test"].kind is TEST
        assert "KVM-MSR-001" not in tried
        assert [name for name, one in tried.items() if one.doubtful] == ["KVM-ABI-001"]
        assert statistics.names("s1", RULE) == ("KVM-ABI-001", "KVM-DOC-001")
        assert statistics.names("s9", RULE) == ()


def test_a_command_is_claimed_once(url: str) -> None:
    words = {"who": "a@b", "how": "DKIM", "said": "#reviewbot mute", "series": "s", "inbox": "l"}
    first = Carried(message_id="m@x", line=3, seal="one", made=100.0, **words)
    copy = Carried(message_id="other@x", line=3, seal="one", made=100.0, **words)
    changed = Carried(message_id="m@x", line=3, seal="two", made=100.0, **words)
    with closing(CommandLog(url)) as log, closing(CommandLog(url)) as other:
        assert log.claim(first) is Claim.MINE
        assert other.claim(first) is Claim.MINE, "who claimed it may have died"
        assert log.claim(copy) is Claim.REPLAYED
        assert log.claim(changed) is Claim.REPLAYED
        log.settle("m@x", 3, Standing.WAITING, outcome="queued", job="j", answer="a@x")
        assert other.claim(first) is Claim.DONE
        assert [one.job for one in other.waiting()] == ["j"]
        assert (log.count("a@b", 99.0), log.count("a@b", 100.0), log.count("c@d", 0)) == (1, 0, 0)


def stats(*words: str) -> Result:
    return CliRunner().invoke(cli, ["rules", "stats", *words], catch_exceptions=False)


def test_people_see_the_worst_rule_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("REVIEWBOT_CONFIG", raising=False)
    assert "nothing was reported" in stats().output
    fill(url_of("", tmp_path / "reviewbot"))
    lines = stats().output.split("\n")
    assert lines[1].split() == ["!", "KVM-ABI-001", "8", "4", "2", "1", "50%"]
    assert lines[2].split() == ["KVM-DOC-001", "4", "4", "1", "0", "25%"]
    made = json.loads(stats("--format", "json").output)
    assert made["rules"][0] == {
        "name": "KVM-ABI-001", "found": 8, "series": 4, "invalid": 2, "by_author": 1,
        "ratio": 0.5, "doubtful": True,
    }  # fmt: skip
    assert [one["name"] for one in made["tests"]] == ["x86/smm_test"]
    assert "s2  sean@big.example: no\n" in stats("kvm-doc-001").output
    assert "nobody has objected" in stats("KVM-XYZ-001").output
