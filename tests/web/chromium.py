# SPDX-License-Identifier: GPL-2.0-only
"""Drive Debian's Chromium over its own protocol, through a pair of pipes: nothing else is needed."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium")
SECONDS = 60.0
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # root, as in most containers; the pages are our own
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--font-render-hinting=none",
)


class Chromium:
    """One tab.  ``requests`` are the addresses it asked for, ``said`` what its console and dialogs showed."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._buffer = b""
        self._number = 0
        self._loaded = False
        self.requests: list[str] = []
        self.said: list[str] = []
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command to the tab."""
        return self._call(method, parameters, session=self._session)

    def look(self, width: int, scheme: str, height: int = 900) -> None:
        """The size of the window, and "light" or "dark"."""
        self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.do("Emulation.setEmulatedMedia", features=[feature])

    def open(self, url: str) -> None:
        """Go there and wait until all of it is loaded."""
        self._loaded = False
        self.requests.clear()
        self.said.clear()
        told = self.do("Page.navigate", url=url)
        assert "errorText" not in told, f"{url}: {told['errorText']}"
        end = time.monotonic() + SECONDS
        while not self._loaded:
            assert time.monotonic() < end, f"{url} did not load in {SECONDS:.0f} s"
            self._note(self._read())

    def ask(self, expression: str) -> Any:
        """The value of some JavaScript; the page's own policy does not bind it."""
        told = self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def press(self, key: str, code: int = 9) -> None:
        """A key, "Tab" or "Enter" (code 13)."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.do(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **text,
            )

    def picture(self, *, whole: bool = False) -> bytes:
        """A PNG of the window, or of the whole page."""
        told = self.do("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(told["data"])

    def _call(
        self, method: str, parameters: dict[str, Any], session: str | None = None
    ) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            told = self._read()
            if told.get("id") == self._number:
                assert "error" not in told, f"{method}: {told['error']}"
                return told["result"]
            self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        kind, body = told.get("method"), told.get("params", {})
        if kind == "Page.loadEventFired":
            self._loaded = True
        elif kind == "Network.requestWillBeSent":
            self.requests.append(body["request"]["url"])
        elif kind == "Log.entryAdded":
            self.said.append(body["entry"]["text"])
        elif kind == "Page.javascriptDialogOpening":
            self.said.append(f"dialog: {body['message']}")
            self.do("Page.handleJavaScriptDialog", accept=False)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            more = os.read(self._back, 1 << 16)
            assert more, "Chromium ended"
            self._buffer += more
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


@contextmanager
def chromium() -> Iterator[Chromium]:
    """A browser that knows nothing, and is gone afterwards."""
    assert PROGRAM, "install Debian's chromium (deploy/setup-debian test)"
    profile = Path(tempfile.mkdtemp(prefix="reviewbot-chromium-"))
    to_read, to_write = os.pipe()
    back_read, back_write = os.pipe()
    # Chromium listens on descriptor 3 and answers on 4.
    shell = f'exec 3<&{to_read} 4>&{back_write}; exec "$0" "$@"'
    child = subprocess.Popen(
        ["bash", "-c", shell, PROGRAM, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
        pass_fds=(to_read, back_write),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "HOME": str(profile)},
    )
    os.close(to_read)
    os.close(back_write)
    try:
        yield Chromium(to_write, back_read)
    finally:
        os.close(to_write)
        os.close(back_read)
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        shutil.rmtree(profile, ignore_errors=True)
