"""Bybit as the composition sees it."""

from datetime import timedelta

from pipeline.budget.limits import CallLimits
from pipeline.feeds.settings import simulated_addresses
from pipeline.sources.bybit.listing import PARAMS, PATH, parse_listing
from pipeline.sources.bybit.protocol import BybitFeed
from pipeline.sources.bybit.settings import BybitSettings
from pipeline.sources.listing import listing_over_rest
from pipeline.sources.parts import SourceFolder, SourceParts
from pipeline.sources.push_only import push_only
from rates.source import Source

# 500 in five minutes an address: a third, so that three replicas may share one.
ATTEMPTS = (CallLimits(160, timedelta(minutes=5)),)
# The arguments of one connection may be 21,000 characters long: 40 for the two topics of a symbol, 100 at the very longest.
INSTRUMENTS_PER_CONNECTION = 200


def bybit(settings: BybitSettings) -> SourceParts:
    """A push feed; nothing is ever asked but what is listed."""
    return push_only(
        Source.BYBIT,
        settings,
        BybitFeed,
        endpoints=settings.stream_urls,
        instruments_per_connection=INSTRUMENTS_PER_CONNECTION,
        attempts=ATTEMPTS,
        open_listing=listing_over_rest(
            Source.BYBIT,
            settings.rest_url,
            PATH,
            parse_listing,
            params=PARAMS,
            timeout_s=settings.connect_timeout_s,
        ),
    )


FOLDER = SourceFolder(settings=BybitSettings, build=bybit, simulated=simulated_addresses)
