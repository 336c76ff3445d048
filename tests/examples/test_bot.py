"""The bot of the examples decides on fresh rates only, and goes on with proof."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.e2e.processes import ROOT
from tests.e2e.programs import Program, started
from tests.json_types import JsonObject

TTL_MS = 3_000


class Script:
    """A server of graphql-transport-ws that sends the events of the test to its only client."""

    def __init__(self) -> None:
        self.port = 0
        self.afters: list[str | None] = []
        self._socket: ServerConnection | None = None
        self._subscribed = asyncio.Event()

    async def serve_one(self, socket: ServerConnection) -> None:
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "connection_init":
                await socket.send('{"type": "connection_ack"}')
            elif message["type"] == "subscribe":
                self.afters.append(message["payload"]["variables"]["after"])
                self._socket = socket
                self._subscribed.set()

    async def send(self, kind: str, *items: JsonObject, **others: object) -> None:
        await self._subscribed.wait()
        assert self._socket is not None
        now = datetime.now(UTC).isoformat()
        event = {"kind": kind, "recovered": None, "cursor": kind, "sentAt": now, "unavailable": [], **others}
        payload = {"data": {"rates": {**event, "items": items}}}
        await self._socket.send(json.dumps({"id": "1", "type": "next", "payload": payload}))

    async def cut(self) -> None:
        assert self._socket is not None
        self._subscribed.clear()
        await self._socket.close(1001)


def rate(price: str, age_s: float = 0) -> JsonObject:
    return {
        "id": "Rate:OKX:BTC/USDT",
        "symbol": "BTC/USDT",
        "source": {"code": "OKX"},
        "price": price,
        "observedAt": (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat(),
        "ttlMs": TTL_MS,
    }


@asynccontextmanager
async def scripted_bot() -> AsyncIterator[tuple[Script, Program]]:
    script = Script()
    protocol = Subprotocol("graphql-transport-ws")
    async with serve(script.serve_one, "127.0.0.1", 0, subprotocols=[protocol]) as server:
        env = {"RATEWIRE_URL": f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/graphql"}
        folder = ROOT / "examples" / "python"
        async with started(sys.executable, "bot.py", "BTC/USDT", "OKX", cwd=folder, env=env) as program:
            yield script, program


pytestmark = pytest.mark.servers


async def test_the_bot_decides_on_prices_that_leave_the_average() -> None:
    """The first price is its own average."""
    async with scripted_bot() as (script, bot):
        await script.send("SNAPSHOT", rate("100"))
        assert "a new average begins" in await bot.line(has="DECIDING")
        assert "of 1" in await bot.line(has="WAIT at 100")
        await script.send("UPDATE", rate("99"))
        await bot.line(has="BUY at 99")
        await script.send("UPDATE", rate("101"))
        await bot.line(has="SELL at 101")


async def test_the_bot_stops_when_its_rate_turns_stale_without_an_event() -> None:
    """It goes on with the next fresh one, and not with an old one."""
    async with scripted_bot() as (script, bot):
        await script.send("SNAPSHOT", rate("100"))
        await bot.line(has="WAIT")
        await bot.line(has="STOPPED: the rate is 0:00:03")
        await script.send("UPDATE", rate("50", age_s=60))
        await script.send("UPDATE", rate("100"))
        await bot.line(has="DECIDING: the rate is fresh again")
        await bot.line(has="WAIT at 100")
        assert not [line for line in bot.lines if "at 50" in line]


async def test_the_bot_stops_while_its_rate_is_suspect() -> None:
    """The reason is that of the server."""
    async with scripted_bot() as (script, bot):
        await script.send("SNAPSHOT", rate("100"))
        await bot.line(has="WAIT")
        missing = {
            "symbol": "BTC/USDT",
            "source": {"code": "OKX"},
            "reason": "SUSPECT_IDENTITY",
            "message": "far",
        }
        await script.send("UPDATE", unavailable=[missing])
        await bot.line(has="STOPPED: SUSPECT_IDENTITY: far")
        await script.send("UPDATE", rate("101"))
        await bot.line(has="DECIDING")
        await bot.line(has="SELL at 101")


@pytest.mark.parametrize(
    ("recovered", "proof", "decision"),
    [(True, "nothing was missed", "BUY at 90"), (False, "a new average begins", "WAIT at 90")],
)
async def test_the_bot_keeps_its_average_over_a_loss_only_with_proof(
    recovered: bool, proof: str, decision: str
) -> None:
    """It resumes at its cursor; without proof it begins anew."""
    async with scripted_bot() as (script, bot):
        await script.send("SNAPSHOT", rate("100"))
        await bot.line(has="WAIT at 100")
        await script.cut()
        await bot.line(has="STOPPED: the connection is lost")
        if not recovered:
            await script.send("GAP")
        await script.send("SNAPSHOT", rate("90"), recovered=recovered)
        await bot.line(has=f"DECIDING: {proof}")
        await bot.line(has=decision)
        assert script.afters == [None, "SNAPSHOT"]
