"""Readers who ask the same in every way at once, and how they come and read."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, NamedTuple

from hypothesis import currently_in_test_context, event
from hypothesis import strategies as st

from gateway.fastpath.payload import EncodedPayload
from gateway.operations import OperationRejected, Operations, encode, format_failure
from gateway.request import GraphQLRequest
from gateway.schema.build import build_schema
from gateway.schema.context import Context, OperationMetadata
from gateway.settings import GatewaySettings
from gateway.subscriptions.cohort import Cohort
from tests.gateway.harness import KEYS
from tests.gateway.scenario import Act, Play, values
from tests.gateway.virtual_time import run_virtually

SETTINGS = GatewaySettings(port=0, fast_path=True)
SCHEMA = build_schema()
Log = list[tuple[float, bytes, str | None]]
Results = AsyncGenerator[tuple[bytes, str | None], None]


def note(what: str) -> None:
    """For the statistics of generated plays."""
    if currently_in_test_context():
        event(what)


class Manner(NamedTuple):
    """When a reader comes, and how long it then takes over each event, over and over."""

    pause_s: float
    delays_s: tuple[float, ...]


class Asked(NamedTuple):
    """A question, and everyone who asks it."""

    query: str
    variables: dict[str, Any]
    manners: tuple[Manner, ...]


class HandedReader:
    """Is handed what there is, and takes its time over it."""

    def __init__(self, manner: Manner, log: Log) -> None:
        self.cohort: Cohort[EncodedPayload] | None = None
        self._manner = manner
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._is_reading = False

    def is_ready(self) -> bool:
        return not self._is_reading

    def tell(self, told: EncodedPayload) -> None:
        self._log.append((round(self._loop.time(), 6), told.body, told.cursor))
        delay_s = self._manner.delays_s[(len(self._log) - 1) % len(self._manner.delays_s)]
        if delay_s:
            self._is_reading = True
            self._loop.call_later(delay_s, self._go_on)

    def fail(self, failure: Exception) -> None:
        self._log.append((self._loop.time(), format_failure(failure), None))

    def _go_on(self) -> None:
        self._is_reading = False
        if self.cohort:
            self.cohort.go_on()


class Audience:
    """A play in one house, watched all ways at once."""

    def __init__(self, stream_length: int) -> None:
        self.play = Play(stream_length)
        self.stage = self.play.replicas[0]
        self.operations = Operations(SCHEMA, Context.of(self.stage), SETTINGS)

    async def watch(self, script: list[Act], questions: list[Asked]) -> list[list[Log]]:
        """What each reader was told: when it asked the plain path, when it asked ours, when it was handed everything."""
        following = [asyncio.create_task(each.mirror.run()) for each in self.play.replicas]
        for each in self.play.replicas:
            await each.refresh()
        await asyncio.sleep(0.000_01)
        after = self.stage.rates.cursor()
        told: list[list[Log]] = []
        reading = []
        for asked in questions:
            request = GraphQLRequest(asked.query, {**asked.variables, "after": after})
            for manner in asked.manners:
                plain: Log = []
                fast: Log = []
                handed: Log = []
                told.append([plain, fast, handed])
                reading += [
                    self._read(self._ask_plainly(request), manner, plain),
                    self._read(self._ask(request), manner, fast),
                    self._be_handed(request, manner, handed),
                ]
        tasks = [asyncio.create_task(each) for each in reading]
        await self.play.happen(script)
        await asyncio.sleep(5.000_3)
        for task in (*tasks, *following):
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError)
        await asyncio.wait(following)
        assert not len(self.stage.registry)
        return told

    async def _read(self, results: Results, manner: Manner, log: Log) -> None:
        await asyncio.sleep(manner.pause_s)
        try:
            number = 0
            async with aclosing(results):
                async for body, cursor in results:
                    log.append((round(self.play.loop.time(), 6), body, cursor))
                    await asyncio.sleep(manner.delays_s[number % len(manner.delays_s)])
                    number += 1
        except OperationRejected as exc:
            log.append((self.play.loop.time(), encode({"errors": exc.errors}), None))

    async def _ask(self, request: GraphQLRequest) -> Results:
        metadata = OperationMetadata()
        stream = await self.operations.stream(self.operations.prepare(request), metadata)
        async with aclosing(stream) as results:
            async for result in results:
                yield result, metadata.cursor

    async def _ask_plainly(self, request: GraphQLRequest) -> Results:
        metadata = OperationMetadata()
        stream = await self.operations.subscribe(self.operations.prepare(request), metadata)
        async with aclosing(stream) as results:
            async for result in results:
                yield encode(result), metadata.cursor

    async def _be_handed(self, request: GraphQLRequest, manner: Manner, log: Log) -> None:
        await asyncio.sleep(manner.pause_s)
        reader = HandedReader(manner, log)
        try:
            followed = self.operations.follow(self.operations.prepare(request), reader)
            note(f"handed over: {followed is not None}")
            if followed is None:
                await self._read(self._ask(request), Manner(0, manner.delays_s), log)
                return
            if followed.resuming:
                await followed.resuming
            await asyncio.get_running_loop().create_future()
        except OperationRejected as exc:
            log.append((self.play.loop.time(), encode({"errors": exc.errors}), None))
        finally:
            if reader.cohort:
                note(f"together at the end: {len(reader.cohort.readers)}")
                reader.cohort.leave(reader)


manners = st.builds(
    Manner,
    pause_s=st.sampled_from([0.000_7, 0.000_7, 0.200_7]),
    delays_s=st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.000_101, 0.300_101]), min_size=1, max_size=3).map(
        tuple
    ),
)
crowds = st.lists(
    st.builds(
        Manner,
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
        Act,
        st.sampled_from([1, 3, 7, 20, 20, 50]),
        st.just("write"),
        st.lists(values, min_size=1, max_size=3),
    )
    | st.builds(Act, st.sampled_from([3, 20]), st.just("untrack"), st.sampled_from(KEYS))
    | st.builds(Act, st.sampled_from([3, 20]), st.just("track"), st.sampled_from(KEYS)),
    min_size=20,
    max_size=50,
)


def questions(subscriptions: st.SearchStrategy[tuple[str, dict[str, Any]]]) -> st.SearchStrategy[list[Asked]]:
    """One or two documents, each with a few who ask it."""
    everyone = st.lists(manners, min_size=1, max_size=4).map(tuple)
    asked = st.builds(lambda document, crowd: Asked(document[0], document[1], crowd), subscriptions, everyone)
    return st.lists(asked, min_size=1, max_size=2)


def check(script: list[Act], questions: list[Asked], stream_length: int = 100) -> None:
    """Every reader is told the same, to the last byte and at the same moments, whichever way it asks."""

    async def play() -> None:
        for plain, fast, handed in await Audience(stream_length).watch(script, questions):
            note(f"told: {min(len(plain), 5)}")
            assert fast == plain
            assert handed == plain

    run_virtually(play())
