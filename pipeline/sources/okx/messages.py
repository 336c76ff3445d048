"""Messages of OKX's public WebSocket v5. Pure.

Formats: okx.com/docs-v5, "Tickers channel". All values are strings, times too; an empty string means no value. The response to
a ping is the bare word `pong`.
"""

import msgspec

from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.sources.okx.symbols import CHANNELS, TICKERS, TRADES
from rates.errors import SourceProtocolError
from rates.source import Source

ABSENT = msgspec.Raw()
PONG = b"pong"
SPOT = "SPOT"


class OkxTicker(msgspec.Struct, frozen=True, rename="camel"):
    """The last price, best prices and 24 h statistics of an instrument.

    `{"arg":{"channel":"tickers","instId":"ZEN-USDT"},"data":[{"instType":"SPOT","instId":"ZEN-USDT","last":"32.51",
    "lastSz":"0.37568","askPx":"32.52","askSz":"0.377508","bidPx":"32.49","bidSz":"8.500345","open24h":"33.34","high24h":
    "35.26","low24h":"31.91","sodUtc0":"33.36","sodUtc8":"34.26","volCcy24h":"1483600.161828","vol24h":"44364.55024","ts":
    "1646003666301"}]}` on `tickers`. `vol24h` is in base, `volCcy24h` in quote units on spot.
    """

    inst_type: str
    inst_id: str
    last: str
    ts: str
    ask_px: str = ""
    ask_sz: str = ""
    bid_px: str = ""
    bid_sz: str = ""
    open24h: str = ""
    high24h: str = ""
    low24h: str = ""
    vol24h: str = ""
    vol_ccy24h: str = ""


class OkxTickers(msgspec.Struct, frozen=True):
    """All tickers of one message. So far every message had one."""

    entries: tuple[OkxTicker, ...]


class OkxTrade(msgspec.Struct, frozen=True, rename="camel"):
    """A trade, or several of one order at one price.

    `{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"130639474","px":"42219.9","sz":
    "0.12060306","side":"buy","ts":"1630048897897","count":"3"}]}` on `trades`. `tradeId` is that of the last of `count` trades.
    """

    inst_id: str
    px: str
    ts: str
    trade_id: str = ""
    sz: str = ""
    side: str = ""
    count: str = ""


class OkxTrades(msgspec.Struct, frozen=True):
    """All trades of one message."""

    entries: tuple[OkxTrade, ...]


class OkxResponse(msgspec.Struct, frozen=True):
    """Response to one argument:
    `{"event":"subscribe","arg":{"channel":"tickers","instId":"BTC-USDT"},"connId":"a4d3ae55"}`.
    """

    event: str
    channel: str
    inst_id: str


class OkxError(msgspec.Struct, frozen=True):
    """The rejection of a request.

    `{"event":"error","code":"60018","msg":"Wrong URL or channel:tickers,instId:XYZ-USDT doesn't exist.","connId":"…"}`;
    60012 is a malformed request.
    """

    code: str
    msg: str


class OkxNotice(msgspec.Struct, frozen=True):
    """The announcement that the connection will be closed in 30 s.

    `{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.",
    "connId":"a4d3ae55"}`.
    """

    code: str
    msg: str


OkxMessage = OkxTickers | OkxTrades | OkxResponse | OkxError | OkxNotice


class _Arg(msgspec.Struct, frozen=True, rename="camel"):
    channel: str = ""
    inst_id: str = ""


class _Frame(msgspec.Struct, frozen=True):
    event: str | None = None
    arg: _Arg | None = None
    data: msgspec.Raw = ABSENT
    code: str = ""
    msg: str = ""


_frame_decoder = msgspec.json.Decoder(_Frame)
_tickers_decoder = msgspec.json.Decoder(tuple[OkxTicker, ...])
_trades_decoder = msgspec.json.Decoder(tuple[OkxTrade, ...])


def parse_message(frame: bytes) -> OkxMessage | None:
    """Parse one message. `None` for pongs and for channels that are not subscribed.

    Raises:
        SourceProtocolError: malformed.
    """
    if frame == PONG:
        return None
    try:
        return _read(_frame_decoder.decode(frame))
    except DECODE_ERRORS as exc:
        raise SourceProtocolError(
            Source.OKX, f"expected a message of the public channels, saw {frame[:160]!r}: {exc}"
        ) from exc


def _read(frame: _Frame) -> OkxMessage | None:
    arg = frame.arg or _Arg()
    match frame.event:
        case None if arg.channel == TICKERS:
            return OkxTickers(_tickers_decoder.decode(frame.data))
        case None if arg.channel == TRADES:
            return OkxTrades(_trades_decoder.decode(frame.data))
        case None:
            return None
        case "error":
            return OkxError(frame.code, frame.msg)
        case "notice":
            return OkxNotice(frame.code, frame.msg)
        case event:
            return OkxResponse(event, arg.channel, arg.inst_id) if arg.channel in CHANNELS else None
