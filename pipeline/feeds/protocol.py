"""The push feed of one source: its protocol without a socket or clock, and its limits.

Connecting, throttling, reconnecting, rolling over and detecting silence are the same for all sources
(`pipeline.feeds.push_feed`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import msgspec

from history.trade import Trade
from instruments.instrument import Instrument
from pipeline.announcement import Announcement
from pipeline.coordination.call_limits import CallLimits
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker


class SymbolActivity(msgspec.Struct, frozen=True):
    """A message about a symbol without a ticker: a book without a time, a heartbeat."""

    symbol: Symbol


class SymbolRejected(msgspec.Struct, frozen=True):
    """The source does not push this symbol, for the `reason` that it gave.

    Other symbols are not affected.
    """

    symbol: Symbol
    reason: str


class GoingAway(msgspec.Struct, frozen=True):
    """The source announced that it will close this connection, which is replaced before that."""

    reason: str


class SourceNotice(msgspec.Struct, frozen=True):
    """A statement of the source about itself, such as maintenance. `None` takes it back.

    `announcements`: all that it has announced for later.
    """

    text: str | None
    announcements: tuple[Announcement, ...] = ()


class SymbolTrades(msgspec.Struct, frozen=True, gc=False):
    """Every trade of one message of a trade channel, in its order.

    Some may be repetitions, or old.
    """

    symbol: Symbol
    trades: tuple[Trade, ...]
    received_at: datetime


FeedEvent = Ticker | SymbolActivity | SymbolRejected | GoingAway | SourceNotice | SymbolTrades


class FeedProtocol(Protocol):
    """A source's protocol on one connection. Each connection has an object of its own.

    Pure. `now` is in monotonic seconds; `received_at` is aware UTC.
    """

    def track(self, instruments: Sequence[Instrument]) -> None:
        """Set the instruments to subscribe, at most `FeedSpec.instruments_per_connection`."""
        ...

    def next_message(self, now: float) -> str | None:
        """Return the message due at `now`, if any: a subscription or an application-level ping.

        It counts as sent. Called about ten times a second, for one message each time; implementations keep the message rate
        that the source allows. A rejected symbol is not requested again on this connection, except after `resubscribe`.

        Raises:
            SourceError: the connection is useless, because a control message was not answered in time.
        """
        ...

    def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
        """Parse one message. Responses, heartbeats of the whole connection and pongs are no events.

        Raises:
            SourceProtocolError: the message cannot be read. It is counted, and the connection continues.
            SourceRateLimited, SourceBlocked, SourceUnavailable: the connection is useless.
        """
        ...

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        """Subscribe these symbols again, because they are silent although they are subscribed."""
        ...

    def silent_channels(self) -> Mapping[Symbol, str]:
        """Return symbols with a dead channel, and which one it is. It is subscribed again by itself."""
        ...


@runtime_checkable
class TradeChannels(Protocol):
    """A `FeedProtocol` that can deliver every trade, as `SymbolTrades`.

    It makes none, and subscribes to nothing for their sake, until `deliver_trades` is called.
    """

    def deliver_trades(self) -> None:
        """Deliver all trades of this connection. Called before the first message."""
        ...

    def traded_symbols(self) -> frozenset[Symbol]:
        """Return the symbols whose trade channel the source has confirmed, and which is not dead."""
        ...


@runtime_checkable
class TradeCollector(Protocol):
    """A `FeedProtocol` that can make one ticker of all trades of a symbol that wait."""

    def collect(self, frame: bytes, received_at: datetime) -> bool:
        """Take a message if it is a trade like most. Otherwise nothing is done: `receive` takes it."""
        ...

    def take_collected(self) -> Sequence[FeedEvent]:
        """Return the events of the trades that were collected since the last call.

        Events that `receive` returns are in order with them: it returns those of the same symbol first.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class FeedSpec:
    """Endpoints, limits and timeouts of one source's push feed, for one process.

    `endpoints`: complete URLs, the preferred one first. `connect_limits`: connection attempts per window. `idle_timeout`: a
    connection without a readable message for this long is dead. `first_message_timeout`: a subscribed symbol without any
    message for this long after the connection was opened is silent. `max_reconnect_delay`: longest wait between attempts.
    `lifetime`: a connection is replaced at about this age, before the source closes it; `None` if it never does.
    `ping_interval`: of WebSocket pings; `None` if the source counts them against our limits or answers text only (see
    `FeedProtocol.next_message`).
    """

    source: Source
    open_protocol: Callable[[], FeedProtocol]
    endpoints: Sequence[str]
    instruments_per_connection: int
    connect_limits: Sequence[CallLimits]
    connect_timeout: timedelta
    idle_timeout: timedelta
    first_message_timeout: timedelta
    max_reconnect_delay: timedelta
    lifetime: timedelta | None = None
    ping_interval: timedelta | None = None
