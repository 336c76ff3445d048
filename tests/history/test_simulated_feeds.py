"""Push feeds against the simulated exchanges.

The bars in the log are those of the trades that were sent.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from websockets.asyncio.client import connect

from cache.memory import MemoryCache
from history.bar import Bar
from history.batch import BarBatch
from history.coverage import OPEN, CoveredSpan, covered
from history.interval import TimeSpan
from history.memory_log import MemoryBarLog
from instruments.instrument import Instrument
from instruments.seed import read_seed
from pipeline.roles import stream
from pipeline.settings import IngestSettings, StreamSettings
from rates.clock import parse_ms, utc_now
from rates.source import Source
from simulator.server import SimulatorAddresses, run_simulator
from simulator.settings import SimulatorSettings
from standalone.simulated import simulated_sources
from tests.history.test_trade_fold import read_spans
from tests.pipeline.fakes import FakeReader, eventually, memory_context

pytestmark = pytest.mark.servers

SECOND = timedelta(seconds=1)
BASES = ("BTC", "ETH", "SOL")
# Takes over after the lease of five seconds, and then tells some seconds of its own.
PATIENCE_S = 60
FEEDS = (Source.BINANCE, Source.BYBIT, Source.COINBASE, Source.KRAKEN, Source.OKX)


class Sent:
    """The trades of Binance as another client gets them.

    Price and quantity by number and second.
    """

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, datetime], list[tuple[int, str, str]]] = {}
        self.since: datetime | None = None

    async def listen(self, at: SimulatorAddresses, instruments: list[Instrument]) -> None:
        """Collect until cancelled."""
        names = "/".join(f"{one.source_symbol.lower()}@trade" for one in instruments)
        async with connect(f"{at.binance_stream_url}/stream?streams={names}", max_queue=None) as socket:
            async for frame in socket:
                data = json.loads(frame)["data"]
                second = parse_ms(data["T"] // 1000 * 1000)
                self.since = self.since or second + SECOND
                self.seconds.setdefault((data["s"], second), []).append((data["t"], data["p"], data["q"]))

    def check(self, source_symbol: str, second: datetime, bar: Bar) -> None:
        """Check that a bar is the sum of what was sent."""
        trades = sorted(self.seconds[source_symbol, second])
        assert [str(bar.open), str(bar.close)] == [trades[0][1], trades[-1][1]]
        assert bar.high == max(Decimal(price) for _, price, _ in trades)
        assert bar.low == min(Decimal(price) for _, price, _ in trades)
        assert Fraction(bar.volume or 0) == sum(Fraction(quantity) for _, _, quantity in trades)
        assert (bar.trades, bar.first_id, bar.last_id) == (len(trades), trades[0][0], trades[-1][0])


@asynccontextmanager
async def streaming(
    at: SimulatorAddresses, source: Source, bars: MemoryBarLog, name: str
) -> AsyncIterator[None]:
    """Run one process of a push feed."""
    stop = asyncio.Event()
    context = replace(memory_context(MemoryCache()), bars=bars)
    task = asyncio.create_task(
        stream(
            stop,
            context,
            simulated_sources(at)[source],
            instance=name,
            instruments=FakeReader(tracked(source)),
            settings=StreamSettings(),
            ingest=IngestSettings(),
        )
    )
    try:
        yield
    finally:
        stop.set()
        await task


def tracked(source: Source) -> list[Instrument]:
    """Return a few instruments of a source."""
    return [one for one in read_seed() if one.source is source and one.symbol.base in BASES]


async def read(bars: MemoryBarLog, source: Source) -> list[BarBatch]:
    """Return all batches of a source."""
    return [one.batch for one in await bars.read(source, "", 10**6) if one.batch]


def known_spans(batches: list[BarBatch], instrument: Instrument) -> list[CoveredSpan]:
    """Return the covered spans, as far as they are proved."""
    through = max(batch.through for batch in batches if batch.through is not None)
    spans = read_spans(batches, instrument.symbol)
    return [CoveredSpan(one.start, min(one.end, through)) for one in spans]


async def test_a_takeover_under_load_leaves_complete_seconds_only() -> None:
    """Two processes fold and the first one stops: every complete second is what was sent."""
    bars, sent = MemoryBarLog(utc_now), Sent()
    instruments = tracked(Source.BINANCE)
    async with run_simulator(SimulatorSettings(http_port=0, ws_port=0)) as at:
        listening = asyncio.create_task(sent.listen(at, instruments))
        try:
            active = AsyncExitStack()
            await active.enter_async_context(streaming(at, Source.BINANCE, bars, "active"))
            await eventually(lambda: has_seconds(bars, Source.BINANCE, 1), within_s=PATIENCE_S)
            async with streaming(at, Source.BINANCE, bars, "standby"):
                await eventually(lambda: has_seconds(bars, Source.BINANCE, 5), within_s=PATIENCE_S)
                await active.aclose()
                sessions = {batch.session for batch in await read(bars, Source.BINANCE)}
                assert len(sessions) == 1

                async def has_taken_over() -> bool:
                    batches = await read(bars, Source.BINANCE)
                    after = [batch for batch in batches if batch.session not in sessions]
                    return len({one.second.open_time for batch in after for one in batch.closed}) > 3

                await eventually(has_taken_over, within_s=PATIENCE_S)
        finally:
            listening.cancel()
            await asyncio.wait([listening])
    batches = await read(bars, Source.BINANCE)
    checked = 0
    for instrument in instruments:
        newest = {
            one.second.open_time: one.second
            for batch in batches
            for one in batch.closed
            if one.symbol == instrument.symbol
        }
        spans = known_spans(batches, instrument)
        assert len(spans) == 1, "the numbers prove the seam"
        for at_second, second in newest.items():
            if covered(TimeSpan(at_second, at_second + SECOND), spans) and at_second >= (sent.since or OPEN):
                sent.check(instrument.source_symbol, at_second, second.bar)
                checked += 1
    assert checked > 10


async def has_seconds(bars: MemoryBarLog, source: Source, count: int) -> bool:
    """Return whether as many closed seconds were told, and some are covered."""
    batches = await read(bars, source)
    return len({one.second.open_time for batch in batches for one in batch.closed}) >= count and any(
        batch.through is not None for batch in batches
    )


@pytest.mark.parametrize("source", FEEDS)
async def test_every_source_with_trades_is_folded(source: Source) -> None:
    """Seconds close, spans begin, and nothing breaks them."""
    bars = MemoryBarLog(utc_now)
    async with (
        run_simulator(SimulatorSettings(http_port=0, ws_port=0)) as at,
        streaming(at, source, bars, "one"),
    ):
        await eventually(lambda: has_seconds(bars, source, 5), within_s=PATIENCE_S)
    batches = await read(bars, source)
    for instrument in tracked(source):
        spans = read_spans(batches, instrument.symbol)
        assert len(spans) <= 1
    assert any(read_spans(batches, one.symbol) for one in tracked(source))
