"""Questions kept up to date: a snapshot, then what has moved, as events. Every wait ends by itself or with the reader."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from cache.ports import TickerFeed
from gateway.catalog import InstrumentCatalog
from gateway.cursor import Position, format_cursor, parse_cursor
from gateway.mirror import Mirror
from gateway.pace import Beat, Pace, Pulse
from gateway.rate import Rate, UnavailableRate
from gateway.rates import Question, Rates
from gateway.resume import catch_up, read_missed
from gateway.source_health import SourceStatus
from gateway.subscribers import Selection, Subscriber, Subscribers
from rates.clock import Clock
from rates.errors import RateUnavailable, UnknownSymbol
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker, TickerKey

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
        preference: Sequence[Source],
        clock: Clock,
    ) -> None:
        self._feed = feed
        self._mirror = mirror
        self._catalog = catalog
        self._subscribers = subscribers
        self._rates = rates
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
        """The answer to `rate` as soon as there is one, then whenever it is another.

        Raises:
            UnknownSymbol: at once.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self._rates.check_loaded()
        sources = self._rates.sources_for(symbol, source)
        keys = frozenset(TickerKey(each, symbol) for each in sources)
        return self._answers(symbol, source, pace, Selection(keys=keys))

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
        self, question: Question, pace: Pace, after: tuple[str, Position] | None
    ) -> AsyncGenerator[RatesEvent, None]:
        sources = self._preference if question.sources is None else question.sources
        if after is not None:
            await catch_up(self._mirror, after[1], sources)
        subscriber = Subscriber(pace.min_change_bps)
        with self._subscribers.registered(_select(question, sources), subscriber):
            at = self._mirror.position
            missed = None if after is None else await read_missed(self._feed, after[1], at, sources)
            if missed is not None:
                first = self._recovery(question, sources, missed, format_cursor(at), subscriber)
            else:
                if after is not None:
                    # The old cursor again: whoever leaves before the snapshot has still missed the same.
                    yield self._event(RatesEventKind.GAP, after[0])
                subscriber.take()
                first = self._snapshot(question, subscriber, recovered=None if after is None else False)
            cursor = first.cursor
            pulse = Pulse(pace, subscriber)
            yield first
            del first
            while True:
                if await pulse.wait() is Beat.UPDATE:
                    pulse.note_update()
                    cursor = self._rates.cursor()
                    batch = subscriber.take()
                    items = self._rates.present(batch.tickers)
                    yield self._event(RatesEventKind.UPDATE, cursor, items=items, conflated=batch.conflated)
                else:
                    pulse.note_heartbeat()
                    # What is held back has not been told: the cursor must not claim it.
                    cursor = cursor if subscriber.has_pending else self._rates.cursor()
                    yield self._event(RatesEventKind.HEARTBEAT, cursor)

    def _snapshot(self, question: Question, subscriber: Subscriber, *, recovered: bool | None) -> RatesEvent:
        answer = self._rates.rates(question)
        subscriber.note_taken(rate.ticker for rate in answer.items)
        return RatesEvent(
            kind=RatesEventKind.SNAPSHOT,
            cursor=answer.cursor,
            sent_at=self._clock(),
            items=answer.items,
            unavailable=answer.unavailable,
            recovered=recovered,
        )

    def _recovery(
        self,
        question: Question,
        sources: Sequence[Source],
        missed: Sequence[Ticker],
        cursor: str,
        subscriber: Subscriber,
    ) -> RatesEvent:
        wanted, tracked = _select(question, sources), self._catalog.tracked
        tickers = [each for each in missed if wanted.has(each.key) and each.key in tracked]
        subscriber.note_taken(tickers)
        return RatesEvent(
            kind=RatesEventKind.SNAPSHOT,
            cursor=cursor,
            sent_at=self._clock(),
            items=self._rates.present(tickers),
            unavailable=self._rates.rates(question).unavailable,
            recovered=True,
        )

    def _event(
        self, kind: RatesEventKind, cursor: str, *, items: tuple[Rate, ...] = (), conflated: int = 0
    ) -> RatesEvent:
        return RatesEvent(kind=kind, cursor=cursor, sent_at=self._clock(), items=items, conflated=conflated)

    async def _answers(
        self, symbol: Symbol, source: Source | None, pace: Pace, selection: Selection
    ) -> AsyncGenerator[Rate, None]:
        subscriber = Subscriber(pace.min_change_bps)
        with self._subscribers.registered(selection, subscriber):
            told = self._answer(symbol, source)
            if told is not None:
                subscriber.note_taken([told.ticker])
                yield told
            pulse = Pulse(pace, subscriber)
            while True:
                await pulse.wait()
                moved = subscriber.take().tickers
                rate = self._answer(symbol, source)
                if rate is not None and _is_news(rate, told, moved):
                    pulse.note_update()
                    told = rate
                    yield rate

    def _answer(self, symbol: Symbol, source: Source | None) -> Rate | None:
        """The present answer; `None` while nobody has published one, or nobody is asked to any more."""
        try:
            return self._rates.rate(symbol, source)
        except (RateUnavailable, UnknownSymbol):
            return None


def _select(question: Question, sources: Sequence[Source]) -> Selection:
    """All that a question is about. A symbol not tracked yet is included: it may become so."""
    if question.symbols is None:
        return Selection(sources=frozenset(sources))
    return Selection(
        keys=frozenset(TickerKey(each, symbol) for each in sources for symbol in question.symbols)
    )


def _is_news(rate: Rate, told: Rate | None, moved: Sequence[Ticker]) -> bool:
    """Whether the answer has moved, or comes from another source than the one told last."""
    return told is None or rate.ticker in moved or rate.ticker.source is not told.ticker.source
