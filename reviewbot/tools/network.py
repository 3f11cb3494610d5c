# SPDX-License-Identifier: GPL-2.0-only
"""Asking a server for a file, with limits on everything it can choose: size, time, redirects, gzip."""

import functools
import time
import urllib.parse
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewbot import __version__
from reviewbot.model.errors import UserError

if TYPE_CHECKING:
    import requests

# What programs that talk HTTP need of the user's environment.
PROXY_VARIABLES = (
    "http_proxy", "https_proxy", "no_proxy", "all_proxy",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE",
)  # fmt: skip
_REDIRECTS = 3
_CHUNK = 64 * 1024
_AGENT = f"reviewbot/{__version__}"


class TooLargeError(UserError):
    """A server's answer, or what is packed in it, is beyond the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``status`` is HTTP's, ``body`` as it came over the line (no Content-Encoding is accepted)."""

    status: int
    body: bytes


def ask(
    url: str,
    *,
    limit: int,
    timeout: float,
    post: bool = False,
    json: bytes | None = None,
    authorization: str = "",
) -> Answer:
    """Fetch ``url``; ``limit`` is in bytes, ``timeout`` in seconds for all of it.

    ``json`` is posted.  ``authorization`` is the value of that header; it goes to this host only.
    Redirects are followed a few times and never to another host or from https to http: the address
    is in the settings, and a server must not make us talk to others (such as a cloud's metadata).
    What carries ``json`` is not redirected at all: a POST may become a GET on the way.  Raises TooLargeError, and UserError for a server that cannot be reached or answers nonsense.
    """
    import requests  # noqa: PLC0415 - a tenth of a second that most commands need not spend
    import urllib3.exceptions  # noqa: PLC0415 - what reading the body raises is not translated

    deadline = time.monotonic() + timeout
    for _ in range(_REDIRECTS + 1):
        try:
            with requests.request(
                "POST" if post or json is not None else "GET",
                url,
                headers={
                    "Accept-Encoding": "identity",
                    "User-Agent": _AGENT,
                    **({"Content-Type": "application/json"} if json is not None else {}),
                },
                data=json,
                auth=functools.partial(_authorized, value=authorization),
                timeout=min(timeout, 60.0),
                allow_redirects=False,
                stream=True,
            ) as response:
                target = response.headers.get("Location", "")
                if response.status_code not in (301, 302, 307, 308) or not target:
                    return Answer(
                        status=response.status_code, body=_body(response, limit, deadline, url)
                    )
                new = _redirected(url, target)
                if json is not None:
                    raise UserError(f"{_shown(url)}: redirects to {_shown(new)}; name that one")
                url = new
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            OSError,
            ValueError,
        ) as error:
            raise UserError(
                f"{_shown(url)}: cannot be reached: {known_cause(str(error)) or _shown(str(error))}"
            ) from error
    raise UserError(f"{_shown(url)}: redirected more than {_REDIRECTS} times; check the address")


def _authorized(request: "requests.PreparedRequest", *, value: str) -> "requests.PreparedRequest":
    """Set the header, or leave it out; without a word from us requests would look into ~/.netrc."""
    if value:
        request.headers["Authorization"] = value
    return request


def gunzip(data: bytes, *, limit: int, source: str) -> bytes:
    """Unpack at most ``limit`` bytes.  Raises TooLargeError beyond, UserError for damaged data."""
    unzip = zlib.decompressobj(wbits=31)
    try:
        text = unzip.decompress(data, limit + 1)
    except zlib.error as error:
        raise UserError(
            f"{_shown(source)}: not a valid gzip file; is it a public-inbox?"
        ) from error
    if len(text) > limit:
        raise TooLargeError(f"{_shown(source)}: unpacks to more than {limit >> 20} MiB")
    if not unzip.eof:
        raise UserError(f"{_shown(source)}: cut short; the next try may do better")
    return text


def _body(response: "requests.Response", limit: int, deadline: float, url: str) -> bytes:
    kept = bytearray()
    # read1 returns what is there: read() would wait for a whole chunk, whatever the deadline.
    while data := response.raw.read1(_CHUNK, decode_content=False):
        kept += data
        if len(kept) > limit:
            raise TooLargeError(f"{_shown(url)}: answers with more than {limit >> 20} MiB")
        if time.monotonic() > deadline:
            raise UserError(f"{_shown(url)}: the answer takes too long")
    return bytes(kept)


def _redirected(url: str, target: str) -> str:
    new = urllib.parse.urljoin(url, target)
    here, there = urllib.parse.urlsplit(url), urllib.parse.urlsplit(new)
    same = (there.hostname, there.port) == (here.hostname, here.port)
    upgraded = there.hostname == here.hostname and (here.scheme, there.scheme) == ("http", "https")
    if not (upgraded or (same and there.scheme == here.scheme)):
        raise UserError(
            f"{_shown(url)}: redirects to {_shown(new)}; if that is right, put it into the settings"
        )
    return new


def known_cause(said: str) -> str:
    """The part of an HTTP library's exception that people understand; "" for none."""
    causes = {
        "Connection refused": "connection refused",
        "Name or service not known": "unknown host name",
        "Temporary failure in name resolution": "the host name cannot be resolved",
        "No route to host": "no route to host",
        "Network is unreachable": "network is unreachable",
        "timed out": "timed out",
        "CERTIFICATE_VERIFY_FAILED": "its certificate is not valid",
        "gzip": "it does not answer like a public-inbox",
        "Not a gzipped": "it does not answer like a public-inbox",
    }
    return next((short for text, short in causes.items() if text in said), "")


def _shown(text: str) -> str:
    """An address or a server's words, fit for one line."""
    return "".join(char if char.isprintable() else "?" for char in text[:160])
