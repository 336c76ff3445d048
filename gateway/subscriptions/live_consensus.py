"""The consensus of one symbol in live lists."""

from collections.abc import Sequence
from datetime import datetime

from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.consensus.rate import ConsensusRate
from gateway.queries.consensus.reader import ConsensusReader
from gateway.queries.consensus.restate import restate
from gateway.queries.rate import UnavailableRate
from gateway.subscriptions.instrument_filter import InstrumentFilter
from gateway.subscriptions.live_answer import ComputedAnswer
from gateway.subscriptions.registry import SubscriptionRegistry
from rates.clock import Clock
from rates.source import Source


class LiveConsensus(ComputedAnswer[ConsensusRate | UnavailableRate]):
    """A consensus, or that no source lists the symbol."""

    __slots__ = ("_filter", "_reader", "query")

    def __init__(
        self,
        query: ConsensusQuery,
        reader: ConsensusReader,
        registry: SubscriptionRegistry,
        clock: Clock,
        *,
        preference: Sequence[Source],
    ) -> None:
        super().__init__(registry, clock)
        self.query = query
        self._reader = reader
        self._filter = InstrumentFilter(frozenset([query.symbol]), frozenset(query.sources or preference))

    @property
    def rate_count(self) -> int:
        return 1

    def _compute(self, now: datetime) -> ConsensusRate | UnavailableRate:
        if self._reader.is_known(self.query):
            return self._reader.weigh(self.query, now)
        (unknown,) = self._reader.explain_unknown([self.query])
        return unknown

    def _restate(
        self, value: ConsensusRate | UnavailableRate, now: datetime
    ) -> ConsensusRate | UnavailableRate:
        return restate(value, now) if isinstance(value, ConsensusRate) else value

    def _describe(
        self, value: ConsensusRate | UnavailableRate
    ) -> tuple[tuple[object, ...], bool, datetime | None]:
        if isinstance(value, ConsensusRate):
            return value.said, True, value.next_change_at
        return (value.reason,), False, None

    def _instruments_of(self, _value: ConsensusRate | UnavailableRate) -> InstrumentFilter:
        return self._filter
