"""Questions kept up to date: a snapshot, then what has moved, as events, to readers that ask for them or are handed them.

Cohorts do the telling (`gateway.cohort`). Each registers and reads the mirror in one synchronous step, so that nothing is lost,
repeated or reordered between snapshot and updates.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TypeVar

from cache.ports import TickerFeed
from gateway.catalog import InstrumentCatalog
from gateway.cohort import AsItIs, House, Reader, Topics
from gateway.cursor import Cursor, parse_cursor
from gateway.events import RatesEvent
from gateway.follow import RateCohort, RateTopic, RateWriter
from gateway.mailbox import Resuming, pull
from gateway.mirror import Mirror
from gateway.moment import Rounds
from gateway.pace import Pace
from gateway.question import Question
from gateway.rate import Rate, TtlBySource
from gateway.rates import Rates
from gateway.rates_cohort import EventWriter, RatesCohort, RatesTopic, Recovery
from gateway.resume import catch_up, read_missed
from gateway.source_health import SourceStatus
from gateway.subscribers import Selection, Subscribers
from gateway.threshold import Threshold
from rates.clock import Clock
from rates.source import Source
from rates.symbol import Symbol

# How often source health is looked at: its figures move with every ticker, people read them in seconds.
SOURCES_INTERVAL_S = 1.0

ToldT = TypeVar("ToldT")


class Live:
    """Live questions. Those with the same question, pace and writer share what they are told where they can."""

    def __init__(
        self,
        feed: TickerFeed,
        mirror: Mirror,
        catalog: InstrumentCatalog,
        subscribers: Subscribers,
        rates: Rates,
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
        self.house = House(subscribers, Rounds(clock, rates.cursor))
        self._topics = Topics()

    def watch_rates(
        self, question: Question, pace: Pace, after: str | None = None
    ) -> AsyncGenerator[RatesEvent, None]:
        """The answer to `rates`, then its changes; after a cursor, just what was missed, or a GAP and everything.

        Raises:
            InvalidCursor, InvalidArgument: at once, not on the first event.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self.check_rates(question, after)
        topic = self._make_rates_topic(question, pace, AsItIs[RatesEvent]())
        return pull(lambda mailbox: self._follow_rates(topic, after, mailbox))

    def follow_rates(
        self,
        question: Question,
        pace: Pace,
        after: str | None,
        writer: EventWriter[ToldT],
        reader: Reader[ToldT],
    ) -> Resuming | None:
        """Have `reader` told what `watch_rates` tells, in the words of `writer`, from now on or from the end of what is returned.

        Raises:
            InvalidCursor, InvalidArgument, CacheUnavailable, DatabaseUnavailable: as there.
        """
        self.check_rates(question, after)
        key = writer, question, pace
        topic = self._topics.share(key, lambda: self._make_rates_topic(question, pace, writer))
        return self._follow_rates(topic, after, reader)

    def watch_rate(self, symbol: Symbol, source: Source | None, pace: Pace) -> AsyncGenerator[Rate, None]:
        """The answer to `rate` as soon as there is one, then whenever it is another, be it that another source answers.

        Raises:
            UnknownSymbol: at once.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self.check_rate(symbol, source)
        topic = self._make_rate_topic(symbol, source, pace, AsItIs[Rate]())
        return pull(lambda mailbox: self._follow_rate(topic, mailbox))

    def follow_rate(
        self,
        symbol: Symbol,
        source: Source | None,
        pace: Pace,
        writer: RateWriter[ToldT],
        reader: Reader[ToldT],
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

    def check_rates(self, question: Question, after: str | None) -> None:
        """Refuse what `watch_rates` refuses."""
        self._rates.check_loaded()
        self._rates.check_question(question)
        if after is not None:
            parse_cursor(after)

    def check_rate(self, symbol: Symbol, source: Source | None) -> None:
        """Refuse what `watch_rate` refuses."""
        self._rates.check_loaded()
        self._rates.sources_for(symbol, source)

    def _make_rates_topic(
        self, question: Question, pace: Pace, writer: EventWriter[ToldT]
    ) -> RatesTopic[ToldT]:
        # A symbol not tracked yet is included: it may become so.
        symbols = None if question.symbols is None else frozenset(question.symbols)
        sources = self._all_sources if question.sources is None else frozenset(question.sources)
        return RatesTopic(question, Selection(symbols, sources), pace, writer)

    def _make_rate_topic(
        self, symbol: Symbol, source: Source | None, pace: Pace, writer: RateWriter[ToldT]
    ) -> RateTopic[ToldT]:
        # Of all sources, tracked or not yet: only what is tracked is ever published.
        selection = Selection(frozenset([symbol]), self._all_sources)
        return RateTopic(symbol, source, selection, pace, writer)

    def _follow_rate(self, topic: RateTopic[ToldT], reader: Reader[ToldT]) -> None:
        cohort = RateCohort(self.house, topic, self._rates)
        cohort.admit(reader)
        cohort.open()

    def _follow_rates(
        self, topic: RatesTopic[ToldT], after: str | None, reader: Reader[ToldT]
    ) -> Resuming | None:
        cohort = RatesCohort(self.house, topic, self._rates, self._mirror, self._threshold(topic.pace))
        if after is not None:
            return self._resume(cohort, after, reader)
        cohort.admit(reader)
        cohort.open()
        return None

    async def _resume(self, cohort: RatesCohort[ToldT], after: str, reader: Reader[ToldT]) -> None:
        cursor, question = parse_cursor(after), cohort.topic.question
        sources = self._preference if question.sources is None else question.sources
        await catch_up(self._mirror, cursor.position, sources)
        cohort.admit(reader)
        recovery = await self._recover(cohort, sources, cursor)
        if recovery is None:
            cohort.open_after_gap(after)
        else:
            cohort.reopen(recovery)

    async def _recover(
        self, cohort: RatesCohort[ToldT], sources: Sequence[Source], after: Cursor
    ) -> Recovery | None:
        """Just what was missed since `after`, or `None` where that cannot be proved."""
        wanted = cohort.topic.selection
        at, cursor = self._mirror.position, self._rates.cursor()
        changed = self._catalog.changed_since(after.tracked)
        if changed is None:
            return None
        missed = await read_missed(
            self._feed,
            after.position,
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
            if wanted.has(key) and key in self._catalog.tracked and not cohort.is_pending(key)
            # Of the mirror: from before the cache was lost it may know something newer.
            if (ticker := self._mirror.read(key))
        ]
        known = self._catalog.tracked.keys() | self._catalog.halted.keys()
        gone = sorted(key for key in changed if wanted.has(key) and key not in known)
        return Recovery(tuple(tickers), tuple(gone), cursor)

    def _threshold(self, pace: Pace) -> Threshold | None:
        """Only a reader with a threshold pays for remembering what it holds."""
        if not pace.min_change_bps:
            return None
        return Threshold(
            pace.min_change_bps,
            ttl=self._ttl,
            place_of=lambda source: self._mirror.sources[source].place,
            clock=self._clock,
        )
