"""Messages of Binance's WebSocket API and market streams. Pure.

Formats: binance-spot-api-docs, `web-socket-api.md` and `web-socket-streams.md`. All keys are case-sensitive, prices are strings,
times milliseconds.
"""

import re
from decimal import Decimal

import msgspec

from pipeline.net.decode_errors import DECODE_ERRORS
from rates.errors import SourceProtocolError
from rates.source import Source

# The value of a missing field. No JSON value is empty.
ABSENT = msgspec.Raw()

# In the beginning of the frame of a trade, which says `{"stream":"btcusdt@trade",`.
_TRADE_STREAM, _NAME_BYTES = b'@trade"', 64

_BANNED_UNTIL = re.compile(r"banned until (\d{13})\b")


class BinanceTicker(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of `ticker.24hr`, type FULL.

    `{"symbol":"BNBBTC","priceChange":"-94.99","priceChangePercent":"-95.960","lastPrice":"4.00000200","bidPrice":
    "4.00000000","bidQty":"431.0","askPrice":"4.00000200","askQty":"12.0","openPrice":"99.0","highPrice":"100.0","lowPrice":"0.1","volume":"8913.30","closeTime":1499869899040,
    "quoteVolume":"15.3","lastId":28460,…}`. Chosen over `ticker.price`, which has no time. Price and time are required;
    other fields may be missing from a replayed recording.
    """

    symbol: str
    last_price: Decimal
    close_time: int
    price_change_percent: Decimal | None = None
    bid_price: Decimal | None = None
    bid_qty: Decimal | None = None
    ask_price: Decimal | None = None
    ask_qty: Decimal | None = None
    open_price: Decimal | None = None
    high_price: Decimal | None = None
    low_price: Decimal | None = None
    volume: Decimal | None = None
    quote_volume: Decimal | None = None
    last_id: int = -1


class BinanceTrade(msgspec.Struct, frozen=True, gc=False, tag_field="e", tag="trade"):
    """A trade.

    `{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000",
    "T":1723161255342,"m":true,"M":true}` on `<symbol>@trade`: the only channel with every price and its time.
    """

    symbol: str = msgspec.field(name="s")
    event_time: int = msgspec.field(name="E")
    trade_id: int = msgspec.field(name="t")
    price: Decimal = msgspec.field(name="p")
    trade_time: int | None = msgspec.field(name="T", default=None)
    quantity: Decimal | None = msgspec.field(name="q", default=None)
    is_buyer_maker: bool | None = msgspec.field(name="m", default=None)


class BinanceBookTicker(msgspec.Struct, frozen=True):
    """The best bid and ask.

    `{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}` on
    `<symbol>@bookTicker`: best bid and ask in real time, but without any time of its own.
    """

    symbol: str = msgspec.field(name="s")
    update_id: int = msgspec.field(name="u")
    bid: Decimal = msgspec.field(name="b")
    ask: Decimal = msgspec.field(name="a")
    bid_size: Decimal | None = msgspec.field(name="B", default=None)
    ask_size: Decimal | None = msgspec.field(name="A", default=None)


class BinanceDayTicker(msgspec.Struct, frozen=True, tag_field="e", tag="24hrTicker"):
    """The statistics of 24 hours.

    `{"e":"24hrTicker","E":1672515782136,"s":"BNBBTC","P":"250.00","c":"0.0025","b":"0.0024","B":"10","a":"0.0026","A":"100",
    "o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18","L":18150,…}` on `<symbol>@ticker`: 24 h statistics, once a second.
    """

    symbol: str = msgspec.field(name="s")
    event_time: int = msgspec.field(name="E")
    last_trade_id: int = msgspec.field(name="L")
    price: Decimal = msgspec.field(name="c")
    change_percent: Decimal = msgspec.field(name="P")
    bid: Decimal = msgspec.field(name="b")
    ask: Decimal = msgspec.field(name="a")
    high: Decimal = msgspec.field(name="h")
    low: Decimal = msgspec.field(name="l")
    volume: Decimal = msgspec.field(name="v")
    bid_size: Decimal | None = msgspec.field(name="B", default=None)
    ask_size: Decimal | None = msgspec.field(name="A", default=None)
    opening: Decimal | None = msgspec.field(name="o", default=None)
    quote_volume: Decimal | None = msgspec.field(name="q", default=None)


class BinanceShutdown(msgspec.Struct, frozen=True):
    """`serverShutdown`: the server is about to close this connection."""


BinanceEvent = BinanceTrade | BinanceBookTicker | BinanceDayTicker | BinanceShutdown


class StreamResponse(msgspec.Struct, frozen=True):
    """Response to SUBSCRIBE or UNSUBSCRIBE, with either form of `error`.

    `{"result":null,"id":1}`
    """

    id: int | None
    error: str | None


class RateLimit(msgspec.Struct, frozen=True, rename="camel"):
    """The use of one rate limit.

    `{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000,"count":70}`.
    """

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int
    count: int


class ApiError(msgspec.Struct, frozen=True):
    """An error of the WebSocket API.

    `{"code":-1121,"msg":"Invalid symbol."}`; a rate limit has `"data":{"serverTime":…,"retryAfter":…}`.
    """

    code: int
    msg: str
    data: msgspec.Raw = ABSENT


class ApiResponse(msgspec.Struct, frozen=True, rename="camel"):
    """A response of the WebSocket API.

    `{"id":1,"status":200,"result":…,"rateLimits":[…]}`, or `error` in place of `result`; `event` is sent without a request.
    """

    id: int | str | None = None
    status: int = 0
    result: msgspec.Raw = ABSENT
    error: ApiError | None = None
    rate_limits: tuple[RateLimit, ...] = ()
    event: msgspec.Raw = ABSENT


class _RetryData(msgspec.Struct, frozen=True, rename="camel"):
    retry_after: int
    server_time: int | None = None


class _Kind(msgspec.Struct, frozen=True):
    e: str | None = None


class _StreamFrame(msgspec.Struct, frozen=True, gc=False):
    stream: str | None = None
    data: msgspec.Raw = ABSENT
    id: int | None = None
    error: ApiError | None = None
    code: int | None = None
    msg: str = ""


class _TradeFrame(_StreamFrame, frozen=True, gc=False, kw_only=True):
    """The most frequent frame, whose event is decoded with it."""

    data: BinanceTrade  # type: ignore[assignment]


_response_decoder = msgspec.json.Decoder(ApiResponse)
_retry_decoder = msgspec.json.Decoder(_RetryData)
_entries_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_ticker_decoder = msgspec.json.Decoder(BinanceTicker)
_frame_decoder = msgspec.json.Decoder(_StreamFrame)
_trade_frame_decoder = msgspec.json.Decoder(_TradeFrame)
_kind_decoder = msgspec.json.Decoder(_Kind)
_event_decoders: dict[str, msgspec.json.Decoder[BinanceEvent]] = {
    "trade": msgspec.json.Decoder(BinanceTrade),
    "bookTicker": msgspec.json.Decoder(BinanceBookTicker),
    "ticker": msgspec.json.Decoder(BinanceDayTicker),
}


def parse_response(data: str | bytes) -> ApiResponse:
    """Parse one frame of the WebSocket API.

    Raises:
        SourceProtocolError: malformed.
    """
    try:
        return _response_decoder.decode(data)
    except DECODE_ERRORS as exc:
        raise _unreadable("a response of the WebSocket API", data, exc) from exc


def parse_retry_after(error: ApiError) -> tuple[int, int | None] | None:
    """Return the end of a rate limit or ban and the server's time, in ms since the epoch.

    `None` if the error gives no end. Some bans give only that, in the text: "Way too many requests; IP banned until 1513693008350."
    """
    try:
        data = _retry_decoder.decode(error.data)
    except DECODE_ERRORS:
        found = _BANNED_UNTIL.search(error.msg)
        return (int(found[1]), None) if found else None
    return data.retry_after, data.server_time


def split_entries(result: msgspec.Raw) -> list[msgspec.Raw]:
    """Split a list result into undecoded entries, so that one bad entry does not affect others.

    Raises:
        SourceProtocolError: not a list.
    """
    try:
        return _entries_decoder.decode(result)
    except DECODE_ERRORS as exc:
        raise _unreadable("a list of tickers", bytes(result), exc) from exc


def parse_ticker(entry: msgspec.Raw) -> BinanceTicker:
    """Parse one entry of `ticker.24hr`.

    Raises:
        SourceProtocolError: malformed.
    """
    try:
        return _ticker_decoder.decode(entry)
    except DECODE_ERRORS as exc:
        raise _unreadable("a ticker", bytes(entry), exc) from exc


def parse_stream_frame(data: str | bytes) -> BinanceEvent | StreamResponse | None:
    """Parse one frame of a combined stream connection. `None` for an unknown stream.

    Raises:
        SourceProtocolError: malformed.
    """
    try:
        if (trade := parse_trade_frame(data)) is not None:
            return trade
        frame = _frame_decoder.decode(data)
        if frame.stream is None:
            return _parse_stream_response(frame)
        if frame.stream == "!serverShutdown":
            return BinanceShutdown()
        decoder = _event_decoders.get(frame.stream.partition("@")[2])
        return decoder.decode(frame.data) if decoder else None
    except DECODE_ERRORS as exc:
        raise _unreadable("an event of a combined stream", data, exc) from exc


def parse_trade_frame(data: str | bytes) -> BinanceTrade | None:
    """Parse the frame of a trade in one step; `None` if it is another one, or malformed."""
    if isinstance(data, str) or _TRADE_STREAM not in data[:_NAME_BYTES]:
        return None
    try:
        frame = _trade_frame_decoder.decode(data)
    except DECODE_ERRORS:
        return None
    stream = frame.stream
    return frame.data if stream is not None and stream[stream.find("@") :] == "@trade" else None


def is_shutdown(response: ApiResponse) -> bool:
    """Return whether the message is `{"event":{"e":"serverShutdown","E":…}}`."""
    try:
        return response.event != ABSENT and _kind_decoder.decode(response.event).e == "serverShutdown"
    except DECODE_ERRORS:
        return False


def _parse_stream_response(frame: _StreamFrame) -> StreamResponse:
    if frame.error is not None:
        return StreamResponse(frame.id, f"{frame.error.code} {frame.error.msg}")
    return StreamResponse(frame.id, None if frame.code is None else f"{frame.code} {frame.msg}")


def _unreadable(expected: str, data: str | bytes, exc: Exception) -> SourceProtocolError:
    return SourceProtocolError(Source.BINANCE, f"expected {expected}, saw {data[:160]!r}: {exc}")
