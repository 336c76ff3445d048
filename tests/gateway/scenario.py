"""Two replicas over one cache, and generated steps of what happens to them."""

import asyncio
from datetime import timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from rates.source import Source
from rates.ticker import Ticker, TickerKey
from tests.gateway.fakes import ListedInstruments, build_ticker
from tests.gateway.harness import KEYS, FailingCache, Harness
from tests.virtual_time import VirtualTimeLoop

# All steps happen at multiples of this, and nothing else does: the order within an instant never matters.
TICK_S = 0.01


Written = tuple[TickerKey, int, float]
# By kind: what is written, the number of lost messages, the source that restarts, the tracked instrument, or nothing.
Argument = list[Written] | int | Source | TickerKey | None


class Step(NamedTuple):
    """An event of a scenario, `ticks` after the one before."""

    ticks: int
    kind: str
    argument: Argument = None


# Instrument, price, and age at the write (late tickers are older than the newest).
values = st.tuples(
    st.sampled_from(KEYS),
    st.sampled_from([100, 100, 101, 103]),
    st.sampled_from([0.003, 0.003, 0.103, 4.003, 15.003]),
)
spans = st.sampled_from([1, 3, 7, 20, 20, 50, 100, 400])
# Distinct objects: `one_of` keeps only one of equal ones.
writes = [
    st.builds(Step, spans, st.just("write"), st.lists(values, min_size=1, max_size=3)) for _ in range(20)
]
repeats = st.builds(Step, spans, st.just("repeat"), st.none())
drops = st.builds(Step, spans, st.just("drop"), st.integers(1, 2))
losses = st.builds(Step, spans, st.just("lose"), st.none())
restarts = st.builds(Step, spans, st.just("restart"), st.sampled_from([Source.BINANCE, Source.COINGECKO]))
untracks = st.builds(Step, spans, st.just("untrack"), st.sampled_from(KEYS))
tracks = st.builds(Step, spans, st.just("track"), st.sampled_from(KEYS))
step_lists = st.lists(
    st.one_of(*writes, repeats, drops, losses, restarts, untracks, tracks),
    min_size=15,
    max_size=60,
)


class Scenario:
    """Two replicas and their cache."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.loop = loop
        self.cache = FailingCache()
        self.instruments = ListedInstruments(*((key.source, str(key.symbol)) for key in KEYS))
        self.replicas = [Harness(self.cache, self.instruments) for _ in range(2)]
        self.last: list[Ticker] = []

    async def run(self, steps: list[Step]) -> None:
        ticks = 0
        for step in steps:
            ticks += step.ticks
            await asyncio.sleep(ticks * TICK_S - self.loop.time())
            await getattr(self, f"_{step.kind}")(step.argument)
        await asyncio.sleep(TICK_S)
        await self.settle()

    async def _write(self, entries: list[Written]) -> None:
        for source in Source:
            tickers = [
                build_ticker(
                    str(key.symbol),
                    str(price),
                    source=source,
                    observed_at=self.loop.clock() - timedelta(seconds=lag_s),
                    sequence=len(self.replicas[0].log),
                )
                for key, price, lag_s in entries
                if key.source is source
            ]
            await self.cache.write(tickers)
            self.last = tickers or self.last

    async def _repeat(self, _: None) -> None:
        await self.cache.write(self.last)

    async def _drop(self, count: int) -> None:
        self.cache.to_drop += count

    async def _lose(self, _: None) -> None:
        self.cache.lose_subscriptions()

    async def _restart(self, source: Source) -> None:
        self.cache.restart(source)

    async def _untrack(self, key: TickerKey) -> None:
        known = self.instruments.instruments
        self.instruments.instruments = [each for each in known if (each.source, each.symbol) != key]
        await self._refresh()

    async def _track(self, key: TickerKey) -> None:
        if all((each.source, each.symbol) != key for each in self.instruments.instruments):
            self.instruments.add(key.source, str(key.symbol))
            await self._refresh()

    async def settle(self) -> None:
        """Write once more to every source, which reveals any gap before."""
        self.cache.to_drop = 0
        await self._write([(key, 100, 0.003) for key in KEYS])

    async def _refresh(self) -> None:
        for replica in self.replicas:
            await replica.refresh()
