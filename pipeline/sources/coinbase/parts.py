"""Coinbase Exchange as the composition sees it."""

from datetime import timedelta
from functools import partial

from pipeline.budget.limits import CallLimits
from pipeline.feeds.settings import simulated_addresses
from pipeline.sources.coinbase.listing import PATH, parse_listing
from pipeline.sources.coinbase.protocol import CoinbaseFeed, Refusal
from pipeline.sources.coinbase.settings import CoinbaseSettings
from pipeline.sources.listing import listing_over_rest
from pipeline.sources.parts import SourceFolder, SourceParts
from pipeline.sources.push_only import push_only
from rates.source import Source

# Eight requests a second are allowed an address, in bursts of twenty [docs.cdp.coinbase.com, rate limits]: a quarter, so that
# several replicas may share one.
ATTEMPTS = (CallLimits(2, timedelta(seconds=1)),)
# No limit is published; two channels each make 200 heartbeats a second, which one reader bears with ease.
INSTRUMENTS_PER_CONNECTION = 200


def coinbase(settings: CoinbaseSettings) -> SourceParts:
    """A push feed; nothing is ever asked but what is listed."""
    refused: dict[str, Refusal] = {}
    return push_only(
        Source.COINBASE,
        settings,
        partial(CoinbaseFeed, refused),
        endpoints=settings.stream_urls,
        instruments_per_connection=INSTRUMENTS_PER_CONNECTION,
        attempts=ATTEMPTS,
        open_listing=listing_over_rest(
            Source.COINBASE,
            settings.rest_url,
            PATH,
            parse_listing,
            timeout_s=settings.connect_timeout_s,
        ),
    )


FOLDER = SourceFolder(settings=CoinbaseSettings, build=coinbase, simulated=simulated_addresses)
