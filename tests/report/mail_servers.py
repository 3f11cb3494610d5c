# SPDX-License-Identifier: GPL-2.0-only
# ruff: noqa: ARG001, ARG002, N802 - names and arguments are what aiosmtpd calls
"""Real SMTP servers on loopback: polite, picky, and ones that break off."""

import contextlib
import socket
import ssl
import subprocess
import threading
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER, PASSWORD = "bot", "s3cret-word"


class Keeper:
    """Keeps what it gets; ``replies`` are canned answers by verb or recipient."""

    def __init__(self, replies: dict[str, str] | None = None) -> None:
        self.replies = replies or {}
        self.mails: list[tuple[str, list[str], bytes]] = []

    async def handle_MAIL(self, server, session, envelope, address, options):
        if "MAIL" in self.replies:
            return self.replies["MAIL"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.replies:
            return self.replies[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if "DATA" in self.replies:
            return self.replies["DATA"]
        self.mails.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        return "250 kept"


def certificate(place: Path, host: str = "localhost") -> tuple[Path, ssl.SSLContext]:
    """A throw-away certificate that vouches for itself: its file, and a context for the server."""
    cert, key = place / f"{host}.pem", place / f"{host}.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", f"/CN={host}"),
            *("-addext", f"subjectAltName=DNS:{host}", "-keyout", key, "-out", cert),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(keeper: Keeper, *, tls=None, ssl_context=None, login=False):
    """A server for the time of a ``with``; gives its port."""

    def check(server, session, envelope, mechanism, data):
        wanted = LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=data == wanted, handled=False)

    options = {"authenticator": check, "auth_required": True} if login else {}
    if login and tls is None:
        options["auth_require_tls"] = False
    if tls is not None:
        options |= {"tls_context": tls, "require_starttls": True}
    if ssl_context is not None:
        options["ssl_context"] = ssl_context
    controller = Controller(keeper, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


class Script:
    """Plays one line of a script for each line the client sends, and then ``then``.

    "hang up", "read the text and hang up", or "say nothing".
    """

    def __init__(self, lines: list[str], then: str) -> None:
        self.lines = lines
        self.then = then
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._play)

    def __enter__(self):
        self.thread.start()
        return self.port

    def __exit__(self, *exception):
        self.done.set()
        self.listener.close()
        self.thread.join(10)

    def _play(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self.listener.accept()
            with connection, connection.makefile("rwb") as stream:
                for number, line in enumerate(self.lines):
                    if number and not stream.readline():
                        return
                    stream.write(line.encode() + b"\r\n")
                    stream.flush()
                if self.then == "say nothing":
                    self.done.wait(10)
                elif self.then == "read the text and hang up":
                    while stream.readline() not in (b".\r\n", b""):
                        pass
