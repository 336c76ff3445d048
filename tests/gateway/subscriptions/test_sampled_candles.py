"""Candles of a source without trades: samples of its prices, on every path."""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.queries.candles.candle_list import SeriesCandle
from gateway.settings import GatewaySettings
from gateway.subscriptions.candles_event import LiveCandlesArgs
from history.bar_writer import BarWriter
from history.candle import CandleState
from history.coverage import CandleCoverage
from history.interval import Interval
from history.sample_fold import Sample, SampleFold
from rates.source import Source
from tests.gateway.subscriptions.candle_scenario import CandleScenario, describe, open_scenario
from tests.history.trades import at
from tests.pipeline.fakes import BTC

SOURCE = Source.COINGECKO
LAG_S = 40
# The third minute has none, the fourth has two.
PRICES = (
    (15, "100.0"),
    (75, "101.50"),
    (200, "99.0"),
    (230, "100.5"),
    (260, "102"),
    (320, "103"),
    (380, "104"),
)
DOCUMENT = """{
  candles(symbol: "BTC/USDT", source: COINGECKO, interval: M1, last: 10) {
    items { openTime open high low close volume quoteVolume tradeCount vwap origin state coverage }
    gaps { from }
  }
  stats(symbol: "BTC/USDT", source: COINGECKO, windowMs: 300000) { open close volume quoteVolume tradeCount vwap }
  rateAt(symbol: "BTC/USDT", source: COINGECKO, at: "2024-08-08T12:02:00Z") { price tradedAt coverage }
  consensusCandles(symbol: "BTC/USDT", minSources: 1, interval: M1, last: 10) { items { close volume } }
  weighted: consensusCandles(symbol: "BTC/USDT", minSources: 1, method: VWAP, interval: M1, last: 10) { items { close } }
}"""


class Sampler:
    """A recorder's samples in the time of a scenario."""

    def __init__(self, scenario: CandleScenario) -> None:
        self._scenario = scenario
        self._writer = BarWriter(
            SampleFold(SOURCE, "one"), scenario.bars, tracked=lambda: {BTC}, clock=scenario.clock
        )

    async def run(self, end: float) -> None:
        """Let time pass, a second at a time; prices arrive 40 s late."""
        scenario = self._scenario
        while scenario.clock.now < at(end):
            scenario.clock.advance(1)
            for seconds, price in PRICES:
                if scenario.clock.now == at(seconds + LAG_S):
                    self._writer.fold.add([Sample(BTC, Decimal(price), at(seconds))])
            await self._writer.step()
            await scenario.record()
            await scenario.settle()


async def ask(scenario: CandleScenario) -> tuple[dict[str, Any], list[dict[str, str]], dict[str, Any]]:
    """Return the answers of GraphQL, as CSV and for TradingView."""
    settings = GatewaySettings(port=0, history_timeout_s=60)
    transport = httpx.ASGITransport(create_app(scenario.gateway, settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        found = (await client.post("/graphql", json={"query": DOCUMENT})).json()
        assert "errors" not in found, found
        table = await client.get(
            "/candles",
            params={"symbol": "BTC/USDT", "source": "COINGECKO", "interval": "M1", "last": "10"},
            headers={"accept": "text/csv"},
        )
        columns = await client.get(
            "/udf/history",
            params={"symbol": "COINGECKO:BTC/USDT", "resolution": "1", "to": "1723119000", "countback": "10"},
        )
    return found["data"], list(csv.DictReader(io.StringIO(table.text, newline=""))), columns.json()


@pytest.mark.slow
async def test_all_paths_answer_prices_without_volumes(tmp_path: Path) -> None:
    """Null, never zero, also where no price is dated in a minute of which all is known."""
    async with open_scenario(tmp_path, SOURCE) as scenario:
        await Sampler(scenario).run(420)
        data, rows, columns = await ask(scenario)
    items = data["candles"]["items"]
    assert [(one["close"], one["coverage"]) for one in items[:6]] == [
        ("100.0", "PARTIAL"),
        ("101.50", "COMPLETE"),
        (None, "NO_TRADES"),
        ("100.5", "COMPLETE"),
        ("102", "COMPLETE"),
        ("103", "COMPLETE"),
    ]
    assert {one["origin"] for one in items} == {"SAMPLES"}
    for name in ("volume", "quoteVolume", "tradeCount", "vwap"):
        assert {one[name] for one in items} == {None}
        assert {row[name] for row in rows} == {""}
    assert [row["close"] for row in rows] == [one["close"] or "" for one in items]
    assert {row["origin"] for row in rows} == {"SAMPLES"}
    assert columns["s"] == "ok"
    assert columns["c"] == [float(one["close"]) for one in items if one["close"]]
    assert "v" not in columns
    assert [gap["from"] for gap in data["candles"]["gaps"]] == [items[0]["openTime"]]
    assert data["stats"] == {
        "open": "99.0",
        "close": "104",
        "volume": None,
        "quoteVolume": None,
        "tradeCount": None,
        "vwap": None,
    }
    assert data["rateAt"] == {
        "price": "101.50",
        "tradedAt": "2024-08-08T12:01:15.000Z",
        "coverage": "COMPLETE",
    }
    assert [one["close"] for one in data["consensusCandles"]["items"]] == [one["close"] for one in items]
    assert {one["volume"] for one in data["consensusCandles"]["items"]} == {None}
    assert {one["close"] for one in data["weighted"]["items"]} == {None}


@pytest.mark.slow
async def test_live_candles_are_those_of_the_query(tmp_path: Path) -> None:
    """A candle closes at its end as others do; a later price of its time corrects it."""
    async with open_scenario(tmp_path, SOURCE) as scenario:
        sampler = Sampler(scenario)
        # The first price makes the history.
        await sampler.run(57)
        clients = []
        for interval in (Interval.M1, Interval.M5):
            query = LiveCandlesArgs((BTC,), interval)
            clients.append((query, await scenario.subscribe(query)))
        for end in range(65, 440, 30):
            await sampler.run(end)
            for query, client in clients:
                compare(await scenario.query(query), client.candles)
        minute = client_states(clients[0][1].events, 180)
    assert minute[0] == (CandleState.FORMING, CandleCoverage.UNKNOWN, None)
    assert (CandleState.CLOSED, CandleCoverage.PARTIAL, "99.0") in minute
    assert minute[-1] == (CandleState.CORRECTED, CandleCoverage.COMPLETE, "100.5")


def compare(answered: Sequence[SeriesCandle], held: dict[Any, Any]) -> None:
    """Compare the candles that a subscriber holds with those of the query."""
    found = {one.candle.open_time: describe(one.candle) for one in answered}
    kept = {start: describe(candle) for start, candle in held.items() if start in found}
    newest = max(found)
    assert newest in kept
    # Older ones are not pushed any more.
    recent = [start for start in kept if (newest - start).total_seconds() <= 60]
    assert {start: kept[start] for start in recent} == {start: found[start] for start in recent}


def client_states(
    events: Sequence[Any], seconds: float
) -> list[tuple[CandleState, CandleCoverage, str | None]]:
    """Return what was sent of the candle that begins at a time."""
    found = []
    for _, event in events:
        for one in event.items:
            if one.candle.open_time == at(seconds):
                bar = one.candle.bar
                found.append((one.candle.state, one.candle.coverage, None if bar is None else str(bar.close)))
    return found
