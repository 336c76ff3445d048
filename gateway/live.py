"""Questions kept up to date: a snapshot, then what has moved, as events. Every wait ends by itself or with the reader."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from cache.ports import TickerFeed
from gateway.catalog import InstrumentCatalog
from gateway.cursor import Cursor, parse_cursor
from gateway.follow import Follower
from gateway.mirror import Mirror
from gateway.pace import Beat, Pace, Pulse
from gateway.rate import Rate, TtlBySource, UnavailableRate
from gateway.rates import Question, Rates
from gateway.resume import catch_up, read_missed
from gateway.source_health import SourceStatus
from gateway.subscribers import Selection, Subscriber, Subscribers
from gateway.threshold import Threshold
from rates.clock import Clock
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey

# How often source health is looked at: its figures move with every ticker, people read them in seconds.
SOURCES_INTERVAL_S = 1.0


class RatesEventKind(StrEnum):
    """What an event is."""

    SNAPSHOT = "SNAPSHOT"
    UPDATE = "UPDATE"
    HEARTBEAT = "HEARTBEAT"
    GAP = "GAP"


class RatesEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a live list. `conflated` counts updates merged into it; `recovered` is set on the snapshot of a reader
    that came back with a cursor: whether nothing was missed.
    """

    kind: RatesEventKind
    cursor: str
    sent_at: datetime
    items: tuple[Rate, ...] = ()
    unavailable: tuple[UnavailableRate, ...] = ()
    conflated: int = 0
    recovered: bool | None = None


class Live:
    """Streams of answers. Each registers with `subscribers` and reads the mirror in one synchronous step, so that nothing is
    lost, repeated or reordered between snapshot and updates.
    """

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
        self._subscribers = subscribers
        self._rates = rates
        self._ttl = ttl
        self._preference = tuple(preference)
        self._clock = clock

    def watch_rates(
        self, question: Question, pace: Pace, after: str | None = None
    ) -> AsyncGenerator[RatesEvent, None]:
        """The answer to `rates`, then its changes; after a cursor, just what was missed, or a GAP and everything.

        Raises:
            InvalidCursor, InvalidArgument: at once, not on the first event.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self._rates.check_loaded()
        self._rates.check_question(question)
        return self._events(question, pace, None if after is None else (after, parse_cursor(after)))

    def watch_rate(self, symbol: Symbol, source: Source | None, pace: Pace) -> AsyncGenerator[Rate, None]:
        """The answer to `rate` as soon as there is one, then whenever it is another, be it that another source answers.

        Raises:
            UnknownSymbol: at once.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self._rates.check_loaded()
        self._rates.sources_for(symbol, source)
        return self._answers(Follower(self._rates, symbol, source, pace, self._clock))

    async def watch_sources(self) -> AsyncGenerator[tuple[SourceStatus, ...], None]:
        """How the sources are doing, then whenever that is another, at most once a second."""
        told = None
        while True:
            statuses = self._rates.sources()
            if statuses != told:
                told = statuses
                yield statuses
            await asyncio.sleep(SOURCES_INTERVAL_S)

    async def _events(
        self, question: Question, pace: Pace, after: tuple[str, Cursor] | None
    ) -> AsyncGenerator[RatesEvent, None]:
        sources = self._preference if question.sources is None else question.sources
        if after is not None:
            await catch_up(self._mirror, after[1].position, sources)
        subscriber = Subscriber(self._threshold(pace))
        with self._subscribers.registered(_select(question, sources), subscriber):
            first = None if after is None else await self._recover(question, sources, after[1], subscriber)
            if first is None:
                if after is not None:
                    # The old cursor again: whoever leaves before the snapshot has still missed the same.
                    yield self._event(RatesEventKind.GAP, after[0])
                first = self._snapshot(question, subscriber, recovered=None if after is None else False)
            cursor = first.cursor
            pulse = Pulse(pace, subscriber, self._clock)
            pulse.note_update()
            yield first
            del first
            while True:
                beat = await pulse.wait()
                if beat is Beat.ALARM:
                    subscriber.sound_alarm()
                elif beat is Beat.UPDATE:
                    pulse.note_update()
                    event = self._update(subscriber)
                    cursor = event.cursor
                    yield event
                else:
                    pulse.note_heartbeat()
                    # What is held back has not been told: the cursor must not claim it.
                    cursor = cursor if subscriber.has_pending else self._cursor(subscriber)
                    yield self._event(RatesEventKind.HEARTBEAT, cursor)

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

    def _update(self, subscriber: Subscriber) -> RatesEvent:
        subscriber.sound_alarm()
        batch = subscriber.take()
        return RatesEvent(
            kind=RatesEventKind.UPDATE,
            cursor=self._cursor(subscriber),
            sent_at=self._clock(),
            items=self._rates.present(batch.tickers),
            unavailable=tuple(map(self._rates.gone, batch.retracted)),
            conflated=batch.conflated,
        )

    def _cursor(self, subscriber: Subscriber) -> str:
        """Up to where the reader has been told everything, when nothing is pending."""
        position = self._mirror.position
        return self._rates.cursor(
            subscriber.threshold.told_up_to(position) if subscriber.threshold else position
        )

    def _snapshot(self, question: Question, subscriber: Subscriber, *, recovered: bool | None) -> RatesEvent:
        subscriber.take()
        answer = self._rates.rates(question)
        subscriber.note_told(rate.ticker for rate in answer.items)
        return RatesEvent(
            kind=RatesEventKind.SNAPSHOT,
            cursor=answer.cursor,
            sent_at=self._clock(),
            items=answer.items,
            unavailable=answer.unavailable,
            recovered=recovered,
        )

    async def _recover(
        self, question: Question, sources: Sequence[Source], after: Cursor, subscriber: Subscriber
    ) -> RatesEvent | None:
        """Just what was missed since `after`, or `None` where that cannot be proved."""
        wanted = _select(question, sources)
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
            if wanted.has(key) and key in self._catalog.tracked and not subscriber.is_pending(key)
            # Of the mirror: from before the cache was lost it may know something newer.
            if (ticker := self._mirror.read(key))
        ]
        subscriber.note_told(tickers)
        known = self._catalog.tracked.keys() | self._catalog.halted.keys()
        gone = sorted(key for key in changed if wanted.has(key) and key not in known)
        unavailable = self._rates.rates(question).unavailable
        if question.symbols is None:
            unavailable = (*unavailable, *map(self._rates.gone, gone))
        return RatesEvent(
            kind=RatesEventKind.SNAPSHOT,
            cursor=cursor,
            sent_at=self._clock(),
            items=self._rates.present(tickers),
            unavailable=unavailable,
            recovered=True,
        )

    def _event(self, kind: RatesEventKind, cursor: str) -> RatesEvent:
        return RatesEvent(kind=kind, cursor=cursor, sent_at=self._clock())

    async def _answers(self, follower: Follower) -> AsyncGenerator[Rate, None]:
        # Of all sources, tracked or not yet: only what is tracked is ever published.
        keys = frozenset(TickerKey(each, follower.symbol) for each in self._preference)
        with self._subscribers.registered(Selection(keys=keys), follower):
            pulse = Pulse(follower.pace, follower, self._clock)
            follower.poke()
            while True:
                if await pulse.wait() is Beat.ALARM:
                    follower.poke()
                elif rate := follower.take_news():
                    pulse.note_update()
                    yield rate


def _select(question: Question, sources: Sequence[Source]) -> Selection:
    """All that a question is about. A symbol not tracked yet is included: it may become so."""
    if question.symbols is None:
        return Selection(sources=frozenset(sources))
    return Selection(
        keys=frozenset(TickerKey(each, symbol) for each in sources for symbol in question.symbols)
    )
