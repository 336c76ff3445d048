"""The parts of a source that only pushes: its protocol core, its limits and its listing, put together alike for all of them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from pipeline.coordination.call_limits import CallLimits
from pipeline.feeds.protocol import FeedProtocol, FeedSpec
from pipeline.feeds.settings import FeedSettings
from pipeline.sources.adapter import OpenListingFetcher, SourceAdapter, SourceContext
from rates.source import Source


class OpenProtocol(Protocol):
    """The source's side of one connection, from its beginning."""

    def __call__(self, *, simulated: bool) -> FeedProtocol: ...


def push_adapter(
    source: Source,
    settings: FeedSettings,
    open_protocol: OpenProtocol,
    *,
    endpoints: Sequence[str],
    instruments_per_connection: int,
    attempts: Sequence[CallLimits],
    open_listing: OpenListingFetcher | None = None,
) -> SourceAdapter:
    """A push feed that its source never cuts by age and that keeps itself alive by messages of its own; nothing is ever asked
    but what is listed. Limits as in `FeedSpec`.
    """

    def build_feed(context: SourceContext) -> FeedSpec:
        return FeedSpec(
            source=source,
            open_protocol=lambda: open_protocol(simulated=context.simulated),
            endpoints=endpoints,
            instruments_per_connection=instruments_per_connection,
            attempts=attempts,
            connect_timeout=timedelta(seconds=settings.connect_timeout_s),
            idle_timeout=timedelta(seconds=settings.idle_timeout_s),
            first_message_timeout=timedelta(seconds=settings.first_message_timeout_s),
            max_reconnect_delay=timedelta(seconds=settings.longest_wait_s),
        )

    return SourceAdapter(source=source, build_feed=build_feed, open_listing=open_listing)
