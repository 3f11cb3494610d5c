# SPDX-License-Identifier: GPL-2.0-only
"""Hand a submission to KCIDB's REST service: POST /submit, as SUBMITTERS.md of kernelci/kcidb-ng says."""

from reviewbot.tools.web_api import TryLaterError, call


def submit(url: str, token: str, submission: object, timeout: float) -> str:
    """The id the service gave it; its ``/status?id=`` tells what became of it, "" for none.

    Taken is not yet entered: the service checks the schema later.  The same submission twice is
    harmless, the ids in it are the same.  Raises RefusedError and TryLaterError.
    """
    address = url.rstrip("/").removesuffix("/submit") + "/submit"
    answer = call(address, authorization=f"Bearer {token}", timeout=timeout, send=submission)
    if not isinstance(answer, dict) or answer.get("status") != "ok":
        raise TryLaterError(f"{address}: does not say that it took it", reached=True)
    name = answer.get("id", "")
    return name if isinstance(name, str) and name.isalnum() and len(name) <= 64 else ""
