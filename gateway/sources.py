"""Every source as it stands: what mirror and catalogue hold of it, judged by `gateway.source_health`."""

from collections.abc import Sequence
from datetime import datetime

from gateway.catalog import InstrumentCatalog
from gateway.freshness import age_at, meets
from gateway.mirror import Mirror
from gateway.rate import TtlBySource
from gateway.source_health import SourceFacts, SourceState, SourceStatus, assess
from rates.source import Source

_DOWN = (SourceState.DOWN, SourceState.BLOCKED)


class Sources:
    """All sources, most preferred first. Time is an argument."""

    def __init__(
        self,
        mirror: Mirror,
        catalog: InstrumentCatalog,
        *,
        ttl: TtlBySource,
        preference: Sequence[Source],
        simulated: bool,
    ) -> None:
        self._mirror = mirror
        self._catalog = catalog
        self._ttl = ttl
        self._preference = tuple(preference)
        self._simulated = simulated

    def statuses(self, now: datetime) -> tuple[SourceStatus, ...]:
        """How each is doing."""
        return tuple(self._status(source, now) for source in self._preference)

    def is_down(self, source: Source, now: datetime) -> bool:
        """Whether nothing new can be expected of it."""
        return self._status(source, now).state in _DOWN

    def _status(self, source: Source, now: datetime) -> SourceStatus:
        part, ttl = self._mirror.sources[source], self._ttl[source]
        tracked = [key for key in self._catalog.tracked if key.source is source]
        seen = [ticker for key in tracked if (ticker := self._mirror.read(key))]
        facts = SourceFacts(
            source=source,
            reports=part.reports(now),
            last=part.newest,
            latest_observed_at=part.latest_observed_at,
            tickers_per_minute=part.tickers_per_minute(now),
            tracked=len(tracked),
            halted=sum(key.source is source for key in self._catalog.halted),
            seen=len(seen),
            fresh=sum(meets(age_at(now, ticker.observed_at), ttl) for ticker in seen),
            ttl=ttl,
            simulated=self._simulated,
            cut_off=self._cut_off(),
        )
        return assess(facts, now)

    def _cut_off(self) -> str | None:
        since = self._mirror.disconnected_at
        if since is None:
            return None
        return f"the cache is out of reach since {since.isoformat(timespec='seconds')}"
