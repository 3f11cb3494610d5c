# SPDX-License-Identifier: GPL-2.0-only
"""Passwords and tokens: only ever in files, which the settings name."""

from pathlib import Path

from reviewbot.model.errors import UserError

_LIMIT = 64 * 1024


def read(path: str, setting: str) -> str:
    """What a file holds, without white space around it; "" when ``path`` is "".

    ``setting`` is the key that names the file, for messages.  Raises UserError for a file that cannot
    be read, is empty or is no text.
    """
    if not path:
        return ""
    try:
        with Path(path).expanduser().open("rb") as stream:
            data = stream.read(_LIMIT + 1)
        text = data.decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{setting}: {path} cannot be read") from error
    if not text or len(data) > _LIMIT:
        raise UserError(f"{setting}: {path} is {'too large' if text else 'empty'}")
    return text


def token(path: str, setting: str) -> str:
    """A secret that is fit for an HTTP header.  Raises UserError otherwise, and when there is none."""
    text = read(path, setting)
    if not text:
        raise UserError(f"{setting} is not set; it names the file that holds the token")
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise UserError(f"{setting}: {path} holds something else than one token")
    return text
