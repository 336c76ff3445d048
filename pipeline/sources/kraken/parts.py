"""Kraken as the composition sees it."""

from datetime import timedelta

from pipeline.budget.limits import CallLimits
from pipeline.feeds.settings import simulated_addresses
from pipeline.sources.kraken.listing import PATH, parse_listing
from pipeline.sources.kraken.protocol import KrakenFeed
from pipeline.sources.kraken.settings import KrakenSettings
from pipeline.sources.listing import listing_over_rest
from pipeline.sources.parts import SourceFolder, SourceParts
from pipeline.sources.push_only import push_only
from rates.source import Source

# About 150 in ten minutes an address: a third, so that three replicas may share one.
ATTEMPTS = (CallLimits(50, timedelta(minutes=10)),)
# No limit is published: so many that all 68 assets of the seed share a connection, and a busy hour does not fill one reader.
INSTRUMENTS_PER_CONNECTION = 300


def kraken(settings: KrakenSettings) -> SourceParts:
    """A push feed; nothing is ever asked but what is listed."""
    return push_only(
        Source.KRAKEN,
        settings,
        KrakenFeed,
        endpoints=settings.stream_urls,
        instruments_per_connection=INSTRUMENTS_PER_CONNECTION,
        attempts=ATTEMPTS,
        open_listing=listing_over_rest(
            Source.KRAKEN,
            settings.rest_url,
            PATH,
            parse_listing,
            timeout_s=settings.connect_timeout_s,
        ),
    )


FOLDER = SourceFolder(settings=KrakenSettings, build=kraken, simulated=simulated_addresses)
