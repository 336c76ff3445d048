"""Instruments from the table, and from what another process read while the table is away."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from instruments import last_known
from instruments.instrument import Instrument, Removal
from instruments.last_known import STORE_INTERVAL, LastKnownInstruments
from instruments.store import identified
from rates.errors import CacheUnavailable, DatabaseUnavailable
from rates.source import Source
from rates.symbol import Symbol

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
BTC = identified(Instrument(Source.KRAKEN, Symbol("BTC", "USD"), "BTC/USD", "Bitcoin"))
ETH = identified(Instrument(Source.OKX, Symbol("ETH", "USDT"), "ETH-USDT", "Ethereum"))


class Table:
    """The table of instruments."""

    def __init__(self, *instruments: Instrument) -> None:
        self.instruments = list(instruments)
        self.is_away = False

    async def read(self, source: Source | None = None) -> Sequence[Instrument]:
        if self.is_away:
            raise DatabaseUnavailable("database: away for the test")
        return [each for each in self.instruments if source in (None, each.source)]

    async def read_removals(self) -> frozenset[Removal]:
        return frozenset()


class Storage:
    """The shared place."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.writes = 0
        self.is_away = False
        self.hangs = False

    async def read(self) -> bytes | None:
        if self.is_away:
            raise CacheUnavailable("Redis: away for the test")
        return self.data

    async def write(self, data: bytes) -> None:
        if self.is_away:
            raise CacheUnavailable("Redis: away for the test")
        if self.hangs:
            await asyncio.Event().wait()
        self.data = data
        self.writes += 1


class Process:
    """A process over the shared place."""

    def __init__(self, storage: Storage, table: Table, *, simulated: bool = False) -> None:
        self.now = NOON
        self.instruments = LastKnownInstruments(table, storage, simulated=simulated, clock=lambda: self.now)

    def state(self) -> tuple[datetime | None, str | None]:
        return self.instruments.read_at, self.instruments.error


async def test_a_process_starts_with_what_another_one_read() -> None:
    """It says since when, and why; the table replaces it as soon as it can be read."""
    storage, table = Storage(), Table(BTC, ETH)
    await Process(storage, table).instruments.read()
    away = Table(BTC)
    away.is_away = True
    later = Process(storage, away)
    later.now += timedelta(hours=1)
    with capture_logs() as logs:
        assert list(await later.instruments.read()) == [BTC, ETH]
        assert list(await later.instruments.read(Source.OKX)) == [ETH]
    assert later.state() == (NOON, "database: away for the test")
    assert [each["event"] for each in logs] == ["using the last known instruments until the database is back"]

    away.is_away = False
    with capture_logs() as logs:
        assert list(await later.instruments.read()) == [BTC]
    assert later.state() == (None, None)
    assert logs[0]["event"] == "instruments read from the database again"


async def test_after_a_read_of_the_table_nothing_older_replaces_it() -> None:
    """Its reader keeps what it has, and learns that it is not current."""
    storage, table = Storage(), Table(BTC)
    process = Process(storage, table)
    await process.instruments.read()
    table.is_away = True
    with pytest.raises(DatabaseUnavailable, match="away for the test"):
        await process.instruments.read()
    assert process.instruments.read_at is None


@pytest.mark.parametrize("damage", ["none", "half", "kind", "redis away"])
async def test_without_a_usable_snapshot_the_database_is_awaited(damage: str) -> None:
    """A damaged one is named in the log; the error is that of the database."""
    storage, table = Storage(), Table(BTC)
    await Process(storage, table, simulated=damage == "kind").instruments.read()
    assert storage.data is not None
    storage.data = {"none": None, "half": storage.data[: len(storage.data) // 2]}.get(damage, storage.data)
    storage.is_away = damage == "redis away"
    table.is_away = True
    process = Process(storage, table)
    with capture_logs() as logs, pytest.raises(DatabaseUnavailable, match="away for the test"):
        await process.instruments.read()
    ignored = [each["reason"] for each in logs if each["event"] == "last known instruments ignored"]
    assert len(ignored) == (damage in ("half", "kind"))
    assert process.instruments.read_at is None


async def test_a_snapshot_is_stored_when_it_changes_and_now_and_then() -> None:
    """Redis may have lost it. A table that was emptied by accident replaces nothing."""
    storage, table = Storage(), Table(BTC)
    process = Process(storage, table)
    for _ in range(3):
        await process.instruments.read()
    assert storage.writes == 1
    table.instruments.append(ETH)
    await process.instruments.read()
    assert storage.writes == 2
    process.now += STORE_INTERVAL
    await process.instruments.read()
    assert storage.writes == 3
    # The clock was set back: nobody knows how long ago it was stored.
    process.now -= timedelta(hours=1)
    await process.instruments.read()
    assert storage.writes == 4
    await process.instruments.read(Source.OKX)
    table.instruments.clear()
    assert list(await process.instruments.read()) == [BTC, ETH]
    assert storage.writes == 4


async def test_a_redis_that_hangs_or_is_away_keeps_nothing_from_its_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The table was read: that is what counts. It is stored once that is possible."""
    monkeypatch.setattr(last_known, "STORE_TIMEOUT_S", 0.01)
    storage = Storage()
    process = Process(storage, Table(BTC))
    storage.hangs = True
    assert list(await process.instruments.read()) == [BTC]
    storage.hangs, storage.is_away = False, True
    assert list(await process.instruments.read()) == [BTC]
    storage.is_away = False
    await process.instruments.read()
    assert storage.writes == 1
