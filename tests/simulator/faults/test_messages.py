"""Faults in the messages of every push feed, as a real client sees them."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise

import pytest
from websockets.asyncio.client import ClientConnection

from tests.json_types import Json
from tests.lengths import combine
from tests.simulator.conftest import FakeClock, OpenSimulator, receive_text
from tests.simulator.faults.conftest import FEEDS, Feed, heal, inject

Tick = Json


async def read_while_time_moves(
    socket: ClientConnection, clock: FakeClock, enough: Callable[[str], bool]
) -> None:
    """Receive texts until `enough` returns true, while the clock advances."""

    async def read() -> None:
        while not enough(await receive_text(socket)):
            pass

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read())
        while not reading.done():
            clock.advance(0.5)
            await clock.read()


async def until(
    feed: Feed, socket: ClientConnection, clock: FakeClock, is_it: Callable[[list[Tick]], bool]
) -> list[Tick]:
    """Receive messages about BTC until the condition holds; return them."""
    seen: list[Tick] = []

    def enough(text: str) -> bool:
        if not feed.is_about_btc(text):
            return False
        seen.append(feed.read(text))
        return is_it(seen)

    await read_while_time_moves(socket, clock, enough)
    return seen


async def test_odd_prices(open_simulator: OpenSimulator, clock: FakeClock, feed: Feed) -> None:
    """Nulls, zeros and exponents in the source's format; after healing, prices are valid again."""

    def last(seen: list[Tick]) -> Json:
        return feed.price_of(seen[-1])

    async with open_simulator(clock) as at, feed.connect(at) as socket:
        await socket.send(feed.subscribe)
        await until(feed, socket, clock, lambda seen: Decimal(last(seen)) > 50_000)
        await inject(at, feed.source, "nulls")
        await until(feed, socket, clock, lambda seen: last(seen) is None)
        await heal(at)
        await inject(at, feed.source, "zero-prices")
        await until(feed, socket, clock, lambda seen: last(seen) is not None and Decimal(last(seen)) == 0)
        await heal(at)
        await inject(at, feed.source, "exponents")
        seen = await until(feed, socket, clock, lambda seen: "e+4" in str(last(seen)))
        assert 50_000 < Decimal(last(seen)) < 75_000
        await heal(at)
        await until(feed, socket, clock, lambda seen: "e" not in last(seen) and Decimal(last(seen)) > 50_000)


async def test_a_missing_price_has_no_key(
    open_simulator: OpenSimulator, clock: FakeClock, feed: Feed
) -> None:
    """The message comes without the key."""
    async with open_simulator(clock) as at, feed.connect(at) as socket:
        await inject(at, feed.source, "missing", symbols=[feed.ours])
        await socket.send(feed.subscribe)
        about = (feed.symbol, f'"{feed.time[-1]}"')
        await read_while_time_moves(
            socket,
            clock,
            lambda text: all(word in text for word in about) and f'"{feed.price[-1]}"' not in text,
        )


async def test_a_frozen_price_moves_on_in_time_and_a_repeated_message_does_not(
    open_simulator: OpenSimulator, clock: FakeClock, feed: Feed
) -> None:
    """`mode=price` against `mode=repeat`."""

    def moves_in_time_only(seen: list[Tick]) -> bool:
        last = seen[-5:]
        return (
            len(last) == 5
            and len({feed.price_of(each) for each in last}) == 1
            and len({feed.time_of(each) for each in last}) > 1
        )

    async with open_simulator(clock) as at, feed.connect(at) as socket:
        await socket.send(feed.subscribe)
        await inject(at, feed.source, "frozen", parameters={"mode": "price"}, symbols=[feed.symbol])
        await until(feed, socket, clock, moves_in_time_only)
        await heal(at)
        await inject(at, feed.source, "frozen", symbols=[feed.ours])
        await until(
            feed, socket, clock, lambda seen: len(seen) >= 4 and len({str(each) for each in seen[-4:]}) == 1
        )


async def test_duplicates_and_out_of_order_messages(
    open_simulator: OpenSimulator, clock: FakeClock, feed: Feed
) -> None:
    """Each message twice; then each after its successor."""
    async with open_simulator(clock) as at, feed.connect(at) as socket:
        await socket.send(feed.subscribe)
        await inject(at, feed.source, "duplicates")
        await until(
            feed,
            socket,
            clock,
            lambda seen: sum(a == b for a, b in pairwise(seen)) >= 3,
        )
        await heal(at)
        await inject(at, feed.source, "out-of-order")
        await until(
            feed,
            socket,
            clock,
            lambda seen: sum(feed.time_of(b) < feed.time_of(a) for a, b in pairwise(seen)) >= 2,
        )


@pytest.mark.parametrize(("feed", "fault"), combine(FEEDS, {"silent": "silent", "delisted": "delisted"}))
async def test_silent_and_delisted_symbols_leave_their_neighbours_alone(
    open_simulator: OpenSimulator, clock: FakeClock, feed: Feed, fault: str
) -> None:
    """No message about BTC, while ETH continues."""
    neighbours = 0

    def ten_neighbours_in_a_row(text: str) -> bool:
        nonlocal neighbours
        neighbours = 0 if feed.is_about_btc(text) else neighbours + feed.is_a_tick(text)
        return neighbours == 10

    async with open_simulator(clock) as at, feed.connect(at) as socket:
        await socket.send(feed.subscribe)
        await inject(at, feed.source, fault, symbols=[feed.symbol])
        await read_while_time_moves(socket, clock, ten_neighbours_in_a_row)


# By the form: how it begins.
GARBAGE = {"text": "Throttled", "html": "<!DOCTYPE", "shape": '{"unexpected"', "cut": ""}


@pytest.mark.parametrize(("feed", "form"), combine(FEEDS, {form: form for form in GARBAGE}))
async def test_garbage_is_not_what_a_client_expects(
    open_simulator: OpenSimulator, clock: FakeClock, feed: Feed, form: str
) -> None:
    """Each form replaces a message."""

    def is_garbage(text: str) -> bool:
        payload = text.partition('"data":')[2] if text.startswith('{"stream"') else text
        if form == "cut":
            return text.count("{") > text.count("}")
        return payload.startswith(GARBAGE[form])

    async with open_simulator(clock) as at, feed.connect(at) as socket:
        await inject(at, feed.source, "garbage", parameters={"form": form})
        await socket.send(feed.subscribe)
        await read_while_time_moves(socket, clock, is_garbage)


async def test_a_wrong_clock_shifts_the_times(
    open_simulator: OpenSimulator, clock: FakeClock, feed: Feed
) -> None:
    """Ten hours ahead, in every time format; the market starts at 22:14 UTC."""

    def is_ahead(seen: list[Tick]) -> bool:
        time = feed.time_of(seen[-1])
        return int(time) - clock.at_ns // 1_000_000 > 35_000_000 if time.isdigit() else time[11:13] == "08"

    async with open_simulator(clock) as at, feed.connect(at) as socket:
        await socket.send(feed.subscribe)
        await inject(at, feed.source, "clock", parameters={"offset_s": 36_000})
        await until(feed, socket, clock, is_ahead)


async def test_messages_held_back_come_later_or_when_healed(
    open_simulator: OpenSimulator, clock: FakeClock, feed: Feed
) -> None:
    """A burst comes at the end of its interval; delayed messages come at once after healing."""
    async with open_simulator(clock) as at, feed.connect(at) as socket:
        await socket.send(feed.subscribe)
        put_ns = clock.at_ns
        await inject(at, feed.source, "burst", parameters={"every_s": 20})
        await until(feed, socket, clock, lambda _seen: clock.at_ns >= put_ns + 20_000_000_000)
        await heal(at)
        await inject(at, feed.source, "slow", parameters={"delay_s": 100_000})
        clock.advance(3)
        async with asyncio.timeout(60):
            while not (await heal(at))[0]["hits"]:
                await inject(at, feed.source, "slow", parameters={"delay_s": 100_000})
                clock.advance(1)
                await clock.read()
        await until(feed, socket, clock, lambda seen: len(seen) >= 2)
