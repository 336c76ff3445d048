"""A Chromium driven by playwright-core in a node process (`tests/clients/browser.mjs`).

It reaches no other origin.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Required, TypedDict, TypeVar, Unpack

import msgspec
import pytest

CLIENTS = Path(__file__).resolve().parents[1] / "clients"
ANSWER_WITHIN_S = 60
# For a page whose gateway and browser share the machine with others.
UNTIL_WITHIN_S = 120
MIB = 1024 * 1024
T = TypeVar("T")


class Viewport(TypedDict):
    width: int
    height: int


class ContextOptions(TypedDict, total=False):
    """The options of a Playwright browser context that the tests use."""

    colorScheme: str
    reducedMotion: str
    viewport: Viewport
    deviceScaleFactor: int
    isMobile: bool
    hasTouch: bool
    forcedColors: str
    permissions: list[str]
    locale: str
    timezoneId: str
    block: str
    """Not Playwright's: requests whose body has this text are aborted until `unblock`."""
    hold: str
    """The same, but they are not answered at all."""


class Violation(TypedDict):
    """A finding of axe-core."""

    id: str
    impact: str | None
    nodes: list[str]


class Cost(TypedDict):
    """Cost of a page so far: `at` and `busy` in seconds, `heap` in bytes after a collection."""

    at: float
    busy: float
    heap: float
    nodes: float
    listeners: float


class Trace(TypedDict):
    """Time that the main thread was busy within `seconds`: processor and wall time, in seconds.

    `received`: characters of WebSocket messages meanwhile.
    """

    seconds: float
    cpu: float
    wall: float
    received: int


class Seen(TypedDict):
    """`complaints`.

    Errors on the console; `foreign`: addresses elsewhere that the page tried to reach.
    """

    complaints: list[str]
    foreign: list[str]


class Reply(TypedDict, total=False):
    """One line of the node process: the number of a command, and its value or error."""

    number: Required[int]
    value: msgspec.Raw
    error: str


PHONE: ContextOptions = {
    "viewport": {"width": 390, "height": 844},
    "deviceScaleFactor": 2,
    "isMobile": True,
    "hasTouch": True,
}


def find_chromium(*, is_whole: bool = False) -> str:
    """The path of the browser; fails the test without one.

    Rather Chromium's headless shell, which has the same engine and takes half the processor time. `is_whole`: the browser with
    windows that users have, for figures of performance and pictures.
    """
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    for name in names[is_whole:]:
        if found := shutil.which(name):
            return found
    pytest.fail("chromium is not installed; `make test` installs what the tests need", pytrace=False)


class Browser:
    """One page in one browser.

    Every command waits for its reply, and its error holds the page's console.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._commands = 0

    async def open(self, path: str = "/", **context: Unpack[ContextOptions]) -> None:
        """Open `path` in a fresh context, without storage of earlier visits."""
        await self._do("open", object, path=path, **context)

    async def leave(self) -> None:
        """Close the page with all that it stored, and forget its errors."""
        await self._do("leave", object)

    async def evaluate(self, script: str) -> object:
        """The value of a JavaScript expression in the page."""
        return await self._do("evaluate", object, script=script)

    async def evaluate_as(self, shape: type[T], script: str) -> T:
        """The value of a JavaScript expression, decoded as `shape`."""
        return await self._do("evaluate", shape, script=script)

    async def until(self, script: str, *, within_s: float = UNTIL_WITHIN_S) -> None:
        """Wait until a JavaScript expression is truthy."""
        await self.value(object, script, within_s=within_s)

    async def value(self, shape: type[T], script: str, *, within_s: float = UNTIL_WITHIN_S) -> T:
        """The first truthy value of a JavaScript expression, decoded as `shape`."""
        return await self._do("until", shape, script=script, timeout=within_s * 1000)

    async def shows(self, text: str, *, within_s: float = UNTIL_WITHIN_S) -> None:
        """Wait until the page's text has `text`."""
        await self.until(f"document.body.innerText.includes({json.dumps(text)})", within_s=within_s)

    async def in_frame(self, path: str, script: str, *, within_s: float = UNTIL_WITHIN_S) -> object:
        """Wait until a JavaScript expression is truthy in the frame of `path`."""
        return await self._do("inFrame", object, path=path, script=script, timeout=within_s * 1000)

    async def click(self, selector: str) -> None:
        await self._do("click", object, selector=selector)

    async def choose(self, selector: str, value: str) -> None:
        """Choose an option of a select element by its value."""
        await self._do("choose", object, selector=selector, value=value)

    async def press(self, key: str) -> None:
        await self._do("press", object, key=key)

    async def type_text(self, text: str) -> None:
        await self._do("type", object, text=text)

    async def drag(self, selector: str, right: float, down: float) -> None:
        """Drag the middle of an element by so many pixels."""
        await self._do("drag", object, selector=selector, right=right, down=down)

    async def wheel(self, selector: str, down: float) -> None:
        """Turn the wheel over the middle of an element."""
        await self._do("wheel", object, selector=selector, down=down)

    async def unblock(self) -> None:
        """Let the requests pass that `open` blocks or holds."""
        await self._do("unblock", object)

    async def network(self, *, is_there: bool) -> None:
        """Take the device's network away, or give it back."""
        await self._do("network", object, isThere=is_there)

    async def media(self, media: str) -> None:
        """Show the page as on `screen`, or as in `print`."""
        await self._do("media", object, media=media)

    async def reload(self) -> None:
        await self._do("reload", object)

    async def screenshot(self, path: Path, *, selector: str | None = None) -> None:
        """Write a picture of the window, or of an element."""
        await self._do("screenshot", object, path=str(path), selector=selector)

    async def axe(self) -> list[Violation]:
        """The violations that axe-core finds on the page."""
        return await self._do("axe", list[Violation])

    async def cost(self) -> Cost:
        """The page's use of time and memory so far."""
        return await self._do("cost", Cost)

    async def trace(self, seconds: float) -> Trace:
        """Measure the page's main thread for `seconds` with a trace of Chromium."""
        return await self._do("trace", Trace, seconds=seconds)

    async def seen(self) -> Seen:
        """Errors and foreign addresses of the page so far."""
        return await self._do("seen", Seen)

    async def forget_complaints(self, text: str) -> None:
        """Leave out errors on the console that have `text`: the test has caused them."""
        await self._do("forget", object, text=text)

    async def _do(self, command: str, shape: type[T], **options: object) -> T:
        assert self._process.stdin is not None
        self._commands += 1
        number = self._commands
        self._process.stdin.write(
            json.dumps({"command": command, "number": number, **options}).encode() + b"\n"
        )
        # An expression that does not become true has a message of its own.
        patience_s = options.get("timeout", 0)
        assert isinstance(patience_s, int | float)
        async with asyncio.timeout(ANSWER_WITHIN_S + patience_s / 1000):
            reply = await self._read_reply()
            # A command of an earlier test that was given up is answered late.
            while reply["number"] < number:
                reply = await self._read_reply()
        assert "error" not in reply, reply["error"]
        return msgspec.json.decode(reply.get("value", b"null"), type=shape)

    async def _read_reply(self) -> Reply:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the browser is gone"
        return msgspec.json.decode(line, type=Reply)


@asynccontextmanager
async def browsing(url: str, *, allowed: str | None = None, is_whole: bool = False) -> AsyncIterator[Browser]:
    """Start a browser for the pages of `url`; end it on leaving.

    It may reach `allowed` as well. `is_whole`: as in `find_chromium`.
    """
    chromium = find_chromium(is_whole=is_whole)
    process = await asyncio.create_subprocess_exec(
        *("node", str(CLIENTS / "browser.mjs"), url, chromium, *filter(None, [allowed])),
        cwd=CLIENTS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=4 * MIB,
    )
    try:
        yield Browser(process)
    finally:
        assert process.stdin
        process.stdin.close()
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
