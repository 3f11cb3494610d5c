# SPDX-License-Identifier: GPL-2.0-only
"""Serve a WSGI application with waitress: bounded threads, connections, headers, bodies and time."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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
    sockets: dict[int, Any] = {}
    try:
        server = create_server(
            application, host=found[1].strip("[]"), port=int(found[2]), map=sockets, **_LIMITS
        )
    except OSError as error:
        raise UserError(
            f"--listen {listen}: {error.strerror or error}; choose another port, or 0 for any"
        ) from error
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    thread.start()
    try:
        yield f"{found[1]}:{_port(server, sockets)}"
    finally:
        server.close()
        thread.join(2)


def _port(server: Any, sockets: dict[int, Any]) -> int:
    """The first one: "localhost" may be two addresses."""
    if hasattr(server, "effective_port"):
        return int(server.effective_port)
    return int(
        next(one.effective_port for one in sockets.values() if hasattr(one, "effective_port"))
    )
