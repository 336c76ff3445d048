"""Messages of Kraken's WebSocket v2. Pure.

Formats: docs.kraken.com/exchange/api-reference/spot-websocket-v2. Numbers are JSON numbers, decoded exactly from their text; times
are RFC 3339.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from pipeline.announcement import Announcement
from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.sources.kraken.advisories import read_advisories
from rates.errors import SourceProtocolError
from rates.source import Source

ABSENT = msgspec.Raw()
# A time without a zone could not be compared with any other.
ZonedTime = Annotated[datetime, msgspec.Meta(tz=True)]


class KrakenTicker(msgspec.Struct, frozen=True):
    """The last price, best prices and 24 h statistics of a pair.

    `{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":105944.2,"bid_qty":2.5,"ask":105944.3,
    "ask_qty":3.2,"last":105899.4,"volume":163.28908096,"vwap":105904.39279,"low":104711.0,"high":106613.1,"change":250.0,
    "change_pct":0.24,"timestamp":"2026-03-01T12:00:00.123456Z"}]}` on `ticker`; snapshots and updates have the same form. Neither
    an opening price nor the volume in quote units is published. Older servers send no `timestamp`.
    """

    symbol: str
    last: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_qty: Decimal | None = None
    ask_qty: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: Decimal | None = None
    change_pct: Decimal | None = None
    timestamp: ZonedTime | None = None


class KrakenTickers(msgspec.Struct, frozen=True):
    """All tickers of one message. So far every message had one."""

    entries: tuple[KrakenTicker, ...]


class KrakenTrade(msgspec.Struct, frozen=True):
    """A trade.

    `{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":105899.4,"qty":0.004,"ord_type":"limit",
    "trade_id":4665846,"timestamp":"2026-03-01T12:00:00.123456Z"}]}` on `trade`. A snapshot holds the last 50 trades.
    """

    symbol: str
    price: Decimal
    trade_id: int
    timestamp: ZonedTime
    qty: Decimal | None = None
    side: str = ""


class KrakenTrades(msgspec.Struct, frozen=True):
    """All trades of one message."""

    entries: tuple[KrakenTrade, ...]


class KrakenResponse(msgspec.Struct, frozen=True):
    """The response for one symbol of a request.

    `{"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD","snapshot":true},
    "success":true,"time_in":…,"time_out":…,"req_id":1}`, or `{"error":"Currency pair not supported XBT/USD","method":
    "subscribe","success":false,"symbol":"XBT/USD",…}`.
    """

    method: str
    channel: str | None
    symbol: str
    error: str | None


class KrakenStatus(msgspec.Struct, frozen=True):
    """The state of the exchange: online, maintenance, cancel_only or post_only.

    `{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":
    6447481662169813000}]}` on connecting and on every change. `advisories`: the entries of its lists `upcoming_maintenance` and
    `emergency` that concern the present, each after the name of its list. `announcements`: those that begin at a given time.
    """

    system: str
    advisories: tuple[str, ...] = ()
    announcements: tuple[Announcement, ...] = ()


class KrakenError(msgspec.Struct, frozen=True):
    """An error about the connection: `{"Error":"Exceeded msg rate"}`."""

    said: str


KrakenMessage = KrakenTickers | KrakenTrades | KrakenResponse | KrakenStatus | KrakenError


class _Result(msgspec.Struct, frozen=True):
    channel: str | None = None
    symbol: str | None = None


class _Status(msgspec.Struct, frozen=True):
    system: str
    upcoming_maintenance: Any = None
    emergency: Any = None


class _Frame(msgspec.Struct, frozen=True):
    channel: str | None = None
    data: msgspec.Raw = ABSENT
    method: str | None = None
    result: _Result | None = None
    success: bool = True
    symbol: str | None = None
    error: str | None = None
    refusal: str | None = msgspec.field(name="Error", default=None)


_frame_decoder = msgspec.json.Decoder(_Frame)
_tickers_decoder = msgspec.json.Decoder(tuple[KrakenTicker, ...])
_trades_decoder = msgspec.json.Decoder(tuple[KrakenTrade, ...])
_status_decoder = msgspec.json.Decoder(tuple[_Status, ...])


def parse_message(frame: bytes) -> KrakenMessage | None:
    """Parse one message. `None` for heartbeats, pongs and channels that are not subscribed.

    Raises:
        SourceProtocolError: malformed.
    """
    try:
        return _read(_frame_decoder.decode(frame))
    except DECODE_ERRORS as exc:
        raise SourceProtocolError(
            Source.KRAKEN, f"expected a message of WebSocket v2, saw {frame[:160]!r}: {exc}"
        ) from exc


def _read(frame: _Frame) -> KrakenMessage | None:  # noqa: PLR0911 - one return per kind
    if frame.channel == "ticker":
        return KrakenTickers(_tickers_decoder.decode(frame.data))
    if frame.channel == "trade":
        return KrakenTrades(_trades_decoder.decode(frame.data))
    if frame.channel == "status":
        return next(map(_to_status, _status_decoder.decode(frame.data)), None)
    if frame.refusal is not None:
        return KrakenError(frame.refusal)
    if frame.method in ("subscribe", "unsubscribe"):
        symbol = frame.symbol or (frame.result.symbol if frame.result else None)
        said = None if frame.success else frame.error or "refused without a word"
        if symbol is None:
            return KrakenError(said or "no symbol")
        return KrakenResponse(frame.method, frame.result.channel if frame.result else None, symbol, said)
    return KrakenError(frame.error) if frame.error else None


def _to_status(raw: _Status) -> KrakenStatus:
    return KrakenStatus(raw.system, *read_advisories(raw.upcoming_maintenance, raw.emergency))
