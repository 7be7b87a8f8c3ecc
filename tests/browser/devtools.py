"""A page in Chromium that a test drives: the DevTools protocol, over two pipes.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from PIL import Image

from tests.browser.chromium import FLAGS

#: Becomes the browser, which speaks the protocol on the descriptors 3 and 4.
_LAUNCHER: Final = """
import fcntl, os, sys
reads, writes = (fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3])
os.dup2(reads, 3)
os.dup2(writes, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""

#: This machine may have other things to do.
_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05

#: Virtual key codes, by the name of the key. https://www.w3.org/TR/uievents-code/
_KEYS: Final = {"Tab": 9, "Enter": 13, "Escape": 27}


class Tab:
    """One page of the browser.

    Attributes:
        complaints: What its console and the browser said of it: errors and warnings.
    """

    def __init__(self, browser: _Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        return self._browser.call(method, self._session, params)

    def open(self, url: str) -> None:
        """Open a page, and wait until it is loaded."""
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, expression: str) -> Any:
        """Evaluate JavaScript, and return its value; a promise is awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until a JavaScript condition is true; a page may be replaced meanwhile."""
        end = time.monotonic() + _SECONDS
        while True:
            try:
                if self.run(f"Boolean({condition})"):
                    return
            except (AssertionError, ProtocolError):
                pass
            shown = "document.body.innerText" if time.monotonic() > end else "''"
            assert time.monotonic() < end, f"{condition} never came true: {self.run(shown)}"
            time.sleep(_LOOK_SECONDS)

    def prefer(self, scheme: str) -> None:
        """Set which colours the reader prefers: ``light`` or ``dark``."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def resize(self, width: int, height: int) -> None:
        """Set the size of the window."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def press(self, key: str) -> None:
        """Press and release a key."""
        text = {"text": "\r"} if key == "Enter" else {}
        named = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
        self.call("Input.dispatchKeyEvent", type="keyDown", **named, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    def type(self, text: str) -> None:
        """Write into what has the focus."""
        self.call("Input.insertText", text=text)

    def picture(self) -> Image.Image:
        """Return what the whole page looks like."""
        taken = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return Image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB")


class ProtocolError(Exception):
    """The browser refused a call."""


class _Browser:
    """The browser's end of the protocol."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads = reads
        self._writes = writes
        self._rest = b""
        self._calls = 0
        self._heard: Callable[[dict[str, Any]], None] = lambda _: None

    def call(self, method: str, session: str | None, params: dict[str, Any]) -> dict[str, Any]:
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._calls:
                if "error" in answer:
                    raise ProtocolError(f"{method}: {answer['error']}")
                found: dict[str, Any] = answer["result"]
                return found
            self._heard(answer)

    def tab(self) -> Tab:
        target = self.call("Target.createTarget", None, {"url": "about:blank"})["targetId"]
        attached = self.call("Target.attachToTarget", None, {"targetId": target, "flatten": True})
        complaints: list[str] = []
        self._heard = lambda event: complaints.extend(_complaints(event))
        tab = Tab(self, attached["sessionId"])
        tab.complaints = complaints
        return tab

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            read = os.read(self._reads, 1 << 20)
            assert read, "the browser has ended"
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


def _complaints(event: dict[str, Any]) -> Iterator[str]:
    params = event.get("params", {})
    match event.get("method"):
        case "Runtime.consoleAPICalled" if params["type"] in {"error", "warning", "assert"}:
            yield " ".join(str(arg.get("value", arg)) for arg in params["args"])
        case "Runtime.exceptionThrown":
            yield str(params["exceptionDetails"])
        case "Log.entryAdded" if params["entry"]["level"] in {"error", "warning"}:
            yield f"{params['entry']['text']} {params['entry'].get('url', '')}"


@contextmanager
def driven_tab(browser: str) -> Iterator[Tab]:
    """Start the browser for the time of a ``with`` block.

    Args:
        browser: Its executable.
    """
    to_browser, from_us = os.pipe()
    to_us, from_browser = os.pipe()
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", _LAUNCHER, str(to_browser), str(from_browser)),
                *(browser, *FLAGS, *sandbox),
                *(f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"),
            ],
            pass_fds=(to_browser, from_browser),
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        try:
            yield _Browser(to_us, from_us).tab()
        finally:
            # It ends when its pipe closes.
            os.close(from_us)
            os.close(to_us)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
