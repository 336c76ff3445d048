"""Bybit's spot klines: `/v5/market/kline`. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from history.interval import TimeSpan
from history.kline import Kline, KlineTraits
from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.sources.rest_klines import KlineRequest, to_kline
from rates.clock import format_us
from rates.errors import SourceProtocolError, SourceUnavailable
from rates.source import Source

PATH = "/v5/market/kline"
# Seen on charts of Bybit, and not documented: a kline opens at the close of the one before it. It has no count of trades.
TRAITS = KlineTraits(page=1000, may_open_at_close=True)


class _Row(msgspec.Struct, frozen=True, array_like=True):
    open_ms: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    turnover: str


class _Result(msgspec.Struct, frozen=True):
    list: tuple[_Row, ...] | None = None


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    ret_code: int
    ret_msg: str = ""
    result: _Result = _Result()


_decoder = msgspec.json.Decoder(_Answer)


def build_requests(source_symbol: str, window: TimeSpan, _now: datetime) -> Sequence[KlineRequest]:
    """Return the call for a page. Both times belong to it."""
    params = {
        "category": "spot",
        "symbol": source_symbol,
        "interval": "1",
        "start": str(format_us(window.start) // 1000),
        "end": str(format_us(window.end) // 1000 - 1),
        "limit": str(TRAITS.page),
    }
    return [KlineRequest(PATH, params)]


def parse_klines(body: bytes) -> Sequence[Kline]:
    """Parse a page, the newest first.

    `{"retCode":0,"retMsg":"OK","result":{"symbol":"BTCUSDT","category":"spot","list":[["1670608800000","17071","17073","17027",
    "17055.5","268611","15.74462667"]]},"time":1672025956592}`, format: bybit-exchange.github.io/docs/v5/market/kline.

    Raises:
        SourceProtocolError: malformed.
        SourceUnavailable: an error response with HTTP 200.
    """
    try:
        answer = _decoder.decode(body)
    except DECODE_ERRORS as exc:
        raise SourceProtocolError(Source.BYBIT, f"expected klines, saw {body[:160]!r}: {exc}") from exc
    if answer.ret_code != 0:
        said = f"klines were refused: {answer.ret_code} {answer.ret_msg[:160]}"
        raise SourceUnavailable(Source.BYBIT, said)
    if answer.result.list is None:
        raise SourceProtocolError(Source.BYBIT, f"expected a list of klines, saw {body[:160]!r}")
    return [_to_kline(row) for row in answer.result.list]


def _to_kline(row: _Row) -> Kline:
    if not row.open_ms.isdecimal() or not row.open_ms.isascii():
        raise SourceProtocolError(Source.BYBIT, f"expected a time in milliseconds, saw {row.open_ms[:40]!r}")
    time = timedelta(milliseconds=int(row.open_ms[:20]))
    prices = (row.open, row.high, row.low, row.close)
    return to_kline(Source.BYBIT, time, prices, row.volume, quote_volume=row.turnover)
