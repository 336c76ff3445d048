"""graphql-transport-ws, rule by rule, on raw sockets."""

import asyncio
import json
from contextlib import suppress

import pytest
from structlog.typing import EventDict
from websockets import ConnectionClosed, Subprotocol
from websockets.sync.client import connect

from cache.memory import MemoryCache
from tests.gateway.fixture_types import BuildTicker, ReadyGateway
from tests.gateway.raw_socket import LEGACY, MODERN, RATES, SOURCES, TIMEOUT_S, raw_socket

QUERY = "{ __typename }"


async def test_an_operation_before_the_acknowledgement_is_closed_with_4401(
    ready_gateway: ReadyGateway,
) -> None:
    """The operation does not matter."""
    async with ready_gateway() as served, raw_socket(served.ws, init=False) as client:
        await client.start("1", QUERY)
        assert await client.closed() == (4401, "Unauthorized")


async def test_a_second_initialisation_is_closed_with_4429(ready_gateway: ReadyGateway) -> None:
    """Also long after the first."""
    async with ready_gateway() as served, raw_socket(served.ws) as client:
        await client.send({"type": "connection_init"})
        assert await client.closed() == (4429, "Too many initialisation requests")


async def test_a_silent_connection_is_closed_with_4408(ready_gateway: ReadyGateway) -> None:
    """So is one that only pings; one that is initialised in time stays."""
    async with ready_gateway(init_timeout_s=0.3) as served, raw_socket(served.ws) as early:
        async with raw_socket(served.ws, init=False) as late:
            await late.send({"type": "ping"})
            assert await late.closed() == (4408, "Connection initialisation timeout")
        async with raw_socket(served.ws, LEGACY, init=False) as legacy:
            assert (await legacy.closed())[0] == 4408
        await early.answers()


@pytest.mark.parametrize("offered", [(), ("mqtt",)])
async def test_another_subprotocol_is_closed_with_4406(
    ready_gateway: ReadyGateway, offered: tuple[str, ...]
) -> None:
    """With words on what is spoken here."""
    async with ready_gateway() as served, raw_socket(served.ws, *offered or ("x",), init=False) as client:
        code, reason = await client.closed()
        assert code == 4406
        assert reason == "Subprotocol not acceptable: expected graphql-transport-ws or graphql-ws"


async def test_of_both_subprotocols_the_newer_is_spoken(ready_gateway: ReadyGateway) -> None:
    """The order in which the client names them does not matter."""
    async with ready_gateway() as served, raw_socket(served.ws, LEGACY, MODERN) as client:
        assert client.connection.subprotocol == MODERN


async def test_an_id_in_use_is_closed_with_4409(ready_gateway: ReadyGateway) -> None:
    """Also if the second operation is a query."""
    async with ready_gateway() as served, raw_socket(served.ws) as client:
        await client.start("one", SOURCES)
        await client.start("one", QUERY)
        assert await client.closed() == (4409, "Subscriber for one already exists")


async def test_a_close_reason_is_cut_to_what_a_frame_has_room_for(ready_gateway: ReadyGateway) -> None:
    """Between two characters."""
    async with ready_gateway() as served, raw_socket(served.ws) as client:
        await client.start("é" * 200, SOURCES)
        await client.start("é" * 200, SOURCES)
        code, reason = await client.closed()
        assert code == 4409
        assert reason == f"Subscriber for {'é' * 54}"


async def test_an_id_can_be_used_again_after_its_operation(ready_gateway: ReadyGateway) -> None:
    """Completed by the server, failed, or ended by the client, a hundred times over."""
    async with ready_gateway() as served, raw_socket(served.ws) as client:
        for _ in range(100):
            await client.start("1", QUERY)
            assert await client.receive() == {
                "type": "next",
                "id": "1",
                "payload": {"data": {"__typename": "Query"}},
            }
            assert await client.receive() == {"type": "complete", "id": "1"}
            await client.start("1", "{")
            assert (await client.receive())["type"] == "error"
            await client.start("1", SOURCES)
            assert (await client.receive())["type"] == "next"
            await client.send({"type": "complete", "id": "1"})


async def test_complete_ends_a_subscription_at_once(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Not a word more about it, and nothing stays behind; another subscription hears on."""
    async with ready_gateway() as served, raw_socket(served.ws) as client:
        for operation in ("ended", "stays"):
            await client.start(operation, RATES)
            assert (await client.receive())["id"] == operation
        await client.send({"type": "complete", "id": "ended"})
        await served.facts(lambda seen: seen["subscribers"] == 1)
        for number in range(10):
            await cache.write([ticker(price=str(number + 1), sequence=number)])
            assert (await client.receive())["id"] == "stays"


async def test_complete_for_what_is_over_or_never_was_is_no_mistake(ready_gateway: ReadyGateway) -> None:
    """Both sides may end an operation at the same time."""
    async with ready_gateway() as served, raw_socket(served.ws) as client:
        await client.send({"type": "complete", "id": "never was"})
        await client.answers()


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ a: __typename } { b: __typename }", None),
        ("query ($s: Symbol!) { rate(symbol: $s) { price } }", None),
        ('subscription { rate(symbol: "NO/SUCH") { price } }', "UNKNOWN_SYMBOL"),
        ("subscription { rates(sampleIntervalMs: -1) { kind } }", "BAD_USER_INPUT"),
    ],
)
async def test_an_operation_that_cannot_be_executed_is_an_error_of_its_own(
    ready_gateway: ReadyGateway, query: str, code: str | None
) -> None:
    """Followed by nothing about it; the socket stays open for the others."""
    async with ready_gateway() as served, raw_socket(served.ws) as client:
        await client.start("1", query)
        message = await client.receive()
        assert (message["type"], message["id"]) == ("error", "1")
        assert message["payload"][0]["message"]
        if code is not None:
            assert message["payload"][0]["extensions"]["code"] == code
        await client.answers()


async def test_ping_is_answered_by_pong_with_its_payload(ready_gateway: ReadyGateway) -> None:
    """Before the acknowledgement as well; a pong that nobody asked for is heard in silence."""
    async with ready_gateway() as served, raw_socket(served.ws, init=False) as client:
        await client.send({"type": "pong"})
        await client.send({"type": "ping"})
        assert await client.receive() == {"type": "pong"}
        deepest = '{"a":' * 98 + '{"a":"[[{{"}' + "}" * 98
        await client.send('{"type":"ping","payload":' + deepest + "}")
        assert await client.receive() == {"type": "pong", "payload": json.loads(deepest)}
        payload = {"sent": 10**40, "text": "é\u2028", "deep": [[[{}]]]}
        await client.send({"type": "ping", "payload": payload})
        assert await client.receive() == {"type": "pong", "payload": payload}


@pytest.mark.parametrize(("subprotocol", "sign"), [(MODERN, {"type": "ping"}), (LEGACY, {"type": "ka"})])
async def test_the_server_gives_signs_of_life(
    ready_gateway: ReadyGateway, subprotocol: str, sign: dict[str, str]
) -> None:
    """A client that answers only WebSocket's own pings stays connected."""
    async with (
        ready_gateway(ws_ping_interval_s=0.05, stall_timeout_s=0.2) as served,
        raw_socket(served.ws, subprotocol) as client,
    ):
        assert [await client.receive() for _ in range(10)] == [sign] * 10


async def test_a_subscription_beyond_the_limit_is_an_error_of_its_own(ready_gateway: ReadyGateway) -> None:
    """And there is room again when another has ended."""
    async with ready_gateway(max_subscriptions=2) as served, raw_socket(served.ws) as client:
        for number in range(2):
            await client.start(str(number), SOURCES)
            assert (await client.receive())["type"] == "next"
        await client.start("third", SOURCES)
        refusal = await client.receive()
        assert (refusal["type"], refusal["id"]) == ("error", "third")
        assert refusal["payload"][0]["extensions"] == {
            "code": "TOO_MANY_SUBSCRIPTIONS",
            "limit": 2,
            "scope": "CONNECTION",
        }
        await client.send({"type": "complete", "id": "0"})
        await client.start("third", SOURCES)
        assert (await client.receive())["type"] == "next"


MALFORMED = [
    "",
    "[]",
    "5",
    "null",
    '"text"',
    "nonsense",
    "{",
    "{}",
    '{"type":5}',
    '{"type":null}',
    '{"type":"next","id":"1","payload":{}}',
    '{"type":"connection_ack"}',
    '{"type":"start","id":"1","payload":{"query":"{a}"}}',
    '{"type":"ping","payload":5}',
    '{"type":"pong","payload":[]}',
    '{"type":"connection_init","payload":"x"}',
    '{"type":"complete"}',
    '{"type":"complete","id":5}',
    '{"type":"complete","id":""}',
    '{"type":"subscribe","payload":{"query":"{a}"}}',
    '{"type":"subscribe","id":5,"payload":{"query":"{a}"}}',
    '{"type":"subscribe","id":"","payload":{"query":"{a}"}}',
    '{"type":"subscribe","id":"1"}',
    '{"type":"subscribe","id":"1","payload":null}',
    '{"type":"subscribe","id":"1","payload":"x"}',
    '{"type":"subscribe","id":"1","payload":{}}',
    '{"type":"subscribe","id":"1","payload":{"query":5}}',
    '{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}',
    '{"type":"subscribe","id":"1","payload":{"query":"{a}","operationName":5}}',
    '{"type":"subscribe","id":"1","payload":{"query":"{a}","extensions":"x"}}',
    '{"type":"ping","payload":{"a":NaN}}',
    '{"type":"ping","payload":{"a":"\\ud800"}}',
    '{"type":"ping","type":"pong"}',
    '{"type":"ping","payload":{"a":1e999}}',
    '{"type":"ping","payload":' + '{"a":' * 100 + "1" + "}" * 100 + "}",
    "[" * 50_000,
    '{"type":"ping","payload":' + '{"a":' * 15_000 + "1" + "}" * 15_000 + "}",
    '{"type":"ping","payload":{"a":' + "9" * 50_000 + "}}",
    b'{"type":"ping"}',
    b"\xff\xfe",
]


@pytest.mark.parametrize("acknowledged", [True, False])
async def test_what_is_no_message_of_the_protocol_is_closed_with_4400(
    ready_gateway: ReadyGateway, acknowledged: bool
) -> None:
    """With words, never by a dropped connection."""
    async with ready_gateway() as served:
        for message in MALFORMED:
            async with raw_socket(served.ws, init=acknowledged) as client:
                await client.send(message)
                code, reason = await client.closed()
                assert code == 4400, message[:50]
                assert reason, message[:50]


def close_code_after_sending(url: str, size: int) -> int | None:
    """Send a message of so many bytes while reading, and return the server's close code."""
    with connect(
        url, subprotocols=[Subprotocol(MODERN)], proxy=None, close_timeout=1, max_size=None
    ) as client:
        client.send('{"type":"connection_init"}')
        client.recv(timeout=TIMEOUT_S)
        with suppress(ConnectionClosed):
            client.send('{"type":"ping","payload":{"a":"' + "x" * size + '"}}')
        with suppress(ConnectionClosed):
            client.recv(timeout=TIMEOUT_S)
        return client.close_code


async def test_a_message_beyond_the_limit_is_closed_with_1009(ready_gateway: ReadyGateway) -> None:
    """However far beyond, and though the client has not finished sending it."""
    async with ready_gateway(max_body_bytes=10_000) as served:
        for size in (10_001, 100_000, 20_000_000):
            assert await asyncio.to_thread(close_code_after_sending, served.ws, size) == 1009
        async with raw_socket(served.ws) as client:
            fitting = json.dumps({"type": "ping", "payload": {"a": ""}})
            await client.send(fitting.replace('""', '"' + "x" * (10_000 - len(fitting)) + '"'))
            assert (await client.receive())["type"] == "pong"


async def test_a_thousand_subscriptions_share_one_socket(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Each hears of each change; none waits for another's second event before its first."""
    count = 1_000
    async with ready_gateway() as served, raw_socket(served.ws) as client:
        for number in range(count):
            await client.start(
                str(number), 'subscription { rates(symbols: ["BTC/USDT"]) { kind items { price } } }'
            )
        first = [await client.receive() for _ in range(count)]
        assert {message["id"] for message in first} == {str(number) for number in range(count)}
        await cache.write([ticker(price="7", sequence=7)])
        changes = [await client.receive() for _ in range(count)]
        assert {message["id"] for message in changes} == {str(number) for number in range(count)}
        prices = {item["price"] for each in changes for item in each["payload"]["data"]["rates"]["items"]}
        assert prices == {"7"}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x82\x00\x00\x00\x00\xff\xfe", 1007),
        (b"\x81\x02{}", 1002),
        (b"\xf1\x80\x00\x00\x00\x00", 1002),
        (b"\x83\x80\x00\x00\x00\x00", 1002),
    ],
    ids=["not UTF-8", "not masked", "reserved bits", "reserved opcode"],
)
async def test_what_is_no_websocket_frame_is_closed_with_the_code_of_rfc_6455(
    ready_gateway: ReadyGateway, caplog: pytest.LogCaptureFixture, frame: bytes, code: int
) -> None:
    """Without a stack trace in the log."""
    async with ready_gateway() as served, raw_socket(served.ws) as client:
        client.connection.transport.write(frame)
        assert (await client.closed())[0] == code
    assert [each for each in caplog.records if each.exc_info] == []


async def test_two_reasons_to_close_at_once_are_one_close(
    ready_gateway: ReadyGateway, caplog: pytest.LogCaptureFixture, structured_logs: list[EventDict]
) -> None:
    """A message that is none, and behind it in one piece a frame that is none."""
    no_message, no_frame = b"\x81\x81\x00\x00\x00\x005", b"\x83\x80\x00\x00\x00\x00"
    async with ready_gateway() as served:
        for _ in range(20):
            async with raw_socket(served.ws) as client:
                client.connection.transport.write(no_message + no_frame)
                assert (await client.closed())[0] in {4400, 1002}
    assert [each for each in caplog.records if each.exc_info] == []
    assert [each for each in structured_logs if each["log_level"] == "error"] == []
