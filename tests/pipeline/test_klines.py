"""Klines of all sources: documented examples, malformed answers, simulated exchanges."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest

from history.interval import TimeSpan
from history.kline import MINUTE, Kline, select_klines
from instruments.instrument import Instrument
from instruments.seed import read_seed
from pipeline.coordination.call_limits import CallLimits
from pipeline.coordination.memory_request_budget import MemoryRequestBudget
from pipeline.sources.okx.klines import build_requests as build_okx_requests
from pipeline.sources.registry import build_adapter
from rates.clock import EPOCH, parse_ms
from rates.errors import SourceError, SourceProtocolError, SourceRateLimited, SourceUnavailable
from rates.source import Source
from simulator.generated.world import GeneratedWorld
from simulator.markets import PublishedKline
from simulator.nanotime import MINUTE as MINUTE_NS
from simulator.nanotime import MS
from simulator.server import run_simulator
from simulator.settings import SimulatorSettings
from standalone.simulated import simulated_sources
from tests.pipeline.fakes import FakeClock, source_context
from tests.pipeline.http_server import open_server
from tests.simulator.conftest import START_NS
from tests.simulator.conftest import FakeClock as NanosecondClock

SOURCES = (Source.BINANCE, Source.BYBIT, Source.COINBASE, Source.KRAKEN, Source.OKX)
LIMITS = CallLimits(1000, timedelta(minutes=1))
D = Decimal


def parser(source: Source) -> Callable[[bytes], Sequence[Kline]]:
    """Return the function that reads the answers of a source."""
    parse: Callable[[bytes], Sequence[Kline]] = import_module(
        f"pipeline.sources.{source.value}.klines"
    ).parse_klines
    return parse


EXAMPLES = {
    Source.BINANCE: (
        (
            b'[[1499040000000,"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",1499040059999,'
            b'"2434.19055334",308,"1756.87402397","28.46694368","0"]]'
        ),
        Kline(
            parse_ms(1499040000000),
            D("0.01634790"),
            D("0.80000000"),
            D("0.01575800"),
            D("0.01577100"),
            D("148976.11427815"),
            D("2434.19055334"),
            308,
        ),
    ),
    Source.BYBIT: (
        (
            b'{"retCode":0,"retMsg":"OK","result":{"symbol":"BTCUSDT","category":"spot","list":[["1670608800000","17071",'
            b'"17073","17027","17055.5","268611","15.74462667"]]},"retExtInfo":{},"time":1672025956592}'
        ),
        Kline(
            parse_ms(1670608800000),
            D("17071"),
            D("17073"),
            D("17027"),
            D("17055.5"),
            D("268611"),
            D("15.74462667"),
        ),
    ),
    Source.COINBASE: (
        b"[[1415398740,0.32,4.2,0.35,4.10,12.30000001]]",
        Kline(parse_ms(1415398740000), D("0.35"), D("4.2"), D("0.32"), D("4.10"), D("12.30000001")),
    ),
    Source.KRAKEN: (
        (
            b'{"error":[],"result":{"XXBTZUSD":[[1688671200,"30306.1","30306.2","30305.7","30305.7","30306.1","3.39243896",23]],'
            b'"last":1688672160}}'
        ),
        Kline(
            parse_ms(1688671200000),
            D("30306.1"),
            D("30306.2"),
            D("30305.7"),
            D("30305.7"),
            D("3.39243896"),
            trades=23,
        ),
    ),
    Source.OKX: (
        (
            b'{"code":"0","msg":"","data":[["1597026420000","3.708","3.8","3.7","3.7","1","1","1","0"],["1597026360000","3.721",'
            b'"3.743","3.677","3.708","8422410","22698348.04828491","12698348.04828491","1"]]}'
        ),
        Kline(
            parse_ms(1597026360000),
            D("3.721"),
            D("3.743"),
            D("3.677"),
            D("3.708"),
            D("8422410"),
            D("12698348.04828491"),
        ),
    ),
}


@pytest.mark.parametrize("source", SOURCES)
def test_the_documented_example_is_read_with_all_its_digits(source: Source) -> None:
    """A candle that is not over is left out where it is marked."""
    body, expected = EXAMPLES[source]
    (kline,) = parser(source)(body)
    assert kline == expected
    assert str(kline.close) == str(expected.close)


@pytest.mark.parametrize("source", SOURCES)
def test_half_an_answer_is_an_error(source: Source) -> None:
    """A page that is cut or of another form never looks like minutes without trades."""
    body, _ = EXAMPLES[source]
    spoilt = body.replace(b"0.3", b"nought").replace(b'"17', b'"seventeen').replace(b'"3', b'"three')
    for wrong in (b"", b"{}", b"<html>", b'{"message":"x"}', body[:-3], spoilt.replace(b'"0.8', b'"x')):
        with pytest.raises(SourceError):
            parser(source)(wrong)


@pytest.mark.parametrize(
    ("source", "body"),
    [
        (Source.BYBIT, b'{"retCode":10006,"retMsg":"Too many visits!","result":{}}'),
        (Source.OKX, b'{"code":"50011","msg":"Too Many Requests","data":[]}'),
        (Source.KRAKEN, b'{"error":["EGeneral:Too many requests"]}'),
    ],
)
def test_an_error_with_status_200_is_an_error(source: Source, body: bytes) -> None:
    """It has no candles, which says nothing of any minute."""
    with pytest.raises(SourceUnavailable):
        parser(source)(body)


GOOD = EXAMPLES[Source.BINANCE][1]
WINDOW = TimeSpan(GOOD.open_time - 5 * MINUTE, GOOD.open_time + 5 * MINUTE)


def changed(**values: Any) -> Kline:
    """Return the good kline with other values."""
    fields = {name: getattr(GOOD, name) for name in Kline.__struct_fields__}
    return Kline(**fields | values)


@pytest.mark.parametrize(
    "kline",
    [
        changed(open_time=GOOD.open_time + timedelta(seconds=1)),
        changed(low=D("0.5")),
        changed(high=D("0.01")),
        changed(low=D(0), open=D(0)),
        changed(volume=D(-1)),
        changed(volume=D("NaN")),
        changed(high=D(10) ** 16),
        changed(trades=-1),
    ],
)
def test_a_kline_that_cannot_be_true_condemns_its_page(kline: Kline) -> None:
    """So does a minute that is told twice; others than those asked for are left out."""
    with pytest.raises(SourceProtocolError):
        select_klines(Source.BINANCE, [kline], WINDOW)
    with pytest.raises(SourceProtocolError, match="twice"):
        select_klines(Source.BINANCE, [GOOD, GOOD], WINDOW)
    later = changed(open_time=WINDOW.end)
    assert select_klines(Source.BINANCE, [later, GOOD], WINDOW) == [GOOD]


def test_older_candles_of_okx_come_a_hundred_at_a_time() -> None:
    """The newest day comes from another address, in larger pages."""
    now = datetime(2026, 1, 2, tzinfo=UTC)
    (recent,) = build_okx_requests("BTC-USDT", TimeSpan(now - 300 * MINUTE, now), now)
    assert (recent.path, recent.params["limit"]) == ("/api/v5/market/candles", "300")
    end = now - 2000 * MINUTE
    older = build_okx_requests("BTC-USDT", TimeSpan(end - 250 * MINUTE, end), now)
    assert [request.path for request in older] == ["/api/v5/market/history-candles"] * 3
    spans = [(int(each.params["after"]) - int(each.params["before"]) - 1) // 60_000 for each in older]
    assert spans == [100, 100, 50]


def bitcoin(source: Source) -> Instrument:
    """Return a seed instrument of a source."""
    return next(one for one in read_seed() if one.source is source and one.symbol.base == "BTC")


def published(world: GeneratedWorld, source: Source, code: str, window: TimeSpan) -> list[PublishedKline]:
    """Return what the simulated market knows."""
    market = world.binance if source is Source.BINANCE else world.venues[source.value]
    start, end = (int((at - EPOCH) / timedelta(milliseconds=1)) * MS for at in window)
    return list(market.klines(code, start, end))


@pytest.mark.servers
@pytest.mark.parametrize("source", SOURCES)
async def test_fetched_klines_are_those_of_the_market(source: Source) -> None:
    """Over HTTP, digit for digit, without the minute that is not over."""
    clock = NanosecondClock(START_NS + 1)
    world = GeneratedWorld(5, clock())
    settings = SimulatorSettings(http_port=0, ws_port=0)
    async with run_simulator(settings, clock=clock, world=world) as addresses:
        adapter = simulated_sources(addresses)[source]
        assert adapter.klines is not None
        clock.advance(5 * 60 + 5)
        await clock.read()
        now = parse_ms(clock() // MS)
        context = source_context(source, simulated=True)
        budget = MemoryRequestBudget(source, LIMITS, clock=context.clock)
        start = parse_ms(START_NS // MINUTE_NS * 60_000)
        window = TimeSpan(start, start + 5 * MINUTE)
        async with adapter.klines.open(replace(context, budget=budget, clock=lambda: now)) as fetcher:
            found = await fetcher.fetch_klines(bitcoin(source).source_symbol, window)
    truth = published(world, source, bitcoin(source).source_symbol, window)
    assert [one.open_time for one in found] == [start + number * MINUTE for number in range(1, 5)]
    for ours, theirs in zip(found, truth, strict=True):
        assert (ours.open, ours.high, ours.low, ours.close, ours.volume) == (
            theirs.open,
            theirs.high,
            theirs.low,
            theirs.close,
            theirs.volume,
        )
        assert ours.quote_volume in (None, theirs.quote_volume)
        assert ours.trades in (None, theirs.count)


@pytest.mark.servers
async def test_no_call_is_made_beyond_the_budget() -> None:
    """Its error says when the next one is allowed."""
    clock = FakeClock()
    limits = CallLimits(2, timedelta(minutes=1))
    async with open_server("[]") as server:
        adapter = build_adapter(Source.BINANCE, rest_url=server.url)
        assert adapter.klines is not None
        context = replace(
            source_context(Source.BINANCE),
            clock=clock,
            budget=MemoryRequestBudget(Source.BINANCE, limits, clock=clock),
        )
        async with adapter.klines.open(context) as fetcher:
            for _ in range(2):
                assert await fetcher.fetch_klines("BTCUSDT", WINDOW) == []
            with pytest.raises(SourceRateLimited) as refused:
                await fetcher.fetch_klines("BTCUSDT", WINDOW)
    assert refused.value.is_planned
    assert refused.value.retry_at == clock() + timedelta(minutes=1)
    assert len(server.asked) == 2
