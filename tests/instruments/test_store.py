"""Tracked instruments on SQLite and on a real Postgres, through the same models and migrations."""

import asyncio
from pathlib import Path

import pytest

from instruments.instrument import Instrument
from instruments.migrations import check_models, migrate
from instruments.seed import read_seed
from instruments.store import COMMAND_TIMEOUT_S, InstrumentStore
from rates.errors import DatabaseUnavailable, InvalidSetting
from rates.source import Source
from rates.symbol import Symbol
from tests.backends import Server

NEW = Instrument(Source.BINANCE, Symbol("NEW", "USDT"), "NEWUSDT", "New")


async def test_a_new_database_tracks_every_listed_asset(store: InstrumentStore) -> None:
    """The seed of the migration is what `assets.csv` lists."""
    tracked = await store.read()
    assert sorted(tracked, key=str) == sorted(read_seed(), key=str)
    assert Instrument(Source.COINGECKO, Symbol("BTC", "USD"), "bitcoin", "Bitcoin") in tracked
    assert Instrument(Source.BINANCE, Symbol("BTC", "USDT"), "BTCUSDT", "Bitcoin") in tracked


async def test_adding_and_removing_is_seen_at_once(store: InstrumentStore) -> None:
    """Add, add again with another spelling, remove, remove again."""
    assert await store.add([NEW]) == 1
    assert NEW in await store.read(Source.BINANCE)
    respelled = Instrument(Source.BINANCE, NEW.symbol, "NEW2USDT", "New")
    assert await store.add([respelled]) == 0
    assert respelled in await store.read(Source.BINANCE)
    assert NEW not in await store.read(Source.BINANCE)
    assert NEW.symbol not in {entry.symbol for entry in await store.read(Source.COINGECKO)}
    assert await store.remove(Source.BINANCE, NEW.symbol) is True
    assert await store.remove(Source.BINANCE, NEW.symbol) is False


async def test_migrating_again_changes_nothing(store: InstrumentStore, url: str) -> None:
    """A removed instrument does not come back with the next start."""
    await store.remove(Source.BINANCE, Symbol("BTC", "USDT"))
    await asyncio.gather(migrate(url), migrate(url))
    assert Symbol("BTC", "USDT") not in {entry.symbol for entry in await store.read(Source.BINANCE)}
    await store.add([Instrument(Source.BINANCE, Symbol("BTC", "USDT"), "BTCUSDT", "Bitcoin")])


async def test_models_and_migrations_agree(store: InstrumentStore, url: str) -> None:
    """`alembic check` finds nothing to add."""
    await check_models(url)


async def test_a_database_that_was_not_migrated_says_so(tmp_path: Path) -> None:
    """A missing table is a typed error that names the database."""
    store = InstrumentStore(f"sqlite+aiosqlite:///{tmp_path}/empty.sqlite")
    with pytest.raises(DatabaseUnavailable, match="no such table: instruments"):
        await store.check()
    await store.close()


async def test_an_unreachable_database_is_a_typed_error(unused_tcp_port: int) -> None:
    """For the store and for the migrations."""
    url = f"postgresql+asyncpg://user:secret@127.0.0.1:{unused_tcp_port}/ratewire"
    store = InstrumentStore(url)
    with pytest.raises(DatabaseUnavailable) as refusal:
        await store.read()
    assert "secret" not in str(refusal.value)
    await store.close()
    with pytest.raises(DatabaseUnavailable):
        await migrate(url)


@pytest.mark.parametrize("url", ["mysql://x", "nonsense", "postgresql+asyncpg:nope"])
def test_a_wrong_url_names_the_variable(url: str) -> None:
    """The person who set it must know which variable to change."""
    with pytest.raises(InvalidSetting, match="RATEWIRE_DATABASE_URL"):
        InstrumentStore(url)


async def test_a_database_that_hangs_is_left_at_once(postgres_server: Server, postgres_url: str) -> None:
    """However many connections are open: before, each was waited for in turn."""
    store = InstrumentStore(postgres_url)
    await migrate(postgres_url)
    async with store.transaction(), store.transaction(), store.transaction():
        pass
    postgres_server.freeze()
    try:
        async with asyncio.timeout(COMMAND_TIMEOUT_S):
            await store.close()
    finally:
        postgres_server.thaw()
