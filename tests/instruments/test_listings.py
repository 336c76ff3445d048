"""Storage of listing states and trading halts, on SQLite and Postgres."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from instruments.instrument import Halt, Instrument
from instruments.listings import ListingRecords, ListingState
from instruments.migrations import migrate
from instruments.store import InstrumentStore, identified
from rates.source import Source
from rates.symbol import Symbol

NOW = datetime(2026, 11, 22, 12, 0, 0, 123_456, tzinfo=UTC)
BTC = identified(Instrument(Source.BINANCE, Symbol("BTC", "USDT"), "BTCUSDT", "Bitcoin"))
BREAK = Halt("BREAK", NOW)
STATE = ListingState(NOW, 1695)


async def tracked(store: InstrumentStore) -> Instrument:
    """Read BTC/USDT from the database."""
    return next(each for each in await store.read(Source.BINANCE) if each.symbol == BTC.symbol)


async def test_a_halt_is_stored_and_removed(store: InstrumentStore) -> None:
    """Status word and time are stored exactly; other instruments do not change."""
    records = ListingRecords(store)
    await records.write(Source.BINANCE, STATE, {BTC: BREAK})
    halted = await tracked(store)
    assert halted == msgspec.structs.replace(BTC, halt=BREAK)
    assert [each.halt for each in await store.read() if each.halt] == [BREAK]
    await records.write(Source.BINANCE, STATE, {halted: None})
    assert await tracked(store) == BTC


async def test_the_last_accepted_listing_is_stored(store: InstrumentStore) -> None:
    """One state per source; `None` before the first listing."""
    records = ListingRecords(store)
    assert await records.read(Source.BINANCE) is None
    await records.write(Source.BINANCE, STATE, {})
    later = ListingState(NOW + timedelta(minutes=5), 1700)
    await records.write(Source.BINANCE, later, {})
    assert await records.read(Source.BINANCE) == later
    assert await records.read(Source.COINGECKO) is None


async def test_halts_of_the_simulator_do_not_affect_real_data(store: InstrumentStore, url: str) -> None:
    """The embedded system uses one database for simulated and real sources."""
    simulated = InstrumentStore(url, simulated=True)
    try:
        await ListingRecords(simulated).write(Source.BINANCE, STATE, {BTC: BREAK})
        assert (await tracked(simulated)).halt == BREAK
        assert (await tracked(store)).halt is None
        assert await ListingRecords(store).read(Source.BINANCE) is None
    finally:
        await simulated.close()


async def test_a_halt_does_not_apply_after_the_source_symbol_changed(store: InstrumentStore) -> None:
    """A listing names source symbols; adding an instrument again clears its halt."""
    respelt = msgspec.structs.replace(BTC, source_symbol="BTCUSDT2")
    await store.add([respelt])
    await ListingRecords(store).write(Source.BINANCE, STATE, {BTC: BREAK})
    assert await tracked(store) == respelt
    await ListingRecords(store).write(Source.BINANCE, STATE, {respelt: BREAK})
    await store.add([BTC])
    assert await tracked(store) == BTC


async def test_a_halted_instrument_can_be_added(store: InstrumentStore) -> None:
    """`instruments add` reads the listing first, so it knows of a halt."""
    halted = msgspec.structs.replace(BTC, halt=BREAK)
    await store.add([halted])
    assert await tracked(store) == halted


@pytest.mark.slow
async def test_migrating_an_older_database_keeps_its_instruments(url: str) -> None:
    """After migrating from the first revision no instrument is halted."""
    await migrate(url, "0001")
    await migrate(url)
    store = InstrumentStore(url)
    try:
        found = await store.read()
        assert BTC in found
        assert not [each for each in found if each.halt]
    finally:
        await store.close()
