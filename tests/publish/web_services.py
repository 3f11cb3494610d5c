# SPDX-License-Identifier: GPL-2.0-only
"""Real HTTP servers on loopback that enforce what Patchwork and KCIDB publish about their APIs.

A server's ``faults`` are taken from the front, one a request: a status to answer with, "drop" (close
before doing anything), "drop after" (do it, then close without a word), "cut" (half an answer),
"slow", "huge", or a redirect's address.
"""

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jsonschema
import kcidb_io

LIST = "kvm@vger.kernel.org"
TOKEN = "0123456789abcdef0123456789abcdef01234567"  # noqa: S105 - of the servers here

# CheckCreate of docs/api/schemas/v1.3/patchwork.yaml, in our words.
CHECK_CREATE = {
    "type": "object",
    "required": ["state"],
    "additionalProperties": False,  # ours must not rely on what is not published
    "properties": {
        "state": {"enum": ["pending", "success", "warning", "fail"]},
        "target_url": {
            "oneOf": [{"type": "null"}, {"type": "string", "format": "uri", "maxLength": 200}]
        },
        "context": {
            "type": "string",
            "pattern": r"^[-a-zA-Z0-9_]+$",
            "minLength": 1,
            "maxLength": 255,
        },
        "description": {"type": ["null", "string"]},
    },
}


_DONE_FIRST = {None, "drop after", "cut", "slow", "huge"}


class Service:
    """A server with a token; use as a context manager.  ``calls`` are (method, path with query)."""

    def __init__(self, token):
        self.token = token
        self.faults = []
        self.calls = []
        self.tokens = []
        self.lock = threading.Lock()

    def __enter__(self):
        self.server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"service": self})
        )
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answer(self, method, path, query, token, body):
        """(status, value) for one request."""
        raise NotImplementedError


class _Handler(BaseHTTPRequestHandler):
    service: Service
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.serve()

    def do_POST(self):
        self.serve()

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.service.lock:
            self.service.calls.append((self.command, self.path))
            self.service.tokens.append(self.headers.get("Authorization"))
            fault = self.service.faults.pop(0) if self.service.faults else None
            if fault == "drop":
                self.close_connection = True
                return
            if fault not in _DONE_FIRST:
                self.refuse(fault)
                return
            split = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(split.query).items()}
            status, value = self.service.answer(
                self.command, split.path, query, self.headers.get("Authorization", ""), body
            )
        if fault == "drop after":
            self.close_connection = True
        else:
            self.reply(status, value, fault)

    def refuse(self, fault):
        if isinstance(fault, int):
            self.reply(fault, {"detail": f"fault {self.headers.get('Authorization')}"})
            return
        self.send_response(307)
        self.send_header("Location", fault)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def reply(self, status, value, fault=None):
        data = json.dumps(value).encode()
        if fault == "huge":
            data = b" " * (5 << 20)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data) + (9 if fault == "cut" else 0)))
        self.end_headers()
        if fault == "slow":
            for byte in data:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.2)
            return
        self.wfile.write(data)
        if fault == "cut":
            self.close_connection = True


class PatchworkService(Service):
    """Patchwork's public API 1.3, as far as we use it.

    ``add`` makes a patch known; ``checks`` are all that were made, oldest first.  Like the real one it
    ignores filters it does not know.
    """

    def __init__(self, token, user="bot", editable=("kvm",)):
        super().__init__(token)
        self.user = user
        self.editable = editable
        self.patches = []
        self.checks = []

    def add(self, message_id, project="kvm"):
        number = len(self.patches) + 100
        embedded = {"id": 1, "name": project, "link_name": project}
        self.patches.append({"id": number, "msgid": f"<{message_id}>", "project": embedded})
        return number

    def made(self, patch, state, context="reviewbot", user=None, description=""):
        check = {
            "id": len(self.checks) + 1,
            "patch": patch,
            "user": {"id": 1, "username": user or self.user},
            "date": "2026-01-15T00:00:00",
            "state": state,
            "target_url": None,
            "context": context,
            "description": description,
        }
        self.checks.append(check)
        return check

    def states(self, patch, user=None):
        return [
            check["state"]
            for check in self.checks
            if check["patch"] == patch and check["user"]["username"] == (user or self.user)
        ]

    def answer(self, method, path, query, token, body):
        if token != f"Token {self.token}":
            return 403, {"detail": "Invalid token."}
        if method == "GET" and path == "/api/1.3/patches/":
            return 200, [
                patch
                for patch in self.patches
                if query.get("msgid") in (None, patch["msgid"][1:-1])
                and query.get("project") in (None, patch["project"]["link_name"])
            ]
        if not (found := re.fullmatch(r"/api/1\.3/patches/(\d+)/checks/", path)):
            return 404, {"detail": "Not found."}
        patch = next((one for one in self.patches if one["id"] == int(found[1])), None)
        if patch is None:
            return 404, {"detail": "Not found."}
        if method == "GET":
            return 200, self.listed(patch["id"], query)
        if patch["project"]["link_name"] not in self.editable:
            return 403, {"detail": "You do not have permission to perform this action."}
        value = json.loads(body)
        kind = jsonschema.validators.validator_for(CHECK_CREATE)
        for error in kind(CHECK_CREATE, format_checker=kind.FORMAT_CHECKER).iter_errors(value):
            return 400, {"detail": [error.message]}
        check = self.made(
            patch["id"],
            value["state"],
            value.get("context", "default"),
            description=value.get("description"),
        )
        check["target_url"] = value.get("target_url")
        return 201, check

    def listed(self, patch, query):
        found = [
            check
            for check in self.checks
            if check["patch"] == patch
            and query.get("context") in (None, check["context"])
            and query.get("user") in (None, check["user"]["username"])
        ]
        if query.get("order") == "-id":
            found.reverse()
        return found[: int(query.get("per_page", 30))]


class KcidbService(Service):
    """KCIDB's REST service.  It insists on the schema at once, where the real one does so later."""

    def __init__(self, token):
        super().__init__(token)
        self.submissions = []

    def answer(self, method, path, query, token, body):  # noqa: ARG002 - one shape for all
        if (method, path) != ("POST", "/submit"):
            return 404, {"status": "error", "id": "0", "message": "Not found"}
        if token != f"Bearer {self.token}":
            return 401, {"status": "error", "id": "0", "message": "JWT is required"}
        try:
            value = json.loads(body)
            kcidb_io.schema.V5_3.validate_exactly(value)
        except (ValueError, jsonschema.ValidationError) as error:
            return 400, {"status": "error", "id": "0", "message": str(error)[:200]}
        self.submissions.append(value)
        name = f"submission{len(self.submissions)}"
        return 200, {"status": "ok", "id": name, "message": f"Received {len(body)} bytes"}
