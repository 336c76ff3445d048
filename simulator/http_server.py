"""HTTP server: uvicorn inside an existing event loop."""

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
from simulator.faults.middleware import source_of_path

STOP_SECONDS = 2
TICK_SECONDS = 1


class HttpServer(uvicorn.Server):
    """A uvicorn server that leaves signals to the composition root."""

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
        """Install no signal handlers."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then set `started_serving`."""
        await super().startup(sockets)
        self.started_serving.set()

    async def main_loop(self) -> None:
        """Refresh the Date header once a second until stopped.

        Uvicorn's own loop wakes ten times as often.
        """
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._stopping.wait()

    def stop(self) -> None:
        """Finish running requests, then stop."""
        self.should_exit = True
        self._stopping.set()


class _AbortingProtocol(HttpToolsProtocol):
    """Aborts a connection once its request names a source with `refuse-connections`.

    All sources share one port.
    """

    def __init__(self, active_faults: ActiveFaults, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._active_faults = active_faults

    def on_headers_complete(self) -> None:
        """Abort or continue, now that the request's path is known."""
        source = source_of_path(self.url.decode("ascii", "replace"))
        fault = None if source is None else self._active_faults.find(source, "refuse-connections")
        if fault is None:
            super().on_headers_complete()
            return
        fault.record_hit()
        self.transport.abort()
