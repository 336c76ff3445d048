"""Silent symbols beside live ones, against a real socket server."""

import asyncio

import pytest

from rates.clock import utc_now
from rates.health import LinkState
from tests.pipeline.fakes import BTC, ETH, instrument, until
from tests.pipeline.feeds.push_server import age_of, feeding, open_push_server, trading

pytestmark = pytest.mark.servers

PAIRS = [instrument("BTC/USDT"), instrument("ETH/USDT")]
NAMES = ("BTCUSDT", "ETHUSDT")


async def test_a_silent_symbol_is_reported_and_resubscribed_once() -> None:
    """Others stay on the same connection. The report ends with its next message."""
    async with (
        open_push_server() as exchange,
        feeding(exchange.url, read_instruments=PAIRS, silent_after_s=0.5) as running,
        trading(exchange, *NAMES),
    ):
        await until(lambda: running.tickers and age_of(running) > 5.5)
        exchange.mute.add("ETHUSDT")
        await until(lambda: running.silent == (ETH,))
        assert "ETH/USDT (no message for" in running.reason
        assert running.health.state is LinkState.UP
        count = len(running.of("BTCUSDT"))
        await until(lambda: len(running.of("BTCUSDT")) > count)
        await until(lambda: len(exchange.clients[0].controls) == 3)
        exchange.mute.clear()
        await until(lambda: not running.silent)
        assert [control["method"] for _, control in exchange.clients[0].controls] == [
            "SUBSCRIBE",
            "UNSUBSCRIBE",
            "SUBSCRIBE",
        ]
        assert len(exchange.clients) == 1


async def test_a_symbol_that_only_repeats_itself_is_frozen() -> None:
    """The same message again and again is no sign of a live channel."""
    async with (
        open_push_server() as exchange,
        feeding(exchange.url, read_instruments=PAIRS, silent_after_s=0.5) as running,
        trading(exchange, *NAMES),
    ):
        await until(lambda: running.tickers and age_of(running) > 5.5)
        exchange.mute.add("ETHUSDT")
        number = exchange.sent[-1][1]

        async def repeat() -> None:
            while True:
                await exchange.trade("ETHUSDT", number=number)
                await asyncio.sleep(0.01)

        repeating = asyncio.create_task(repeat())
        await until(lambda: running.silent == (ETH,) and "frozen" in running.reason)
        repeating.cancel()
        await asyncio.wait([repeating])


async def test_a_symbol_without_a_first_message_is_reported() -> None:
    """Unknown symbols are accepted and stay silent; only a deadline finds them."""
    async with (
        open_push_server() as exchange,
        feeding(exchange.url, read_instruments=PAIRS, first_message_timeout_s=0.5) as running,
        trading(exchange, "BTCUSDT"),
    ):
        await until(lambda: running.silent == (ETH,))
        assert "no message within" in running.reason
        assert running.of("BTCUSDT")


@pytest.mark.parametrize("nested", [True, False])
async def test_rejected_streams_are_reported_and_the_connection_stays(*, nested: bool) -> None:
    """With both forms of errors; the documented one has no id."""
    async with open_push_server() as exchange:
        error = {"code": 4, "msg": "Too many subscriptions"}
        exchange.answer = lambda control: {"error": error, "id": control["id"]} if nested else error
        async with feeding(exchange.url, read_instruments=PAIRS) as running:
            await until(lambda: running.silent == (BTC, ETH))
            assert "refused: 4 Too many subscriptions" in running.reason
            assert len(exchange.clients) == 1


async def test_symbols_of_a_lost_connection_are_silent_and_the_others_are_not() -> None:
    """One connection of two is down: its symbols are listed, and the source is up."""
    read_instruments = [instrument(f"A{number}/USDT") for number in range(400)]
    async with (
        open_push_server() as exchange,
        feeding(exchange.url, read_instruments=read_instruments) as running,
    ):
        await until(lambda: len(exchange.clients) == 2)
        await exchange.has("A0USDT")
        await exchange.has("A399USDT")
        await exchange.trade("A0USDT")
        await exchange.trade("A399USDT")
        await until(lambda: len(running.tickers) == 2)
        exchange.refuse = (503, [])
        small = min(exchange.open, key=lambda client: len(client.streams))
        small.socket.transport.abort()
        await until(lambda: "1 of 2 connections are down" in running.reason)
        assert running.health.state is LinkState.UP
        await until(lambda: running.silent)
        report = running.health.report(utc_now())
        assert report.silent_count == 400 - 341
        assert len(report.silent) == 50
        assert "its connection is down" in running.reason
        exchange.refuse = None
        await exchange.has("A399USDT")
        await exchange.trade("A399USDT")
        await until(lambda: not running.silent)
