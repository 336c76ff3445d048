"""`rateAt` as clients see it, and compared with the trades themselves."""

import random
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.queries.rate_at.query import RateAtQuery
from gateway.request import GraphQLRequest
from gateway.schema.context import OperationMetadata
from history.bar import bar_of, fold
from history.bar_rows import insert_rows, to_row
from history.coverage import CandleCoverage
from history.kline import Kline
from history.kline_check import to_bar
from history.models import HourRow, MinuteRow, SecondRow
from instruments.store import InstrumentStore
from rates.errors import RateNotSeen
from rates.symbol import Symbol
from tests.gateway.fakes import FakeClock
from tests.gateway.fixture_types import Execute, Json
from tests.history.trades import at, trade

EVERY_FIELD = "symbol source { code } at price tradedAt ageMs ttlMs freshness coverage asOf simulated"
BTC = Symbol("BTC", "USDT")
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


async def ask(
    execute: Execute, seconds: float, arguments: str = "", fields: str = "price tradedAt coverage"
) -> Json:
    """Return the rate at so many seconds after the beginning of the history."""
    result = await execute(
        f'query($at: DateTime!) {{ rateAt(symbol: "BTC/USDT", at: $at{arguments}) {{ {fields} }} }}',
        at=at(seconds).isoformat(),
    )
    assert not result.errors
    return result.data["rateAt"]


async def test_the_last_trade_is_told_with_its_age_then(execute: Execute) -> None:
    """The trades were made after 70, 80 and 190 seconds."""
    assert await ask(execute, 85.5, fields=EVERY_FIELD) == {
        "symbol": "BTC/USDT",
        "source": {"code": "BINANCE"},
        "at": "2024-08-08T12:01:25.500Z",
        "price": "101.50",
        "tradedAt": "2024-08-08T12:01:20.000Z",
        "ageMs": 5500,
        "ttlMs": 10000,
        "freshness": "FRESH",
        "coverage": "COMPLETE",
        "asOf": (await ask(execute, 85.5, fields="asOf"))["asOf"],
        "simulated": False,
    }
    for seconds, price, traded, coverage in (
        (70, "100", "12:01:10", "COMPLETE"),
        (79.999, "100", "12:01:10", "COMPLETE"),
        (80, "101.50", "12:01:20", "COMPLETE"),
        (179, "101.50", "12:01:20", "COMPLETE"),
        (195, "100", "12:03:10", "PARTIAL"),
    ):
        found = await ask(execute, seconds)
        assert found == {"price": price, "tradedAt": f"2024-08-08T{traded}.000Z", "coverage": coverage}


async def test_a_time_of_which_nothing_is_known_is_told(
    execute: Execute, database: InstrumentStore, clock: FakeClock
) -> None:
    """After the last minute that is stored, or between two of them."""
    clock.now = at(7_200)
    found = await ask(execute, 3_600)
    assert found == {"price": "100", "tradedAt": "2024-08-08T12:03:10.000Z", "coverage": "UNKNOWN"}
    minute = to_row(1, at(600), 0, None, at(700)) | {"coverage": "NO_TRADES"}
    await store(database, MinuteRow, [minute])
    clock.advance(5)
    assert (await ask(execute, 3_600))["coverage"] == "PARTIAL"


@pytest.mark.slow
async def test_a_minute_that_was_filled_in_has_its_close_at_its_end(
    execute: Execute, database: InstrumentStore, clock: FakeClock
) -> None:
    """Within it, a trade may have been made at any time."""
    clock.now = at(7_200)
    kline = Kline(
        *(at(240), Decimal(105), Decimal(109), Decimal(104), Decimal(108)),
        volume=Decimal(3),
        quote_volume=None,
        trades=9,
    )
    rows = [
        to_row(1, at(180), 5, bar_of(trade(3, 190)), at(250)) | {"coverage": "COMPLETE"},
        to_row(1, at(240), 5, to_bar(kline), at(400)) | {"coverage": "COMPLETE", "origin": "EXCHANGE"},
        to_row(1, at(300), 5, None, at(400)) | {"coverage": "NO_TRADES"},
    ]
    await store(database, MinuteRow, rows)
    assert await ask(execute, 239.5) == {
        "price": "100",
        "tradedAt": "2024-08-08T12:03:10.000Z",
        "coverage": "COMPLETE",
    }
    assert await ask(execute, 270) == {
        "price": "100",
        "tradedAt": "2024-08-08T12:03:10.000Z",
        "coverage": "PARTIAL",
    }
    assert await ask(execute, 330) == {
        "price": "108",
        "tradedAt": "2024-08-08T12:04:59.999999Z",
        "coverage": "COMPLETE",
    }


async def store(
    database: InstrumentStore,
    table: type[SecondRow] | type[MinuteRow] | type[HourRow],
    rows: list[dict[str, object]],
) -> None:
    async with database.transaction() as connection:
        await insert_rows(connection, table, rows)


async def test_no_trade_before_is_an_error(execute: Execute) -> None:
    """As an unknown symbol and a time of the future are."""
    result = await execute(
        """{ early: rateAt(symbol: "BTC/USDT", at: "2024-08-08T12:01:09Z") { price }
            none: rateAt(symbol: "ETH/USDT", at: "2024-08-08T12:01:09Z") { price }
            unknown: rateAt(symbol: "ETH/USDX", at: "2024-08-08T12:01:09Z") { price }
            future: rateAt(symbol: "BTC/USDT", at: "2024-08-08T12:30:00Z") { price }
            known: rateAt(symbol: "BTC/USDT", at: "2024-08-08T12:01:30Z", knownAt: "2024-08-08T12:30:00Z") { price } }"""
    )
    assert result.codes() == {
        "early": "RATE_NOT_SEEN",
        "none": "RATE_NOT_SEEN",
        "unknown": "UNKNOWN_SYMBOL",
        "future": "BAD_USER_INPUT",
        "known": "BAD_USER_INPUT",
    }
    (message,) = [error.message for error in result.errors if error.path == ["early"]]
    assert "12:01:09" in message


async def test_a_rate_that_is_too_old_is_treated_as_asked(execute: Execute) -> None:
    """By the TTL of its source, or by the limit of the client."""
    assert (await ask(execute, 120, ", onStale: RETURN", "freshness"))["freshness"] == "STALE"
    assert await ask(execute, 120, ", onStale: OMIT") is None
    assert (await ask(execute, 120, ", onStale: OMIT, maxAgeMs: 40000"))["price"] == "101.50"
    result = await execute(
        '{ rateAt(symbol: "BTC/USDT", at: "2024-08-08T12:02:00Z", onStale: ERROR, maxAgeMs: 39999) { price } }'
    )
    (error,) = result.errors
    assert error.extensions["code"] == "RATE_STALE"
    assert error.extensions["ageMs"] == 40_000


@pytest.mark.slow
async def test_an_answer_can_be_given_again_as_it_was(
    execute: Execute, database: InstrumentStore, clock: FakeClock
) -> None:
    """A trade that became known later is left out with `knownAt`."""
    before = clock.now.isoformat()
    arguments = f', knownAt: "{before}"'
    then = await ask(execute, 110, arguments)
    late = bar_of(trade(9, 95, "55"))
    await store(database, SecondRow, [to_row(1, at(95), 0, late, at(202))])
    clock.advance(5)
    assert (await ask(execute, 110))["price"] == "55"
    assert await ask(execute, 110, arguments) == then
    assert then["price"] == "101.50"


@pytest.mark.slow
async def test_trades_within_a_bar_are_not_made_up(
    database: InstrumentStore, gateway: Gateway, clock: FakeClock
) -> None:
    """If only minutes or hours are left, the first trade of the bar is told."""
    clock.now = at(40 * 86_400)
    start = at(20 * 86_400)
    minute = fold([bar_of(trade(1, 20 * 86_400 + 10, "1")), bar_of(trade(2, 20 * 86_400 + 40, "2"))])
    await store(database, MinuteRow, [to_row(1, start, 0, minute, start) | {"coverage": "COMPLETE"}])
    hour_start = start + 48 * HOUR
    hour = fold([bar_of(trade(3, 22 * 86_400 + 600, "3")), bar_of(trade(4, 22 * 86_400 + 1200, "4"))])
    await store(database, HourRow, [to_row(1, hour_start, 0, hour, hour_start) | {"coverage": "COMPLETE"}])
    for moment, price, coverage in (
        (start + 30 * SECOND, "1", CandleCoverage.PARTIAL),
        (start + 50 * SECOND, "2", CandleCoverage.COMPLETE),
        (start + 5 * MINUTE, "2", CandleCoverage.UNKNOWN),
        (hour_start + 15 * MINUTE, "3", CandleCoverage.PARTIAL),
        (hour_start + 40 * MINUTE, "4", CandleCoverage.COMPLETE),
        (hour_start + 30 * HOUR, "4", CandleCoverage.UNKNOWN),
    ):
        found = await gateway.history.rate_at.read(RateAtQuery(BTC, moment))
        assert (str(found.rate.ticker.price), found.coverage) == (price, coverage)


@pytest.mark.slow
async def test_every_moment_has_the_last_trade_before_it(
    database: InstrumentStore, gateway: Gateway, clock: FakeClock
) -> None:
    """Compared with the trades themselves, with and without stored seconds."""
    chance = random.Random(3)
    clock.now = at(86_400)
    times = sorted(chance.sample(range(3_600_000, 3_600_000 + 7_200_000), 300))
    trades = [trade(n, ms / 1000, str(n)) for n, ms in enumerate(times, 1)]
    by_second: dict[datetime, list[int]] = {}
    by_minute: dict[datetime, list[int]] = {}
    for n, one in enumerate(trades):
        by_second.setdefault(one.time.replace(microsecond=0), []).append(n)
        by_minute.setdefault(one.time.replace(second=0, microsecond=0), []).append(n)
    # The second half has minutes only.
    seconds = [
        to_row(1, start, 0, fold(bar_of(trades[n]) for n in found), start)
        for start, found in by_second.items()
        if start < at(7_200)
    ]
    minutes = [
        to_row(1, start, 0, fold(bar_of(trades[n]) for n in found), start) | {"coverage": "COMPLETE"}
        for start, found in by_minute.items()
    ]
    quiet = {at(3_600) + n * MINUTE for n in range(120)} - by_minute.keys()
    minutes += [to_row(1, start, 0, None, start) | {"coverage": "NO_TRADES"} for start in quiet]
    await store(database, SecondRow, seconds)
    await store(database, MinuteRow, minutes)
    for _ in range(400):
        moment = at(3_600 + chance.randrange(7_200_000) / 1000)
        before = [one for one in trades if one.time <= moment]
        try:
            found = await gateway.history.rate_at.read(RateAtQuery(BTC, moment))
        except RateNotSeen:
            assert not before
            continue
        if found.rate.ticker.observed_at < at(3_600):
            # Of the recorded history before.
            assert not before
            continue
        told = (found.rate.ticker.price, found.rate.ticker.observed_at)
        if found.coverage is CandleCoverage.COMPLETE:
            assert told == (before[-1].price, before[-1].time)
        else:
            assert found.coverage is CandleCoverage.PARTIAL
            assert told in [(one.price, one.time) for one in before]
            bars = by_minute if moment >= at(7_200) else by_second
            length = MINUTE if moment >= at(7_200) else SECOND
            assert sum(start <= moment < start + length and len(of) > 1 for start, of in bars.items())
    assert Decimal(1) == trades[0].price


async def test_a_settled_answer_may_be_cached_by_clients(operations: Operations, clock: FakeClock) -> None:
    """It is complete, and too old to be corrected."""
    request = GraphQLRequest('{ rateAt(symbol: "BTC/USDT", at: "2024-08-08T12:01:30Z") { price } }')
    lasting = []
    for wait_s in (0, 1_000):
        clock.advance(wait_s)
        metadata = OperationMetadata()
        await operations.answer(operations.prepare(request), metadata)
        lasting.append(metadata.fresh_for)
    assert lasting == [timedelta(milliseconds=250), timedelta(hours=1)]
