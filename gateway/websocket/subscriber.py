"""A subscription on a WebSocket, as those see it who have something to tell it."""

import asyncio
from collections.abc import Callable

from gateway.fastpath.payload import EncodedPayload
from gateway.subscriptions.cohort import Cohort
from gateway.subscriptions.pull import Resuming
from gateway.websocket.write_queue import WriteQueue


class WebSocketSubscriber:
    """Is told as much as the connection takes. `envelope` goes around each result."""

    __slots__ = ("_envelope", "_is_in_line", "_line", "_on_failure", "_told", "cohort", "resuming")

    def __init__(
        self, line: WriteQueue, envelope: tuple[bytes, bytes], on_failure: Callable[[Exception], None]
    ) -> None:
        self._line = line
        self._envelope = envelope
        self._on_failure = on_failure
        self._is_in_line = False
        self._told: EncodedPayload | None = None
        self.cohort: Cohort[EncodedPayload] | None = None
        self.resuming: asyncio.Task[None] | None = None

    def is_ready(self) -> bool:
        if self._told is None and self._line.is_free:
            return True
        if not self._is_in_line:
            self._is_in_line = True
            self._line.wait(self._take_turn)
        return False

    def tell(self, told: EncodedPayload) -> None:
        line = self._line
        if line.is_free or line.has_room:
            line.has_spoken = True
            line.put(told.frame(self._envelope, line.frame))
        else:
            # Others on this connection were told the same just before, and filled it.
            self._told = told
            self._line.wait(self._write_told)

    def fail(self, failure: Exception) -> None:
        self._told = None
        self._on_failure(failure)

    def cancel(self) -> None:
        """Be told no more."""
        self._told = None
        if self.resuming is not None:
            self.resuming.cancel()
        if self.cohort is not None:
            self.cohort.leave(self)

    async def resume(self, resuming: Resuming) -> None:
        """Do what comes before anything is told."""
        try:
            await resuming
        except Exception as exc:  # noqa: BLE001 - outermost of an operation: masked, logged, and the others go on
            if self.cohort is not None:
                self.cohort.leave(self)
            self.fail(exc)
        finally:
            self.resuming = None

    def _write_told(self) -> None:
        told, self._told = self._told, None
        line = self._line
        if told is not None and not line.is_closed:
            line.has_spoken = True
            line.put(told.frame(self._envelope, line.frame))

    def _take_turn(self) -> None:
        self._is_in_line = False
        if self.cohort is not None:
            self.cohort.go_on()
