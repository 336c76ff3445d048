"""Minutes that were missed are filled from klines, and the others are compared.

On SQLite and on Postgres.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from history.bar import fold
from history.candle import Candle, CandleOrigin, CandleState
from history.candle_reader import CandleReader
from history.coverage import WHOLE, CandleCoverage, fold_coverage
from history.interval import TimeSpan
from history.kline import MINUTE, Kline, KlineTraits
from history.kline_check import KlineVerdict, MinuteCheck
from history.reconciler import TURN, Reconciler, Turn
from history.recording import EVERYTHING
from history.store import HistoryStore
from instruments.instrument import Instrument
from instruments.migrations import check_models
from instruments.store import InstrumentStore
from rates.errors import RatesError, SourceProtocolError, SourceRateLimited, SourceUnavailable
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey
from tests.history.test_rollup import ALL, Feed, begin, end
from tests.history.trades import at
from tests.instruments.conftest import url
from tests.migrated import migrate_new
from tests.pipeline.fakes import BTC, FakeClock, FakeReader

pytestmark = pytest.mark.slow

__all__ = ["url"]
TRAITS = KlineTraits(page=100)
DAY = timedelta(days=1)
COMPLETE, PARTIAL = CandleCoverage.COMPLETE, CandleCoverage.PARTIAL


class Exchange:
    """A `KlineFetcher` that has all trades, also those that nobody listened to.

    `failure` is raised instead; `wrong` has other closes by minute; `until` is the first minute without a kline.
    """

    def __init__(self) -> None:
        self.asked: list[TimeSpan] = []
        self.failure: RatesError | None = None
        self.wrong: dict[int, Decimal] = {}
        self.until = 10**6

    async def fetch_klines(self, source_symbol: str, window: TimeSpan) -> Sequence[Kline]:
        assert source_symbol == "BTCUSDT"
        self.asked.append(window)
        if self.failure is not None:
            raise self.failure
        first, last = ((each - at(0)) // MINUTE for each in window)
        return [self.kline(number) for number in range(first, min(last, self.until))]

    def kline(self, number: int) -> Kline:
        """Return the kline of one minute: one trade, as in `Feed.batch`."""
        price = Decimal(100 + (number * 60 + 7) % 977)
        close = self.wrong.get(number, price)
        return Kline(
            at(number * 60),
            price,
            max(price, close),
            min(price, close),
            close,
            Decimal(1),
            None,
            1,
        )


class System:
    """A feed, the storage of its recorder, and a reconciler that can be replaced."""

    def __init__(self, database: InstrumentStore) -> None:
        self.database, self.store = database, HistoryStore(database, simulated=False)
        self.feed, self.exchange, self.clock = Feed(self.store), Exchange(), FakeClock(at(0))
        self.checks: list[MinuteCheck] = []
        self.problems: list[str | None] = []
        self.is_ours = True
        self.reconciler = self.open_reconciler()

    def open_reconciler(self, backfill: timedelta = DAY, traits: KlineTraits = TRAITS) -> Reconciler:
        """Return a reconciler that knows nothing of an earlier one."""

        async def claim() -> Turn:
            return Turn(self.is_ours, TURN)

        def on_checked(_symbol: Symbol, checks: Sequence[MinuteCheck]) -> None:
            self.checks.extend(checks)

        return Reconciler(
            Source.BINANCE,
            self.exchange,
            self.store,
            FakeReader([Instrument(Source.BINANCE, BTC, "BTCUSDT", "Bitcoin")]),
            traits,
            claim=claim,
            backfill=backfill,
            keep_minutes=30 * DAY,
            clock=self.clock,
            on_checked=on_checked,
            on_problem=self.problems.append,
        )

    async def record(self, first: int, last: int) -> None:
        """Record all minutes from `first` to `last`, of which none is missed."""
        await self.feed.run(first, last, start=first == 0)
        self.clock.now = at(last * 60)

    async def record_gap(self, first: int, last: int) -> None:
        """Lose the connection at the minute `first`; it is back at the minute `last`."""
        await self.feed.send([self.feed.batch(first, [], spans=(end(first * 60),), through=None)])
        await self.feed.send([self.feed.batch(last, spans=(begin(last * 60),))])
        self.clock.now = at((last + 1) * 60)

    async def reconcile(self, attempts: int = 10) -> None:
        """Let the reconciler work, at one time."""
        for _ in range(attempts):
            await self.reconciler.attempt()

    async def minutes(self) -> list[Candle]:
        return await self.store.read_minutes(Source.BINANCE, BTC, ALL)

    async def verdicts(self) -> list[tuple[KlineVerdict, int, int]]:
        """Return the runs of verdicts, in minutes."""
        runs = await self.store.read_checks(Source.BINANCE, BTC, ALL)
        return [(one.verdict, (one.start - at(0)) // MINUTE, (one.end - at(0)) // MINUTE) for one in runs]


@pytest.fixture
async def system(url: str) -> AsyncIterator[System]:
    """A system that was just started."""
    await migrate_new(url)
    database = InstrumentStore(url)
    system = System(database)
    kept = EVERYTHING._replace(seconds=at(0) - DAY, minutes=at(0) - DAY)
    await system.store.maintain(at(0) + 3 * DAY, kept)
    yield system
    await database.close()


async def check_rollup(system: System) -> None:
    """Check that each stored hour and day is the fold of its minutes."""
    minutes = await system.minutes()
    hours = await system.store.read_hours(Source.BINANCE, BTC, ALL)
    days = await system.store.read_days(Source.BINANCE, BTC, ALL)
    assert hours
    for candle, count in (*((one, 60) for one in hours), *((one, 1440) for one in days)):
        inside = [one for one in minutes if candle.open_time <= one.open_time < candle.close_time]
        assert candle.bar == fold(one.bar for one in inside if one.bar)
        assert candle.coverage is fold_coverage([one.coverage for one in inside], count)
        is_theirs = any(one.origin is CandleOrigin.EXCHANGE for one in inside)
        assert candle.origin is (CandleOrigin.EXCHANGE if is_theirs else CandleOrigin.TRADES)
        assert candle.known_at == max(one.known_at for one in inside)


@pytest.mark.slow
async def test_a_gap_is_filled_and_the_rest_is_compared(system: System) -> None:
    """Every minute is whole then, back to a day ago; hours and days are folded again."""
    await system.record(0, 70)
    await system.record_gap(70, 95)
    await system.record(96, 200)
    assert [one.coverage for one in await system.minutes()].count(PARTIAL) == 1
    await system.reconcile(40)
    minutes = await system.minutes()
    assert {one.coverage for one in minutes} == {COMPLETE}
    numbers = [(one.open_time - at(0)) // MINUTE for one in minutes]
    assert numbers == list(range(200 - 1440 + 1, numbers[-1] + 1))
    theirs = [one for one in minutes if one.origin is CandleOrigin.EXCHANGE and one.open_time > at(0)]
    assert [(one.open_time - at(0)) // MINUTE for one in theirs] == list(range(70, 95))
    bar = theirs[0].bar
    assert bar is not None
    assert (str(bar.close), bar.trades, bar.quote_volume) == (str(100 + 4207 % 977), 1, None)
    # The newest two minutes may still change at the source. The first one began before the feed.
    assert await system.verdicts() == [
        (KlineVerdict.FILLED, -1239, 1),
        (KlineVerdict.EQUAL, 1, 70),
        (KlineVerdict.FILLED, 70, 95),
        (KlineVerdict.EQUAL, 95, 198),
    ]
    await check_rollup(system)


async def test_what_was_known_before_can_still_be_asked_for(system: System) -> None:
    """A filled minute is a new revision, known since now."""
    await system.record(0, 70)
    await system.record_gap(70, 80)
    await system.record(81, 130)
    then = system.clock() + timedelta(seconds=30)
    system.clock.advance(minutes=1)
    await system.reconcile(3)
    reader = CandleReader(system.database, simulated=False)
    series = (await reader.read_series())[TickerKey(Source.BINANCE, BTC)]
    window = TimeSpan(at(60 * 69), at(60 * 82))
    old = await reader.read_minutes(series, window, then)
    now = await reader.read_minutes(series, window)
    assert [one.coverage for one in old] == [COMPLETE, COMPLETE, COMPLETE]
    assert [(one.origin, one.revision) for one in now[:3]] == [
        (CandleOrigin.TRADES, 0),
        (CandleOrigin.EXCHANGE, 0),
        (CandleOrigin.EXCHANGE, 0),
    ]
    assert len(now) == 13
    assert all(one.known_at > then for one in now if one.origin is CandleOrigin.EXCHANGE)


async def test_a_partial_minute_becomes_a_correction(system: System) -> None:
    """The minute in which the feed started: its first half was missed."""
    await system.feed.send([system.feed.batch(0, spans=(begin(5),))])
    await system.feed.run(1, 70)
    system.clock.now = at(70 * 60)
    first = (await system.minutes())[0]
    assert (first.coverage, first.revision) == (PARTIAL, 0)
    await system.reconcile(3)
    (filled,) = await system.store.read_minutes(Source.BINANCE, BTC, TimeSpan(at(0), at(60)))
    assert (filled.coverage, filled.revision, filled.state) == (COMPLETE, 1, CandleState.CORRECTED)
    assert filled.origin is CandleOrigin.EXCHANGE


@pytest.mark.slow
async def test_an_error_is_never_taken_for_no_data(system: System) -> None:
    """Nothing is stored, however long it fails; afterwards everything is filled."""
    await system.record(0, 70)
    await system.record_gap(70, 80)
    await system.record(81, 150)
    before = await system.minutes()
    for failure in (
        SourceUnavailable(Source.BINANCE, "HTTP 503"),
        SourceProtocolError(Source.BINANCE, "half a page"),
        SourceRateLimited(Source.BINANCE, "HTTP 429", retry_at=system.clock() + timedelta(minutes=3)),
    ):
        system.exchange.failure = failure
        await system.reconcile(3)
        assert await system.minutes() == before
        assert await system.verdicts() == []
        system.clock.advance(minutes=6)
    assert system.problems == []
    system.clock.advance(minutes=10)
    await system.reconcile(1)
    assert [problem is None for problem in system.problems] == [False]
    system.exchange.failure = None
    system.clock.advance(minutes=6)
    await system.reconcile(30)
    assert [problem is None for problem in system.problems[:2]] == [False, True]
    whole = [one.coverage in WHOLE for one in await system.minutes() if one.open_time >= at(0)]
    assert whole == [True] * len(whole)


async def test_a_refused_call_is_not_repeated_before_its_time(system: System) -> None:
    """Retry-After holds, also of our own budget."""
    await system.record(0, 70)
    retry_at = system.clock() + timedelta(minutes=3)
    system.exchange.failure = SourceRateLimited(Source.BINANCE, "HTTP 429", retry_at=retry_at)
    await system.reconcile(5)
    assert len(system.exchange.asked) == 1
    system.clock.now = retry_at - timedelta(seconds=1)
    await system.reconcile(5)
    assert len(system.exchange.asked) == 1
    system.clock.now, system.exchange.failure = retry_at, None
    await system.reconcile(1)
    assert len(system.exchange.asked) == 2


@pytest.mark.slow
async def test_a_restart_asks_for_nothing_twice(system: System) -> None:
    """Verdicts are in the database; pages go from the newest to the oldest."""
    await system.record(0, 70)
    await system.reconcile(2)
    system.reconciler = system.open_reconciler()
    await system.reconcile(40)
    asked = system.exchange.asked
    assert asked[0].end == at(68 * 60)
    assert all(later.end == earlier.start for earlier, later in pairwise(asked))
    assert sum((one.end - one.start) // MINUTE for one in asked) == 1440 - 3


async def test_only_the_replica_whose_turn_it_is_asks(system: System) -> None:
    """The other one waits for the next turn."""
    await system.record(0, 70)
    system.is_ours = False
    assert await system.reconciler.attempt() == TURN
    assert system.exchange.asked == []


async def test_a_minute_that_differs_is_kept_with_both_values(system: System) -> None:
    """Ours stays as it is."""
    await system.record(0, 70)
    system.exchange.wrong = {30: Decimal(7)}
    await system.reconcile(2)
    (differing,) = [
        run
        for run in await system.store.read_checks(Source.BINANCE, BTC, ALL)
        if run.verdict is KlineVerdict.DIFFERS
    ]
    assert (differing.start, differing.end) == (at(1800), at(1860))
    assert differing.ours is not None
    assert differing.theirs is not None
    assert (differing.ours.close, differing.theirs.close) == (Decimal(100 + 1807 % 977), Decimal(7))
    (minute,) = await system.store.read_minutes(Source.BINANCE, BTC, TimeSpan(at(1800), at(1860)))
    assert (minute.bar, minute.origin, minute.revision) == (differing.ours, CandleOrigin.TRADES, 0)
    assert [one.verdict for one in system.checks if one.open_time == at(1800)] == [KlineVerdict.DIFFERS]


@pytest.mark.slow
async def test_a_part_of_ours_never_replaces_the_sources_candle(system: System) -> None:
    """A late trade of a filled minute changes nothing; the whole minute does."""
    await system.record(0, 70)
    await system.record_gap(70, 80)
    await system.record(81, 150)
    await system.reconcile(4)
    window = TimeSpan(at(75 * 60), at(76 * 60))
    (filled,) = await system.store.read_minutes(Source.BINANCE, BTC, window)
    await system.feed.send([system.feed.batch(150, [75 * 60 + 7])])
    await system.feed.run(151, 153)
    assert await system.store.read_minutes(Source.BINANCE, BTC, window) == [filled]
    # The numbers of the trades prove that nothing was missed after all.
    await system.feed.send([system.feed.batch(153, spans=(begin(74 * 60),))])
    await system.feed.run(154, 156)
    (ours,) = await system.store.read_minutes(Source.BINANCE, BTC, window)
    assert (ours.origin, ours.coverage, ours.revision) == (CandleOrigin.TRADES, COMPLETE, 1)
    system.clock.now = at(156 * 60)
    system.checks.clear()
    await system.reconcile(2)
    assert KlineVerdict.EQUAL in {one.verdict for one in system.checks if one.open_time == window.start}
    await check_rollup(system)


async def test_klines_that_are_not_there_yet_are_asked_for_again(system: System) -> None:
    """The source is late: after a rest it has more, or an hour later none, which is said."""
    await system.record(0, 70)
    system.exchange.until = 50
    await system.reconcile(5)
    assert (await system.verdicts())[-1] == (KlineVerdict.EQUAL, 1, 50)
    assert len(system.exchange.asked) == 1, "it rests"
    system.exchange.until = 60
    system.clock.advance(minutes=6)
    await system.record(70, 130)
    await system.reconcile(2)
    assert (await system.verdicts())[-2:] == [(KlineVerdict.EQUAL, 1, 60), (KlineVerdict.NOT_CHECKED, 60, 70)]


async def test_models_agree_with_the_migrations(system: System, url: str) -> None:
    """Origins and verdicts are in both."""
    await system.record(0, 70)
    await system.reconcile(2)
    await check_models(url)
    await system.store.maintain(
        at(0) + 60 * DAY, EVERYTHING._replace(seconds=at(0) + 59 * DAY, minutes=at(0) + 50 * DAY)
    )
    assert await system.verdicts() == []
