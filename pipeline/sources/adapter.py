"""Source adapters: functions and limits of one source, in the same form for all sources."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic_settings import BaseSettings

from history.kline import KlineTraits
from history.ports import KlineFetcher
from pipeline.coordination.call_limits import CallLimits
from pipeline.feeds.protocol import FeedSpec
from pipeline.health import SourceHealth
from pipeline.ports import Cooldown, ListingFetcher, RateFetcher, RequestBudget
from rates.clock import Clock
from rates.source import Source


@dataclass(frozen=True, kw_only=True)
class SourceContext:
    """Dependencies of a source's fetchers. `budget` is set if the adapter has `limits`."""

    health: SourceHealth
    simulated: bool
    clock: Clock
    cooldown: Cooldown
    budget: RequestBudget | None = None


OpenRateFetcher = Callable[[SourceContext], AbstractAsyncContextManager[RateFetcher]]
OpenKlineFetcher = Callable[[SourceContext], AbstractAsyncContextManager[KlineFetcher]]
OpenListingFetcher = Callable[[SourceContext], AbstractAsyncContextManager[ListingFetcher]]


class BuildFeed(Protocol):
    """Describes a source's push feed."""

    def __call__(self, *, simulated: bool) -> FeedSpec: ...


@dataclass(frozen=True)
class KlineAdapter:
    """The klines of one source: how to fetch them, and what they mean."""

    open: OpenKlineFetcher
    traits: KlineTraits


@dataclass(frozen=True, kw_only=True)
class SourceAdapter:
    """One source: polled with `open_fetcher`, with a push feed with `build_feed`, or both.

    `shard_size`: instruments per task. `limits`: of calls, counted over all replicas. `open_listing`: for sources that publish
    which instruments they list. `klines`: for sources that publish candles of a minute.
    """

    source: Source
    open_fetcher: OpenRateFetcher | None = None
    shard_size: int = 1
    limits: CallLimits | None = None
    build_feed: BuildFeed | None = None
    open_listing: OpenListingFetcher | None = None
    klines: KlineAdapter | None = None


S = TypeVar("S", bound=BaseSettings)


@dataclass(frozen=True, kw_only=True)
class SourceModule(Generic[S]):
    """The settings of a source and its adapter's factory: `SOURCE_MODULE` in `factory.py`.

    `simulated` maps the simulator's addresses of this source (`{"stream_url": …}`) to settings.
    """

    settings: type[S]
    build: Callable[[S], SourceAdapter]
    simulated: Callable[[Mapping[str, str]], Mapping[str, Any]] = dict
