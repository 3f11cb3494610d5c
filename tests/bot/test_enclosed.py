# SPDX-License-Identifier: GPL-2.0-only
"""A worker reviews a list's series from the mails the bot read: private ones can be had nowhere else."""

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import mails
import pytest
from watching import SCOPE

from reviewbot.cli import worker
from reviewbot.cli.environment import state_directory
from reviewbot.engine.clerk import Clerk
from reviewbot.engine.durable import JobQueue
from reviewbot.engine.enclose import Encloser
from reviewbot.engine.watch import FollowedList, Watcher
from reviewbot.model.config import Config, InboxConfig, ListConfig
from reviewbot.model.errors import UserError
from reviewbot.model.job import Job
from reviewbot.model.run import Stage
from reviewbot.parse.gather import Following
from reviewbot.stages import fetch
from reviewbot.tools.context import Tools
from reviewbot.tools.database import prepare, url_of
from reviewbot.tools.enclosed import KEEP_SECONDS, LIMIT, Enclosed
from reviewbot.tools.finished import Finished
from reviewbot.tools.ledger import Ledger
from reviewbot.tools.maildir import Maildir
from reviewbot.tools.outbox import Outbox

PRIVATE, PUBLIC = "embargo@lists.example", "kvm@vger.kernel.example"
SERIES = f"{mails.STAMP}-1-ann@kernel.example"


class Bot:
    """A bot of two maildirs; of the public one an archive could be asked."""

    def __init__(self, place: Path) -> None:
        self.count = 0
        self.boxes = {name: place / name for name in (PRIVATE, PUBLIC)}
        for box in self.boxes.values():
            for folder in ("new", "cur", "tmp"):
                (box / folder).mkdir(parents=True)
        self.url = url_of("", place / "state")
        self.ledger = Ledger(":memory:")
        self.queue, self.rows = JobQueue(self.url), Enclosed(self.url)
        self.finished, self.outbox = Finished(self.url), Outbox(self.url)
        self.config = Config(
            lists={PRIVATE: ListConfig(follow="maildir"), PUBLIC: ListConfig(follow="git")}
        )
        sources = {name: Maildir(box) for name, box in self.boxes.items()}
        following = Following(scope=SCOPE)
        self.watcher = Watcher(
            self.ledger,
            {name: FollowedList(source=one, following=following) for name, one in sources.items()},
        )
        self.clerk = Clerk(
            self.config,
            ledger=self.ledger,
            queue=self.queue,
            finished=self.finished,
            outbox=self.outbox,
            say=lambda *_, **__: None,
            encloser=Encloser(self.config, self.ledger, sources, self.rows),
        )

    def deliver(self, name: str, *raw: bytes) -> list[Job]:
        for one in raw:
            self.count += 1
            (self.boxes[name] / "new" / f"{self.count}.host").write_bytes(one)
        self.watcher.poll()
        self.clerk.schedule()
        return [status.job for status in self.queue.jobs()]

    def close(self) -> None:
        for each in (self.queue, self.rows, self.finished, self.outbox, self.ledger):
            each.close()


@pytest.fixture
def bot(tmp_path):
    with closing(Bot(tmp_path)) as made:
        yield made


def test_a_private_series_is_reviewed_from_its_own_mails(bot: Bot, tools: Tools) -> None:
    (job,) = bot.deliver(PRIVATE, *mails.series(3))
    assert (job.source, job.series, job.enclosed) == (PRIVATE, SERIES, True)
    kept = bot.rows.get(PRIVATE, SERIES)
    found = fetch.run(fetch.FetchRequest(what=f"id:{job.series}", mails=kept, revision=1), tools)
    assert found.declined is None
    assert [patch.number for patch in found.series.patches] == [1, 2, 3]


def test_no_archive_is_asked_for_a_private_series_whose_mails_are_gone(bot: Bot) -> None:
    raw = mails.series(2)
    bot.deliver(PRIVATE, *raw[:2])
    for path in (bot.boxes[PRIVATE] / "new").iterdir():
        path.unlink()
    (job,) = bot.deliver(PRIVATE, raw[2])
    assert job.enclosed
    assert not bot.rows.get(PRIVATE, SERIES)


def test_what_came_privately_is_in_no_review_of_the_public_list(bot: Bot) -> None:
    """A mail of the same Message-ID on the public list does not make the private one public."""
    private, public = mails.series(2), mails.series(2, title="KVM: x86: harmless")
    bot.deliver(PRIVATE, *private)
    series = replace(bot.ledger.find(SERIES), lists=(PUBLIC,))
    encloser = bot.clerk._encloser
    bot.deliver(PUBLIC, *public)
    assert not encloser.put(PUBLIC, series)
    assert not bot.rows.get(PUBLIC, SERIES)


def test_talk_is_not_kept_and_what_is_superseded_goes(bot: Bot) -> None:
    reply = mails.mail(
        "Re: [PATCH 1/2] KVM: x86: step 1", body="Nak.\n", message_id="r@x", parent=SERIES
    )
    bot.deliver(PRIVATE, reply, *mails.series(2))
    assert len(bot.rows.get(PRIVATE, SERIES)) == 3
    bot.deliver(PRIVATE, *mails.series(2, tag="PATCH v2", stamp="v2", start=90))
    assert not bot.rows.get(PRIVATE, SERIES)
    assert bot.rows.get(PRIVATE, "v2-1-ann@kernel.example")


def test_what_is_kept_is_bounded(bot: Bot) -> None:
    assert not bot.rows.put(PUBLIC, "a@x", [b"x" * LIMIT, b"x"])
    assert bot.rows.put(PUBLIC, "a@x", [b"x" * LIMIT])
    assert bot.rows.get(PUBLIC, "a@x") == (b"x" * LIMIT,)
    assert bot.rows.expire(time.time()) == 0
    assert bot.rows.expire(time.time() + KEEP_SECONDS + 1) == 1


@pytest.mark.parametrize("name", ["-", "FILE", "https://evil.example/all/a@b"])
def test_a_message_id_is_never_a_file_or_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A stranger chooses the Message-ID; what 'reviewbot review' would open, a list's job must not."""
    secret = tmp_path / "secret"
    secret.write_bytes(mails.mbox(mails.series(1)))
    for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    job = Job(series=str(secret) if name == "FILE" else name, source=PUBLIC, until=Stage.FETCH)
    config = Config(inbox=InboxConfig(midmask="http://127.0.0.1:9/%s", timeout=5.0))
    prepare(url_of("", state_directory()))
    with pytest.raises(UserError, match="not a message-id"):
        worker._do(job, config)
