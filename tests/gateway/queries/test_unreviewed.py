"""Codes that nobody has reviewed are answered per source, and never merged."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.conversion.query import ConversionQuery
from instruments.instrument import Instrument
from rates.source import Source
from rates.symbol import Symbol, parse_symbol
from tests.gateway.fakes import ListedInstruments, build_ticker, wait_until

SKL = parse_symbol("SKL/USD")
Running = Callable[..., AbstractAsyncContextManager[Gateway]]


def instrument(source: Source, symbol: Symbol, base_asset: str | None) -> Instrument:
    return Instrument(
        source, symbol, str(symbol), symbol.base, base_asset=base_asset, quote_asset="currency:USD"
    )


async def test_an_unreviewed_code_is_never_merged(running: Running, cache: MemoryCache) -> None:
    """Each source answers for itself; consensus and conversion use the most preferred one alone."""
    reader = ListedInstruments()
    reader.instruments = [instrument(source, SKL, None) for source in (Source.COINBASE, Source.KRAKEN)]
    async with running(cache, reader) as gateway:
        for source, price in ((Source.COINBASE, "0.5"), (Source.KRAKEN, "0.51")):
            await cache.write([build_ticker("SKL/USD", price, source=source)])
        await wait_until(
            lambda: all(gateway.mirror.positions[each.source].seq for each in reader.instruments)
        )
        answer = gateway.consensus.consensus(ConsensusQuery(SKL, min_sources=1))
        excluded = {each.source: each.exclusion and each.exclusion.value for each in answer.contributions}
        assert excluded == {Source.COINBASE: None, Source.KRAKEN: "UNREVIEWED"}
        assert answer.price == Decimal("0.5")
        kraken = gateway.rates.rate(SKL, Source.KRAKEN)
        assert kraken is not None
        assert str(kraken.ticker.price) == "0.51"
        conversion = gateway.converter.convert(ConversionQuery(Decimal(2), "SKL", "USD"))
        assert conversion is not None
        assert [leg.rate and leg.rate.ticker.source for leg in conversion.legs] == [Source.COINBASE]


async def test_a_reviewed_code_leaves_the_unreviewed_one_out(running: Running, cache: MemoryCache) -> None:
    """The code means the asset that owns it.

    What a source means by it unreviewed is somebody else's.
    """
    reader = ListedInstruments()
    reader.instruments = [
        instrument(Source.COINBASE, SKL, None),
        instrument(Source.KRAKEN, SKL, "skale"),
    ]
    async with running(cache, reader) as gateway:
        for source, price in ((Source.COINBASE, "0.5"), (Source.KRAKEN, "0.51")):
            await cache.write([build_ticker("SKL/USD", price, source=source)])
        await wait_until(
            lambda: all(gateway.mirror.positions[each.source].seq for each in reader.instruments)
        )
        rate = gateway.rates.rate(SKL)
        conversion = gateway.converter.convert(ConversionQuery(Decimal(1), "SKL", "USD"))
        answer = gateway.consensus.consensus(ConsensusQuery(SKL, min_sources=1))
        assert rate is not None
        assert conversion is not None
        assert rate.ticker.source is Source.KRAKEN
        assert [leg.rate and leg.rate.ticker.source for leg in conversion.legs] == [Source.KRAKEN]
        assert answer.price == Decimal("0.51")


async def test_two_reviewed_assets_under_one_code_never_meet(running: Running, cache: MemoryCache) -> None:
    """The larger group of sources has the code; the other asset is named in the consensus."""
    reader = ListedInstruments()
    reader.instruments = [
        instrument(Source.COINBASE, SKL, "other"),
        instrument(Source.KRAKEN, SKL, "skale"),
        instrument(Source.COINGECKO, SKL, "skale"),
    ]
    async with running(cache, reader) as gateway:
        for each in reader.instruments:
            await cache.write([build_ticker("SKL/USD", "0.5", source=each.source)])
        await wait_until(
            lambda: all(gateway.mirror.positions[each.source].seq for each in reader.instruments)
        )
        answer = gateway.consensus.consensus(ConsensusQuery(SKL))
        excluded = {each.source: each.exclusion and each.exclusion.value for each in answer.contributions}
        assert excluded == {Source.COINBASE: "OTHER_ASSET", Source.KRAKEN: None, Source.COINGECKO: None}
        rate = gateway.rates.rate(SKL)
        assert rate is not None
        assert rate.ticker.source is Source.KRAKEN
