"""Follow Ratewire's `rates` subscription across lost connections, resuming at its cursor.

No change is missed silently: after a reconnect the first event is a SNAPSHOT with `recovered: true` (only what changed meanwhile),
or a GAP followed by a full SNAPSHOT. Copy this file into a project of your own; its only dependency is `websockets`.
"""

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

SUBPROTOCOL = Subprotocol("graphql-transport-ws")
LONGEST_WAIT_S = 10.0
# A connection is lost when a ping is not answered in this time, or the handshake not completed.
ANSWER_WITHIN_S = 10.0
# A snapshot of 10,000 instruments takes about 5 MB.
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
# Close codes of a gateway that does not let a client in.
DENIALS = {4401: "UNAUTHENTICATED", 4403: "FORBIDDEN"}
DEFAULT_PORTS = {"ws": 80, "wss": 443}


class SubscriptionRefused(Exception):
    """The server rejected the subscription or the key; `errors` are its GraphQL errors."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        self.errors = errors
        super().__init__("; ".join(str(error.get("message", error)) for error in errors))


class UnexpectedMessage(Exception):
    """A message that is not one of graphql-transport-ws."""


@dataclass(frozen=True, slots=True)
class ReceivedRate:
    """The newest values of one rate, as the document selects them."""

    values: Mapping[str, Any]
    observed_at: datetime
    ttl: timedelta

    def is_fresh(self, now: datetime) -> bool:
        """Tell whether the rate is FRESH at a time, by the rule of the server."""
        return now - self.observed_at <= self.ttl


# Linux's monotonic clock stands still while the machine sleeps, the boot-time clock does not.
elapsed_s: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)


class HeldRates:
    """The rates that a client of `rates` holds, and the time by which it may judge them.

    The document selects `kind recovered sentAt`, of `items` at least `id symbol source { code } observedAt ttlMs`, and of
    `unavailable` at least `symbol source { code }`.
    """

    def __init__(
        self, *, wall_s: Callable[[], float] = time.time, elapsed: Callable[[], float] = elapsed_s
    ) -> None:
        self.held: dict[str, ReceivedRate] = {}
        """The rates by their ids."""
        self.unavailable: dict[tuple[str, str | None], Mapping[str, Any]] = {}
        """What is missing, by symbol and by source; `None` for all sources."""
        self.is_connected = False
        """Whether every change arrives: not before the first snapshot, after a loss, or between a GAP and its snapshot."""
        self._clocks = (wall_s, elapsed)
        # The server's time less that of each clock, at the last events. The largest is that of the least delayed event.
        self._ahead: deque[tuple[float, ...]] = deque(maxlen=20)

    def apply(self, event: Mapping[str, Any]) -> None:
        """Apply an event. `resuming` calls it."""
        sent_at = datetime.fromisoformat(event["sentAt"]).timestamp()
        self._ahead.append(tuple(sent_at - clock() for clock in self._clocks))
        if event["kind"] == "GAP":
            self.lose()
        if event["kind"] == "SNAPSHOT":
            self.is_connected = True
            if not event["recovered"]:
                self.held.clear()
                self.unavailable.clear()
        for item in event["items"]:
            observed_at = datetime.fromisoformat(item["observedAt"])
            self.held[item["id"]] = ReceivedRate(item, observed_at, timedelta(milliseconds=item["ttlMs"]))
            for source in (item["source"]["code"], None):
                self.unavailable.pop((item["symbol"], source), None)
        for missing in event["unavailable"]:
            self._drop(missing["symbol"], missing["source"] and missing["source"]["code"], missing)

    def lose(self) -> None:
        """Note that the connection is lost. `resuming` calls it."""
        self.is_connected = False

    def now(self) -> datetime:
        """Return the server's time.

        A wrong clock of this machine does no harm. Of its clocks the later one counts: one may stand still while the machine
        sleeps, the other may be set back.
        """
        ahead = [max(each) for each in zip(*self._ahead, strict=True)] or [0.0]
        times = [clock() + seconds for clock, seconds in zip(self._clocks, ahead, strict=False)]
        return datetime.fromtimestamp(max(times), UTC)

    def is_fresh(self, rate_id: str, now: datetime) -> bool:
        """Tell whether a rate is held and FRESH at a time."""
        rate = self.held.get(rate_id)
        return rate is not None and rate.is_fresh(now)

    def _drop(self, symbol: str, source: str | None, missing: Mapping[str, Any]) -> None:
        self.unavailable[symbol, source] = missing
        for rate_id, rate in tuple(self.held.items()):
            if rate.values["symbol"] == symbol and source in (None, rate.values["source"]["code"]):
                del self.held[rate_id]


# Errors that a new connection may cure.
CONNECTION_ERRORS = (WebSocketException, OSError, TimeoutError, UnexpectedMessage)


async def resuming(
    url: str,
    document: str,
    variables: Mapping[str, Any] | None = None,
    *,
    held: HeldRates | None = None,
    on_lost: Callable[[Exception], None] = lambda _error: None,
    proxy: str | Literal[True] | None = True,
    read_key: Callable[[], str | None] = lambda: None,
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the events of `rates`, reconnecting without end.

    `document` is a subscription that takes `$after: String`, passes it to `rates` and selects `cursor`. `url` begins with
    ws:// or wss://. `held` has each event applied before it is yielded. `on_lost` is called with the reason whenever a connection is lost or cannot be made; the next attempt
    follows after 0.1 s at first and 10 s at most. `proxy`: an address, `None` for a direct connection, `True` for that of
    the environment. `read_key` returns the key to send, `None` for none; it is called for each connection, so a rotated key
    may be replaced meanwhile.

    Raises:
        SubscriptionRefused: the server rejects the document, its variables or the key.
    """
    cursor, failures = None, 0
    while True:
        try:
            resumed = {**(variables or {}), "after": cursor}
            stream = subscribe(url, document, resumed, proxy=proxy, key=read_key())
            async with aclosing(stream) as events:
                async for data in events:
                    event = data["rates"]
                    cursor, failures = event["cursor"], 0
                    if held is not None:
                        held.apply(event)
                    yield event
            lost: Exception = ConnectionError("the server ended the subscription")
        except CONNECTION_ERRORS as error:
            lost = error
        except SubscriptionRefused as refusal:
            # Another attempt does not cure an invalid document, but a gateway that is starting will soon accept it.
            codes = {error.get("extensions", {}).get("code") for error in refusal.errors}
            if codes != {"SERVICE_UNAVAILABLE"}:
                raise
            lost = refusal
        if held is not None:
            held.lose()
        on_lost(lost)
        # The jitter keeps the clients of a restarted gateway from reconnecting at the same instant.
        await asyncio.sleep(random.uniform(0.5, 1) * min(LONGEST_WAIT_S, 0.2 * 2**failures))  # noqa: S311 - no secret
        failures = min(failures + 1, 10)


async def subscribe(
    url: str,
    document: str,
    variables: Mapping[str, Any],
    *,
    proxy: str | Literal[True] | None = True,
    key: str | None = None,
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the `data` of each result of a subscription over one connection.

    Raises:
        SubscriptionRefused: the server answers with errors, does not accept the key, or redirects it to another server.
        WebSocketException, OSError, TimeoutError: the connection cannot be made, or is lost.
        UnexpectedMessage: the server does not speak graphql-transport-ws.
    """
    async with connect(
        url,
        subprotocols=[SUBPROTOCOL],
        ping_interval=ANSWER_WITHIN_S,
        ping_timeout=ANSWER_WITHIN_S,
        max_size=MAX_MESSAGE_BYTES,
        proxy=proxy,
    ) as socket:
        await _initialise(socket, url, key)
        payload = {"query": document, "variables": variables}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        async for text in socket:
            kind, content = _read(text)
            if kind == "next":
                if errors := content.get("errors"):
                    raise SubscriptionRefused(errors)
                yield content["data"]
            elif kind == "error":
                raise SubscriptionRefused(content)
            elif kind == "ping":
                await socket.send('{"type":"pong"}')
            elif kind == "complete":
                return


async def _initialise(socket: ClientConnection, url: str, key: str | None) -> None:
    message: dict[str, Any] = {"type": "connection_init"}
    if key is not None:
        _check_server(socket, url)
        message["payload"] = {"Authorization": f"Bearer {key}"}
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await socket.send(json.dumps(message))
            while _read(await socket.recv())[0] != "connection_ack":
                pass
    except ConnectionClosed as closed:
        code = None if closed.rcvd is None else DENIALS.get(closed.rcvd.code)
        if closed.rcvd is None or code is None:
            raise
        error = {"message": closed.rcvd.reason, "extensions": {"code": code}}
        raise SubscriptionRefused([error]) from closed


def _check_server(socket: ClientConnection, url: str) -> None:
    """Check that no redirection led to a server that must not have the key."""
    asked, host = urlsplit(url), socket.request.headers["Host"] if socket.request else ""
    reached = urlsplit(f"{asked.scheme}://{host}")
    places = {(each.hostname, each.port or DEFAULT_PORTS[each.scheme]) for each in (asked, reached)}
    if len(places) > 1:
        message = f"redirected to {host}: expected the address of the server that shall have the key"
        raise SubscriptionRefused([{"message": message}])


def _read(text: str | bytes) -> tuple[str, Any]:
    try:
        message = json.loads(text)
        return message["type"], message.get("payload")
    except (ValueError, TypeError, KeyError) as error:
        raise UnexpectedMessage(f"{text[:80]!r} is not a message of {SUBPROTOCOL}") from error
