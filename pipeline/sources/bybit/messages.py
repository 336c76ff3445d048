"""Messages of Bybit's public WebSocket v5 for spot. Pure.

Formats: bybit-exchange.github.io/docs/v5/websocket/public. Prices are strings, times milliseconds.
"""

import re
from decimal import Decimal

import msgspec

from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.sources.bybit.symbols import BOOK, TICKERS, TRADES, split_topic
from rates.errors import SourceProtocolError
from rates.source import Source

ABSENT = msgspec.Raw()
SNAPSHOT = "snapshot"
# The request numbers that we sent.
_NUMBER = re.compile(r"[0-9]{1,9}")


class BybitTicker(
    msgspec.Struct,
    frozen=True,
    rename={
        "symbol": "symbol",
        "price": "lastPrice",
        "opening": "prevPrice24h",
        "high": "highPrice24h",
        "low": "lowPrice24h",
        "volume": "volume24h",
        "turnover": "turnover24h",
        "change": "price24hPcnt",
    },
):
    """The 24 h statistics and last price of a symbol. On spot every message is complete.

    `data` of `{"topic":"tickers.BTCUSDT","ts":1673853746003,"type":"snapshot","cs":2588407389,"data":{"symbol":"BTCUSDT",
    "lastPrice":"21109.77","highPrice24h":"21426.99","lowPrice24h":"20575","prevPrice24h":"20704.93","volume24h":"6780.866843",
    "turnover24h":"141946527.22907118","price24hPcnt":"0.0196","usdIndexPrice":"21120.2400136"}}`: on spot always whole. The
    index price, which may be "", is other exchanges' and not read.
    """

    symbol: str
    price: str
    opening: str = ""
    high: str = ""
    low: str = ""
    volume: str = ""
    turnover: str = ""
    change: str = ""


class BybitTickerEvent(msgspec.Struct, frozen=True):
    """A ticker with the time and the cross sequence of its message."""

    ticker: BybitTicker
    ts: int
    cs: int


class BybitBookEvent(msgspec.Struct, frozen=True):
    """The best price of each side.

    `{"topic":"orderbook.1.BTCUSDT","ts":1672304484978,"type":"snapshot","data":{"s":"BTCUSDT","b":[["16493.50","0.006"]],
    "a":[["16611.00","0.029"]],"u":18521288,"seq":7961638724},"cts":1672304484976}`: the best price of each side, pushed on
    change and again after 3 s without one. Spot tickers have no bid and ask. Sides: price and quantity, zero to delete.
    """

    symbol: str
    ts: int
    is_snapshot: bool
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


class BybitTrade(
    msgspec.Struct,
    frozen=True,
    rename={"at": "T", "symbol": "s", "price": "p", "quantity": "v", "id": "i", "side": "S"},
):
    """A trade. `data` of a message holds several, in the order of the trades.

    `{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":[{"T":1672304486865,"s":"BTCUSDT","S":"Buy",
    "v":"0.001","p":"16578.50","L":"PlusTick","i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false,"seq":1783284617}]}`.
    """

    symbol: str
    at: int
    price: Decimal
    seq: int = 0
    quantity: Decimal | None = None
    id: str = ""
    side: str = ""


class BybitTrades(msgspec.Struct, frozen=True):
    """All trades of one message, of one symbol."""

    entries: tuple[BybitTrade, ...]


class BybitResponse(msgspec.Struct, frozen=True):
    """The response to a request.

    `{"success":true,"ret_msg":"","conn_id":"…","req_id":"1","op":"subscribe"}`, one per request; a refusal,
    `{"success":false,"ret_msg":"Invalid topic: …","conn_id":"…","op":"subscribe"}`, was seen without `req_id`.
    """

    op: str
    number: int | None
    error: str | None


BybitMessage = BybitTickerEvent | BybitBookEvent | BybitTrades | BybitResponse


class _Book(msgspec.Struct, frozen=True):
    s: str
    b: tuple[tuple[Decimal, Decimal], ...] = ()
    a: tuple[tuple[Decimal, Decimal], ...] = ()


class _Frame(msgspec.Struct, frozen=True):
    topic: str | None = None
    type: str = SNAPSHOT
    ts: int = 0
    cs: int = 0
    data: msgspec.Raw = ABSENT
    success: bool = True
    ret_msg: str = ""
    req_id: str = ""
    op: str = ""


_frame_decoder = msgspec.json.Decoder(_Frame)
_ticker_decoder = msgspec.json.Decoder(BybitTicker)
_book_decoder = msgspec.json.Decoder(_Book)
_trades_decoder = msgspec.json.Decoder(tuple[BybitTrade, ...])


def parse_message(frame: bytes) -> BybitMessage | None:
    """Parse one message. `None` for pongs in all forms and for topics that are not subscribed.

    Pongs: `{"success":true,"ret_msg":"pong","conn_id":"…","op":"ping"}`, `{"req_id":"2","op":"pong","args":["1757405570352"],
    "conn_id":"…"}`, `{"pong":1653296711335}`.

    Raises:
        SourceProtocolError: malformed.
    """
    try:
        return _read(_frame_decoder.decode(frame))
    except DECODE_ERRORS as exc:
        expected = f"expected a message of the public topics, saw {frame[:160]!r}: {exc}"
        raise SourceProtocolError(Source.BYBIT, expected) from exc


def _read(frame: _Frame) -> BybitMessage | None:
    if frame.topic is None:
        return _answer(frame)
    channel, _ = split_topic(frame.topic)
    if channel == TICKERS:
        return BybitTickerEvent(_ticker_decoder.decode(frame.data), frame.ts, frame.cs)
    if channel == BOOK:
        book = _book_decoder.decode(frame.data)
        return BybitBookEvent(book.s, frame.ts, frame.type == SNAPSHOT, book.b, book.a)
    if channel == TRADES:
        return BybitTrades(_trades_decoder.decode(frame.data))
    return None


def _answer(frame: _Frame) -> BybitResponse | None:
    if frame.success and frame.op not in ("subscribe", "unsubscribe"):
        return None
    number = int(frame.req_id) if _NUMBER.fullmatch(frame.req_id) else None
    return BybitResponse(
        frame.op, number, None if frame.success else frame.ret_msg or "refused without a word"
    )
