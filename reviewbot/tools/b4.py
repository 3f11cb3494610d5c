# SPDX-License-Identifier: GPL-2.0-only
"""The one adapter to b4: threads from a public-inbox.

The command is used, not the library: its Python API is nobody's promise, and a child can be given a
time limit.  It is b4 of our own environment, whatever else is installed.  Threads come as a maildir,
because ``b4 mbox -o -`` does not escape "From " lines, so a body could smuggle in mails.
"""

import os
import re
import sys
import tempfile
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from reviewbot.model.config import InboxConfig
from reviewbot.model.errors import InfrastructureError, UnavailableError, UserError
from reviewbot.tools import mailbox, process
from reviewbot.tools.network import PROXY_VARIABLES, known_cause

# What git and b4's HTTP library need to find the user's settings, proxies and certificates.
_KEPT = (
    "HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM",
    *PROXY_VARIABLES,
)  # fmt: skip
_DEFAULT_MIDMASK = "https://lore.kernel.org/all/%s"
_MESSAGE_ID = re.compile(r"[A-Za-z0-9!#$&'*+/=?^_{|}~.%:,;()\[\]\\\"-]+@[A-Za-z0-9.\[\]:_+-]+")
_STATUS = re.compile(r"Server returned an error: (\d{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to fetch.  ``midmask`` is the inbox a URL named, "" when only an id was given.

    ``mirrored`` when that inbox is lore, which the user's configured inbox stands in for.
    """

    message_id: str
    midmask: str = ""
    mirrored: bool = False


def parse_wanted(text: str) -> Wanted:
    """A message-id (with or without <>), or a URL that ends in one, such as lore's.

    Raises UserError when it is neither, or holds what no id does (blanks, control characters, a
    leading dash).
    """
    given = text.strip()
    midmask = ""
    if re.match(r"https?://", given, re.IGNORECASE):
        given, midmask = _from_url(given)
    elif given.lower().startswith(("mid:", "id:", "message-id:")):
        given = given.partition(":")[2].strip()
    if given.startswith("<") and given.endswith(">"):
        given = given[1:-1]
    # b4 takes an id with "://" in it for the address of a server to ask.
    if (
        given.startswith("-")
        or "://" in given
        or len(given) > 500
        or not _MESSAGE_ID.fullmatch(given)
    ):
        raise UserError(
            f"{_shown(text)}: no such file, and not a message-id or lore URL (they look like "
            "20241030033514.1728937-1-name@example.org)"
        )
    mirrored = midmask.startswith(("https://lore.kernel.org/", "http://lore.kernel.org/"))
    return Wanted(message_id=given, midmask=midmask, mirrored=mirrored)


def _from_url(url: str) -> tuple[str, str]:
    """The id in a URL's path, and the inbox it is in when the URL is not of a mere redirector."""
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise UserError(f"{_shown(url)}: not a valid URL") from error
    steps = [step for step in parts.path.split("/") if step]
    place = next((at for at, step in enumerate(steps) if "@" in urllib.parse.unquote(step)), None)
    if place is None or not host:
        raise UserError(
            f"{_shown(url)}: no message-id in this URL; give one of a lore thread or mail"
        )
    message_id = urllib.parse.unquote(steps[place])
    redirector = host.endswith(("msgid.link", "patchwork.kernel.org")) or host == "lkml.kernel.org"
    if place == 0 or redirector or parts.username is not None:
        return message_id, ""
    if host == "lore.kernel.org" and steps[0] == "r":
        return message_id, ""
    inbox = "/".join(steps[:place])
    return message_id, f"{parts.scheme.lower()}://{parts.netloc}/{inbox}/%s"


def fetch_thread(
    wanted: Wanted, inbox: InboxConfig, *, newer: bool = False
) -> tuple[tuple[bytes, ...], str]:
    """The raw mails of the thread a message is in, and the address they came from.

    A URL that names another inbox than lore is taken at its word; otherwise the configured midmask
    wins, then git's b4.midmask, then lore.  ``newer`` also looks for later revisions that
    were posted as threads of their own.  Raises UserError for an unknown message-id and for an
    inbox that does not answer.
    """
    if wanted.midmask and not wanted.mirrored:
        address = wanted.midmask
    else:
        address = midmask(inbox, fallback=wanted.midmask or _DEFAULT_MIDMASK)
    with tempfile.TemporaryDirectory(prefix="reviewbot-b4-") as scratch:
        done = _b4(wanted.message_id, address, Path(scratch), inbox.timeout, newer=newer)
        if done.ok:
            return mailbox.read(Path(scratch) / "thread"), address.replace("%s", wanted.message_id)
        raise _failure(done, wanted.message_id, address)


def midmask(inbox: InboxConfig, *, fallback: str = _DEFAULT_MIDMASK) -> str:
    """The inbox in force: that of the settings, else git's b4.midmask, else ``fallback``.

    Raises UserError when it is no address with a place for the message-id.
    """
    found = inbox.midmask or _git_midmask() or fallback
    if "%s" not in found or not re.match(r"https?://[^\s/]+", found):
        raise UserError(
            f"inbox.midmask {_shown(found)} is no public-inbox address; it looks like {_DEFAULT_MIDMASK}"
        )
    return found


def _b4(
    message_id: str, midmask: str, scratch: Path, timeout: float, *, newer: bool
) -> process.Completed:
    """Run ``b4 mbox`` with caches of its own: an answer for another midmask must not come back."""
    command = Path(sys.prefix) / "bin" / "b4"
    if not command.exists():
        raise InfrastructureError(
            f"{command}: not found; install reviewbot with its dependencies (pip install)"
        )
    return process.run(
        [
            command,
            "--no-interactive",
            "--no-stdin",
            "--config",
            f"b4.midmask={midmask}",
            "mbox",
            "--no-cache",
            *(["--check-newer-revisions"] if newer else []),
            "--save-as-maildir",
            "--outdir",
            scratch,
            "--mbox-name",
            "thread",
            message_id,
        ],
        cwd=scratch,  # b4 reads .b4-config of where it stands, which may be a patched tree
        timeout=timeout,
        env={
            **_kept_environment(),
            "XDG_CACHE_HOME": str(scratch / "cache"),
            "XDG_DATA_HOME": str(scratch / "data"),
        },
    )


def _kept_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _git_midmask() -> str:
    """What ``git config b4.midmask`` says where we are; "" for nothing."""
    done = process.run(
        ["git", "config", "--get", "b4.midmask"],
        timeout=10,
        env=_kept_environment(),
        output_limit=4096,
    )
    return done.text().strip() if done.ok else ""


def _failure(done: process.Completed, message_id: str, midmask: str) -> UserError:
    """b4 says it in prose; tell "not there" from "no answer"."""
    said = done.stderr.decode("utf-8", "replace")
    host = urllib.parse.urlsplit(midmask).netloc.rpartition("@")[2]
    status = _STATUS.search(said)
    if (status and status[1] == "404") or "No messages found" in said:
        return UserError(
            f"message-id {message_id} is not known at {host}; check it, or name the inbox that has it "
            "([inbox] midmask, or git config b4.midmask)"
        )
    if done.timed_out:
        cause = f"no answer within {done.seconds:.0f} s"
    elif status:
        cause = f"it answered with HTTP status {status[1]}"
    else:
        cause = known_cause(said) or done.complaint()
    return UnavailableError(
        f"inbox {host} cannot be reached ({cause}); check the network and [inbox] midmask, "
        "or give an mbox file instead"
    )


def _shown(text: str) -> str:
    """What the user typed, fit for one line of terminal."""
    return "".join(char if char.isprintable() else "?" for char in text[:120])
