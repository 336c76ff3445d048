"""Subscribers with the same payload on one socket get it in order, in bounded memory."""

import asyncio
from math import inf
from typing import Any

import pytest
from starlette.types import Message

from gateway.fastpath.payload import EncodedPayload
from gateway.subscriptions.cohort import Cohort, FanOut, LiveQuery
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.flush import FlushCycle, FlushScheduler
from gateway.subscriptions.instrument_filter import InstrumentFilter
from gateway.subscriptions.registry import SubscriptionRegistry
from gateway.turn_budget import TurnBudget
from gateway.websocket.asgi_writer import AsgiWriter
from gateway.websocket.subscriber import WebSocketSubscriber
from gateway.websocket.write_queue import FrameWriter, WriteQueue
from rates.ticker import TickerKey
from tests.gateway.fakes import FakeClock, build_ticker, wait_until
from tests.gateway.websocket.test_write_queue import NarrowWriter, fail_on_stall

SUBSCRIBERS = 100


class FramingWriter(NarrowWriter):
    """Encodes frames that differ from their messages."""

    @staticmethod
    def encode_frame(message: bytes) -> bytes:
        return b"<%b>" % message


TICKER = build_ticker()


class Untracked:
    """A catalog without instruments."""

    tracked = frozenset[TickerKey]()


class CountingCohort(Cohort[EncodedPayload]):
    """Sends the number of its payloads so far."""

    count = 0

    def poll(self, cycle: FlushCycle) -> tuple[EncodedPayload | None, float]:
        if not self.buffer.has_pending:
            return None, inf
        self.buffer.take()
        self.mark_updated(cycle)
        self.count += 1
        return EncodedPayload(b"%d" % self.count), inf

    def has_same_state(self, other: Cohort[Any]) -> bool:
        return other.live_query is self.live_query

    def copy(self) -> "CountingCohort":
        other = CountingCohort(self._fan_out, self.live_query)
        other.count = self.count
        return other


def subscribe_all(writer: FrameWriter) -> tuple[CountingCohort, list[WebSocketSubscriber], WriteQueue]:
    """Subscribers of one connection, in one cohort."""
    # The test serves many turns of the queue in one turn of the loop.
    queue = WriteQueue(writer, stall_s=60, on_stalled=fail_on_stall, budget=TurnBudget(inf))
    registry = SubscriptionRegistry(Untracked())
    fan_out = FanOut(registry, FlushScheduler(FakeClock(), registry.publications))
    instruments = InstrumentFilter(frozenset([TICKER.symbol]), frozenset([TICKER.source]))
    cohort = CountingCohort(fan_out, LiveQuery(instruments, DeliveryOptions()))
    subscribers = [WebSocketSubscriber(queue, (b"%d: " % number, b""), fail) for number in range(SUBSCRIBERS)]
    cohort.register(subscribers[0])
    for subscriber in subscribers[1:]:
        fan_out.registry.subscriber_count += 1
        cohort.add(subscriber)
    return cohort, subscribers, queue


def fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("burst", [0, 20])
async def test_subscribers_of_one_socket_with_the_same_payload_do_not_overfill_it(burst: int) -> None:
    """Once it is full, the others keep the payload until their turn."""
    writer = FramingWriter()
    writer.room, writer.burst = 1, burst
    cohort, subscribers, queue = subscribe_all(writer)
    cohort.put(TICKER, TICKER.key)
    cohort.flush_now()
    at_once = [b"<%d: 1>" % number for number in range(burst or 1)]
    assert writer.written == at_once
    subscribers[50].cancel()
    cohort.put(TICKER, TICKER.key)
    cohort.flush_now()
    assert writer.written == at_once
    writer.room = writer.burst = 0
    while len(writer.written) < 2 * (SUBSCRIBERS - 1):
        before = len(writer.written)
        writer.widen(1)
        assert len(writer.written) == before + 1
    for number in range(SUBSCRIBERS):
        received = [each for each in writer.written if each.startswith(b"<%d: " % number)]
        assert received == ([] if number == 50 else [b"<%d: 1>" % number, b"<%d: 2>" % number])
    queue.close()


async def test_no_frame_replaces_another_where_each_is_awaited() -> None:
    """With an ASGI server, which accepts one frame at a time."""
    sent: list[str] = []

    async def send(event: Message) -> None:
        await asyncio.sleep(0)
        sent.append(event["text"])

    writer = AsgiWriter(send)
    cohort, _, queue = subscribe_all(writer)
    sending = asyncio.create_task(writer.run())
    cohort.put(TICKER, TICKER.key)
    cohort.flush_now()
    await wait_until(lambda: len(sent) == SUBSCRIBERS)
    assert sent == [f"{number}: 1" for number in range(SUBSCRIBERS)]
    sending.cancel()
    queue.close()
