"""A listing is fetched when it is due, by one replica, and applied only if plausible."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from instruments.instrument import Halt, Instrument
from instruments.listed import InstrumentListing, ListedInstrument, TradingStatus
from instruments.listings import ListingRecords, ListingState
from instruments.store import InstrumentStore
from pipeline.coordination.memory_tick_claim import MemoryTickClaim
from pipeline.health import SourceHealth
from pipeline.listings.listing_sync import ListingSync
from rates.errors import SourceRateLimited, SourceUnavailable
from rates.health import LISTINGS_ROLE, LinkState
from rates.source import Source
from rates.symbol import Symbol
from tests.migrated import migrate_new
from tests.pipeline.fakes import START, FakeClock, until

INTERVAL = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)


class FakeListing:
    """A `ListingFetcher` that lists the tracked instruments, with words for the halted ones."""

    def __init__(self, tracked: Sequence[Instrument]) -> None:
        self.tracked = tracked
        self.words: dict[str, str] = {}
        self.absent: set[str] = set()
        self.skipped: Sequence[str | None] = ()
        self.failure: Exception | None = None
        self.asked = 0

    async def fetch_listing(self) -> InstrumentListing:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        entries = [self._entry(one) for one in self.tracked if str(one.symbol) not in self.absent]
        return InstrumentListing(entries, self.skipped)

    def _entry(self, one: Instrument) -> ListedInstrument:
        word = self.words.get(str(one.symbol), "TRADING")
        status = TradingStatus.TRADING if word == "TRADING" else TradingStatus.HALTED
        return ListedInstrument(one.source_symbol, one.symbol.base, one.symbol.quote, one.name, status, word)


class SlowRecords(ListingRecords):
    """Records that take `delay` to write a listing."""

    def __init__(self, store: InstrumentStore, clock: FakeClock) -> None:
        super().__init__(store)
        self._clock = clock
        self.delay = timedelta()

    async def write(
        self, source: Source, state: ListingState, changes: Mapping[Instrument, Halt | None]
    ) -> None:
        await super().write(source, state, changes)
        self._clock.advance(seconds=self.delay.total_seconds())


def is_well(health: SourceHealth) -> bool:
    return health.state is LinkState.UP


class Harness:
    """Replicas of Binance's listing sync over one database."""

    def __init__(self, store: InstrumentStore, tracked: Sequence[Instrument]) -> None:
        self.store = store
        self.clock = FakeClock()
        self.listing = FakeListing(tracked)
        self.claim = MemoryTickClaim(self.clock)
        self.keeper, self.health = self.replica()

    def replica(self) -> tuple[ListingSync, SourceHealth]:
        self.records = SlowRecords(self.store, self.clock)
        health = SourceHealth(Source.BINANCE, role=LISTINGS_ROLE, instance="listings-test")
        keeper = ListingSync(
            self.listing,
            self.store,
            self.records,
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
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    url = f"sqlite+aiosqlite:///{tmp_path}/instruments.sqlite"
    await migrate_new(url)
    store = InstrumentStore(url)
    yield Harness(store, await store.read(Source.BINANCE))
    await store.close()


async def test_it_fetches_at_once_and_then_when_due(harness: Harness) -> None:
    """Not before, even after a restart, because the database has the time."""
    assert await harness.keeper.poll() == INTERVAL
    harness.keeper, _ = harness.replica()
    await harness.look_later(seconds=299)
    assert harness.listing.asked == 1
    await harness.look_later(seconds=1)
    assert harness.listing.asked == 2


async def test_a_halted_instrument_is_removed_and_returns(harness: Harness) -> None:
    """With the source's word, and the time at which it was first seen."""
    await harness.keeper.poll()
    harness.listing.words["BTC/USDT"] = "BREAK"
    harness.listing.absent.add("ETH/USDT")
    await harness.look_later(minutes=5)
    since = START + INTERVAL
    assert await harness.halts() == {"BTC/USDT": Halt("BREAK", since), "ETH/USDT": Halt("not listed", since)}
    harness.listing.absent.clear()
    await harness.look_later(minutes=5)
    assert await harness.halts() == {"BTC/USDT": Halt("BREAK", since)}
    harness.listing.words.clear()
    await harness.look_later(minutes=5)
    assert await harness.halts() == {}


@pytest.mark.parametrize("skipped", ["BTCUSDT", None])
async def test_an_unreadable_entry_halts_nothing_and_is_counted(
    harness: Harness, skipped: str | None
) -> None:
    """The instrument stays as it was; a later delisting is noticed."""
    await harness.keeper.poll()
    harness.listing.absent = {"BTC/USDT"}
    harness.listing.skipped = (skipped,)
    await harness.look_later(minutes=5)
    assert await harness.halts() == {}
    report = harness.health.report(harness.clock())
    assert (report.refused, report.state) == (1, LinkState.UP)
    harness.listing.skipped = ()
    await harness.look_later(minutes=5)
    assert list(await harness.halts()) == ["BTC/USDT"]


async def test_one_of_several_replicas_fetches(harness: Harness) -> None:
    """The others see in the database that it was done."""
    other, _ = harness.replica()
    await asyncio.gather(harness.keeper.poll(), other.poll())
    assert harness.listing.asked == 1
    harness.clock.advance(minutes=1)
    assert await other.poll() == INTERVAL - MINUTE
    assert harness.listing.asked == 1


async def test_another_replica_takes_over_from_one_that_fails(harness: Harness) -> None:
    """With the next attempt, a minute later."""
    other, _ = harness.replica()
    harness.listing.failure = SourceUnavailable(Source.BINANCE, "away")
    await harness.keeper.poll()
    harness.listing.failure = None
    await other.poll()
    assert harness.listing.asked == 1
    harness.clock.advance(minutes=1)
    await other.poll()
    assert await ListingRecords(harness.store).read(Source.BINANCE) is not None


async def test_without_a_listing_nothing_changes(harness: Harness) -> None:
    """Halts stay. The failure is reported once it has lasted."""
    harness.listing.words["BTC/USDT"] = "BREAK"
    await harness.keeper.poll()
    halts = await harness.halts()
    harness.listing.words.clear()
    harness.listing.failure = SourceUnavailable(Source.BINANCE, "no network")
    for _ in range(15):
        await harness.look_later(minutes=1)
        assert is_well(harness.health)
        assert await harness.halts() == halts
    await harness.look_later(minutes=1)
    assert not is_well(harness.health)
    reason = harness.health.report(harness.clock()).reason
    assert reason is not None
    assert "listing not read since 2026-01-01T12:00+00:00" in reason
    assert "no network" in reason
    harness.listing.failure = None
    await harness.look_later(minutes=5)
    assert (is_well(harness.health), await harness.halts()) == (True, {})


async def test_a_listing_that_is_slow_to_apply_is_not_reported(harness: Harness) -> None:
    """It is new when it is applied, however old the time at which it came has become meanwhile."""
    harness.records.delay = 4 * INTERVAL
    await harness.keeper.poll()
    assert is_well(harness.health)
    await harness.look_later(minutes=5)
    assert (harness.listing.asked, is_well(harness.health)) == (2, True)


async def test_a_listing_that_was_not_tried_is_reported_after_three_intervals(harness: Harness) -> None:
    """Another replica claims every attempt; a failure from before the last success is no reason."""
    harness.listing.failure = SourceUnavailable(Source.BINANCE, "no network")
    await harness.keeper.poll()
    harness.listing.failure = None
    await harness.look_later(minutes=5)
    for _ in range(15):
        harness.clock.advance(minutes=1)
        await harness.claim.claim(Source.BINANCE, MINUTE)
        await harness.keeper.poll()
        assert is_well(harness.health)
    await harness.claim.claim(Source.BINANCE, MINUTE)
    harness.clock.advance(seconds=1)
    await harness.keeper.poll()
    assert not is_well(harness.health)
    reason = harness.health.report(harness.clock()).reason
    assert reason == "binance: listing not read since 2026-01-01T12:05+00:00: not tried"


@pytest.mark.parametrize("lost", ["everything", "a fifth and one"])
async def test_an_implausible_listing_is_rejected_and_reported(harness: Harness, lost: str) -> None:
    """No instrument is removed because of it. The next plausible one is applied."""
    await harness.keeper.poll()
    names = [str(one.symbol) for one in harness.listing.tracked]
    harness.listing.absent = set(names if lost == "everything" else names[: len(names) // 5 + 1])
    await harness.look_later(minutes=5)
    assert await harness.halts() == {}
    assert not is_well(harness.health)
    reason = harness.health.report(harness.clock()).reason
    assert reason is not None
    assert "listing not believed: expected" in reason
    harness.listing.absent.clear()
    await harness.look_later(minutes=5)
    assert (is_well(harness.health), await harness.halts()) == (True, {})


async def test_a_plausible_listing_of_any_replica_clears_the_report(harness: Harness) -> None:
    """Otherwise the replica that rejected one would report it without end."""
    other, _ = harness.replica()
    harness.listing.absent = {str(one.symbol) for one in harness.listing.tracked}
    await harness.keeper.poll()
    assert not is_well(harness.health)
    harness.listing.absent.clear()
    harness.clock.advance(minutes=1)
    await other.poll()
    await harness.keeper.poll()
    assert is_well(harness.health)


@pytest.mark.parametrize("wait_s", [30, 268])
async def test_a_rate_limited_replica_retries_exactly_at_its_end(harness: Harness, wait_s: int) -> None:
    """Within the claimed attempt: otherwise consumers would take every free call."""
    retry_at = START + timedelta(seconds=wait_s)
    harness.listing.failure = SourceRateLimited(Source.BINANCE, "spent", retry_at=retry_at)
    assert await harness.keeper.poll() == timedelta(seconds=wait_s)
    harness.listing.failure = None
    await harness.look_later(seconds=wait_s - 1)
    assert harness.listing.asked == 1
    await harness.look_later(seconds=1)
    assert harness.listing.asked == 2
    assert await ListingRecords(harness.store).read(Source.BINANCE) is not None


async def test_a_clock_that_steps_back_delays_no_attempt(harness: Harness) -> None:
    """Neither the first one nor the next after a failure."""
    harness.listing.failure = SourceUnavailable(Source.BINANCE, "away")
    await harness.look_later(minutes=-5)
    assert harness.listing.asked == 1
    await harness.look_later(minutes=-5)
    assert harness.listing.asked == 1
    await harness.look_later(minutes=1)
    assert harness.listing.asked == 2


async def test_it_waits_for_an_unavailable_database(harness: Harness, tmp_path: Path) -> None:
    """The source is not called meanwhile, and its report says so until the database is back."""
    store = InstrumentStore(f"sqlite+aiosqlite:///{tmp_path}/empty.sqlite")
    harness.store = store
    keeper, health = harness.replica()
    assert await keeper.poll() == MINUTE
    assert (harness.listing.asked, is_well(health)) == (0, True)
    assert "listing not looked at: " in (health.report(harness.clock()).reason or "")
    await store.close()
    await migrate_new(f"sqlite+aiosqlite:///{tmp_path}/empty.sqlite")
    await keeper.poll()
    assert health.report(harness.clock()).reason is None
    await store.close()


async def test_a_removed_instrument_is_forgotten(harness: Harness) -> None:
    """A listing cannot halt an instrument that is not tracked."""
    await harness.store.remove(Source.BINANCE, Symbol("BTC", "USDT"))
    harness.listing.absent.add("BTC/USDT")
    await harness.keeper.poll()
    assert await harness.halts() == {}


async def test_an_unforeseen_exception_costs_one_attempt(harness: Harness) -> None:
    """It is counted, and the next listing is applied.

    `httpx.InvalidURL` of every call once ended the process (S8).
    """
    harness.listing.failure = httpx.InvalidURL("Invalid port: 'b51a:cc66:f0::'")
    running = asyncio.create_task(harness.keeper.run())
    await until(lambda: harness.health.unexpected)
    assert not running.done()
    running.cancel()
    assert "InvalidURL" in (harness.health.report(harness.clock()).reason or "")
    harness.listing.failure = None
    await harness.look_later(minutes=2)
    assert await ListingRecords(harness.store).read(Source.BINANCE) is not None
