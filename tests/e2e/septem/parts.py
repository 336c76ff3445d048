"""Septem as the composition sees it."""

from datetime import timedelta

from pipeline.budget.limits import CallLimits
from pipeline.sources.parts import SourceFolder, SourceParts
from pipeline.sources.push_only import push_only
from rates.source import Source

from .protocol import SeptemFeed
from .settings import SeptemSettings


def septem(settings: SeptemSettings) -> SourceParts:
    """A push feed, nothing else."""
    return push_only(
        Source("septem"),
        settings,
        SeptemFeed,
        endpoints=settings.stream_urls,
        instruments_per_connection=100,
        attempts=(CallLimits(5, timedelta(seconds=1)),),
    )


FOLDER = SourceFolder(settings=SeptemSettings, build=septem)
