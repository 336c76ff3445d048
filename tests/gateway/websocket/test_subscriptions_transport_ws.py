"""The legacy subprotocol graphql-ws, rule by rule, on raw sockets."""

import pytest

from tests.gateway.fixture_types import ReadyGateway
from tests.gateway.raw_socket import LEGACY, RATES, SOURCES, raw_socket

QUERY = "{ __typename }"


async def test_queries_end_with_complete(ready_gateway: ReadyGateway) -> None:
    """After one `data`."""
    async with ready_gateway() as served, raw_socket(served.ws, LEGACY) as client:
        await client.start("1", QUERY)
        assert await client.receive() == {
            "type": "data",
            "id": "1",
            "payload": {"data": {"__typename": "Query"}},
        }
        assert await client.receive() == {"type": "complete", "id": "1"}


async def test_stop_ends_a_subscription_with_complete(ready_gateway: ReadyGateway) -> None:
    """And with nothing after it."""
    async with ready_gateway() as served, raw_socket(served.ws, LEGACY) as client:
        await client.start("1", RATES)
        assert (await client.receive())["type"] == "data"
        await client.send({"type": "stop", "id": "1"})
        assert await client.receive() == {"type": "complete", "id": "1"}
        await served.facts(lambda seen: seen["subscribers"] == 0)
        await client.send({"type": "stop", "id": "1"})
        await client.start("1", QUERY)
        assert (await client.receive())["type"] == "data"


async def test_connection_terminate_ends_the_connection(ready_gateway: ReadyGateway) -> None:
    """Normally."""
    async with ready_gateway() as served, raw_socket(served.ws, LEGACY) as client:
        await client.start("1", RATES)
        await client.send({"type": "connection_terminate"})
        assert (await client.closed())[0] == 1000


async def test_an_operation_that_cannot_be_executed_is_one_error(ready_gateway: ReadyGateway) -> None:
    """An object, not a list."""
    async with ready_gateway() as served, raw_socket(served.ws, LEGACY) as client:
        for query, code in [
            ("{", "GRAPHQL_PARSE_FAILED"),
            ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
            ('subscription { rate(symbol: "NO/SUCH") { price } }', "UNKNOWN_SYMBOL"),
        ]:
            await client.start("1", query)
            message = await client.receive()
            assert (message["type"], message["id"]) == ("error", "1")
            assert message["payload"]["extensions"]["code"] == code


async def test_a_second_operation_with_an_id_takes_the_place_of_the_first(
    ready_gateway: ReadyGateway,
) -> None:
    """As with the protocol's own server."""
    async with ready_gateway(max_subscriptions=1) as served, raw_socket(served.ws, LEGACY) as client:
        for _ in range(3):
            await client.start("1", RATES)
            assert (await client.receive())["type"] == "data"
            await served.facts(lambda seen: seen["subscribers"] == 1)
        await client.start("2", SOURCES)
        assert (await client.receive())["payload"]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "nonsense",
        '{"type":5}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}"}}',
        '{"type":"start","id":"1"}',
        '{"type":"start","id":5,"payload":{"query":"{a}"}}',
        '{"type":"start","payload":{"query":"{a}"}}',
        '{"type":"stop"}',
        "[" * 50_000,
        b"\x00",
    ],
)
async def test_what_is_no_message_is_answered_by_connection_error(
    ready_gateway: ReadyGateway, message: str | bytes
) -> None:
    """The connection stays open, as the protocol says."""
    async with ready_gateway() as served, raw_socket(served.ws, LEGACY) as client:
        await client.send(message)
        answer = await client.receive()
        assert answer["type"] == "connection_error"
        assert answer["payload"]["message"]
        await client.start("1", QUERY)
        assert (await client.receive())["type"] == "data"


async def test_an_operation_before_the_initialisation_is_answered_by_connection_error(
    ready_gateway: ReadyGateway,
) -> None:
    """And is not executed."""
    async with ready_gateway() as served, raw_socket(served.ws, LEGACY, init=False) as client:
        await client.start("1", QUERY)
        assert (await client.receive())["type"] == "connection_error"
        await client.init()
