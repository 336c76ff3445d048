"""Clients of live lists: they hold a table of what was sent, and check every event of it."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from gateway.queries.consensus.rate import ConsensusRate, ExclusionReason
from gateway.queries.consensus.rates_query import ConsensusRatesQuery
from gateway.queries.conversion.conversion import Conversion
from gateway.queries.conversion.conversions_query import ConversionsQuery, UnavailableConversion
from gateway.queries.price_basis import price_basis
from gateway.queries.rate import UnavailableRate
from gateway.subscriptions.answers_event import AnswersEvent
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import EventKind as Kind
from rates.errors import RateStale
from tests.gateway.harness import Harness
from tests.gateway.oracle import ROUNDING
from tests.gateway.scenario import TICK_S, Scenario, Step

ListQuery = ConsensusRatesQuery | ConversionsQuery
Table = dict[object, object]


def key_of(value: Any) -> object:
    """Return the part of the query that a value answers."""
    if isinstance(value, Conversion | UnavailableConversion):
        return str(value.amount.copy_abs()), value.start, value.end
    return value.query.symbol if isinstance(value, ConsensusRate) else value.symbol


def said_of(value: Any) -> object:
    """Everything that a client sees of a value except for its ages."""
    if isinstance(value, UnavailableRate):
        return value.reason
    if isinstance(value, UnavailableConversion):
        # The message of a stale rate has its age in it.
        return type(value.error), (
            (value.error.symbol, value.error.source) if isinstance(value.error, RateStale) else value.message
        )
    if isinstance(value, Conversion):
        rates = [leg.rate and (leg.rate.ticker, leg.rate.freshness) for leg in value.legs]
        return value.result, value.freshness, [leg.price for leg in value.legs], rates
    contributions = [
        (
            each.source,
            each.rate and (each.rate.ticker, each.rate.freshness, price_basis(each.rate)),
            each.exclusion,
            # This message has the age in it.
            None if each.exclusion is ExclusionReason.STALE else each.message,
            each.weight,
            each.deviation_bps,
        )
        for each in value.contributions
    ]
    return value.price, value.quality, value.freshness, contributions


def answer(harness: Harness, query: ListQuery) -> Table:
    """Return the present answer of the query as a table."""
    found: Any
    if isinstance(query, ConsensusRatesQuery):
        found = harness.consensus.consensus_rates(query)
    else:
        found = harness.converter.conversions(query)
    return {key_of(each): said_of(each) for each in (*found.items, *found.unavailable)}


@dataclass(frozen=True)
class ListClient:
    """A client: its query, its options, and its pauses after events, in a cycle."""

    query: ListQuery
    interval_s: float
    silence_s: float
    delays_s: tuple[float, ...]

    @property
    def options(self) -> DeliveryOptions:
        return DeliveryOptions(self.interval_s, max_silence_s=self.silence_s)

    @property
    def is_immediate(self) -> bool:
        """Whether nothing delays a change on the way to it."""
        return not self.interval_s and not any(self.delays_s)


@dataclass
class ListLog:
    """The events that one client has received."""

    client: ListClient
    table: Table = field(default_factory=dict)
    events: list[tuple[float, AnswersEvent]] = field(default_factory=list)

    def apply(self, at: float, event: AnswersEvent) -> None:
        """Check one event, and apply it to the table."""
        values = [*(each.value for each in event.items), *event.unavailable]
        told = {key_of(each): said_of(each) for each in values}
        assert len(told) == len(values), "nothing is in one event twice"
        if event.kind is Kind.SNAPSHOT:
            assert not self.events
            assert not event.conflated_count
        else:
            assert self.events
            assert bool(told) == (event.kind is Kind.UPDATE)
            assert told.keys() <= self.table.keys()
            assert all(self.table[key] != said for key, said in told.items()), "only what has changed is sent"
        self.table |= told
        self.events.append((at, event))

    def check_times(self, until: float) -> None:
        """Check that updates keep to the interval, and that silence is broken in time."""
        updates = [at for at, event in self.events if event.kind is not Kind.HEARTBEAT]
        for before, after in pairwise(updates):
            assert after - before >= self.client.interval_s - ROUNDING
        patience_s = self.client.silence_s + max(self.client.delays_s) + ROUNDING
        for before, after in pairwise([*(at for at, _ in self.events), until]):
            assert after - before <= patience_s


class ListScenario(Scenario):
    """A scenario with clients of live lists at the first replica."""

    async def run_clients(self, steps: list[Step], clients: list[ListClient]) -> list[ListLog]:
        harness = self.replicas[0]
        mirrors = [asyncio.create_task(replica.mirror.run()) for replica in self.replicas]
        for replica in self.replicas:
            await replica.refresh()
        await asyncio.sleep(0.000_01)
        logs = [ListLog(client) for client in clients]
        tasks = [asyncio.create_task(self._read(log)) for log in logs]
        ticks = 0
        for step in steps:
            # In the middle of every pause, when nothing is on its way.
            await asyncio.sleep((ticks + step.ticks / 2) * TICK_S + 0.001_3 - self.loop.time())
            self._check(harness, logs)
            ticks += step.ticks
            await asyncio.sleep(ticks * TICK_S - self.loop.time())
            await getattr(self, f"_{step.kind}")(step.argument)
        await self.settle()
        # Longer than any interval and pause.
        await asyncio.sleep(20.001_3)
        for log in logs:
            assert log.table == answer(harness, log.client.query)
            log.check_times(self.loop.time())
        for task in (*tasks, *mirrors):
            task.cancel()
        for outcome in await asyncio.gather(*tasks, *mirrors, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
        assert not len(harness.registry)
        return logs

    @staticmethod
    def _check(harness: Harness, logs: list[ListLog]) -> None:
        for log in logs:
            if log.client.is_immediate:
                assert log.table == answer(harness, log.client.query)

    async def _read(self, log: ListLog) -> None:
        client = log.client
        events = self.replicas[0].live_queries.iterate(client.query, client.options)
        async with aclosing(events):
            async for event in events:
                log.apply(self.loop.time(), event)
                await asyncio.sleep(client.delays_s[len(log.events) % len(client.delays_s)])


def list_clients(queries: st.SearchStrategy[Any]) -> st.SearchStrategy[ListClient]:
    """Clients of these queries."""
    return st.builds(
        ListClient,
        query=queries,
        interval_s=st.sampled_from([0.0, 0.0, 0.500_017, 3.000_017]),
        silence_s=st.sampled_from([1.000_029, 15.000_029]),
        delays_s=st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.000_101, 2.000_101]), min_size=1, max_size=3).map(
            tuple
        ),
    )
