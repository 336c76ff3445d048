"""The push feed against a real socket server: subscribing, following changes, and knowing when it is dead."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from instruments.instrument import Instrument
from pipeline.sources.binance.messages import StreamAnswer
from pipeline.sources.binance.settings import BinanceSettings
from pipeline.sources.binance.stream import BinanceStream
from pipeline.sources.binance.subscriptions import ANSWER_TIMEOUT, NAMES_PER_MESSAGE, PACE, Subscriptions
from pipeline.sources.binance.symbols import stream_names
from rates.clock import utc_now
from rates.errors import SourceError, SourceProtocolError, SourceRateLimited, SourceUnavailable
from rates.ticker import Ticker
from tests.pipeline.binance.exchange import open_exchange
from tests.pipeline.fakes import START, health, instrument

BTCUSDT, ETHUSDT = instrument("BTC/USDT"), instrument("ETH/USDT")


class Feed:
    """A server side that answers control messages and notes them; `say` sends a data message."""

    def __init__(self) -> None:
        self.controls: list[dict[str, Any]] = []
        self.subscribed: set[str] = set()
        self.changed = asyncio.Condition()
        self.connection: ServerConnection | None = None

    async def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        assert connection.request.path == "/stream"
        self.connection = connection
        async for frame in connection:
            control = json.loads(frame)
            await connection.send(json.dumps({"result": None, "id": control["id"]}))
            async with self.changed:
                self.controls.append(control)
                change = (
                    self.subscribed.update
                    if control["method"] == "SUBSCRIBE"
                    else self.subscribed.difference_update
                )
                change(control["params"])
                self.changed.notify_all()

    async def say(self, stream: str, **data: Any) -> None:
        assert self.connection is not None
        await self.connection.send(json.dumps({"stream": stream, "data": data}))

    async def has(self, *instruments: Instrument) -> None:
        names = set(stream_names(one.source_symbol for one in instruments))
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: self.subscribed == names)


@asynccontextmanager
async def tickers_of(
    feed: Feed, wishes: list[Instrument]
) -> AsyncIterator[asyncio.Queue[Ticker | SourceError]]:
    """Everything that the stream emits, and in the end how it failed."""
    found: asyncio.Queue[Ticker | SourceError] = asyncio.Queue()
    async with open_exchange(feed.handle) as exchange:
        stream = BinanceStream(
            BinanceSettings(stream_url=exchange.url), lambda: wishes, health(), simulated=False, clock=utc_now
        )

        async def listen() -> None:
            try:
                async with aclosing(stream.connect()) as messages:
                    async for tickers in messages:
                        for ticker in tickers:
                            await found.put(ticker)
            except SourceError as exc:
                await found.put(exc)

        listener = asyncio.create_task(listen())
        try:
            yield found
        finally:
            listener.cancel()
            await asyncio.wait([listener])


async def next_of(found: asyncio.Queue[Ticker | SourceError]) -> Ticker | SourceError:
    async with asyncio.timeout(10):
        return await found.get()


def trade(number: int, symbol: str = "BTCUSDT") -> dict[str, Any]:
    return {
        "e": "trade",
        "E": 1723161255000 + number,
        "s": symbol,
        "t": number,
        "p": f"{number}.50",
        "q": "1",
    }


async def test_it_subscribes_and_emits() -> None:
    """All three channels of every instrument, in one message, lower case."""
    feed = Feed()
    async with tickers_of(feed, [BTCUSDT, ETHUSDT]) as found:
        await feed.has(BTCUSDT, ETHUSDT)
        assert len(feed.controls) == 1
        assert "btcusdt@bookTicker" in feed.subscribed
        await feed.say("btcusdt@bookTicker", u=1, s="BTCUSDT", b="1.1", B="1", a="1.2", A="1")
        await feed.say("btcusdt@trade", **trade(7))
        emitted = await next_of(found)
        assert isinstance(emitted, Ticker)
        assert (str(emitted.price), str(emitted.bid), emitted.sequence) == ("7.50", "1.1", 7)


async def test_changes_of_the_instruments_are_followed_without_a_new_connection() -> None:
    """What is added is subscribed, what is removed is unsubscribed and not emitted any more."""
    feed, wishes = Feed(), [BTCUSDT]
    async with tickers_of(feed, wishes) as found:
        await feed.has(BTCUSDT)
        wishes[:] = [ETHUSDT]
        await feed.has(ETHUSDT)
        await feed.say("btcusdt@trade", **trade(8))
        await feed.say("ethusdt@trade", **trade(9, "ETHUSDT"))
        emitted = await next_of(found)
        assert isinstance(emitted, Ticker)
        assert emitted.symbol == ETHUSDT.symbol
        assert [control["method"] for control in feed.controls] == ["SUBSCRIBE", "UNSUBSCRIBE", "SUBSCRIBE"]


async def test_an_announced_shutdown_ends_the_connection() -> None:
    """So that the next one is opened at once."""
    feed = Feed()
    async with tickers_of(feed, [BTCUSDT]) as found:
        await feed.has(BTCUSDT)
        await feed.say("!serverShutdown", e="serverShutdown", E=1)
        assert isinstance(await next_of(found), SourceUnavailable)


async def test_a_cut_for_too_many_messages_is_a_refusal() -> None:
    """1008 with these words: coming back at once is what leads to bans."""
    feed = Feed()
    async with tickers_of(feed, [BTCUSDT]) as found:
        await feed.has(BTCUSDT)
        assert feed.connection is not None
        await feed.connection.close(1008, "Too many requests")
        failure = await next_of(found)
        assert isinstance(failure, SourceRateLimited)
        assert failure.retry_at > utc_now()


async def test_one_bad_message_is_passed_over() -> None:
    """The good ones around it are worth more than a new connection."""
    feed = Feed()
    async with tickers_of(feed, [BTCUSDT]) as found:
        await feed.has(BTCUSDT)
        await feed.say("btcusdt@trade", e="trade", E="soon")
        await feed.say("btcusdt@trade", **trade(3))
        assert isinstance(await next_of(found), Ticker)


def test_control_messages_are_paced_and_bounded() -> None:
    """At most one per 300 ms, of at most 200 names, whatever there is to do."""
    names = [f"a{number}@trade" for number in range(NAMES_PER_MESSAGE + 1)]
    subscriptions = Subscriptions()
    first = subscriptions.next_message(names, START)
    assert first is not None
    assert len(json.loads(first)["params"]) == NAMES_PER_MESSAGE
    assert subscriptions.next_message(names, START + PACE - timedelta(microseconds=1)) is None
    second = subscriptions.next_message(names, START + PACE)
    assert second is not None
    assert json.loads(second) == {"method": "SUBSCRIBE", "params": names[-1:], "id": 2}
    assert subscriptions.next_message(names, START + 2 * PACE) is None


def test_an_unanswered_control_message_is_a_failure() -> None:
    """The connection reads nothing any more, or lost it: a new one is better."""
    subscriptions = Subscriptions()
    subscriptions.next_message(["a@trade"], START)
    assert subscriptions.next_message(["a@trade"], START + ANSWER_TIMEOUT) is None
    with pytest.raises(SourceUnavailable):
        subscriptions.next_message(["a@trade"], START + ANSWER_TIMEOUT + PACE)


def test_answered_control_messages_are_forgotten_and_refused_ones_raise() -> None:
    """By id; a refusal means that data would never come."""
    subscriptions = Subscriptions()
    subscriptions.next_message(["a@trade"], START)
    subscriptions.settle(StreamAnswer(1, None))
    assert subscriptions.next_message(["a@trade"], START + 2 * ANSWER_TIMEOUT) is None
    with pytest.raises(SourceProtocolError, match="Too many subscriptions"):
        subscriptions.settle(StreamAnswer(2, "4 Too many subscriptions"))
