# SPDX-License-Identifier: GPL-2.0-only
"""Whether a list's archive has a mail: the only way to know what became of one that we may have sent."""

import urllib.parse

from reviewbot.model.errors import UnavailableError
from reviewbot.tools import network

_LIMIT = 4 * 1024 * 1024


def has(midmask: str, message_id: str, timeout: float) -> bool:
    """True when the public-inbox behind ``midmask`` has the mail, False when it says it has not.

    Raises UserError when it gives no clear answer.
    """
    address = midmask.replace("%s", urllib.parse.quote(message_id, safe="@"), 1).rstrip("/")
    answer = network.ask(f"{address}/raw", limit=_LIMIT, timeout=timeout)
    if answer.status == 200:
        return True
    if answer.status in (404, 300):  # 300: public-inbox offers similar message-ids
        return False
    raise UnavailableError(f"the archive answers with HTTP status {answer.status}")
