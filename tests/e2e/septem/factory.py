"""Septem as the composition sees it."""

from datetime import timedelta

from pipeline.coordination.call_limits import CallLimits
from pipeline.sources.adapter import SourceAdapter, SourceModule
from pipeline.sources.push_adapter import push_adapter
from rates.source import Source

from .protocol import SeptemProtocol
from .settings import SeptemSettings


def septem(settings: SeptemSettings) -> SourceAdapter:
    """A push feed, nothing else."""
    return push_adapter(
        Source("septem"),
        settings,
        SeptemProtocol,
        endpoints=settings.stream_urls,
        instruments_per_connection=100,
        connect_limits=(CallLimits(5, timedelta(seconds=1)),),
    )


SOURCE_MODULE = SourceModule(settings=SeptemSettings, build=septem)
