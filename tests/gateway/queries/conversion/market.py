"""A made-up world of rates: a converter over a mirror and a catalogue that a test fills."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from cache.memory import MemoryCache
from gateway.queries.conversion.conversion import Conversion
from gateway.queries.conversion.converter import Converter
from gateway.queries.conversion.query import ConversionQuery
from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import FreshnessPolicy
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import Mirror
from rates.source import Source
from rates.symbol import parse_symbol
from rates.ticker import TickerKey
from tests.gateway.fakes import MAX_DISTANCE, NOON, FakeClock, ListedInstruments, build_ticker

BINANCE, COINGECKO = Source.BINANCE, Source.COINGECKO
TTL = {source: timedelta(seconds=180 if source is COINGECKO else 10) for source in Source}


class World:
    """Everything is tracked as soon as it is told of; Binance answers first."""

    def __init__(self, **prices: str) -> None:
        self.clock = FakeClock()
        self.mirror = Mirror(MemoryCache(), publish=lambda _ticker, _key: None, clock=self.clock)
        self.instruments = ListedInstruments()
        self.catalog = InstrumentCatalog(self.instruments, refresh_s=1e6)
        rates = RateReader(
            self.mirror,
            self.catalog,
            ttl=TTL,
            preference=list(Source),
            max_symbols=100,
            max_distance=MAX_DISTANCE,
            simulated=True,
            clock=self.clock,
        )
        self.converter = Converter(
            rates, self.mirror, self.catalog, preference=list(Source), clock=self.clock
        )
        self.mirror.loaded = self.catalog.loaded = True
        for pair, price in prices.items():
            self.tell(pair.replace("_", "/"), price)

    def track(self, symbol: str, source: Source = BINANCE) -> None:
        self.instruments.add(source, symbol)
        self.catalog._replace(self.instruments.instruments)

    def tell(
        self, symbol: str, price: str | Decimal, source: Source = BINANCE, *, age_s: float = 0, **fields: Any
    ) -> None:
        self.track(symbol, source)
        self.price(symbol, price, source, age_s=age_s, **fields)

    def price(
        self, symbol: str, price: str | Decimal, source: Source = BINANCE, *, age_s: float = 0, **fields: Any
    ) -> None:
        """The same of what is tracked already."""
        observed_at = NOON - timedelta(seconds=age_s)
        ticker = build_ticker(symbol, str(price), source=source, observed_at=observed_at, **fields)
        self.mirror.slot(TickerKey(source, parse_symbol(symbol))).ticker = ticker

    def answer(
        self, amount: str | Decimal, start: str, end: str, max_age_s: float | None = None, **asked: Any
    ) -> Conversion | None:
        """Return the result of `convert`; `on_stale` and the fields of the query are keywords."""
        max_age = None if max_age_s is None else timedelta(seconds=max_age_s)
        policy = FreshnessPolicy(max_age, asked.pop("on_stale", FreshnessPolicy().on_stale))
        return self.converter.convert(ConversionQuery(Decimal(amount), start, end, policy, **asked))

    def convert(self, amount: str | Decimal, start: str, end: str, **asked: Any) -> Conversion:
        """The same, where there must be one."""
        answer = self.answer(amount, start, end, **asked)
        assert answer is not None
        return answer


def way(conversion: Conversion) -> str:
    """The assets on the way."""
    return "-".join([conversion.start, *(leg.end for leg in conversion.legs)])


def sources(conversion: Conversion) -> list[str | None]:
    """Return the source of each leg."""
    return [leg.rate.ticker.source.name if leg.rate else None for leg in conversion.legs]
