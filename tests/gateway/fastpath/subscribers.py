"""Subscribers with the same query over every path at once."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

from hypothesis import currently_in_test_context, event
from hypothesis import strategies as st

from gateway.fastpath.payload import EncodedPayload
from gateway.operations import Operations
from gateway.prepared_operation import OperationRejected
from gateway.request import GraphQLRequest
from gateway.results import encode, encode_error
from gateway.schema.build import build_schema
from gateway.schema.context import Context, OperationMetadata
from gateway.settings import GatewaySettings
from gateway.subscriptions.cohort import Cohort
from tests.gateway.harness import KEYS
from tests.gateway.scenario import Scenario, Step, values
from tests.virtual_time import run_virtually

SETTINGS = GatewaySettings(port=0, fast_path=True)
SCHEMA = build_schema()
Log = list[tuple[float, bytes, str | None]]
Results = AsyncGenerator[tuple[bytes, str | None], None]


def count(what: str) -> None:
    """Count a property of the generated scenario."""
    if currently_in_test_context():
        event(what)


class ClientOptions(NamedTuple):
    """The pause before a client subscribes, and its delays after each event, in a cycle."""

    pause_s: float
    delays_s: tuple[float, ...]


class SubscriptionCase(NamedTuple):
    """A document, and the clients that subscribe with it."""

    query: str
    variables: dict[str, object]
    clients: tuple[ClientOptions, ...]


class PushSubscriber:
    """Receives pushed payloads, and is not ready until its delay has passed."""

    consuming_s = 0.0

    def __init__(self, options: ClientOptions, log: Log) -> None:
        self.cohort: Cohort[EncodedPayload] | None = None
        self._options = options
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._is_reading = False

    @property
    def client(self) -> object:
        return self

    def is_ready(self) -> bool:
        return not self._is_reading

    def notify_when_ready(self) -> None:
        """Do nothing: `_on_read` flushes."""

    def deliver(self, payload: EncodedPayload) -> None:
        self._log.append((round(self._loop.time(), 6), payload.body, payload.cursor))
        delay_s = self._options.delays_s[(len(self._log) - 1) % len(self._options.delays_s)]
        if delay_s:
            self._is_reading = True
            self._loop.call_later(delay_s, self._on_read)

    def fail(self, error: Exception) -> None:
        self._log.append((self._loop.time(), encode_error(error), None))

    def _on_read(self) -> None:
        self._is_reading = False
        if self.cohort:
            self.cohort.flush_now()


class SubscriberGroup:
    """A scenario with subscribers over every path."""

    def __init__(self) -> None:
        self.scenario = Scenario()
        self.harness = self.scenario.replicas[0]
        self.operations = Operations(SCHEMA, Context.of(self.harness), SETTINGS)

    async def subscribe(self, steps: list[Step], cases: list[SubscriptionCase]) -> list[list[Log]]:
        """Run the steps. Return per client the logs: executed, pulled and pushed."""
        following = [asyncio.create_task(each.mirror.run()) for each in self.scenario.replicas]
        for each in self.scenario.replicas:
            await each.refresh()
        await asyncio.sleep(0.000_01)
        after = self.harness.rates.cursor()
        logs: list[list[Log]] = []
        reading = []
        for case in cases:
            request = GraphQLRequest(case.query, {**case.variables, "after": after})
            for client in case.clients:
                executed: Log = []
                pulled: Log = []
                pushed: Log = []
                logs.append([executed, pulled, pushed])
                reading += [
                    self._read(self._execute(request), client, executed),
                    self._read(self._pull(request), client, pulled),
                    self._push(request, client, pushed),
                ]
        tasks = [asyncio.create_task(each) for each in reading]
        await self.scenario.run(steps)
        await asyncio.sleep(5.000_3)
        for task in (*tasks, *following):
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError)
        await asyncio.wait(following)
        assert not len(self.harness.registry)
        return logs

    async def _read(self, results: Results, options: ClientOptions, log: Log) -> None:
        await asyncio.sleep(options.pause_s)
        try:
            number = 0
            async with aclosing(results):
                async for body, cursor in results:
                    log.append((round(self.scenario.loop.time(), 6), body, cursor))
                    await asyncio.sleep(options.delays_s[number % len(options.delays_s)])
                    number += 1
        except OperationRejected as exc:
            log.append((self.scenario.loop.time(), encode({"errors": exc.errors}), None))

    async def _pull(self, request: GraphQLRequest) -> Results:
        metadata = OperationMetadata()
        stream = await self.operations.iterate(self.operations.prepare(request), metadata)
        async with aclosing(stream) as results:
            async for result in results:
                yield result, metadata.cursor

    async def _execute(self, request: GraphQLRequest) -> Results:
        metadata = OperationMetadata()
        stream = await self.operations.iterate_results(self.operations.prepare(request), metadata)
        async with aclosing(stream) as results:
            async for result in results:
                yield encode(result), metadata.cursor

    async def _push(self, request: GraphQLRequest, options: ClientOptions, log: Log) -> None:
        await asyncio.sleep(options.pause_s)
        subscriber = PushSubscriber(options, log)
        try:
            subscribed = self.operations.subscribe(self.operations.prepare(request), subscriber)
            count(f"pushed: {subscribed is not None}")
            if subscribed is None:
                await self._read(self._pull(request), ClientOptions(0, options.delays_s), log)
                return
            if subscribed.resuming:
                await subscribed.resuming
            await asyncio.get_running_loop().create_future()
        except OperationRejected as exc:
            log.append((self.scenario.loop.time(), encode({"errors": exc.errors}), None))
        finally:
            if subscriber.cohort:
                count(f"sharing at the end: {len(subscriber.cohort.subscribers)}")
                subscriber.cohort.remove(subscriber)


clients = st.builds(
    ClientOptions,
    pause_s=st.sampled_from([0.000_7, 0.000_7, 0.200_7]),
    delays_s=st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.000_101, 0.300_101]), min_size=1, max_size=3).map(
        tuple
    ),
)
client_groups = st.lists(
    st.builds(
        ClientOptions,
        pause_s=st.sampled_from([0.000_7, 0.000_7, 0.700_7, 1.400_7]),
        delays_s=st.lists(
            st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.000_101, 0.150_101, 0.600_101]), min_size=1, max_size=4
        ).map(tuple),
    ),
    min_size=3,
    max_size=8,
).map(tuple)
busy = st.lists(
    st.builds(
        Step,
        st.sampled_from([1, 3, 7, 20, 20, 50]),
        st.just("write"),
        st.lists(values, min_size=1, max_size=3),
    )
    | st.builds(Step, st.sampled_from([3, 20]), st.just("untrack"), st.sampled_from(KEYS))
    | st.builds(Step, st.sampled_from([3, 20]), st.just("track"), st.sampled_from(KEYS)),
    min_size=20,
    max_size=50,
)


def cases(
    subscriptions: st.SearchStrategy[tuple[str, dict[str, object]]],
) -> st.SearchStrategy[list[SubscriptionCase]]:
    """One or two documents, each with a few clients."""
    everyone = st.lists(clients, min_size=1, max_size=4).map(tuple)
    case = st.builds(
        lambda document, clients: SubscriptionCase(document[0], document[1], clients), subscriptions, everyone
    )
    return st.lists(case, min_size=1, max_size=2)


def check(steps: list[Step], cases: list[SubscriptionCase]) -> None:
    """Check that all paths deliver the same bytes at the same times."""

    async def run() -> None:
        for executed, pulled, pushed in await SubscriberGroup().subscribe(steps, cases):
            count(f"events: {min(len(executed), 5)}")
            assert pulled == executed
            assert pushed == executed

    run_virtually(run())
