"""Recorded frames by feed: the source of an address, the streams of a frame. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from simulator.bybit.channels import BOOK, TICKERS, TRADES
from simulator.coinbase.channels import HEARTBEAT, MATCHES, TICKER
from simulator.kraken.channels import TICKER_BBO, TICKER_TRADES, TRADE
from simulator.okx.channels import TICKERS as OKX_TICKERS
from simulator.okx.channels import TRADES as OKX_TRADES
from simulator.sources import BINANCE, BYBIT, COINBASE, KRAKEN, OKX

# Host, path, source. An address that matches none belongs to another feed or product.
_FEEDS = (
    ("stream.binance.com", "", BINANCE),
    ("stream.binance.us", "", BINANCE),
    ("data-stream.binance.vision", "", BINANCE),
    ("ws-feed.exchange.coinbase.com", "", COINBASE),
    ("ws-feed.pro.coinbase.com", "", COINBASE),
    ("ws.kraken.com", "/v2", KRAKEN),
    ("ws.okx.com", "/ws/v5/public", OKX),
    ("ws.okex.com", "/ws/v5/public", OKX),
    ("stream.bybit.com", "/v5/public/spot", BYBIT),
)
_COINBASE_STREAMS = {"ticker": TICKER, "match": MATCHES, "last_match": MATCHES, "heartbeat": HEARTBEAT}
# A recorded ticker does not tell which trigger it was subscribed with.
_KRAKEN_STREAMS = {"ticker": (TICKER_TRADES, TICKER_BBO), "trade": (TRADE,)}
_OKX_STREAMS = {"tickers": OKX_TICKERS, "trades": OKX_TRADES}
_BYBIT_STREAMS = {"tickers.": TICKERS, "orderbook.1.": BOOK, "publicTrade.": TRADES}


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """A received frame of a push feed, unchanged.

    `data` is the payload; `combined` is the same payload in the wrapper of Binance's combined streams.
    `streams` are the streams of the simulator that replay it; `symbol` is the source symbol.
    """

    received_ns: int
    source: str
    streams: tuple[str, ...]
    symbol: str
    data: str
    combined: str


class _Wrapped(msgspec.Struct):
    stream: str
    data: msgspec.Raw


class _Arg(msgspec.Struct):
    channel: str = ""
    instId: str = ""  # noqa: N815 - OKX's spelling


class _Symbol(msgspec.Struct):
    symbol: str = ""


class _Message(msgspec.Struct):
    type: str = ""
    product_id: str = ""
    channel: str = ""
    topic: str = ""
    arg: _Arg | None = None
    data: msgspec.Raw = msgspec.Raw(b"")


_decode_wrapped = msgspec.json.Decoder(_Wrapped).decode
_decode_message = msgspec.json.Decoder(_Message).decode
_decode_symbols = msgspec.json.Decoder(list[_Symbol]).decode


def feed_of(address: str) -> str | None:
    """The source whose feed has this address; None for an unknown feed."""
    url = urlsplit(address)
    path = url.path.rstrip("/")
    return next(
        (source for host, start, source in _FEEDS if url.hostname == host and path.startswith(start)), None
    )


def parse_frame(received_ns: int, source: str | None, text: str) -> RecordedFrame | None:
    """The frame of a feed; None if it belongs to no stream. Binance's wrapper names its source.

    Raises:
        msgspec.DecodeError: the text is no JSON.
    """
    if text.startswith('{"stream"') or source == BINANCE:
        return _parse_binance(received_ns, text)
    if source is None or not text.startswith("{"):
        return None
    try:
        message = _decode_message(text)
        streams, symbol = _STREAMS[source](message)
    except msgspec.ValidationError:
        return None
    return RecordedFrame(received_ns, source, streams, symbol, text, text) if streams else None


def _parse_binance(received_ns: int, text: str) -> RecordedFrame | None:
    try:
        wrapped = _decode_wrapped(text)
    except msgspec.ValidationError:
        # Answers to control messages and order book snapshots belong to no stream.
        return None
    symbol = "" if wrapped.stream.startswith("!") else wrapped.stream.partition("@")[0].upper()
    data = bytes(wrapped.data).decode()
    return RecordedFrame(received_ns, BINANCE, (wrapped.stream,), symbol, data, text)


_Found = tuple[tuple[str, ...], str]
_NOTHING: _Found = ((), "")


def _coinbase(message: _Message) -> _Found:
    prefix = _COINBASE_STREAMS.get(message.type)
    return ((prefix + message.product_id,), message.product_id) if prefix else _NOTHING


def _kraken(message: _Message) -> _Found:
    prefixes = _KRAKEN_STREAMS.get(message.channel, ())
    if not prefixes:
        return _NOTHING
    symbol = next((entry.symbol for entry in _decode_symbols(message.data)), "")
    return tuple(prefix + symbol for prefix in prefixes), symbol


def _okx(message: _Message) -> _Found:
    arg = message.arg or _Arg()
    prefix = _OKX_STREAMS.get(arg.channel)
    # Spot instruments are BASE-QUOTE; swaps, futures and options have more parts.
    if prefix is None or not message.data or arg.instId.count("-") != 1:
        return _NOTHING
    return (prefix + arg.instId,), arg.instId


def _bybit(message: _Message) -> _Found:
    for topic, prefix in _BYBIT_STREAMS.items():
        if message.topic.startswith(topic):
            symbol = message.topic.removeprefix(topic)
            return (prefix + symbol,), symbol
    return _NOTHING


_STREAMS: Mapping[str, Callable[[_Message], _Found]] = {
    COINBASE: _coinbase,
    KRAKEN: _kraken,
    OKX: _okx,
    BYBIT: _bybit,
}
