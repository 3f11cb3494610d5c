# SPDX-License-Identifier: GPL-2.0-only
"""Serve a WSGI application with waitress: bounded threads, connections, headers, bodies and time."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.server import create_server

from reviewbot.model.errors import UserError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9.]+|localhost):([0-9]{1,5})")
_LIMITS: dict[str, Any] = {
    "threads": 4,
    "connection_limit": 200,
    "channel_timeout": 20,
    "cleanup_interval": 5,
    "max_request_header_size": 16384,
    "max_request_body_size": 1024,  # nobody has anything to send
    "clear_untrusted_proxy_headers": True,
    "ident": None,
    "expose_tracebacks": False,
}


@contextmanager
def serving(listen: str, application: "WSGIApplication") -> Iterator[str]:
    """Answer for the time of a ``with``; gives ADDRESS:PORT (the port is the system's choice for port 0).

    Raises UserError for an address that makes no sense or is taken.
    """
    found = _ADDRESS.fullmatch(listen)
    if not found or int(found[2]) > 65535:
        raise UserError(f"--listen: expected ADDRESS:PORT such as 127.0.0.1:8000, got {listen!a}")
    with _listening(listen, found[1].strip("[]"), int(found[2])) as opened:
        sockets: dict[int, Any] = {}
        server = create_server(application, sockets=[opened], map=sockets, **_LIMITS)
        ending = threading.Event()

        def answer() -> None:
            while not ending.is_set():
                wasyncore.loop(timeout=0.5, map=sockets, count=1)
            server.task_dispatcher.shutdown()
            wasyncore.close_all(map=sockets, ignore_all=True)

        thread = threading.Thread(target=answer, name="web", daemon=True)
        thread.start()
        try:
            yield f"{found[1]}:{opened.getsockname()[1]}"
        finally:
            ending.set()
            thread.join(10)


@contextmanager
def _listening(listen: str, host: str, port: int) -> Iterator[socket.socket]:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        opened = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise UserError(
            f"--listen {listen}: {error.strerror or error}; choose another port, or 0 for any"
        ) from error
    with opened:
        yield opened
