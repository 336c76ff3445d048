"""Source adapters: the functions and limits of one source, in the same form for all sources."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic_settings import BaseSettings

from pipeline.coordination.call_limits import CallLimits
from pipeline.feeds.protocol import FeedSpec
from pipeline.health import SourceHealth
from pipeline.ports import Cooldown, ListingFetcher, RateFetcher, RequestBudget
from rates.clock import Clock
from rates.source import Source


@dataclass(frozen=True, kw_only=True)
class SourceContext:
    """Dependencies of a source's fetchers. `budget` is set for sources with `SourceAdapter.limits`."""

    health: SourceHealth
    simulated: bool
    clock: Clock
    cooldown: Cooldown
    budget: RequestBudget | None = None


OpenRateFetcher = Callable[[SourceContext], AbstractAsyncContextManager[RateFetcher]]
OpenListingFetcher = Callable[[SourceContext], AbstractAsyncContextManager[ListingFetcher]]


class BuildFeed(Protocol):
    """Describes a source's push feed."""

    def __call__(self, *, simulated: bool) -> FeedSpec: ...


@dataclass(frozen=True, kw_only=True)
class SourceAdapter:
    """One source. A polled source has `open_fetcher`, a source with a push feed has `build_feed`; it may have both.

    `shard_size`: instruments per task. `limits`: of calls, counted over all replicas. `open_listing`: for sources that publish
    which instruments they list.
    """

    source: Source
    open_fetcher: OpenRateFetcher | None = None
    shard_size: int = 1
    limits: CallLimits | None = None
    build_feed: BuildFeed | None = None
    open_listing: OpenListingFetcher | None = None


S = TypeVar("S", bound=BaseSettings)


@dataclass(frozen=True, kw_only=True)
class SourceModule(Generic[S]):
    """`SOURCE_MODULE` in the `factory.py` of every source: its settings, and how to build its adapter from them.

    `simulated` maps the simulator's addresses of this source (`{"stream_url": …}`) to settings.
    """

    settings: type[S]
    build: Callable[[S], SourceAdapter]
    simulated: Callable[[Mapping[str, str]], Mapping[str, Any]] = dict
