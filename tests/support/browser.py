"""Chromium without a window, driven over the pipe of its DevTools protocol."""

import base64
import itertools
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.waiting import until

NAMES = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next((path for name in NAMES if (path := shutil.which(name))), None)
DEADLINE_S = 60.0
DESKTOP = (1280, 900)
STOP_S = 20.0
_FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--no-first-run", "--disable-gpu",
    "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
# The protocol is read from file 3 and written to file 4.
_ON_PIPES = """
import fcntl, os, sys
moved = [fcntl.fcntl(int(file), fcntl.F_DUPFD, 10) for file in sys.argv[1:3]]
os.dup2(moved[0], 3)
os.dup2(moved[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""

_CODES = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowDown": 40, "ArrowUp": 38}
_FIELD = re.compile(r'; name="([^"]+)"\r\n\r\n(.*?)\r\n', re.DOTALL)

Json = dict[str, Any]


class BrowserFailed(Exception):
    """A command of the protocol was refused, or a script in the page threw."""


class Browser:
    """A running browser. Messages of the protocol are JSON, each ended by a NUL."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads, self._writes = reads, writes
        self._numbers = itertools.count(1)
        self._rest = b""
        self._events: dict[str, list[Json]] = {}

    def call(self, method: str, *, session: str | None = None, **params: Any) -> Json:
        """The result of a command. Raises BrowserFailed."""
        number = next(self._numbers)
        asked = {"id": number, "method": method, "params": params}
        if session is not None:
            asked["sessionId"] = session
        _write(self._writes, json.dumps(asked).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") != number:
                self._events.setdefault(told.get("sessionId", ""), []).append(told)
            elif "error" in told:
                raise BrowserFailed(f"{method}: {told['error']}")
            else:
                return told["result"]

    def events(self, session: str) -> list[Json]:
        """What happened in a page so far."""
        return self._events.setdefault(session, [])

    def wait(self) -> None:
        """Waits for the next thing that happens in any page."""
        told = self._next()
        self._events.setdefault(told.get("sessionId", ""), []).append(told)

    @contextmanager
    def page(self, address: str) -> Generator["Page"]:
        """An open page with a storage of its own."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, attached["sessionId"])
        try:
            for domain in ("Page", "Runtime", "Log", "DOM", "Network"):
                page.call(f"{domain}.enable")
            page.call("Emulation.setLocaleOverride", locale="en-GB")
            page.show_at(*DESKTOP)
            page.goto(address)
            yield page
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)

    def _next(self) -> Json:
        deadline = time.monotonic() + DEADLINE_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._reads], [], [], deadline - time.monotonic())
            chunk = os.read(self._reads, 1 << 16) if ready else b""
            if not chunk:
                raise BrowserFailed("The browser says nothing more.")
            self._rest += chunk
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


class Page:
    """A page, used as a person would: by what stands in it."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def call(self, method: str, **params: Any) -> Json:
        """The result of a command to this page."""
        return self._browser.call(method, session=self._session, **params)

    def evaluate(self, expression: str, *, by_value: bool = True) -> Any:
        """The value of an expression, or of what it promises. Raises BrowserFailed."""
        told = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=by_value
        )
        if thrown := told.get("exceptionDetails"):
            raise BrowserFailed(thrown.get("exception", {}).get("description") or thrown["text"])
        return told["result"].get("value") if by_value else told["result"]

    async def shows(self, selector: str, text: str = "") -> str:
        """The text of the first visible element of this kind that holds `text`, once there is
        one."""
        found: list[str] = []

        def is_there() -> bool:
            found[:] = [one for one in self.texts(selector) if text in one]
            return bool(found)

        await until(is_there)
        return found[0]

    def texts(self, selector: str) -> list[str]:
        """What stands in the visible elements of this kind."""
        return self.evaluate(
            f"[...document.querySelectorAll({json.dumps(selector)})]"
            ".filter((one) => one.checkVisibility()).map((one) => one.innerText ?? one.textContent)"
        )

    async def click(self, selector: str, text: str = "") -> None:
        """Clicks the first visible element of this kind that holds `text`, once there is one."""
        await self.shows(selector, text)
        self.evaluate(
            f"[...document.querySelectorAll({json.dumps(selector)})].find((one) =>"
            " one.checkVisibility()"
            f" && (one.innerText ?? one.textContent).includes({json.dumps(text)})).click()"
        )

    async def follow(self, selector: str, text: str = "") -> None:
        """Clicks what leads to another page, and waits until that is loaded."""
        before = self._loads()
        await self.click(selector, text)
        self._wait_for_load(before)

    def show_at(self, width: int, height: int, *, zoom: float = 1) -> None:
        """Gives the page a window of this many pixels, each part of it enlarged by `zoom`."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=round(width / zoom), height=round(height / zoom), deviceScaleFactor=zoom,
            mobile=False,
        )  # fmt: skip

    def look(self, *, dark: bool = False, calm: bool = True) -> None:
        """Chooses what the system prefers: dark colours, and no movement."""
        wanted = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce" if calm else "no-preference",
        }
        features = [{"name": name, "value": value} for name, value in wanted.items()]
        self.call("Emulation.setEmulatedMedia", features=features)

    def picture(self, *, height_max: int = 6_000) -> bytes:
        """The whole page as a PNG."""
        width, height = self.evaluate(
            "[innerWidth, Math.max(innerHeight, document.documentElement.scrollHeight)]"
        )
        area = {"x": 0, "y": 0, "width": width, "height": min(height, height_max), "scale": 1}
        told = self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=area
        )
        return base64.b64decode(told["data"])

    def before_loading(self, script: str) -> None:
        """A script that runs in every page loaded from now on, before its own."""
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def loaded_bytes(self) -> list[tuple[str, int]]:
        """Addresses that were loaded over the network, with the bytes of each as it was sent."""
        sizes = {
            event["requestId"]: int(event["encodedDataLength"])
            for event in self._events("Network.loadingFinished")
        }
        return [
            (event["response"]["url"], sizes[event["requestId"]])
            for event in self._events("Network.responseReceived")
            if event["requestId"] in sizes
        ]

    def goto(self, address: str) -> None:
        """Loads another page and waits for it, or goes to another place of the same one."""
        before = self._loads()
        if self.call("Page.navigate", url=address).get("loaderId"):
            self._wait_for_load(before)

    def reload(self) -> None:
        """Loads the page anew, and waits for it."""
        before = self._loads()
        self.call("Page.reload")
        self._wait_for_load(before)

    def _loads(self) -> int:
        return len(self._events("Page.loadEventFired"))

    def _wait_for_load(self, before: int) -> None:
        while self._loads() == before:
            self._browser.wait()

    async def fill(self, selector: str, text: str) -> None:
        """Types a text into a field, once it is there, in place of what it held."""
        await self.shows(selector)
        self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        self.evaluate(f"document.querySelector({json.dumps(selector)}).select?.()")
        self.call("Input.insertText", text=text)

    def press(self, key: str, *, shift: bool = False) -> None:
        """Presses a key of the keyboard, by its name in DOM."""
        code = _CODES.get(key, 0)
        text = {"Enter": "\r", " ": " "}.get(key, "")
        told = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **told)
        self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    def choose_file(self, selector: str, file: Path) -> None:
        """Chooses a file in an input of the page."""
        found = self.evaluate(f"document.querySelector({json.dumps(selector)})", by_value=False)
        self.call("DOM.setFileInputFiles", files=[str(file)], objectId=found["objectId"])

    def requests(self, method: str) -> list[str]:
        """Addresses that the page has sent requests of this method to."""
        sent = [event["request"] for event in self._events("Network.requestWillBeSent")]
        return [request["url"] for request in sent if request["method"] == method]

    def sent(self, method: str, path: str) -> list[Json]:
        """The requests of this method to a path, oldest first."""
        events = self._events("Network.requestWillBeSent")
        return [
            event
            for event in events
            if event["request"]["method"] == method
            and urlsplit(event["request"]["url"]).path == path
        ]

    def form_of(self, request: Json) -> dict[str, str]:
        """The fields of a form that was sent, without its files."""
        told = self.call("Network.getRequestPostData", requestId=request["requestId"])
        return dict(_FIELD.findall(told["postData"]))

    def complaints(self) -> list[str]:
        """Exceptions that no script caught, and what the browser logged of its own, such as a
        violation of the page's policy; not answers of the server that were refusals."""
        logged = [event["entry"] for event in self._events("Log.entryAdded")]
        return [str(entry) for entry in logged if entry["source"] != "network"] + [
            str(event) for event in self._events("Runtime.exceptionThrown")
        ]

    def _events(self, method: str) -> list[Json]:
        self.evaluate("0")  # What happened before it is told before its answer.
        events = self._browser.events(self._session)
        return [event["params"] for event in events if event["method"] == method]


@contextmanager
def chromium() -> Generator[Browser]:
    """A browser with a profile of its own, ended with the block."""
    assert PROGRAM is not None
    reads, told = os.pipe()
    asked, writes = os.pipe()
    with tempfile.TemporaryDirectory(prefix="sixfold-browser-", ignore_cleanup_errors=True) as own:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", _ON_PIPES, str(asked), str(told)),
                *(PROGRAM, *_FLAGS, f"--user-data-dir={own}/profile"),
            ],
            env={**os.environ, "HOME": own},
            pass_fds=(asked, told),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(asked)
        os.close(told)
        try:
            yield Browser(reads, writes)
        finally:
            os.close(writes)  # It ends when nobody speaks to it any more.
            os.close(reads)
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _write(pipe: int, message: bytes) -> None:
    while message:
        message = message[os.write(pipe, message) :]
