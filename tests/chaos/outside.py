# SPDX-License-Identifier: GPL-2.0-only
# ruff: noqa: ARG002, N802 - names and arguments are what aiosmtpd and http.server call
"""The world outside of the bot: a mail server with moods, and an archive that shows mails late."""

import asyncio
import random
import threading
import time
import urllib.parse
from collections import Counter
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller

MOODS = {
    "takes it": 60,
    "451 try later": 8,
    "550 go away": 6,
    "takes it, drops the line": 8,
    "drops the line": 6,
    "takes it, says so too late": 5,
}


class Post:
    """Every mail whose text a server has read, and how it ended.

    ``perhaps`` counts by Message-ID how often the client could not know that the server had refused: more
    than once means that somebody may have got a mail twice.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.calm = False
        self.late = 3.0
        self.lock = threading.Lock()
        self.perhaps: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.shown: dict[str, float] = {}
        self.moods: Counter[str] = Counter()

    def mood(self) -> str:
        if self.calm:
            return "takes it"
        with self.lock:
            (found,) = self.chance.choices([*MOODS], weights=[*MOODS.values()])
        self.moods[found] += 1
        return found

    async def handle_DATA(self, server, session, envelope):
        name = message_from_bytes(envelope.content)["Message-ID"].strip("<>")
        mood = self.mood()
        if mood[0] in "45":
            return mood
        self.perhaps[name] += 1
        if mood.startswith("takes"):
            self.taken[name] += 1
            self.shown[name] = time.monotonic() + self.chance.uniform(0, 3)
        if mood.endswith("line"):
            server.transport.abort()
        elif mood.endswith("late"):
            await asyncio.sleep(self.late)
        return "250 taken"


def mail_server(post: Post, port: int) -> Controller:
    """A running server; stop it with ``stop``."""
    controller = Controller(post, hostname="127.0.0.1", port=port, server_kwargs={"timeout": 30})
    controller.start()
    return controller


def archive(post: Post) -> ThreadingHTTPServer:
    """A running archive of what the mail server has taken; sometimes it is out of order."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = urllib.parse.unquote(self.path.split("/")[1])
            if not post.calm and post.chance.random() < 0.2:
                self.send_response(503)
            elif post.shown.get(name, float("inf")) <= time.monotonic():
                self.send_response(200)
            else:
                self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format, *args):  # noqa: A002 - http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
