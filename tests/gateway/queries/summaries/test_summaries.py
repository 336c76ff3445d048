"""`summaries` as clients see them, and compared with a computation of their own."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.queries.summaries.query import SummariesQuery
from gateway.queries.summaries.summary import CHANGES
from gateway.request import GraphQLRequest
from gateway.schema.context import OperationMetadata
from history.bar import bar_of
from history.bar_rows import insert_rows, to_row
from history.interval import TimeSpan
from history.models import MinuteRow
from history.span_close import SpanClose
from instruments.store import InstrumentStore
from rates.errors import DatabaseUnavailable
from rates.symbol import Symbol
from tests.gateway.fakes import FakeClock
from tests.gateway.fixture_types import Execute
from tests.history.trades import at, trade

EVERY_FIELD = """symbol source { code } from to price closes closeTimes changePercent1h changePercent24h changePercent7d coverage
  simulated"""
BTC = Symbol("BTC", "USDT")
MINUTE = timedelta(minutes=1)


async def test_the_last_day_is_summarised(execute: Execute, clock: FakeClock) -> None:
    """Up to the last minute that is surely stored: here the one with two trades."""
    result = await execute(f'{{ summaries(symbols: ["BTC/USDT"], points: 4) {{ {EVERY_FIELD} }} }}')
    assert not result.errors
    assert list(result.data["summaries"]) == [
        {
            "symbol": "BTC/USDT",
            "source": {"code": "BINANCE"},
            "from": "2024-08-07T12:00:00.000Z",
            "to": "2024-08-08T12:02:00.000Z",
            "price": "101.50",
            "closes": [None, None, None, "101.50"],
            "closeTimes": [
                "2024-08-07T18:00:00.000Z",
                "2024-08-08T00:00:00.000Z",
                "2024-08-08T06:00:00.000Z",
                "2024-08-08T12:02:00.000Z",
            ],
            "changePercent1h": None,
            "changePercent24h": None,
            "changePercent7d": None,
            "coverage": "PARTIAL",
            "simulated": False,
        }
    ]


async def test_each_symbol_has_one_in_order(execute: Execute) -> None:
    """One without a history is UNKNOWN, and one that no source tracks has no source."""
    result = await execute(
        """{ summaries(symbols: ["XXX/USDT", "ETH/USDT", "BTC/USDT", "ETH/USDT"], points: 2) {
            symbol source { code } price closes coverage } all: summaries { symbol closes } }"""
    )
    assert not result.errors
    found: Any = result.data
    assert [
        (one["symbol"], one["source"] and one["source"]["code"], one["price"], one["coverage"])
        for one in found["summaries"]
    ] == [
        ("XXX/USDT", None, None, "UNKNOWN"),
        ("ETH/USDT", "BINANCE", None, "UNKNOWN"),
        ("BTC/USDT", "BINANCE", "101.50", "PARTIAL"),
    ]
    assert list(result.data["summaries"][0]["closes"]) == [None, None]
    assert [one["symbol"] for one in result.data["all"]] == ["BTC/USD", "BTC/USDT", "ETH/USDT"]
    assert len(result.data["all"][0]["closes"]) == 48


@pytest.mark.parametrize("arguments", ["points: 1", "points: 97", "symbols: []", "symbols: $many"])
async def test_arguments_out_of_range_are_refused(execute: Execute, arguments: str) -> None:
    """Each with its name and what was expected."""
    many = [f"A{number}/USDT" for number in range(501)]
    result = await execute(
        f"query($many: [Symbol!]) {{ summaries({arguments}) {{ price }} rates(symbols: $many) {{ cursor }} }}",
        many=many,
    )
    assert "BAD_USER_INPUT" in [error.extensions["code"] for error in result.errors]
    assert not result.data or result.data["summaries"] is None


async def test_both_paths_give_the_same_bytes(fast_operations: Operations) -> None:
    """And say for how long they stay the same: until the next minute is surely stored."""
    request = GraphQLRequest(f"{{ all: summaries(points: 3) {{ __typename {EVERY_FIELD} }} }}")
    prepared = fast_operations.prepare(request)
    assert prepared.plan is not None
    fast_metadata, metadata = OperationMetadata(), OperationMetadata()
    fast = await fast_operations.answer(prepared, fast_metadata)
    executed = await fast_operations.answer(prepared._replace(plan=None), metadata)
    assert fast.body == executed.body
    assert fast_operations.chunks(prepared.plan) is not None
    assert fast_metadata.fresh_for == metadata.fresh_for == timedelta(seconds=20)


async def test_the_database_is_read_once_a_minute_for_all(gateway: Gateway, clock: FakeClock) -> None:
    """After the first time, only what may have changed is read."""
    storage, windows = gateway.candles._storage, list[TimeSpan]()
    assert storage is not None
    read = storage.read_quarter_closes

    async def count(series: Sequence[int], window: TimeSpan) -> dict[datetime, dict[int, SpanClose]]:
        windows.append(window)
        return await read(series, window)

    storage.read_quarter_closes = count  # type: ignore[method-assign, assignment]
    summaries = gateway.history.summaries
    for points in (48, 7):
        await summaries.read(SummariesQuery((BTC,), points))
        await summaries.read(SummariesQuery(None, points))
    assert summaries.read_count == 1
    # A day of so few instruments is one statement.
    assert len(windows) == 1
    assert windows[-1].end - windows[0].start == timedelta(days=1, minutes=2)
    windows.clear()
    clock.advance(60)
    await summaries.read(SummariesQuery())
    assert summaries.read_count == 2
    assert sum((window.end - window.start for window in windows), timedelta()) <= timedelta(hours=1.5)


@pytest.mark.slow
async def test_what_is_stored_later_is_seen_within_an_hour(
    gateway: Gateway, database: InstrumentStore, clock: FakeClock
) -> None:
    """Older quarter hours are read again in turn."""
    query = SummariesQuery((BTC,), 96)
    before = (await gateway.history.summaries.read(query)).items[0]
    assert before.closes[40] is None
    filled = before.close_times[40] - 5 * MINUTE
    await store(database, [to_row(1, filled, 0, bar_of(trade(7, 0, "99")), filled) | {"coverage": "PARTIAL"}])
    for _ in range(60):
        clock.advance(60)
        answer = (await gateway.history.summaries.read(query)).items[0]
    found = dict(zip(answer.close_times, answer.closes, strict=True))
    assert found[before.close_times[40]] == 99


async def store(database: InstrumentStore, rows: list[dict[str, object]]) -> None:
    async with database.transaction() as connection:
        await insert_rows(connection, MinuteRow, rows)


@pytest.mark.slow
async def test_summaries_equal_a_computation_minute_by_minute(
    gateway: Gateway, database: InstrumentStore, clock: FakeClock
) -> None:
    """With gaps, quiet times and trades, over more than a week."""
    chance = random.Random(5)
    clock.now = at(8 * 86_400) + timedelta(seconds=chance.randrange(3_600))
    end = (clock.now - timedelta(seconds=40)).replace(second=0)
    kinds = {minute: choose(chance) for minute in list_minutes(end, chance)}
    await store(
        database,
        [
            to_row(1, start, 0, None if price is None else bar_of(trade(1, 0, price)), start)
            | {"coverage": coverage}
            for start, (price, coverage) in kinds.items()
        ],
    )
    for points in (2, 5, 48, 96):
        (found,) = (await gateway.history.summaries.read(SummariesQuery((BTC,), points))).items
        assert found.window.end == end
        assert len(found.closes) == points
        times = [found.window.start, *found.close_times]
        assert times == sorted(set(times))
        price: str | None = None
        start = found.window.start
        for until, close in zip(found.close_times, found.closes, strict=True):
            while start < until:
                quarter_end = min(start + 15 * MINUTE, end)
                price = follow(kinds, start, quarter_end, price)
                start = quarter_end
            assert close == (None if price is None else Decimal(price))
        for length, change in zip(CHANGES, found.changes, strict=True):
            then = last_price(kinds, end - length, 60)
            now = last_price(kinds, end, 1440)
            if then is None or now is None:
                assert change is None
            else:
                assert change is not None
                assert abs(change - (Decimal(now) / Decimal(then) - 1) * 100) < Decimal("1e-12")


def list_minutes(end: datetime, chance: random.Random) -> list[datetime]:
    """Return the minutes of the last day, and those around the times of the changes."""
    day = [end - number * MINUTE for number in range(1, 1500)]
    week = [end - timedelta(days=7) - number * MINUTE for number in range(1, 50)]
    return [minute for minute in day + week if chance.random() < 0.98]


def choose(chance: random.Random) -> tuple[str | None, str]:
    coverage = chance.choices(("COMPLETE", "NO_TRADES", "PARTIAL"), (3, 60, 0.3))[0]
    return (None if coverage == "NO_TRADES" else chance.choice(("7", "6.9", "7.25"))), coverage


Minutes = dict[datetime, tuple[str | None, str]]


def follow(minutes: Minutes, start: datetime, end: datetime, price: str | None) -> str | None:
    """Return the price after a quarter hour: that before it only if all of it is known."""
    inside = [minutes.get(start + n * MINUTE) for n in range((end - start) // MINUTE)]
    traded = [one[0] for one in inside if one is not None and one[0] is not None]
    if traded:
        return traded[-1]
    return price if all(one is not None and one[1] != "PARTIAL" for one in inside) else None


def last_price(minutes: Minutes, before: datetime, count: int) -> str | None:
    """Return the last price of so many minutes before a time."""
    prices = [minutes.get(before - n * MINUTE, (None, ""))[0] for n in range(1, count + 1)]
    return next((price for price in prices if price is not None), None)


async def test_a_database_that_is_lost_is_told(execute: Execute, gateway: Gateway, clock: FakeClock) -> None:
    """Other root fields are answered; once it is back, the summaries are too."""

    async def fail(series: Sequence[int], window: TimeSpan) -> dict[datetime, dict[int, SpanClose]]:
        raise DatabaseUnavailable(f"connection for {series} at {window} refused by db.internal")

    storage = gateway.candles._storage
    assert storage is not None
    working, storage.read_quarter_closes = storage.read_quarter_closes, fail  # type: ignore[method-assign, assignment]
    document = "{ summaries { price } source(code: BINANCE) { code } }"
    result = await execute(document)
    (error,) = result.errors
    assert error.extensions["code"] == "HISTORY_UNAVAILABLE"
    assert "db.internal" not in error.message
    assert result.data["source"] == {"code": "BINANCE"}
    storage.read_quarter_closes = working  # type: ignore[method-assign]
    clock.advance(1)
    assert not (await execute(document)).errors
