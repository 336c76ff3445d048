"""Encodes the tickers of a writer: as `encode_ticker`, in another order of the fields.

The next ticker of a symbol has mostly the same quotes and statistics. They are encoded once.
"""

from decimal import Decimal
from typing import NamedTuple

import msgspec

from rates.clock import format_us
from rates.number import format_decimal
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker

_encoder = msgspec.json.Encoder()


class _SharedFields(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The fields of a ticker on the wire that the next one mostly has, too."""

    source: Source
    symbol: str
    observed_at_origin: ObservedAtOrigin
    bid: str | None = None
    ask: str | None = None
    bid_size: str | None = None
    ask_size: str | None = None
    quoted_at_us: int | None = None
    open_24h: str | None = None
    change_percent_24h: str | None = None
    high_24h: str | None = None
    low_24h: str | None = None
    volume_24h: str | None = None
    quote_volume_24h: str | None = None
    simulated: bool = False


class EncodedTicker(NamedTuple):
    """A ticker as JSON, and its times in microseconds."""

    data: bytes
    observed_at_us: int
    last_trade_at_us: int | None


class _Template(NamedTuple):
    """A ticker, and the beginning of its JSON with all fields that others may share."""

    ticker: Ticker
    text: str


class TickerEncoder:
    """Keeps a template of each symbol that it has encoded."""

    def __init__(self) -> None:
        self._templates: dict[Symbol, _Template] = {}

    def encode(self, ticker: Ticker) -> EncodedTicker:
        """Encode a ticker as a JSON object."""
        template = self._templates.get(ticker.symbol)
        if template is None or not _shares_fields(ticker, template.ticker):
            template = self._templates[ticker.symbol] = _Template(ticker, _encode_shared(ticker))
        observed_at, traded_at = ticker.observed_at, ticker.last_trade_at
        observed_us = format_us(observed_at)
        text = (
            f'{template.text},"price":"{format_decimal(ticker.price)}","observed_at_us":{observed_us},'
            f'"received_at_us":{format_us(ticker.received_at)},"sequence":{ticker.sequence},"merged":{ticker.merged}'
        )
        if traded_at is None:
            return EncodedTicker(f"{text}}}".encode(), observed_us, None)
        traded_us = observed_us if traded_at is observed_at else format_us(traded_at)
        return EncodedTicker(f'{text},"last_trade_at_us":{traded_us}}}'.encode(), observed_us, traded_us)


def _encode_shared(ticker: Ticker) -> str:
    """Return the JSON of all other fields, without the end of the object."""
    shared = _SharedFields(
        ticker.source,
        str(ticker.symbol),
        ticker.observed_at_origin,
        _format(ticker.bid),
        _format(ticker.ask),
        _format(ticker.bid_size),
        _format(ticker.ask_size),
        None if ticker.quoted_at is None else format_us(ticker.quoted_at),
        _format(ticker.open_24h),
        _format(ticker.change_percent_24h),
        _format(ticker.high_24h),
        _format(ticker.low_24h),
        _format(ticker.volume_24h),
        _format(ticker.quote_volume_24h),
        ticker.simulated,
    )
    return _encoder.encode(shared)[:-1].decode()


def _format(value: Decimal | None) -> str | None:
    return None if value is None else format_decimal(value)


def _shares_fields(ticker: Ticker, other: Ticker) -> bool:
    """Return whether all shared fields of tickers of one symbol are the same objects."""
    return (
        ticker.bid is other.bid
        and ticker.ask is other.ask
        and ticker.volume_24h is other.volume_24h
        and ticker.quoted_at is other.quoted_at
        and ticker.bid_size is other.bid_size
        and ticker.ask_size is other.ask_size
        and ticker.quote_volume_24h is other.quote_volume_24h
        and ticker.change_percent_24h is other.change_percent_24h
        and ticker.open_24h is other.open_24h
        and ticker.high_24h is other.high_24h
        and ticker.low_24h is other.low_24h
        and ticker.observed_at_origin is other.observed_at_origin
        and ticker.source is other.source
        and ticker.simulated == other.simulated
    )
