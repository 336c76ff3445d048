"""Clients of real libraries: the program `tests/clients/viewers.mjs`.

Each must come back by itself. They need Node, Chromium and the packages of that folder, so they are optional.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from drill.distributed.ratewire_process import ROOT
from drill.distributed.server_process import find_binary

FOLDER = ROOT / "tests" / "clients"
LIBRARIES = (
    "graphql-ws",
    "subscriptions-transport-ws",
    "graphql-sse",
    "EventSource",
    "Apollo, multipart",
    "Apollo, WebSocket",
)
EACH = 2
SYMBOLS = ("BTC/USDT", "ETH/USDT", "BTC/USD", "ETH/USD")
START_TIMEOUT_S = 90.0
ANSWER_TIMEOUT_S = 30.0
# npm's graphql-ws waits up to 19 s before its fifth attempt.
BACK_WITHIN_S = 45.0
POLL_S = 0.5

Viewers = list[dict[str, Any]]  # JSON of the program: one object per viewer


@dataclass(frozen=True)
class LibrarySeen:
    """The viewers of one library during a step."""

    library: str
    longest_s: float
    given_up: str | None


class LibraryViewers:
    """The program, started anew when a viewer has given up."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until every viewer has had an event."""
        counts = dict.fromkeys(LIBRARIES, EACH)
        arguments = (
            self._url,
            find_binary("chromium"),
            json.dumps(SYMBOLS),
            json.dumps(counts),
        )
        self._process = await asyncio.create_subprocess_exec(
            find_binary("node"),
            "viewers.mjs",
            *arguments,
            cwd=FOLDER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 22,
        )
        async with asyncio.timeout(START_TIMEOUT_S):
            await self._read()

    async def begin_step(self) -> None:
        """Begin the counts of a step."""
        self._write("count")

    async def end_step(
        self, miss: Callable[[str], None], excused: Collection[str] = ()
    ) -> tuple[LibrarySeen, ...]:
        """Return what each library saw in the step, and check that all of them are back.

        `excused`: libraries that may have given up.
        """
        seen = await self._report()
        reasons = {each["library"]: each["given_up"] for each in seen if each["given_up"]}
        self._write("count")
        deadline = time.monotonic() + BACK_WITHIN_S
        while away := _without_event(await self._report()):
            if time.monotonic() > deadline or (excused and set(away) <= {*reasons} & {*excused}):
                break
            await asyncio.sleep(POLL_S)
        for library in away:
            if library in excused and library in reasons:
                continue
            miss(f"{library} did not come back: {reasons.get(library, 'it still tries')}")
        if away:
            await self.stop()
            await self.start()
        return tuple(_sum_up(library, seen) for library in LIBRARIES)

    async def stop(self) -> None:
        """End it."""
        if self._process is None or self._process.returncode is not None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _report(self) -> Viewers:
        self._write("report")
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return list(await self._read())

    def _write(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def _read(self) -> Any:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the viewers ended early, with {await self._process.wait()}")
        return json.loads(line)


@asynccontextmanager
async def library_viewers(url: str, *, wanted: bool) -> AsyncIterator[LibraryViewers | None]:
    """Run the viewers of real libraries, if they are wanted."""
    if not wanted:
        yield None
        return
    viewers = LibraryViewers(url)
    try:
        await viewers.start()
        yield viewers
    finally:
        await viewers.stop()


def _without_event(viewers: Viewers) -> list[str]:
    return sorted({each["library"] for each in viewers if not each["events"]})


def _sum_up(library: str, viewers: Viewers) -> LibrarySeen:
    own: list[Mapping[str, Any]] = [each for each in viewers if each["library"] == library]
    return LibrarySeen(
        library,
        max(each["longest_ms"] for each in own) / 1000,
        next((each["given_up"] for each in own if each["given_up"]), None),
    )
