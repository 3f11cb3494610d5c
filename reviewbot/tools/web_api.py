# SPDX-License-Identifier: GPL-2.0-only
"""One call of a web service that speaks JSON and knows us by a token."""

import json

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools import network

ANSWER_LIMIT = 4 << 20
"""Bytes of an answer; a page of 100 patches of Patchwork is a tenth of that."""

# The token is wrong or may not do this, the server is busy, slow or broken: a person or time mends it.
_LATER = {401, 403, 407, 408, 423, 425, 429}


class RefusedError(UserError):
    """The service understood, and says no; it would say so again."""


class TryLaterError(InfrastructureError):
    """The service did not do it; later it may.  ``reached`` when it answered at all."""

    def __init__(self, said: str, *, reached: bool) -> None:
        super().__init__(said)
        self.reached = reached


def call(url: str, *, authorization: str, timeout: float, send: object = None) -> object:
    """The JSON that ``url`` answers, to a POST of ``send`` when that is given.

    Raises RefusedError and TryLaterError; their text is one printable line and never has the token.
    """
    body = None if send is None else json.dumps(send, ensure_ascii=True).encode()
    try:
        answer = network.ask(
            url,
            limit=ANSWER_LIMIT,
            timeout=timeout,
            json=body,
            authorization=authorization,
        )
    except UserError as error:
        raise TryLaterError(str(error), reached=False) from error
    if 200 <= answer.status < 300:
        return _value(answer.body, url)
    token = authorization.rpartition(" ")[2]
    said = _reason(answer.body)
    text = f"{url.partition('?')[0]}: HTTP {answer.status}{said.replace(token, '***') if token else said}"
    if answer.status in _LATER or not 400 <= answer.status < 500:
        raise TryLaterError(text, reached=True)
    raise RefusedError(text)


def _value(body: bytes, url: str) -> object:
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        text = f"{url.partition('?')[0]}: does not answer in JSON; check the address"
        raise TryLaterError(text, reached=True) from error
    return value


def _reason(body: bytes) -> str:
    """What the service said, shortened, on one line."""
    text = " ".join(body[:400].decode("utf-8", "replace").split())
    shown = "".join(char if char.isprintable() else "?" for char in text)[:200]
    return f": {shown}" if shown else ""
