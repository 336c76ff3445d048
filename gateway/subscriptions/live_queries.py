"""Questions kept up to date: a snapshot, then what has moved, as events, to readers that ask for them or are handed them.

Cohorts do the telling (`gateway.subscriptions.cohort`). Each registers and reads the mirror in one synchronous step, so that nothing is lost,
repeated or reordered between snapshot and updates.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TypeVar

from cache.ports import TickerFeed
from gateway.queries.rate import Rate, TtlBySource
from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import RatesQuery
from gateway.queries.source_rules import SourceStatus
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import Mirror
from gateway.state.position import Cursor, parse_cursor
from gateway.subscriptions.change_filter import MinChangeFilter
from gateway.subscriptions.cohort import FanOut, LiveQueryRegistry, PlainValues, Subscriber
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import RatesEvent
from gateway.subscriptions.flush import FlushScheduler
from gateway.subscriptions.list_cohort import EventEncoder, ListCohort, LiveRatesQuery, Recovery
from gateway.subscriptions.pull import Resuming, iterate
from gateway.subscriptions.registry import InstrumentFilter, SubscriptionRegistry
from gateway.subscriptions.resume import catch_up, read_missed
from gateway.subscriptions.value_cohort import LiveRateQuery, RateCohort, RateValueEncoder
from rates.clock import Clock
from rates.source import Source
from rates.symbol import Symbol

# How often source health is looked at: its figures move with every ticker, people read them in seconds.
SOURCES_INTERVAL_S = 1.0

ToldT = TypeVar("ToldT")


class LiveQueries:
    """Live questions. Those with the same question, pace and writer share what they are told where they can."""

    def __init__(
        self,
        feed: TickerFeed,
        mirror: Mirror,
        catalog: InstrumentCatalog,
        subscribers: SubscriptionRegistry,
        rates: RateReader,
        *,
        ttl: TtlBySource,
        preference: Sequence[Source],
        clock: Clock,
    ) -> None:
        self._feed = feed
        self._mirror = mirror
        self._catalog = catalog
        self._rates = rates
        self._ttl = ttl
        self._preference = tuple(preference)
        # One for all who name none.
        self._all_sources = frozenset(preference)
        self._clock = clock
        self.fan_out = FanOut(subscribers, FlushScheduler(clock, rates.cursor))
        self._topics = LiveQueryRegistry()

    def watch_rates(
        self, query: RatesQuery, pace: DeliveryOptions, after: str | None = None
    ) -> AsyncGenerator[RatesEvent, None]:
        """The answer to `rates`, then its changes; after a cursor, just what was missed, or a GAP and everything.

        Raises:
            InvalidCursor, InvalidArgument: at once, not on the first event.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self.check_rates(query, after)
        topic = self._make_rates_topic(query, pace, PlainValues[RatesEvent]())
        return iterate(lambda mailbox: self._follow_rates(topic, after, mailbox))

    def follow_rates(
        self,
        query: RatesQuery,
        pace: DeliveryOptions,
        after: str | None,
        writer: EventEncoder[ToldT],
        reader: Subscriber[ToldT],
    ) -> Resuming | None:
        """Have `reader` told what `watch_rates` tells, in the words of `writer`, from now on or from the end of what is returned.

        Raises:
            InvalidCursor, InvalidArgument, CacheUnavailable, DatabaseUnavailable: as there.
        """
        self.check_rates(query, after)
        key = writer, query, pace
        topic = self._topics.share(key, lambda: self._make_rates_topic(query, pace, writer))
        return self._follow_rates(topic, after, reader)

    def watch_rate(
        self, symbol: Symbol, source: Source | None, pace: DeliveryOptions
    ) -> AsyncGenerator[Rate, None]:
        """The answer to `rate` as soon as there is one, then whenever it is another, be it that another source answers.

        Raises:
            UnknownSymbol: at once.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self.check_rate(symbol, source)
        topic = self._make_rate_topic(symbol, source, pace, PlainValues[Rate]())
        return iterate(lambda mailbox: self._follow_rate(topic, mailbox))

    def follow_rate(
        self,
        symbol: Symbol,
        source: Source | None,
        pace: DeliveryOptions,
        writer: RateValueEncoder[ToldT],
        reader: Subscriber[ToldT],
    ) -> None:
        """Have `reader` told what `watch_rate` tells, in the words of `writer`.

        Raises:
            UnknownSymbol, CacheUnavailable, DatabaseUnavailable: as there.
        """
        self.check_rate(symbol, source)
        key = writer, symbol, source, pace
        topic = self._topics.share(key, lambda: self._make_rate_topic(symbol, source, pace, writer))
        self._follow_rate(topic, reader)

    async def watch_sources(self) -> AsyncGenerator[tuple[SourceStatus, ...], None]:
        """How the sources are doing, then whenever that is another, at most once a second."""
        told = None
        while True:
            statuses = self._rates.sources()
            if statuses != told:
                told = statuses
                yield statuses
            await asyncio.sleep(SOURCES_INTERVAL_S)

    def check_rates(self, query: RatesQuery, after: str | None) -> None:
        """Refuse what `watch_rates` refuses."""
        self._rates.check_loaded()
        self._rates.check_query(query)
        if after is not None:
            parse_cursor(after)

    def check_rate(self, symbol: Symbol, source: Source | None) -> None:
        """Refuse what `watch_rate` refuses."""
        self._rates.check_loaded()
        self._rates.sources_for(symbol, source)

    def _make_rates_topic(
        self, query: RatesQuery, pace: DeliveryOptions, writer: EventEncoder[ToldT]
    ) -> LiveRatesQuery[ToldT]:
        # A symbol not tracked yet is included: it may become so.
        symbols = None if query.symbols is None else frozenset(query.symbols)
        sources = self._all_sources if query.sources is None else frozenset(query.sources)
        return LiveRatesQuery(query, InstrumentFilter(symbols, sources), pace, writer)

    def _make_rate_topic(
        self, symbol: Symbol, source: Source | None, pace: DeliveryOptions, writer: RateValueEncoder[ToldT]
    ) -> LiveRateQuery[ToldT]:
        # Of all sources, tracked or not yet: only what is tracked is ever published.
        selection = InstrumentFilter(frozenset([symbol]), self._all_sources)
        return LiveRateQuery(symbol, source, selection, pace, writer)

    def _follow_rate(self, topic: LiveRateQuery[ToldT], reader: Subscriber[ToldT]) -> None:
        cohort = RateCohort(self.fan_out, topic, self._rates)
        cohort.admit(reader)
        cohort.open()

    def _follow_rates(
        self, topic: LiveRatesQuery[ToldT], after: str | None, reader: Subscriber[ToldT]
    ) -> Resuming | None:
        cohort = ListCohort(self.fan_out, topic, self._rates, self._mirror, self._threshold(topic.pace))
        if after is not None:
            return self._resume(cohort, after, reader)
        cohort.admit(reader)
        cohort.open()
        return None

    async def _resume(self, cohort: ListCohort[ToldT], after: str, reader: Subscriber[ToldT]) -> None:
        cursor, query = parse_cursor(after), cohort.topic.query
        sources = self._preference if query.sources is None else query.sources
        await catch_up(self._mirror, cursor.positions, sources)
        cohort.admit(reader)
        recovery = await self._recover(cohort, sources, cursor)
        if recovery is None:
            cohort.open_after_gap(after)
        else:
            cohort.reopen(recovery)

    async def _recover(
        self, cohort: ListCohort[ToldT], sources: Sequence[Source], after: Cursor
    ) -> Recovery | None:
        """Just what was missed since `after`, or `None` where that cannot be proved."""
        wanted = cohort.topic.selection
        at, cursor = self._mirror.positions, self._rates.cursor()
        changed = self._catalog.changed_since(after.catalog_version)
        if changed is None:
            return None
        missed = await read_missed(
            self._feed,
            after.positions,
            at,
            sources,
            has_seen=lambda source: self._mirror.sources[source].latest_observed_at is not None,
        )
        if missed is None:
            return None
        # What came into the catalogue since was never told, however long ago it was written. What is pending by now comes next.
        keys = dict.fromkeys([*sorted(changed), *(each.key for each in missed)])
        tickers = [
            ticker
            for key in keys
            if wanted.matches(key) and key in self._catalog.tracked and not cohort.is_pending(key)
            # Of the mirror: from before the cache was lost it may know something newer.
            if (ticker := self._mirror.read(key))
        ]
        known = self._catalog.tracked.keys() | self._catalog.halted.keys()
        gone = sorted(key for key in changed if wanted.matches(key) and key not in known)
        return Recovery(tuple(tickers), tuple(gone), cursor)

    def _threshold(self, pace: DeliveryOptions) -> MinChangeFilter | None:
        """Only a reader with a threshold pays for remembering what it holds."""
        if not pace.min_change_bps:
            return None
        return MinChangeFilter(
            pace.min_change_bps,
            ttl=self._ttl,
            place_of=lambda source: self._mirror.sources[source].position,
            clock=self._clock,
        )
