"""The subscription `consensusRates` always equals the query, also as time passes."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.queries.consensus.query import ConsensusMethod, ConsensusQuery
from gateway.queries.consensus.rates_query import MAX_CONSENSUS_SYMBOLS, ConsensusRatesQuery
from gateway.subscriptions.answers_event import AnswersEvent
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.live_consensus import LiveConsensus
from instruments.instrument import Halt
from rates.errors import InvalidArgument
from rates.source import Source
from rates.symbol import Symbol, parse_symbol
from tests.gateway.fakes import NOON, build_ticker
from tests.gateway.harness import KEYS
from tests.gateway.queries.consensus.source_rates import BTC_USDT
from tests.gateway.scenario import Scenario, Step, step_lists
from tests.gateway.scenario_steps import PriceScenario
from tests.gateway.subscriptions.live_list_clients import ListClient, ListScenario, list_clients
from tests.lengths import at_length
from tests.virtual_time import run_virtually

ETH_USDT, DOGE_EUR = parse_symbol("ETH/USDT"), parse_symbol("DOGE/EUR")
ANY = ConsensusQuery(BTC_USDT, min_sources=1)
QUIET = DeliveryOptions(max_silence_s=60)


def reading(
    *symbols: Symbol, query: ConsensusQuery = ANY, options: DeliveryOptions = QUIET, delay_s: float = 0
) -> PriceScenario[AnswersEvent]:
    asked = ConsensusRatesQuery.of(symbols or (BTC_USDT,), query)
    return PriceScenario(lambda harness: harness.live_queries.iterate(asked, options), delay_s)


def summary(event: AnswersEvent) -> tuple[str, dict[str, str | None], list[str]]:
    items = {str(each.value.query.symbol): each.value.price for each in event.items}
    return (
        event.kind.value,
        {symbol: None if price is None else str(price) for symbol, price in items.items()},
        [f"{each.symbol}: {each.reason}" for each in event.unavailable],
    )


def test_a_snapshot_comes_first_then_only_what_has_changed() -> None:
    """Unknown symbols are data, with similar ones."""

    async def main() -> None:
        typo = parse_symbol("BTC/USDTT")
        async with reading(BTC_USDT, typo, ETH_USDT) as scenario:
            await scenario.until(0.5)
            scenario.instruments.add(Source.BINANCE, "ETH/USDT")
            await scenario.harness.refresh()
            await scenario.until(1)
            await scenario.write(Source.BINANCE, "100")
            await scenario.until(2)
            events = [event for _, event in scenario.received]
            assert list(map(summary, events)) == [
                ("SNAPSHOT", {"BTC/USDT": None}, ["BTC/USDTT: UNKNOWN_SYMBOL", "ETH/USDT: UNKNOWN_SYMBOL"]),
                ("UPDATE", {"ETH/USDT": None}, []),
                ("UPDATE", {"BTC/USDT": "100"}, []),
            ]
            (similar,) = [each.message for each in events[0].unavailable if each.symbol == typo]
            assert "BTC/USDT" in similar.replace(str(typo), "")

    run_virtually(main())


def test_a_source_that_turns_stale_is_told_though_nothing_arrives() -> None:
    """At the very moment, in an UPDATE of that symbol alone."""

    async def main() -> None:
        async with reading(BTC_USDT, DOGE_EUR) as scenario:
            await scenario.until(1)
            await scenario.write(Source.BINANCE, "100")
            await scenario.until(20)
            at, event = scenario.received[-1]
            assert (round(at, 3), summary(event)) == (11, ("UPDATE", {"BTC/USDT": None}, []))
            assert event.conflated_count == 0

    run_virtually(main())


def test_a_symbol_that_no_source_lists_any_more_is_unavailable_and_comes_back() -> None:
    """Also where no ticker tells so, before and after."""

    async def main() -> None:
        async with reading() as scenario:
            await scenario.until(1)
            listed, scenario.instruments.instruments = scenario.instruments.instruments, []
            await scenario.harness.refresh()
            await scenario.until(2)
            scenario.instruments.instruments = listed
            await scenario.harness.refresh()
            await scenario.until(3)
            assert [summary(event) for _, event in scenario.received] == [
                ("SNAPSHOT", {"BTC/USDT": None}, []),
                ("UPDATE", {}, ["BTC/USDT: UNKNOWN_SYMBOL"]),
                ("UPDATE", {"BTC/USDT": None}, []),
            ]

    run_virtually(main())


def test_a_symbol_halted_by_all_sources_stays_with_the_reason_of_each() -> None:
    """It is listed: a consensus without a price, as the query answers."""

    async def main() -> None:
        async with reading() as scenario:
            await scenario.until(1)
            await scenario.write(Source.BINANCE, "100")
            for source in (Source.BINANCE, Source.COINGECKO):
                scenario.instruments.halt(source, "BTC/USDT", Halt("BREAK", NOON))
            await scenario.harness.refresh()
            await scenario.until(2)
            (item,) = scenario.received[-1][1].items
            assert [each.exclusion for each in item.value.contributions] == ["NOT_TRADING", "NOT_TRADING"]

    run_virtually(main())


def test_updates_keep_to_the_interval_and_count_what_they_merge() -> None:
    """The newest values, however much arrives between two."""

    async def main() -> None:
        async with reading(options=DeliveryOptions(sample_interval_s=5, max_silence_s=60)) as scenario:
            for tenth in range(1, 100):
                await scenario.until(tenth / 10)
                await scenario.write(Source.BINANCE, str(100 + tenth))
            await scenario.until(16)
            told = [
                (round(at, 3), summary(event)[1], event.conflated_count) for at, event in scenario.received
            ]
            assert told == [
                (0, {"BTC/USDT": None}, 0),
                (5.625, {"BTC/USDT": "156"}, 55),
                (10.625, {"BTC/USDT": "199"}, 42),
            ]

    run_virtually(main())


def test_a_heartbeat_breaks_the_silence() -> None:
    """With neither items nor anything unavailable."""

    async def main() -> None:
        async with reading(DOGE_EUR, options=DeliveryOptions(max_silence_s=2)) as scenario:
            await scenario.until(5)
            assert [(round(at), summary(event)) for at, event in scenario.received] == [
                (0, ("SNAPSHOT", {}, ["DOGE/EUR: UNKNOWN_SYMBOL"])),
                (2, ("HEARTBEAT", {}, [])),
                (4, ("HEARTBEAT", {}, [])),
            ]

    run_virtually(main())


@pytest.mark.parametrize("count", [0, MAX_CONSENSUS_SYMBOLS + 1])
def test_a_list_is_neither_empty_nor_too_long(count: int) -> None:
    """The error says how many symbols are allowed."""

    async def main() -> None:
        symbols = [parse_symbol(f"A{number}/USD") for number in range(count)]
        harness = Scenario().replicas[0]
        harness.mirror.loaded = harness.catalog.loaded = True
        with pytest.raises(InvalidArgument, match="1 to 200"):
            harness.live_queries.check(ConsensusRatesQuery.of(symbols, ANY))

    run_virtually(main())


def test_lists_share_the_computation_of_a_symbol() -> None:
    """Fifty lists that contain it, at any phase of their intervals: once per ticker."""

    async def main() -> None:
        scenario = Scenario()
        harness = scenario.replicas[0]
        mirroring = asyncio.create_task(harness.mirror.run())
        await harness.refresh()
        await asyncio.sleep(0.000_1)
        received = 0

        async def read(number: int) -> None:
            nonlocal received
            symbols = (BTC_USDT, parse_symbol(f"A{number}/USD"))
            options = DeliveryOptions(0.25, max_silence_s=60)
            async for event in harness.live_queries.iterate(ConsensusRatesQuery.of(symbols, ANY), options):
                received += bool(event.items)

        tasks = []
        for number in range(50):
            tasks.append(asyncio.create_task(read(number)))
            await asyncio.sleep(0.013_3)
        (shared,) = [
            each
            for each in harness.live_queries.lists.computed_answers
            if isinstance(each, LiveConsensus) and each.query.symbol == BTC_USDT
        ]
        before, events_before = shared.computed_count, received
        for number in range(10):
            now = scenario.loop.clock()
            await harness.cache.write([build_ticker(price=str(number + 1), observed_at=now)])
            await asyncio.sleep(2)
        assert shared.computed_count - before == 10
        assert received - events_before == 500
        for task in (*tasks, mirroring):
            task.cancel()
        await asyncio.wait([*tasks, mirroring])
        assert not len(harness.registry)

    run_virtually(main())


queries = st.builds(
    ConsensusRatesQuery.of,
    st.lists(st.sampled_from([*dict.fromkeys(key.symbol for key in KEYS), DOGE_EUR]), min_size=1, max_size=4),
    st.builds(
        ConsensusQuery,
        st.just(BTC_USDT),
        method=st.sampled_from(ConsensusMethod),
        sources=st.none() | st.lists(st.sampled_from(Source), min_size=1, max_size=2, unique=True).map(tuple),
        min_sources=st.integers(1, 2),
        max_age=st.none() | st.sampled_from([0.5, 4.0, 50.0]).map(lambda seconds: timedelta(seconds=seconds)),
        max_deviation_bps=st.sampled_from([Decimal(50), Decimal(2_500)]),
        max_trade_age=st.none() | st.just(timedelta(seconds=20)),
        # Times of the past are not followed.
        at=st.none(),
    ),
)


@pytest.mark.slow
@settings(max_examples=at_length(50), deadline=None)
@given(step_lists, st.lists(list_clients(queries), min_size=1, max_size=4))
def test_what_was_told_last_is_what_the_query_answers(steps: list[Step], clients: list[ListClient]) -> None:
    """For any steps and any clients; nothing is told twice, and nothing but what has changed."""

    async def main() -> None:
        await ListScenario().run_clients(steps, clients)

    run_virtually(main())
