"""Coinbase Exchange as the composition sees it."""

from datetime import timedelta
from functools import partial

from pipeline.budget.limits import CallLimits
from pipeline.feeds.ports import FeedPlan
from pipeline.feeds.settings import plan_of, simulated_addresses
from pipeline.sources.coinbase.listing import PATH, parse_listing
from pipeline.sources.coinbase.protocol import CoinbaseFeed, Refusal
from pipeline.sources.coinbase.settings import CoinbaseSettings
from pipeline.sources.listing import listing_over_rest
from pipeline.sources.parts import SourceFolder, SourceParts, Surroundings
from rates.source import Source

# Eight requests a second are allowed an address, in bursts of twenty [docs.cdp.coinbase.com, rate limits]: a quarter, so that
# several replicas may share one.
ATTEMPTS = (CallLimits(2, timedelta(seconds=1)),)
# No limit is published; two channels each make 200 heartbeats a second, which one reader bears with ease.
INSTRUMENTS_PER_CONNECTION = 200


def coinbase(settings: CoinbaseSettings) -> SourceParts:
    """A push feed; nothing is ever asked but what is listed."""

    def build_feed(around: Surroundings) -> FeedPlan:
        refused: dict[str, Refusal] = {}
        return plan_of(
            Source.COINBASE,
            settings,
            endpoints=settings.stream_urls,
            open_protocol=partial(CoinbaseFeed, refused, simulated=around.simulated),
            instruments_per_connection=INSTRUMENTS_PER_CONNECTION,
            attempts=ATTEMPTS,
        )

    return SourceParts(
        source=Source.COINBASE,
        build_feed=build_feed,
        open_listing=listing_over_rest(
            Source.COINBASE,
            settings.rest_url,
            PATH,
            parse_listing,
            timeout_s=settings.connect_timeout_s,
        ),
    )


FOLDER = SourceFolder(settings=CoinbaseSettings, build=coinbase, simulated=simulated_addresses)
