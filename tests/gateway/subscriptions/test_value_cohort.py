"""`rate` without a source: always the answer that the query would give, also when only time has passed."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings

from gateway.queries.rate import Rate
from gateway.subscriptions.delivery_options import DeliveryOptions
from rates.source import Source
from rates.symbol import parse_symbol
from tests.gateway.fakes import ListedInstruments
from tests.gateway.scenario_steps import BOTH, Scene, Step, scripts
from tests.gateway.virtual_time import run_virtually

BTC_USDT = parse_symbol("BTC/USDT")


def reading(pace: DeliveryOptions) -> Scene[Rate]:
    """With an eager reader."""
    return Scene(lambda stage: stage.live_queries.watch_rate(BTC_USDT, None, pace))


def summary(scene: Scene[Rate]) -> list[tuple[float, str, int]]:
    return [(round(at, 3), rate.ticker.source.name, int(rate.ticker.price)) for at, rate in scene.told]


def test_it_falls_back_when_the_preferred_source_turns_stale_though_nothing_arrives() -> None:
    """And returns with the preferred source's next value."""

    async def main() -> None:
        async with reading(DeliveryOptions()) as scene:
            await scene.until(1)
            await scene.write(Source.COINGECKO, 7)
            await scene.write(Source.BINANCE, 100)
            await scene.until(30)
            await scene.write(Source.BINANCE, 101)
            await scene.until(31)
            assert summary(scene)[-3:] == [(1, "BINANCE", 100), (11, "COINGECKO", 7), (30, "BINANCE", 101)]

    run_virtually(main())


def test_with_nothing_fresh_the_one_that_used_up_least_of_its_time_answers() -> None:
    """Within a second of the moment at which that is another."""

    async def main() -> None:
        async with reading(DeliveryOptions()) as scene:
            await scene.until(1)
            await scene.write(Source.COINGECKO, 7, lag_s=270)
            await scene.write(Source.BINANCE, 100, lag_s=12)
            await scene.until(10)
            at, source, _ = summary(scene)[-1]
            # (12 + t) / 10 passes (270 + t) / 180 at t = 3.18 s after the write.
            assert source == "COINGECKO"
            assert 4.18 <= at <= 5.2

    run_virtually(main())


def test_a_turn_keeps_to_the_interval() -> None:
    """At most one answer in so many seconds, whatever the reason; the first comes at once."""

    async def main() -> None:
        async with reading(DeliveryOptions(sample_interval_s=20)) as scene:
            await scene.until(1)
            await scene.write(Source.BINANCE, 100)
            await scene.write(Source.COINGECKO, 7)
            await scene.until(60)
            assert summary(scene) == [(1, "BINANCE", 100), (21, "COINGECKO", 7)]

    run_virtually(main())


def test_a_small_move_is_told_before_the_value_told_turns_stale() -> None:
    """A newer observation of the same price keeps its reader from believing it stale."""

    async def main() -> None:
        async with reading(DeliveryOptions(min_change_bps=Decimal(100))) as scene:
            for second in range(1, 12, 4):
                await scene.until(second)
                await scene.write(Source.BINANCE, 100)
            await scene.until(12)
            assert summary(scene) == [(1, "BINANCE", 100), (8.5, "BINANCE", 100)]
            assert scene.told[-1][1].ticker.observed_at == scene.told[0][1].ticker.observed_at + timedelta(
                seconds=4
            )

    run_virtually(main())


def test_a_source_that_comes_to_track_it_later_is_followed() -> None:
    """Tracked instruments change while readers watch."""

    async def main() -> None:
        async with reading(DeliveryOptions()) as scene:
            scene.instruments.instruments = [ListedInstruments.instrument(*BOTH[1])]
            await scene.stage.refresh()
            await scene.until(1)
            await scene.write(Source.COINGECKO, 7)
            scene.instruments.add(*BOTH[0])
            await scene.stage.refresh()
            await scene.until(2)
            await scene.write(Source.BINANCE, 100)
            await scene.until(3)
            assert summary(scene) == [(1, "COINGECKO", 7), (2, "BINANCE", 100)]

    run_virtually(main())


@settings(max_examples=200, deadline=None)
@given(scripts)
def test_what_was_told_last_is_what_the_query_answers(script: list[Step]) -> None:
    """At any moment at which anything is fresh; nothing is told twice."""

    async def main() -> None:
        async with reading(DeliveryOptions()) as scene:

            def check() -> None:
                now = scene.loop.clock()
                values = scene.stage.values_at(scene.loop.time())
                rates = {key.source: scene.stage.rates.to_rate(each, now) for key, each in values.items()}
                fresh = [rates[each] for each in Source if each in rates and rates[each].freshness == "FRESH"]
                assert not fresh or scene.told[-1][1].ticker == fresh[0].ticker

            await scene.play(script, check)
            tickers = [rate.ticker for _, rate in scene.told]
            assert all(one != other for one, other in pairwise(tickers))

    run_virtually(main())
