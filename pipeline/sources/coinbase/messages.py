"""Messages of Coinbase Exchange's WebSocket feed. Pure.

Formats: docs.cdp.coinbase.com/exchange/websocket-feed/channels. Prices are strings, times ISO 8601 with microseconds. The Advanced
Trade feed is a different one.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

from pipeline.net.decode_errors import DECODE_ERRORS
from rates.errors import SourceProtocolError
from rates.source import Source

# A time without a zone could not be compared with any other.
ZonedTime = Annotated[datetime, msgspec.Meta(tz=True)]


class CoinbaseTicker(msgspec.Struct, frozen=True):
    """A match, with best prices and 24 h statistics.

    `{"type":"ticker","sequence":333938798,"product_id":"BAND-GBP","price":"14.7775","open_24h":"14.6647","volume_24h":
    "94381.28000000","low_24h":"14.3691","high_24h":"16.55","best_bid":"14.7550","best_ask":"14.8060","side":"buy","time":
    "2021-04-17T16:43:30.244075Z","trade_id":881613,"last_size":"0.04",…}` on `ticker`: the price of each match with its own
    time. Chosen over `ticker_batch`, which waits 5 s, and `matches`, which has neither quotes nor 24 h statistics. Matches
    that follow each other at once are summed up in one message.

    The first message after subscribing is the last match, however old.
    """

    product_id: str
    price: Decimal
    time: ZonedTime
    sequence: int
    trade_id: int
    best_bid: str = ""
    best_bid_size: str = ""
    best_ask: str = ""
    best_ask_size: str = ""
    open_24h: str = ""
    high_24h: str = ""
    low_24h: str = ""
    volume_24h: str = ""


class CoinbaseMatch(msgspec.Struct, frozen=True):
    """One match.

    `{"type":"match","trade_id":881613,"maker_order_id":"27fff20b-…","taker_order_id":"1da6ce16-…","side":"sell","size":"0.04",
    "price":"14.7775","product_id":"BAND-GBP","sequence":333938798,"time":"2021-04-17T16:43:30.244075Z"}` on `matches`: every
    match, which `ticker` does not promise. `side` is that of the maker. The first message after subscribing is the last match,
    of type `last_match`.
    """

    product_id: str
    trade_id: int
    price: Decimal
    size: Decimal
    time: ZonedTime
    side: str = ""


class CoinbaseHeartbeat(msgspec.Struct, frozen=True):
    """The last match of a product at `time`.

    `{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}`
    on `heartbeat`, every second for each product.
    """

    product_id: str
    time: ZonedTime
    sequence: int
    last_trade_id: int


class _Channel(msgspec.Struct, frozen=True):
    name: str
    product_ids: tuple[str, ...] = ()


class CoinbaseSubscriptions(msgspec.Struct, frozen=True):
    """All current subscriptions, the response to subscribe and unsubscribe.

    `{"type":"subscriptions","channels":[{"name":"ticker","product_ids":["BTC-USD"]}]}`.
    unsubscribe alike, which lists everything subscribed so far.
    """

    channels: tuple[_Channel, ...]

    def products(self, channel: str) -> frozenset[str]:
        """Return the products that are subscribed on a channel."""
        return frozenset(one for each in self.channels if each.name == channel for one in each.product_ids)


class CoinbaseError(msgspec.Struct, frozen=True):
    """An error, usually followed by a close.

    `{"type":"error","message":"Failed to subscribe","reason":"XYZ-USD is not a valid product"}`.
    """

    message: str
    reason: str = ""

    @property
    def text(self) -> str:
        """Both texts in one."""
        return f"{self.message}: {self.reason}" if self.reason else self.message


CoinbaseMessage = CoinbaseTicker | CoinbaseMatch | CoinbaseHeartbeat | CoinbaseSubscriptions | CoinbaseError


class _Kind(msgspec.Struct, frozen=True):
    type: str


_kind_decoder = msgspec.json.Decoder(_Kind)
_decoders: dict[str, msgspec.json.Decoder[CoinbaseMessage]] = {
    "ticker": msgspec.json.Decoder(CoinbaseTicker),
    "match": msgspec.json.Decoder(CoinbaseMatch),
    "last_match": msgspec.json.Decoder(CoinbaseMatch),
    "heartbeat": msgspec.json.Decoder(CoinbaseHeartbeat),
    "subscriptions": msgspec.json.Decoder(CoinbaseSubscriptions),
    "error": msgspec.json.Decoder(CoinbaseError),
}


def parse_message(frame: bytes) -> CoinbaseMessage | None:
    """Parse one message. `None` for channels that are not subscribed.

    Raises:
        SourceProtocolError: malformed.
    """
    try:
        decoder = _decoders.get(_kind_decoder.decode(frame).type)
        return decoder.decode(frame) if decoder else None
    except DECODE_ERRORS as exc:
        expected = f"expected a message of the feed, saw {frame[:160]!r}: {exc}"
        raise SourceProtocolError(Source.COINBASE, expected) from exc
