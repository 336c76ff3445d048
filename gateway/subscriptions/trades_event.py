"""The events of a `trades` subscription, and their cursors, as plain values."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from gateway.state.position import decode_opaque, encode_opaque
from gateway.subscriptions.event import EventKind
from history.trade import Trade, TradeId
from history.trade_tape import TAPE_LENGTH
from rates.errors import InvalidArgument, InvalidCursor
from rates.ticker import TickerKey

_CURSOR = "trades"
_decode_id = msgspec.json.Decoder(int | str | None).decode


class LiveTradesArgs(NamedTuple):
    """The `last` trades of an instrument, then each that follows."""

    key: TickerKey
    last: int


class TradesEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event.

    `items`: trades in the order in which they were told. `conflated_count`: trades before them that were left out. `recovered` is
    set on the SNAPSHOT of a resumed subscription: whether none was missed.
    """

    kind: EventKind
    cursor: str
    sent_at: datetime
    items: tuple[Trade, ...] = ()
    conflated_count: int = 0
    recovered: bool | None = None


def check_live_trades(query: LiveTradesArgs) -> None:
    """Validate the arguments.

    Raises:
        InvalidArgument: the number is out of range.
    """
    if not 0 <= query.last <= TAPE_LENGTH:
        raise InvalidArgument("last", query.last, f"0 to {TAPE_LENGTH}")


def format_trades_cursor(key: TickerKey, last_id: TradeId | None) -> str:
    """Return the cursor of a client that has received all trades up to this one."""
    return encode_opaque(f"{_CURSOR}:{key.source}:{key.symbol}:{msgspec.json.encode(last_id).decode()}")


def parse_trades_cursor(text: str, key: TickerKey) -> TradeId | None:
    """Return the last trade that the client of a cursor has received.

    Raises:
        InvalidCursor: the text was not made by `format_trades_cursor` for this instrument.
    """
    prefix, _, name = decode_opaque(text).partition(f":{key.source}:{key.symbol}:")
    try:
        found: TradeId | None = _decode_id(name)
    except msgspec.MsgspecError as exc:
        raise InvalidCursor(text) from exc
    if prefix != _CURSOR or format_trades_cursor(key, found) != text:
        raise InvalidCursor(text)
    return found
