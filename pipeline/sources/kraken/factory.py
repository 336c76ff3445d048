"""Builds the adapter of Kraken."""

from datetime import timedelta
from functools import partial

from pipeline.coordination.call_limits import CallLimits
from pipeline.feeds.settings import simulated_settings
from pipeline.feeds.subscription_state import LearnedSize
from pipeline.sources.adapter import SourceAdapter, SourceModule
from pipeline.sources.kraken.klines import TRAITS, build_requests, parse_klines
from pipeline.sources.kraken.listing import PATH, parse_listing
from pipeline.sources.kraken.protocol import KrakenProtocol
from pipeline.sources.kraken.settings import KrakenSettings
from pipeline.sources.push_adapter import push_adapter
from pipeline.sources.rest_klines import rest_klines
from pipeline.sources.rest_listing import rest_listing
from rates.source import Source

# Kraken allows about 150 in ten minutes per address. A third of that, so that three replicas can share one.
CONNECT_LIMITS = (CallLimits(50, timedelta(minutes=10)),)
# No limit is published. Enough for all 68 assets of the seed on one connection, and few enough for one reader in a busy hour.
INSTRUMENTS_PER_CONNECTION = 300


def kraken(settings: KrakenSettings) -> SourceAdapter:
    """Build the adapter: a push feed, a listing and klines."""
    return push_adapter(
        Source.KRAKEN,
        settings,
        partial(KrakenProtocol, learned=LearnedSize()),
        endpoints=settings.stream_urls,
        instruments_per_connection=INSTRUMENTS_PER_CONNECTION,
        connect_limits=CONNECT_LIMITS,
        open_listing=rest_listing(
            Source.KRAKEN,
            settings.rest_url,
            PATH,
            parse_listing,
            timeout_s=settings.connect_timeout_s,
        ),
        klines=rest_klines(
            Source.KRAKEN,
            settings.rest_url,
            build_requests,
            parse_klines,
            TRAITS,
            timeout_s=settings.connect_timeout_s,
        ),
    )


SOURCE_MODULE = SourceModule(settings=KrakenSettings, build=kraken, simulated=simulated_settings)
