"""`candles` as clients see it: every field, argument and error."""

from datetime import datetime, timedelta

import pytest

from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.request import GraphQLRequest
from gateway.schema.context import OperationMetadata
from history.bar import Bar, bar_of
from history.bar_rows import insert_rows, to_row
from history.models import MinuteRow
from instruments.store import InstrumentStore
from rates.errors import DatabaseUnavailable
from tests.gateway.fakes import FakeClock
from tests.gateway.fixture_types import Execute, Json
from tests.history.trades import at, trade

EVERY_FIELD = """
  source { code } cursor hasMore hasMoreGaps earliest gaps { from to reason }
  items { id symbol source { code } interval openTime closeTime open high low close volume quoteVolume tradeCount vwap
    origin state coverage revision asOf simulated }
"""
SHAPE = "items { openTime close tradeCount coverage state revision } hasMore cursor"


async def test_candles_tell_all_about_themselves(execute: Execute) -> None:
    """The gap is that before the connection: what is not proved yet is none.

    The executor has to pay for this length, too.
    """
    result = await execute(f'{{ candles(symbol: "BTC/USDT", interval: M1, last: 90) {{ {EVERY_FIELD} }} }}')
    assert not result.errors
    found = result.data["candles"]
    told = [[one[name] for name in ("coverage", "state", "tradeCount", "volume")] for one in found["items"]]
    assert told == [
        ["PARTIAL", "CLOSED", None, None],
        ["COMPLETE", "CLOSED", 2, "1.10"],
        ["NO_TRADES", "CLOSED", 0, "0"],
        ["PARTIAL", "FORMING", 1, "1"],
    ]
    assert found["items"][1] == {
        "id": "Candle:BINANCE:BTC/USDT:M1:2024-08-08T12:01:00.000Z",
        "symbol": "BTC/USDT",
        "source": {"code": "BINANCE"},
        "interval": "M1",
        "openTime": "2024-08-08T12:01:00.000Z",
        "closeTime": "2024-08-08T12:02:00.000Z",
        "open": "100",
        "high": "101.50",
        "low": "100",
        "close": "101.50",
        "volume": "1.10",
        "quoteVolume": "110.1500",
        "tradeCount": 2,
        "vwap": "100.136363636363636",
        "origin": "TRADES",
        "state": "CLOSED",
        "coverage": "COMPLETE",
        "revision": 0,
        "asOf": found["items"][1]["asOf"],
        "simulated": False,
    }
    assert found["gaps"] == [
        {"from": "2024-08-08T12:00:00.000Z", "to": "2024-08-08T12:00:12.000Z", "reason": "NOT_TRACKED"}
    ]
    assert found["hasMore"] == found["hasMoreGaps"] == False  # noqa: E712 - a value of JSON
    assert found["earliest"] == "2024-08-08T12:00:00.000Z"
    assert found["source"] == {"code": "BINANCE"}


async def test_longer_candles_are_folded_from_minutes_and_seconds(execute: Execute) -> None:
    """The last trade is in no stored minute yet."""
    result = await execute(
        '{ candles(symbol: "BTC/USDT", interval: M5) { items { tradeCount state coverage } } }'
    )
    assert not result.errors
    (candle,) = result.data["candles"]["items"]
    assert candle == {"tradeCount": 3, "state": "FORMING", "coverage": "PARTIAL"}


async def test_seconds_know_their_coverage_too(execute: Execute) -> None:
    """A second without a trade is told from one that nothing is known of."""
    result = await execute(
        """{ candles(symbol: "BTC/USDT", interval: S1, from: "2024-08-08T12:00:09Z", to: "2024-08-08T12:01:11Z") {
            items { openTime tradeCount coverage } hasMore } }"""
    )
    assert not result.errors
    items = result.data["candles"]["items"]
    assert len(items) == 62
    assert [one["coverage"] for one in items] == ["UNKNOWN"] * 3 + ["NO_TRADES"] * 58 + ["COMPLETE"]
    assert items[-1]["tradeCount"] == 1


@pytest.mark.slow
async def test_pages_lead_back_in_time(execute: Execute, clock: FakeClock) -> None:
    """All pages together are the whole list, also if time passes meanwhile."""
    whole = await execute(f'{{ candles(symbol: "BTC/USDT", interval: M1) {{ {SHAPE} }} }}')
    pages: list[Json] = []
    before = None
    while True:
        result = await execute(
            f"""query($before: String) {{ candles(symbol: "BTC/USDT", interval: M1, last: 1, before: $before) {{
                {SHAPE} }} }}""",
            before=before,
        )
        assert not result.errors
        page = result.data["candles"]
        pages = [*page["items"], *pages]
        before = page["cursor"]
        clock.advance(60)
        if not page["hasMore"]:
            break
    assert pages == list(whole.data["candles"]["items"])


async def test_a_window_selects_the_candles_that_begin_in_it(execute: Execute) -> None:
    """A time within a candle does not select it."""
    result = await execute(
        f"""{{ candles(symbol: "BTC/USDT", interval: M1, from: "2024-08-08T14:00:30+02:00", to: "2024-08-08T12:02:00Z") {{
            {SHAPE} }} }}"""
    )
    assert [one["openTime"] for one in result.data["candles"]["items"]] == ["2024-08-08T12:01:00.000Z"]
    assert result.data["candles"]["hasMore"] == False  # noqa: E712 - a value of JSON


@pytest.mark.slow
async def test_days_follow_the_clocks_of_a_time_zone(execute: Execute) -> None:
    """The trades were made on the eighth in Berlin, and on the ninth on the Line Islands."""
    for zone, opening in (("Europe/Berlin", "2024-08-07T22:00"), ("Pacific/Kiritimati", "2024-08-08T10:00")):
        result = await execute(
            """query($zone: String!) { candles(symbol: "BTC/USDT", interval: D1, timeZone: $zone) {
                items { id openTime tradeCount } } }""",
            zone=zone,
        )
        (day,) = result.data["candles"]["items"]
        assert day["openTime"] == f"{opening}:00.000Z"
        assert day["tradeCount"] == 3
        assert day["id"] == f"Candle:BINANCE:BTC/USDT:D1:{opening}:00.000Z?timeZone={zone}"


@pytest.mark.slow
async def test_an_answer_can_be_given_again_as_it_was(
    execute: Execute, database: InstrumentStore, clock: FakeClock
) -> None:
    """A late trade corrects the minute; the answer of before still has the old one."""
    document = """query($at: DateTime) { candles(symbol: "BTC/USDT", interval: M1, knownAt: $at) {
        items { openTime tradeCount coverage state revision asOf } hasMore cursor gaps { reason } } }"""
    before = clock.now.isoformat()
    then = await execute(document, at=before)
    await correct_minute(database, at(60), bar_of(trade(9, 70)), at(202))
    clock.advance(5)
    now = await execute(document, at=None)
    minute = now.data["candles"]["items"][1]
    assert minute["tradeCount"] == 1
    assert minute["state"] == "CORRECTED"
    assert minute["revision"] == 1
    assert await execute(document, at=before) == then
    assert then.data["candles"]["items"][1]["tradeCount"] == 2
    assert then.data["candles"]["gaps"] == None  # noqa: E711 - a value of JSON
    assert now.data["candles"]["gaps"] != None  # noqa: E711


async def correct_minute(
    database: InstrumentStore, open_time: datetime, bar: Bar, known_at: datetime
) -> None:
    """Store the next revision of a minute."""
    row = to_row(1, open_time, 1, bar, known_at) | {"coverage": "COMPLETE"}
    async with database.transaction() as connection:
        await insert_rows(connection, MinuteRow, [row])


async def test_a_candle_can_be_fetched_by_its_id(execute: Execute) -> None:
    """One that nobody knows is null, and a text that is none is an error."""
    result = await execute(
        """{ nodes(ids: ["Candle:BINANCE:BTC/USDT:M1:2024-08-08T12:01:00.000Z",
            "Candle:BINANCE:BTC/USDT:M1:2024-08-08T12:00:30.000Z",
            "Candle:BINANCE:XXX/USDT:M1:2024-08-08T12:01:00.000Z",
            "Candle:BINANCE:BTC/USDT:M1:2024-08-08T12:01:00Z"]) { id ... on Candle { tradeCount } } }"""
    )
    assert list(result.data["nodes"]) == [
        {"id": "Candle:BINANCE:BTC/USDT:M1:2024-08-08T12:01:00.000Z", "tradeCount": 2},
        None,
        None,
        None,
    ]
    assert [error.extensions["code"] for error in result.errors] == ["BAD_USER_INPUT"]


async def test_a_symbol_without_a_history_has_no_candles(execute: Execute) -> None:
    """It is tracked. One that is not is an error with near matches."""
    result = await execute(
        """{ known: candles(symbol: "ETH/USDT", interval: M1, last: 9) { items { id } earliest hasMore gaps { reason } source { code } }
            unknown: candles(symbol: "ETH/USDX", interval: M1, last: 9) { items { id } } }"""
    )
    assert result.data["known"] == {
        "items": [],
        "earliest": None,
        "hasMore": False,
        "gaps": [],
        "source": {"code": "BINANCE"},
    }
    assert result.data["unknown"] == None  # noqa: E711 - a value of JSON
    (error,) = result.errors
    assert error.extensions["code"] == "UNKNOWN_SYMBOL"
    assert "ETH/USDT" in error.extensions["near"]


@pytest.mark.parametrize(
    "arguments",
    [
        "last: 0",
        "last: 1001",
        'timeZone: "Mars/Olympus"',
        'before: "x"',
        'from: "2024-08-08T12:00:00Z", to: "2024-08-08T12:00:00Z"',
        'from: "1999-01-01T00:00:00Z"',
        'knownAt: "2030-01-01T00:00:00Z"',
    ],
)
async def test_arguments_out_of_range_are_refused(execute: Execute, arguments: str) -> None:
    """Each with its name and what was expected."""
    result = await execute(f'{{ candles(symbol: "BTC/USDT", interval: M1, {arguments}) {{ cursor }} }}')
    assert [error.extensions["code"] for error in result.errors] == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    "text", ["2024-08-08", "2024-08-08T12:00:00", "12:00", "2024-13-08T12:00:00Z", "", 7]
)
async def test_a_time_without_an_offset_is_refused(execute: Execute, text: object) -> None:
    """So is what is no time."""
    result = await execute(
        'query($from: DateTime) { candles(symbol: "BTC/USDT", interval: M1, from: $from) { cursor } }',
        **{"from": text},
    )
    (error,) = result.errors
    assert error.extensions["code"] == "BAD_USER_INPUT"
    assert "RFC 3339" in error.message


async def test_seconds_are_not_known_as_they_were(execute: Execute) -> None:
    """The covered times of then are not stored."""
    result = await execute(
        '{ candles(symbol: "BTC/USDT", interval: S1, knownAt: "2024-08-08T12:01:00Z") { cursor } }'
    )
    assert [error.extensions["code"] for error in result.errors] == ["BAD_USER_INPUT"]


@pytest.mark.slow
async def test_both_paths_give_the_same_bytes(fast_operations: Operations) -> None:
    """The executor encodes what the fast path does, with an alias and a fragment too."""
    for interval in ("S1", "M1", "M5", "D1"):
        request = GraphQLRequest(
            f"""query {{ chart: candles(symbol: "BTC/USDT", interval: {interval}, last: 90) {{ __typename ...All }} }}
                fragment All on CandleList {{ {EVERY_FIELD} }}"""
        )
        prepared = fast_operations.prepare(request)
        assert prepared.plan is not None
        fast = await fast_operations.answer(prepared)
        executed = await fast_operations.answer(prepared._replace(plan=None))
        assert fast.body == executed.body


async def test_equal_questions_read_the_database_once(gateway: Gateway, fast_operations: Operations) -> None:
    """An answer with a candle that may change is kept for a quarter of a second."""
    prepared = fast_operations.prepare(
        GraphQLRequest(f'{{ candles(symbol: "BTC/USDT", interval: M1) {{ {SHAPE} }} }}')
    )
    first = await fast_operations.answer(prepared)
    assert prepared.plan is not None
    assert fast_operations.chunks(prepared.plan) is not None
    assert (await fast_operations.answer(prepared)).body == first.body
    assert gateway.candles.read_count == 1


async def test_a_settled_answer_may_be_cached_by_clients(operations: Operations, clock: FakeClock) -> None:
    """All its candles are complete, and too old to be corrected."""
    request = GraphQLRequest(
        f"""{{ candles(symbol: "BTC/USDT", interval: M1, from: "2024-08-08T12:01:00Z", to: "2024-08-08T12:03:00Z") {{
            {SHAPE} }} }}"""
    )
    lasting = []
    for wait_s in (0, 1_000):
        clock.advance(wait_s)
        metadata = OperationMetadata()
        await operations.answer(operations.prepare(request), metadata)
        lasting.append(metadata.fresh_for)
    assert lasting == [timedelta(milliseconds=250), timedelta(hours=1)]


async def test_a_database_that_is_lost_is_told(execute: Execute, gateway: Gateway, clock: FakeClock) -> None:
    """Other root fields are answered; once it is back, so are candles."""

    async def fail(series: int) -> datetime | None:
        raise DatabaseUnavailable(f"connection for {series} refused by db.internal")

    storage = gateway.candles._storage
    assert storage is not None
    working, storage.read_earliest = storage.read_earliest, fail  # type: ignore[method-assign]
    document = '{ candles(symbol: "BTC/USDT", interval: M1) { cursor } source(code: BINANCE) { code } }'
    result = await execute(document)
    (error,) = result.errors
    assert error.extensions["code"] == "HISTORY_UNAVAILABLE"
    assert "db.internal" not in error.message
    assert result.data["source"] == {"code": "BINANCE"}
    storage.read_earliest = working  # type: ignore[method-assign]
    clock.advance(1)
    assert not (await execute(document)).errors
