"""ASGI middleware that applies faults to REST calls."""

import asyncio
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.client_limit_monitor import ClientLimitMonitors
from simulator.faults.active_faults import ActiveFaults
from simulator.faults.garbage import garble
from simulator.faults.null_entry import add_null_entry, is_listing
from simulator.faults.refusals import HttpRefusal, refusal_of
from simulator.sources import SOURCES

ENDPOINT = "rest"


def source_of_path(path: str) -> str | None:
    """The source of a URL path; None for the simulator's own paths."""
    first = path.strip("/").partition("/")[0]
    return first if first in SOURCES else None


class FaultMiddleware:
    """Applies the active faults to the inner application's answers."""

    def __init__(self, app: ASGIApp, active_faults: ActiveFaults, monitors: ClientLimitMonitors) -> None:
        self._app = app
        self._active_faults = active_faults
        self._monitors = monitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the call, altered by the active faults."""
        source = source_of_path(scope["path"]) if scope["type"] == "http" else None
        if source is None or not self._active_faults.for_source(source):
            await self._app(scope, receive, send)
            return
        if (silence := self._active_faults.find(source, "silence")) is not None:
            silence.record_hit()
            self._monitors.for_source(source).record_call(ENDPOINT, self._active_faults.clock())
            await _until_gone(receive)
            return
        if (slow := self._active_faults.find(source, "slow")) is not None:
            slow.record_hit()
            await asyncio.sleep(slow.number("delay_s"))
        if (refusal := refusal_of(self._active_faults, source)) is not None:
            await self._refuse(source, refusal, send)
            return
        await self._disturbed(source, scope, receive, send)

    async def _refuse(self, source: str, refusal: HttpRefusal, send: Send) -> None:
        now_ns = self._active_faults.clock()
        monitor = self._monitors.for_source(source)
        monitor.record_call(ENDPOINT, now_ns)
        monitor.record_refusal(ENDPOINT, now_ns, refusal.retry_at_ns(now_ns))
        body = refusal.body.encode()
        await _start(send, refusal.status, [*refusal.headers(), ("Content-Length", str(len(body)))])
        await send({"type": "http.response.body", "body": body})

    async def _disturbed(self, source: str, scope: Scope, receive: Receive, send: Send) -> None:
        garbage, cut = self._active_faults.find(source, "garbage"), self._active_faults.find(source, "cut")
        null_entry = self._active_faults.find(source, "null-entry") if is_listing(scope["path"]) else None
        if garbage is None and cut is None and null_entry is None:
            await self._app(scope, receive, send)
            return
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._app(scope, receive, keep)
        body = b"".join(message.get("body", b"") for message in kept[1:])
        start = kept[0]
        if garbage is not None:
            garbage.record_hit()
            body = garble(str(garbage.parameters["form"]), body.decode()).encode()
            html = garbage.parameters["form"] == "html"
            await _answer(send, body, "text/html" if html else "application/json")
            return
        if null_entry is not None and start["status"] == 200:
            null_entry.record_hit()
            body = add_null_entry(source, body)
        if cut is None:
            await _answer(send, body, "application/json")
            return
        cut.record_hit()
        # The header announces the full length; the server closes the connection after half of it.
        await send(start)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


async def _answer(send: Send, body: bytes, content_type: str) -> None:
    await _start(send, 200, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    await send({"type": "http.response.body", "body": body})


async def _start(send: Send, status: int, headers: Iterable[tuple[str, str]]) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
