"""Builds the adapter of a source that has a push feed and is not polled."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from pipeline.coordination.call_limits import CallLimits
from pipeline.feeds.protocol import FeedProtocol, FeedSpec
from pipeline.feeds.settings import FeedSettings
from pipeline.sources.adapter import KlineAdapter, OpenListingFetcher, SourceAdapter
from rates.source import Source


class OpenProtocol(Protocol):
    """Creates the protocol state of a new connection."""

    def __call__(self, *, simulated: bool) -> FeedProtocol: ...


def push_adapter(
    source: Source,
    settings: FeedSettings,
    open_protocol: OpenProtocol,
    *,
    endpoints: Sequence[str],
    instruments_per_connection: int,
    connect_limits: Sequence[CallLimits],
    open_listing: OpenListingFetcher | None = None,
    klines: KlineAdapter | None = None,
) -> SourceAdapter:
    """Build an adapter with a push feed and, optionally, a listing and klines.

    Limits as in `FeedSpec`.     For sources that do not close connections by age, and whose protocol has pings of its own.
    """

    def build_feed(*, simulated: bool) -> FeedSpec:
        return FeedSpec(
            source=source,
            open_protocol=lambda: open_protocol(simulated=simulated),
            endpoints=endpoints,
            instruments_per_connection=instruments_per_connection,
            connect_limits=connect_limits,
            connect_timeout=timedelta(seconds=settings.connect_timeout_s),
            idle_timeout=timedelta(seconds=settings.idle_timeout_s),
            first_message_timeout=timedelta(seconds=settings.first_message_timeout_s),
            max_reconnect_delay=timedelta(seconds=settings.longest_wait_s),
        )

    return SourceAdapter(source=source, build_feed=build_feed, open_listing=open_listing, klines=klines)
