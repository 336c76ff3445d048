"""Subscribers are told, to the last byte and at the same moments, what the plain path tells them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway.fragments.events import Events
from gateway.fragments.library import Library
from gateway.operations import Operations, Refused, encode
from gateway.request import GraphQLRequest
from gateway.schema.build import build_schema
from gateway.schema.context import Context, Notes
from gateway.settings import GatewaySettings
from tests.gateway.fragments.documents import subscriptions
from tests.gateway.test_live_properties import TICK_S, Act, Play, acts
from tests.gateway.virtual_time import run_virtually

PLAIN, FAST = GatewaySettings(port=0, fast_path=False), GatewaySettings(port=0, fast_path=True)
SCHEMA = build_schema()
Told = list[tuple[float, bytes, str | None]]


class Audience:
    """A play in one house, watched by both ways at once."""

    def __init__(self, stream_length: int) -> None:
        self.play = Play(stream_length)
        self.stage = self.play.replicas[0]
        self.context = Context.of(self.stage)
        self.ways = [Operations(SCHEMA, self.context, each) for each in (FAST, PLAIN)]

    async def watch(
        self, script: list[Act], asked: list[tuple[float, str, dict[str, Any]]], delays_s: list[float]
    ) -> list[list[Told]]:
        """What each question was told both ways."""
        following = [asyncio.create_task(each.mirror.run()) for each in self.play.replicas]
        for each in self.play.replicas:
            await each.refresh()
        await asyncio.sleep(0.000_01)
        after = self.stage.rates.cursor()
        told: list[list[Told]] = [[[], []] for _ in asked]
        reading = []
        for (pause_s, query, variables), both in zip(asked, told, strict=True):
            request = GraphQLRequest(query, {**variables, "after": after})
            reading += [
                asyncio.create_task(self._read(way, request, pause_s, delays_s, one))
                for way, one in zip(self.ways, both, strict=True)
            ]
        await self.play.happen(script)
        await asyncio.sleep(5.000_3)
        for task in (*reading, *following):
            task.cancel()
        for outcome in await asyncio.gather(*reading, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError)
        await asyncio.wait(following)
        return told

    async def _read(
        self, way: Operations, request: GraphQLRequest, pause_s: float, delays_s: list[float], told: Told
    ) -> None:
        await asyncio.sleep(pause_s)
        notes = Notes()
        try:
            prepared = way.prepare(request)
            event(f"covered: {prepared.watch is not None}") if way is self.ways[0] else None
            number = 0
            async for result in self._results(way, prepared, notes):
                told.append((round(self.play.loop.time(), 6), result, notes.cursor))
                await asyncio.sleep(delays_s[number % len(delays_s)])
                number += 1
        except Refused as exc:
            told.append((self.play.loop.time(), encode({"errors": exc.errors}), None))

    async def _results(self, way: Operations, prepared: Any, notes: Notes) -> AsyncIterator[bytes]:
        if way is self.ways[0]:
            async for result in await way.stream(prepared, notes):
                yield result
        else:
            async for plain in await way.subscribe(prepared, notes):
                yield encode(plain)


@settings(max_examples=100, deadline=None)
@given(
    script=acts,
    asked=st.lists(
        st.builds(
            lambda pause_s, asked: (pause_s, *asked), st.sampled_from([0.000_7, 0.200_7]), subscriptions()
        ),
        min_size=1,
        max_size=3,
    ),
    delays_s=st.lists(st.sampled_from([0.0, 0.0, 0.000_101, 0.300_101]), min_size=1, max_size=3),
    stream_length=st.sampled_from([100, 3]),
)
def test_every_event_is_that_of_the_plain_path(
    script: list[Act],
    asked: list[tuple[float, str, dict[str, Any]]],
    delays_s: list[float],
    stream_length: int,
) -> None:
    """Whatever happens, whatever is asked and however slowly it is read."""

    async def play() -> None:
        for fast, plain in await Audience(stream_length).watch(script, asked, delays_s):
            event(f"events: {min(len(fast), 5)}")
            assert fast == plain

    run_virtually(play())


def test_readers_of_the_same_rates_share_what_is_written() -> None:
    """Fifty subscribers, one event put together for each change."""
    counts: list[int] = []

    async def play() -> None:
        audience = Audience(100)
        library = Library(SCHEMA._schema, audience.stage.rates)
        events = Events(audience.stage.live, library)
        following = asyncio.create_task(audience.stage.mirror.run())
        await audience.stage.refresh()
        await asyncio.sleep(TICK_S)
        query = "subscription { rates { kind cursor items { id price } } }"
        watch = audience.ways[0].prepare(GraphQLRequest(query)).watch
        assert watch
        streams = [events.watch(watch, Notes()) for _ in range(50)]
        firsts = {await anext(each) for each in streams if each}
        await audience.play._settle()
        await asyncio.sleep(TICK_S)
        seconds = {await anext(each) for each in streams if each}
        assert len(firsts) == len(seconds) == 1
        inside = watch.root.field.inside
        assert inside
        counts.append(events._writers(inside).written)
        for each in streams:
            if each:
                await each.aclose()
        following.cancel()
        await asyncio.wait([following])

    run_virtually(play())
    assert counts == [2]
