"""The WebSocket API session against a real socket server."""

import asyncio
import json
from collections.abc import Callable

import pytest
from websockets.asyncio.server import ServerConnection

from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.sources.binance.session import open_session
from pipeline.sources.binance.settings import BinanceSettings
from rates.clock import utc_now
from rates.errors import (
    SimulationMismatch,
    SourceUnavailable,
)
from tests.json_types import JsonObject
from tests.pipeline.binance.exchange import (
    answering,
    entry,
    open_exchange,
    session_with,
    silence,
    symbol_of,
    tickers,
    weight,
)
from tests.pipeline.fakes import START, health, until

pytestmark = pytest.mark.servers

NESTED = 100_000
ASKED = {"symbols": ["BTCUSDT"]}


async def test_responses_are_matched_by_id_and_not_by_order() -> None:
    """Of three concurrent requests, answered in reverse, each gets its own response."""

    async def backwards(connection: ServerConnection) -> None:
        questions = [json.loads(await connection.recv()) for _ in range(3)]
        for question in reversed(questions):
            await connection.send(json.dumps({"id": question["id"], **tickers(question)}))
        await silence(connection)

    symbols = ["AAA", "BBB", "CCC"]
    async with open_exchange(backwards) as exchange, session_with(exchange) as session:
        answers = await asyncio.gather(
            *(session.request("ticker.24hr", {"symbols": [symbol]}) for symbol in symbols)
        )
        assert [symbol_of(answer) for answer in answers] == symbols
        assert exchange.connections == 1


async def test_responses_without_a_request_are_ignored() -> None:
    """Unknown ids, textual ids and repeated responses do not affect pending requests."""

    async def confused(connection: ServerConnection) -> None:
        async for frame in connection:
            question = json.loads(frame)
            for number in (question["id"] + 1000, str(question["id"]), None):
                await connection.send(json.dumps({"id": number, "status": 200, "result": [entry("WRONG")]}))
            for _ in range(2):
                await connection.send(json.dumps({"id": question["id"], **tickers(question)}))

    async with open_exchange(confused) as exchange, session_with(exchange) as session:
        for _ in range(3):
            assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"
        assert exchange.connections == 1


async def test_a_late_response_is_not_matched_with_a_later_request() -> None:
    """The response to a request that timed out arrives while the next one is pending."""

    async def late(connection: ServerConnection) -> None:
        first, second = json.loads(await connection.recv()), json.loads(await connection.recv())
        await connection.send(json.dumps({"id": first["id"], "status": 200, "result": [entry("LATE")]}))
        await connection.send(json.dumps({"id": second["id"], **tickers(second)}))
        await silence(connection)

    async with open_exchange(late) as exchange, session_with(exchange, timeout_s=0.5) as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await session.request("ticker.24hr", ASKED)
        assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"


async def test_a_half_open_connection_is_replaced() -> None:
    """There is no response at all within the timeout, although the socket is open."""
    asked = 0

    async def dead_at_first(connection: ServerConnection) -> None:
        nonlocal asked
        asked += 1
        await (silence(connection) if asked == 1 else answering(tickers)(connection))

    seen = health()
    async with (
        open_exchange(dead_at_first) as exchange,
        session_with(exchange, seen, timeout_s=0.3) as session,
    ):
        with pytest.raises(SourceUnavailable, match="no response"):
            await session.request("ticker.24hr", ASKED)
        assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"
        assert exchange.connections == 2
        assert seen.reconnects == 1


async def test_pending_requests_fail_as_soon_as_the_connection_is_lost() -> None:
    """Not only after the timeout."""

    async def hang_up(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.close(1001, "maintenance")

    async with open_exchange(hang_up) as exchange, session_with(exchange, timeout_s=15) as session:
        with pytest.raises(SourceUnavailable):
            await session.request("ticker.24hr", ASKED)


async def test_it_reconnects_after_a_clean_close() -> None:
    """Code 1000, as at the limit of 24 h: the next request uses a new connection."""

    async def one_each(connection: ServerConnection) -> None:
        question = json.loads(await connection.recv())
        await connection.send(json.dumps({"id": question["id"], **tickers(question)}))

    async with open_exchange(one_each) as exchange, session_with(exchange) as session:
        for count in (1, 2, 3):
            assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"
            await until(lambda count=count: exchange.connections > count)  # type: ignore[misc]


async def test_an_announced_shutdown_is_not_waited_for() -> None:
    """The session leaves on `serverShutdown`."""

    async def announce(connection: ServerConnection) -> None:
        await connection.send('{"event":{"e":"serverShutdown","E":1769000000000}}')
        await silence(connection)

    async with open_exchange(announce) as exchange, session_with(exchange):
        await until(lambda: exchange.connections >= 3)


async def test_unreadable_messages_are_counted_and_ignored() -> None:
    """Their request is unknown; the next response is handled as usual."""

    async def garble(connection: ServerConnection) -> None:
        await connection.send("<html>")
        await connection.send(b"\xff\xfe")
        await connection.send(b'{"id":"a\xff","status":200}', text=True)
        await connection.send('{"id":"late","rateLimits":' + "[" * NESTED + "]" * NESTED + "}")
        await answering(tickers)(connection)

    seen = health()
    async with open_exchange(garble) as exchange, session_with(exchange, seen) as session:
        assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"
        assert seen.rejections.total() == 4
        assert exchange.connections == 1


@pytest.mark.parametrize("simulated", [True, False])
async def test_simulated_and_real_are_never_mixed(simulated: bool) -> None:
    """A handshake of the wrong kind is no connection."""
    async with open_exchange(answering(tickers)) as exchange:
        exchange.label = None if simulated else "generated"
        async with session_with(exchange, timeout_s=0.3, simulated=simulated) as session:
            with pytest.raises(SimulationMismatch):
                await session.request("ticker.24hr", ASKED)
        exchange.label = "generated" if simulated else None
        async with session_with(exchange, simulated=simulated) as session:
            assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"


async def test_an_unreachable_exchange_is_tried_again_and_again() -> None:
    """Requests fail with the reason, and succeed once it is back."""
    async with open_exchange(silence) as gone:
        url = gone.url
    seen = health()
    settings = BinanceSettings(ws_api_url=url, request_timeout_s=0.2, longest_wait_s=0.02)
    async with open_session(
        settings, seen, MemoryCooldown(utc_now), simulated=False, clock=utc_now
    ) as session:
        with pytest.raises(SourceUnavailable):
            await session.request("ticker.24hr", ASKED)
        await until(lambda: seen.reconnects >= 3)


async def test_a_cancelled_request_does_not_affect_the_session() -> None:
    """The next request is answered as usual."""
    held: list[Callable[[], None]] = []

    def hold_first(question: JsonObject) -> JsonObject | None:
        if held:
            return tickers(question)
        held.append(lambda: None)
        return None

    async with open_exchange(answering(hold_first)) as exchange, session_with(exchange) as session:
        first = asyncio.create_task(session.request("ticker.24hr", ASKED))
        await until(lambda: held)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"
        assert exchange.connections == 1


async def test_the_used_weight_is_reported_before_the_limit() -> None:
    """As the budget in the source's health, with a notice from four fifths on."""
    seen, counts = health(), iter([10, 4800, 20])

    def weighed(question: JsonObject) -> JsonObject:
        return {**tickers(question), "rateLimits": [weight(next(counts))]}

    async with open_exchange(answering(weighed)) as exchange, session_with(exchange, seen) as session:
        for remaining, loud in ((5990, False), (1200, True), (5980, False)):
            await session.request("ticker.24hr", ASKED)
            await until(lambda remaining=remaining: seen.budget and seen.budget.remaining == remaining)  # type: ignore[misc]
            assert ("weight" in (seen.report(START).reason or "")) is loud
