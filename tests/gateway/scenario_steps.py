"""A harness with both sources of BTC/USDT, generated prices of them, and one subscriber."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Generic, Self, TypeVar

from hypothesis import strategies as st

from rates.source import Source
from tests.gateway.fakes import ListedInstruments, build_ticker
from tests.gateway.harness import FailingCache, Harness
from tests.virtual_time import VirtualTimeLoop

AnswerT = TypeVar("AnswerT")
BOTH = ((Source.BINANCE, "BTC/USDT"), (Source.COINGECKO, "BTC/USDT"))
# Pause before the step, source, price, and age at the write.
PriceStep = tuple[float, Source, int, float]

price_steps: st.SearchStrategy[list[PriceStep]] = st.lists(
    st.tuples(
        st.sampled_from([0.1, 1.3, 3.1, 9.7, 11.3, 190.7]),
        # The last one does not track it: its tickers are not published.
        st.sampled_from([source for source, _ in BOTH * 2] + [Source.KRAKEN]),
        st.integers(1, 5),
        st.sampled_from([0.0, 0.7, 5.7, 12.3]),
    ),
    min_size=3,
    max_size=30,
)


class PriceScenario(Generic[AnswerT]):
    """A subscriber that reads the next answer `delay_s` seconds after each."""

    def __init__(self, watch: Callable[[Harness], AsyncGenerator[AnswerT, None]], delay_s: float = 0) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.loop = loop
        self.instruments = ListedInstruments(*BOTH)
        self.cache = FailingCache()
        self.harness = Harness(self.cache, self.instruments)
        self.received: list[tuple[float, AnswerT]] = []
        self._watch = watch
        self._delay_s = delay_s
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self.harness.refresh()
        self._tasks.append(asyncio.create_task(self.harness.mirror.run()))
        await asyncio.sleep(0.000_01)
        self._tasks.append(asyncio.create_task(self._read()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def write(self, source: Source, price: str | int, lag_s: float = 0) -> None:
        observed_at = self.loop.clock() - timedelta(seconds=lag_s)
        await self.cache.write([build_ticker(price=str(price), source=source, observed_at=observed_at)])

    async def until(self, second: float) -> None:
        await asyncio.sleep(second - self.loop.time())

    async def run(self, steps: list[PriceStep], check: Callable[[], None]) -> None:
        """Run the steps, with `check` in the middle of each pause and right before each step."""
        for wait_s, source, price, lag_s in steps:
            for _ in range(2):
                await asyncio.sleep(wait_s / 2)
                check()
            await self.write(source, price, lag_s)

    async def _read(self) -> None:
        async with aclosing(self._watch(self.harness)) as answers:
            async for answer in answers:
                self.received.append((self.loop.time(), answer))
                await asyncio.sleep(self._delay_s)
