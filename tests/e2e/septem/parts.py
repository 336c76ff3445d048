"""Septem as the composition sees it."""

from datetime import timedelta
from functools import partial

from pipeline.budget.limits import CallLimits
from pipeline.feeds.ports import FeedPlan
from pipeline.feeds.settings import plan_of
from pipeline.sources.parts import SourceFolder, SourceParts, Surroundings
from rates.source import Source

from .protocol import SeptemFeed
from .settings import SeptemSettings

SEPTEM = Source("septem")


def septem(settings: SeptemSettings) -> SourceParts:
    """A push feed, nothing else."""

    def build_feed(around: Surroundings) -> FeedPlan:
        return plan_of(
            SEPTEM,
            settings,
            endpoints=settings.stream_urls,
            open_protocol=partial(SeptemFeed, simulated=around.simulated),
            instruments_per_connection=100,
            attempts=(CallLimits(5, timedelta(seconds=1)),),
        )

    return SourceParts(source=SEPTEM, build_feed=build_feed)


FOLDER = SourceFolder(settings=SeptemSettings, build=septem)
