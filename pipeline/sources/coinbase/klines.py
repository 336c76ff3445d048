"""Coinbase's candles: `/products/<id>/candles`. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

import msgspec

from history.interval import TimeSpan
from history.kline import MINUTE, Kline, KlineTraits
from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.sources.rest_klines import KlineRequest, to_kline
from rates.errors import SourceProtocolError
from rates.source import Source

# "No data is published for intervals where there are no ticks." A candle has neither a count of trades nor a volume in quote.
TRAITS = KlineTraits(page=300, omits_empty=True)


class _Row(msgspec.Struct, frozen=True, array_like=True):
    open_s: int
    low: Decimal
    high: Decimal
    open: Decimal
    close: Decimal
    volume: Decimal


_decoder = msgspec.json.Decoder(tuple[_Row, ...])


def build_requests(source_symbol: str, window: TimeSpan, _now: datetime) -> Sequence[KlineRequest]:
    """Return the call for a page. Both times belong to it."""
    params = {
        "granularity": "60",
        "start": window.start.isoformat(),
        "end": (window.end - MINUTE).isoformat(),
    }
    return [KlineRequest(f"/products/{quote(source_symbol, safe='')}/candles", params)]


def parse_klines(body: bytes) -> Sequence[Kline]:
    """Parse a page, the newest first: time, low, high, open, close, volume.

    `[[1415398768,0.32,4.2,0.35,4.2,12.3]]`, format: docs.cdp.coinbase.com/exchange, "Get product candles". Numbers are decoded from
    their text.

    Raises:
        SourceProtocolError: malformed.
    """
    try:
        rows = _decoder.decode(body)
    except DECODE_ERRORS as exc:
        raise SourceProtocolError(Source.COINBASE, f"expected candles, saw {body[:160]!r}: {exc}") from exc
    return [
        to_kline(
            Source.COINBASE,
            timedelta(seconds=row.open_s),
            (row.open, row.high, row.low, row.close),
            row.volume,
        )
        for row in rows
    ]
