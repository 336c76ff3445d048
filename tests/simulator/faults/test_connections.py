"""Faults in the connections of every push feed."""

import asyncio

import httpx
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidHandshake, InvalidStatus

from tests.lengths import combine
from tests.simulator.conftest import FakeClock, OpenSimulator, closed_with, receive, receive_text
from tests.simulator.faults.conftest import FEEDS, Feed, heal, inject, status

# By the fault: status, Retry-After and a part of the body.
REFUSALS: dict[str, tuple[int, str | None, str]] = {
    "http-403": (403, None, "<html>"),
    "http-429": (429, "7", ""),
    "http-451": (451, None, ""),
    "http-500": (500, None, ""),
    "http-502": (502, None, "<html>"),
    "http-503": (503, None, "<html>"),
}


@pytest.mark.parametrize(("feed", "fault"), combine(FEEDS, {fault: fault for fault in REFUSALS}))
async def test_handshakes_are_refused(open_simulator: OpenSimulator, feed: Feed, fault: str) -> None:
    """With the source's status, Retry-After and body, and the label.

    After healing the handshake succeeds.
    """
    code, retry_after, text = REFUSALS[fault]
    async with open_simulator() as at:
        parameters = {"retry_after_s": 7} if retry_after else {}
        await inject(at, feed.source, fault, parameters=parameters)
        with pytest.raises(InvalidStatus) as refusal:
            await feed.connect(at)
        response = refusal.value.response
        assert (response.status_code, response.headers.get("Retry-After")) == (code, retry_after)
        assert text in response.body.decode()
        assert response.headers["X-Ratewire-Simulated"]
        await heal(at)
        async with feed.connect(at):
            pass


async def test_coming_back_before_retry_after_is_counted(
    open_simulator: OpenSimulator, clock: FakeClock, feed: Feed
) -> None:
    """An early reconnect is a violation, a later one is not."""
    async with open_simulator(clock) as at:
        await inject(at, feed.source, "http-429", parameters={"retry_after_s": 60}, duration_s=30)
        for seconds in (0, 60, 31):
            clock.advance(seconds)
            try:
                async with feed.connect(at):
                    pass
            except InvalidStatus:
                pass
        assert (await status(at, feed.source))["violations"] == {}
        await inject(at, feed.source, "http-429", parameters={"retry_after_s": 60})
        for seconds in (0, 10):
            clock.advance(seconds)
            with pytest.raises(InvalidStatus):
                await feed.connect(at)
        assert (await status(at, feed.source))["violations"] == {"retry_after": 1}


async def test_a_banned_address_of_binance_is_told_so(open_simulator: OpenSimulator) -> None:
    """418 at the handshake and for calls, for Binance only."""
    async with open_simulator() as at, httpx.AsyncClient(timeout=60) as client:
        await inject(at, "binance", "http-418", parameters={"retry_after_s": 120})
        answer = await client.get(f"{at.binance_rest_url}/api/v3/exchangeInfo")
        assert (answer.status_code, answer.headers["Retry-After"], answer.json()["code"]) == (
            418,
            "120",
            -1003,
        )
        with pytest.raises(InvalidStatus) as refusal:
            await FEEDS["binance"].connect(at)
        assert refusal.value.response.status_code == 418


async def test_connections_are_cut_before_any_answer(open_simulator: OpenSimulator, feed: Feed) -> None:
    """Without a status or a frame; other sources accept connections."""
    async with open_simulator() as at:
        await inject(at, feed.source, "refuse-connections")
        with pytest.raises((InvalidHandshake, EOFError, OSError)):
            await feed.connect(at)
        neighbour = FEEDS["okx" if feed.source != "okx" else "bybit"]
        async with neighbour.connect(at):
            pass


@pytest.mark.parametrize(
    ("feed", "code"), combine(FEEDS, {str(code): code for code in (1000, 1001, 1006, 1008)})
)
async def test_open_connections_are_closed_with_a_code(
    open_simulator: OpenSimulator, feed: Feed, code: int
) -> None:
    """1006 means no close frame; other connections stay open, and a new connection is accepted."""
    neighbour = FEEDS["okx" if feed.source != "okx" else "bybit"]
    async with open_simulator() as at, feed.connect(at) as socket, neighbour.connect(at) as other:
        await socket.send(feed.subscribe)
        await receive(socket)
        await inject(at, feed.source, "disconnect", parameters={"code": code})
        assert (await closed_with(socket))[0] == code
        await other.send(neighbour.subscribe)
        await receive(other)
        async with feed.connect(at) as again:
            await again.send(feed.subscribe)
            await receive(again)


async def test_connections_are_closed_again_and_again(
    open_simulator: OpenSimulator, clock: FakeClock, feed: Feed
) -> None:
    """Each at the same age, until healed."""
    async with open_simulator(clock) as at:
        await inject(at, feed.source, "disconnect", parameters={"code": 1001, "every_s": 3})
        for _ in range(2):
            async with feed.connect(at) as socket:
                await socket.send(feed.subscribe)
                await receive(socket)
                clock.advance(3)
                assert (await closed_with(socket))[0] == 1001


async def silent_at_last(socket: ClientConnection) -> None:
    """Receive until nothing has come for a second."""
    while True:
        try:
            await asyncio.wait_for(socket.recv(), 1)
        except TimeoutError:
            return


async def test_a_half_open_connection_stays_open_and_says_nothing(
    open_simulator: OpenSimulator, feed: Feed
) -> None:
    """No data, answer or pong, permanently; new connections work unless scope=all."""
    async with open_simulator() as at, feed.connect(at) as socket:
        await socket.send(feed.subscribe)
        await receive(socket)
        await inject(at, feed.source, "silence")
        await silent_at_last(socket)
        pong = await socket.ping()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pong, 0.3)
        async with feed.connect(at) as replacement:
            await replacement.send(feed.subscribe)
            await receive(replacement)
            await inject(at, feed.source, "silence", parameters={"scope": "all"})
        async with feed.connect(at) as another:
            await another.send(feed.subscribe)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(another.recv(), 0.3)


async def test_pings_stay_unanswered_while_data_flows(open_simulator: OpenSimulator, feed: Feed) -> None:
    """After healing, pings are answered again."""
    async with open_simulator() as at, feed.connect(at) as socket:
        await socket.send(feed.subscribe)
        await receive(socket)
        await inject(at, feed.source, "no-pongs")
        pong = asyncio.ensure_future(await socket.ping())
        await feed.tick(socket)
        await feed.tick(socket)
        assert not pong.done()
        pong.cancel()
        await heal(at)
        answered = await socket.ping()
        async with asyncio.timeout(60):
            await answered


@pytest.mark.parametrize(
    ("source", "announcement"),
    [("binance", "serverShutdown"), ("kraken", "maintenance"), ("okx", "64008")],
)
async def test_a_shutdown_is_announced_before_the_close(
    open_simulator: OpenSimulator, clock: FakeClock, source: str, announcement: str
) -> None:
    """In the source's own format, on connections open at that time."""
    feed = FEEDS[source]
    async with open_simulator(clock) as at, feed.connect(at) as socket:
        await socket.send(feed.subscribe)
        await receive(socket)
        await inject(at, source, "shutdown", parameters={"cut_after_s": 8})
        async with asyncio.timeout(60):
            while announcement not in await receive_text(socket):
                pass
        clock.advance(8)
        async with feed.connect(at) as replacement:
            assert (await closed_with(socket))[0] == 1001
            await replacement.send(feed.subscribe)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(replacement.wait_closed(), 0.3)
