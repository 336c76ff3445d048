"""OKX's candles: those of the last day, and older ones from another address. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from history.interval import TimeSpan
from history.kline import MINUTE, Kline, KlineTraits
from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.sources.rest_klines import KlineRequest, to_kline
from rates.clock import format_us
from rates.errors import SourceProtocolError, SourceUnavailable
from rates.source import Source

RECENT_PATH, HISTORY_PATH = "/api/v5/market/candles", "/api/v5/market/history-candles"
# A candle has no count of trades.
TRAITS = KlineTraits(page=300)
# OKX has 1440 recent candles, one of which is not over. Older ones come a hundred at a time.
RECENT = 1430 * MINUTE
HISTORY_PAGE = 100 * MINUTE


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """`quote_volume` is `volCcyQuote`: for spot the same as `volCcy` before it."""

    open_ms: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    volume_currency: str
    quote_volume: str
    confirm: str = "1"


class _Answer(msgspec.Struct, frozen=True):
    code: str
    msg: str = ""
    data: tuple[_Row, ...] | None = None


_decoder = msgspec.json.Decoder(_Answer)


def build_requests(source_symbol: str, window: TimeSpan, now: datetime) -> Sequence[KlineRequest]:
    """Return one call for a recent page, and one for each hundred older minutes."""
    if window.start >= now - RECENT:
        return [_build_request(RECENT_PATH, source_symbol, window, TRAITS.page)]
    requests = []
    end = window.end
    while end > window.start:
        start = max(window.start, end - HISTORY_PAGE)
        requests.append(_build_request(HISTORY_PATH, source_symbol, TimeSpan(start, end), 100))
        end = start
    return requests


def _build_request(path: str, source_symbol: str, window: TimeSpan, limit: int) -> KlineRequest:
    """Neither time belongs to the page: `before` has what is newer, `after` what is older."""
    params = {
        "instId": source_symbol,
        "bar": "1m",
        "before": str(format_us(window.start) // 1000 - 1),
        "after": str(format_us(window.end) // 1000),
        "limit": str(limit),
    }
    return KlineRequest(path, params)


def parse_klines(body: bytes) -> Sequence[Kline]:
    """Parse a page, the newest first. One that is not over is left out.

    `{"code":"0","msg":"","data":[["1597026383085","3.721","3.743","3.677","3.708","8422410","22698348.04828491",
    "12698348.04828491","1"]]}`, format: okx.com/docs-v5, "Get candlesticks".

    Raises:
        SourceProtocolError: malformed.
        SourceUnavailable: an error response with HTTP 200.
    """
    try:
        answer = _decoder.decode(body)
    except DECODE_ERRORS as exc:
        raise SourceProtocolError(Source.OKX, f"expected candles, saw {body[:160]!r}: {exc}") from exc
    if answer.code != "0":
        raise SourceUnavailable(Source.OKX, f"candles were refused: {answer.code} {answer.msg[:160]}")
    if answer.data is None:
        raise SourceProtocolError(Source.OKX, f"expected a list of candles, saw {body[:160]!r}")
    return [_to_kline(row) for row in answer.data if row.confirm == "1"]


def _to_kline(row: _Row) -> Kline:
    if not row.open_ms.isdecimal() or not row.open_ms.isascii():
        raise SourceProtocolError(Source.OKX, f"expected a time in milliseconds, saw {row.open_ms[:40]!r}")
    time = timedelta(milliseconds=int(row.open_ms[:20]))
    prices = (row.open, row.high, row.low, row.close)
    return to_kline(Source.OKX, time, prices, row.volume, quote_volume=row.quote_volume)
