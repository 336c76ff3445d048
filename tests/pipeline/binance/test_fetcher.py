"""Binance's rates for one task, fetched over a session with a real socket server."""

from datetime import timedelta

import pytest

from pipeline.sources.binance.fetcher import UNLISTED_FOR, BinanceFetcher
from pipeline.task import RequestedInstrument
from pipeline.validation import Rejection
from rates.clock import parse_ms, utc_now
from rates.errors import (
    SourceProtocolError,
)
from rates.symbol import parse_symbol
from tests.json_types import JsonObject
from tests.pipeline.binance.exchange import (
    answering,
    entry,
    open_exchange,
    refusal,
    session_with,
    tickers,
)
from tests.pipeline.fakes import START, FakeClock, health

pytestmark = pytest.mark.servers


def wanted(*pairs: str) -> list[RequestedInstrument]:
    return [RequestedInstrument(parse_symbol(pair), pair.replace("/", "")) for pair in pairs]


async def test_one_request_fetches_all_tickers_of_a_task() -> None:
    """In whatever order the exchange lists them."""
    questions: list[JsonObject] = []

    def note(question: JsonObject) -> JsonObject:
        questions.append(question)
        return tickers(question)

    async with open_exchange(answering(note)) as exchange, session_with(exchange) as session:
        fetcher = BinanceFetcher(session, health(), simulated=False, clock=utc_now)
        found = await fetcher.fetch(wanted("BTC/USDT", "ETH/USDT"))
    assert sorted(str(one.symbol) for one in found) == ["BTC/USDT", "ETH/USDT"]
    assert [(one["method"], one["params"]) for one in questions] == [
        ("ticker.24hr", {"symbols": ["BTCUSDT", "ETHUSDT"]})
    ]


async def test_an_unlisted_symbol_does_not_affect_the_others() -> None:
    """It is identified once, left out for ten minutes, reported, and then tried again."""
    lists: list[list[str]] = []

    def strict(question: JsonObject) -> JsonObject:
        lists.append(question["params"]["symbols"])
        return refusal(400, -1121, "Invalid symbol.") if "GONEUSDT" in lists[-1] else tickers(question)

    clock, seen = FakeClock(), health()
    async with open_exchange(answering(strict)) as exchange, session_with(exchange, seen) as session:
        fetcher = BinanceFetcher(session, seen, simulated=False, clock=clock)
        asked = wanted("BTC/USDT", "GONE/USDT", "ETH/USDT")
        assert len(await fetcher.fetch(asked)) == 2
        assert lists == [["BTCUSDT", "GONEUSDT", "ETHUSDT"], ["BTCUSDT"], ["GONEUSDT"], ["ETHUSDT"]]
        assert "GONEUSDT" in (seen.report(START).reason or "")
        lists.clear()
        assert len(await fetcher.fetch(asked)) == 2
        assert lists == [["BTCUSDT", "ETHUSDT"]]
        assert await fetcher.fetch(wanted("GONE/USDT")) == ()
        clock.now += UNLISTED_FOR + timedelta(seconds=1)
        lists.clear()
        assert len(await fetcher.fetch(asked)) == 2
        assert lists[0] == ["BTCUSDT", "GONEUSDT", "ETHUSDT"]


async def test_one_unreadable_entry_is_counted_and_the_rest_is_used() -> None:
    """It is an error only if no entry can be read."""

    def half_bad(question: JsonObject) -> JsonObject:
        good = [entry(symbol) for symbol in question["params"]["symbols"] if symbol != "BTCUSDT"]
        return {"status": 200, "result": [entry("BTCUSDT", lastPrice=None), *good]}

    seen = health()
    async with open_exchange(answering(half_bad)) as exchange, session_with(exchange, seen) as session:
        fetcher = BinanceFetcher(session, seen, simulated=False, clock=utc_now)
        assert [str(one.symbol) for one in await fetcher.fetch(wanted("BTC/USDT", "ETH/USDT"))] == [
            "ETH/USDT"
        ]
        assert seen.rejections.total() == 1
        with pytest.raises(SourceProtocolError):
            await fetcher.fetch(wanted("BTC/USDT"))


async def test_a_delisted_pair_with_a_price_is_no_rate() -> None:
    """It has neither a bid nor an ask.

    It is counted, and no error even if all pairs are like that.
    """
    dead = {"bidPrice": "0.00000000", "askPrice": "0.00000000"}

    def answer(question: JsonObject) -> JsonObject:
        found = [
            entry(symbol, **(dead if symbol == "BTCUSDT" else {})) for symbol in question["params"]["symbols"]
        ]
        return {"status": 200, "result": found}

    seen = health()
    async with open_exchange(answering(answer)) as exchange, session_with(exchange, seen) as session:
        fetcher = BinanceFetcher(session, seen, simulated=False, clock=utc_now)
        found = await fetcher.fetch(wanted("BTC/USDT", "ETH/USDT"))
        assert [str(one.symbol) for one in found] == ["ETH/USDT"]
        assert await fetcher.fetch(wanted("BTC/USDT")) == []
    assert seen.rejections == {Rejection.NO_MARKET: 2}


@pytest.mark.parametrize("one_side", ["bidPrice", "askPrice"])
async def test_a_market_may_have_one_empty_side(one_side: str) -> None:
    """A thin pair may have no buyer for a while. That side has no price."""

    def answer(question: JsonObject) -> JsonObject:
        return {"status": 200, "result": [entry("BTCUSDT", **{one_side: "0.00000000"})]}

    async with open_exchange(answering(answer)) as exchange, session_with(exchange) as session:
        fetcher = BinanceFetcher(session, health(), simulated=False, clock=utc_now)
        (found,) = await fetcher.fetch(wanted("BTC/USDT"))
    assert (found.bid is None) != (found.ask is None)


async def test_an_old_closing_time_makes_an_old_rate() -> None:
    """The rate's age shows that there was no trade since."""
    closed = 1_633_998_511_098

    def answer(question: JsonObject) -> JsonObject:
        return {"status": 200, "result": [entry("BTCUSDT", closeTime=closed)]}

    async with open_exchange(answering(answer)) as exchange, session_with(exchange) as session:
        fetcher = BinanceFetcher(session, health(), simulated=False, clock=utc_now)
        (found,) = await fetcher.fetch(wanted("BTC/USDT"))
    assert found.observed_at == parse_ms(closed)
