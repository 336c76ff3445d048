"""`consensusCandles` as clients see them, and compared with a computation of their own."""

import random
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from statistics import median

import pytest
from sqlalchemy import insert

from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.queries.consensus_candles.query import ConsensusCandlesQuery, check_consensus_candles
from gateway.request import GraphQLRequest
from gateway.schema.context import OperationMetadata
from history.bar import bar_of, fold
from history.bar_rows import insert_rows, to_row
from history.interval import Interval
from history.models import MinuteRow, SeriesRow
from instruments.store import InstrumentStore
from rates.errors import InvalidArgument
from rates.source import Source
from rates.symbol import Symbol
from tests.gateway.fakes import FakeClock, ListedInstruments
from tests.gateway.fixture_types import Execute
from tests.history.trades import at, trade

pytestmark = pytest.mark.slow

SOURCES = (Source.BINANCE, Source.KRAKEN, Source.OKX, Source.BYBIT, Source.COINBASE)
EVERY_FIELD = """symbol interval method sources { code name } hasMore
  items { openTime closeTime open high low close volume contributorCount state coverage simulated }"""
BTC = Symbol("BTC", "USDT")
FIRST = 7_200
MINUTES = 40
# Of each source and minute: the coverage, and the prices of two trades.
Told = Mapping[tuple[Source, int], tuple[str, tuple[str, str] | None]]


@pytest.fixture
def instruments() -> ListedInstruments:
    listed = ListedInstruments(*((source, "BTC/USDT") for source in SOURCES), (Source.COINGECKO, "BTC/USDT"))
    listed.add(Source.BINANCE, "ETH/USDT")
    return listed


@pytest.fixture
def told() -> Told:
    """Two trades near 100 in most minutes."""
    chance = random.Random(11)
    found: dict[tuple[Source, int], tuple[str, tuple[str, str] | None]] = {}
    for source in SOURCES[:4]:
        for minute in range(MINUTES):
            coverage = chance.choices(("COMPLETE", "NO_TRADES", "PARTIAL", ""), (10, 2, 2, 2))[0]
            opening, close = (str(Decimal(chance.randrange(9_990, 10_010)) / 100) for _ in range(2))
            prices = (opening, close)
            found[source, minute] = coverage, prices if coverage in {"COMPLETE", "PARTIAL"} else None
    # An outlier, and a price of another asset.
    for source, minute, price in ((Source.OKX, 3, "110"), (Source.KRAKEN, 4, "7000")):
        found[source, minute] = "COMPLETE", (price, price)
    for source in SOURCES[:4]:
        for minute in (3, 4):
            found.setdefault((source, minute), ("COMPLETE", ("100", "100")))
            if found[source, minute][1] is None:
                found[source, minute] = "COMPLETE", ("100", "100")
    return found


@pytest.fixture(autouse=True)
async def history(database: InstrumentStore, clock: FakeClock, told: Told) -> None:
    """Store the minutes. The last source is tracked, and has no history."""
    clock.now = at(FIRST + MINUTES * 60 + 3_600)
    async with database.transaction() as connection:
        for series, source in enumerate(SOURCES[:4], 1):
            if series > 1:
                await connection.execute(
                    insert(SeriesRow).values(
                        id=series, source=source, base="BTC", quote="USDT", simulated=False
                    )
                )
            rows = []
            for minute in range(MINUTES):
                coverage, prices = told[source, minute]
                start = FIRST + minute * 60
                bar = None
                if prices is not None:
                    bar = fold(
                        bar_of(trade(n, start + 10 * n, price, f"0.{series}"))
                        for n, price in enumerate(prices, 1)
                    )
                if coverage:
                    rows.append(to_row(series, at(start), 0, bar, at(start + 61)) | {"coverage": coverage})
            await insert_rows(connection, MinuteRow, rows)


def window() -> str:
    return f'from: "{at(FIRST).isoformat()}", to: "{at(FIRST + MINUTES * 60).isoformat()}"'


@pytest.mark.parametrize("least", [1, 2, 4])
async def test_candles_equal_a_computation_of_their_own(gateway: Gateway, told: Told, least: int) -> None:
    """The median of each price over the sources with a trade, without outliers."""
    query = ConsensusCandlesQuery(
        BTC, Interval.M1, min_sources=least, start=at(FIRST), end=at(FIRST + MINUTES * 60)
    )
    found = await gateway.history.consensus_candles.read(query)
    assert found.sources == tuple(sorted(SOURCES[:4], key=list(Source).index))
    assert [candle.open_time for candle in found.items] == [at(FIRST + n * 60) for n in range(MINUTES)]
    for minute, candle in enumerate(found.items):
        known = {source: told[source, minute] for source in SOURCES[:4]}
        traded = {source: prices for source, (_, prices) in known.items() if prices is not None}
        for source, wrong in ((Source.OKX, 3), (Source.KRAKEN, 4)):
            if minute == wrong:
                del traded[source]
        assert set(candle.contributors) == set(traded)
        if len(traded) < least:
            assert (candle.open, candle.high, candle.low, candle.close, candle.volume) == (None,) * 5
        else:
            pairs = [tuple(map(Decimal, prices)) for prices in traded.values()]
            assert candle.open == median(pair[0] for pair in pairs)
            assert candle.close == median(pair[1] for pair in pairs)
            assert candle.high == median(map(max, pairs))
            assert candle.low == median(map(min, pairs))
            assert candle.volume == sum(2 * Decimal(f"0.{SOURCES.index(source) + 1}") for source in traded)
        coverages = {coverage for coverage, _ in known.values()}
        if coverages <= {"COMPLETE", "NO_TRADES"}:
            assert candle.coverage == ("COMPLETE" if "COMPLETE" in coverages else "NO_TRADES")
        else:
            assert candle.coverage == ("UNKNOWN" if coverages == {""} else "PARTIAL")


async def test_volumes_weigh_the_prices_with_vwap(execute: Execute, told: Told) -> None:
    """Each of the four prices by the volume of the candle."""
    result = await execute(
        f'{{ consensusCandles(symbol: "BTC/USDT", interval: M1, method: VWAP, last: 40, {window()}) {{ {EVERY_FIELD} }} }}'
    )
    assert not result.errors
    for minute, candle in enumerate(result.data["consensusCandles"]["items"]):
        traded = {source: told[source, minute][1] for source in SOURCES[:4]}
        weights = {source: SOURCES.index(source) + 1 for source, prices in traded.items() if prices}
        if minute in {3, 4} or len(weights) < 2:
            continue
        closes = [Decimal((traded[source] or ("", ""))[1]) * weight for source, weight in weights.items()]
        expected = sum(closes, Decimal(0)) / sum(weights.values())
        assert abs(Decimal(str(candle["close"])) - expected) < Decimal("0.0001")
        assert candle["contributorCount"] == len(weights)


async def test_both_paths_give_the_same_bytes(fast_operations: Operations) -> None:
    """Longer candles too."""
    for interval in ("M1", "M5", "H1"):
        request = GraphQLRequest(
            f'{{ all: consensusCandles(symbol: "BTC/USDT", interval: {interval}, last: 30, {window()}) {{ __typename {EVERY_FIELD} }} }}'
        )
        prepared = fast_operations.prepare(request)
        assert prepared.plan is not None
        fast_metadata, metadata = OperationMetadata(), OperationMetadata()
        fast = await fast_operations.answer(prepared, fast_metadata)
        executed = await fast_operations.answer(prepared._replace(plan=None), metadata)
        assert fast.body == executed.body
        assert b'"contributorCount":4' in fast.body
        assert fast_operations.chunks(prepared.plan) is not None
        assert fast_metadata.fresh_for == metadata.fresh_for == timedelta(milliseconds=250)


async def test_equal_questions_combine_once(gateway: Gateway, clock: FakeClock) -> None:
    """As long as the candles of all sources are in memory."""
    query = ConsensusCandlesQuery(BTC, Interval.M5, last=3)
    reader = gateway.history.consensus_candles
    first = await reader.read(query)
    count = gateway.candles.read_count
    assert await reader.read(query) is first
    assert gateway.candles.read_count == count == 4
    clock.advance(1)
    assert reader.find(query) is None
    assert await reader.read(query) is not first


async def test_a_symbol_without_a_history_has_none(execute: Execute) -> None:
    """One that nobody tracks is an error; so is an argument out of range."""
    result = await execute(
        """{ known: consensusCandles(symbol: "ETH/USDT", interval: M1, last: 5) { items { close } sources { code } hasMore }
            unknown: consensusCandles(symbol: "ETH/USDX", interval: M1, last: 5) { hasMore }
            none: consensusCandles(symbol: "BTC/USDT", interval: M1, last: 5, minSources: 0) { hasMore }
            never: consensusCandles(symbol: "BTC/USDT", interval: M1, last: 5, to: "1999-01-01T00:00:00Z") { hasMore } }"""
    )
    assert result.data["known"] == {"items": [], "sources": [], "hasMore": False}
    with pytest.raises(InvalidArgument):
        check_consensus_candles(ConsensusCandlesQuery(BTC, Interval.M1, last=501), at(0))
    assert result.codes() == {
        "unknown": "UNKNOWN_SYMBOL",
        "none": "BAD_USER_INPUT",
        "never": "BAD_USER_INPUT",
    }
