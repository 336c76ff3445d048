"""Builds the adapter of Bybit."""

from datetime import timedelta
from functools import partial

from pipeline.coordination.call_limits import CallLimits
from pipeline.feeds.settings import simulated_settings
from pipeline.feeds.subscription_state import LearnedSize
from pipeline.sources.adapter import SourceAdapter, SourceModule
from pipeline.sources.bybit.klines import TRAITS, build_requests, parse_klines
from pipeline.sources.bybit.listing import PARAMS, PATH, parse_listing
from pipeline.sources.bybit.protocol import BybitProtocol
from pipeline.sources.bybit.settings import BybitSettings
from pipeline.sources.push_adapter import push_adapter
from pipeline.sources.rest_klines import rest_klines
from pipeline.sources.rest_listing import rest_listing
from rates.source import Source

# Bybit allows 500 in five minutes per address. A third of that, so that three replicas can share one.
CONNECT_LIMITS = (CallLimits(160, timedelta(minutes=5)),)
# The arguments of one connection may be 21,000 characters long. The three topics of a symbol take 60, at most 150.
INSTRUMENTS_PER_CONNECTION = 140


def bybit(settings: BybitSettings) -> SourceAdapter:
    """Build the adapter: a push feed, a listing and klines."""
    return push_adapter(
        Source.BYBIT,
        settings,
        partial(BybitProtocol, learned=LearnedSize()),
        endpoints=settings.stream_urls,
        instruments_per_connection=INSTRUMENTS_PER_CONNECTION,
        connect_limits=CONNECT_LIMITS,
        open_listing=rest_listing(
            Source.BYBIT,
            settings.rest_url,
            PATH,
            parse_listing,
            params=PARAMS,
            timeout_s=settings.connect_timeout_s,
        ),
        klines=rest_klines(
            Source.BYBIT,
            settings.rest_url,
            build_requests,
            parse_klines,
            TRAITS,
            timeout_s=settings.connect_timeout_s,
        ),
    )


SOURCE_MODULE = SourceModule(settings=BybitSettings, build=bybit, simulated=simulated_settings)
