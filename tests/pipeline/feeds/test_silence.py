"""Symbols that say nothing while their neighbours go on, against a real socket server."""

import asyncio

import pytest

from rates.clock import utc_now
from rates.health import LinkState
from tests.pipeline.fakes import BTC, ETH, instrument, until
from tests.pipeline.feeds.push_server import age_of, feeding, open_market, trading

pytestmark = pytest.mark.servers

PAIRS = [instrument("BTC/USDT"), instrument("ETH/USDT")]
NAMES = ("BTCUSDT", "ETHUSDT")


async def test_a_silent_symbol_is_flagged_resubscribed_once_and_disturbs_nobody() -> None:
    """Its neighbours go on over the same connection; when it speaks again, the flag goes."""
    async with (
        open_market() as market,
        feeding(market.url, read_instruments=PAIRS, silent_after_s=0.5) as running,
        trading(market, *NAMES),
    ):
        await until(lambda: running.tickers and age_of(running) > 5.5)
        market.mute.add("ETHUSDT")
        await until(lambda: running.silent == (ETH,))
        assert "ETH/USDT (no message for" in running.reason
        assert running.health.state is LinkState.UP
        count = len(running.of("BTCUSDT"))
        await until(lambda: len(running.of("BTCUSDT")) > count)
        await until(lambda: len(market.clients[0].controls) == 3)
        market.mute.clear()
        await until(lambda: not running.silent)
        assert [control["method"] for _, control in market.clients[0].controls] == [
            "SUBSCRIBE",
            "UNSUBSCRIBE",
            "SUBSCRIBE",
        ]
        assert len(market.clients) == 1


async def test_a_symbol_that_only_repeats_itself_is_frozen() -> None:
    """The same message again and again is a sign of life of nothing."""
    async with (
        open_market() as market,
        feeding(market.url, read_instruments=PAIRS, silent_after_s=0.5) as running,
        trading(market, *NAMES),
    ):
        await until(lambda: running.tickers and age_of(running) > 5.5)
        market.mute.add("ETHUSDT")
        number = market.sent[-1][1]

        async def repeat() -> None:
            while True:
                await market.trade("ETHUSDT", number=number)
                await asyncio.sleep(0.01)

        repeating = asyncio.create_task(repeat())
        await until(lambda: running.silent == (ETH,) and "frozen" in running.reason)
        repeating.cancel()
        await asyncio.wait([repeating])


async def test_a_symbol_without_a_first_message_is_flagged() -> None:
    """Unknown symbols are accepted and stay silent; only a deadline finds them."""
    async with (
        open_market() as market,
        feeding(market.url, read_instruments=PAIRS, first_message_timeout_s=0.5) as running,
        trading(market, "BTCUSDT"),
    ):
        await until(lambda: running.silent == (ETH,))
        assert "no message within" in running.reason
        assert running.of("BTCUSDT")


@pytest.mark.parametrize("nested", [True, False])
async def test_refused_streams_are_told_and_the_connection_goes_on(*, nested: bool) -> None:
    """Both shapes of an error; the documented one does not even say to which question."""
    async with open_market() as market:
        error = {"code": 4, "msg": "Too many subscriptions"}
        market.answer = lambda control: {"error": error, "id": control["id"]} if nested else error
        async with feeding(market.url, read_instruments=PAIRS) as running:
            await until(lambda: running.silent == (BTC, ETH))
            assert "refused: 4 Too many subscriptions" in running.reason
            assert len(market.clients) == 1


async def test_symbols_of_a_lost_connection_are_silent_and_the_others_are_not() -> None:
    """One connection of two cannot come back: what it carried is listed, and the source is up all the same."""
    read_instruments = [instrument(f"A{number}/USDT") for number in range(400)]
    async with open_market() as market, feeding(market.url, read_instruments=read_instruments) as running:
        await until(lambda: len(market.clients) == 2)
        await market.has("A0USDT")
        await market.has("A399USDT")
        await market.trade("A0USDT")
        await market.trade("A399USDT")
        await until(lambda: len(running.tickers) == 2)
        market.refuse = (503, {})
        small = min(market.open, key=lambda client: len(client.streams))
        small.socket.transport.abort()
        await until(lambda: "1 of 2 connections are down" in running.reason)
        assert running.health.state is LinkState.UP
        await until(lambda: running.silent)
        report = running.health.report(utc_now())
        assert report.silent_count == 400 - 341
        assert len(report.silent) == 50
        assert "its connection is down" in running.reason
        market.refuse = None
        await market.has("A399USDT")
        await market.trade("A399USDT")
        await until(lambda: not running.silent)
