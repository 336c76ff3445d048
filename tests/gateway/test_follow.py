"""`rate` without a source: always the answer that the query would give, also when only time has passed."""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Self

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.freshness import Freshness
from gateway.pace import Pace
from gateway.rate import Rate
from rates.source import Source
from rates.symbol import parse_symbol
from tests.gateway.fakes import ListedInstruments, build_ticker
from tests.gateway.stage import FailingCache, Stage
from tests.gateway.virtual_time import VirtualTimeLoop, run_virtually

BTC_USDT = parse_symbol("BTC/USDT")
BOTH = ((Source.BINANCE, "BTC/USDT"), (Source.COINGECKO, "BTC/USDT"))


class Scene:
    """A stage with one eager reader of BTC/USDT."""

    def __init__(self, pace: Pace) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.loop = loop
        self.pace = pace
        self.instruments = ListedInstruments(*BOTH)
        self.cache = FailingCache(stream_length=10)
        self.stage = Stage(self.cache, self.instruments)
        self.told: list[tuple[float, Rate]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self.stage.refresh()
        self.tasks.append(asyncio.create_task(self.stage.mirror.run()))
        await asyncio.sleep(0.000_01)
        self.tasks.append(asyncio.create_task(self._read()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)

    async def write(self, source: Source, price: int, lag_s: float = 0) -> None:
        observed_at = self.loop.clock() - timedelta(seconds=lag_s)
        await self.cache.write([build_ticker(price=str(price), source=source, observed_at=observed_at)])

    async def until(self, second: float) -> None:
        await asyncio.sleep(second - self.loop.time())

    @property
    def summary(self) -> list[tuple[float, str, int]]:
        return [(round(at, 3), rate.ticker.source.name, int(rate.ticker.price)) for at, rate in self.told]

    async def _read(self) -> None:
        async with aclosing(self.stage.live.watch_rate(BTC_USDT, None, self.pace)) as rates:
            async for rate in rates:
                self.told.append((self.loop.time(), rate))


def test_it_falls_back_when_the_preferred_source_turns_stale_though_nothing_arrives() -> None:
    """And returns with the preferred source's next value."""

    async def main() -> None:
        async with Scene(Pace()) as scene:
            await scene.until(1)
            await scene.write(Source.COINGECKO, 7)
            await scene.write(Source.BINANCE, 100)
            await scene.until(30)
            await scene.write(Source.BINANCE, 101)
            await scene.until(31)
            assert scene.summary[-3:] == [(1, "BINANCE", 100), (11, "COINGECKO", 7), (30, "BINANCE", 101)]

    run_virtually(main())


def test_with_nothing_fresh_the_one_that_used_up_least_of_its_time_answers() -> None:
    """Within a second of the moment at which that is another."""

    async def main() -> None:
        async with Scene(Pace()) as scene:
            await scene.until(1)
            await scene.write(Source.COINGECKO, 7, lag_s=270)
            await scene.write(Source.BINANCE, 100, lag_s=12)
            await scene.until(10)
            at, source, _ = scene.summary[-1]
            # (12 + t) / 10 passes (270 + t) / 180 at t = 3.18 s after the write.
            assert source == "COINGECKO"
            assert 4.18 <= at <= 5.2

    run_virtually(main())


def test_a_turn_keeps_to_the_interval() -> None:
    """At most one answer in so many seconds, whatever the reason; the first comes at once."""

    async def main() -> None:
        async with Scene(Pace(sample_interval_s=20)) as scene:
            await scene.until(1)
            await scene.write(Source.BINANCE, 100)
            await scene.write(Source.COINGECKO, 7)
            await scene.until(60)
            assert scene.summary == [(1, "BINANCE", 100), (21, "COINGECKO", 7)]

    run_virtually(main())


def test_a_small_move_is_told_before_the_value_told_turns_stale() -> None:
    """A newer observation of the same price keeps its reader from believing it stale."""

    async def main() -> None:
        async with Scene(Pace(min_change_bps=Decimal(100))) as scene:
            for second in range(1, 12, 4):
                await scene.until(second)
                await scene.write(Source.BINANCE, 100)
            await scene.until(12)
            assert scene.summary == [(1, "BINANCE", 100), (8.5, "BINANCE", 100)]
            assert scene.told[-1][1].ticker.observed_at == scene.told[0][1].ticker.observed_at + timedelta(
                seconds=4
            )

    run_virtually(main())


def test_a_source_that_comes_to_track_it_later_is_followed() -> None:
    """Tracked instruments change while readers watch."""

    async def main() -> None:
        async with Scene(Pace()) as scene:
            scene.instruments.instruments = [ListedInstruments.instrument(*BOTH[1])]
            await scene.stage.refresh()
            await scene.until(1)
            await scene.write(Source.COINGECKO, 7)
            scene.instruments.add(*BOTH[0])
            await scene.stage.refresh()
            await scene.until(2)
            await scene.write(Source.BINANCE, 100)
            await scene.until(3)
            assert scene.summary == [(1, "COINGECKO", 7), (2, "BINANCE", 100)]

    run_virtually(main())


steps = st.tuples(
    st.sampled_from([0.1, 1.3, 3.1, 9.7, 11.3, 190.7]),
    st.sampled_from(Source),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.7, 5.7, 12.3]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, min_size=3, max_size=30))
def test_what_was_told_last_is_what_the_query_answers(script: list[tuple[float, Source, int, float]]) -> None:
    """At any moment at which anything is fresh; nothing is told twice."""

    async def main() -> None:
        async with Scene(Pace()) as scene:
            for wait_s, source, price, lag_s in script:
                await asyncio.sleep(wait_s / 2)
                check(scene)
                await asyncio.sleep(wait_s / 2)
                check(scene)
                await scene.write(source, price, lag_s)
            tickers = [rate.ticker for _, rate in scene.told]
            assert all(one != other for one, other in pairwise(tickers))

    def check(scene: Scene) -> None:
        values = scene.stage.values_at(scene.loop.time())
        now = scene.loop.clock()
        rates = {key.source: scene.stage.rates.present_at(ticker, now) for key, ticker in values.items()}
        fresh = [rates[each] for each in Source if each in rates and rates[each].freshness is Freshness.FRESH]
        assert not fresh or scene.told[-1][1].ticker == fresh[0].ticker

    run_virtually(main())
