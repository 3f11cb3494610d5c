# SPDX-License-Identifier: GPL-2.0-only
"""Requests -> pages, as a WSGI application: who may ask, what may be asked, and what browsers may do with it."""

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from reviewbot.web.links import Links
from reviewbot.web.page import JSON, Page
from reviewbot.web.site import Site
from reviewbot.web.snapshot import Latest

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LINKS = Links()
_LONGEST = 2048
_FIXED = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Pages change when reviews end: browsers may keep them but ask every time (304 is cheap).
    "Cache-Control": "no-cache",
    "Vary": "Accept",
}


class Application:
    """``hosts`` are the names it answers to: what a page elsewhere calls us is none of them (DNS rebinding).

    ``trouble`` says why the pages may be out of date, "" when they are not.
    """

    def __init__(
        self,
        site: Site,
        latest: Latest,
        hosts: Iterable[str],
        trouble: Callable[[], str] = lambda: "",
    ) -> None:
        self.site = site
        self.latest = latest
        self.trouble = trouble
        self.hosts = frozenset(one.lower() for one in hosts)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer."""
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        json = _wants_json(request)
        page = (
            self._refused(request, json=json)
            or self._health(request)
            or self._found(request, json=json)
        )
        response = Response(page.body, status=page.status, content_type=page.kind)
        for name, value in _FIXED.items():
            response.headers[name] = value
        if page.status == 405:
            response.headers["Allow"] = "GET, HEAD"
        if page.status == 200:
            response.set_etag(hashlib.sha256(page.body).hexdigest()[:32])
            if page.modified:
                response.last_modified = datetime.fromtimestamp(int(page.modified), UTC)
            response.make_conditional(request)
        return response

    def _refused(self, request: Request, *, json: bool) -> Page | None:
        """What is answered to requests that are none of ours."""
        shot = self.latest()

        def no(status: int, said: str) -> Page:
            return self.site.trouble(shot, LINKS, status, said, json=json)

        if _host(request.environ.get("HTTP_HOST", "")) not in self.hosts:
            # In plain text: a page would have links, to a place whose name we do not know.
            said = b"this is reviewbot; it does not answer to that name (reviewbot serve --name NAME)\n"
            return Page(kind="text/plain; charset=utf-8", body=said, status=421)
        if request.method not in ("GET", "HEAD"):
            return no(405, "These pages can only be read.")
        if len(request.environ.get("PATH_INFO", "")) + len(request.query_string) > _LONGEST:
            return no(414, "That address is too long.")
        return None

    def _health(self, request: Request) -> Page | None:
        """For who watches us, as the other services answer it."""
        if request.path != "/healthz":
            return None
        trouble = self.trouble()
        body = f"{trouble or 'ok'}\n".encode()
        return Page(kind="text/plain; charset=utf-8", body=body, status=503 if trouble else 200)

    def _found(self, request: Request, *, json: bool) -> Page:
        shot = self.latest()
        try:
            values = {name: request.args[name] for name in request.args}
            return self.site.page(shot, LINKS, request.path, values, json=json)
        except HTTPException as error:
            said = error.description or "That cannot be answered."
            return self.site.trouble(shot, LINKS, error.code or 400, said, json=json)


def _wants_json(request: Request) -> bool:
    best = request.accept_mimetypes.best_match(["text/html", JSON], default="text/html")
    return best == JSON


def _host(header: str) -> str:
    """The name in a Host header, without the port."""
    name = header.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


def names_of(listen: str, more: Iterable[str]) -> tuple[str, ...]:
    """Names to answer to: the address itself, this host's own, and those that were given."""
    own = _host(listen)
    return ("localhost", "127.0.0.1", "[::1]", own, *more)
