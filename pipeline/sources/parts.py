"""What every source brings along: functions and figures, gathered so that the composition need not know which source it is."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta

from instruments.instrument import Instrument
from pipeline.budget.limits import CallLimits
from pipeline.health import SourceHealth
from pipeline.ports import CallBudget, RateFetcher
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


@dataclass(frozen=True, kw_only=True)
class SourceParts:
    """One source: `shard_size` instruments go into one task; `limits` where all replicas share a budget of calls."""

    source: Source
    shard_size: int
    open_fetcher: Callable[[Surroundings], AbstractAsyncContextManager[RateFetcher]]
    limits: CallLimits | None = None
    build_feed: Callable[[Wishes, Surroundings], PushFeed] | None = None
