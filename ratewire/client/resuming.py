"""Follow Ratewire's `rates` subscription across lost connections, resuming at its cursor.

No change is missed silently: after a reconnect the first event is a SNAPSHOT with `recovered: true` (only what changed meanwhile),
or a GAP followed by a full SNAPSHOT. Copy this file into a project of your own; its only dependency is `websockets`.
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

SUBPROTOCOL = Subprotocol("graphql-transport-ws")
LONGEST_WAIT_S = 10.0
# A connection is lost when a ping is not answered in this time, or the handshake not completed.
ANSWER_WITHIN_S = 10.0
# A snapshot of 10,000 instruments takes about 5 MB.
MAX_MESSAGE_BYTES = 64 * 1024 * 1024


class SubscriptionRefused(Exception):
    """The server rejected the subscription; `errors` are its GraphQL errors."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        self.errors = errors
        super().__init__("; ".join(str(error.get("message", error)) for error in errors))


class UnexpectedMessage(Exception):
    """A message that is not one of graphql-transport-ws."""


# Errors that a new connection may cure.
CONNECTION_ERRORS = (WebSocketException, OSError, TimeoutError, UnexpectedMessage)


async def resuming(
    url: str,
    document: str,
    variables: Mapping[str, Any] | None = None,
    *,
    on_lost: Callable[[Exception], None] = lambda _error: None,
    proxy: str | Literal[True] | None = True,
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the events of `rates`, reconnecting without end.

    `document` is a subscription that takes `$after: String`, passes it to `rates` and selects `cursor`. `url` begins with
    ws:// or wss://. `on_lost` is called with the reason whenever a connection is lost or cannot be made; the next attempt
    follows after 0.1 s at first and 10 s at most. `proxy`: an address, `None` for a direct connection, `True` for that of
    the environment.

    Raises:
        SubscriptionRefused: the server rejects the document or its variables.
    """
    cursor, failures = None, 0
    while True:
        try:
            stream = subscribe(url, document, {**(variables or {}), "after": cursor}, proxy=proxy)
            async with aclosing(stream) as events:
                async for data in events:
                    event = data["rates"]
                    cursor, failures = event["cursor"], 0
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
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the `data` of each result of a subscription over one connection.

    Raises:
        SubscriptionRefused: the server answers with errors.
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
        await _initialise(socket)
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


async def _initialise(socket: ClientConnection) -> None:
    async with asyncio.timeout(ANSWER_WITHIN_S):
        await socket.send('{"type":"connection_init"}')
        while _read(await socket.recv())[0] != "connection_ack":
            pass


def _read(text: str | bytes) -> tuple[str, Any]:
    try:
        message = json.loads(text)
        return message["type"], message.get("payload")
    except (ValueError, TypeError, KeyError) as error:
        raise UnexpectedMessage(f"{text[:80]!r} is not a message of {SUBPROTOCOL}") from error
