"""Messages are read as the library reads them, however their bytes arrive."""

import asyncio
import struct
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NoReturn, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.uri import parse_uri
from websockets.utils import accept_key

from pipeline.net.message_connection import READ_INTERVAL_S, MessageConnection, OnMessages

MAX_SIZE, QUEUED = 400, 4
TEXT, BINARY, PART, PING, PONG, CLOSE = 0x1, 0x2, 0x0, 0x9, 0xA, 0x8
FIN = 0x80


class Wire(asyncio.Transport):
    """A transport that keeps what is written, and whether reading is paused."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.pauses = self.resumptions = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Take the limits."""

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""

    def pause_reading(self) -> None:
        self.pauses += 1

    def resume_reading(self) -> None:
        self.resumptions += 1


def open_connection(kind: type[ClientConnection]) -> tuple[ClientConnection, Wire]:
    """Return a connection whose handshake is over but for the response."""
    protocol = ClientProtocol(parse_uri("ws://here/"), max_size=MAX_SIZE)
    connection = kind(protocol, ping_interval=None, close_timeout=1, max_queue=QUEUED)
    wire = Wire()
    connection.connection_made(wire)
    protocol.send_request(protocol.connect())
    return connection, wire


def response(connection: ClientConnection) -> bytes:
    """Return the response to the handshake."""
    head = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(connection.protocol.key)}\r\n\r\n"
    )
    return head.encode()


def frame(first: int, payload: bytes, *, long: bool = False, mask: bool = False) -> bytes:
    """Return the bytes of a frame. `long`: its length is in eight bytes whatever it is."""
    size, bit = len(payload), 0x80 if mask else 0
    if long:
        head = bytes((first, bit | 127)) + struct.pack("!Q", size)
    elif size > 125:
        head = bytes((first, bit | 126)) + struct.pack("!H", size)
    else:
        head = bytes((first, bit | size))
    return head + (b"\0\0\0\0" if mask else b"") + payload


PAYLOADS = (
    st.binary(max_size=12) | st.integers(120, 130).map(bytes) | st.integers(MAX_SIZE - 1, MAX_SIZE).map(bytes)
)
MESSAGES = st.builds(frame, st.sampled_from((FIN | TEXT, FIN | BINARY)), PAYLOADS, long=st.booleans())
FRAGMENTED = st.lists(st.binary(max_size=5), min_size=2, max_size=4).map(
    lambda parts: b"".join(
        frame((TEXT if not at else PART) | (FIN if at == len(parts) - 1 else 0), part)
        for at, part in enumerate(parts)
    )
)
CONTROLS = st.builds(frame, st.sampled_from((FIN | PING, FIN | PONG)), st.binary(max_size=8))
ENDS = st.sampled_from(
    (
        b"",
        frame(FIN | CLOSE, struct.pack("!H", 1000)),
        frame(FIN | TEXT, bytes(MAX_SIZE + 1)),
        frame(FIN | TEXT, b"masked", mask=True),
        frame(FIN | 0x3, b"unknown"),
        frame(FIN | 0x40 | TEXT, b"an extension's"),
        frame(FIN | PART, b"of nothing"),
        frame(TEXT, b"begun") + frame(FIN | TEXT, b"another"),
        frame(FIN | TEXT, b"cut")[:-1],
        bytes((FIN | TEXT, 126, 0)),
        bytes((FIN | TEXT,)),
    )
)
STREAMS = st.builds(
    lambda frames, end, rest: b"".join(frames) + end + b"".join(rest),
    st.lists(MESSAGES | MESSAGES | FRAGMENTED | CONTROLS, max_size=12),
    ENDS,
    st.lists(MESSAGES, max_size=2),
)


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """Return the parts of `data` between some places."""
    bounds = [0, *sorted({each % (len(data) + 1) for each in places}), len(data)]
    return [data[start:end] for start, end in pairwise(bounds) if end > start]


ANOTHER = frame(FIN | TEXT, b"another")
NESTED = frame(TEXT, b"begun") + ANOTHER
UNTAKEN = frame(TEXT, b"in two ") + frame(FIN | PART, b"frames") + ANOTHER
TOO_LONG = frame(FIN | TEXT, bytes(MAX_SIZE + 1))
# The second part begins like a frame.
SPLIT = frame(FIN | TEXT, b"in two parts" + ANOTHER)


def before(stream: bytes) -> int:
    """Return the place of `cut` before the bytes with which all ends."""
    return -len(stream) - 1


async def read(connection: ClientConnection, found: list[bytes]) -> None:
    """Read until the connection is closed."""
    try:
        if isinstance(connection, MessageConnection):
            await connection.read_all(found.extend)
        while True:
            found.append(await connection.recv(decode=False))
    except ConnectionClosed as exc:
        found.append(f"{type(exc).__name__} {exc}".encode())


async def receive(
    kind: type[ClientConnection],
    stream: bytes,
    places: Sequence[int],
    *,
    has_eof: bool,
    is_late: bool,
    is_busy: bool,
) -> tuple[list[bytes], list[bytes], State]:
    """Let the parts of a stream arrive.

    Returns the messages, what was sent, and the state.
    """
    connection, wire = open_connection(kind)
    wire.written.clear()
    found: list[bytes] = []
    task = None if is_late else asyncio.create_task(read(connection, found))
    for part in cut(response(connection) + stream, places):
        connection.data_received(part)
        if not is_busy:
            await asyncio.sleep(0)
    task = task or asyncio.create_task(read(connection, found))
    if has_eof:
        connection.eof_received()
        connection.connection_lost(None)
    for _ in range(5):
        await asyncio.sleep(0)
    state = connection.state
    if not has_eof:
        connection.connection_lost(None)
    await task
    # Control frames are masked, by a number of chance.
    return found, [bytes((sent[0], len(sent))) for sent in wire.written if sent], state


@pytest.mark.slow
@settings(deadline=None)
# The reading task awaits a message; then one comes within another one, behind one that it has not taken yet, one above the limit,
# or one in two parts.
@example(stream=NESTED, places=[before(NESTED), before(ANOTHER)], has_eof=False, is_late=False, is_busy=False)
@example(stream=UNTAKEN, places=[before(UNTAKEN)], has_eof=False, is_late=False, is_busy=False)
@example(stream=TOO_LONG, places=[before(TOO_LONG)], has_eof=False, is_late=False, is_busy=False)
@example(stream=SPLIT, places=[before(SPLIT), before(ANOTHER)], has_eof=False, is_late=False, is_busy=False)
@given(
    stream=STREAMS,
    places=st.lists(st.integers(0, 4000), max_size=12),
    has_eof=st.booleans(),
    is_late=st.booleans(),
    is_busy=st.booleans(),
)
def test_messages_arrive_as_with_the_library_wherever_their_bytes_are_cut(
    stream: bytes, places: list[int], *, has_eof: bool, is_late: bool, is_busy: bool
) -> None:
    """Messages, their order, responses, errors and the state at the end.

    `is_late`: reading begins after everything has arrived. `is_busy`: the reading task has no turn between the parts.
    """

    async def compare() -> None:
        found = [
            await receive(kind, stream, places, has_eof=has_eof, is_late=is_late, is_busy=is_busy)
            for kind in (ClientConnection, MessageConnection)
        ]
        assert found[0] == found[1]

    asyncio.run(compare())


async def open_reading(
    on_messages: OnMessages,
) -> tuple[MessageConnection, Wire, asyncio.Task[NoReturn]]:
    """Return an open connection whose messages a task reads."""
    connection, wire = open_connection(MessageConnection)
    assert isinstance(connection, MessageConnection)
    connection.data_received(response(connection))
    task = asyncio.create_task(connection.read_all(on_messages))
    await asyncio.sleep(0)
    return connection, wire, task


async def end(connection: MessageConnection, task: asyncio.Task[NoReturn]) -> BaseException | None:
    """Let the reading task end, and return its error."""
    connection.connection_lost(None)
    await asyncio.wait([task])
    return task.exception()


async def test_messages_that_arrive_together_are_passed_on_in_one_call() -> None:
    """While they arrive, without a turn of the reading task."""
    found: list[list[bytes]] = []
    connection, _, task = await open_reading(lambda messages: found.append(list(messages)))
    connection.data_received(frame(FIN | TEXT, b"one") + frame(FIN | BINARY, b"two"))
    assert found == [[b"one", b"two"]]
    assert isinstance(await end(connection, task), ConnectionClosed)


async def test_an_error_of_the_reader_ends_the_reading() -> None:
    """It is raised where messages are awaited, and no message follows it."""
    found: list[bytes] = []

    def on_messages(messages: Sequence[bytes]) -> None:
        found.extend(messages)
        raise LookupError(*messages)

    connection, _, task = await open_reading(on_messages)
    connection.data_received(frame(FIN | TEXT, b"one") + frame(FIN | PING, b"") + frame(FIN | TEXT, b"two"))
    connection.data_received(frame(FIN | TEXT, b"three"))
    error = await end(connection, task)
    assert isinstance(error, LookupError)
    assert (error.args, found) == ((b"one",), [b"one"])


async def test_a_backlog_is_read_in_parts_with_turns_of_other_tasks_between() -> None:
    """Otherwise the event loop would read all that has arrived at once."""
    found: list[bytes] = []
    connection, wire, task = await open_reading(found.extend)
    message = frame(FIN | TEXT, bytes(MAX_SIZE))
    count = 64 * 1024 // len(message) + 1
    connection.data_received(message * count)
    assert (len(found), wire.pauses, wire.resumptions) == (count, 1, 0)
    await asyncio.sleep(0)
    assert wire.resumptions == 1
    assert isinstance(await end(connection, task), ConnectionClosed)


class HandLoop:
    """The time and the timers of an event loop, set by hand."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        """Keep a timer."""
        self.timers.append((delay, callback))


async def test_parts_in_short_order_are_read_together() -> None:
    """Reading pauses after each but the first; a part after a while is read at once."""
    found: list[bytes] = []
    connection, wire, task = await open_reading(found.extend)
    loop, hand = connection.loop, HandLoop(connection.loop.time())
    connection.loop = cast("asyncio.AbstractEventLoop", hand)
    message = frame(FIN | TEXT, b"one")
    for passed_s, pauses in ((10.0, 0), (READ_INTERVAL_S, 1), (READ_INTERVAL_S, 2), (0.0, 3), (10.0, 3)):
        hand.now += passed_s
        connection.data_received(message)
        assert wire.pauses == pauses
    assert len(found) == 5
    assert [delay for delay, _ in hand.timers] == [READ_INTERVAL_S] * 3
    for number, (_, resume) in enumerate(hand.timers, start=1):
        resume()
        assert wire.resumptions == number
    connection.loop = loop
    assert isinstance(await end(connection, task), ConnectionClosed)
