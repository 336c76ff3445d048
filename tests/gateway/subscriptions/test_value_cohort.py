"""The subscription `rate` without a source always equals the query."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings

from gateway.queries.identity import is_apart
from gateway.queries.rate import Rate
from gateway.queries.rate_query import RateQuery
from gateway.subscriptions.delivery_options import DeliveryOptions
from rates.source import Source
from rates.symbol import parse_symbol
from tests.gateway.fakes import MAX_DISTANCE, ListedInstruments
from tests.gateway.scenario_steps import BOTH, PriceScenario, PriceStep, price_steps
from tests.lengths import at_length
from tests.virtual_time import run_virtually

BTC_USDT = parse_symbol("BTC/USDT")


def reading(options: DeliveryOptions) -> PriceScenario[Rate]:
    """A subscriber that is always ready."""
    return PriceScenario(lambda harness: harness.live_queries.iterate(RateQuery(BTC_USDT), options))


def summary(scenario: PriceScenario[Rate]) -> list[tuple[float, str, int]]:
    return [(round(at, 3), rate.ticker.source.name, int(rate.ticker.price)) for at, rate in scenario.received]


def test_it_falls_back_when_the_preferred_source_turns_stale_though_nothing_arrives() -> None:
    """And returns with the preferred source's next value."""

    async def main() -> None:
        async with reading(DeliveryOptions()) as scenario:
            await scenario.until(1)
            await scenario.write(Source.COINGECKO, 97)
            await scenario.write(Source.BINANCE, 100)
            await scenario.until(30)
            await scenario.write(Source.BINANCE, 101)
            await scenario.until(31)
            assert summary(scenario)[-3:] == [
                (1, "BINANCE", 100),
                (11, "COINGECKO", 97),
                (30, "BINANCE", 101),
            ]

    run_virtually(main())


def test_with_nothing_fresh_the_one_that_used_up_least_of_its_time_answers() -> None:
    """Within a second of the moment at which that is another."""

    async def main() -> None:
        async with reading(DeliveryOptions()) as scenario:
            await scenario.until(1)
            await scenario.write(Source.COINGECKO, 97, lag_s=270)
            await scenario.write(Source.BINANCE, 100, lag_s=12)
            await scenario.until(10)
            at, source, _ = summary(scenario)[-1]
            # (12 + t) / 10 passes (270 + t) / 180 at t = 3.18 s after the write.
            assert source == "COINGECKO"
            assert 4.18 <= at <= 5.2

    run_virtually(main())


def test_a_turn_keeps_to_the_interval() -> None:
    """At most one answer in so many seconds, whatever the reason; the first comes at once."""

    async def main() -> None:
        async with reading(DeliveryOptions(sample_interval_s=20)) as scenario:
            await scenario.until(1)
            await scenario.write(Source.BINANCE, 100)
            await scenario.write(Source.COINGECKO, 97)
            await scenario.until(60)
            assert summary(scenario) == [(1, "BINANCE", 100), (21, "COINGECKO", 97)]

    run_virtually(main())


def test_a_small_move_is_told_before_the_value_told_turns_stale() -> None:
    """A newer observation of the same price keeps its reader from believing it stale."""

    async def main() -> None:
        async with reading(DeliveryOptions(min_change_bps=Decimal(100))) as scenario:
            for second in range(1, 12, 4):
                await scenario.until(second)
                await scenario.write(Source.BINANCE, 100)
            await scenario.until(12)
            assert summary(scenario) == [(1, "BINANCE", 100), (8.5, "BINANCE", 100)]
            assert scenario.received[-1][1].ticker.observed_at == scenario.received[0][
                1
            ].ticker.observed_at + timedelta(seconds=4)

    run_virtually(main())


def test_a_source_that_comes_to_track_it_later_is_followed() -> None:
    """Tracked instruments change while readers watch."""

    async def main() -> None:
        async with reading(DeliveryOptions()) as scenario:
            scenario.instruments.instruments = [ListedInstruments.instrument(*BOTH[1])]
            await scenario.harness.refresh()
            await scenario.until(1)
            await scenario.write(Source.COINGECKO, 97)
            scenario.instruments.add(*BOTH[0])
            await scenario.harness.refresh()
            await scenario.until(2)
            await scenario.write(Source.BINANCE, 100)
            await scenario.until(3)
            assert summary(scenario) == [(1, "COINGECKO", 97), (2, "BINANCE", 100)]

    run_virtually(main())


@pytest.mark.slow
@settings(max_examples=at_length(200), deadline=None)
@given(price_steps)
def test_what_was_told_last_is_what_the_query_answers(steps: list[PriceStep]) -> None:
    """At any moment at which a source near the preferred one is fresh; nothing is sent twice."""

    async def main() -> None:
        async with reading(DeliveryOptions()) as scenario:

            def check() -> None:
                now = scenario.loop.clock()
                values = scenario.harness.values_at(scenario.loop.time())
                rates = {
                    key.source: scenario.harness.rates.to_rate(each, now) for key, each in values.items()
                }
                seen = [rates[each] for each in Source if each in rates]
                near = [
                    each
                    for each in seen
                    if not is_apart(each.ticker.price, seen[0].ticker.price, MAX_DISTANCE)
                ]
                fresh = [each for each in near if each.freshness == "FRESH"]
                assert not fresh or scenario.received[-1][1].ticker == fresh[0].ticker

            await scenario.run(steps, check)
            tickers = [rate.ticker for _, rate in scenario.received]
            assert all(one != other for one, other in pairwise(tickers))

    run_virtually(main())
