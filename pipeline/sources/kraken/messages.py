"""Messages of Kraken's WebSocket v2. Pure.

Formats: docs.kraken.com/exchange/api-reference/spot-websocket-v2. Numbers are JSON numbers, decoded exactly from their text; times
are RFC 3339.
"""

from datetime import datetime
from decimal import Decimal

import msgspec

from rates.errors import SourceProtocolError
from rates.source import Source

ABSENT = msgspec.Raw()


class KrakenTicker(msgspec.Struct, frozen=True):
    """The last price, best prices and 24 h statistics of a pair.

    `{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":105944.2,"bid_qty":2.5,"ask":105944.3,
    "ask_qty":3.2,"last":105899.4,"volume":163.28908096,"vwap":105904.39279,"low":104711.0,"high":106613.1,"change":250.0,
    "change_pct":0.24,"timestamp":"2026-03-01T12:00:00.123456Z"}]}` on `ticker`; snapshots and updates have the same form. Chosen
    over `trade`, which has neither quotes nor 24 h statistics. Older servers send no `timestamp`.
    """

    symbol: str
    last: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: Decimal | None = None
    change_pct: Decimal | None = None
    timestamp: datetime | None = None


class KrakenTickers(msgspec.Struct, frozen=True):
    """All tickers of one message. So far every message had one."""

    entries: tuple[KrakenTicker, ...]


class KrakenResponse(msgspec.Struct, frozen=True):
    """The response for one symbol of a request.

    `{"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD","snapshot":true},
    "success":true,"time_in":…,"time_out":…,"req_id":1}`, or `{"error":"Currency pair not supported XBT/USD","method":
    "subscribe","success":false,"symbol":"XBT/USD",…}`.
    """

    method: str
    symbol: str
    error: str | None


class KrakenStatus(msgspec.Struct, frozen=True):
    """The state of the exchange: online, maintenance, cancel_only or post_only.

    `{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":
    6447481662169813000}]}` on connecting and on every change.
    """

    system: str


class KrakenError(msgspec.Struct, frozen=True):
    """An error about the connection: `{"Error":"Exceeded msg rate"}`."""

    said: str


KrakenMessage = KrakenTickers | KrakenResponse | KrakenStatus | KrakenError


class _Result(msgspec.Struct, frozen=True):
    channel: str | None = None
    symbol: str | None = None


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
_status_decoder = msgspec.json.Decoder(tuple[KrakenStatus, ...])


def parse_message(frame: bytes) -> KrakenMessage | None:
    """Parse one message. `None` for heartbeats, pongs and channels that are not subscribed.

    Raises:
        SourceProtocolError: malformed.
    """
    try:
        return _read(_frame_decoder.decode(frame))
    except msgspec.MsgspecError as exc:
        raise SourceProtocolError(
            Source.KRAKEN, f"expected a message of WebSocket v2, saw {frame[:160]!r}: {exc}"
        ) from exc


def _read(frame: _Frame) -> KrakenMessage | None:
    if frame.channel == "ticker":
        return KrakenTickers(_tickers_decoder.decode(frame.data))
    if frame.channel == "status":
        return next(iter(_status_decoder.decode(frame.data)), None)
    if frame.refusal is not None:
        return KrakenError(frame.refusal)
    if frame.method in ("subscribe", "unsubscribe"):
        symbol = frame.symbol or (frame.result.symbol if frame.result else None)
        said = None if frame.success else frame.error or "refused without a word"
        return KrakenResponse(frame.method, symbol, said) if symbol else KrakenError(said or "no symbol")
    return KrakenError(frame.error) if frame.error else None
