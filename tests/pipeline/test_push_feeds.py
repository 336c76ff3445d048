"""The push feeds of all exchanges, each with its real adapter, against the simulator."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from cache.memory import MemoryCache
from instruments.instrument import Instrument
from instruments.seed import read_seed
from pipeline.roles import stream
from pipeline.settings import IngestSettings, StreamSettings
from rates.clock import utc_now
from rates.health import LinkState
from rates.source import Source
from rates.symbol import parse_symbol
from simulator.server import SimulatorAddresses, run_simulator
from simulator.settings import SimulatorSettings
from standalone.simulated import simulated_sources
from tests.json_types import JsonObject
from tests.pipeline.fakes import FakeReader, eventually, memory_context

pytestmark = pytest.mark.servers

PATIENCE_S = 60
PUSHED = [Source.COINBASE, Source.KRAKEN, Source.OKX, Source.BYBIT]
# One that no exchange lists, in each one's spelling.
UNLISTED = {
    Source.COINBASE: "NOSUCH-USD",
    Source.KRAKEN: "NOSUCH/USD",
    Source.OKX: "NOSUCH-USDT",
    Source.BYBIT: "NOSUCHUSDT",
}


class FeedHarness:
    """One source's feed into a cache of its own."""

    def __init__(self, source: Source, addresses: SimulatorAddresses, instruments: list[Instrument]) -> None:
        self.source, self.addresses = source, addresses
        self.reader, self.cache = FakeReader(instruments), MemoryCache()

    async def feed(self, stop: asyncio.Event) -> None:
        await stream(
            stop,
            memory_context(self.cache),
            simulated_sources(self.addresses)[self.source],
            instance="test",
            instruments=self.reader,
            settings=StreamSettings(refresh_s=0.1),
            ingest=IngestSettings(),
        )

    async def fresh(self) -> set[str]:
        """Return the cached symbols that are younger than their time to live."""
        now, snapshot = utc_now(), await self.cache.read_snapshot(self.source)
        return {
            str(one.symbol)
            for one in snapshot.tickers
            if (now - one.observed_at).total_seconds() <= self.source.ttl_s
        }

    async def conduct(self) -> JsonObject:
        """Return the exchange's record of our connections."""
        async with httpx.AsyncClient(timeout=60) as client:
            return dict((await client.get(self.addresses.status_url)).json()["clients"][self.source])


@asynccontextmanager
async def running(source: Source, instruments: list[Instrument]) -> AsyncIterator[FeedHarness]:
    stop = asyncio.Event()
    async with (
        asyncio.timeout(PATIENCE_S),
        run_simulator(SimulatorSettings(http_port=0, ws_port=0)) as addresses,
        asyncio.TaskGroup() as group,
    ):
        run = FeedHarness(source, addresses, instruments)
        group.create_task(run.feed(stop))
        yield run
        stop.set()


def seed(source: Source) -> list[Instrument]:
    return [one for one in read_seed() if one.source is source]


@pytest.mark.parametrize("source", PUSHED)
async def test_all_instruments_are_fresh_over_one_connection_within_the_limits(source: Source) -> None:
    """Labelled as simulated, without rejections on either side."""
    instruments = seed(source)
    expected = {str(one.symbol) for one in instruments}
    async with running(source, instruments) as run:

        async def all_fresh() -> bool:
            return await run.fresh() == expected

        async def is_up() -> bool:
            reports = (await run.cache.read_snapshot(source)).reports
            return [(report.state, report.refused) for report in reports] == [(LinkState.UP, 0)]

        await eventually(all_fresh, within_s=PATIENCE_S)

        async def some_complete() -> bool:
            tickers = (await run.cache.read_snapshot(source)).tickers
            return any(one.last_trade_at and one.quoted_at and one.bid_size for one in tickers)

        await eventually(is_up, within_s=PATIENCE_S)
        # With the trade channel subscribed where the ticker does not tell the time of the trade.
        await eventually(some_complete, within_s=PATIENCE_S)
        snapshot, conduct = await run.cache.read_snapshot(source), await run.conduct()
    assert all(ticker.simulated for ticker in snapshot.tickers)
    assert all(ticker.source is source for ticker in snapshot.tickers)
    assert all(one.last_trade_at <= one.observed_at for one in snapshot.tickers if one.last_trade_at)
    assert (conduct["open_connections"], conduct["attempts"]) == (1, 1)
    assert conduct["violations"] == {}


@pytest.mark.parametrize("source", PUSHED)
async def test_an_unlisted_instrument_is_reported_and_does_not_affect_the_others(source: Source) -> None:
    """Even if the exchange closes the connection for it."""
    good = seed(source)[:5]
    bad = Instrument(source, parse_symbol("NOSUCH/USD"), UNLISTED[source], "")
    async with running(source, [bad, *good]) as run:

        async def told() -> bool:
            (report,) = (await run.cache.read_snapshot(source)).reports or (None,)
            return report is not None and [str(one) for one in report.silent] == ["NOSUCH/USD"]

        async def all_fresh() -> bool:
            return await run.fresh() == {str(one.symbol) for one in good}

        await eventually(all_fresh, within_s=PATIENCE_S)
        await eventually(told, within_s=PATIENCE_S)
        conduct = await run.conduct()
    assert conduct["attempts"] <= 2
    assert conduct["violations"] == {}


@pytest.mark.parametrize("source", PUSHED)
async def test_changes_of_the_watchlist_apply_to_the_open_connection(source: Source) -> None:
    """Added instruments are delivered, removed ones are not."""
    first, second, *_ = seed(source)
    async with running(source, [first]) as run:

        async def fresh_is(*instruments: Instrument) -> bool:
            return await run.fresh() == {str(one.symbol) for one in instruments}

        await eventually(lambda: fresh_is(first), within_s=PATIENCE_S)
        run.reader.instruments[:] = [first, second]
        await eventually(lambda: fresh_is(first, second), within_s=PATIENCE_S)
        run.reader.instruments[:] = [second]

        async def is_left() -> bool:
            return int((await run.conduct())["control_messages"]) >= 3

        await eventually(is_left, within_s=PATIENCE_S)
        assert (await run.conduct())["attempts"] == 1
