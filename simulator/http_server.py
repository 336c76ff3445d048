"""The listening HTTP server: uvicorn inside somebody else's event loop, and connections that a fault cuts off."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simulator.faults.active_faults import ActiveFaults
from simulator.faults.middleware import source_of

STOP_SECONDS = 2
TICK_SECONDS = 1


class HttpServer(uvicorn.Server):
    """Signals are the composition root's business."""

    def __init__(self, app: ASGIApp, active_faults: ActiveFaults) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=partial(_AbortingProtocol, active_faults),  # type: ignore[arg-type] # uvicorn only ever calls it
                loop="none",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self.started_serving = asyncio.Event()
        self._stopping = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell that it serves."""
        await super().startup(sockets)
        self.started_serving.set()

    async def main_loop(self) -> None:
        """Once a second, for the date in its answers, until it is stopped: uvicorn's own looks ten times as often, and is as late."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._stopping.wait()

    def stop(self) -> None:
        """Let those go who are being answered, then end."""
        self.should_exit = True
        self._stopping.set()


class _AbortingProtocol(HttpToolsProtocol):
    """Cuts a connection as soon as it is known whom it is for. All sources share the port, so it cannot be refused sooner."""

    def __init__(self, active_faults: ActiveFaults, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._active_faults = active_faults

    def on_headers_complete(self) -> None:
        """The address is known."""
        source = source_of(self.url.decode("ascii", "replace"))
        fault = None if source is None else self._active_faults.find(source, "refuse-connections")
        if fault is None:
            super().on_headers_complete()
            return
        fault.record_hit()
        self.transport.abort()
