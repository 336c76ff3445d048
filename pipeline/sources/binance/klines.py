"""Binance's klines: `/api/v3/klines`. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from history.interval import TimeSpan
from history.kline import Kline, KlineTraits
from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.sources.rest_klines import KlineRequest, to_kline
from rates.clock import format_us
from rates.errors import SourceProtocolError
from rates.source import Source

PATH = "/api/v3/klines"
# A call has weight 2 of 6000 a minute, however long its page is.
TRAITS = KlineTraits(page=1000)


class _Row(msgspec.Struct, frozen=True, array_like=True):
    open_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    close_ms: int
    quote_volume: str
    trades: int


_decoder = msgspec.json.Decoder(tuple[_Row, ...])


def build_requests(source_symbol: str, window: TimeSpan, _now: datetime) -> Sequence[KlineRequest]:
    """Return the call for a page. Both times belong to it."""
    params = {
        "symbol": source_symbol,
        "interval": "1m",
        "startTime": str(format_us(window.start) // 1000),
        "endTime": str(format_us(window.end) // 1000 - 1),
        "limit": str(TRAITS.page),
    }
    return [KlineRequest(PATH, params)]


def parse_klines(body: bytes) -> Sequence[Kline]:
    """Parse a page.

    `[[1499040000000,"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",1499644799999,"2434.19055334",308,
    "1756.87402397","28.46694368","0"]]`, format: binance-spot-api-docs, `rest-api.md`.

    Raises:
        SourceProtocolError: malformed.
    """
    try:
        rows = _decoder.decode(body)
    except DECODE_ERRORS as exc:
        raise SourceProtocolError(Source.BINANCE, f"expected klines, saw {body[:160]!r}: {exc}") from exc
    return [
        to_kline(
            Source.BINANCE,
            timedelta(milliseconds=row.open_ms),
            (row.open, row.high, row.low, row.close),
            row.volume,
            quote_volume=row.quote_volume,
            trades=row.trades,
        )
        for row in rows
    ]
