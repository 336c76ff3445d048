"""Builds the adapter of OKX."""

from datetime import timedelta
from functools import partial

from pipeline.coordination.call_limits import CallLimits
from pipeline.feeds.settings import simulated_settings
from pipeline.feeds.subscription_state import LearnedSize
from pipeline.sources.adapter import SourceAdapter, SourceModule
from pipeline.sources.okx.klines import TRAITS, build_requests, parse_klines
from pipeline.sources.okx.listing import PARAMS, PATH, parse_listing
from pipeline.sources.okx.protocol import OkxProtocol
from pipeline.sources.okx.settings import OkxSettings
from pipeline.sources.push_adapter import push_adapter
from pipeline.sources.rest_klines import rest_klines
from pipeline.sources.rest_listing import rest_listing
from rates.source import Source

# OKX allows three a second per address. A third of that, so that three replicas can share one.
CONNECT_LIMITS = (CallLimits(1, timedelta(seconds=1)),)
# Two requests of at most 200 instruments, of the 480 operations an hour.
INSTRUMENTS_PER_CONNECTION = 300


def okx(settings: OkxSettings) -> SourceAdapter:
    """Build the adapter: a push feed, a listing and klines."""
    return push_adapter(
        Source.OKX,
        settings,
        partial(OkxProtocol, learned=LearnedSize()),
        endpoints=settings.stream_urls,
        instruments_per_connection=INSTRUMENTS_PER_CONNECTION,
        connect_limits=CONNECT_LIMITS,
        open_listing=rest_listing(
            Source.OKX,
            settings.rest_url,
            PATH,
            parse_listing,
            params=PARAMS,
            timeout_s=settings.connect_timeout_s,
        ),
        klines=rest_klines(
            Source.OKX,
            settings.rest_url,
            build_requests,
            parse_klines,
            TRAITS,
            timeout_s=settings.connect_timeout_s,
        ),
    )


SOURCE_MODULE = SourceModule(settings=OkxSettings, build=okx, simulated=simulated_settings)
