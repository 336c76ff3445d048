"""Maps CoinGecko's quotes to tickers. Pure.

Its volume is in quote units, so that it is not `volume_24h`. Missing values stay missing.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from pipeline.sources.coingecko.messages import CoinQuote
from pipeline.task import RequestedInstrument
from rates.clock import parse_ms
from rates.source import ObservedAtOrigin, Source
from rates.ticker import Ticker

MILLISECONDS = 1000


def updated_at(quote: CoinQuote) -> datetime | None:
    """Return the time of a coin's last update.

    It has whole seconds and is the same for all currencies.
    """
    seconds = quote.get("last_updated_at")
    if seconds is None or not seconds.is_finite():
        return None
    try:
        return parse_ms(int(seconds * MILLISECONDS))
    except OverflowError:
        return None


def to_tickers(
    quotes: Mapping[str, CoinQuote],
    instruments: Iterable[RequestedInstrument],
    *,
    received_at: datetime,
    simulated: bool,
    response_age: timedelta = timedelta(),
) -> Iterator[Ticker]:
    """Yield a ticker for each instrument with a price.

    A price without a time of its own is as old as the edge's copy that it came from.
    """
    for one in instruments:
        quote, currency = quotes.get(one.source_symbol, {}), one.symbol.quote.lower()
        price: Decimal | None = quote.get(currency)
        if price is None:
            continue
        at = updated_at(quote)
        yield Ticker(
            source=Source.COINGECKO,
            symbol=one.symbol,
            price=price,
            observed_at=received_at - response_age if at is None else at,
            observed_at_origin=ObservedAtOrigin.RECEIVED if at is None else ObservedAtOrigin.SOURCE,
            received_at=received_at,
            change_percent_24h=quote.get(f"{currency}_24h_change"),
            simulated=simulated,
        )
