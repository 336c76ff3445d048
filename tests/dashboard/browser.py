"""A real Chromium, driven by playwright-core in a node process (tests/clients/browser.mjs), cut off from other origins."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

CLIENTS = Path(__file__).resolve().parents[1] / "clients"
ANSWER_WITHIN_S = 60
MIB = 1024 * 1024
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "deviceScaleFactor": 2,
    "isMobile": True,
    "hasTouch": True,
}


def find_chromium() -> str:
    """The browser's program; the tests cannot do without it."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.fail("chromium is not installed; `make test` installs what the tests need", pytrace=False)


class Browser:
    """One page in one browser; every command waits for its answer and fails with what the page's console said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def open(self, path: str = "/", **context: Any) -> None:
        """A fresh visit: nothing remembered. `context`: Playwright's options, e.g. `colorScheme`."""
        await self._do("open", path=path, **context)

    async def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        return await self._do("evaluate", script=script)

    async def until(self, script: str, *, within_s: float = 20) -> Any:
        """The first truthy value of a JavaScript expression."""
        return await self._do("until", script=script, timeout=within_s * 1000)

    async def shows(self, text: str, *, within_s: float = 20) -> None:
        """Wait until the page's text has `text`."""
        await self.until(f"document.body.innerText.includes({json.dumps(text)})", within_s=within_s)

    async def click(self, selector: str) -> None:
        await self._do("click", selector=selector)

    async def press(self, key: str) -> None:
        await self._do("press", key=key)

    async def type(self, text: str) -> None:
        await self._do("type", text=text)

    async def reload(self) -> None:
        await self._do("reload")

    async def screenshot(self, path: Path) -> None:
        await self._do("screenshot", path=str(path))

    async def axe(self) -> list[dict[str, Any]]:
        """What axe-core finds fault with."""
        return list(await self._do("axe"))

    async def cost(self) -> dict[str, float]:
        """`at` and `busy` (seconds), `heap` (bytes alive after a collection) and `nodes` of the page."""
        return dict(await self._do("cost"))

    async def trace(self, seconds: float) -> dict[str, float]:
        """What Chromium's trace says of the page's main thread in so many `seconds`: `cpu` and `wall` seconds that it was busy."""
        return dict(await self._do("trace", seconds=seconds))

    async def seen(self) -> dict[str, list[str]]:
        """`complaints`: errors on the console; `foreign`: addresses elsewhere that the page tried to reach."""
        return dict(await self._do("seen"))

    async def _do(self, command: str, **options: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **options}).encode() + b"\n")
        async with asyncio.timeout(ANSWER_WITHIN_S):
            line = await self._process.stdout.readline()
        assert line, "the browser is gone"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["value"]


@asynccontextmanager
async def browsing(url: str) -> AsyncIterator[Browser]:
    """A browser for the pages of `url`; it is gone on leaving."""
    process = await asyncio.create_subprocess_exec(
        *("node", str(CLIENTS / "browser.mjs"), url, find_chromium()),
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
