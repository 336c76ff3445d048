"""The status of every source: facts of mirror and catalog, judged by `source_rules`.

Subscribers of `sources` ask each second, and every list with a missing rate asks too: instruments are counted once for
all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from cache.source_rules import SourceFacts, SourceState, SourceStatus, assess
from gateway.queries.freshness import expires_at
from gateway.queries.rate import TtlBySource
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import Mirror
from gateway.state.position import StreamPosition
from rates.source import Source
from rates.symbol import Symbol
from runtime.clock.clock_state import ClockState

_NEVER = datetime.max.replace(tzinfo=UTC)
_DOWN = (SourceState.DOWN, SourceState.BLOCKED)


class InstrumentCount(NamedTuple):
    """Counts of a source's instruments, valid from `began` up to and including `ends`.

    They hold until the source writes or the set of tracked instruments changes.
    """

    place: StreamPosition
    version: str
    began: datetime
    ends: datetime
    tracked: int
    halted: int
    suspects: tuple[Symbol, ...]
    seen: int
    fresh: int


class SourceStatusReader:
    """Reads the status of all sources, most preferred first. Time is an argument."""

    def __init__(
        self,
        mirror: Mirror,
        catalog: InstrumentCatalog,
        *,
        ttl: TtlBySource,
        preference: Sequence[Source],
        simulated: bool,
        clock_state: ClockState,
        held_back: Callable[[], Mapping[Source, str]] = dict,
    ) -> None:
        """`held_back` describes, by source, the instruments missing in the database and kept."""
        self._mirror = mirror
        self._catalog = catalog
        self._ttl = ttl
        self._preference = tuple(preference)
        self._simulated = simulated
        self._clock_state = clock_state
        self._held_back = held_back
        self._counts: dict[Source, InstrumentCount] = {}

    def statuses(self, now: datetime) -> tuple[SourceStatus, ...]:
        """Return the status of every source."""
        return tuple(self.status(source, now) for source in self._preference)

    def is_down(self, source: Source, now: datetime) -> bool:
        """Tell whether the source is down or blocked: no new rate can be expected."""
        return self.status(source, now).state in _DOWN

    def status(self, source: Source, now: datetime) -> SourceStatus:
        """Return the status of one source."""
        part, count = self._mirror.sources[source], self._count(source, now)
        cache_time = self._mirror.cache_clock()
        facts = SourceFacts(
            source=source,
            reports=part.reports(cache_time),
            cache_time=cache_time,
            last=part.newest,
            latest_observed_at=part.latest_observed_at,
            tickers_per_minute=part.tickers_per_minute(now),
            tracked=count.tracked,
            halted=count.halted,
            suspects=count.suspects,
            seen=count.seen,
            fresh=count.fresh,
            ttl=self._ttl[source],
            simulated=self._simulated,
            cut_off=self._cut_off(source),
            clock_skew=self._clock_state.skew,
            clock_problem=self._clock_state.machine_problem,
            held_back=self._held_back().get(source),
        )
        return assess(facts, now)

    def _count(self, source: Source, now: datetime) -> InstrumentCount:
        place, version = self._mirror.sources[source].position, self._catalog.version
        known = self._counts.get(source)
        if known and known[:2] == (place, version) and known.began <= now <= known.ends:
            return known
        tracked = [key for key in self._catalog.tracked if key.source is source]
        seen = [ticker for key in tracked if (ticker := self._mirror.read(key))]
        expiries = [expires_at(ticker.observed_at, self._ttl[source]) for ticker in seen]
        fresh = [each for each in expiries if now <= each]
        self._counts[source] = InstrumentCount(
            place,
            version,
            now,
            min(fresh, default=_NEVER),
            tracked=len(tracked),
            halted=sum(
                key.source is source and each.halt is not None for key, each in self._catalog.halted.items()
            ),
            suspects=tuple(
                key.symbol
                for key, each in self._catalog.halted.items()
                if key.source is source and each.suspicion is not None
            ),
            seen=len(seen),
            fresh=len(fresh),
        )
        return self._counts[source]

    def _cut_off(self, source: Source) -> str | None:
        since = self._mirror.interrupted_at(source)
        if since is None:
            return None
        return f"the cache (Redis) is out of reach since {since.isoformat(timespec='seconds')}"
