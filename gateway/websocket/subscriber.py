"""A subscription on a WebSocket, as cohorts see it."""

import asyncio
from collections.abc import Callable

from gateway.fastpath.payload import EncodedPayload, Envelope
from gateway.subscriptions.cohort import Cohort
from gateway.subscriptions.pull import Resuming
from gateway.websocket.write_queue import WriteQueue


class WebSocketSubscriber:
    """Writes payloads as fast as the client reads.

    `envelope` is what comes before and after each result.
    """

    __slots__ = ("_envelope", "_is_enqueued", "_on_failure", "_pending", "_queue", "cohort", "resuming")

    consuming_s = 0.0

    def __init__(
        self, queue: WriteQueue, envelope: Envelope, on_failure: Callable[[Exception], None]
    ) -> None:
        self._queue = queue
        self._envelope = envelope
        self._on_failure = on_failure
        self._is_enqueued = False
        self._pending: EncodedPayload | None = None
        self.cohort: Cohort[EncodedPayload] | None = None
        self.resuming: asyncio.Task[None] | None = None

    @property
    def client(self) -> object:
        return self._queue

    def is_ready(self) -> bool:
        return self._pending is None and self._queue.is_free

    def notify_when_ready(self) -> None:
        if not self._is_enqueued:
            self._is_enqueued = True
            self._queue.enqueue(self._on_turn)

    def deliver(self, payload: EncodedPayload) -> None:
        queue = self._queue
        if queue.is_free or queue.below_high_water:
            queue.wrote_since_keepalive = True
            known = payload.frames.get(queue.encode_frame)
            # Most payloads are framed already: a call less for each delivery.
            if known is not None and known[0] == self._envelope:
                queue.write_frame(known[1])
            else:
                queue.write_frame(self._encode_frame(payload))
        else:
            # Other subscribers of this connection got the same payload just before, and filled the queue.
            self._pending = payload
            queue.enqueue(self._write_pending)

    def fail(self, error: Exception) -> None:
        self._pending = None
        self._on_failure(error)

    def cancel(self) -> None:
        """End the subscription without a message."""
        self._pending = None
        if self.resuming is not None:
            self.resuming.cancel()
        if self.cohort is not None:
            self.cohort.remove(self)

    async def resume(self, resuming: Resuming) -> None:
        """Run the catch-up of a resumed subscription."""
        try:
            await resuming
        except Exception as exc:  # noqa: BLE001 - outermost of an operation: masked, logged, and the others go on
            if self.cohort is not None:
                self.cohort.remove(self)
            self.fail(exc)
        finally:
            self.resuming = None

    def _encode_frame(self, payload: EncodedPayload) -> bytes:
        encode_frame, envelope = self._queue.encode_frame, self._envelope
        known = payload.frames.get(encode_frame)
        if known is None or known[0] != envelope:
            before, after = envelope
            known = payload.frames[encode_frame] = envelope, encode_frame(before + payload.body + after)
        return known[1]

    def _write_pending(self) -> None:
        payload, self._pending = self._pending, None
        if payload is not None and not self._queue.is_closed:
            self._queue.wrote_since_keepalive = True
            self._queue.write_frame(self._encode_frame(payload))

    def _on_turn(self) -> None:
        self._is_enqueued = False
        if self.cohort is not None and not self._queue.is_closed:
            self.cohort.flush_now()


class ThrottledSubscriber(WebSocketSubscriber):
    """A subscriber that may be restored, and then goes on after what it was sent last."""

    __slots__ = ("cursor",)

    def __init__(
        self, queue: WriteQueue, envelope: Envelope, on_failure: Callable[[Exception], None]
    ) -> None:
        super().__init__(queue, envelope, on_failure)
        self.cursor: str | None = None
        """The cursor of the last payload, if payloads have one."""

    def deliver(self, payload: EncodedPayload) -> None:
        self.cursor = payload.cursor
        super().deliver(payload)
