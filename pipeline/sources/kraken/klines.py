"""Kraken's candles: `/0/public/OHLC`. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from history.interval import TimeSpan
from history.kline import MINUTE, Kline, KlineTraits
from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.sources.kraken.symbols import listed_asset
from pipeline.sources.rest_klines import KlineRequest, to_kline
from rates.clock import format_us
from rates.errors import SourceProtocolError, SourceUnavailable
from rates.source import Source

PATH = "/0/public/OHLC"
# "Returns up to 720 of the most recent entries (older data cannot be retrieved)"; the last one is not over. The volume in quote is
# not told: the mean price is rounded.
TRAITS = KlineTraits(page=720, reach=710 * MINUTE)
# The other member of the result.
LAST = "last"


class _Row(msgspec.Struct, frozen=True, array_like=True):
    open_s: int
    open: str
    high: str
    low: str
    close: str
    vwap: str
    volume: str
    trades: int


class _Answer(msgspec.Struct, frozen=True):
    error: list[str]
    result: dict[str, msgspec.Raw] | None = None


_decoder = msgspec.json.Decoder(_Answer)
_row_decoder = msgspec.json.Decoder(tuple[_Row, ...])


def build_requests(source_symbol: str, window: TimeSpan, _now: datetime) -> Sequence[KlineRequest]:
    """Return the call for a page, by the listing's name of the pair: `XBTUSD` for `BTC/USD`."""
    base, _, quote = source_symbol.partition("/")
    pair = f"{listed_asset(base)}{listed_asset(quote)}"
    since = format_us(window.start) // 1_000_000 - 1
    return [KlineRequest(PATH, {"pair": pair, "interval": "1", "since": str(since)})]


def parse_klines(body: bytes) -> Sequence[Kline]:
    """Parse a page, the oldest first. The last row is not over; `select_klines` leaves it out.

    `{"error":[],"result":{"XXBTZUSD":[[1688671200,"30306.1","30306.2","30305.7","30305.7","30306.1","3.39243896",23]],
    "last":1688672160}}`, format: docs.kraken.com, "Get OHLC Data".

    Raises:
        SourceProtocolError: malformed.
        SourceUnavailable: an error response with HTTP 200.
    """
    try:
        answer = _decoder.decode(body)
        if answer.error:
            raise SourceUnavailable(Source.KRAKEN, f"candles were refused: {answer.error}")
        pairs = [rows for name, rows in (answer.result or {}).items() if name != LAST]
        if len(pairs) != 1:
            raise SourceProtocolError(Source.KRAKEN, f"expected candles of one pair, saw {body[:160]!r}")
        rows = _row_decoder.decode(pairs[0])
    except DECODE_ERRORS as exc:
        raise SourceProtocolError(Source.KRAKEN, f"expected candles, saw {body[:160]!r}: {exc}") from exc
    return [
        to_kline(
            Source.KRAKEN,
            timedelta(seconds=row.open_s),
            (row.open, row.high, row.low, row.close),
            row.volume,
            trades=row.trades,
        )
        for row in rows
    ]
