"""Whatever happens and whatever is asked, each reader is told what the oracle says, and coming back loses and repeats nothing."""

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
from gateway.subscriptions.event import RatesEvent, RatesEventKind
from rates.source import Source
from rates.ticker import Ticker, TickerKey
from tests.gateway.harness import KEYS, Harness
from tests.gateway.oracle import ROUNDING, ClientOptions, Told, is_wanted, simulate, unavailable
from tests.gateway.scenario import TICK_S, Scenario, Step, step_lists
from tests.gateway.virtual_time import run_virtually

Kind = RatesEventKind
EPILOGUE_S = 12.0


class Visit(NamedTuple):
    """One connection: when it begins after the last, on which replica, and after how many events it breaks."""

    pause_s: float
    replica: int
    events: int


@dataclass(frozen=True)
class Reader:
    """One client: what it asks, how it reads, and its connections one after the other, each with the last cursor."""

    query: RatesQuery
    client: ClientOptions
    starts_with_query: bool
    visits: tuple[Visit, ...]


@dataclass
class ConnectionLog:
    """What happened on one connection."""

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
clients = st.builds(
    ClientOptions,
    interval_s=st.sampled_from([0.0, 0.0, 0.500_017, 3.000_017]),
    bps=st.sampled_from([0, 0, 50, 200]),
    silence_s=st.sampled_from([1.000_029, 15.000_029]),
    delays_s=st.lists(
        st.sampled_from([0.0, 0.0, 0.000_101, 2.000_101, 12.000_101]), min_size=1, max_size=4
    ).map(tuple),
)
visits = st.builds(
    Visit,
    pause_s=st.sampled_from([0.000_7, 0.200_7, 1.000_7, 9.000_7]),
    replica=st.integers(0, 1),
    events=st.sampled_from([1, 1, 2, 3, 5, 8]),
)
readers = st.builds(
    Reader,
    query=st.builds(RatesQuery, symbols, sources),
    client=clients,
    starts_with_query=st.booleans(),
    visits=st.lists(visits, min_size=1, max_size=4).map(tuple),
)


class SubscribedScenario(Scenario):
    """A scenario with subscribers, until some time after the steps."""

    def __init__(self, stream_length: int) -> None:
        super().__init__(stream_length)
        self.until = float("inf")

    async def run_subscribed(self, steps: list[Step], readers: list[Reader]) -> list[list[ConnectionLog]]:
        mirrors = [asyncio.create_task(replica.mirror.run()) for replica in self.replicas]
        for replica in self.replicas:
            await replica.refresh()
        await asyncio.sleep(0.000_01)
        self.until = round((sum(step.ticks for step in steps) + 1) * TICK_S + EPILOGUE_S) + 0.008_9
        async with asyncio.TaskGroup() as tasks:
            told = [tasks.create_task(self.attend(reader)) for reader in readers]
            tasks.create_task(self.run(steps))
        for mirror in mirrors:
            mirror.cancel()
        await asyncio.wait(mirrors)
        return [each.result() for each in told]

    async def attend(self, reader: Reader) -> list[ConnectionLog]:
        """All connections of one client, which keeps what it holds and its last cursor between them."""
        connection_logs: list[ConnectionLog] = []
        cursor: str | None = None
        held: dict[TickerKey, Ticker] = {}
        if reader.starts_with_query:
            answer = self.replicas[0].rates.rates(reader.query)
            cursor, held = answer.cursor, {rate.ticker.key: rate.ticker for rate in answer.items}
        for visit in reader.visits:
            await asyncio.sleep(visit.pause_s)
            if self.loop.time() >= self.until:
                break
            connection_log = ConnectionLog(visit.replica, cursor, self.loop.time(), dict(held))
            await self.stay(reader, visit, connection_log)
            connection_logs.append(connection_log)
            for _, event in connection_log.events:
                cursor = event.cursor
                apply(held, event)
        return connection_logs

    async def stay(self, reader: Reader, visit: Visit, connection_log: ConnectionLog) -> None:
        client = reader.client
        pace = DeliveryOptions(client.interval_s, client.bps, client.silence_s)  # type: ignore[arg-type]  # a whole number will do
        live = self.replicas[visit.replica].live_queries
        is_last = visit is reader.visits[-1]
        number = 0
        async with aclosing(live.iterate(reader.query, pace, connection_log.after)) as events:
            try:
                async with asyncio.timeout_at(self.until):
                    while is_last or len(connection_log.events) < visit.events:
                        event = await anext(events)
                        connection_log.events.append((self.loop.time(), event))
                        if event.kind is not Kind.GAP:
                            await asyncio.sleep(client.delays_s[number % len(client.delays_s)])
                            number += 1
            except TimeoutError:
                pass
        connection_log.ended = self.loop.time()


def apply(held: dict[TickerKey, Ticker], event: RatesEvent) -> None:
    """As a client keeps its table."""
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


def gone(event: RatesEvent) -> set[TickerKey]:
    return {TickerKey(each.source, each.symbol) for each in event.unavailable if each.source is not None}


def wanted_values(harness: Harness, query: RatesQuery, at: float) -> dict[TickerKey, Ticker]:
    return {key: each for key, each in harness.values_at(at).items() if is_wanted(key, query)}


def check_first(
    scenario: SubscribedScenario, reader: Reader, connection_log: ConnectionLog
) -> dict[TickerKey, Ticker] | None:
    """The events up to the snapshot are right; the values told, or `None` if it broke off before."""
    harness = scenario.replicas[connection_log.replica]
    if not connection_log.events:
        return None
    kinds = [event.kind for _, event in connection_log.events[:2]]
    began, first = connection_log.events[0]
    if kinds[0] is Kind.GAP:
        assert connection_log.after == first.cursor
        assert not first.items
        if len(connection_log.events) == 1:
            return None
        began, first = connection_log.events[1]
    assert first.kind is Kind.SNAPSHOT
    now = wanted_values(harness, reader.query, began)
    missing = {(each.symbol, each.source) for each in first.unavailable}
    expected_missing = unavailable(reader.query, harness.tracked_at(began), now)
    told = items(first)
    if first.recovered:
        assert missing >= expected_missing
        check_recovery(harness, reader, connection_log, first, began)
    else:
        assert first.recovered is (None if connection_log.after is None else False)
        assert told == now
        assert missing == expected_missing
    return told


def check_recovery(
    harness: Harness, reader: Reader, connection_log: ConnectionLog, first: RatesEvent, began: float
) -> None:
    """With what it had before, the reader now holds exactly what there is; and what it had is not told again."""
    held, now = dict(connection_log.held), wanted_values(harness, reader.query, began)
    told = items(first)
    apply(held, first)
    # A client that names symbols drops what the snapshot says is unknown altogether.
    nowhere = {each.symbol for each in first.unavailable if each.source is None}
    held = {key: each for key, each in held.items() if key.symbol not in nowhere}
    if reader.query.symbols is not None and reader.query.sources is None:
        held = {key: each for key, each in held.items() if key in harness.tracked_at(began)}
    assert held == now
    retracked = {entry.key for replica in [harness] for entry in replica.log if entry.ticker is None}
    for key, ticker in told.items():
        before = connection_log.held.get(key)
        assert before is None or ticker.is_newer_than(before) or reader.client.bps or key in retracked


def check_rest(
    scenario: SubscribedScenario, reader: Reader, connection_log: ConnectionLog, told: dict[TickerKey, Ticker]
) -> None:
    """After the snapshot, events are those of the oracle, and their cursors claim nothing that was not told."""
    harness = scenario.replicas[connection_log.replica]
    start = next(
        number for number, (_, event) in enumerate(connection_log.events) if event.kind is Kind.SNAPSHOT
    )
    began = connection_log.events[start][0]
    told_until = connection_log.ended + 2 * ROUNDING
    is_complete = connection_log.ended >= scenario.until - ROUNDING
    # What falls on the very end of the scenario may be told or not.
    until = scenario.until - 10 * ROUNDING if is_complete else told_until
    expected = simulate(harness.log, reader.query, reader.client, began=began, held=told, until=until)
    seen = [
        Told(at, items(event), gone(event), event.conflated)
        for at, event in connection_log.events[start + 1 :]
        if at < until
    ]
    for number, (one, other) in enumerate(zip_all(expected, seen)):
        assert one is not None, f"event {number} is one too many: {other}"
        if other is None:
            # Who breaks off by itself has not waited for it.
            assert not is_complete, f"event {number} is missing: {one}"
            break
        assert abs(one.at - other.at) < 10 * ROUNDING, (number, one, other)
        assert (one.items, one.retracted, one.conflated) == (other.items, other.retracted, other.conflated)
        kind = connection_log.events[start + 1 + number][1].kind
        assert kind is (Kind.UPDATE if one.items or one.retracted else Kind.HEARTBEAT)


def check_replica(scenario: SubscribedScenario, harness: Harness) -> None:
    """Nothing older or equal was ever published after something newer, and in the end nothing is missing."""
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
@settings(max_examples=200, deadline=None)
@given(step_lists, st.lists(readers, min_size=2, max_size=4), st.sampled_from([100, 3]))
def test_every_reader_is_told_what_the_oracle_says(
    steps: list[Step], readers: list[Reader], stream_length: int
) -> None:
    """For any interleaving of ticks, duplicates, late ticks, joins, leaves, slow reads, gaps, restarts, changes of what is
    tracked, disconnects and arguments, on two replicas.
    """

    async def main() -> None:
        scenario = SubscribedScenario(stream_length)
        for reader, connection_logs in zip(
            readers, await scenario.run_subscribed(steps, readers), strict=True
        ):
            for connection_log in connection_logs:
                if (told := check_first(scenario, reader, connection_log)) is not None:
                    check_rest(scenario, reader, connection_log, told)
        for replica in scenario.replicas:
            check_replica(scenario, replica)

    run_virtually(main())
