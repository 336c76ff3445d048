"""Subscriptions that are told together on one socket: it holds no more than it has room for, and each hears everything in order."""

import asyncio
from typing import Any

import pytest

from gateway.fastpath.payload import EncodedPayload
from gateway.subscriptions.cohort import Cohort, FanOut, LiveQuery
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.flush import FlushCycle, FlushScheduler
from gateway.subscriptions.registry import InstrumentFilter, SubscriptionRegistry
from gateway.websocket.asgi_writer import AsgiWriter
from gateway.websocket.subscriber import WebSocketSubscriber
from gateway.websocket.write_queue import FrameWriter, WriteQueue
from rates.ticker import TickerKey
from tests.gateway.fakes import FakeClock, build_ticker, wait_until
from tests.gateway.websocket.test_write_queue import NarrowSink, nobody

READERS = 100


class Framing(NarrowSink):
    """Frames can be told from messages."""

    @staticmethod
    def frame(message: bytes) -> bytes:
        return b"<%b>" % message


TICKER = build_ticker()


class Untracked:
    """A catalog without instruments."""

    tracked = frozenset[TickerKey]()


class Saying(Cohort[EncodedPayload]):
    """Tells how often it was asked for something."""

    said = 0

    def next_told(self, moment: FlushCycle) -> EncodedPayload | None:
        if not self.has_pending:
            return None
        self.take()
        self.note_update(moment)
        self.said += 1
        return EncodedPayload(b"%d" % self.said)

    def is_due(self, moment: FlushCycle) -> bool:
        return self.has_pending

    def due_at(self, moment: FlushCycle) -> float:
        return float("inf")

    def copy(self) -> "Saying":
        other = Saying(self._house, self.topic)
        other.said = self.said
        return other


def told_together(sink: FrameWriter) -> tuple[Saying, list[WebSocketSubscriber], WriteQueue]:
    """Readers on one connection, in one cohort."""
    line = WriteQueue(sink, stall_s=60, on_stalled=nobody)
    house = FanOut(SubscriptionRegistry(Untracked()), FlushScheduler(FakeClock(), lambda: ""))
    selection = InstrumentFilter(frozenset([TICKER.symbol]), frozenset([TICKER.source]))
    cohort = Saying(house, LiveQuery(selection, DeliveryOptions()))
    readers = [WebSocketSubscriber(line, (b"%d: " % number, b""), fail) for number in range(READERS)]
    cohort.admit(readers[0])
    for reader in readers[1:]:
        house.registry.subscriber_count += 1
        cohort.take_in(reader)
    return cohort, readers, line


def fail(failure: Exception) -> None:
    raise failure


@pytest.mark.parametrize("burst", [0, 20])
async def test_readers_of_one_socket_who_are_told_the_same_do_not_overfill_it(burst: int) -> None:
    """Once it is full, the others wait as what all share; each gets it, and then the next, in its turn."""
    sink = Framing()
    sink.room, sink.burst = 1, burst
    cohort, readers, line = told_together(sink)
    cohort.put(TICKER, TICKER.key)
    cohort.go_on()
    at_once = [b"<%d: 1>" % number for number in range(burst or 1)]
    assert sink.written == at_once
    readers[50].cancel()
    cohort.put(TICKER, TICKER.key)
    cohort.go_on()
    assert sink.written == at_once
    sink.room = sink.burst = 0
    while len(sink.written) < 2 * (READERS - 1):
        before = len(sink.written)
        sink.widen(1)
        assert len(sink.written) == before + 1
    for number in range(READERS):
        heard = [each for each in sink.written if each.startswith(b"<%d: " % number)]
        assert heard == ([] if number == 50 else [b"<%d: 1>" % number, b"<%d: 2>" % number])
    line.close()


async def test_where_a_frame_is_waited_for_none_takes_the_place_of_another() -> None:
    """On a server that takes one after the other."""
    sent: list[str] = []

    async def send(event: Any) -> None:
        await asyncio.sleep(0)
        sent.append(event["text"])

    sink = AsgiWriter(send)
    cohort, _, line = told_together(sink)
    sending = asyncio.create_task(sink.run())
    cohort.put(TICKER, TICKER.key)
    cohort.go_on()
    await wait_until(lambda: len(sent) == READERS)
    assert sent == [f"{number}: 1" for number in range(READERS)]
    sending.cancel()
    line.close()
