# SPDX-License-Identifier: GPL-2.0-only
"""A small web server for /metrics and /healthz, for a network that is trusted with both.

It reads nothing but the path of a GET, answers at most a few requests at once, and gives each little time.
"""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from reviewbot.model.errors import UserError

_SECONDS = 10.0
_AT_ONCE = 8
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9.]+|localhost):([0-9]{1,5})")


@contextmanager
def serving(listen: str, registry: CollectorRegistry, trouble: Callable[[], str]) -> Iterator[int]:
    """Answer for the time of a ``with``; gives the port (chosen by the system for port 0).

    ``trouble`` says in one line why we are not well, "" when we are; it is called in other threads.
    Raises UserError for an address that makes no sense or is taken.
    """
    found = _ADDRESS.fullmatch(listen)
    if not found or int(found[2]) > 65535:
        raise UserError(f"--listen: expected ADDRESS:PORT such as 127.0.0.1:9105, got {listen!a}")
    host = found[1].strip("[]")

    class Server(_Server):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    class Handler(_Handler):
        def answer(self) -> tuple[int, str, bytes]:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                return 200, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(registry)
            if path == "/healthz":
                said = trouble()
                return (
                    503 if said else 200,
                    "text/plain; charset=utf-8",
                    f"{said or 'ok'}\n".encode(),
                )
            return 404, "text/plain; charset=utf-8", b"there are /metrics and /healthz\n"

    try:
        server = Server((host, int(found[2])), Handler)
    except OSError as error:
        raise UserError(f"--listen {listen}: {error.strerror or error}") from error
    thread = threading.Thread(target=server.serve_forever, name="monitoring", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """Turns away who comes while enough are being answered."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *arguments: Any) -> None:
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up before the answer is of no interest."""


class _Handler(BaseHTTPRequestHandler):
    """One request a connection."""

    timeout = _SECONDS
    server_version = "reviewbot"
    sys_version = ""

    def answer(self) -> tuple[int, str, bytes]:
        """Status, content type, body."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Answer."""
        status, kind, body = self.answer()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Requests are not logged: there is one every few seconds, and their text is a stranger's."""
