"""Any messages of clients in any order.

The answer is a message or a documented close code, and never a stack trace.
"""

import asyncio
import json

import pytest
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.typing import EventDict

from tests.gateway.fixture_types import ReadyGateway
from tests.gateway.raw_socket import LEGACY, MODERN, RATES, SOURCES, raw_socket
from tests.json_types import JsonObject
from tests.lengths import at_length

DOCUMENTED = {1000, 4400, 4401, 4409, 4429}
ids = st.sampled_from(["1", "2", "", "é", "x" * 300])
documents = st.one_of(
    st.sampled_from(
        ["{ __typename }", "{", "", "{ nope }", RATES, SOURCES, "query ($a: Int!) { __typename }"]
    ),
    st.text(max_size=20),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
requests = st.fixed_dictionaries(
    {"query": documents}, optional={"variables": anything, "operationName": anything, "extensions": anything}
)
types = st.sampled_from(
    [
        "connection_init",
        "ping",
        "pong",
        "subscribe",
        "complete",
        "start",
        "stop",
        "connection_terminate",
        "next",
        "ka",
    ]
)
proper = st.one_of(
    st.just({"type": "connection_init"}),
    st.just({"type": "ping"}),
    st.builds(
        lambda operation, query: {"type": "subscribe", "id": operation, "payload": {"query": query}},
        ids,
        documents,
    ),
    st.builds(
        lambda operation, query: {"type": "start", "id": operation, "payload": {"query": query}},
        ids,
        documents,
    ),
    st.builds(lambda operation: {"type": "complete", "id": operation}, ids),
    st.builds(lambda operation: {"type": "stop", "id": operation}, ids),
)
improper = st.fixed_dictionaries(
    {},
    optional={
        "type": types | anything,
        "id": ids | anything,
        "payload": requests | anything,
        "more": anything,
    },
)
messages = st.one_of(
    proper.map(json.dumps),
    proper.map(json.dumps),
    improper.map(json.dumps),
    st.text(max_size=10),
    st.binary(max_size=10),
)


async def read_to_the_end(
    url: str, subprotocol: str, sequence: list[str | bytes]
) -> tuple[int | None, list[JsonObject]]:
    """The server's close code, `None` where it left the connection open, and all messages."""
    heard: list[JsonObject] = []
    async with raw_socket(url, subprotocol, init=False) as client:
        try:
            for message in [*sequence, LAST[subprotocol]]:
                await client.send(message)
            while not heard or not is_last_answer(heard[-1]):
                heard.append(await client.receive())
        except websockets.ConnectionClosed:
            return client.connection.close_code, heard
    return None, heard


LAST = {
    MODERN: '{"type":"ping","payload":{"last":true}}',
    LEGACY: '{"type":"the last"}',
}


def is_last_answer(message: JsonObject) -> bool:
    return message["type"] in {"pong", "connection_error"} and "last" in str(message.get("payload"))


def test_any_sequence_of_messages_ends_in_answers_or_a_documented_code(
    ready_gateway: ReadyGateway, structured_logs: list[EventDict], caplog: pytest.LogCaptureFixture
) -> None:
    """Over both protocols; afterwards nothing of it is left in the server."""
    with asyncio.Runner() as runner:
        entered = ready_gateway(max_subscriptions=2)
        served = runner.run(entered.__aenter__())

        @settings(max_examples=at_length(300), deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.sampled_from([MODERN, LEGACY]), st.lists(messages, max_size=8), st.booleans())
        def check(subprotocol: str, sequence: list[str | bytes], initialised: bool) -> None:
            first = ['{"type":"connection_init"}'] if initialised else []
            code, heard = runner.run(read_to_the_end(served.ws, subprotocol, [*first, *sequence]))
            assert code in {None, *DOCUMENTED}
            for message in heard:
                assert isinstance(message["type"], str)

        try:
            check()
        finally:
            runner.run(entered.__aexit__(None, None, None))
    assert [each for each in structured_logs if each["log_level"] in {"error", "critical"}] == []
    assert [each for each in caplog.records if each.exc_info] == []
