"""Conversions at a time of the past, by the rules of the present ones."""

from collections.abc import Mapping

import msgspec

from gateway.queries.conversion.conversion import Conversion, Leg
from gateway.queries.conversion.converter import Converter
from gateway.queries.conversion.found_route import to_conversion
from gateway.queries.conversion.query import ConversionQuery
from gateway.queries.rate_at.rate_at import RateAt
from gateway.queries.rate_at.reader import RateAtReader
from rates.ticker import Ticker, TickerKey

# Instruments that are looked up for one conversion: those of the best routes. The others are as if they had no trade.
MAX_PAST_KEYS = 100


class _PastTickers:
    """Tickers of a time of the past."""

    def __init__(self, found: Mapping[TickerKey, RateAt]) -> None:
        self._found = found

    def read(self, key: TickerKey) -> Ticker | None:
        """Return the ticker of an instrument; `None` without one."""
        found = self._found.get(key)
        return None if found is None else found.rate.ticker


class PastConverter:
    """Converts with `at`, along the symbols that are traded now."""

    def __init__(self, converter: Converter, rates_at: RateAtReader) -> None:
        self._converter, self._rates_at = converter, rates_at

    async def convert(self, query: ConversionQuery) -> Conversion | None:
        """Return the conversion; `None` with `OnStale.OMIT` if a rate is too old.

        Raises:
            InvalidArgument: the time is out of range.
            UnknownAsset, NotTrading, NoConversionPath, RateStale, RateNotSeen: as the present one.
            HistoryUnavailable: there is no history, or it cannot be read in time.
        """
        assert query.at is not None
        found = await self._rates_at.read_all(self._converter.list_keys(query)[:MAX_PAST_KEYS], query.at)
        route = self._converter.find_route(query, query.at, tickers=_PastTickers(found), suggests=True)
        answer = to_conversion(query, route)
        if answer is None:
            return None
        legs = [await self._add_coverage(leg, found) for leg in answer.legs]
        return msgspec.structs.replace(answer, legs=tuple(legs))

    async def _add_coverage(self, leg: Leg, found: Mapping[TickerKey, RateAt]) -> Leg:
        if leg.rate is None:
            return leg
        rate_at = await self._rates_at.add_coverage(found[leg.rate.ticker.key])
        return msgspec.structs.replace(leg, rate_at=rate_at)
