"""Events of `rates` subscriptions equal those of an oracle, also when resumed."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.queries.rates_query import RatesQuery
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import EventKind, RatesEvent
from rates.source import Source
from rates.ticker import Ticker, TickerKey
from tests.gateway.harness import KEYS, Harness
from tests.gateway.oracle import ROUNDING, ClientOptions, Told, is_wanted, simulate, unavailable
from tests.gateway.scenario import TICK_S, Scenario, Step, step_lists
from tests.lengths import at_length
from tests.virtual_time import run_virtually

Kind = EventKind
SETTLE_S = 12.0


class Connection(NamedTuple):
    """A connection: the pause before it, its replica, and its number of events."""

    pause_s: float
    replica: int
    events: int


@dataclass(frozen=True)
class Client:
    """A client: its query, its options, and its successive connections."""

    query: RatesQuery
    options: ClientOptions
    starts_with_query: bool
    connections: tuple[Connection, ...]


@dataclass
class ConnectionLog:
    """The events of one connection."""

    replica: int
    after: str | None
    began: float
    held: dict[TickerKey, Ticker]
    events: list[tuple[float, RatesEvent]] = field(default_factory=list)
    ended: float = 0.0


names = st.sampled_from([*dict.fromkeys(key.symbol for key in KEYS)])
symbols = st.none() | st.lists(names, min_size=1, max_size=3).map(tuple) | st.none() | st.just(())
sources = (
    st.none() | st.lists(st.sampled_from(Source), min_size=1, max_size=2).map(tuple) | st.none() | st.just(())
)
options = st.builds(
    ClientOptions,
    interval_s=st.sampled_from([0.0, 0.0, 0.500_017, 3.000_017]),
    bps=st.sampled_from([0, 0, 50, 200]),
    silence_s=st.sampled_from([1.000_029, 15.000_029]),
    delays_s=st.lists(
        st.sampled_from([0.0, 0.0, 0.000_101, 2.000_101, 12.000_101]), min_size=1, max_size=4
    ).map(tuple),
)
connections = st.builds(
    Connection,
    pause_s=st.sampled_from([0.000_7, 0.200_7, 1.000_7, 9.000_7]),
    replica=st.integers(0, 1),
    events=st.sampled_from([1, 1, 2, 3, 5, 8]),
)
client_scripts = st.builds(
    Client,
    query=st.builds(RatesQuery, symbols, sources),
    options=options,
    starts_with_query=st.booleans(),
    connections=st.lists(connections, min_size=1, max_size=4).map(tuple),
)


class SubscriberScenario(Scenario):
    """A scenario with clients, until some time after its steps."""

    def __init__(self) -> None:
        super().__init__()
        self.until = float("inf")

    async def run_clients(self, steps: list[Step], clients: list[Client]) -> list[list[ConnectionLog]]:
        mirrors = [asyncio.create_task(replica.mirror.run()) for replica in self.replicas]
        for replica in self.replicas:
            await replica.refresh()
        await asyncio.sleep(0.000_01)
        self.until = round((sum(step.ticks for step in steps) + 1) * TICK_S + SETTLE_S) + 0.008_9
        async with asyncio.TaskGroup() as tasks:
            sent = [tasks.create_task(self.run_client(client)) for client in clients]
            tasks.create_task(self.run(steps))
        for mirror in mirrors:
            mirror.cancel()
        await asyncio.wait(mirrors)
        return [each.result() for each in sent]

    async def run_client(self, client: Client) -> list[ConnectionLog]:
        """Run all connections of a client. It keeps its rates and its last cursor between them."""
        logs: list[ConnectionLog] = []
        cursor: str | None = None
        held: dict[TickerKey, Ticker] = {}
        if client.starts_with_query:
            answer = self.replicas[0].rates.rates(client.query)
            cursor, held = answer.cursor, {rate.ticker.key: rate.ticker for rate in answer.items}
        for connection in client.connections:
            await asyncio.sleep(connection.pause_s)
            if self.loop.time() >= self.until:
                break
            log = ConnectionLog(connection.replica, cursor, self.loop.time(), dict(held))
            await self.connect(client, connection, log)
            logs.append(log)
            for _, event in log.events:
                cursor = event.cursor
                apply(held, event)
        return logs

    async def connect(self, client: Client, connection: Connection, log: ConnectionLog) -> None:
        options = client.options
        delivery = DeliveryOptions(options.interval_s, options.bps, options.silence_s)  # type: ignore[arg-type]  # a whole number will do
        live_queries = self.replicas[connection.replica].live_queries
        is_last = connection is client.connections[-1]
        number = 0
        async with aclosing(live_queries.iterate(client.query, delivery, log.after)) as events:
            try:
                async with asyncio.timeout_at(self.until):
                    while is_last or len(log.events) < connection.events:
                        event = await anext(events)
                        log.events.append((self.loop.time(), event))
                        if event.kind is not Kind.GAP:
                            await asyncio.sleep(options.delays_s[number % len(options.delays_s)])
                            number += 1
            except TimeoutError:
                pass
        log.ended = self.loop.time()


def apply(held: dict[TickerKey, Ticker], event: RatesEvent) -> None:
    """Apply an event to a client's table of rates."""
    if event.kind is Kind.SNAPSHOT and not event.recovered:
        held.clear()
    for missing in event.unavailable:
        if missing.source is not None and missing.reason == "UNKNOWN_SYMBOL":
            held.pop(TickerKey(missing.source, missing.symbol), None)
    for rate in event.items:
        held[rate.ticker.key] = rate.ticker


def items(event: RatesEvent) -> dict[TickerKey, Ticker]:
    found = {rate.ticker.key: rate.ticker for rate in event.items}
    assert len(found) == len(event.items)
    return found


def retracted(event: RatesEvent) -> set[TickerKey]:
    return {TickerKey(each.source, each.symbol) for each in event.unavailable if each.source is not None}


def wanted_values(harness: Harness, query: RatesQuery, at: float) -> dict[TickerKey, Ticker]:
    return {key: each for key, each in harness.values_at(at).items() if is_wanted(key, query)}


def check_first(
    scenario: SubscriberScenario, client: Client, log: ConnectionLog
) -> dict[TickerKey, Ticker] | None:
    """Check the events up to the snapshot. Return its rates, or `None` without one."""
    harness = scenario.replicas[log.replica]
    if not log.events:
        return None
    kinds = [event.kind for _, event in log.events[:2]]
    began, first = log.events[0]
    if kinds[0] is Kind.GAP:
        assert log.after == first.cursor
        assert not first.items
        if len(log.events) == 1:
            return None
        began, first = log.events[1]
    assert first.kind is Kind.SNAPSHOT
    now = wanted_values(harness, client.query, began)
    missing = {(each.symbol, each.source) for each in first.unavailable}
    expected_missing = unavailable(client.query, harness.tracked_at(began), now)
    sent = items(first)
    if first.recovered:
        assert missing >= expected_missing
        check_recovery(harness, client, log, first, began)
    else:
        assert first.recovered is (None if log.after is None else False)
        assert sent == now
        assert missing == expected_missing
    return sent


def check_recovery(
    harness: Harness, client: Client, log: ConnectionLog, first: RatesEvent, began: float
) -> None:
    """Check that the client now holds exactly the present rates, and got none of them twice."""
    held, now = dict(log.held), wanted_values(harness, client.query, began)
    sent = items(first)
    apply(held, first)
    # A client that names symbols drops those that the snapshot reports as unknown.
    nowhere = {each.symbol for each in first.unavailable if each.source is None}
    held = {key: each for key, each in held.items() if key.symbol not in nowhere}
    if client.query.symbols is not None and client.query.sources is None:
        held = {key: each for key, each in held.items() if key in harness.tracked_at(began)}
    assert held == now
    retracked = {entry.key for replica in [harness] for entry in replica.log if entry.ticker is None}
    for key, ticker in sent.items():
        before = log.held.get(key)
        assert before is None or ticker.is_newer_than(before) or client.options.bps or key in retracked


def check_rest(
    scenario: SubscriberScenario, client: Client, log: ConnectionLog, sent: dict[TickerKey, Ticker]
) -> None:
    """Check that the events after the snapshot are those of the oracle."""
    harness = scenario.replicas[log.replica]
    start = next(number for number, (_, event) in enumerate(log.events) if event.kind is Kind.SNAPSHOT)
    began = log.events[start][0]
    sent_until = log.ended + 2 * ROUNDING
    is_complete = log.ended >= scenario.until - ROUNDING
    # An event at the very end of the scenario may or may not be sent.
    until = scenario.until - 10 * ROUNDING if is_complete else sent_until
    expected = simulate(harness.log, client.query, client.options, began=began, held=sent, until=until)
    seen = [
        Told(at, items(event), retracted(event), event.conflated_count)
        for at, event in log.events[start + 1 :]
        if at < until
    ]
    for number, (one, other) in enumerate(zip_all(expected, seen)):
        assert one is not None, f"event {number} is one too many: {other}"
        if other is None:
            # A connection that the client closes early may miss it.
            assert not is_complete, f"event {number} is missing: {one}"
            break
        assert abs(one.at - other.at) < 10 * ROUNDING, (number, one, other)
        assert (one.items, one.retracted, one.conflated) == (other.items, other.retracted, other.conflated)
        kind = log.events[start + 1 + number][1].kind
        assert kind is (Kind.UPDATE if one.items or one.retracted else Kind.HEARTBEAT)


def check_replica(scenario: SubscriberScenario, harness: Harness) -> None:
    """Check that only newer tickers were published, and that the mirror misses none in the end."""
    newest: dict[TickerKey, Ticker] = {}
    for _, key, ticker in harness.log:
        before = newest.pop(key, None)
        if ticker is not None:
            assert before is None or ticker.is_newer_than(before)
            newest[key] = ticker
    for ticker in scenario.cache.tickers():
        known = harness.mirror.read(ticker.key)
        assert known is not None
        assert not ticker.is_newer_than(known)


def zip_all(expected: Iterator[Told], seen: list[Told]) -> Iterator[tuple[Told | None, Told | None]]:
    for each in seen:
        yield next(expected, None), each
    for each in expected:
        yield each, None


@pytest.mark.slow
@settings(max_examples=at_length(100), deadline=None)
@given(step_lists, st.lists(client_scripts, min_size=2, max_size=4))
def test_events_equal_those_of_the_oracle(steps: list[Step], clients: list[Client]) -> None:
    """For any steps and any clients, on two replicas.

    Steps are tickers, duplicates, late tickers, gaps, restarts and catalog changes; clients join, leave, read slowly and resume.
    """

    async def main() -> None:
        scenario = SubscriberScenario()
        for client, logs in zip(clients, await scenario.run_clients(steps, clients), strict=True):
            for log in logs:
                if (sent := check_first(scenario, client, log)) is not None:
                    check_rest(scenario, client, log, sent)
        for replica in scenario.replicas:
            check_replica(scenario, replica)

    run_virtually(main())
