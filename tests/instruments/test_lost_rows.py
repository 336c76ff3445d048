"""Tables that lost rows, on SQLite and Postgres.

Accidents are held back, commands pass at once.
"""

import pytest
from sqlalchemy import text

from instruments.identity.identity_records import IdentityRecords
from instruments.instrument import Instrument, Removal
from instruments.last_known import LastKnownInstruments
from instruments.migrations import migrate
from instruments.store import InstrumentStore, identified
from rates.errors import DatabaseUnavailable
from rates.source import Source
from rates.symbol import Symbol
from tests.instruments.test_last_known import Storage

NEW = identified(Instrument(Source.BINANCE, Symbol("NEW", "USDT"), "NEWUSDT", "New"))
BTC = Symbol("BTC", "USDT")


class System:
    """Processes over one table and one shared place."""

    def __init__(self, store: InstrumentStore) -> None:
        self.store, self.storage = store, Storage()
        self.process = self.start()

    def start(self) -> LastKnownInstruments:
        return LastKnownInstruments(self.store, self.storage, simulated=False)

    async def run(self, *statements: str) -> None:
        """Change the table past all commands."""
        async with self.store.transaction() as connection:
            for each in statements:
                await connection.execute(text(each))


@pytest.fixture
async def system(store: InstrumentStore) -> System:
    """A system that has read its table: eight assets of each source."""
    system = System(store)
    await system.run(
        "DELETE FROM instruments WHERE base NOT IN ('BTC', 'ETH', 'SOL', 'XRP', 'DOGE', 'ADA', 'LINK', 'AVAX')"
    )
    assert len(await system.process.read()) == 48
    return system


ACCIDENTS = {
    "all": "DELETE FROM instruments",
    "one source": "DELETE FROM instruments WHERE source = 'coingecko'",
    "all but one source": "DELETE FROM instruments WHERE source <> 'okx'",
    "half a source": "DELETE FROM instruments WHERE source = 'kraken' AND base < 'H'",
    "another source": "UPDATE instruments SET source = 'kraken' WHERE source = 'okx'",
    "a source that does not exist": "UPDATE instruments SET source = source || 'x'",
    "another quote": "UPDATE instruments SET quote = 'EUR' WHERE source = 'binance'",
    "lower case": "UPDATE instruments SET base = lower(base)",
    "one source symbol": "UPDATE instruments SET source_symbol = 'BTCUSDT' WHERE source = 'binance'",
}


@pytest.mark.slow
@pytest.mark.parametrize("statement", ACCIDENTS.values(), ids=ACCIDENTS)
async def test_an_accident_is_held_back_in_running_and_in_new_processes(
    system: System, statement: str
) -> None:
    """Also after every process was replaced, and until the rows are back."""
    before = list(await system.process.read())
    await system.run(statement)
    assert list(await system.process.read()) == before
    assert system.process.held_back_count
    later = system.start()
    assert list(await later.read()) == before
    assert later.held_back.keys() == system.process.held_back.keys()
    assert await later.read(Source.OKX) == [each for each in before if each.source is Source.OKX]
    await system.store.add(before)
    assert set(before) <= set(await system.process.read())
    assert not system.process.held_back


async def test_every_command_passes_at_once(system: System) -> None:
    """However many are removed between two reads, in running and in new processes."""
    okx = await system.store.read(Source.OKX)
    for each in okx:
        assert await system.store.remove(each.source, each.symbol)
    await IdentityRecords(system.store).separate(Source.BYBIT, BTC, "BTCX")
    await system.store.add([identified(Instrument(Source.BINANCE, BTC, "BTC2USDT", "Bitcoin"))])
    table = await system.store.read()
    for process in (system.process, system.start()):
        found = await process.read()
        assert {each.removal for each in found} == {each.removal for each in table}
        assert not process.held_back
        assert {each.symbol for each in found if each.source is Source.OKX} == set()


async def test_a_command_passes_while_an_accident_is_held_back(system: System) -> None:
    """New instruments, removals and spellings of the rest."""
    await system.run("DELETE FROM instruments WHERE source = 'okx'")
    await system.process.read()
    await system.store.add([NEW])
    await system.store.remove(Source.KRAKEN, Symbol("BTC", "USD"))
    found = {(each.source, each.symbol) for each in await system.process.read()}
    assert (Source.BINANCE, NEW.symbol) in found
    assert (Source.KRAKEN, Symbol("BTC", "USD")) not in found
    assert (Source.OKX, BTC) in found


@pytest.mark.slow
async def test_what_is_tracked_again_is_guarded_again(system: System) -> None:
    """The note of an earlier removal explains no later accident."""
    okx = await system.store.read(Source.OKX)
    for each in okx:
        await system.store.remove(each.source, each.symbol)
    assert len(await system.store.read_removals()) == len(okx)
    await system.process.read()
    await system.store.add(okx)
    assert await system.store.read_removals() == frozenset()
    await system.process.read()
    await system.run("DELETE FROM instruments WHERE source = 'okx'")
    assert len(await system.process.read(Source.OKX)) == len(okx)


async def test_a_separated_code_that_returns_is_no_removal(system: System) -> None:
    """There and back again."""
    records = IdentityRecords(system.store)
    await records.separate(Source.BYBIT, BTC, "BTCX")
    assert await system.store.read_removals() == {Removal(Source.BYBIT, BTC, "BTCUSDT")}
    await records.separate(Source.BYBIT, Symbol("BTCX", "USDT"), "BTC")
    assert await system.store.read_removals() == {Removal(Source.BYBIT, Symbol("BTCX", "USDT"), "BTCUSDT")}


async def test_an_operator_accepts_what_is_missing(system: System) -> None:
    """Exactly that: the next accident is held back."""
    okx, kraken = await system.store.read(Source.OKX), await system.store.read(Source.KRAKEN)
    await system.run("DELETE FROM instruments WHERE source = 'okx'")
    await system.process.read()
    await system.store.write_removals(okx)
    assert await system.process.read(Source.OKX) == []
    assert not system.process.held_back
    await system.run("DELETE FROM instruments WHERE source = 'kraken'")
    assert list(await system.process.read(Source.KRAKEN)) == list(kraken)


@pytest.mark.slow
async def test_an_older_backup_is_held_back(system: System) -> None:
    """Its notes are older as well; what it lacks was added since."""
    added = [
        identified(Instrument(Source.BYBIT, Symbol(f"N{n}", "USDT"), f"N{n}USDT", "New")) for n in range(30)
    ]
    await system.run(
        "CREATE TABLE backup AS SELECT * FROM instruments",
        "CREATE TABLE old_removals AS SELECT * FROM removals",
    )
    await system.store.add(added)
    await system.store.remove(Source.OKX, BTC)
    before = list(await system.process.read())
    await system.run(
        "DELETE FROM instruments",
        "INSERT INTO instruments SELECT * FROM backup",
        "DELETE FROM removals",
        "INSERT INTO removals SELECT * FROM old_removals",
    )
    found = await system.process.read()
    assert set(before) <= set(found)
    assert {each.symbol for each in set(found) - set(before)} == {BTC}
    assert set(system.process.held_back) == {Source.BYBIT}


async def test_a_new_database_is_normal_where_nothing_is_known(store: InstrumentStore) -> None:
    """Seeded, or emptied before anybody read it."""
    first = System(store)
    assert len(await first.process.read()) > 300
    await first.run("DELETE FROM instruments")
    second = System(store)
    assert await second.process.read() == []
    assert not second.process.held_back
    assert second.storage.data is None
    await store.add([NEW])
    assert await second.process.read() == [NEW]


async def test_duplicates_hide_no_loss_and_count_once(system: System) -> None:
    """A table restored without its constraints: as many rows as before, of one instrument."""
    before = list(await system.process.read())
    copies = " UNION ALL ".join(["SELECT * FROM copy WHERE base = 'BTC'"] * 80)
    await system.run("ALTER TABLE instruments RENAME TO copy", f"CREATE TABLE instruments AS {copies}")
    assert len(await system.store.read()) > len(before)
    assert list(await system.process.read()) == before
    await system.run(
        "DROP TABLE instruments",
        "CREATE TABLE instruments AS SELECT * FROM copy UNION ALL SELECT * FROM copy",
    )
    assert list(await system.process.read()) == before
    assert not system.process.held_back


@pytest.mark.parametrize(
    "statement",
    ["ALTER TABLE instruments RENAME COLUMN source_symbol TO spelling", "DROP TABLE instruments"],
    ids=["column", "table"],
)
async def test_a_table_that_cannot_be_read_is_an_error_and_not_empty(system: System, statement: str) -> None:
    """Running processes keep what they have, new ones take the last known instruments."""
    before = list(await system.process.read())
    await system.run(statement)
    with pytest.raises(DatabaseUnavailable, match=r"instruments|source_symbol"):
        await system.process.read()
    later = system.start()
    assert list(await later.read()) == before
    assert later.read_at is not None


async def test_a_table_that_is_emptied_while_a_process_starts_without_it_is_held_back(
    system: System, url: str
) -> None:
    """The table is compared with the instruments that it took instead."""
    before = list(await system.process.read())
    await system.run("ALTER TABLE instruments RENAME TO away")
    later = system.start()
    assert list(await later.read()) == before
    await system.run("DELETE FROM away", "ALTER TABLE away RENAME TO instruments")
    await migrate(url)
    assert list(await later.read()) == before
    assert later.read_at is None
    assert later.held_back_count == len(before)
