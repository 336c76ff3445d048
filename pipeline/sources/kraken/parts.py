"""Kraken as the composition sees it."""

from datetime import timedelta
from functools import partial

from pipeline.budget.limits import CallLimits
from pipeline.feeds.ports import FeedPlan
from pipeline.feeds.settings import plan_of, simulated_addresses
from pipeline.sources.kraken.listing import PATH, parse_listing
from pipeline.sources.kraken.protocol import KrakenFeed
from pipeline.sources.kraken.settings import KrakenSettings
from pipeline.sources.listing import listing_over_rest
from pipeline.sources.parts import SourceFolder, SourceParts, Surroundings
from rates.source import Source

# About 150 in ten minutes an address: a third, so that three replicas may share one.
ATTEMPTS = (CallLimits(50, timedelta(minutes=10)),)
# No limit is published: so many that all 68 assets of the seed share a connection, and a busy hour does not fill one reader.
INSTRUMENTS_PER_CONNECTION = 300


def kraken(settings: KrakenSettings) -> SourceParts:
    """A push feed; nothing is ever asked but what is listed."""

    def build_feed(around: Surroundings) -> FeedPlan:
        return plan_of(
            Source.KRAKEN,
            settings,
            endpoints=settings.stream_urls,
            open_protocol=partial(KrakenFeed, simulated=around.simulated),
            instruments_per_connection=INSTRUMENTS_PER_CONNECTION,
            attempts=ATTEMPTS,
        )

    return SourceParts(
        source=Source.KRAKEN,
        build_feed=build_feed,
        open_listing=listing_over_rest(
            Source.KRAKEN,
            settings.rest_url,
            PATH,
            parse_listing,
            timeout_s=settings.connect_timeout_s,
        ),
    )


FOLDER = SourceFolder(settings=KrakenSettings, build=kraken, simulated=simulated_addresses)
