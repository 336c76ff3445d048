"""A source's listing is read when it is due, by one replica, and followed only if it is believed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from instruments.instrument import Halt, Instrument
from instruments.listed import ListedInstrument, TradingStatus
from instruments.listings import ListingRecords
from instruments.migrations import migrate
from instruments.store import InstrumentStore
from pipeline.coordination.memory_tick_claim import MemoryTickClaim
from pipeline.health import SourceHealth
from pipeline.listings.listing_sync import ListingSync
from rates.errors import RatesError, SourceRateLimited, SourceUnavailable
from rates.health import LISTINGS_ROLE, LinkState
from rates.source import Source
from rates.symbol import Symbol
from tests.pipeline.fakes import START, FakeClock

INTERVAL = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)


class FakeListing:
    """A `ListingFetcher` over what is tracked, with words for what is not traded."""

    def __init__(self, tracked: Sequence[Instrument]) -> None:
        self.tracked = tracked
        self.words: dict[str, str] = {}
        self.absent: set[str] = set()
        self.failure: RatesError | None = None
        self.asked = 0

    async def fetch_listing(self) -> Sequence[ListedInstrument]:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return [self._entry(one) for one in self.tracked if str(one.symbol) not in self.absent]

    def _entry(self, one: Instrument) -> ListedInstrument:
        word = self.words.get(str(one.symbol), "TRADING")
        status = TradingStatus.TRADING if word == "TRADING" else TradingStatus.HALTED
        return ListedInstrument(one.source_symbol, one.symbol.base, one.symbol.quote, one.name, status, word)


def is_well(health: SourceHealth) -> bool:
    return health.state is LinkState.UP


class Stage:
    """Replicas of the keeper of Binance's listing, over one database."""

    def __init__(self, store: InstrumentStore, tracked: Sequence[Instrument]) -> None:
        self.store = store
        self.clock = FakeClock()
        self.listing = FakeListing(tracked)
        self.claim = MemoryTickClaim(self.clock)
        self.keeper, self.health = self.replica()

    def replica(self) -> tuple[ListingSync, SourceHealth]:
        health = SourceHealth(Source.BINANCE, role=LISTINGS_ROLE, instance="listings-test")
        keeper = ListingSync(
            self.listing,
            self.store,
            ListingRecords(self.store),
            self.claim,
            health,
            interval=INTERVAL,
            clock=self.clock,
        )
        return keeper, health

    async def halts(self) -> dict[str, Halt]:
        found = await self.store.read(Source.BINANCE)
        return {str(one.symbol): one.halt for one in found if one.halt is not None}

    async def look_later(self, **span: float) -> None:
        self.clock.advance(**span)
        await self.keeper.poll()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    url = f"sqlite+aiosqlite:///{tmp_path}/instruments.sqlite"
    await migrate(url)
    store = InstrumentStore(url)
    yield Stage(store, await store.read(Source.BINANCE))
    await store.close()


async def test_it_reads_at_once_and_then_when_it_is_due(stage: Stage) -> None:
    """Not before: also not after a restart, as the database knows when it was read."""
    assert await stage.keeper.poll() == INTERVAL
    stage.keeper, _ = stage.replica()
    await stage.look_later(seconds=299)
    assert stage.listing.asked == 1
    await stage.look_later(seconds=1)
    assert stage.listing.asked == 2


async def test_a_halted_instrument_leaves_and_comes_back(stage: Stage) -> None:
    """With the source's word, since it was seen first."""
    await stage.keeper.poll()
    stage.listing.words["BTC/USDT"] = "BREAK"
    stage.listing.absent.add("ETH/USDT")
    await stage.look_later(minutes=5)
    since = START + INTERVAL
    assert await stage.halts() == {"BTC/USDT": Halt("BREAK", since), "ETH/USDT": Halt("not listed", since)}
    stage.listing.absent.clear()
    await stage.look_later(minutes=5)
    assert await stage.halts() == {"BTC/USDT": Halt("BREAK", since)}
    stage.listing.words.clear()
    await stage.look_later(minutes=5)
    assert await stage.halts() == {}


async def test_of_several_replicas_one_reads(stage: Stage) -> None:
    """The others see by the database that it was done."""
    other, _ = stage.replica()
    await asyncio.gather(stage.keeper.poll(), other.poll())
    assert stage.listing.asked == 1
    stage.clock.advance(minutes=1)
    assert await other.poll() == INTERVAL - MINUTE
    assert stage.listing.asked == 1


async def test_another_replica_takes_over_from_one_that_fails(stage: Stage) -> None:
    """With the next attempt, a minute later."""
    other, _ = stage.replica()
    stage.listing.failure = SourceUnavailable(Source.BINANCE, "away")
    await stage.keeper.poll()
    stage.listing.failure = None
    await other.poll()
    assert stage.listing.asked == 1
    stage.clock.advance(minutes=1)
    await other.poll()
    assert await ListingRecords(stage.store).read(Source.BINANCE) is not None


async def test_without_a_listing_nothing_changes(stage: Stage) -> None:
    """Halted stays halted, traded stays traded; people hear of it when it has lasted."""
    stage.listing.words["BTC/USDT"] = "BREAK"
    await stage.keeper.poll()
    halts = await stage.halts()
    stage.listing.words.clear()
    stage.listing.failure = SourceUnavailable(Source.BINANCE, "no network")
    for _ in range(15):
        await stage.look_later(minutes=1)
        assert is_well(stage.health)
        assert await stage.halts() == halts
    await stage.look_later(minutes=1)
    assert not is_well(stage.health)
    reason = stage.health.report(stage.clock()).reason
    assert reason is not None
    assert "listing not read since 2026-01-01T12:00+00:00" in reason
    assert "no network" in reason
    stage.listing.failure = None
    await stage.look_later(minutes=5)
    assert (is_well(stage.health), await stage.halts()) == (True, {})


@pytest.mark.parametrize("lost", ["everything", "a fifth and one"])
async def test_a_listing_that_lost_too_much_is_refused_with_a_note(stage: Stage, lost: str) -> None:
    """Nothing leaves because of it; the next good one makes up for it."""
    await stage.keeper.poll()
    names = [str(one.symbol) for one in stage.listing.tracked]
    stage.listing.absent = set(names if lost == "everything" else names[: len(names) // 5 + 1])
    await stage.look_later(minutes=5)
    assert await stage.halts() == {}
    assert not is_well(stage.health)
    reason = stage.health.report(stage.clock()).reason
    assert reason is not None
    assert "listing not believed: expected" in reason
    stage.listing.absent.clear()
    await stage.look_later(minutes=5)
    assert (is_well(stage.health), await stage.halts()) == (True, {})


async def test_a_doubt_is_settled_by_whichever_replica_reads_a_good_listing(stage: Stage) -> None:
    """Else the one that doubted would go on saying so for ever."""
    other, _ = stage.replica()
    stage.listing.absent = {str(one.symbol) for one in stage.listing.tracked}
    await stage.keeper.poll()
    assert not is_well(stage.health)
    stage.listing.absent.clear()
    stage.clock.advance(minutes=1)
    await other.poll()
    await stage.keeper.poll()
    assert is_well(stage.health)


@pytest.mark.parametrize("wait_s", [30, 268])
async def test_a_refusal_for_rate_is_obeyed_to_the_second(stage: Stage, wait_s: int) -> None:
    """Not asked before, and asked at that moment, be it within the attempt that was claimed: who asks all the time would else
    take every call that comes free.
    """
    retry_at = START + timedelta(seconds=wait_s)
    stage.listing.failure = SourceRateLimited(Source.BINANCE, "spent", retry_at=retry_at)
    assert await stage.keeper.poll() == timedelta(seconds=wait_s)
    stage.listing.failure = None
    await stage.look_later(seconds=wait_s - 1)
    assert stage.listing.asked == 1
    await stage.look_later(seconds=1)
    assert stage.listing.asked == 2
    assert await ListingRecords(stage.store).read(Source.BINANCE) is not None


async def test_an_absent_database_is_waited_for(stage: Stage, tmp_path: Path) -> None:
    """Nothing is asked of the source meanwhile."""
    store = InstrumentStore(f"sqlite+aiosqlite:///{tmp_path}/empty.sqlite")
    stage.store = store
    keeper, health = stage.replica()
    assert await keeper.poll() == MINUTE
    assert (stage.listing.asked, is_well(health)) == (0, True)
    await store.close()


async def test_what_is_removed_is_forgotten(stage: Stage) -> None:
    """An instrument that is tracked no more is none that a listing can halt."""
    await stage.store.remove(Source.BINANCE, Symbol("BTC", "USDT"))
    stage.listing.absent.add("BTC/USDT")
    await stage.keeper.poll()
    assert await stage.halts() == {}
