"""Readers who ask the same in every way at once, and how they come and read."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, NamedTuple

from hypothesis import currently_in_test_context, event
from hypothesis import strategies as st

from gateway.fastpath.payload import EncodedPayload
from gateway.operations import OperationRejected, Operations, encode, encode_error
from gateway.request import GraphQLRequest
from gateway.schema.build import build_schema
from gateway.schema.context import Context, OperationMetadata
from gateway.settings import GatewaySettings
from gateway.subscriptions.cohort import Cohort
from tests.gateway.harness import KEYS
from tests.gateway.scenario import Scenario, Step, values
from tests.gateway.virtual_time import run_virtually

SETTINGS = GatewaySettings(port=0, fast_path=True)
SCHEMA = build_schema()
Log = list[tuple[float, bytes, str | None]]
Results = AsyncGenerator[tuple[bytes, str | None], None]


def note(what: str) -> None:
    """For the statistics of generated plays."""
    if currently_in_test_context():
        event(what)


class ClientOptions(NamedTuple):
    """When a subscriber comes, and how long it then takes over each event, over and over."""

    pause_s: float
    delays_s: tuple[float, ...]


class SubscriptionCase(NamedTuple):
    """A question, and everyone who asks it."""

    query: str
    variables: dict[str, Any]
    clients: tuple[ClientOptions, ...]


class PushSubscriber:
    """Is handed what there is, and takes its time over it."""

    def __init__(self, client: ClientOptions, log: Log) -> None:
        self.cohort: Cohort[EncodedPayload] | None = None
        self._client_options = client
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._is_reading = False

    def is_ready(self) -> bool:
        return not self._is_reading

    def notify_when_ready(self) -> None:
        """Do nothing: `_on_read` flushes."""

    def deliver(self, payload: EncodedPayload) -> None:
        self._log.append((round(self._loop.time(), 6), payload.body, payload.cursor))
        delay_s = self._client_options.delays_s[(len(self._log) - 1) % len(self._client_options.delays_s)]
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
    """A play in one house, watched all ways at once."""

    def __init__(self, stream_length: int) -> None:
        self.scenario = Scenario(stream_length)
        self.harness = self.scenario.replicas[0]
        self.operations = Operations(SCHEMA, Context.of(self.harness), SETTINGS)

    async def watch(self, steps: list[Step], cases: list[SubscriptionCase]) -> list[list[Log]]:
        """What each subscriber was told: when it case the executor, when it case ours, when it was handed everything."""
        following = [asyncio.create_task(each.mirror.run()) for each in self.scenario.replicas]
        for each in self.scenario.replicas:
            await each.refresh()
        await asyncio.sleep(0.000_01)
        after = self.harness.rates.cursor()
        told: list[list[Log]] = []
        reading = []
        for case in cases:
            request = GraphQLRequest(case.query, {**case.variables, "after": after})
            for client in case.clients:
                plain: Log = []
                fast: Log = []
                handed: Log = []
                told.append([plain, fast, handed])
                reading += [
                    self._read(self._ask_plainly(request), client, plain),
                    self._read(self._ask(request), client, fast),
                    self._be_handed(request, client, handed),
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
        return told

    async def _read(self, results: Results, client: ClientOptions, log: Log) -> None:
        await asyncio.sleep(client.pause_s)
        try:
            number = 0
            async with aclosing(results):
                async for body, cursor in results:
                    log.append((round(self.scenario.loop.time(), 6), body, cursor))
                    await asyncio.sleep(client.delays_s[number % len(client.delays_s)])
                    number += 1
        except OperationRejected as exc:
            log.append((self.scenario.loop.time(), encode({"errors": exc.errors}), None))

    async def _ask(self, request: GraphQLRequest) -> Results:
        metadata = OperationMetadata()
        stream = await self.operations.iterate(self.operations.prepare(request), metadata)
        async with aclosing(stream) as results:
            async for result in results:
                yield result, metadata.cursor

    async def _ask_plainly(self, request: GraphQLRequest) -> Results:
        metadata = OperationMetadata()
        stream = await self.operations.iterate_results(self.operations.prepare(request), metadata)
        async with aclosing(stream) as results:
            async for result in results:
                yield encode(result), metadata.cursor

    async def _be_handed(self, request: GraphQLRequest, client: ClientOptions, log: Log) -> None:
        await asyncio.sleep(client.pause_s)
        subscriber = PushSubscriber(client, log)
        try:
            subscribed = self.operations.subscribe(self.operations.prepare(request), subscriber)
            note(f"handed over: {subscribed is not None}")
            if subscribed is None:
                await self._read(self._ask(request), ClientOptions(0, client.delays_s), log)
                return
            if subscribed.resuming:
                await subscribed.resuming
            await asyncio.get_running_loop().create_future()
        except OperationRejected as exc:
            log.append((self.scenario.loop.time(), encode({"errors": exc.errors}), None))
        finally:
            if subscriber.cohort:
                note(f"together at the end: {len(subscriber.cohort.subscribers)}")
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
    subscriptions: st.SearchStrategy[tuple[str, dict[str, Any]]],
) -> st.SearchStrategy[list[SubscriptionCase]]:
    """One or two documents, each with a few who ask it."""
    everyone = st.lists(clients, min_size=1, max_size=4).map(tuple)
    case = st.builds(
        lambda document, clients: SubscriptionCase(document[0], document[1], clients), subscriptions, everyone
    )
    return st.lists(case, min_size=1, max_size=2)


def check(steps: list[Step], cases: list[SubscriptionCase], stream_length: int = 100) -> None:
    """Every subscriber is told the same, to the last byte and at the same moments, whichever way it asks."""

    async def run() -> None:
        for plain, fast, handed in await SubscriberGroup(stream_length).watch(steps, cases):
            note(f"told: {min(len(plain), 5)}")
            assert fast == plain
            assert handed == plain

    run_virtually(run())
