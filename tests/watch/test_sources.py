# SPDX-License-Identifier: GPL-2.0-only
"""Lists by git, over HTTP and from a maildir: resumed exactly, and no server is trusted."""

import gzip
import http.server
import os
import subprocess
import threading
from collections.abc import Callable

import inbox
import mails
import pytest

from reviewbot.model.errors import UserError
from reviewbot.tools import network, source
from reviewbot.tools.inbox_git import GitInbox
from reviewbot.tools.inbox_http import HttpInbox
from reviewbot.tools.maildir import Maildir

NOON = 1_772_366_400  # 2026-03-01 12:00 UTC
DAY = 86400


def git(*words, data=b""):
    done = subprocess.run(["git", *map(str, words)], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def commit(epoch, raw, received=NOON):
    """Append a mail to an epoch, as public-inbox does."""
    if not epoch.exists():
        git("init", "-q", "--bare", "--initial-branch=master", epoch)
    has = bool(git("-C", epoch, "for-each-ref"))
    stream = (
        f"commit refs/heads/master\ncommitter t <t@example.org> {int(received)} +0000\ndata 4\nmail\n".encode()
        + (b"from refs/heads/master^0\n" if has else b"")
        + f"M 100644 inline m\ndata {len(raw)}\n".encode()
        + raw
        + b"\n"
    )
    git("-C", epoch, "fast-import", "--quiet", data=stream)


def letter(number):
    return mails.mail(f"mail {number}", message_id=f"{number}@x.example", body="x\n")


def read(from_source, cursor, begin=0.0):
    """Subjects of what is new, and the cursor behind it."""
    found = []
    for batch in from_source.batches(cursor, begin):
        found += [one.raw.split(b"Subject: mail ")[1].split(b"\n")[0] for one in batch.arrivals]
        cursor = batch.cursor
    return [int(one) for one in found], cursor


@pytest.fixture
def lists(tmp_path):
    """An inbox with three mails in its only epoch."""
    place = tmp_path / "inbox" / "git"
    for number in (1, 2, 3):
        commit(place / "0.git", letter(number), NOON + number * DAY)
    return place


@pytest.fixture
def local(tmp_path, lists):
    return GitInbox(store=tmp_path / "clone", path=lists.parent)


def test_git_goes_on_from_the_exact_commit(local, lists):
    assert read(local, None)[0] == [1, 2, 3]
    cursor = read(local, None)[1]
    assert read(local, cursor) == ([], cursor)
    commit(lists / "0.git", letter(4))
    assert read(local, cursor)[0] == [4]


def test_git_follows_a_new_epoch_from_its_first_mail(local, lists):
    cursor = read(local, None)[1]
    commit(lists / "0.git", letter(4))
    commit(lists / "1.git", letter(5))
    commit(lists / "1.git", letter(6))
    found, cursor = read(local, cursor)
    assert found == [4, 5, 6]
    commit(lists / "1.git", letter(7))
    assert read(local, cursor)[0] == [7]


def test_git_begins_where_it_is_told(local, lists):
    assert read(local, None, begin=NOON + 2.5 * DAY)[0] == [3]
    commit(lists / "1.git", letter(4), NOON + 4 * DAY)
    assert read(local, None, begin=NOON + 3.5 * DAY)[0] == [4]
    assert read(local, None, begin=NOON + 2.5 * DAY)[0] == [3, 4]


def test_git_reads_a_week_again_when_history_was_rewritten(local, lists):
    cursor = read(local, None)[1]
    git("-C", lists / "0.git", "update-ref", "-d", "refs/heads/master")
    for number in (1, 3):
        commit(lists / "0.git", letter(number) + b"purged", NOON + number * DAY)
    commit(lists / "0.git", letter(4), NOON + 9 * DAY)
    found, cursor = read(local, cursor)
    assert found == [1, 3, 4]
    assert read(local, cursor)[0] == []


def test_git_batches_are_bounded_and_resume_in_the_middle(local, monkeypatch):
    monkeypatch.setattr(source, "BATCH_MAILS", 2)
    first = next(iter(local.batches(None, 0.0)))
    assert len(first.arrivals) == 2
    assert read(local, first.cursor)[0] == [3]


def test_a_mail_that_is_too_large_is_refused_with_the_reason(local, lists, monkeypatch):
    monkeypatch.setattr(source, "MAIL_LIMIT", 1000)
    commit(lists / "0.git", letter(4) + b"x" * 1000)
    batches = list(local.batches(None, 0.0))
    assert sum(len(one.arrivals) for one in batches) == 3
    assert "larger" in batches[-1].refused[0].reason


def test_an_inbox_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="no such directory"):
        read(GitInbox(store=tmp_path, path=tmp_path / "nothing"), None)


@pytest.fixture
def served(tmp_path):
    """A real public-inbox with a month of one series; its address."""
    inbox.require_public_inbox()
    place = inbox.inbox_of_mails([letter(number) for number in range(1, 8)])
    with inbox.serving(place, tmp_path) as midmask:
        yield midmask.removesuffix("/%s")


def test_git_clones_and_then_asks_only_for_the_manifest(served, tmp_path, monkeypatch):
    remote = GitInbox(store=tmp_path / "clone", url=served)
    found, cursor = read(remote, None)
    assert found == [1, 2, 3, 4, 5, 6, 7]
    monkeypatch.setattr(GitInbox, "_fetch", None)  # would be an error to call
    assert read(remote, cursor) == ([], cursor)


def test_git_takes_a_clone_whose_fetch_was_killed(served, tmp_path):
    place = tmp_path / "clone" / "0.git"
    git("init", "-q", "--bare", place)
    (place / "HEAD.lock").touch()
    (place / "shallow.lock").touch()
    (place / "objects" / "pack" / "tmp_pack_x").write_bytes(b"half")
    remote = GitInbox(store=tmp_path / "clone", url=served)
    assert len(read(remote, None)[0]) == 7
    assert not list(place.glob("**/tmp_*"))


def test_git_goes_on_after_its_clone_was_deleted(served, tmp_path):
    cursor = read(GitInbox(store=tmp_path / "clone", url=served), None)[1].replace(
        "fingerprint", "f"
    )
    assert read(GitInbox(store=tmp_path / "other", url=served), cursor)[0] == []


def test_git_clones_only_what_came_lately(served, tmp_path):
    remote = GitInbox(store=tmp_path / "clone", url=served)
    assert len(read(remote, None, begin=NOON - 2 * DAY)[0]) == 7
    none = GitInbox(store=tmp_path / "later", url=served)
    assert read(none, None, begin=NOON + 400 * DAY)[0] == []
    assert git("-C", tmp_path / "later" / "0.git", "rev-list", "--count", "--all") == "1"


def test_http_finds_what_git_finds_without_a_clone(served):
    def clock():
        return NOON + DAY

    remote = HttpInbox(url=served, clock=clock)
    found, cursor = read(remote, None, begin=NOON - DAY)
    assert set(found) == {1, 2, 3, 4, 5, 6, 7}
    again, _ = read(remote, cursor)  # an hour is asked for again: known by their ids
    assert set(again) <= set(found)
    assert set(read(HttpInbox(url=served, clock=clock), None)[0]) == set(found)


def test_http_takes_smaller_bites_when_the_answer_is_too_much(served, monkeypatch):
    from reviewbot.tools import inbox_http

    monkeypatch.setattr(inbox_http, "_UNPACKED_LIMIT", 600)
    remote = HttpInbox(url=served, clock=lambda: NOON + DAY)
    batches = list(remote.batches(None, NOON - DAY))
    assert any(one.refused for one in batches), "seven mails of one second do not fit"
    assert batches[-1].cursor == '{"until":%.1f}' % (NOON + DAY)


def test_http_says_when_there_is_no_such_inbox(served):
    with pytest.raises(UserError, match="404"):
        read(HttpInbox(url=served + "-not", clock=lambda: NOON), None, begin=NOON - DAY)


class Hostile(http.server.BaseHTTPRequestHandler):
    answers: Callable[["Hostile"], None]

    def do_GET(self):
        type(self).answers(self)

    do_POST = do_GET  # noqa: N815 - the library's name

    def log_message(self, *_):
        """Be quiet."""

    def say(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def hostile():
    """Start a server that answers as the test says; yields a function from that to its address."""
    servers = []

    def start(answers):
        handler = type("Handler", (Hostile,), {"answers": staticmethod(answers)})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/kvm"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def asked(url):
    return read(HttpInbox(url=url, clock=lambda: NOON), None, begin=NOON - 90)


def test_a_redirect_to_another_host_is_not_followed(hostile):
    reached = []
    other = hostile(lambda request: (reached.append(request.path), request.say(404))[0])
    url = hostile(lambda request: request.say(302, Location=other))
    with pytest.raises(UserError, match="redirects to"):
        asked(url)
    with pytest.raises(UserError, match="redirects to"):
        asked(hostile(lambda request: request.say(301, Location="file:///etc/passwd")))
    assert reached == []


def test_redirects_come_to_an_end(hostile):
    with pytest.raises(UserError, match="more than 3 times"):
        asked(hostile(lambda request: request.say(302, Location=request.path + "x")))


def test_a_gzip_bomb_is_not_unpacked(hostile, tmp_path):
    bomb = gzip.compress(bytes(300 * 1024 * 1024), 9)
    url = hostile(lambda request: request.say(200, bomb))
    batches = list(HttpInbox(url=url, clock=lambda: NOON).batches(None, NOON - 90))
    assert "unpacks to more" in batches[0].refused[0].reason
    with pytest.raises(UserError, match="unpacks to more"):
        read(GitInbox(store=tmp_path / "clone", url=url), None)


def test_an_answer_without_end_is_cut_off(hostile):
    def forever(request):
        request.say(200)
        while True:
            request.wfile.write(bytes(1024 * 1024))

    with pytest.raises(network.TooLargeError):
        network.ask(hostile(forever), limit=5_000_000, timeout=20)


@pytest.mark.parametrize("body", [b"", b"hello", gzip.compress(b"x" * 99)[:-9]])
def test_an_answer_that_is_no_archive_is_one_clear_line(hostile, body):
    with pytest.raises(UserError, match=r"gzip|cut short"):
        asked(hostile(lambda request: request.say(200, body)))


@pytest.mark.parametrize(
    "manifest", [b"[]", b"{", b'{"/kvm/git/0.git": 3}', b'{"/kvm/git/99999999.git": {}}']
)
def test_a_manifest_of_nonsense_is_one_clear_line(hostile, tmp_path, manifest):
    url = hostile(lambda request: request.say(200, gzip.compress(manifest)))
    with pytest.raises(UserError):
        read(GitInbox(store=tmp_path / "clone", url=url), None)


def test_a_server_that_is_not_there_is_one_clear_line(tmp_path):
    url = f"http://127.0.0.1:{inbox.free_port()}/kvm"
    with pytest.raises(UserError, match="connection refused"):
        read(GitInbox(store=tmp_path / "clone", url=url), None)


@pytest.fixture
def box(tmp_path):
    place = tmp_path / "box"
    for name in ("new", "cur", "tmp"):
        (place / name).mkdir(parents=True)
    return place


def put(box, folder, name, number, when=NOON):
    (box / folder / name).write_bytes(letter(number))
    os.utime(box / folder / name, (when, when))


def test_maildir_remembers_what_it_read_whatever_the_flags(box):
    put(box, "new", "1.a.host", 1)
    put(box, "cur", "2.b.host:2,S", 2, NOON + 1)
    put(box, "tmp", "3.c.host", 3)
    from_box = Maildir(box)
    found, cursor = read(from_box, None)
    assert found == [1, 2]
    (box / "new" / "1.a.host").rename(box / "cur" / "1.a.host:2,RS")
    assert read(from_box, cursor) == ([], cursor)
    put(box, "new", "4.d.host", 4)
    found, cursor = read(from_box, cursor)
    assert found == [4]
    (box / "cur" / "1.a.host:2,RS").unlink()
    assert "1.a.host" not in read(from_box, cursor)[1]


def test_maildir_begins_where_it_is_told(box):
    put(box, "new", "1.a", 1, NOON - 10)
    put(box, "new", "2.b", 2, NOON + 10)
    found, cursor = read(Maildir(box), None, begin=NOON)
    assert found == [2]
    assert read(Maildir(box), cursor)[0] == []


def test_maildir_follows_no_links_and_waits_for_no_pipes(box, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(letter(9))
    (box / "new" / "1.link").symlink_to(secret)
    os.mkfifo(box / "new" / "2.pipe")
    (box / "new" / "3.folder").mkdir()
    assert read(Maildir(box), None)[0] == []


def test_maildir_that_is_none_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="new and cur"):
        read(Maildir(tmp_path), None)
