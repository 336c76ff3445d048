"""Malformed and hostile requests get a 4xx or a GraphQL error at little cost."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from structlog.typing import EventDict

from tests.cost import costs_at_most
from tests.gateway.fixture_types import ReadyGateway, Served

LIMIT = 100_000
JSON = {"content-type": "application/json"}
GRAPHQL = "application/graphql-response+json"


def document(query: str, **more: object) -> bytes:
    return json.dumps({"query": query, **more}).encode()


def chain(length: int) -> str:
    """Fragments each of which spreads the next twice: 2 to the power of `length` fields."""
    links = "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }} " for n in range(length))
    return f"{{ ...F0 }} {links} fragment F{length} on Query {{ __typename }}"


BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "a scalar": b"5",
    "null": b"null",
    "a string": b'"query"',
    "a batch": b'[{"query":"{__typename}"}]',
    "very deep lists": b"[" * 90_000,
    "very deep objects": b'{"a":' * 15_000,
    "very deep variables": b'{"query":"{__typename}","variables":{"a":'
    + b"[" * 40_000
    + b"]" * 40_000
    + b"}}",
    "a huge integer": b'{"query":"{__typename}","variables":{"a":' + b"9" * 5_000 + b"}}",
    "NaN": b'{"query":"{__typename}","variables":{"a":NaN}}',
    "infinity": b'{"query":"{__typename}","variables":{"a":-Infinity}}',
    "a key twice": b'{"query":"{__typename}","query":"{nope}"}',
    "a variable twice": b'{"query":"{__typename}","variables":{"a":1,"a":2}}',
    "bad UTF-8": b'{"query":"\xff\xfe"}',
    "UTF-16": document("{__typename}").decode().encode("utf-16"),
    "UTF-32": document("{__typename}").decode().encode("utf-32"),
    "gzip unannounced": gzip.compress(document("{__typename}")),
    "half a surrogate pair": b'{"query":"{ \\ud800 }"}',
    "half a pair in a variable": b'{"query":"query($s: Symbol!){rate(symbol:$s){id}}","variables":{"s":"\\ud800"}}',
    "a query of another type": b'{"query":["{__typename}"]}',
    "no query": b'{"variables":{}}',
    "variables as a list": b'{"query":"{__typename}","variables":[1]}',
    "variables as a string": b'{"query":"{__typename}","variables":"{}"}',
    "extensions as a number": b'{"query":"{__typename}","extensions":1}',
    "an operation name of another type": b'{"query":"{__typename}","operationName":{}}',
    "an empty document": document(""),
    "a document of white space": document(" \n,,"),
    "a document with a zero byte": document("{ \0 }"),
    "a schema definition": document("type Query { a: Int }"),
    "two anonymous operations": document("{ __typename } { __typename }"),
    "several operations, none chosen": document("query A { __typename } query B { __typename }"),
    "one operation name twice": document("query A { __typename } query A { __typename }", operationName="A"),
    "an unknown operation": document("query A { __typename }", operationName="C" * 10_000),
    "thousands of aliases": document("{" + " ".join(f"a{n}: __typename" for n in range(3_000)) + "}"),
    "hundreds of aliases": document("{" + " ".join(f"a{n}: __typename" for n in range(600)) + "}"),
    "thousands of directives": document("{ __typename " + "@skip(if: false) " * 3_000 + "}"),
    "hundreds of directives": document("{ __typename " + "@nope " * 900 + "}"),
    "tens of thousands of tokens": document("{ " + "a " * 40_000 + "}"),
    "a thousand wrong fields": document("{ " + " ".join(f"f{n}" for n in range(1_000)) + " }"),
    "a thousand wrong arguments": document(
        "{ rates(" + " ".join(f"a{n}: 1" for n in range(600)) + ") { cursor } }"
    ),
    "very deep selections": document("{ a" * 20_000),
    "deep selections": document("{ a " * 300 + "}" * 300),
    "a very deep list": document("{ rates(symbols: " + "[" * 20_000 + ") { cursor } }"),
    "circular fragments": document("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"),
    "a fragment in itself": document("{ ...A } fragment A on Query { ...A }"),
    "multiplying fragments": document(chain(60) + "{ nope }"),
    "fields that must be compared in pairs": document(
        "{ " + " ".join("rates { items { price } }" for _ in range(180)) + " nope }"
    ),
    "a thousand variables": document(
        "query(" + " ".join(f"$v{n}: Int" for n in range(380)) + ") { __typename }"
    ),
    "wrong enum values": document("{ rates(sources: [" + "BINANC " * 1_900 + "]) { cursor } }"),
    "the same field hundreds of times": document("{ " + "rates { cursor } " * 490 + "}"),
    "the same fields in fragments": document(
        "{ " + "...F " * 300 + "} fragment F on Query { rates { items { id } } }"
    ),
    "an absurd number": document("{ rates(maxAgeMs: 1e999) { cursor } }"),
    "an absurd float": document("subscription { rates(minChangeBps: 1e999) { kind } }"),
    "an integer beyond 32 bits": document("{ instruments(first: 99999999999) { totalCount } }"),
    "a symbol of 50,000 letters": document('{ rate(symbol: "' + "A" * 50_000 + '") { price } }'),
    "a thousand symbols": document(
        "query($s: [Symbol!]) { rates(symbols: $s) { cursor } }", variables={"s": ["A/B"] * 1_000}
    ),
    "ten thousand wrong symbols": document(
        "query($s: [Symbol!]) { rates(symbols: $s) { cursor } }", variables={"s": ["?"] * 9_000}
    ),
    "an integer for an object": document(
        "query($s: Symbol!) { rate(symbol: $s) { id } }", variables={"s": 5}
    ),
    "an object for a scalar": document(
        "query($s: Symbol!) { rate(symbol: $s) { id } }", variables={"s": {"a": [{}]}}
    ),
}


@pytest.fixture
async def client(ready_gateway: ReadyGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with ready_gateway() as served, served.client(timeout=60) as client:
        yield client


async def assert_in_order(client: httpx.AsyncClient) -> None:
    """The same connection still answers."""
    answer = await client.post("/graphql", json={"query": "{__typename}"})
    assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_bad_body_is_refused_at_little_cost(
    client: httpx.AsyncClient, body: bytes, structured_logs: list[EventDict]
) -> None:
    """With words, never a 5xx; nothing is logged as our error."""
    assert len(body) <= LIMIT
    with costs_at_most(1):
        answer = await client.post("/graphql", content=body, headers={**JSON, "accept": GRAPHQL})
    assert answer.status_code == 400 or (
        (answer.status_code == 200 and answer.json()["data"] is None)
        or set(answer.json()["data"].values()) == {None}
    )
    errors = answer.json()["errors"]
    assert all(
        error["message"] and error["extensions"]["code"] != "INTERNAL_SERVER_ERROR" for error in errors
    )
    assert "Traceback" not in answer.text
    assert [each for each in structured_logs if each["log_level"] in {"error", "critical"}] == []
    await assert_in_order(client)


async def test_a_body_beyond_the_limit_is_413_declared_or_not(client: httpx.AsyncClient) -> None:
    """The client gets the response while still sending; the next request is answered."""
    whole = document("{__typename}", extensions={"padding": "x" * 20 * LIMIT})

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), 10_000):
            yield whole[start : start + 10_000]

    for content in (whole, pieces()):
        with costs_at_most(1):
            answer = await client.post("/graphql", content=content, headers=JSON)
        assert answer.status_code == 413
        assert str(LIMIT) in answer.json()["errors"][0]["message"]
        await assert_in_order(client)


async def test_a_body_of_exactly_the_limit_is_read(client: httpx.AsyncClient) -> None:
    """One byte more is not."""
    body = document("{__typename}")
    for size, status in ((LIMIT, 200), (LIMIT + 1, 413)):
        answer = await client.post("/graphql", content=body.ljust(size), headers=JSON)
        assert answer.status_code == status


async def test_a_client_that_asks_first_is_refused_before_it_sends(ready_gateway: ReadyGateway) -> None:
    """`Expect: 100-continue` is for that."""
    head = (
        "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"content-length: {10 * LIMIT}\r\nexpect: 100-continue\r\n\r\n"
    )
    async with ready_gateway() as served, asyncio.timeout(60):
        answer = await exchange(served, head.encode())
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"\r\nconnection: close\r\n" in answer


async def test_a_body_that_never_ends_is_408(ready_gateway: ReadyGateway) -> None:
    """A connection is not held for one that sends nothing."""
    head = (
        b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"
    )
    async with ready_gateway(read_timeout_s=0.2) as served, asyncio.timeout(60):
        answer = await exchange(served, head)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"errors"' in answer


@pytest.mark.parametrize("head", [b"", b"GET /graphql HTTP/1.1\r\nhost: x\r\naccep"], ids=["nothing", "half"])
async def test_a_head_that_never_ends_is_408(ready_gateway: ReadyGateway, head: bytes) -> None:
    """On a new connection, and on one that has served a request."""
    whole = b"HEAD /graphql?query={__typename} HTTP/1.1\r\nhost: x\r\n\r\n"
    async with ready_gateway(read_timeout_s=0.2) as served, asyncio.timeout(60):
        assert (await exchange(served, head)).startswith(b"HTTP/1.1 408 ")
        if head:
            answers = await exchange(served, whole + head)
            assert answers.startswith(b"HTTP/1.1 200 ")
            assert b"HTTP/1.1 408 " in answers


async def exchange(served: Served, data: bytes) -> bytes:
    """All that the server says until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.http.rpartition(":")[2]))
    try:
        writer.write(data)
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


QUERY_STRINGS = {
    "nothing": (b"", 400),
    "an empty query": (b"query=", 400),
    "a query without a value": (b"query", 400),
    "bad UTF-8": (b"query=%ff%fe", 400),
    "a document that does not parse": (b"query=%7B", 400),
    "two queries": (b"query={__typename}&query={nope}", 400),
    "variables that are no JSON": (b"query={__typename}&variables=[", 400),
    "variables that are a number": (b"query={__typename}&variables=5", 400),
    "very deep variables": (b"query={__typename}&variables=" + b"[" * 40_000, 400),
    "NaN": (b"query={__typename}&variables={%22a%22:NaN}", 400),
    "extensions that are no JSON": (b"query={__typename}&extensions=x", 400),
    "an unknown operation": (b"query={__typename}&operationName=B", 400),
    "thousands of parameters": (b"&".join(b"a%d=1" % n for n in range(5_000)), 400),
    "more than the limit": (b"query=" + b"a" * 60_000, 414),
    "unknown parameters": (b"query={__typename}&a=1&b=2", 200),
}


@pytest.mark.parametrize(("query_string", "status"), QUERY_STRINGS.values(), ids=QUERY_STRINGS)
async def test_an_absurd_query_string_is_refused(
    ready_gateway: ReadyGateway, query_string: bytes, status: int
) -> None:
    """Unknown parameters are ignored."""
    head = f"host: x\r\naccept: {GRAPHQL}\r\nconnection: close\r\n\r\n".encode()
    async with ready_gateway(max_body_bytes=50_000) as served, asyncio.timeout(60):
        with costs_at_most(1):
            answer = await exchange(served, b"GET /graphql?" + query_string + b" HTTP/1.1\r\n" + head)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert (b'"errors":[{"message":' in answer) is (status != 200)


HARDLY_HTTP = {
    "no HTTP": b"nonsense\r\n\r\n",
    "bytes in the address": b"GET /graphql?query=\xff\xfe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    "an address beyond what the server parses": b"GET /graphql?query="
    + b"a" * LIMIT
    + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    "bytes in Accept": b"GET /graphql?query={x}%zz HTTP/1.1\r\nhost: x\r\naccept: \xff\r\nconnection: close\r\n\r\n",
    "a long Accept": b"GET /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept: "
    + b"a/b;q=0.1," * 3_000
    + b"\r\n\r\n",
    "an absurd length": b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"content-length: 99999999999999999999\r\n\r\n{",
    "bytes in the type": b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: \xe9\r\ncontent-length: 2\r\n"
    b"connection: close\r\n\r\n{}",
}


@pytest.mark.parametrize("data", HARDLY_HTTP.values(), ids=HARDLY_HTTP)
async def test_bytes_that_are_hardly_http_get_a_4xx(ready_gateway: ReadyGateway, data: bytes) -> None:
    """And an end of the connection."""
    async with ready_gateway() as served, asyncio.timeout(60):
        assert (await exchange(served, data)).startswith(b"HTTP/1.1 4")


async def test_a_client_that_leaves_in_the_middle_leaves_no_trace(
    ready_gateway: ReadyGateway, structured_logs: list[EventDict]
) -> None:
    """No error is logged for it."""
    head = (
        b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"
    )
    async with ready_gateway() as served:
        _, writer = await asyncio.open_connection("127.0.0.1", int(served.http.rpartition(":")[2]))
        writer.write(head)
        await writer.drain()
        writer.transport.abort()
        async with served.client() as client:
            await assert_in_order(client)
    assert [each for each in structured_logs if each["log_level"] in {"error", "critical"}] == []
