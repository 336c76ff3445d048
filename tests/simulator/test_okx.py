"""OKX's feed as a real client sees it."""

import asyncio
import json

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from simulator.nanotime import MINUTE
from simulator.okx.session import OkxSession
from tests.json_types import Json
from tests.simulator.conftest import (
    START_NS,
    TIMEOUT_SECONDS,
    FakeClock,
    OpenSimulator,
    closed_with,
    receive,
    receive_text,
)


def subscribe(*instruments: str, op: str = "subscribe") -> str:
    args = [{"channel": "tickers", "instId": instrument} for instrument in instruments]
    return json.dumps({"op": op, "args": args})


async def receive_push(socket: ClientConnection) -> Json:
    while "data" not in (message := await receive(socket)):
        pass
    return message


async def test_each_argument_is_answered_on_its_own(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """A wrong instrument is error 60018, the others continue.

    The current ticker follows at once.
    """
    async with open_simulator(clock) as at, connect(at.okx_stream_url, max_queue=None) as socket:
        await socket.send(subscribe("BTC-USDT", "NOPE-USDT", "ETH-USDT"))
        answers = [await receive(socket) for _ in range(3)]
        assert [answer["event"] for answer in answers] == ["subscribe", "error", "subscribe"]
        assert answers[0]["arg"] == {"channel": "tickers", "instId": "BTC-USDT"}
        assert (answers[1]["code"], "NOPE-USDT" in answers[1]["msg"]) == ("60018", True)
        first = await receive(socket)
        assert first["arg"] == {"channel": "tickers", "instId": "BTC-USDT"}
        fields = first["data"][0]
        assert all(isinstance(value, str) for value in fields.values())
        assert int(fields["ts"]) < clock.at_ns // 1_000_000
        await receive(socket)
        clock.advance(2)
        assert int((await receive_push(socket))["data"][0]["ts"]) > int(fields["ts"])


async def test_a_ping_is_text_and_so_is_its_pong(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """Neither is JSON."""
    async with open_simulator(clock) as at, connect(at.okx_stream_url) as socket:
        await socket.send("ping")
        assert await receive_text(socket) == "pong"


async def test_half_a_minute_without_anything_sent_ends_the_connection(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """Close code 4004; an answered ping counts as traffic."""
    async with open_simulator(clock) as at, connect(at.okx_stream_url) as socket:
        clock.advance(29)
        await socket.send("ping")
        assert await receive_text(socket) == "pong"
        clock.advance(29)
        await socket.send("ping")
        assert await receive_text(socket) == "pong"
        clock.advance(30)
        assert await closed_with(socket) == (4004, "No data received in 30s")


async def test_a_fourth_connection_within_a_second_is_refused(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """429, and the status counts a violation."""
    async with open_simulator(clock) as at, asyncio.timeout(TIMEOUT_SECONDS):
        for _ in range(3):
            async with connect(at.okx_stream_url):
                pass
        with pytest.raises(InvalidStatus) as refusal:
            await connect(at.okx_stream_url)
        assert refusal.value.response.status_code == 429
        clock.advance(1)
        async with connect(at.okx_stream_url):
            pass


@pytest.mark.parametrize("text", ["{", "[]", '{"op":"login","args":[1]}', '{"op":"subscribe","args":[]}'])
def test_what_okx_cannot_read_is_error_60012(text: str) -> None:
    """The connection stays open."""
    reply = OkxSession({"BTC-USDT"}, START_NS).receive(text, START_NS)
    assert json.loads(reply.answers[0])["code"] == "60012"
    assert reply.close is None


def test_480_operations_an_hour_are_the_limit_and_pings_are_none() -> None:
    """The next one is refused and counted; an hour later operations are accepted."""
    session = OkxSession({"BTC-USDT"}, START_NS)
    for number in range(480):
        op = "subscribe" if number % 2 == 0 else "unsubscribe"
        assert session.receive(subscribe("BTC-USDT", op=op), START_NS).violation is None
        session.receive("ping", START_NS)
    assert session.receive(subscribe("BTC-USDT"), START_NS).violation == "operations_per_hour"
    assert session.receive(subscribe("BTC-USDT"), START_NS + 60 * MINUTE).violation is None


def test_a_request_beyond_64_kilobytes_ends_the_connection() -> None:
    """Close code 1009, as documented by OKX."""
    reply = OkxSession({"BTC-USDT"}, START_NS).receive(subscribe(*["BTC-USDT"] * 2000), START_NS)
    assert reply.close is not None
    assert (reply.close.code, reply.violation) == (1009, "request_size")


async def test_trades_are_a_channel_of_their_own(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """The last trade at once, then each one with its id."""
    request = {"op": "subscribe", "args": [{"channel": "trades", "instId": "BTC-USDT"}]}
    async with open_simulator(clock) as at, connect(at.okx_stream_url, max_queue=None) as socket:
        await socket.send(json.dumps(request))
        assert (await receive(socket))["event"] == "subscribe"
        first = (await receive_push(socket))["data"][0]
        clock.advance(3)
        second = (await receive_push(socket))["data"][0]
        assert int(second["tradeId"]) > int(first["tradeId"])
        assert second.keys() == {"instId", "tradeId", "px", "sz", "side", "ts", "count"}
