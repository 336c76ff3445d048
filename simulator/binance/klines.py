"""Binance's `klines` [exchanges.md 1.6], for minutes. Pure: market in, plain values out."""

from collections.abc import Mapping
from decimal import Decimal

from simulator.binance import errors
from simulator.markets import BinanceMarket, PublishedKline
from simulator.nanotime import MINUTE, MS, to_ms

MAX_ROWS, DEFAULT_ROWS = 1000, 500
MINUTE_MS = MINUTE // MS
EIGHT = Decimal("0.00000001")


def klines(market: BinanceMarket, symbol: str, params: Mapping[str, object], now_ms: int) -> object:
    """The rows of a listed symbol, the oldest first; without a start, the newest ones.

    Raises:
        BinanceError: invalid parameters.
    """
    if params.get("interval") != "1m":
        raise errors.bad_interval()
    limit = min(_number(params, "limit", DEFAULT_ROWS), MAX_ROWS)
    end_ms = min(_number(params, "endTime", now_ms), now_ms)
    found = market.klines(symbol, _number(params, "startTime", 0) * MS, (end_ms + 1) * MS)
    return [_row(one) for one in (found[:limit] if "startTime" in params else found[-limit:])]


def _number(params: Mapping[str, object], name: str, default: int) -> int:
    value = str(params.get(name, default))
    if not value.isascii() or not value.isdigit():
        raise errors.illegal_characters(name, "^[0-9]{1,20}$")
    return int(value)


def _row(kline: PublishedKline) -> list[object]:
    """A row. Which trades the takers bought is not kept."""
    start_ms = to_ms(kline.start_ns)
    return [
        start_ms,
        _text(kline.open),
        _text(kline.high),
        _text(kline.low),
        _text(kline.close),
        _text(kline.volume),
        start_ms + MINUTE_MS - 1,
        _text(kline.quote_volume),
        kline.count,
        "0.00000000",
        "0.00000000",
        "0",
    ]


def _text(value: Decimal) -> str:
    return format(value.quantize(EIGHT), "f")
