# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot triage`` as a user meets it."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
from pathlib import Path

import inbox
import pytest
from mails import mail, mbox, patch_body, series

from reviewbot.model.codec import from_json
from reviewbot.model.run import Run
from reviewbot.tools import mailbox
from reviewbot.tools.finished import Finished

V2 = "20260301130000.4712"
TAG = "Reviewed-by: Rita Reviewer <rita@kernel.example>\n"


@pytest.fixture
def box(tmp_path):
    """Two series, one of them re-rolled and reviewed, the other touching the same lines."""
    place = tmp_path / "box.mbox"
    long = "KVM: x86: \x1b[31mAdd an \u202eextraordinarily long title that no terminal has room for, ever"
    changed = series(2, tag="PATCH v2", stamp=V2, start=60)
    changed[2] = changed[2].replace(b"+new\n", b"+newer\n")
    place.write_bytes(
        mbox(
            [
                *series(2),
                *changed,
                mail("Re: x", body=TAG, message_id="ok@x.example", parent=f"{V2}-1-ann@kernel.example", sender="Rita Reviewer <rita@kernel.example>", minute=90),
                mail(f"[PATCH] {long}", body=patch_body("arch/x86/kvm/file1.c", line="x"), message_id="long@y.example", sender="Bob \u4e2d\u6587 <bob@y.example>", minute=95),
            ]
        )
    )  # fmt: skip
    return place


@pytest.fixture
def triage(reviewbot, box):
    def run(*arguments, **env):
        words = list(arguments)
        return reviewbot("triage", *words, "--from", box, **env)

    return run


def rows(said) -> list[dict]:
    return json.loads(said.out)


def test_the_table_ranks_and_fits_eighty_columns(triage):
    said = triage(COLUMNS="80")
    assert said.code == 0, said.err
    head, first, second = said.out.splitlines()
    assert head.split() == [
        "ID",
        "STATE",
        "AREA",
        "AGE",
        "VER",
        "ACKS",
        "FIND",
        "ABT",
        "X",
        "TITLE",
    ]
    assert "ready" in first
    assert "v2" in first
    assert "2/2" in first
    assert "new" in second
    assert second.endswith("~")
    assert max(len(line) for line in said.out.splitlines()) <= 80
    assert "\x1b" not in said.out
    assert "\u202e" not in said.out
    assert "2 series: 1 new, 1 ready" in said.err


def test_a_pipe_gets_whole_titles_and_more_columns(triage):
    said = triage()
    assert "no terminal has room for, ever" in said.out
    assert "AUTHOR" in said.out
    assert "Bob \u4e2d\u6587" in said.out


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["state:new"], 1),
        (["state:superseded"], 0),
        (["-state:new"], 1),
        (["area:x86", "things"], 1),
        (["author:bob"], 1),
        (["path:arch/x86/kvm/file1"], 2),
        (["is:clashing"], 2),
        (["rev:>1"], 1),
        (["to:kvm@"], 2),
        (["--view", "ready"], 1),
        (["--all"], 2),
        (["-n", "1"], 1),
        (["-n1", "-author:hannah", "--sort", "-age"], 1),
        (["-things", "-area:arm64"], 1),
    ],
)
def test_filters_pick(triage, words, count):
    assert len(rows(triage(*words, "--json"))) == count


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["colour:red"], "no such key; there are age:, area:"),
        (["state:odd"], "expected one of new, re-rolled"),
        (["age:old"], "expected a number, as in age:<7"),
        (["--view", "nope"], "no view 'nope'; there are mine, ready, fixes"),
        (["--sort", "beauty"], "cannot sort by 'beauty'; there are rank, age"),
        (["show", "zzz"], "no series 'zzz'; 'reviewbot triage --all' shows all ids"),
        (["snooze", "zzz", "soon"], "expected 3d, 2w, 1m or a date"),
        (["snooze", "zzz", "2001-01-01"], "that is over"),
    ],
)
def test_mistakes_are_named_with_the_way_out(triage, words, complaint):
    said = triage(*words)
    assert said.code == 2, said.out
    assert complaint in said.complaint


def test_places_that_are_none(reviewbot):
    said = reviewbot("triage")
    assert said.code == 2
    assert "triage --from https://lore.kernel.org/kvm" in said.complaint
    said = reviewbot("triage", "--from", "nowhere")
    assert said.code == 2
    assert "no such file or directory; give an mbox" in said.complaint
    assert reviewbot("triage", "--sorted", "--from", "x").code == 2


def test_sorting(triage):
    def titles(*words):
        return [row["card"]["subject"][:8] for row in rows(triage(*words, "--json"))]

    assert titles("--sort", "title") == titles("sort:title")
    assert titles("--sort", "title") == titles("--sort", "-title")[::-1]
    assert titles("sort:title", "--sort", "-title") == titles("--sort", "-title")


def test_saved_views_come_from_the_settings(reviewbot, box, tmp_path):
    settings = tmp_path / "config.toml"
    settings.write_text(
        '[triage]\nme = ["Ann@kernel.example"]\n[triage.views]\nbobs = "author:bob sort:age"\n'
    )

    def count(*words):
        said = reviewbot("--config", settings, "triage", *words, "--from", box, "--json")
        assert said.code == 0, said.err
        return len(rows(said))

    assert count("--view", "bobs") == 1
    assert count("--view", "mine") == 1
    assert count("is:mine", "--view", "bobs") == 0


def test_show_says_everything(triage):
    (row,) = rows(triage("state:ready", "--json"))
    said = triage("show", row["id"], COLUMNS="80")
    assert said.code == 0, said.err
    for part in (
        "KVM: x86: do things", f"Id         {row['id']}, rank", "State      ready: 2 patches reviewed",
        "v1 <20260301120000.4711-1-ann@kernel.example>", "Reviewed-by: Rita Reviewer", "   1/2 KVM: x86: step 1",
        "Clashes with pending series",
    ):  # fmt: skip
        assert part in said.out
    assert json.loads(triage("show", row["id"], "--json").out)["id"] == row["id"]


def test_diff_compares_the_mails_where_there_is_no_tree(triage):
    (row,) = rows(triage("state:ready", "--json"))
    said = triage("diff", row["id"], "v1..v2")
    assert said.code == 0, said.err
    assert " 1:  old  =  1:  new   KVM: x86: step 1" in said.out
    assert " 2:  old  !  2:  new   KVM: x86: step 2" in said.out
    assert "    -+new\n    ++newer\n" in said.out
    assert "v1 and v2 not reviewed" in said.out
    assert "no tree is configured" in said.complaint
    assert triage("diff", row["id"]).out == said.out
    assert "v3 is not known; there are v1, v2" in triage("diff", row["id"], "v2..v3").complaint


def test_notes_snoozing_and_done_are_remembered(triage):
    (row,) = rows(triage("state:ready", "--json"))
    name = row["id"]
    assert triage("note", name, "ask", "Paolo").out == f"{name} v2: noted\n"
    assert "v2: ask Paolo" in triage("show", name).out
    assert len(rows(triage("is:noted", "--json"))) == 1
    assert "snoozed until" in triage("snooze", name, "2w").out
    assert len(rows(triage("--json"))) == 1
    assert triage("snooze", name, "0").out == f"{name} v2: snoozed no longer\n"
    assert triage("done", name).out == f"{name} v2: done\n"
    said = triage()
    assert "not shown: 1 done (--all)" in said.err
    assert triage("done", name, "--undo").code == 0
    assert len(rows(triage("--json"))) == 2


def terminal(arguments: list[str], home: Path, cwd: Path, **env: str) -> str:
    """What a terminal of 80 columns is sent."""
    parent, child = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    done = subprocess.Popen(
        [sys.executable, "-m", "reviewbot", *arguments],
        stdin=child, stdout=child, stderr=child, cwd=cwd, close_fds=True,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "TERM": "xterm", **env},
    )  # fmt: skip
    os.close(child)
    shown = b""
    while select.select([parent], [], [], 30)[0]:
        try:
            data = os.read(parent, 65536)
        except OSError:  # the last one has closed it
            break
        if not data:
            break
        shown += data
    assert done.wait(30) == 0, shown
    os.close(parent)
    return shown.decode()


def test_a_terminal_gets_colours_within_its_width_and_no_color_is_heard(box, home, tmp_path):
    arguments = ["triage", "--from", str(box)]
    shown = terminal(arguments, home, tmp_path)
    assert "\x1b[32mready" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(len(line) for line in plain.splitlines()) <= 80
    assert "\x1b" not in plain, "nothing of a mail's own escapes gets through"
    assert "\x1b" not in terminal(arguments, home, tmp_path, NO_COLOR="1")
    assert "\x1b" not in terminal(arguments, home, tmp_path, TERM="dumb")


@pytest.fixture
def mailed(series, tmp_path):
    """The tree's own series as an mbox, with a tag by a reviewer."""
    raw = series.read_text()
    (cover, *_) = re.findall(r"^Message-I[dD]: <(.+)>$", raw, re.MULTILINE)
    place = tmp_path / "real.mbox"
    tag = mail(
        "Re: x",
        body=TAG,
        message_id="tag@x.example",
        parent=cover,
        sender="Rita Reviewer <rita@kernel.example>",
        minute=90,
    )
    place.write_bytes(raw.encode() + mbox([tag]))
    return place


@pytest.fixture
def other(tree, tmp_path):
    """A repository of another project."""
    repository = type(tree)(tmp_path / "other")
    repository.path.mkdir()
    repository.git("init", "-q", "-b", "master")
    repository.write("README", "another project")
    repository.commit("Base")
    return repository


def test_apply_asks_then_hands_over_to_b4_with_the_trailers(tree, other, mailed, home):
    def apply(*words, stdin=b""):
        return subprocess.run(
            [sys.executable, "-m", "reviewbot", "triage", "apply", *words, "--from", str(mailed)],
            cwd=tree.path, input=stdin, capture_output=True, check=False, timeout=120,
            env={
                "PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8",
                "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "Mo Maintainer",
                "GIT_CONFIG_KEY_1": "user.email", "GIT_CONFIG_VALUE_1": "mo@kernel.example",
            },
        )  # fmt: skip

    listed = subprocess.run(
        [sys.executable, "-m", "reviewbot", "triage", "--json", "--from", str(mailed)],
        capture_output=True, check=True, env={"PATH": os.environ["PATH"], "HOME": str(home)},
    )  # fmt: skip
    name = json.loads(listed.stdout)[0]["id"]
    before = tree.git("rev-parse", "HEAD")
    refused = apply(name, stdin=b"n\n")
    assert refused.returncode == 130
    assert tree.git("rev-parse", "HEAD") == before, "nothing happens before one agrees"
    elsewhere = subprocess.run(
        [sys.executable, "-m", "reviewbot", "triage", "apply", name, "--yes", "--from", str(mailed)],
        cwd=other.path, capture_output=True, check=False, env={"PATH": os.environ["PATH"], "HOME": str(home)},
    )  # fmt: skip
    assert elsewhere.returncode == 2
    assert b"stand in the kernel tree" in elsewhere.stderr
    done = apply(name, "--branch", "topic", "--yes")
    assert done.returncode == 0, done.stderr + done.stdout
    assert b"reviewbot has not reviewed it" in done.stdout
    assert tree.git("symbolic-ref", "--short", "HEAD") == "topic\n"
    log = tree.git("log", "--format=%s%n%b", f"{before.strip()}..HEAD")
    assert "KVM: x86: Rename value 1" in log
    assert log.count("Reviewed-by: Rita Reviewer <rita@kernel.example>") == 2
    tree.write("Makefile", "# changed\n")
    assert b"not committed" in apply(name, "--yes").stderr
    tree.git("reset", "-q", "--hard")
    again = apply(name, "--yes")
    assert again.returncode == 2
    assert b"git am --abort" in again.stderr


def test_apply_names_the_series_that_change_the_same_lines(tree, series, home, tmp_path):
    raw = series.read_text()
    rival = raw.replace("Rename", "Call differently").replace(
        "Ann Example <ann@", "Bob Other <bob@"
    )
    for name in set(re.findall(r"^Message-I[dD]: <(.+)>$", raw, re.MULTILINE)):
        rival = rival.replace(name, f"rival-{name}")
    sender = re.search(r"^From: (.*)$", raw, re.MULTILINE)[1]
    place = tmp_path / "both.mbox"
    place.write_text(raw + rival.replace(sender, "Bob Other <bob@other.example>"))
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    argv = [sys.executable, "-m", "reviewbot", "triage"]
    listed = subprocess.run(
        [*argv, "--json", "--from", place], capture_output=True, check=True, env=env
    )
    one, two = (row["id"] for row in json.loads(listed.stdout))
    asked = subprocess.run(
        [*argv, "apply", one, "--from", place],
        cwd=tree.path, input=b"n\n", capture_output=True, check=False, env=env,
    )  # fmt: skip
    assert f"but: pending series change the same lines: {two}".encode() in asked.stdout, asked


def test_diff_is_gits_own_where_a_tree_is_at_hand(tree, mailed, tmp_path, reviewbot):
    both = tmp_path / "both.mbox"
    text = mailed.read_text().split("From mboxrd")[0]
    second = text.replace("[PATCH ", "[PATCH v2 ").replace("kvm_renamed_1;", "kvm_renamed_again_1;")
    ids = re.findall(r"^Message-I[dD]: <(.+)>$", text, re.MULTILINE)
    for one in ids:
        second = second.replace(one, f"v2-{one}")
    both.write_text(text + second)
    (row,) = rows(reviewbot("triage", "--json", "--from", both))
    said = reviewbot("triage", "diff", row["id"], "--tree", tree.path, "--from", both)
    assert said.code == 0, said.err
    assert re.search(
        r"^1:  [0-9a-f]+ ! 1:  [0-9a-f]+ KVM: x86: Rename value 1$", said.out, re.MULTILINE
    )
    assert re.search(r"^ +\++int kvm_renamed_again_1;$", said.out.replace(" +", "+"), re.MULTILINE)


def test_reviews_of_this_host_and_of_workers_are_joined(tree, mailed, reviewbot, home):
    """The same review, once as a run and once as a worker's, gives the same row."""
    reviewed = reviewbot("review", mailed, "--only-rules", "--tree", tree.path)
    assert reviewed.code in (0, 1), reviewed.err
    (row,) = rows(reviewbot("triage", "--json", "--from", mailed))
    assert row["review"]["origin"] == "run"
    assert row["review"]["applies"] == "yes"
    shown = reviewbot("triage", "--from", mailed).out.splitlines()[1]
    assert " +.. " in shown
    assert "linux/HEAD" in shown
    assert (
        "Applies    yes, on linux/HEAD"
        in reviewbot("triage", "show", row["id"], "--from", mailed).out
    )
    said = reviewbot("triage", "is:applies", "is:reviewed", "--json", "--from", mailed)
    assert len(rows(said)) == 1

    state = home / ".local/state/reviewbot"
    (kept,) = (state / "runs").iterdir()
    finished = Finished(f"sqlite:///{state / 'engine.sqlite'}")
    finished.put("kvm@x.example/job", from_json((kept / "run.json").read_bytes(), Run))
    finished.close()
    shutil.rmtree(kept)
    shutil.rmtree(state / "triage")
    (row,) = rows(reviewbot("triage", "--json", "--from", mailed))
    assert row["review"]["origin"] == "kvm@x.example/job"
    assert row["review"]["applies"] == "yes"


def test_an_inbox_and_its_search_over_http(box, reviewbot, tmp_path):
    inbox.require_public_inbox()
    place = inbox.inbox_of_mails(list(mailbox.read(box)))
    served = tmp_path / "served"
    served.mkdir()
    with inbox.serving(place, served) as midmask:
        address = midmask.removesuffix("/%s")
        whole = reviewbot("triage", "--days", "10000", "--json", "--from", address)
        assert whole.code == 0, whole.err
        assert len(rows(whole)) == 2
        found = reviewbot("triage", "--json", "--from", f"{address}/?q=f:bob")
        assert found.code == 0, found.err
        assert [row["card"]["author"]["email"] for row in rows(found)] == ["bob@y.example"]
        (row,) = rows(reviewbot("triage", "state:ready", "--json", "--from", address))
        assert "2:  old  !" in reviewbot("triage", "diff", row["id"], "--from", address).out
    gone = reviewbot("triage", "--json", "--from", address)
    assert len(rows(gone)) == 2, "what is known is shown all the same"
    assert "cannot be reached" in gone.complaint
    assert len(rows(reviewbot("triage", "--cached", "--json", "--from", address))) == 2
    never = reviewbot("triage", "--from", f"{address}-other")
    assert never.code == 2
    assert "cannot be reached" in never.complaint


def test_the_followed_lists_are_what_the_bot_read(box, reviewbot, tmp_path):
    place = tmp_path / "maildir"
    for name in ("new", "cur", "tmp"):
        (place / name).mkdir(parents=True)
    for number, raw in enumerate(mailbox.read(box)):
        (place / "new" / f"{number}.x").write_bytes(raw)
    settings = tmp_path / "config.toml"
    settings.write_text(
        f'[lists."kvm@vger.kernel.org"]\nfollow = "maildir"\npath = "{place}"\nbacklog_days = 0\nwait_minutes = 0\n'
    )
    assert reviewbot("--config", settings, "bot", "--once", "--dry-run").code == 0
    from reviewbot.engine.lists import (
        at_hand,  # the bot's own way to the ledger, without its queue
        followed,
    )
    from reviewbot.engine.watch import Watcher
    from reviewbot.tools import settings as reader
    from reviewbot.tools.ledger import Ledger

    config = reader.load(settings)
    assert at_hand(config, tmp_path)
    ledger = Ledger(tmp_path / "home/.local/state/reviewbot/ledger.sqlite")
    Watcher(ledger, followed(config, tmp_path)).poll()
    ledger.close()
    said = reviewbot("--config", settings, "triage", "--json")
    assert said.code == 0, said.err
    assert [row["card"]["lists"] for row in rows(said)] == [["kvm@vger.kernel.org"]] * 2
    assert rows(said)[0]["acked"] == 2
