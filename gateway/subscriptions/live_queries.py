"""Live queries: a snapshot or answer first, then its changes, delivered to subscribers.

Cohorts (`gateway.subscriptions.cohort`) compute and deliver payloads. Each registers and reads the mirror in one synchronous
step, so nothing is lost, repeated or reordered between snapshot and updates.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from typing import Any, TypeVar, overload

from cache.source_rules import SourceStatus
from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.consensus.rate import ConsensusRate
from gateway.queries.consensus.rates_query import ConsensusRatesQuery
from gateway.queries.consensus.reader import ConsensusReader
from gateway.queries.conversion.conversions_query import ConversionsQuery
from gateway.queries.conversion.converter import Converter
from gateway.queries.conversion.query import ConversionQuery
from gateway.queries.rate import Rate, TtlBySource
from gateway.queries.rate_query import RateQuery
from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import RatesQuery
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import Mirror
from gateway.state.position import Cursor, parse_cursor
from gateway.subscriptions.answers_event import AnswersEvent
from gateway.subscriptions.candles_event import LiveCandlesArgs
from gateway.subscriptions.change_filter import MinChangeFilter
from gateway.subscriptions.cohort import (
    FanOut,
    IdentityEncoder,
    PayloadEncoder,
    Subscriber,
)
from gateway.subscriptions.consensus_cohort import ConsensusCohort, LiveConsensusQuery
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import RatesEvent
from gateway.subscriptions.instrument_filter import InstrumentFilter
from gateway.subscriptions.list_cohort import ListCohort, LiveRatesQuery
from gateway.subscriptions.live_history import HistoryQuery, HistoryServices, LiveHistory
from gateway.subscriptions.live_lists import ListQuery, LiveLists
from gateway.subscriptions.live_query_registry import LiveQueryLimits, LiveQueryRegistry
from gateway.subscriptions.pull import Resuming, iterate
from gateway.subscriptions.resume import ResumeReader
from gateway.subscriptions.trades_event import LiveTradesArgs
from gateway.subscriptions.value_cohort import LiveRateQuery, RateCohort
from rates.clock import Clock
from rates.errors import HistoryUnavailable, RatesError
from rates.source import Source

# The status of a source changes with every ticker; people read it in seconds.
SOURCES_INTERVAL_S = 1.0
# Each subscriber of the sources is answered on its own, in up to a millisecond a second: as much work as this many rates.
SOURCES_AS_RATES = 500

UNLIMITED = LiveQueryLimits(sys.maxsize, sys.maxsize)

PayloadT = TypeVar("PayloadT")
Query = RateQuery | RatesQuery | ConsensusQuery | ListQuery | HistoryQuery


class LiveQueries:
    """All live queries of a gateway.

    Subscribers with the same query, options and encoder share payloads where they can.
    """

    def __init__(
        self,
        mirror: Mirror,
        catalog: InstrumentCatalog,
        fan_out: FanOut,
        rates: RateReader,
        *,
        consensus: ConsensusReader,
        converter: Converter,
        ttl: TtlBySource,
        preference: Sequence[Source],
        limits: LiveQueryLimits = UNLIMITED,
        clock: Clock,
        history: HistoryServices | None = None,
    ) -> None:
        self._mirror = mirror
        self._rates = rates
        self._consensus = consensus
        self._ttl = ttl
        self._preference = tuple(preference)
        # One object for all queries that name no source.
        self._all_sources = frozenset(preference)
        self._clock = clock
        self._fan_out = fan_out
        self.registry = LiveQueryRegistry(limits, lambda: len(catalog.tracked))
        self.lists = LiveLists(
            self._fan_out, self.registry, consensus, converter, preference=preference, clock=clock
        )
        self.history: LiveHistory | None = None
        """The live candles and trades; `None` without a history."""
        if history is not None:
            self.history = LiveHistory(self._fan_out, self.registry, history, clock=clock)
        self._resume_reader = ResumeReader(mirror, catalog, rates)

    @overload
    def subscribe(
        self,
        query: RateQuery,
        options: DeliveryOptions,
        encoder: PayloadEncoder[Rate, PayloadT],
        subscriber: Subscriber[PayloadT],
        *,
        after: str | None = None,
    ) -> Resuming | None: ...

    @overload
    def subscribe(
        self,
        query: RatesQuery,
        options: DeliveryOptions,
        encoder: PayloadEncoder[RatesEvent, PayloadT],
        subscriber: Subscriber[PayloadT],
        *,
        after: str | None = None,
    ) -> Resuming | None: ...

    @overload
    def subscribe(
        self,
        query: ConsensusQuery,
        options: DeliveryOptions,
        encoder: PayloadEncoder[ConsensusRate, PayloadT],
        subscriber: Subscriber[PayloadT],
        *,
        after: str | None = None,
    ) -> Resuming | None: ...

    @overload
    def subscribe(
        self,
        query: ListQuery,
        options: DeliveryOptions,
        encoder: PayloadEncoder[AnswersEvent, PayloadT],
        subscriber: Subscriber[PayloadT],
        *,
        after: str | None = None,
    ) -> Resuming | None: ...

    @overload
    def subscribe(
        self,
        query: HistoryQuery,
        options: DeliveryOptions,
        encoder: PayloadEncoder[Any, PayloadT],
        subscriber: Subscriber[PayloadT],
        *,
        after: str | None = None,
    ) -> Resuming | None: ...

    def subscribe(
        self,
        query: Query,
        options: DeliveryOptions,
        encoder: PayloadEncoder[Any, Any],
        subscriber: Subscriber[Any],
        *,
        after: str | None = None,
    ) -> Resuming | None:
        """Deliver the answer of `query`, then its changes; after a cursor, what was missed.

        Of the history, and with a cursor that is ahead of the mirror, nothing is delivered before the returned coroutine has run.

        Raises:
            InvalidCursor, InvalidArgument: of a `RatesQuery` and of the history.
            HistoryUnavailable: of the history.
            TooManyLiveQueries: a limit of the process is reached.
            UnknownSymbol: of any other but candles. A symbol that is removed later leaves the last rate, or a consensus of too few sources.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        if isinstance(query, LiveCandlesArgs | LiveTradesArgs):
            return self._require_history().subscribe(query, options, encoder, subscriber, after=after)
        cursor = self._check(query, after)
        key = encoder, query, options
        match query:
            case RateQuery():
                rate_query = self.registry.get_or_create(
                    key, lambda: LiveRateQuery(query, self._filter_rate(query), options, encoder)
                )
                rate_cohort = RateCohort(self._fan_out, rate_query, self._rates)
                rate_cohort.register(subscriber)
                rate_cohort.open()
            case ConsensusQuery():
                consensus_query = self.registry.get_or_create(
                    key, lambda: LiveConsensusQuery(query, self._filter_consensus(query), options, encoder)
                )
                consensus_cohort = ConsensusCohort(self._fan_out, consensus_query, self._consensus.weigh)
                consensus_cohort.register(subscriber)
                consensus_cohort.open()
            case RatesQuery():
                rates_query = self.registry.get_or_create(
                    key, lambda: LiveRatesQuery(query, self._filter_rates(query), options, encoder)
                )
                list_cohort = ListCohort(
                    self._fan_out, rates_query, self._rates, self._mirror, self._make_filter(options)
                )
                if options.min_change_bps:
                    self.registry.count_filtered(rates_query, list_cohort)
                if cursor is not None:
                    assert after is not None
                    return self._resume(list_cohort, after, cursor, subscriber)
                list_cohort.register(subscriber)
                list_cohort.open()
            case ConsensusRatesQuery() | ConversionsQuery() | ConversionQuery():
                self.lists.subscribe(query, options, encoder, subscriber)
        return None

    @overload
    def iterate(
        self, query: RateQuery, options: DeliveryOptions, after: str | None = None
    ) -> AsyncGenerator[Rate, None]: ...

    @overload
    def iterate(
        self, query: RatesQuery, options: DeliveryOptions, after: str | None = None
    ) -> AsyncGenerator[RatesEvent, None]: ...

    @overload
    def iterate(
        self, query: ConsensusQuery, options: DeliveryOptions, after: str | None = None
    ) -> AsyncGenerator[ConsensusRate, None]: ...

    @overload
    def iterate(
        self, query: ListQuery, options: DeliveryOptions, after: str | None = None
    ) -> AsyncGenerator[AnswersEvent, None]: ...

    @overload
    def iterate(
        self, query: HistoryQuery, options: DeliveryOptions, after: str | None = None
    ) -> AsyncGenerator[Any, None]: ...

    def iterate(
        self, query: Any, options: DeliveryOptions, after: str | None = None
    ) -> AsyncGenerator[Any, None]:
        """The plain values that `subscribe` delivers, each computed when it is asked for.

        Raises:
            InvalidCursor, InvalidArgument, UnknownSymbol, CacheUnavailable, DatabaseUnavailable: at once, as `subscribe` does.
        """
        self.check(query, after)
        encoder, full = IdentityEncoder[Any](), options.full

        def subscribe(subscriber: Subscriber[Any]) -> Resuming | None:
            return self.subscribe(query, options, encoder, subscriber, after=after)

        if full is None:
            return iterate(subscribe)

        def resubscribe(subscriber: Subscriber[Any], cursor: str | None) -> Resuming | None:
            return self.subscribe(query, full, IdentityEncoder[Any](), subscriber, after=cursor)

        return iterate(subscribe, resubscribe, lambda: self.may_restore(query))

    async def iterate_sources(self) -> AsyncGenerator[tuple[SourceStatus, ...], None]:
        """The status of all sources, then its changes, at most once a second."""
        last_sent = None
        with self.registry.count_unshared(SOURCES_AS_RATES):
            while True:
                statuses = self._rates.sources()
                if statuses != last_sent:
                    last_sent = statuses
                    yield statuses
                await asyncio.sleep(SOURCES_INTERVAL_S)

    def may_restore(self, query: Query) -> bool:
        """Tell whether a throttled subscription may begin anew without an error."""
        try:
            self._check(query, None)
        except RatesError:
            return False
        return not self.registry.is_full

    def check(self, query: Query, after: str | None = None) -> None:
        """Raise what `subscribe` would raise."""
        self._check(query, after)

    def _check(self, query: Query, after: str | None) -> Cursor | None:
        """Raise what `subscribe` would raise; return the cursor of a query that can resume."""
        self._rates.check_loaded()
        match query:
            case RateQuery():
                self._rates.resolver.sources_for(query.symbol, query.source)
            case ConsensusQuery():
                self._consensus.check(query)
            case RatesQuery():
                self._rates.check_query(query)
                return parse_cursor(after) if after else None
            case ConsensusRatesQuery() | ConversionsQuery() | ConversionQuery():
                self.lists.check(query)
            case LiveCandlesArgs() | LiveTradesArgs():
                self._require_history().check(query, after)
        return None

    def _require_history(self) -> LiveHistory:
        self._rates.check_loaded()
        if self.history is None:
            raise HistoryUnavailable("this gateway has no history")
        return self.history

    def _filter_rate(self, query: RateQuery) -> InstrumentFilter:
        # All sources, tracked or not yet: only tickers of tracked instruments are published.
        return InstrumentFilter(frozenset([query.symbol]), self._all_sources)

    def _filter_consensus(self, query: ConsensusQuery) -> InstrumentFilter:
        return InstrumentFilter(frozenset([query.symbol]), frozenset(query.sources or self._preference))

    def _filter_rates(self, query: RatesQuery) -> InstrumentFilter:
        # A symbol that is not tracked yet is included: it may become so.
        symbols = None if query.symbols is None else frozenset(query.symbols)
        return InstrumentFilter(
            symbols, self._all_sources if query.sources is None else frozenset(query.sources)
        )

    def _make_filter(self, options: DeliveryOptions) -> MinChangeFilter | None:
        """A filter where one is asked for: it remembers what was sent to one subscriber."""
        if not options.min_change_bps:
            return None
        return MinChangeFilter(
            options.min_change_bps,
            ttl=self._ttl,
            position_of=lambda source: self._mirror.sources[source].position,
            clock=self._clock,
        )

    def _resume(
        self, cohort: ListCohort[PayloadT], after: str, cursor: Cursor, subscriber: Subscriber[PayloadT]
    ) -> Resuming | None:
        sources = cohort.live_query.query.sources
        sources = self._preference if sources is None else sources
        if self._resume_reader.is_behind(cursor, sources):
            return self._resume_later(cohort, after, cursor, sources, subscriber)
        self._open_resumed(cohort, after, cursor, sources, subscriber)
        return None

    async def _resume_later(
        self,
        cohort: ListCohort[PayloadT],
        after: str,
        cursor: Cursor,
        sources: Sequence[Source],
        subscriber: Subscriber[PayloadT],
    ) -> None:
        await self._resume_reader.catch_up(cursor, sources)
        self._open_resumed(cohort, after, cursor, sources, subscriber)

    def _open_resumed(
        self,
        cohort: ListCohort[PayloadT],
        after: str,
        cursor: Cursor,
        sources: Sequence[Source],
        subscriber: Subscriber[PayloadT],
    ) -> None:
        query = cohort.live_query
        cohort.register(subscriber)
        cohort.open_after(
            after, lambda: self._resume_reader.recover(query.query, query.instruments, cursor, sources)
        )
