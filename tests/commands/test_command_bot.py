# SPDX-License-Identifier: GPL-2.0-only
"""The whole way: mails in a maildir, ``reviewbot bot``, a job and an answer in the database."""

import os
import re
import subprocess
import sys
import time
from contextlib import closing
from email.utils import formatdate
from pathlib import Path

import mails
from signing import Zone, nameserver, rsa_key, sign

from reviewbot.engine.durable import JobQueue
from reviewbot.model.job import Urgency
from reviewbot.model.outbox import EntryState, Kind
from reviewbot.tools.database import url_of
from reviewbot.tools.outbox import Outbox

LIST = "kvm-private@lists.example.org"


def of_today(raw: bytes, ago: float) -> bytes:
    date = formatdate(time.time() - ago).encode()
    return re.sub(rb"Date: .*", b"Date: " + date, raw, count=1)


def bot(home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "reviewbot", "--config", home / "config.toml", "bot", "--once"],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stderr.decode()


def test_a_reply_becomes_a_review_and_an_answer(tmp_path: Path) -> None:
    place = tmp_path / "mail"
    (place / "cur").mkdir(parents=True)
    (place / "new").mkdir()
    key = rsa_key(tmp_path)
    zone = Zone()
    zone.publish("big.example", key)
    for number, raw in enumerate(mails.series(2)):
        (place / "new" / f"{number}.host").write_bytes(of_today(raw, 3600 - number))
    reply = mails.mail(
        "Re: [PATCH 1/2] KVM: x86: step 1",
        body="> #reviewbot mute\n\nOn the other tree, please.\n\n#reviewbot test linux\n",
        sender="Sean <sean@big.example>",
        message_id="r1@big.example",
        parent=f"{mails.STAMP}-2-ann@kernel.example",
        to=LIST,
    )
    signed = sign(of_today(reply, 60), key, "big.example")
    with nameserver(zone) as address:
        (tmp_path / "config.toml").write_text(
            f'[lists."{LIST}"]\nfollow = "maildir"\npath = "{place}"\nwait_minutes = 0\n'
            f'[lists."{LIST}".report]\nmode = "send"\n'
            f'[lists."{LIST}".commands]\nallow = ["sean@big.example"]\n'
            f'[commands]\nnameservers = ["{address}"]\n'
            f'[trees.linux]\npath = "{tmp_path}"\n'
            '[mail]\nsender = "bot <bot@example.org>"\n'
        )
        bot(tmp_path)
        (place / "new" / "9.host").write_bytes(signed)
        said = bot(tmp_path)
        assert "done for sean@big.example (DKIM of big.example): #reviewbot test linux" in said
        bot(tmp_path)
    url = url_of("", tmp_path / ".local/state/reviewbot")
    with closing(JobQueue(url)) as queue:
        jobs = [status.job for status in queue.jobs()]
    assert [(job.urgency, job.tree) for job in jobs] == [
        (Urgency.ASKED, "linux"),
        (Urgency.BOT, ""),
    ]
    with closing(Outbox(url)) as box:
        (entry,) = box.entries()
    assert (entry.kind, entry.state) == (Kind.ANSWER, EntryState.READY)
    assert [a.email for a in (*entry.mail.to, *entry.mail.cc)] == ["sean@big.example", LIST]
