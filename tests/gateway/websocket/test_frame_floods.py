"""Floods of small frames: other clients wait a few milliseconds, and the connection ends."""

import asyncio
import json
from collections.abc import Iterator
from operator import attrgetter

import pytest
from websockets.frames import Frame, Opcode

from gateway.gateway import Gateway
from gateway.websocket.frame_rate import BURST_S, FrameRate
from tests.cost import Held, holding, machine_factor
from tests.gateway.fakes import wait_until
from tests.gateway.websocket.test_bounds import upgraded
from tests.gateway.wire import Wire

# They measure processor time.
pytestmark = pytest.mark.alone

KIB = 1024
READ_BYTES = 256 * KIB
MAX_STEP_MS = 50
PERIOD = b"\x88"


def frame(opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin=fin).serialize(mask=True)


FLOODS = {
    "empty parts of a message": frame(Opcode.TEXT, b"{", fin=False) + frame(Opcode.CONT, fin=False) * 100_000,
    "parts of a byte": frame(Opcode.TEXT, b"{", fin=False) + frame(Opcode.CONT, b"a", fin=False) * 90_000,
    "empty messages": frame(Opcode.TEXT) * 100_000,
    "empty binary messages": frame(Opcode.BINARY) * 100_000,
    "pings": frame(Opcode.PING) * 100_000,
    "long pings": frame(Opcode.PING, b"p" * 125) * 20_000,
    "pongs": frame(Opcode.PONG) * 100_000,
    "pings of the protocol": frame(Opcode.TEXT, b'{"type":"ping"}') * 20_000,
    "pings in a message": (
        frame(Opcode.TEXT, b"{", fin=False)
        + (frame(Opcode.PING) + frame(Opcode.CONT, fin=False)) * 50_000
    ),
}  # fmt: skip


raw_ms = attrgetter("raw_ms")


def pieces(data: bytes) -> Iterator[bytes]:
    """The pieces that a transport reads at once."""
    return (data[start : start + READ_BYTES] for start in range(0, len(data), READ_BYTES))


async def step(held: list[Held]) -> None:
    """One step of the loop."""
    with holding() as each:
        await asyncio.sleep(0)
    held.append(each)


async def flood(wire: Wire, data: bytes) -> list[Held]:
    """Send without waiting, and return the steps of the loop until nothing is read any more."""
    held: list[Held] = []
    for piece in pieces(data):
        if wire.is_closed:
            break
        with holding() as each:
            wire.websocket.data_received(piece)
        held.append(each)
        while not wire.is_read and not wire.is_closed:
            await step(held)
    for _ in range(20):
        await step(held)
    return held


@pytest.mark.parametrize("data", FLOODS.values(), ids=FLOODS)
async def test_a_flood_of_frames_ends_the_connection_and_holds_nobody_up(
    gateway_with_rate: Gateway, data: bytes
) -> None:
    """Within a fraction of a second of the processor in all, in short steps."""
    async with upgraded(gateway_with_rate) as (_, wire):
        wire.websocket.data_received(frame(Opcode.TEXT, b'{"type":"connection_init"}'))
        await wait_until(lambda: b"connection_ack" in b"".join(wire.written))
        held = await flood(wire, data)
        assert max(held, key=raw_ms).ms < MAX_STEP_MS
        # The rate is reached long before the end.
        assert sum(map(raw_ms, held)) < 1_000 * machine_factor()
        closing = b"".join(wire.written)[b"".join(wire.written).rindex(PERIOD) :]
        assert closing[2:4] in {b"\x03\xf0", b"\x11\x30"}, "1008, or 4400 for what is no message"


async def test_a_thousand_operations_at_once_are_within_the_rate(gateway_with_rate: Gateway) -> None:
    """A client that comes back begins all its subscriptions together."""
    subscribe = '{"id":"%d","type":"subscribe","payload":{"query":"subscription { rate(symbol: \\"BTC/USDT\\") { price } }"}}'
    async with upgraded(gateway_with_rate) as (_, wire):
        wire.websocket.data_received(frame(Opcode.TEXT, b'{"type":"connection_init"}'))
        messages = b"".join(frame(Opcode.TEXT, (subscribe % n).encode()) for n in range(900))
        held = await flood(wire, messages)
        await wait_until(lambda: b"".join(wire.written).count(b'"type":"next"') >= 900)
        assert max(held, key=raw_ms).ms < MAX_STEP_MS
        assert not wire.is_closed


async def test_a_long_message_in_pieces_is_one_message(gateway_with_rate: Gateway) -> None:
    """Parsed in steps, and behind it a short one."""
    payload = {"query": "{ __typename }", "extensions": {"x": "x" * 90_000}}
    asked = json.dumps({"id": "1", "type": "subscribe", "payload": payload})
    async with upgraded(gateway_with_rate) as (_, wire):
        wire.websocket.data_received(frame(Opcode.TEXT, b'{"type":"connection_init"}'))
        wire.websocket.data_received(
            frame(Opcode.TEXT, asked.encode()) + frame(Opcode.TEXT, b'{"type":"ping"}')
        )
        await wait_until(lambda: b"__typename" in b"".join(wire.written))
        await wait_until(lambda: b'"pong"' in b"".join(wire.written))
        await wait_until(lambda: wire.is_read)


def test_frames_are_admitted_at_the_rate_with_a_burst() -> None:
    """Ten seconds' worth at once, then as many as time passes."""
    rate = FrameRate(per_second=10)
    burst = int(10 * BURST_S)
    assert rate.admits(burst, now=5.0)
    assert not rate.admits(1, now=5.0)
    rate = FrameRate(per_second=10)
    assert all(rate.admits(10, now=float(second)) for second in range(1_000))
    assert rate.admits(burst - 10, now=1_000.0)
    assert not rate.admits(50, now=1_000.0)
