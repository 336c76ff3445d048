"""JSON formats of messages through Redis: ticker and changes message.

Decimals are strings in plain notation. Times are integers in microseconds since the Unix epoch, the finest unit
that sources publish.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from rates.clock import format_us, parse_us
from rates.errors import InvalidInput, MalformedTicker
from rates.number import format_decimal, parse_decimal
from rates.source import ObservedAtOrigin, Source
from rates.symbol import parse_symbol
from rates.ticker import Ticker


class _TickerWire(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    source: Source
    symbol: str
    price: str
    observed_at_us: int
    observed_at_origin: ObservedAtOrigin
    received_at_us: int
    sequence: int = 0
    bid: str | None = None
    ask: str | None = None
    bid_size: str | None = None
    ask_size: str | None = None
    quoted_at_us: int | None = None
    last_trade_at_us: int | None = None
    open_24h: str | None = None
    change_percent_24h: str | None = None
    high_24h: str | None = None
    low_24h: str | None = None
    volume_24h: str | None = None
    quote_volume_24h: str | None = None
    merged: int = 0
    simulated: bool = False


class _CachedWire(_TickerWire, frozen=True, gc=False):
    epoch: str = ""
    seq: int = 0


class _ChangesWire(msgspec.Struct, frozen=True):
    epoch: str
    seq: int
    tickers: list[_TickerWire]


class _CheckpointWire(msgspec.Struct, frozen=True):
    epoch: str = ""
    seq: int = 0


class Changes(msgspec.Struct, frozen=True):
    """One atomic write to the cache of a source: its sequence number and changed tickers.

    `seq` counts the writes of an `epoch`. A new `epoch` begins when the cache was lost, or may have been.
    """

    source: Source
    epoch: str
    seq: int
    tickers: tuple[Ticker, ...]


class CachedTicker(NamedTuple):
    """A ticker of the cache, and the write that stored it.

    The epoch is empty if a version that did not record it has stored the ticker.
    """

    ticker: Ticker
    epoch: str
    seq: int


_encoder = msgspec.json.Encoder()
_cached_decoder = msgspec.json.Decoder(_CachedWire)
_changes_decoder = msgspec.json.Decoder(_ChangesWire)
_checkpoint_decoder = msgspec.json.Decoder(_CheckpointWire)


def encode_ticker(ticker: Ticker) -> bytes:
    """Encode a ticker as a JSON object; `cache/write.lua` adds epoch and seq to the stored one."""
    # By position, in the order of the fields: msgspec compares each keyword with the names of all fields, which takes 2 µs.
    return _encoder.encode(
        _TickerWire(
            ticker.source,
            str(ticker.symbol),
            format_decimal(ticker.price),
            format_us(ticker.observed_at),
            ticker.observed_at_origin,
            format_us(ticker.received_at),
            ticker.sequence,
            _format(ticker.bid),
            _format(ticker.ask),
            _format(ticker.bid_size),
            _format(ticker.ask_size),
            _format_time(ticker.quoted_at),
            _format_time(ticker.last_trade_at),
            _format(ticker.open_24h),
            _format(ticker.change_percent_24h),
            _format(ticker.high_24h),
            _format(ticker.low_24h),
            _format(ticker.volume_24h),
            _format(ticker.quote_volume_24h),
            ticker.merged,
            ticker.simulated,
        )
    )


def decode_cached(data: bytes) -> CachedTicker:
    """Decode a ticker from the JSON object stored in the cache.

    Raises:
        MalformedTicker: not a ticker in this format.
    """
    try:
        wire = _cached_decoder.decode(data)
        return CachedTicker(_ticker(wire), wire.epoch, wire.seq)
    except (msgspec.MsgspecError, InvalidInput, OverflowError) as exc:
        raise MalformedTicker(f"expected a ticker, saw {data[:120]!r}: {exc}") from exc


def decode_changes(source: Source, data: bytes) -> Changes:
    """Decode a changes message from pub/sub; `cache/write.lua` builds it.

    Raises:
        MalformedTicker: not a message in this format, or it contains a ticker of another source.
    """
    try:
        wire = _changes_decoder.decode(data)
        tickers = tuple(map(_ticker, wire.tickers))
    except (msgspec.MsgspecError, InvalidInput, OverflowError) as exc:
        raise MalformedTicker(f"expected changes of {source}, saw {data[:120]!r}: {exc}") from exc
    if {entry.source for entry in wire.tickers} - {source}:
        raise MalformedTicker(f"expected changes of {source} only, saw {data[:120]!r}")
    return Changes(source, wire.epoch, wire.seq, tickers)


def decode_checkpoint(data: bytes) -> tuple[str, int]:
    """Decode the position (epoch, seq) that `cache/report.lua` adds to a published report.

    Raises:
        MalformedTicker: not a message in this format.
    """
    try:
        wire = _checkpoint_decoder.decode(data)
    except msgspec.MsgspecError as exc:
        raise MalformedTicker(f"expected a source report, saw {data[:120]!r}: {exc}") from exc
    return wire.epoch, wire.seq


def _ticker(wire: _TickerWire) -> Ticker:
    # By position, as in `encode_ticker`.
    return Ticker(
        wire.source,
        parse_symbol(wire.symbol),
        parse_decimal(wire.price),
        parse_us(wire.observed_at_us),
        wire.observed_at_origin,
        parse_us(wire.received_at_us),
        wire.sequence,
        None if wire.bid is None else parse_decimal(wire.bid),
        None if wire.ask is None else parse_decimal(wire.ask),
        None if wire.bid_size is None else parse_decimal(wire.bid_size),
        None if wire.ask_size is None else parse_decimal(wire.ask_size),
        None if wire.quoted_at_us is None else parse_us(wire.quoted_at_us),
        None if wire.last_trade_at_us is None else parse_us(wire.last_trade_at_us),
        None if wire.open_24h is None else parse_decimal(wire.open_24h),
        None if wire.change_percent_24h is None else parse_decimal(wire.change_percent_24h),
        None if wire.high_24h is None else parse_decimal(wire.high_24h),
        None if wire.low_24h is None else parse_decimal(wire.low_24h),
        None if wire.volume_24h is None else parse_decimal(wire.volume_24h),
        None if wire.quote_volume_24h is None else parse_decimal(wire.quote_volume_24h),
        wire.merged,
        wire.simulated,
    )


def _format_time(moment: datetime | None) -> int | None:
    return None if moment is None else format_us(moment)


def _format(value: Decimal | None) -> str | None:
    return None if value is None else format_decimal(value)
