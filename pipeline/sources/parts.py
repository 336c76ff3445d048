"""What every source brings along: functions and figures, gathered so that the composition need not know which source it is."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic_settings import BaseSettings

from pipeline.budget.limits import CallLimits
from pipeline.feeds.ports import FeedPlan
from pipeline.health import SourceHealth
from pipeline.hold.memory_hold import MemoryHold
from pipeline.ports import CallBudget, Hold, ListingFetcher, RateFetcher
from rates.clock import Clock, utc_now
from rates.source import Source


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a source's parts are built with. `budget` is there for sources with `SourceParts.limits`; `hold` says until when
    the source wants to be left alone by all replicas that share it, and is told when it refuses one.
    """

    health: SourceHealth
    simulated: bool
    clock: Clock
    budget: CallBudget | None = None
    hold: Hold = field(default_factory=lambda: MemoryHold(utc_now))


OpenFetcher = Callable[[Surroundings], AbstractAsyncContextManager[RateFetcher]]
OpenListing = Callable[[Surroundings], AbstractAsyncContextManager[ListingFetcher]]


@dataclass(frozen=True, kw_only=True)
class SourceParts:
    """One source. With `open_fetcher` it is asked: `shard_size` instruments go into one task, and `limits` say where all
    replicas share a budget of calls. With `build_feed` it tells without being asked. With
    `open_listing` it can be asked what it lists.
    """

    source: Source
    open_fetcher: OpenFetcher | None = None
    shard_size: int = 1
    limits: CallLimits | None = None
    build_feed: Callable[[Surroundings], FeedPlan] | None = None
    open_listing: OpenListing | None = None


S = TypeVar("S", bound=BaseSettings)


@dataclass(frozen=True, kw_only=True)
class SourceFolder(Generic[S]):
    """What `parts.py` of every source's folder calls `FOLDER`: its settings, and what is built from them.

    `simulated` makes the simulator's addresses for this source, by what they are (`stream_url`), into settings.
    """

    settings: type[S]
    build: Callable[[S], SourceParts]
    simulated: Callable[[Mapping[str, str]], Mapping[str, Any]] = dict
