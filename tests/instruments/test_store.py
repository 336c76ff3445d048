"""Tracked instruments on SQLite and Postgres, through the same models and migrations."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from instruments.instrument import Instrument
from instruments.migrations import check_models, migrate
from instruments.seed import read_seed
from instruments.store import COMMAND_TIMEOUT_S, InstrumentStore, identified, open_database
from rates.errors import DatabaseUnavailable, InvalidSetting
from rates.source import Source
from rates.symbol import Symbol
from tests.backends import ServerProcess

NEW = identified(Instrument(Source.BINANCE, Symbol("NEW", "USDT"), "NEWUSDT", "New"))


async def test_a_new_database_tracks_every_listed_asset(store: InstrumentStore) -> None:
    """The migration seeds all assets of `assets.csv`."""
    tracked = await store.read()
    assert sorted(tracked, key=str) == sorted(read_seed(), key=str)
    assert identified(Instrument(Source.COINGECKO, Symbol("BTC", "USD"), "bitcoin", "Bitcoin")) in tracked
    assert identified(Instrument(Source.BINANCE, Symbol("BTC", "USDT"), "BTCUSDT", "Bitcoin")) in tracked


async def test_postgres_compiles_no_query(postgres_url: str) -> None:
    """Its compiler takes longer than the longest fold of candles."""
    engine = open_database(postgres_url)
    try:
        async with engine.connect() as connection:
            assert (await connection.execute(text("SHOW jit"))).scalar_one() == "off"
    finally:
        await engine.dispose()


async def test_adding_and_removing_takes_effect_immediately(store: InstrumentStore) -> None:
    """Adding twice replaces the source symbol; removing twice reports the second as unknown."""
    assert await store.add([NEW]) == 1
    assert NEW in await store.read(Source.BINANCE)
    respelled = identified(Instrument(Source.BINANCE, NEW.symbol, "NEW2USDT", "New"))
    assert await store.add([respelled]) == 0
    assert respelled in await store.read(Source.BINANCE)
    assert NEW not in await store.read(Source.BINANCE)
    assert NEW.symbol not in {entry.symbol for entry in await store.read(Source.COINGECKO)}
    assert await store.remove(Source.BINANCE, NEW.symbol) is True
    assert await store.remove(Source.BINANCE, NEW.symbol) is False


async def test_an_unchanged_table_is_the_same_list_until_it_changes(store: InstrumentStore) -> None:
    """Readers compare one object instead of hundreds of instruments."""
    first = await store.read()
    assert await store.read() is first
    await store.add([NEW])
    second = await store.read()
    assert second is not first
    assert NEW in second
    assert await store.read(Source.BINANCE) == [each for each in second if each.source is Source.BINANCE]
    assert await store.read() is second
    await store.remove(Source.BINANCE, NEW.symbol)
    assert await store.read() == first


async def test_migrating_again_changes_nothing(store: InstrumentStore, url: str) -> None:
    """A removed instrument does not reappear at the next start."""
    await store.remove(Source.BINANCE, Symbol("BTC", "USDT"))
    await asyncio.gather(migrate(url), migrate(url))
    assert Symbol("BTC", "USDT") not in {entry.symbol for entry in await store.read(Source.BINANCE)}
    await store.add([identified(Instrument(Source.BINANCE, Symbol("BTC", "USDT"), "BTCUSDT", "Bitcoin"))])


@pytest.mark.slow
async def test_models_and_migrations_agree(store: InstrumentStore, url: str) -> None:
    """`alembic check` finds no difference."""
    await check_models(url)


async def test_a_database_without_migrations_is_a_typed_error(tmp_path: Path) -> None:
    """The error names the missing table."""
    store = InstrumentStore(f"sqlite+aiosqlite:///{tmp_path}/empty.sqlite")
    with pytest.raises(DatabaseUnavailable, match="no such table: instruments"):
        await store.check()
    await store.close()


@pytest.mark.servers
async def test_an_unreachable_database_is_a_typed_error(unused_tcp_port: int) -> None:
    """Store and migrations raise `DatabaseUnavailable`, without the password."""
    url = f"postgresql+asyncpg://user:secret@127.0.0.1:{unused_tcp_port}/ratewire"
    store = InstrumentStore(url)
    with pytest.raises(DatabaseUnavailable) as unavailable:
        await store.read()
    assert "secret" not in str(unavailable.value)
    await store.close()
    with pytest.raises(DatabaseUnavailable):
        await migrate(url)


@pytest.mark.parametrize("url", ["mysql://x", "nonsense", "postgresql+asyncpg:nope"])
def test_an_invalid_url_names_the_variable(url: str) -> None:
    """The error tells the operator which variable to change."""
    with pytest.raises(InvalidSetting, match="RATEWIRE_DATABASE_URL"):
        InstrumentStore(url)


async def test_closing_does_not_wait_for_a_frozen_database(
    postgres_server: ServerProcess, postgres_url: str
) -> None:
    """`close` terminates all connections at once instead of waiting for one after the other."""
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
