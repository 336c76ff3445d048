"""What every source brings along: functions and figures, gathered so that the composition need not know which source it is."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic_settings import BaseSettings

from pipeline.coordination.call_limits import CallLimits
from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.feeds.protocol import FeedSpec
from pipeline.health import SourceHealth
from pipeline.ports import Cooldown, ListingFetcher, RateFetcher, RequestBudget
from rates.clock import Clock, utc_now
from rates.source import Source


@dataclass(frozen=True, kw_only=True)
class SourceContext:
    """What a source's parts are built with. `budget` is there for sources with `SourceAdapter.limits`; `hold` says until when
    the source wants to be left alone by all replicas that share it, and is told when it refuses one.
    """

    health: SourceHealth
    simulated: bool
    clock: Clock
    budget: RequestBudget | None = None
    cooldown: Cooldown = field(default_factory=lambda: MemoryCooldown(utc_now))


OpenRateFetcher = Callable[[SourceContext], AbstractAsyncContextManager[RateFetcher]]
OpenListingFetcher = Callable[[SourceContext], AbstractAsyncContextManager[ListingFetcher]]


@dataclass(frozen=True, kw_only=True)
class SourceAdapter:
    """One source. With `open_fetcher` it is asked: `shard_size` instruments go into one task, and `limits` say where all
    replicas share a budget of calls. With `build_feed` it tells without being asked. With
    `open_listing` it can be asked what it lists.
    """

    source: Source
    open_fetcher: OpenRateFetcher | None = None
    shard_size: int = 1
    limits: CallLimits | None = None
    build_feed: Callable[[SourceContext], FeedSpec] | None = None
    open_listing: OpenListingFetcher | None = None


S = TypeVar("S", bound=BaseSettings)


@dataclass(frozen=True, kw_only=True)
class SourceModule(Generic[S]):
    """What `parts.py` of every source's folder calls `SOURCE_MODULE`: its settings, and what is built from them.

    `simulated` makes the simulator's addresses for this source, by what they are (`stream_url`), into settings.
    """

    settings: type[S]
    build: Callable[[S], SourceAdapter]
    simulated: Callable[[Mapping[str, str]], Mapping[str, Any]] = dict
