"""Answers from memory: which rate, how fresh, and a reason for everything that is missing."""

from datetime import timedelta
from typing import Protocol

import pytest

from cache.memory import MemoryCache
from cache.ports import Snapshot
from gateway.gateway import Gateway
from gateway.queries.rate import UnavailableReason
from gateway.queries.rates_query import FreshnessPolicy, OnStale, RatesQuery
from gateway.settings import GatewaySettings
from gateway.state.position import parse_cursor
from rates.errors import (
    CacheUnavailable,
    InvalidArgument,
    RateNotSeen,
    RateStale,
    SourceDown,
    UnknownSymbol,
)
from rates.health import LinkState, SourceReport
from rates.source import Source
from rates.symbol import parse_symbol
from rates.ticker import Ticker
from tests.gateway.fakes import FakeClock, ListedInstruments, ScriptedFeed, id_of
from tests.gateway.fixture_types import BuildTicker, Running, Until

BTC_USDT, ETH_USDT = parse_symbol("BTC/USDT"), parse_symbol("ETH/USDT")


class Write(Protocol):
    """Writes tickers and waits until the mirror has them."""

    async def __call__(self, *tickers: Ticker) -> None: ...


@pytest.fixture
async def write(gateway: Gateway, cache: MemoryCache, until: Until) -> Write:
    """Writes tickers and returns when the mirror has them."""

    async def run(*tickers: Ticker) -> None:
        for each in tickers:
            await cache.write([each])
        await until(lambda: all(gateway.mirror.read(each.key) == each for each in tickers))

    return run


@pytest.fixture
async def report_up(gateway: Gateway, cache: MemoryCache, clock: FakeClock, until: Until) -> None:
    for source in Source:
        await cache.report(
            SourceReport(
                source=source,
                instance="a",
                role="consumer",
                state=LinkState.UP,
                reason=None,
                refused=0,
                reconnects=0,
                reported_at=clock(),
            )
        )
    await until(lambda: all(part.reports(clock()) for part in gateway.mirror.sources.values()))


async def test_the_preferred_source_answers_while_it_is_fresh(
    gateway: Gateway, write: Write, ticker: BuildTicker, clock: FakeClock
) -> None:
    """Then the next, then, with none fresh, the one that has used up least of its time to live."""
    await write(ticker(), ticker(source=Source.COINGECKO))
    clock.advance(10)
    assert _source(gateway) is Source.BINANCE
    clock.advance(0.000001)
    assert _source(gateway) is Source.COINGECKO
    clock.advance(200)
    assert _source(gateway) is Source.COINGECKO
    await write(ticker(sequence=1, observed_at=clock() - timedelta(seconds=10.5)))
    assert _source(gateway) is Source.BINANCE


def _source(gateway: Gateway) -> Source:
    rate = gateway.rates.rate(BTC_USDT)
    assert rate is not None
    return rate.ticker.source


async def test_max_age_is_met_at_exactly_that_age(
    gateway: Gateway, write: Write, ticker: BuildTicker, clock: FakeClock
) -> None:
    """One microsecond later the demand fails and `on_stale` decides."""
    await write(ticker())
    clock.advance(2)
    policy = FreshnessPolicy(timedelta(seconds=2), OnStale.ERROR)
    assert gateway.rates.rate(BTC_USDT, Source.BINANCE, policy) is not None
    clock.advance(0.000001)
    with pytest.raises(RateStale) as caught:
        gateway.rates.rate(BTC_USDT, Source.BINANCE, policy)
    assert (caught.value.age_ms, caught.value.max_age_ms) == (2_001, 2_000)
    assert gateway.rates.rate(BTC_USDT, Source.BINANCE, policy._replace(on_stale=OnStale.OMIT)) is None
    returned = gateway.rates.rate(BTC_USDT, Source.BINANCE, policy._replace(on_stale=OnStale.RETURN))
    assert returned is not None
    assert returned.freshness == "FRESH"


async def test_without_max_age_the_ttl_is_the_demand(
    gateway: Gateway, write: Write, ticker: BuildTicker, clock: FakeClock
) -> None:
    """Each source by its own."""
    await write(ticker(), ticker(source=Source.COINGECKO))
    clock.advance(11)
    answer = gateway.rates.rates(RatesQuery((BTC_USDT,)), FreshnessPolicy(None, OnStale.OMIT))
    assert [rate.ticker.source for rate in answer.items] == [Source.COINGECKO]
    assert [(each.source, each.reason) for each in answer.unavailable] == [
        (Source.BINANCE, UnavailableReason.STALE)
    ]
    with pytest.raises(RateStale):
        gateway.rates.rates(RatesQuery((BTC_USDT,)), FreshnessPolicy(None, OnStale.ERROR))


async def test_everything_asked_for_and_not_answered_has_a_reason(
    gateway: Gateway, write: Write, ticker: BuildTicker, report_up: None
) -> None:
    """Once per symbol, though asked twice."""
    await write(ticker())
    unknown = parse_symbol("BTC/USDX")
    answer = gateway.rates.rates(RatesQuery((ETH_USDT, unknown, BTC_USDT, unknown)))
    assert [id_of(rate) for rate in answer.items] == ["Rate:BINANCE:BTC/USDT"]
    assert [(str(each.symbol), each.source, each.reason) for each in answer.unavailable] == [
        ("BTC/USDX", None, UnavailableReason.UNKNOWN_SYMBOL),
        ("ETH/USDT", Source.BINANCE, UnavailableReason.NOT_YET_SEEN),
        ("BTC/USDT", Source.COINGECKO, UnavailableReason.NOT_YET_SEEN),
    ]
    assert "near matches: BTC/USD" in answer.unavailable[0].message


async def test_a_source_that_is_down_is_the_reason_for_what_it_never_told(
    gateway: Gateway, write: Write, ticker: BuildTicker
) -> None:
    """No process reports on either source here."""
    answer = gateway.rates.rates(RatesQuery())
    assert {each.reason for each in answer.unavailable} == {UnavailableReason.SOURCE_DOWN}
    assert len(answer.unavailable) == 4
    with pytest.raises(SourceDown):
        gateway.rates.rate(BTC_USDT)


async def test_never_seen_and_unknown_are_different_errors(gateway: Gateway, report_up: None) -> None:
    """An unknown symbol comes with near matches of the sources asked."""
    with pytest.raises(RateNotSeen):
        gateway.rates.rate(BTC_USDT)
    with pytest.raises(UnknownSymbol) as caught:
        gateway.rates.rate(ETH_USDT, Source.COINGECKO)
    assert "ETH/USDT" not in caught.value.near


async def test_an_instrument_that_is_no_longer_tracked_is_unknown(
    gateway: Gateway, write: Write, ticker: BuildTicker, instruments: ListedInstruments, until: Until
) -> None:
    """Though the cache still holds its last value."""
    await write(ticker("ETH/USDT"))
    assert gateway.rates.rate(ETH_USDT) is not None
    instruments.instruments = [each for each in instruments.instruments if each.symbol != ETH_USDT]
    await until(lambda: len(gateway.catalog.tracked) == 3)
    with pytest.raises(UnknownSymbol):
        gateway.rates.rate(ETH_USDT)


async def test_the_cursor_says_how_far_the_mirror_had_read(
    gateway: Gateway, write: Write, ticker: BuildTicker, cache: MemoryCache
) -> None:
    """Of every source."""
    await write(ticker())
    await write(ticker(sequence=1))
    position = parse_cursor(gateway.rates.rates(RatesQuery(())).cursor).positions
    assert position[Source.BINANCE].seq == 2
    assert position[Source.COINGECKO].seq == 0


async def test_too_many_symbols_are_refused(gateway: Gateway, settings: GatewaySettings) -> None:
    """The limit is in the message."""
    with pytest.raises(InvalidArgument, match=str(settings.max_symbols)):
        gateway.rates.rates(RatesQuery((BTC_USDT,) * (settings.max_symbols + 1)))


async def test_nothing_is_answered_before_the_cache_has_been_read(
    scripted_feed: ScriptedFeed, instruments: ListedInstruments, settings: GatewaySettings
) -> None:
    """NOT_YET_SEEN would be a guess."""
    gateway = Gateway(scripted_feed, instruments, settings, simulated=False)
    with pytest.raises(CacheUnavailable):
        gateway.rates.rate(BTC_USDT)


async def test_answers_go_on_while_the_cache_is_away_and_grow_old(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, clock: FakeClock, until: Until
) -> None:
    """With the true age, and readiness ends after a while."""
    scripted_feed.snapshots[Source.BINANCE] = Snapshot(Source.BINANCE, "e", 1, (ticker(),), ())
    async with running(scripted_feed) as gateway:
        scripted_feed.is_away = True
        scripted_feed.lose()
        await until(lambda: gateway.mirror.disconnected_at is not None)
        clock.advance(20)
        rate = gateway.rates.rate(BTC_USDT)
        assert rate is not None
        assert (rate.age_ms, rate.freshness) == (20_000, "STALE")
        assert gateway.is_ready()
        assert "out of reach" in str(gateway.rates.sources()[0].reason)
        clock.advance(10.001)
        assert not gateway.is_ready()


async def test_who_names_sources_hears_of_each_that_cannot_answer(
    gateway: Gateway, write: Write, ticker: BuildTicker
) -> None:
    """Without named sources, one answer suffices; a symbol tracked by none is reported once."""
    await write(ticker(), ticker(source=Source.COINGECKO))
    named = (Source.BINANCE, Source.COINGECKO)
    query = RatesQuery((BTC_USDT, ETH_USDT, parse_symbol("NO/SUCH")), named)
    answer = gateway.rates.rates(query)
    assert [(str(each.symbol), each.source, each.reason.value) for each in answer.unavailable] == [
        ("ETH/USDT", Source.COINGECKO, "UNKNOWN_SYMBOL"),
        ("NO/SUCH", None, "UNKNOWN_SYMBOL"),
        ("ETH/USDT", Source.BINANCE, "NOT_YET_SEEN"),
    ]
    anywhere = gateway.rates.rates(RatesQuery((BTC_USDT, ETH_USDT)))
    assert [(str(each.symbol), each.source) for each in anywhere.unavailable] == [
        ("ETH/USDT", Source.BINANCE)
    ]


async def test_a_clock_ahead_of_ours_is_tolerated_and_shown(
    gateway: Gateway, write: Write, ticker: BuildTicker, clock: FakeClock
) -> None:
    """The age is zero, not negative; `skewMs` tells by how much the source was ahead."""
    await write(ticker(observed_at=clock() + timedelta(seconds=3), received_at=clock()))
    rate = gateway.rates.rate(BTC_USDT, Source.BINANCE)
    assert rate is not None
    assert (rate.age_ms, rate.freshness.value) == (0, "FRESH")
    status = gateway.rates.sources()[0]
    assert (status.lag_ms, status.skew_ms) == (0, 3_000)
