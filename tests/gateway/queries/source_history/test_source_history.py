"""`sourceHistory` as clients see it, and compared with a computation of its own."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from gateway.queries.source_history.query import (
    LONGEST,
    MAX_PERIODS,
    MAX_POINTS,
    SourceHistoryQuery,
    plan_points,
)
from gateway.queries.source_history.source_history import list_points
from history.lag_counts import LagCounts
from history.source_record import RecordedPiece, RecordedSpan, RecordedState, SourceFigures, SourcePeriod
from history.store import HistoryStore
from instruments.store import InstrumentStore
from rates.clock import EPOCH
from rates.source import Source
from tests.gateway.fakes import FakeClock
from tests.gateway.fixture_types import Execute, Json
from tests.history.trades import at

EVERY_FIELD = """source { code } from to periods { from to state reason } hasMorePeriods
  points { from to recordedMs lagP50Ms lagP99Ms receivedCount refusedCount } stepMs earliest
  minutesChecked { equalCount differingCount filledCount unansweredCount } simulated"""
UP, DOWN = RecordedState.UP, RecordedState.DOWN


def piece(start: float, end: float, state: RecordedState, *lags: int, refused: int = 0) -> RecordedPiece:
    """Return a piece with one rate for each delay."""
    counts = LagCounts()
    for lag in lags:
        counts.add(lag)
    periods = (SourcePeriod(at(start), at(end), state, None if state is UP else "lost"),)
    return RecordedPiece("kraken", periods, SourceFigures(len(lags), refused, counts))


async def store(database: InstrumentStore, *pieces: RecordedPiece) -> None:
    await HistoryStore(database, simulated=False).record_sources(pieces)


async def ask(execute: Execute, start: datetime, end: datetime, fields: str = EVERY_FIELD) -> Json:
    result = await execute(
        f'{{ sourceHistory(source: KRAKEN, from: "{start.isoformat()}", to: "{end.isoformat()}") {{ {fields} }} }}'
    )
    assert not result.errors
    return result.data["sourceHistory"]


async def test_states_and_figures_are_told_with_the_times_that_nobody_recorded(
    execute: Execute, database: InstrumentStore, clock: FakeClock
) -> None:
    """The recorder came half a minute late, and told of one outage."""
    clock.now = at(125)
    await store(database, piece(30, 60, UP, 5, 7, 100), piece(60, 90, DOWN, refused=2), piece(90, 120, UP, 9))
    answer = await ask(execute, at(0), at(3600))
    assert answer == {
        "source": {"code": "KRAKEN"},
        "from": "2024-08-08T12:00:00.000Z",
        "to": "2024-08-08T13:00:00.000Z",
        "periods": [
            {
                "from": "2024-08-08T12:00:00.000Z",
                "to": "2024-08-08T12:00:30.000Z",
                "state": "UNKNOWN",
                "reason": None,
            },
            {
                "from": "2024-08-08T12:00:30.000Z",
                "to": "2024-08-08T12:01:00.000Z",
                "state": "UP",
                "reason": None,
            },
            {
                "from": "2024-08-08T12:01:00.000Z",
                "to": "2024-08-08T12:01:30.000Z",
                "state": "DOWN",
                "reason": "lost",
            },
            {
                "from": "2024-08-08T12:01:30.000Z",
                "to": "2024-08-08T12:02:00.000Z",
                "state": "UP",
                "reason": None,
            },
        ],
        "hasMorePeriods": False,
        "points": [
            {
                "from": "2024-08-08T12:00:00.000Z",
                "to": "2024-08-08T12:01:00.000Z",
                "recordedMs": 30_000,
                "lagP50Ms": 7,
                "lagP99Ms": 103,
                "receivedCount": 3,
                "refusedCount": 0,
            },
            {
                "from": "2024-08-08T12:01:00.000Z",
                "to": "2024-08-08T12:02:00.000Z",
                "recordedMs": 60_000,
                "lagP50Ms": 9,
                "lagP99Ms": 9,
                "receivedCount": 1,
                "refusedCount": 2,
            },
            {
                "from": "2024-08-08T12:02:00.000Z",
                "to": "2024-08-08T12:03:00.000Z",
                "recordedMs": 0,
                "lagP50Ms": None,
                "lagP99Ms": None,
                "receivedCount": None,
                "refusedCount": None,
            },
        ],
        "stepMs": 60_000,
        "earliest": "2024-08-08T00:00:00.000Z",
        "minutesChecked": {"equalCount": 0, "differingCount": 0, "filledCount": 0, "unansweredCount": 0},
        "simulated": False,
    }


async def test_a_source_that_nobody_recorded_is_unknown(execute: Execute, clock: FakeClock) -> None:
    """All of the time, and no figure is made up."""
    clock.now = at(3600)
    answer = await ask(execute, at(0), at(600), "periods { state } points { receivedCount } earliest")
    assert [period["state"] for period in answer["periods"]] == ["UNKNOWN"]
    assert [point["receivedCount"] for point in answer["points"]] == [None] * 10
    assert answer["earliest"] is None


@pytest.mark.slow
async def test_longer_times_have_longer_points_of_hours(
    execute: Execute, database: InstrumentStore, clock: FakeClock
) -> None:
    """A week is made of hours, whose minutes may have been dropped."""
    clock.now = at(7 * 86_400)
    await store(database, *(piece(600 * n, 600 * n + 5, UP, n) for n in range(12)))
    answer = await ask(execute, at(0), at(7 * 86_400), "stepMs points { receivedCount recordedMs lagP99Ms }")
    assert answer["stepMs"] == 3_600_000
    assert len(answer["points"]) == 7 * 24
    assert answer["points"][0] == {"receivedCount": 6, "recordedMs": 30_000, "lagP99Ms": 5}
    assert answer["points"][1] == {"receivedCount": 6, "recordedMs": 30_000, "lagP99Ms": 11}
    assert answer["points"][2]["receivedCount"] is None


@pytest.mark.slow
async def test_of_too_many_periods_the_newest_are_told(
    execute: Execute, database: InstrumentStore, clock: FakeClock
) -> None:
    """The answer begins with the first that it has, and says so."""
    clock.now = at(6000)
    states = (UP, DOWN)
    await store(database, *(piece(5 * n, 5 * n + 5, states[n % 2]) for n in range(MAX_PERIODS + 20)))
    answer = await ask(execute, at(0), at(5 * (MAX_PERIODS + 20)), "hasMorePeriods periods { from state }")
    assert str(answer["hasMorePeriods"]) == "True"
    assert len(answer["periods"]) == MAX_PERIODS
    assert answer["periods"][0] == {"from": "2024-08-08T12:01:40.000Z", "state": "UP"}


@pytest.mark.parametrize(("start", "end"), [(10, 10), (10, 0), (0, 241 * 86_400)])
async def test_times_that_are_empty_or_too_long_are_refused(execute: Execute, start: int, end: int) -> None:
    """The message says what is allowed."""
    result = await execute(
        f'{{ sourceHistory(source: KRAKEN, from: "{at(start).isoformat()}", to: "{at(end).isoformat()}")'
        " { stepMs } }"
    )
    assert result.codes() == {"sourceHistory": "BAD_USER_INPUT"}
    assert "at most 240 days" in result.errors[0].message


def expected_points(
    spans: Sequence[RecordedSpan], start: datetime, end: datetime, step: timedelta
) -> list[tuple[datetime, int | None, int | None]]:
    """Return start, received and refused of each point, by other means."""
    found = []
    first = EPOCH + (start - EPOCH) // step * step
    while first < end:
        inside = [span for span in spans if first <= span.open_time < first + step]
        total = sum(one.figures.received for one in inside) if inside else None
        refused = sum(one.figures.refused for one in inside) if inside else None
        found.append((first, total, refused))
        first += step
    return found


@pytest.mark.slow
def test_points_of_any_time_add_up() -> None:
    """Times, lengths and holes are random: there are few enough points, each with what is in it."""
    chance = random.Random(5)
    for _ in range(200):
        length = min(
            LONGEST, timedelta(seconds=chance.choice((1, 60, 3600, 86_400)) * chance.randrange(1, 240))
        )
        start = at(chance.randrange(100_000))
        plan = plan_points(SourceHistoryQuery(Source.KRAKEN, start, start + length), start + length)
        assert len(plan.starts) <= MAX_POINTS + 1
        unit = plan.step
        spans = []
        opened = plan.window.start
        while opened < plan.window.end:
            if chance.random() < 0.7:
                figures = SourceFigures(chance.randrange(9), chance.randrange(3), LagCounts())
                spans.append(RecordedSpan(opened, unit, figures))
            opened += unit
        found = list_points(plan, spans)
        told = [(one.start, one.received, one.refused) for one in found]
        assert told == expected_points(spans, start, start + length, plan.step)
