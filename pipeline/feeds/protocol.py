"""What a source brings along for its push feed: a protocol core that owns no socket and reads no clock, and its figures.

Connecting, pacing the attempts, reconnecting, rolling over and watching are done around it, for all sources alike
(`pipeline.feeds.push_feed`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from instruments.instrument import Instrument
from pipeline.coordination.call_limits import CallLimits
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker


class SymbolActivity(msgspec.Struct, frozen=True):
    """A message about a symbol that makes no ticker, yet shows that its channel lives: a book without a time, a heartbeat."""

    symbol: Symbol


class SymbolRejected(msgspec.Struct, frozen=True):
    """The source will not push this symbol; `said` in its words. It is told to people, and its neighbours go on."""

    symbol: Symbol
    said: str


class GoingAway(msgspec.Struct, frozen=True):
    """The source announced the end of this connection: another is opened before it comes."""

    said: str


class SourceNotice(msgspec.Struct, frozen=True):
    """What the source says of itself as a whole, e.g. that it is under maintenance; `None` when that is over."""

    said: str | None


FeedEvent = Ticker | SymbolActivity | SymbolRejected | GoingAway | SourceNotice


class FeedProtocol(Protocol):
    """The source's side of one connection; a new one for every connection. Pure: moments are arguments.

    `now` is in seconds of a steady clock that only ever goes forward; `received_at` is aware UTC.
    """

    def track(self, instruments: Sequence[Instrument]) -> None:
        """From now on exactly these are wanted: at most `FeedSpec.instruments_per_connection`, all of this source."""
        ...

    def next_message(self, now: float) -> str | None:
        """The text to send at `now`, if one is due: subscriptions as well as the source's own kind of ping.

        It counts as sent. Called about ten times a second, one message each time: the pace that the source's limits allow
        is kept in here. What was refused is not asked for again on this connection, unless `renew` says so.

        Raises:
            SourceError: this connection is of no use any more: a control message was not answered in time.
        """
        ...

    def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
        """What one message tells; nothing for answers, heartbeats of the whole connection and pongs.

        Raises:
            SourceProtocolError: it cannot be read; it is counted as refused, and the connection goes on.
            SourceRateLimited, SourceBlocked, SourceUnavailable: the connection is of no use any more.
        """
        ...

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        """Subscribe these once more, by and by: nothing has come of them although they are subscribed."""
        ...


@dataclass(frozen=True, kw_only=True)
class FeedSpec:
    """Figures of one source's push feed. Limits are what one process may use of what the source allows an address.

    `endpoints` are whole URLs, the preferred one first. `connect_limits`: how many connections may be tried in which windows.
    `idle_timeout`: without any readable message for so long a connection is dead. `first_message_timeout`: a subscribed
    symbol without a sign of life for so long after the connection was opened is silent. `max_reconnect_delay` between attempts to
    reconnect. `lifetime`: a connection is replaced at about this age, before the source cuts it; `None` where it never does.
    `ping_interval`: pings by the WebSocket protocol itself; `None` where the source counts them against us, or answers text
    only (see `FeedProtocol.next_message`).
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
