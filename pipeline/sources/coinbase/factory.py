"""Builds the adapter of Coinbase Exchange."""

from datetime import timedelta
from functools import partial

from pipeline.coordination.call_limits import CallLimits
from pipeline.feeds.settings import simulated_settings
from pipeline.feeds.subscription_state import LearnedSize
from pipeline.sources.adapter import SourceAdapter, SourceModule
from pipeline.sources.coinbase.klines import TRAITS, build_requests, parse_klines
from pipeline.sources.coinbase.listing import PATH, parse_listing
from pipeline.sources.coinbase.protocol import CoinbaseProtocol, RejectedProduct
from pipeline.sources.coinbase.settings import CoinbaseSettings
from pipeline.sources.push_adapter import push_adapter
from pipeline.sources.rest_klines import rest_klines
from pipeline.sources.rest_listing import rest_listing
from rates.source import Source

# Coinbase allows eight requests a second per address, in bursts of twenty [docs.cdp.coinbase.com, rate limits]. A quarter of
# that, so that several replicas can share one.
CONNECT_LIMITS = (CallLimits(2, timedelta(seconds=1)),)
# No limit is published. They send 200 heartbeats a second, which one reader handles easily.
INSTRUMENTS_PER_CONNECTION = 200


def coinbase(settings: CoinbaseSettings) -> SourceAdapter:
    """Build the adapter: a push feed, a listing and klines."""
    rejected: dict[str, RejectedProduct] = {}
    return push_adapter(
        Source.COINBASE,
        settings,
        partial(CoinbaseProtocol, rejected, learned=LearnedSize()),
        endpoints=settings.stream_urls,
        instruments_per_connection=INSTRUMENTS_PER_CONNECTION,
        connect_limits=CONNECT_LIMITS,
        open_listing=rest_listing(
            Source.COINBASE,
            settings.rest_url,
            PATH,
            parse_listing,
            timeout_s=settings.connect_timeout_s,
        ),
        klines=rest_klines(
            Source.COINBASE,
            settings.rest_url,
            build_requests,
            parse_klines,
            TRAITS,
            timeout_s=settings.connect_timeout_s,
        ),
    )


SOURCE_MODULE = SourceModule(settings=CoinbaseSettings, build=coinbase, simulated=simulated_settings)
