"""The same question has the same answer on every path, and that of another fold."""

import asyncio
import csv
import io
import itertools
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import delete, insert

from cache.memory import MemoryCache
from gateway.app import create_app
from gateway.gateway import Gateway
from gateway.queries.candles.candle_list import CandleList
from gateway.rest.csv_candles import encode_csv
from gateway.settings import GatewaySettings
from gateway.subscriptions.candles_event import CandlesEvent, LiveCandlesArgs
from gateway.subscriptions.cohort import IdentityEncoder
from history.bar_rows import insert_rows
from history.candle_reader import CandleReader
from history.export import read_candles, write_csv
from history.interval import Interval, TimeSpan
from history.memory_log import MemoryBarLog
from history.models import MinuteRow, QuarterRow, RecordingRow, SeriesRow
from history.place import NOTHING_ROLLED_UP
from history.rollup import Rollup
from history.time_zone import parse_zone
from instruments.store import InstrumentStore
from rates.source import Source
from rates.symbol import parse_symbol
from rates.ticker import TickerKey
from tests.gateway.fakes import FakeClock, ListedInstruments, wait_until
from tests.gateway.queries.candles.generated_minutes import MINUTE, MINUTES, STARTS, Minute, expect, generate
from tests.gateway.subscriptions.candle_scenario import EVERYTHING, CandleClient
from tests.migrated import migrate_new

SYMBOLS = ("BTC/USDT", "ETH/USDT")
ZONES = ("UTC", "UTC", "Europe/Berlin", "Asia/Kolkata", "Pacific/Chatham", "America/New_York")
RESOLUTIONS = {
    "M1": "1",
    "M5": "5",
    "M15": "15",
    "M30": "30",
    "H1": "60",
    "H4": "240",
    "H12": "720",
    "D1": "1D",
    "W1": "1W",
    "MN1": "1M",
}
# The columns of an export by those of the CSV of the API, but for times.
EXPORTED = {
    **{name: name for name in ("open", "high", "low", "close", "volume", "vwap", "coverage", "origin")},
    "quoteVolume": "quote_volume",
    "tradeCount": "trades",
    "state": "state",
    "revision": "revision",
}
# Since when quarters are stored, after the first minute, by what is stored besides minutes.
QUARTERS_SINCE = {"hours": timedelta(0), "upgraded": timedelta(hours=7, minutes=15)}
LENGTHS = {"M1": 1, "M5": 5, "M15": 15, "M30": 30, "H1": 60}
DOCUMENT = """
query($symbol: Symbol!, $interval: CandleInterval!, $from: DateTime, $to: DateTime, $last: Int!, $timeZone: String!, $knownAt: DateTime) {
  candles(symbol: $symbol, source: BINANCE, interval: $interval, from: $from, to: $to, last: $last, timeZone: $timeZone,
      knownAt: $knownAt) {
    items { openTime closeTime open high low close volume quoteVolume tradeCount vwap origin state coverage revision asOf simulated }
  }
}
"""


class Question(NamedTuple):
    """The arguments of `candles`, as clients write them."""

    symbol: str
    interval: str
    start: datetime | None
    end: datetime | None
    last: int
    zone: str
    known_at: datetime | None

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that are given, by name."""
        times = {"from": self.start, "to": self.end, "knownAt": self.known_at}
        given = {name: time.isoformat() for name, time in times.items() if time is not None}
        return {
            "symbol": self.symbol,
            "interval": self.interval,
            "last": self.last,
            "timeZone": self.zone,
            **given,
        }


def ask(chance: random.Random, first: datetime) -> Question:
    """Return a random question about minutes from a time on."""

    def moment() -> datetime:
        return first + timedelta(seconds=chance.randrange(-3600, (MINUTES + 60) * 60))

    start, end = (moment() if chance.random() < 0.4 else None for _ in range(2))
    if start is not None and end is not None and start >= end:
        start, end = None, start
    return Question(
        chance.choice(SYMBOLS),
        chance.choice(list(RESOLUTIONS)),
        start,
        end,
        chance.randint(1, 60),
        chance.choice(ZONES),
        moment() if chance.random() < 0.3 else None,
    )


class Paths(NamedTuple):
    """A client of the gateway, and the minutes that are stored."""

    client: httpx.AsyncClient
    gateway: Gateway
    history: CandleReader
    clock: FakeClock
    first: datetime
    minutes: Mapping[str, Sequence[Minute]]
    has_hours: bool

    async def graphql(self, question: Question) -> list[dict[str, Any]]:
        """Return the candles of GraphQL."""
        response = await self.client.post(
            "/graphql", json={"query": DOCUMENT, "variables": question.arguments()}
        )
        content = response.json()
        assert "errors" not in content, content
        items: list[dict[str, Any]] = content["data"]["candles"]["items"]
        return items

    async def csv(self, question: Question) -> list[dict[str, str]]:
        """Return the rows of the CSV."""
        response = await self.client.get(
            "/candles", params={**question.arguments(), "source": "BINANCE"}, headers={"accept": "text/csv"}
        )
        assert response.status_code == 200, response.text
        return list(csv.DictReader(io.StringIO(response.text, newline="")))

    async def udf(self, question: Question) -> dict[str, Any]:
        """Return the columns of TradingView's data feed."""
        given = {"symbol": f"BINANCE:{question.symbol}", "resolution": RESOLUTIONS[question.interval]}
        for name, time in (("from", question.start), ("to", question.end)):
            if time is not None:
                given[name] = str(int(time.timestamp()))
        if question.start is None:
            given["countback"] = str(question.last)
        response = await self.client.get("/udf/history", params=given)
        found: dict[str, Any] = json.loads(response.text, parse_float=str, parse_int=str)
        return found

    async def export(self, question: Question, window: TimeSpan) -> list[dict[str, str]]:
        """Return the rows of an export of the closed candles that begin in a time."""
        key = TickerKey(Source.BINANCE, parse_symbol(question.symbol))
        interval, zone, file = Interval(question.interval), parse_zone(question.zone), io.StringIO()
        await write_csv(read_candles(self.history, key, interval, window, zone=zone, now=self.clock()), file)
        return list(csv.DictReader(io.StringIO(file.getvalue())))

    async def live(self, question: Question) -> list[dict[str, str]]:
        """Return the snapshot of a subscription as rows of the CSV."""
        subscriber = CandleClient(self.clock)
        query = LiveCandlesArgs(
            (parse_symbol(question.symbol),),
            Interval(question.interval),
            Source.BINANCE,
            last=question.last - 1,
            zone=question.zone,
        )
        opening = self.gateway.live_queries.subscribe(
            query, EVERYTHING, IdentityEncoder[CandlesEvent](), subscriber, after=None
        )
        assert opening is not None
        await opening
        (_, snapshot) = subscriber.events[0]
        subscriber.leave()
        text = encode_csv(cast("CandleList", SimpleNamespace(items=snapshot.items))).decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))


async def store_hours(store: InstrumentStore, first: datetime, quarters_since: timedelta) -> None:
    """Store quarters, hours and days of the minutes, as a recorder would.

    `quarters_since`: those of the time before it were not stored, by an older version.
    """
    end = first + timedelta(minutes=MINUTES)
    async with store.transaction() as connection:
        rollup, done = Rollup(connection, [1, 2], kept=first), NOTHING_ROLLED_UP
        while done.hours_until != end:
            done = await rollup.store(done, end, {})
        assert done.quarters is not None
        since = first + quarters_since
        await connection.execute(delete(QuarterRow).where(QuarterRow.open_time < since))
        done = done._replace(quarters=TimeSpan(since, done.quarters.end))
        await connection.execute(
            insert(RecordingRow).values(
                source="binance",
                simulated=False,
                entry="1",
                session="one",
                number=1,
                minutes_until=end,
                **done.columns(),
            )
        )


@pytest.fixture(params=[f"{parts}-{change}" for parts in ("minutes", *QUARTERS_SINCE) for change in STARTS])
async def paths(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    instruments: ListedInstruments,
    settings: GatewaySettings,
    clock: FakeClock,
) -> AsyncIterator[Paths]:
    """A gateway over generated minutes around a change of the clocks."""
    parts, change = request.param.split("-")
    first = STARTS[change]
    url = f"sqlite+aiosqlite:///{tmp_path}/generated.sqlite"
    await migrate_new(url)
    store = InstrumentStore(url)
    minutes = {symbol: list(generate(random.Random(symbol), first)) for symbol in SYMBOLS}
    async with store.transaction() as connection:
        for series, symbol in enumerate(SYMBOLS, 1):
            base, quote = symbol.split("/")
            await connection.execute(
                insert(SeriesRow).values(id=series, source="binance", base=base, quote=quote, simulated=False)
            )
            await insert_rows(connection, MinuteRow, [minute.row(series) for minute in minutes[symbol]])
    if parts != "minutes":
        await store_hours(store, first, QUARTERS_SINCE[parts])
    clock.now = first + (MINUTES + 60) * MINUTE
    history = CandleReader(store, simulated=False)
    gateway = Gateway(
        MemoryCache(),
        instruments,
        settings,
        simulated=False,
        history=history,
        bars=MemoryBarLog(clock),
        clock=clock,
    )
    task = asyncio.create_task(gateway.run())
    await wait_until(lambda: gateway.mirror.loaded and gateway.catalog.loaded)
    transport = httpx.ASGITransport(create_app(gateway, settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", timeout=60) as client:
        yield Paths(client, gateway, history, clock, first, minutes, has_hours=parts != "minutes")
    task.cancel()
    await asyncio.wait([task])
    await store.close()


async def compare(paths: Paths, question: Question) -> None:
    """Ask a question on all paths, and check the answer."""
    items = await paths.graphql(question)
    rows = await paths.csv(question)
    assert [list(row.values()) for row in rows] == [
        ["" if value is None else json.dumps(value).strip('"') for value in item.values()] for item in items
    ]
    if question.zone == "UTC" and question.known_at is None:
        found = await paths.udf(
            question._replace(start=question.start and question.start.replace(microsecond=0))
        )
        traded = [item for item in items if item["open"] is not None]
        if question.start is not None:
            traded = traded[-1000:]
        check_columns(found, traded, is_whole=question.start is None)
    check_candles(question, items, paths.minutes[question.symbol], has_hours=paths.has_hours)
    if question.known_at is None:
        await compare_export(paths, question, rows)
        if question.start is None and question.end is None:
            check_live(await paths.live(question), rows)


async def compare_export(paths: Paths, question: Question, rows: Sequence[Mapping[str, str]]) -> None:
    """Check that an export of the time of the rows has the closed ones, and the same values."""
    closed = [row for row in rows if row["state"] != "FORMING"]
    if not closed:
        return
    window = TimeSpan(
        datetime.fromisoformat(closed[0]["openTime"]), datetime.fromisoformat(closed[-1]["closeTime"])
    )
    exported = await paths.export(question, window)
    assert len(exported) == len(closed)
    for row, other in zip(closed, exported, strict=True):
        for name, column in EXPORTED.items():
            if paths.has_hours and name in {"state", "revision"}:
                # Hours count their own revisions, and an export folds minutes.
                continue
            assert row[name] == other[column], name
        for name, column in (("openTime", "open_time"), ("closeTime", "close_time"), ("asOf", "known_at")):
            assert datetime.fromisoformat(row[name]) == datetime.fromisoformat(other[column])


def check_live(snapshot: Sequence[Mapping[str, str]], rows: Sequence[Mapping[str, str]]) -> None:
    """Check that a subscription begins with the candles of the query."""
    count = min(len(snapshot), len(rows))
    assert count
    assert snapshot[-count:] == rows[-count:]


def check_columns(found: dict[str, Any], traded: list[dict[str, Any]], *, is_whole: bool) -> None:
    """Check that the last columns of the data feed are these candles, digit for digit."""
    if not traded:
        assert found["s"] == "no_data" or not is_whole
        return
    assert found["s"] == "ok"
    for name, field in (("o", "open"), ("h", "high"), ("l", "low"), ("c", "close"), ("v", "volume")):
        assert found[name][-len(traded) :] == [item[field] for item in traded]
    times = [str(int(datetime.fromisoformat(item["openTime"]).timestamp())) for item in traded]
    assert found["t"][-len(traded) :] == times
    assert not is_whole or len(found["t"]) == len(traded)


def check_candles(
    question: Question, items: list[dict[str, Any]], minutes: Sequence[Minute], *, has_hours: bool
) -> None:
    """Check the candles against the minutes, and their times against the clocks of the zone."""
    assert len(items) <= question.last
    zone = ZoneInfo(question.zone)
    for item, following in itertools.pairwise(items):
        assert item["closeTime"] == following["openTime"]
    for item in items:
        opening, closing = (datetime.fromisoformat(item[name]) for name in ("openTime", "closeTime"))
        assert question.start is None or opening >= question.start
        assert question.end is None or opening < question.end
        check_boundary(opening.astimezone(zone), question.interval)
        expected = expect(minutes, opening, closing, question.known_at)
        assert item["coverage"] == expected.coverage
        # Stored hours count their own revisions: here each was stored once.
        assert has_hours or item["revision"] == expected.revision
        prices = None if item["open"] is None else [item[name] for name in ("open", "high", "low", "close")]
        assert prices == expected.prices
        if prices is not None:
            assert Decimal(item["volume"]) == expected.volume
            assert item["tradeCount"] == expected.trades


def check_boundary(local: datetime, interval: str) -> None:
    """Check that a candle begins at a boundary of its zone."""
    if interval in LENGTHS:
        # A change of the clocks cuts a candle too: it is on a whole hour or half hour.
        assert local.minute % min(LENGTHS[interval], 15) == 0
        return
    assert (local.minute, local.second) == (0, 0)
    hours = {"H4": 4, "H12": 12}.get(interval, 24)
    assert local.hour % hours == 0 or local.utcoffset() != (local - timedelta(hours=6)).utcoffset()
    assert interval != "W1" or local.weekday() == 0
    assert interval != "MN1" or local.day == 1


@pytest.mark.slow
async def test_every_path_has_the_same_answer(paths: Paths) -> None:
    """Seventy random questions about each."""
    chance = random.Random(2024)
    for _ in range(70):
        await compare(paths, ask(chance, paths.first))


@pytest.mark.long
async def test_every_path_has_the_same_answer_to_ten_thousand_questions(paths: Paths) -> None:
    """A question at a time, so that what is in memory is asked for again."""
    chance = random.Random(10_000)
    for _ in range(2_000):
        await compare(paths, ask(chance, paths.first))
