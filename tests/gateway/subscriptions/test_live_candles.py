"""The subscription `candles` equals the query, closes in time and resumes with proof."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.subscriptions.candles_event import LiveCandlesArgs
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import EventKind
from history.candle import CandleState
from history.candle_reader import CandleReader
from history.coverage import CandleCoverage
from history.interval import Interval
from rates.errors import DatabaseUnavailable, HistoryUnavailable, InvalidArgument, InvalidCursor
from rates.symbol import parse_symbol
from rates.ticker import TickerKey
from tests.gateway.fakes import wait_until
from tests.gateway.subscriptions.candle_scenario import CandleScenario, open_scenario, row, running
from tests.history.trades import at, trade
from tests.lengths import only_long
from tests.pipeline.fakes import BTC

# A database and minutes of batches for each test.
pytestmark = pytest.mark.slow
M1 = LiveCandlesArgs((BTC,), Interval.M1)


class SometimesAway(CandleReader):
    """A history whose database cannot be reached for a while."""

    is_away = False
    failures = 0

    async def read_series(self) -> dict[TickerKey, int]:
        if self.is_away:
            self.failures += 1
            raise DatabaseUnavailable("connection refused by database.internal")
        return await super().read_series()


@pytest.fixture
async def scenario(tmp_path: Path) -> AsyncIterator[CandleScenario]:
    async with open_scenario(tmp_path) as found:
        yield found


async def test_a_snapshot_comes_first_then_only_what_has_changed(scenario: CandleScenario) -> None:
    """The snapshot has the candle that is forming, and as many closed ones as were asked for."""
    scenario.expect([trade(number, 10 * number) for number in range(1, 30)])
    await scenario.run(185)
    client = await scenario.subscribe(M1._replace(last=2))
    (_, snapshot) = client.events[0]
    assert snapshot.kind is EventKind.SNAPSHOT
    assert snapshot.recovered is None
    assert [(row(one.candle)[0], one.candle.state) for one in snapshot.items] == [
        ("12:01:00", CandleState.CLOSED),
        ("12:02:00", CandleState.CLOSED),
        ("12:03:00", CandleState.FORMING),
    ]
    await scenario.run(189.9)
    assert client.kinds() == ["SNAPSHOT"]
    await scenario.run(190.5)
    assert client.kinds()[1:] == ["UPDATE"] * (len(client.events) - 1)
    assert [row(one.candle) for one in client.last().items] == [
        ("12:03:00", "FORMING", "100,100,100,100,2,200,2", 2, 0)
    ]


async def test_a_candle_closes_with_the_batch_after_its_end(scenario: CandleScenario) -> None:
    """Within 250 ms, whatever the interval between events, and once more when it is proved."""
    scenario.expect([trade(1, 70), trade(2, 119.95), trade(3, 121)])
    await scenario.run(100)
    client = await scenario.subscribe(M1, options=DeliveryOptions(sample_interval_s=3_600))
    await scenario.run(119.9)
    count = len(client.events)
    await scenario.run(130)
    closed = [
        (when, one.candle)
        for when, event in client.events[count:]
        for one in event.items
        if one.candle.open_time == at(60) and one.candle.state is not CandleState.FORMING
    ]
    when, candle = closed[0]
    assert at(120) < when <= at(120.25)
    assert candle.coverage is CandleCoverage.PARTIAL
    assert candle.bar is not None
    assert candle.bar.trades == 2
    assert candle.revision == 0


async def test_a_candle_closes_by_the_clock_if_no_batch_comes(scenario: CandleScenario) -> None:
    """As where nothing is traded, and nothing proves that."""
    scenario.expect([trade(1, 70)])
    await scenario.run(119.8)
    client = await scenario.subscribe(M1)
    scenario.clock.now = at(120.3)
    assert client.candles[at(60)].state is CandleState.FORMING
    scenario.clock.now = at(120.6)
    await wait_until(lambda: client.candles[at(60)].state is CandleState.CLOSED)
    assert client.candles[at(120)].state is CandleState.FORMING


async def test_a_closed_candle_is_told_again_when_it_is_proved(scenario: CandleScenario) -> None:
    """It is COMPLETE then, as in the query once the recorder has stored it."""
    scenario.expect([trade(1, 70), trade(2, 119.95), trade(3, 121)])
    await scenario.run(100)
    client = await scenario.subscribe(M1)
    await scenario.run(125)
    candle = client.candles[at(60)]
    assert (candle.state, candle.coverage) == (CandleState.CLOSED, CandleCoverage.COMPLETE)
    await scenario.run(200)
    assert client.candles[at(60)] is candle
    stored = {one.candle.open_time: one.candle for one in await scenario.query(M1)}[at(60)]
    assert (row(stored), stored.coverage) == (row(candle), candle.coverage)


async def test_a_late_trade_is_a_correction(scenario: CandleScenario) -> None:
    """With a new revision, in the subscription and in the query."""
    scenario.expect([trade(1, 70), trade(3, 119.5)])
    await scenario.run(100)
    client = await scenario.subscribe(M1)
    await scenario.run(121)
    scenario.fold.fold(BTC, [trade(2, 118, "105")], at(121))
    await scenario.run(125)
    candle = client.candles[at(60)]
    assert row(candle) == ("12:01:00", "CORRECTED", "100,105,100,100,3,305,3", 3, 1)
    stored = {one.candle.open_time: one.candle for one in await scenario.query(M1)}[at(60)]
    assert row(stored) == row(candle)


async def test_no_trade_is_lost_or_doubled_where_stored_and_recent_meet(scenario: CandleScenario) -> None:
    """However much the recorder has stored when a client subscribes, or a gateway starts."""
    scenario.expect([trade(number, number * 0.37, str(100 + number % 7)) for number in range(1, 900)])
    hour = LiveCandlesArgs((BTC,), Interval.H1)
    await scenario.run(101.3)
    await scenario.run(103.7, records=False)
    direct = await scenario.subscribe(hour)
    other = scenario.open_gateway()
    async with running(other):
        started = await scenario.subscribe(hour, gateway=other)
        for end in (104.2, 110, 170, 300):
            await scenario.run(end)
            expected = row((await scenario.query(hour))[-1].candle)
            assert expected[3] is not None
            assert expected[3] >= int((end - 0.4) / 0.37)
            assert row(direct.candles[at(0)]) == expected
            assert row(started.candles[at(0)]) == expected


@pytest.mark.parametrize("interval", [Interval.MN1, *only_long(Interval.D1, Interval.W1)])
async def test_the_present_day_week_and_month_have_the_newest_trades(
    scenario: CandleScenario, interval: Interval
) -> None:
    """As soon as they are made, in any time zone, however much of them is stored."""
    scenario.expect([trade(number, number) for number in range(1, 400)])
    await scenario.run(190)
    query = LiveCandlesArgs((BTC,), interval, zone="Europe/Berlin")
    client = await scenario.subscribe(query)
    await scenario.run(390.5)
    (candle,) = client.candles.values()
    assert candle.bar is not None
    assert candle.bar.trades == 390
    assert candle.open_time < at(0) < candle.close_time
    assert row(candle) == row((await scenario.query(query))[-1].candle)


async def test_equal_subscriptions_share_their_events(scenario: CandleScenario) -> None:
    """One that was not ready gets the newest candle, and the number of updates merged into it."""
    scenario.expect([trade(number, 60 + number / 2) for number in range(1, 60)])
    await scenario.run(70)
    clients = [await scenario.subscribe(M1) for _ in range(3)]
    clients[2].is_blocked = True
    await scenario.run(75)
    first, second = (client.last() for client in clients[:2])
    assert first is second
    assert len({client.cohort for client in clients[:2]}) == 1
    clients[2].unblock()
    assert clients[2].last().conflated_count > 3
    assert clients[2].last().items == first.items
    await scenario.run(76)
    assert len({client.cohort for client in clients}) == 1


async def test_many_viewers_of_a_chart_soon_share_their_events(scenario: CandleScenario) -> None:
    """Also where a batch comes before all have been sent the one before.

    How many are sent one in a turn depends on the machine, so it takes some batches, but not more than two seconds of them.
    """
    scenario.expect([trade(number, 60 + number / 10) for number in range(1, 200)])
    await scenario.run(70)
    clients = [await scenario.subscribe(M1) for _ in range(120)]
    for client in clients:
        # A turn of the loop has time for one of them.
        client.consuming_s = 1.0
    assert len({client.cohort for client in clients}) == len(clients)
    for tenths in range(12, 21):
        await scenario.run(70 + tenths / 10)
        if len({client.cohort for client in clients}) == 1:
            break
    assert len({client.cohort for client in clients}) == 1


async def test_silence_is_broken_by_heartbeats(scenario: CandleScenario) -> None:
    """Their cursor goes on, so that a client resumes from there."""
    scenario.expect([trade(1, 70)])
    await scenario.run(100)
    client = await scenario.subscribe(M1, options=DeliveryOptions(max_silence_s=0.01))
    await scenario.run(101)
    cohort = client.cohort
    assert cohort is not None
    while client.last().kind is not EventKind.HEARTBEAT:
        cohort.flush_now()
    assert client.last().items == ()


async def test_a_client_resumes_with_what_it_missed(scenario: CandleScenario) -> None:
    """On another gateway too: only candles that may have changed, and a proof."""
    scenario.expect([trade(number, 2 * number) for number in range(1, 500)])
    await scenario.run(200)
    client = await scenario.subscribe(M1._replace(last=100))
    cursor = client.last().cursor
    client.leave()
    await scenario.run(500)
    other = scenario.open_gateway()
    async with running(other):
        for gateway in (scenario.gateway, other):
            resumed = await scenario.subscribe(M1, after=cursor, gateway=gateway)
            (_, snapshot) = resumed.events[0]
            assert snapshot.kind is EventKind.SNAPSHOT
            assert snapshot.recovered is True
            opened = [one.candle.open_time for one in snapshot.items]
            assert opened == [at(60 * minute) for minute in range(1, 9)]
            # A gateway that has just started has the forming second once it changes or closes.
            await scenario.run(scenario.seconds + 1.3)
            for one in await scenario.query(M1):
                if one.candle.open_time in opened:
                    assert row(resumed.candles[one.candle.open_time]) == row(one.candle)
            resumed.leave()


async def test_a_gap_is_told_if_trades_may_be_missing(scenario: CandleScenario) -> None:
    """The feed was away meanwhile, and nothing proves that there were no trades."""
    scenario.expect([trade("a", 100), trade("b", 200)])
    await scenario.run(120)
    client = await scenario.subscribe(M1)
    cursor = client.last().cursor
    client.leave()
    await scenario.run(150, writes=False)
    await scenario.run(420)
    resumed = await scenario.subscribe(M1, after=cursor)
    assert resumed.kinds() == ["GAP", "SNAPSHOT"]
    assert resumed.events[0][1].cursor == cursor
    assert resumed.last().recovered is False


async def test_a_loss_of_batches_is_told_to_those_who_are_subscribed(scenario: CandleScenario) -> None:
    """They get a GAP and the candles as they are stored, which are partial."""
    scenario.expect([trade(number, number) for number in range(1, 200)])
    await scenario.run(90)
    client = await scenario.subscribe(M1)
    await scenario.run(95, writes=False)
    await scenario.run(100)
    series = client.cohort.live_query.series[0]  # type: ignore[union-attr]
    await series.load()
    await scenario.run(130)
    kinds = client.kinds()
    assert kinds.count("GAP") == 1
    assert kinds[kinds.index("GAP") + 1] == "SNAPSHOT"
    candle = client.candles[at(60)]
    assert candle.coverage is CandleCoverage.PARTIAL
    assert candle.bar is not None
    assert (candle.bar.trades or 0) < 60
    stored = {one.candle.open_time: one.candle for one in await scenario.query(M1)}[at(60)]
    assert row(stored) == row(candle)


async def test_after_a_loss_nothing_waits_for_a_reading_that_is_due_later(scenario: CandleScenario) -> None:
    """Candles that are not whole are read again after a minute. Batches are lost before."""
    scenario.expect([trade(number, number) for number in range(1, 200)])
    await scenario.run(90)
    client = await scenario.subscribe(M1)
    series = client.cohort.live_query.series[0]  # type: ignore[union-attr]
    await scenario.run(91)
    assert series.reload_at is not None
    assert series.reload_at > scenario.clock()
    await scenario.run(95, writes=False)
    await scenario.run(95.5)
    # It may have been read by now.
    assert series.losses == 1 or series.reload_at <= scenario.clock()


async def test_a_symbol_that_nobody_tracks_is_unavailable(scenario: CandleScenario) -> None:
    """The others are answered."""
    typo = parse_symbol("BTC/USDTT")
    scenario.expect([trade(1, 70)])
    await scenario.run(100)
    client = await scenario.subscribe(M1._replace(symbols=(typo, BTC)))
    snapshot = client.last()
    assert [each.symbol for each in snapshot.unavailable] == [typo]
    assert [one.series.key.symbol for one in snapshot.items] == [BTC]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"symbols": ()}, InvalidArgument),
        ({"symbols": (BTC,) * 51}, InvalidArgument),
        ({"last": -1}, InvalidArgument),
        ({"last": 1_000}, InvalidArgument),
        ({"zone": "Mars/Olympus"}, InvalidArgument),
    ],
)
async def test_arguments_out_of_range_are_refused(
    scenario: CandleScenario, change: dict[str, object], error: type[Exception]
) -> None:
    """At once."""
    with pytest.raises(error):
        scenario.gateway.live_queries.check(M1._replace(**change))  # type: ignore[arg-type]


async def test_a_cursor_of_something_else_is_refused(scenario: CandleScenario) -> None:
    """Such as that of rates."""
    with pytest.raises(InvalidCursor):
        scenario.gateway.live_queries.check(M1, scenario.gateway.rates.cursor() or "x")


async def test_series_end_with_their_last_subscription(scenario: CandleScenario) -> None:
    """Nothing is kept up to date for nobody."""
    scenario.expect([trade(1, 70)])
    await scenario.run(100)
    clients = [await scenario.subscribe(M1) for _ in range(2)]
    history = scenario.gateway.live_queries.history
    assert history is not None
    candles = history.candles
    assert candles.series_count == 1
    for client in clients:
        client.leave()
    del client
    clients.clear()
    await scenario.run(101)
    assert candles.series_count == 0
    assert not len(scenario.gateway.registry)


async def test_a_subscription_waits_for_a_database_that_is_away(scenario: CandleScenario) -> None:
    """It gets no error, and begins with the newest candles once the database answers."""
    scenario.expect([trade(number, 10 * number) for number in range(1, 30)])
    await scenario.run(100)
    storage = SometimesAway(scenario.store, simulated=False)
    async with running(scenario.open_gateway(storage)) as gateway:
        storage.is_away = True
        waiting = asyncio.create_task(scenario.subscribe(M1._replace(last=1), gateway=gateway))
        await wait_until(lambda: storage.failures)
        assert not waiting.done()
        storage.is_away = False
        await scenario.run(130)
        client = await waiting
        await scenario.settle()
        assert client.kinds()[0] == "SNAPSHOT"
        assert not client.errors
        (_, snapshot) = client.events[0]
        assert [one.candle.state for one in snapshot.items] == [CandleState.CLOSED, CandleState.FORMING]
        client.leave()


async def test_a_gateway_without_the_log_says_so(scenario: CandleScenario) -> None:
    """It has no live candles, and its queries go on."""
    scenario.bars = None  # type: ignore[assignment]
    gateway = scenario.open_gateway()
    await gateway.catalog.refresh()
    gateway.mirror.loaded = True
    with pytest.raises(HistoryUnavailable):
        gateway.live_queries.check(M1)
