"""The catalog stays current and survives the database."""

import asyncio

import pytest

from gateway.state.catalog import InstrumentCatalog
from gateway.state.instrument_pages import ListFilter, PageRequest
from instruments.instrument import Halt
from rates.errors import DatabaseUnavailable
from rates.source import Source
from rates.symbol import parse_symbol
from rates.ticker import TickerKey
from tests.gateway.fakes import NOON, ListedInstruments
from tests.gateway.fixture_types import Until


async def test_added_instruments_are_told_and_the_last_known_stay_without_database(
    instruments: ListedInstruments,
) -> None:
    """Only what is new after the first look counts as added."""
    added: list[TickerKey] = []
    catalog = InstrumentCatalog(instruments, refresh_s=1, on_added=added.extend)
    await catalog.refresh()
    assert added == []
    instruments.add(Source.BINANCE, "SOL/USDT")
    await catalog.refresh()
    assert added == [TickerKey(Source.BINANCE, parse_symbol("SOL/USDT"))]
    instruments.is_away = True
    with pytest.raises(DatabaseUnavailable):
        await catalog.refresh()
    assert catalog.loaded
    assert catalog.sources_of(parse_symbol("SOL/USDT")) == {Source.BINANCE}


async def test_it_refreshes_by_itself_and_outlives_the_database(
    instruments: ListedInstruments, until: Until
) -> None:
    """The task goes on; the error is kept for readiness."""
    catalog = InstrumentCatalog(instruments, refresh_s=0.001)
    task = asyncio.create_task(catalog.run())
    await until(lambda: catalog.loaded)
    instruments.is_away = True
    await until(lambda: catalog.last_error is not None)
    instruments.add(Source.BINANCE, "SOL/USDT")
    instruments.is_away = False
    await until(lambda: len(catalog.tracked) == 5)
    assert catalog.last_error is None
    task.cancel()
    await asyncio.wait([task])


async def test_a_cursor_stays_good_when_its_instrument_goes(instruments: ListedInstruments) -> None:
    """It names a place in the order, not a row."""
    catalog = InstrumentCatalog(instruments, refresh_s=1)
    await catalog.refresh()
    first = catalog.pages.read(ListFilter(), PageRequest(first=1))
    instruments.instruments = [each for each in instruments.instruments if each != first.instruments[0]]
    await catalog.refresh()
    rest = catalog.pages.read(ListFilter(), PageRequest(after=first.cursors[0]))
    assert [str(each.symbol) for each in rest.instruments] == ["BTC/USDT", "BTC/USDT", "ETH/USDT"]


async def test_near_matches_come_from_the_sources_asked(instruments: ListedInstruments) -> None:
    """Best first."""
    catalog = InstrumentCatalog(instruments, refresh_s=1)
    await catalog.refresh()
    assert catalog.suggest(parse_symbol("BTC/USDC"), [Source.BINANCE]) == ["BTC/USDT"]
    assert catalog.suggest(parse_symbol("BTC/USDC"), [Source.COINGECKO])[0] in {"BTC/USD", "BTC/USDT"}
    assert catalog.suggest(parse_symbol("ZZZZ/QQQQ"), Source) == []


async def test_removed_instruments_are_told_and_every_change_is_remembered(
    instruments: ListedInstruments,
) -> None:
    """By the name of the set that was tracked; a set that never was is not known."""
    added: list[TickerKey] = []
    removed: list[TickerKey] = []
    catalog = InstrumentCatalog(instruments, refresh_s=1, on_added=added.extend, on_removed=removed.extend)
    await catalog.refresh()
    first = catalog.version
    assert catalog.changed_since(first) == frozenset()
    gone = instruments.instruments.pop(0)
    instruments.add(Source.BINANCE, "SOL/USDT")
    await catalog.refresh()
    assert removed == [TickerKey(gone.source, gone.symbol)]
    assert catalog.version != first
    assert catalog.changed_since(first) == frozenset({*removed, *added})
    assert catalog.changed_since("never") is None
    instruments.instruments = [gone, *instruments.instruments[:-1]]
    await catalog.refresh()
    assert catalog.version == first
    assert catalog.changed_since(first) == frozenset()


async def test_a_refresh_without_a_change_keeps_the_pages(instruments: ListedInstruments) -> None:
    """Only what is new is folded for the search."""
    catalog = InstrumentCatalog(instruments, refresh_s=1)
    await catalog.refresh()
    first = catalog.pages
    await catalog.refresh()
    assert catalog.pages is first
    instruments.halt(Source.BINANCE, "BTC/USDT", Halt("BREAK", NOON))
    instruments.add(Source.BINANCE, "SOL/USDT")
    await catalog.refresh()
    texts = {key: entry.text for key, entry in catalog.pages.by_key.items()}
    assert {key: texts[key] is entry.text for key, entry in first.by_key.items()} == dict.fromkeys(
        first.by_key, True
    )
    assert catalog.pages.by_key["BTC", "USDT", "binance"].instrument.halt == Halt("BREAK", NOON)
