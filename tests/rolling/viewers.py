"""The viewers: libraries in Node and a browser, Python's gql, and the load generator in C."""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from gql import Client, gql
from gql.client import ReconnectingAsyncClientSession
from gql.transport.exceptions import TransportConnectionFailed
from gql.transport.websockets import WebsocketsTransport

from tests.backends import find_binary
from tests.rolling.report import LONGEST_S, Seen

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "bench/load/viewers.c"
CLIENTS = ROOT / "tests/clients"
TIMEOUT_S = 120
DOCUMENT = """subscription ($symbols: [Symbol!], $after: String) { rates(symbols: $symbols, after: $after) {
  kind recovered cursor items { price } } }"""
RESUME_WAIT_S = 0.1
END_TIMEOUT_S = 20


class Viewers(Protocol):
    """Some viewers that watch."""

    async def count(self) -> None:
        """Begin the count."""
        ...

    async def report(self) -> list[Seen]:
        """The observations since."""
        ...


class ProgramViewers:
    """Viewers in another program, which is told by lines and answers by lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def read(self) -> Any:
        assert self.process.stdout is not None
        async with asyncio.timeout(TIMEOUT_S):
            line = await self.process.stdout.readline()
        assert line, f"the viewers ended early, with {await self.process.wait()}"
        return json.loads(line)

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    async def count(self) -> None:
        self.tell("count")


class NodeViewers(ProgramViewers):
    """Of `tests/clients/viewers.mjs`."""

    async def report(self) -> list[Seen]:
        self.tell("report")
        answer = await self.read()
        libraries = dict.fromkeys(each["library"] for each in answer)
        return [_sum_up(name, [each for each in answer if each["library"] == name]) for name in libraries]


class GeneratorViewers(ProgramViewers):
    """Of `bench/load/viewers.c`. It ends with its report."""

    answer: Any = None

    async def report(self) -> list[Seen]:
        self.tell("report")
        seen = self.answer = await self.read()
        away = seen["viewers"] - seen["watching"]
        return [
            Seen(
                "load generator",
                seen["viewers"],
                seen["events"],
                seen["resumed"],
                seen["never_resumed"],
                seen["gaps"],
                seen["unproved"],
                (f"{away} do not watch",) if away else (),
                seen["longest_s"],
                seen["beyond_5_s"],
            )
        ]


class GqlViewer:
    """Python's gql: its session reconnects, and a loop subscribes again."""

    def __init__(self, url: str, symbols: Sequence[str]) -> None:
        self._url = f"{url.replace('http', 'ws', 1)}/graphql"
        self._symbols = symbols
        self._cursor: str | None = None
        self._last: float | None = None
        self.watches = asyncio.Event()
        self.given_up: str | None = None
        self.count()

    def count(self) -> None:
        self._counting = time.monotonic()
        self._events = self._gaps = self._unproved = self._resumed = 0
        self._longest = 0.0

    async def run(self) -> None:
        transport = WebsocketsTransport(url=self._url, subprotocols=["graphql-transport-ws"])
        client = Client(transport=transport, fetch_schema_from_transport=False)
        session = await client.connect_async(reconnecting=True)  # type: ignore[no-untyped-call] # gql has no annotation here
        assert isinstance(session, ReconnectingAsyncClientSession)
        try:
            while True:
                try:
                    await self._watch(session)
                except TransportConnectionFailed:
                    # The session is reconnecting; the next subscription fails until it has.
                    await asyncio.sleep(RESUME_WAIT_S)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the report names it
            self.given_up = repr(exc)
        finally:
            await client.close_async()  # type: ignore[no-untyped-call] # as above

    async def _watch(self, session: ReconnectingAsyncClientSession) -> None:
        query = gql(DOCUMENT)
        query.variable_values = {"symbols": self._symbols, "after": self._cursor}
        async with aclosing(session.subscribe(query)) as events:
            async for event in events:
                self._see(event["rates"])

    def _see(self, event: Mapping[str, Any]) -> None:
        self._events += 1
        self._cursor = event["cursor"]
        self._gaps += event["kind"] == "GAP"
        self._resumed += event["kind"] == "SNAPSHOT" and event["recovered"] is not None
        self._unproved += event["kind"] == "SNAPSHOT" and event["recovered"] is False
        self._measure_silence()
        self._last = time.monotonic()
        self.watches.set()

    def _measure_silence(self) -> None:
        if self._last is not None:
            silence = time.monotonic() - max(self._last, self._counting)
            self._longest = max(self._longest, silence)

    def report(self) -> dict[str, Any]:
        self._measure_silence()
        return {
            "events": self._events,
            "gaps": self._gaps,
            "unproved": self._unproved,
            "resumed": self._resumed,
            "longest_ms": self._longest * 1000,
            "given_up": self.given_up,
        }


class GqlViewers:
    """Several of them, in this process."""

    def __init__(self, viewers: Sequence[GqlViewer]) -> None:
        self._viewers = viewers

    async def count(self) -> None:
        for each in self._viewers:
            each.count()

    async def report(self) -> list[Seen]:
        return [_sum_up("Python gql", [each.report() for each in self._viewers])]


def _sum_up(library: str, viewers: Sequence[Mapping[str, Any]]) -> Seen:
    longest_s = [each["longest_ms"] / 1000 for each in viewers]
    return Seen(
        library=library,
        viewers=len(viewers),
        events=sum(each["events"] for each in viewers),
        resumed=sum(each["resumed"] for each in viewers),
        never_resumed=sum(not each["resumed"] for each in viewers),
        gaps=sum(each["gaps"] for each in viewers),
        unproved=sum(each["unproved"] for each in viewers),
        given_up=tuple(each["given_up"] for each in viewers if each["given_up"]),
        longest_s=max(longest_s),
        beyond=sum(each > LONGEST_S for each in longest_s),
    )


@asynccontextmanager
async def node_viewers(
    url: str, symbols: Sequence[str], counts: Mapping[str, int]
) -> AsyncIterator[NodeViewers]:
    """So many viewers of each library, that watch."""
    arguments = (url, find_binary("chromium"), json.dumps(symbols), json.dumps(counts))
    async with _program("node", "viewers.mjs", *arguments, cwd=CLIENTS) as process:
        viewers = NodeViewers(process)
        assert await viewers.read() == {"ready": True}
        yield viewers


@asynccontextmanager
async def gql_viewers(url: str, symbols: Sequence[str], count: int) -> AsyncIterator[GqlViewers]:
    """So many viewers, that watch."""
    viewers = [GqlViewer(url, symbols) for _ in range(count)]
    tasks = [asyncio.create_task(each.run()) for each in viewers]
    try:
        async with asyncio.timeout(TIMEOUT_S):
            for each in viewers:
                await each.watches.wait()
        yield GqlViewers(viewers)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=END_TIMEOUT_S)


@asynccontextmanager
async def generator_viewers(
    port: int, symbols: Sequence[str], count: int, folder: Path
) -> AsyncIterator[GeneratorViewers]:
    """So many viewers of one symbol each, that watch."""
    program, messages = folder / "viewers", folder / "messages"
    command = [find_binary("cc"), "-O2", "-w", "-o", str(program), str(SOURCE)]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=TIMEOUT_S)
    payloads = ({"query": DOCUMENT, "variables": {"symbols": [each], "after": None}} for each in symbols)
    lines = [
        json.dumps({"id": "1", "type": "subscribe", "payload": each}, separators=(",", ":"))
        for each in payloads
    ]
    messages.write_text("".join(f"{line}\n" for line in lines))
    async with _program(str(program), str(port), str(count), str(messages), cwd=folder) as process:
        assert process.stdout is not None
        async with asyncio.timeout(TIMEOUT_S):
            assert await process.stdout.readline() == b"ready\n"
        yield GeneratorViewers(process)


@asynccontextmanager
async def _program(program: str, *arguments: str, cwd: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        cwd=cwd,
        env=dict(os.environ),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 22,
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(END_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
