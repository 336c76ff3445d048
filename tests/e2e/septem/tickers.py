"""Septem's values as tickers. Pure. Nothing but the last price is published."""

from datetime import datetime

from rates.clock import parse_ms
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker

from .messages import SeptemTick


def to_ticker(raw: SeptemTick, symbol: Symbol, *, received_at: datetime, simulated: bool) -> Ticker:
    """The ticker that one message tells; trades are numbered."""
    return Ticker(
        source=Source("septem"),
        symbol=symbol,
        price=raw.price,
        observed_at=parse_ms(raw.at),
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=received_at,
        sequence=raw.n,
        simulated=simulated,
    )
