"""Follow Ratewire's `rates` subscription through lost connections: each new one goes on from the last event's cursor.

Nothing is missed unnoticed: after a reconnect comes a SNAPSHOT with `recovered: true` (just what changed meanwhile) or a GAP and
a whole SNAPSHOT. Copy this file; it needs nothing but `gql[websockets]`.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from gql import Client, gql
from gql.transport.exceptions import (
    TransportClosed,
    TransportConnectionFailed,
    TransportProtocolError,
    TransportQueryError,
)
from gql.transport.websockets import WebsocketsTransport
from websockets.exceptions import WebSocketException

# What a connection dies of.
LOST = (TransportClosed, TransportConnectionFailed, TransportProtocolError, WebSocketException, OSError)
LONGEST_WAIT_S = 10.0
PING_S = 10.0


async def resuming(
    url: str,
    document: str,
    variables: Mapping[str, Any] | None = None,
    *,
    on_lost: Callable[[Exception], None] = lambda _error: None,
) -> AsyncGenerator[dict[str, Any], None]:
    """Events of `rates`, for ever.

    `document` is a subscription that takes `$after: String`, passes it to `rates` and selects `cursor`. `url` begins with
    ws:// or wss://. `on_lost` hears why a connection was lost or did not come about; the next attempt follows by itself,
    after 0.1 s at first and 10 s at most.

    Raises:
        gql.transport.exceptions.TransportQueryError: the server refuses the question.
    """
    cursor, failures = None, 0
    while True:
        transport = WebsocketsTransport(
            url, subprotocols=["graphql-transport-ws"], ping_interval=PING_S, pong_timeout=PING_S
        )
        question = gql(document)
        question.variable_values = {**(variables or {}), "after": cursor}
        try:
            async with (
                Client(transport=transport) as session,
                aclosing(session.subscribe(question)) as events,
            ):
                async for data in events:
                    event = data["rates"]
                    cursor, failures = event["cursor"], 0
                    yield event
            lost: Exception = TransportClosed("the server ended the subscription")
        except (*LOST, TimeoutError) as error:
            lost = error
        except TransportQueryError as refusal:
            # Asking again would not mend a question, but a gateway that is just starting has an answer soon.
            codes = {error.get("extensions", {}).get("code") for error in refusal.errors or ()}
            if codes != {"SERVICE_UNAVAILABLE"}:
                raise
            lost = refusal
        on_lost(lost)
        # Not all viewers of a restarted gateway in the same instant.
        await asyncio.sleep(random.uniform(0.5, 1) * min(LONGEST_WAIT_S, 0.2 * 2**failures))  # noqa: S311 - no secret
        failures = min(failures + 1, 10)
