"""What listings made of the tracked instruments is kept, on SQLite and on a real Postgres."""

from datetime import UTC, datetime, timedelta

import msgspec

from instruments.instrument import Halt, Instrument
from instruments.listings import ListingRecords, ListingState
from instruments.migrations import migrate
from instruments.store import InstrumentStore
from rates.source import Source
from rates.symbol import Symbol

NOW = datetime(2026, 11, 22, 12, 0, 0, 123_456, tzinfo=UTC)
BTC = Instrument(Source.BINANCE, Symbol("BTC", "USDT"), "BTCUSDT", "Bitcoin")
BREAK = Halt("BREAK", NOW)
STATE = ListingState(NOW, 1695)


async def tracked(store: InstrumentStore) -> Instrument:
    """BTC/USDT as it is in the database."""
    return next(each for each in await store.read(Source.BINANCE) if each.symbol == BTC.symbol)


async def test_a_halt_is_kept_and_taken_back(store: InstrumentStore) -> None:
    """With the source's word and the moment, exactly; other instruments are left alone."""
    records = ListingRecords(store)
    await records.write(Source.BINANCE, STATE, {BTC: BREAK})
    halted = await tracked(store)
    assert halted == msgspec.structs.replace(BTC, halt=BREAK)
    assert [each.halt for each in await store.read() if each.halt] == [BREAK]
    await records.write(Source.BINANCE, STATE, {halted: None})
    assert await tracked(store) == BTC


async def test_the_last_believed_listing_is_remembered(store: InstrumentStore) -> None:
    """Per source; none before the first."""
    records = ListingRecords(store)
    assert await records.read(Source.BINANCE) is None
    await records.write(Source.BINANCE, STATE, {})
    later = ListingState(NOW + timedelta(minutes=5), 1700)
    await records.write(Source.BINANCE, later, {})
    assert await records.read(Source.BINANCE) == later
    assert await records.read(Source.COINGECKO) is None


async def test_what_the_simulator_lists_counts_for_the_simulator_only(
    store: InstrumentStore, url: str
) -> None:
    """The embedded system keeps one database for simulated and for real sources."""
    simulated = InstrumentStore(url, simulated=True)
    try:
        await ListingRecords(simulated).write(Source.BINANCE, STATE, {BTC: BREAK})
        assert (await tracked(simulated)).halt == BREAK
        assert (await tracked(store)).halt is None
        assert await ListingRecords(store).read(Source.BINANCE) is None
    finally:
        await simulated.close()


async def test_one_that_was_respelt_meanwhile_is_not_halted_by_mistake(store: InstrumentStore) -> None:
    """The listing was about another spelling; adding an instrument anew forgets what was said of it."""
    respelt = msgspec.structs.replace(BTC, source_symbol="BTCUSDT2")
    await store.add([respelt])
    await ListingRecords(store).write(Source.BINANCE, STATE, {BTC: BREAK})
    assert await tracked(store) == respelt
    await ListingRecords(store).write(Source.BINANCE, STATE, {respelt: BREAK})
    await store.add([BTC])
    assert await tracked(store) == BTC


async def test_an_instrument_may_be_added_halted(store: InstrumentStore) -> None:
    """Whoever adds it has just seen the listing."""
    halted = msgspec.structs.replace(BTC, halt=BREAK)
    await store.add([halted])
    assert await tracked(store) == halted


async def test_an_older_database_keeps_its_instruments(url: str) -> None:
    """Migrated from the first form of the table, everything in it trades."""
    await migrate(url, "0001")
    await migrate(url)
    store = InstrumentStore(url)
    try:
        found = await store.read()
        assert BTC in found
        assert not [each for each in found if each.halt]
    finally:
        await store.close()
