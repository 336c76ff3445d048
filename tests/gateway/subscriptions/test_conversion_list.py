"""Live conversions always equal the query, also as time passes."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.queries.conversion.conversions_query import MAX_CONVERSIONS, ConversionsQuery
from gateway.queries.conversion.query import ConversionQuery
from gateway.queries.rates_query import FreshnessPolicy, OnStale
from gateway.subscriptions.answers_event import AnswersEvent
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.live_conversion import LiveRoute
from rates.errors import InvalidArgument, NoConversionPath, UnknownAsset
from rates.source import Source
from tests.gateway.fakes import build_ticker
from tests.gateway.scenario import Scenario, Step, step_lists
from tests.gateway.scenario_steps import PriceScenario
from tests.gateway.subscriptions.live_list_clients import ListClient, ListScenario, list_clients
from tests.lengths import at_length
from tests.virtual_time import run_virtually

OMITTED = OnStale.OMIT
QUIET = DeliveryOptions(max_silence_s=60)


def conversion(amount: str, start: str, end: str, **asked: Any) -> ConversionQuery:
    return ConversionQuery(Decimal(amount), start, end, **asked)


def reading(
    *queries: ConversionQuery, options: DeliveryOptions = QUIET, single: bool = False
) -> PriceScenario[AnswersEvent]:
    query = queries[0] if single else ConversionsQuery.of(queries)
    return PriceScenario(lambda harness: harness.live_queries.iterate(query, options))


def summary(event: AnswersEvent) -> tuple[str, list[str], list[str]]:
    return (
        event.kind.value,
        [f"{each.value.amount:f} {each.value.start} = {each.value.result:f}" for each in event.items],
        [f"{each.amount:f} {each.start}: {type(each.error).__name__}" for each in event.unavailable],
    )


def test_a_snapshot_comes_first_then_only_what_has_changed() -> None:
    """Conversions without an answer are data, be it for the amount."""

    async def main() -> None:
        queries = [
            conversion("2", "BTC", "USDT"),
            conversion("-1", "BTC", "USDT"),
            conversion("1", "BTC", "ATLANTIS"),
            conversion("3", "BTC", "BTC"),
            conversion("3", "USDT", "BTC"),
        ]
        async with reading(*queries) as scenario:
            await scenario.until(1)
            await scenario.write(Source.BINANCE, "100")
            await scenario.until(2)
            await scenario.write(Source.COINGECKO, "101")
            await scenario.until(3)
            assert [summary(event) for _, event in scenario.received] == [
                (
                    "SNAPSHOT",
                    ["3 BTC = 3"],
                    [
                        "2 BTC: RateNotSeen",
                        "-1 BTC: InvalidArgument",
                        "1 BTC: UnknownAsset",
                        "3 USDT: RateNotSeen",
                    ],
                ),
                ("UPDATE", ["2 BTC = 200", "3 USDT = 0.03"], []),
            ]

    run_virtually(main())


def test_a_conversion_falls_back_to_another_source_though_nothing_arrives() -> None:
    """At the moment at which the preferred one turns stale, and is told when its own turns."""

    async def main() -> None:
        async with reading(conversion("1", "BTC", "USDT")) as scenario:
            await scenario.until(1)
            await scenario.write(Source.COINGECKO, "97")
            await scenario.write(Source.BINANCE, "100")
            await scenario.until(12)
            told = [(round(at, 3), summary(event)[1]) for at, event in scenario.received]
            assert told[-2:] == [(1, ["1 BTC = 100"]), (11, ["1 BTC = 97"])]

    run_virtually(main())


def test_a_conversion_that_becomes_too_old_is_unavailable_and_comes_back() -> None:
    """For a client that wants it left out."""

    async def main() -> None:
        policy = FreshnessPolicy(timedelta(seconds=3), OMITTED)
        async with reading(conversion("1", "BTC", "USDT", policy=policy)) as scenario:
            await scenario.until(1)
            await scenario.write(Source.BINANCE, "100")
            await scenario.until(6)
            await scenario.write(Source.BINANCE, "101")
            await scenario.until(7)
            told = [(round(at, 3), *summary(event)[1:]) for at, event in scenario.received]
            assert told[1:] == [
                (1, ["1 BTC = 100"], []),
                (4, [], ["1 BTC: RateStale"]),
                (6, ["1 BTC = 101"], []),
            ]

    run_virtually(main())


def test_a_route_that_opens_or_closes_is_told() -> None:
    """Tracked instruments change while clients read."""

    async def main() -> None:
        async with reading(conversion("1", "BTC", "EUR")) as scenario:
            await scenario.until(1)
            await scenario.write(Source.BINANCE, "100")
            scenario.instruments.add(Source.BINANCE, "BTC/EUR")
            await scenario.harness.refresh()
            await scenario.until(2)
            await scenario.cache.write([build_ticker("BTC/EUR", "90", observed_at=scenario.loop.clock())])
            await scenario.until(3)
            scenario.instruments.instruments.pop()
            await scenario.harness.refresh()
            await scenario.until(4)
            assert [summary(event)[1:] for _, event in scenario.received] == [
                ([], ["1 BTC: UnknownAsset"]),
                ([], ["1 BTC: RateNotSeen"]),
                (["1 BTC = 90"], []),
                ([], ["1 BTC: UnknownAsset"]),
            ]

    run_virtually(main())


def test_a_single_conversion_is_a_list_of_one_without_heartbeats() -> None:
    """Its subscribers take the value out of the events."""

    async def main() -> None:
        async with reading(
            conversion("1", "BTC", "USDT"), options=DeliveryOptions(), single=True
        ) as scenario:
            await scenario.until(1)
            await scenario.write(Source.BINANCE, "100")
            await scenario.until(9)
            assert [summary(event) for _, event in scenario.received] == [
                ("SNAPSHOT", [], ["1 BTC: RateNotSeen"]),
                ("UPDATE", ["1 BTC = 100"], []),
            ]

    run_virtually(main())


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (conversion("1", "BTC", "ATLANTIS"), UnknownAsset),
        (conversion("1", "BTC", "EUR", max_legs=1), NoConversionPath),
        (ConversionsQuery.of([]), InvalidArgument),
        (
            ConversionsQuery.of(conversion(str(n), "BTC", "EUR") for n in range(MAX_CONVERSIONS + 1)),
            InvalidArgument,
        ),
        (ConversionsQuery.of([conversion("1", "BTC", "EUR", max_legs=4)]), InvalidArgument),
    ],
)
def test_what_no_rate_can_change_is_refused_at_once(
    query: ConversionQuery | ConversionsQuery, error: type[Exception]
) -> None:
    """One conversion that has no route; a list that is empty, too long or has a bad option."""

    async def main() -> None:
        scenario = PriceScenario[AnswersEvent](lambda harness: harness.live_queries.iterate(query, QUIET))
        scenario.instruments.add(Source.BINANCE, "EUR/USDT")
        await scenario.harness.refresh()
        scenario.harness.mirror.loaded = True
        with pytest.raises(error):
            scenario.harness.live_queries.check(query)

    run_virtually(main())


def test_conversions_share_their_route_whatever_the_amount() -> None:
    """Fifty clients with amounts of their own: one route, searched once per ticker."""

    async def main() -> None:
        scenario = Scenario()
        harness = scenario.replicas[0]
        mirroring = asyncio.create_task(harness.mirror.run())
        await harness.refresh()
        await asyncio.sleep(0.000_1)
        received = 0

        async def read(number: int) -> None:
            nonlocal received
            query = ConversionsQuery.of([conversion(str(number), "BTC", "USDT")])
            async for event in harness.live_queries.iterate(query, DeliveryOptions(0.25, max_silence_s=60)):
                received += bool(event.items)

        tasks = [asyncio.create_task(read(number)) for number in range(50)]
        await asyncio.sleep(1)
        (shared,) = harness.live_queries.lists.computed_answers
        assert isinstance(shared, LiveRoute)
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


policies = st.builds(
    FreshnessPolicy,
    st.none() | st.sampled_from([0.5, 4.0, 50.0]).map(lambda seconds: timedelta(seconds=seconds)),
    st.sampled_from([OnStale.RETURN, OMITTED]),
    max_trade_age=st.none() | st.just(timedelta(seconds=20)),
)


@st.composite
def conversion_lists(draw: st.DrawFn) -> ConversionsQuery:
    """Lists whose conversions differ in amounts and assets only."""
    template = ConversionQuery(
        Decimal(1),
        "",
        "",
        draw(policies),
        draw(st.none() | st.lists(st.sampled_from(Source), min_size=1, max_size=2, unique=True).map(tuple)),
        draw(st.integers(1, 3)),
        draw(st.booleans()),
    )
    assets = st.sampled_from(["BTC", "ETH", "USDT", "USD", "EUR"])
    amounts = st.sampled_from(["1", "1.0", "0", "2.5", "-1"]).map(Decimal)
    entries = draw(st.lists(st.tuples(amounts, assets, assets), min_size=1, max_size=5))
    # A bad amount has no sign in the client's table.
    signs = {amount.copy_abs(): amount for amount, _, _ in entries}
    return ConversionsQuery.of(
        template._replace(amount=signs[amount.copy_abs()], start=start, end=end)
        for amount, start, end in entries
    )


@pytest.mark.slow
@settings(max_examples=at_length(50), deadline=None)
@given(step_lists, st.lists(list_clients(conversion_lists()), min_size=1, max_size=4))
def test_what_was_told_last_is_what_the_query_answers(steps: list[Step], clients: list[ListClient]) -> None:
    """For any steps and any clients; nothing is told twice, and nothing but what has changed."""

    async def main() -> None:
        await ListScenario().run_clients(steps, clients)

    run_virtually(main())
