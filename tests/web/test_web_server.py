# SPDX-License-Identifier: GPL-2.0-only
"""What a server on a network needs: methods, hosts, headers, conditions, limits."""

import socket

import pytest
from shelves import Served

from reviewbot.model.errors import UserError
from reviewbot.tools import templates
from reviewbot.tools.web_server import serving
from reviewbot.web.application import Application
from reviewbot.web.site import Site

POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


@pytest.mark.parametrize(
    "path", ["/", "/rules", "/nothing", "/index.json", "/style.css", "/feed.atom"]
)
def test_every_answer_has_the_security_headers(served, path):
    answer, _ = served.get(path)
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Server" not in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_can_be_written(served, method):
    answer, _ = served.get("/", method=method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


def test_head_says_what_get_would(served):
    whole, body = served.get("/rules")
    head, nothing = served.get("/rules", method="HEAD")
    assert nothing == b""
    assert head.headers["Content-Length"] == str(len(body))
    assert head.headers["ETag"] == whole.headers["ETag"]


def test_a_page_that_did_not_change_is_not_sent_again(served):
    first, _ = served.get("/rules")
    again, body = served.get("/rules", If_None_Match=first.headers["ETag"])
    assert (again.status, body) == (304, b"")
    later, body = served.get("/rules", If_Modified_Since=first.headers["Last-Modified"])
    assert (later.status, body) == (304, b"")
    assert again.headers["Content-Security-Policy"] == POLICY
    assert served.get("/rules", If_None_Match='"other"')[0].status == 200


def test_it_answers_only_to_its_names(served):
    for name in ("evil.example.com", "", "127.0.0.1.evil.example.com", "localhost@evil"):
        answer, body = served.get("/", Host=name)
        assert answer.status == 421
        assert b"<" not in body
    for name in ("localhost", "LOCALHOST:8000", "kvm.example.org", "[::1]:80"):
        assert served.get("/", Host=name)[0].status == 200


def test_long_addresses_and_headers_are_refused(served):
    assert served.get("/" + "a" * 3000)[0].status == 414
    assert served.get("/?" + "q=a&" * 1000)[0].status == 414
    assert served.get("/", X_Long="x" * 40000)[0].status == 431
    assert served.get("/")[0].status == 200


def test_broken_requests_do_not_end_it(served):
    host, _, port = served.place.rpartition(":")
    for raw in (b"\0\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                b"GET /%ff%fe?q=%ff HTTP/1.0\r\nHost: localhost\r\n\r\n"):  # fmt: skip
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(raw)
            answer = connection.recv(4096)
            assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert served.get("/")[0].status == 200


@pytest.mark.parametrize("listen", ["8000", "127.0.0.1:99999", "evil:80", "127.0.0.1:"])
def test_an_address_that_makes_no_sense_is_said(listen):
    with pytest.raises(UserError, match="expected ADDRESS:PORT"), serving(listen, lambda *_: []):
        pass


def test_a_port_that_is_taken_is_said(served):
    with (
        pytest.raises(UserError, match="choose another port"),
        serving(served.place, lambda *_: []),
    ):
        pass


def test_who_watches_us_learns_whether_pages_are_up_to_date(served):
    answer, body = served.get("/healthz")
    assert (answer.status, body) == (200, b"ok\n")
    assert answer.headers["Content-Type"].startswith("text/plain")
    stuck = Application(
        Site(templates.load_web(), served.shelf.library),
        served.shelf.shot,
        ("localhost", "127.0.0.1"),
        trouble=lambda: "the loop has not turned for 999 s",
    )
    with serving("127.0.0.1:0", stuck) as place:
        answer, body = Served(place, served.shelf).get("/healthz")
    assert answer.status == 503
    assert b"999 s" in body
