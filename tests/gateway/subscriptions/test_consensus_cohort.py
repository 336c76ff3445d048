"""The subscription `consensusRate` always equals the query, also as time passes."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.consensus.rate import ConsensusRate
from gateway.subscriptions.delivery_options import DeliveryOptions
from instruments.instrument import Halt
from rates.source import Source
from tests.gateway.fakes import NOON
from tests.gateway.queries.consensus.source_rates import BTC_USDT, exclusions
from tests.gateway.scenario_steps import BOTH, PriceScenario, PriceStep, price_steps
from tests.lengths import at_length
from tests.virtual_time import run_virtually

QUERY = ConsensusQuery(BTC_USDT)
HALT = Halt("BREAK", NOON)


def reading(
    options: DeliveryOptions, query: ConsensusQuery = QUERY, delay_s: float = 0
) -> PriceScenario[ConsensusRate]:
    return PriceScenario(lambda harness: harness.live_queries.iterate(query, options), delay_s)


def summary(scenario: PriceScenario[ConsensusRate]) -> list[tuple[float, str | None, str]]:
    return [
        (round(at, 3), None if each.price is None else str(each.price), each.quality.value)
        for at, each in scenario.received
    ]


def test_the_first_answer_comes_at_once_and_the_next_when_it_is_another() -> None:
    """Be it that there is no price yet."""

    async def main() -> None:
        async with reading(DeliveryOptions()) as scenario:
            await scenario.until(1)
            await scenario.write(Source.BINANCE, "100")
            await scenario.until(2)
            await scenario.write(Source.COINGECKO, "100.2")
            await scenario.until(3)
            await scenario.write(Source.COINGECKO, "103")
            await scenario.until(4)
            assert summary(scenario) == [
                (0, None, "INSUFFICIENT"),
                (1, None, "INSUFFICIENT"),
                (2, "100.1", "AGREED"),
                (3, "101.5", "DIVERGED"),
            ]

    run_virtually(main())


def test_a_source_that_turns_stale_is_told_though_nothing_arrives() -> None:
    """At the very moment, with the reason."""

    async def main() -> None:
        async with reading(DeliveryOptions()) as scenario:
            await scenario.until(1)
            await scenario.write(Source.COINGECKO, "100")
            await scenario.write(Source.BINANCE, "100")
            await scenario.until(20)
            assert summary(scenario)[-1:] == [(11, None, "INSUFFICIENT")]
            assert exclusions(scenario.received[-1][1]) == ["STALE", "TOO_FEW_SOURCES"]

    run_virtually(main())


def test_it_is_told_when_its_worst_rate_gets_worse_though_the_price_stands() -> None:
    """With a `maxAgeMs` that includes stale rates: at STALE and at EXPIRED."""

    async def main() -> None:
        patient = QUERY._replace(max_age=timedelta(seconds=150))
        async with reading(DeliveryOptions(), patient) as scenario:
            await scenario.until(1)
            await scenario.write(Source.COINGECKO, "100")
            await scenario.write(Source.BINANCE, "100")
            await scenario.until(160)
            told = [(round(at), each.price, each.freshness) for at, each in scenario.received[-4:]]
            assert told == [(1, 100, "FRESH"), (11, 100, "STALE"), (101, 100, "EXPIRED"), (151, None, None)]

    run_virtually(main())


def test_answers_keep_to_the_interval_and_are_the_newest() -> None:
    """However much arrives between two; the first comes at once.

    They wait for a moment that others with the interval share.
    """

    async def main() -> None:
        async with reading(DeliveryOptions(sample_interval_s=5)) as scenario:
            for tenth in range(1, 100):
                await scenario.until(tenth / 10)
                await scenario.write(Source.BINANCE, str(100 + tenth))
            await scenario.until(16)
            assert [at for at, *_ in summary(scenario)] == [0, 5.625, 10.625]
            last = scenario.received[-1][1].contributions[0].rate
            assert last is not None
            assert last.ticker.price == 199

    run_virtually(main())


def test_a_slow_reader_gets_fewer_answers_and_the_newest() -> None:
    """Nothing waits for it in a queue."""

    async def main() -> None:
        async with reading(DeliveryOptions(), delay_s=3) as scenario:
            for tenth in range(1, 100):
                await scenario.until(tenth / 10)
                await scenario.write(Source.BINANCE, str(100 + tenth))
            await scenario.until(13)
            assert len(scenario.received) == 5
            last = scenario.received[-1][1].contributions[0].rate
            assert last is not None
            assert last.ticker.price == 199

    run_virtually(main())


def test_the_same_observation_with_another_age_is_no_news() -> None:
    """Ages go by themselves: a reader counts them from `observedAt`."""

    async def main() -> None:
        async with reading(DeliveryOptions()) as scenario:
            await scenario.until(1)
            await scenario.write(Source.BINANCE, "100")
            await scenario.until(2)
            await scenario.write(Source.BINANCE, "90", lag_s=5)
            await scenario.until(9)
            assert [at for at, *_ in summary(scenario)] == [0, 1]

    run_virtually(main())


def test_a_symbol_that_is_tracked_no_more_leaves_no_price_and_comes_back() -> None:
    """Tracked instruments change while readers watch."""

    async def main() -> None:
        async with reading(DeliveryOptions()) as scenario:
            await scenario.until(1)
            await scenario.write(Source.BINANCE, "100")
            await scenario.write(Source.COINGECKO, "100")
            await scenario.until(2)
            listed, scenario.instruments.instruments = scenario.instruments.instruments, []
            await scenario.harness.refresh()
            await scenario.until(3)
            scenario.instruments.instruments = listed
            await scenario.harness.refresh()
            await scenario.until(4)
            assert summary(scenario)[-3:] == [
                (1, "100", "AGREED"),
                (2, None, "INSUFFICIENT"),
                (3, "100", "AGREED"),
            ]

    run_virtually(main())


def test_a_source_that_halts_the_symbol_leaves_with_its_reason_and_comes_back() -> None:
    """Though its last rate is still fresh; halted everywhere, the symbol is known all the same."""

    async def main() -> None:
        async with reading(DeliveryOptions(), QUERY._replace(min_sources=1)) as scenario:
            await scenario.until(1)
            await scenario.write(Source.BINANCE, "100")
            await scenario.write(Source.COINGECKO, "100")
            for second, halts in (2, (HALT, None)), (3, (HALT, HALT)), (4, (None, None)):
                await scenario.until(second)
                for (source, symbol), halt in zip(BOTH, halts, strict=True):
                    scenario.instruments.halt(source, symbol, halt)
                await scenario.harness.refresh()
            await scenario.until(5)
            assert [(at, quality) for at, _, quality in summary(scenario)[-4:]] == [
                (1, "AGREED"),
                (2, "SINGLE_SOURCE"),
                (3, "INSUFFICIENT"),
                (4, "AGREED"),
            ]
            halted = scenario.received[-2][1]
            assert exclusions(halted) == ["NOT_TRADING", "NOT_TRADING"]
            assert "its listing says 'BREAK'" in (halted.contributions[0].message or "")

    run_virtually(main())


questions = st.builds(
    ConsensusQuery,
    st.just(BTC_USDT),
    sources=st.none() | st.lists(st.sampled_from([source for source, _ in BOTH]), min_size=1).map(tuple),
    min_sources=st.integers(1, 2),
    max_age=st.none() | st.sampled_from([0.5, 4.0, 50.0]).map(lambda seconds: timedelta(seconds=seconds)),
    max_deviation_bps=st.sampled_from([Decimal(0), Decimal(2_500)]),
)


@pytest.mark.slow
@settings(max_examples=at_length(100), deadline=None)
@given(price_steps, questions)
def test_what_was_told_last_is_what_the_query_answers(steps: list[PriceStep], query: ConsensusQuery) -> None:
    """At any moment; nothing is told twice."""

    async def main() -> None:
        async with reading(DeliveryOptions(), query) as scenario:

            def check() -> None:
                assert scenario.received[-1][1].said == scenario.harness.consensus.consensus(query).said

            await scenario.run(steps, check)
            said = [each.said for _, each in scenario.received]
            assert all(one != other for one, other in pairwise(said))

    run_virtually(main())
