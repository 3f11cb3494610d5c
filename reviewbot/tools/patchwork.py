# SPDX-License-Identifier: GPL-2.0-only
"""Patchwork's REST API 1.3: find patches by message-id, look at checks, make one.

docs/api/schemas/v1.3/patchwork.yaml of https://github.com/getpatchwork/patchwork.
"""

from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from reviewbot.model.publication import Check, CheckState
from reviewbot.tools.web_api import TryLaterError, call

T = TypeVar("T")
_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Project:
    """What we read of ProjectEmbedded, PatchList, UserEmbedded and Check of the schema."""

    link_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patch:
    id: int
    msgid: str
    project: _Project


@dataclass(frozen=True, slots=True, kw_only=True)
class _User:
    username: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    id: int
    user: _User
    state: CheckState
    context: str
    description: str | None = None
    target_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patchwork:
    """An instance.  ``project`` is a link name, "" for all; ``user`` whose ``token`` it is, if known."""

    url: str
    token: str
    project: str
    user: str
    context: str
    timeout: float

    def patches(self, message_id: str) -> list[int]:
        """The ids of the patches that came as this mail: one a project, none when it is not known.

        Raises RefusedError and TryLaterError, as all methods do.
        """
        wanted = {"msgid": message_id, "per_page": str(_PAGE)}
        if self.project:
            wanted["project"] = self.project
        answer = self._call(f"patches/?{urlencode(wanted)}")
        # An instance that does not know a filter answers with every patch it has.
        return [
            found.id
            for found in self._typed(answer, list[_Patch])
            if found.msgid.strip("<>") == message_id
            and self.project in ("", found.project.link_name)
        ]

    def newest(self, patch: int) -> Check | None:
        """Our newest check of a patch."""
        wanted = {"context": self.context, "order": "-id", "per_page": str(_PAGE)}
        if self.user:
            wanted["user"] = self.user
        answer = self._call(f"patches/{patch}/checks/?{urlencode(wanted)}")
        ours = [
            found
            for found in self._typed(answer, list[_Made])
            if found.context == self.context and self.user in ("", found.user.username)
        ]
        if not ours:
            return None
        last = max(ours, key=lambda found: found.id)
        return Check(
            state=last.state,
            description=last.description or "",
            target_url=last.target_url or "",
        )

    def post(self, patch: int, check: Check) -> None:
        """Make a check."""
        said = {
            "state": check.state.value,
            "context": self.context,
            "description": check.description,
        }
        if check.target_url:
            said["target_url"] = check.target_url
        self._typed(self._call(f"patches/{patch}/checks/", said), _Made)

    def _typed(self, answer: object, kind: type[T]) -> T:
        try:
            return msgspec.convert(answer, kind)
        except msgspec.ValidationError as error:
            text = f"{self.url}: does not answer like Patchwork's API 1.3: {error}"
            raise TryLaterError(text, reached=True) from error

    def _call(self, path: str, send: object = None) -> object:
        return call(
            f"{self.url.rstrip('/')}/api/1.3/{path}",
            authorization=f"Token {self.token}",
            timeout=self.timeout,
            send=send,
        )
