"""What every source brings along: functions and figures, gathered so that the composition need not know which source it is."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from pydantic_settings import BaseSettings

from instruments.instrument import Instrument
from pipeline.budget.limits import CallLimits
from pipeline.health import SourceHealth
from pipeline.ports import CallBudget, ListingFetcher, RateFetcher
from rates.clock import Clock
from rates.source import Source
from rates.ticker import Ticker


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a source's parts are built with. `budget` is there for sources with `SourceParts.limits`."""

    health: SourceHealth
    simulated: bool
    clock: Clock
    budget: CallBudget | None = None


@dataclass(frozen=True, kw_only=True)
class PushFeed:
    """One connection's tickers; `connect` ends or raises `SourceError` and is called again."""

    connect: Callable[[], AsyncGenerator[Sequence[Ticker], None]]
    idle_timeout: timedelta
    longest_wait: timedelta


Wishes = Callable[[], Sequence[Instrument]]
OpenFetcher = Callable[[Surroundings], AbstractAsyncContextManager[RateFetcher]]


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
    build_feed: Callable[[Wishes, Surroundings], PushFeed] | None = None
    open_listing: Callable[[Surroundings], AbstractAsyncContextManager[ListingFetcher]] | None = None


S = TypeVar("S", bound=BaseSettings)


@dataclass(frozen=True, kw_only=True)
class SourceFolder(Generic[S]):
    """What `parts.py` of every source's folder calls `FOLDER`: its settings, and what is built from them.

    `simulated` makes the simulator's addresses for this source, by what they are (`stream_url`), into settings.
    """

    settings: type[S]
    build: Callable[[S], SourceParts]
    simulated: Callable[[Mapping[str, str]], Mapping[str, Any]] = dict
