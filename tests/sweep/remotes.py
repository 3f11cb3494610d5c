# SPDX-License-Identifier: GPL-2.0-only
"""Git repositories served on this machine: by git's own daemon, by its HTTP program, and as plain files."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_SECONDS = 10.0


@contextmanager
def daemon(folder: Path) -> Iterator[str]:
    """``git daemon``; the address of the folder."""
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        port = some.getsockname()[1]
    words = ["git", "daemon", f"--base-path={folder}", "--export-all", "--reuseaddr"]
    words += ["--listen=127.0.0.1", f"--port={port}", "--log-destination=none", str(folder)]
    served = subprocess.Popen(words, start_new_session=True)
    try:
        _wait(port)
        yield f"git://127.0.0.1:{port}"
    finally:
        served.terminate()
        served.wait(timeout=_SECONDS)


@contextmanager
def smart(folder: Path) -> Iterator[str]:
    """``git http-backend``, as web servers run it."""

    class Backend(BaseHTTPRequestHandler):
        def answer(self) -> None:
            path, _, query = self.path.partition("?")
            length = int(self.headers.get("Content-Length", 0))
            env = {
                **os.environ,
                "GIT_PROJECT_ROOT": str(folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(length),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            }
            done = subprocess.run(
                ["git", "http-backend"],
                input=self.rfile.read(length),
                stdout=subprocess.PIPE,
                env=env,
                check=True,
            )
            head, _, body = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in fields.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with _http(Backend) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def dumb(folder: Path) -> Iterator[str]:
    """A web server that knows nothing of git; ``git update-server-info`` makes what clients ask for."""

    class Files(SimpleHTTPRequestHandler):
        def __init__(self, *some: object) -> None:
            super().__init__(*some, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with _http(Files) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _http(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(_SECONDS)


def _wait(port: int) -> None:
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("git daemon does not answer; is Debian's package git whole?")
