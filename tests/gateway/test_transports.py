"""Requests with the same answer on every transport: hashes, byte order marks, errors."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from cache.memory import MemoryCache
from tests.gateway.fakes import TIMEOUT_S
from tests.gateway.fixture_types import BuildTicker, ReadyGateway, Served
from tests.gateway.node_client import node_client
from tests.gateway.raw_socket import LEGACY, MODERN, raw_socket
from tests.json_types import Json
from tests.lengths import combine

Ask = Callable[[Served, Json], Awaitable[Json]]
HASH = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38"
PERSISTED = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": HASH}}}
MULTIPART = "multipart/mixed;subscriptionSpec=1.0"


def over_http(method: str, accept: str) -> Ask:
    """Ask by HTTP, and return the first result whatever carries it."""

    async def ask(served: Served, request: Json) -> Json:
        async with served.client() as client:
            headers = {"accept": accept}
            if method == "POST":
                answer = await client.post("/graphql", json=request, headers=headers)
            else:
                parameters = {
                    name: value if isinstance(value, str) else json.dumps(value)
                    for name, value in request.items()
                }
                answer = await client.get("/graphql", params=parameters, headers=headers)
        return read_first_result(answer)

    return ask


def read_first_result(answer: httpx.Response) -> Json:
    """Return the only JSON object of a response that has a result."""
    for line in answer.text.splitlines():
        text = line.removeprefix("data: ")
        if text.startswith("{") and text != "{}":
            result = json.loads(text)
            return result.get("payload", result)
    raise AssertionError(answer.text)


def over_websocket(subprotocol: str) -> Ask:
    """Ask by WebSocket, and return the first result or error."""

    async def ask(served: Served, request: Json) -> Json:
        async with raw_socket(served.ws, subprotocol) as client:
            kind = "start" if subprotocol == LEGACY else "subscribe"
            await client.send({"type": kind, "id": "1", "payload": request})
            message = await client.receive()
            assert message["id"] == "1"
            payload = message["payload"]
            if message["type"] != "error":
                return payload
            return {"errors": payload if isinstance(payload, list) else [payload]}

    return ask


TRANSPORTS: dict[str, Ask] = {
    "POST": over_http("POST", "application/json"),
    "POST, new type": over_http("POST", "application/graphql-response+json"),
    "GET": over_http("GET", "application/json"),
    "GET, new type": over_http("GET", "application/graphql-response+json"),
    "SSE": over_http("POST", "text/event-stream"),
    "EventSource": over_http("GET", "text/event-stream"),
    "multipart": over_http("POST", MULTIPART),
    "graphql-transport-ws": over_websocket(MODERN),
    "graphql-ws": over_websocket(LEGACY),
}
on_every_transport = pytest.mark.parametrize("ask", TRANSPORTS.values(), ids=TRANSPORTS)


IMPOSSIBLE_IDS = {
    "a short hash": "sha256:abc",
    "a space": "with space",
    "another hash": f"md5:{'0' * 32}",
    "beyond ASCII": "\N{EURO SIGN}",
    "too long": "x" * 10_000,
}


@on_every_transport
async def test_a_hash_without_a_document_is_answered_as_libraries_expect(
    ready_gateway: ReadyGateway, ask: Ask
) -> None:
    """By the message and the code on which they send the document.

    Identifiers are switched off.
    """
    async with ready_gateway(trusted_documents="off") as served:
        for request in (PERSISTED, {**PERSISTED, "query": ""}, {**PERSISTED, "variables": {}}):
            (error,) = (await ask(served, request))["errors"]
            assert error == {
                "message": "PersistedQueryNotSupported",
                "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"},
            }
        answer = await ask(served, {**PERSISTED, "query": "{ __typename }"})
        assert answer == {"data": {"__typename": "Query"}}


async def test_persisted_queries_of_apollo_and_urql_fall_back_to_documents(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """By POST and GET; from then on they send no hashes, where identifiers are switched off."""
    await cache.write([ticker(price="7")])
    query = '{ rate(symbol: "BTC/USDT") { price } }'
    async with (
        ready_gateway(trusted_documents="off") as served,
        node_client("persisted.mjs", f"{served.http}/graphql", query) as client,
    ):
        for library in ("apollo", "urql"):
            for method in ("POST", "GET"):
                first, second = await client.line(), await client.line()
                assert first["client"] == library
                for each in (first, second):
                    assert each["result"].get("error") is None
                    assert each["result"]["data"]["rate"]["price"] == "7"
                (hashed, fallback), (later,) = first["requests"], second["requests"]
                assert hashed[:2] == [method, "hash"]
                assert fallback[1:] == later[1:] == ["query", 200]
        await client.ends()


async def test_persisted_queries_of_apollo_and_urql_register_their_document(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """The first of them sends it with its hash; from then on all send the hash alone."""
    await cache.write([ticker(price="7")])
    query = '{ rate(symbol: "BTC/USDT") { price } }'
    async with (
        ready_gateway() as served,
        node_client("persisted.mjs", f"{served.http}/graphql", query) as client,
    ):
        documents: dict[str, int] = {}
        for library in ("apollo", "urql"):
            for method in ("POST", "GET"):
                for _ in range(2):
                    line = await client.line()
                    assert line["client"] == library
                    assert line["result"].get("error") is None
                    assert line["result"]["data"]["rate"]["price"] == "7"
                    assert line["requests"][0][:2] == [method, "hash"]
                    sent = [kind for _, kind, _ in line["requests"][1:]]
                    assert sent in ([], ["query"])
                    documents[library] = documents.get(library, 0) + len(sent)
                    assert line["requests"][-1][2] == 200
        # The libraries print the document differently.
        assert set(documents.values()) <= {0, 1}
        await client.ends()


TEXT = "query Name($yes: Boolean!) { __typename @include(if: $yes) }"
TEXT_ID = f"sha256:{sha256(TEXT.encode()).hexdigest()}"
BY_ID: dict[str, Json] = {
    "documentId": {"documentId": TEXT_ID},
    "hash": {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": TEXT_ID.removeprefix("sha256:")}}},
}


@pytest.mark.parametrize(("ask", "name"), combine(TRANSPORTS, BY_ID))
async def test_a_document_is_found_by_its_identifier_once_it_was_registered(
    ready_gateway: ReadyGateway, ask: Ask, name: Json
) -> None:
    """In either form, with other variables each time."""
    async with ready_gateway() as served:
        (error,) = (await ask(served, {**name, "variables": {"yes": True}}))["errors"]
        assert error == {
            "message": "PersistedQueryNotFound",
            "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"},
        }
        (error,) = (await ask(served, {**name, "query": TEXT + " ", "variables": {"yes": True}}))["errors"]
        assert error["extensions"]["code"] == "PERSISTED_QUERY_HASH_MISMATCH"
        answer = await ask(served, {**name, "query": TEXT, "variables": {"yes": True}})
        assert answer == {"data": {"__typename": "Query"}}
        for form in BY_ID.values():
            answer = await ask(served, {**form, "variables": {"yes": True}})
            assert answer == {"data": {"__typename": "Query"}}
            answer = await ask(served, {**form, "variables": {"yes": False}, "operationName": "Name"})
            assert answer == {"data": {}}


@on_every_transport
async def test_only_the_operators_documents_are_executed_where_nothing_else_is_trusted(
    ready_gateway: ReadyGateway, ask: Ask, tmp_path: Path
) -> None:
    """A request with a document is refused unread, even with a trusted one."""
    (tmp_path / "manifest.json").write_text(json.dumps({"typename": "{ __typename }"}))
    trusted = f"sha256:{sha256(b'{ __typename }').hexdigest()}"
    async with ready_gateway(trusted_documents="only", trusted_documents_folder=tmp_path) as served:
        for document_id in ("typename", trusted):
            assert await ask(served, {"documentId": document_id}) == {"data": {"__typename": "Query"}}
        for text in ("{ __typename }", "{ __schema { description } }", "{" * 5_000):
            for request in ({"query": text}, {"query": text, "documentId": trusted}):
                (error,) = (await ask(served, request))["errors"]
                assert error["extensions"]["code"] == "TRUSTED_DOCUMENT_REQUIRED"
        (error,) = (await ask(served, {"documentId": TEXT_ID}))["errors"]
        assert error["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


@on_every_transport
async def test_a_document_that_leaves_the_manifest_is_executed_no_more(
    ready_gateway: ReadyGateway, ask: Ask, tmp_path: Path
) -> None:
    """Although its requests were known."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"typename": "{ __typename }"}))
    async with ready_gateway(trusted_documents="only", trusted_documents_folder=tmp_path) as served:
        for _ in range(3):
            assert await ask(served, {"documentId": "typename"}) == {"data": {"__typename": "Query"}}
        manifest.unlink()

        async def is_gone() -> bool:
            errors = (await ask(served, {"documentId": "typename"})).get("errors", [])
            return [each["extensions"]["code"] for each in errors] == ["PERSISTED_QUERY_NOT_FOUND"]

        async with asyncio.timeout(TIMEOUT_S):
            while not await is_gone():  # noqa: ASYNC110 - another thread of the gateway reads the folder
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(("ask", "document_id"), combine(TRANSPORTS, IMPOSSIBLE_IDS))
async def test_an_identifier_that_no_document_can_have_is_unknown(
    ready_gateway: ReadyGateway, ask: Ask, document_id: str
) -> None:
    """Alone; beside a document it is not the hash of it."""
    async with ready_gateway() as served:
        for request in (
            {"documentId": document_id},
            {"extensions": {"persistedQuery": {"sha256Hash": document_id}}},
        ):
            (error,) = (await ask(served, request))["errors"]
            assert error["message"] == "PersistedQueryNotFound"
            (error,) = (await ask(served, {**request, "query": TEXT}))["errors"]
            assert error["extensions"]["code"] == "PERSISTED_QUERY_HASH_MISMATCH"


@on_every_transport
async def test_an_extension_without_a_hash_names_nothing(ready_gateway: ReadyGateway, ask: Ask) -> None:
    """The document beside it is executed."""
    async with ready_gateway() as served:
        extensions: list[Json] = [{}, {"version": 1, "sha256Hash": 7}, {"sha256Hash": None}, []]
        for persisted in extensions:
            request: Json = {"query": "{ __typename }", "extensions": {"persistedQuery": persisted}}
            assert await ask(served, request) == {"data": {"__typename": "Query"}}


async def test_a_byte_order_mark_is_ignored(ready_gateway: ReadyGateway) -> None:
    """Before a body, a message, the variables of a GET, and a document."""
    mark = "\ufeff"
    request = json.dumps({"query": "{ __typename }"})
    expected = {"data": {"__typename": "Query"}}
    async with ready_gateway() as served, served.client() as client:
        for marks in (mark, mark * 2):
            body = (marks + request).encode()
            answer = await client.post("/graphql", content=body, headers={"content-type": "application/json"})
            assert answer.json() == expected
            parameters = {"query": f"{mark}{{ __typename }}", "variables": f"{marks}{{}}"}
            assert (await client.get("/graphql", params=parameters)).json() == expected
            for subprotocol in (MODERN, LEGACY):
                kind = "start" if subprotocol == LEGACY else "subscribe"
                async with raw_socket(served.ws, subprotocol) as socket:
                    message = json.dumps({"type": kind, "id": "1", "payload": {"query": "{ __typename }"}})
                    await socket.send(marks + message)
                    assert (await socket.receive())["payload"] == expected


@pytest.mark.parametrize("fast_path", [True, False])
async def test_an_empty_cursor_is_as_none(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker, *, fast_path: bool
) -> None:
    """A page that has none yet may send it."""
    await cache.write([ticker()])
    live = 'subscription { rates(after: "") { kind recovered } }'
    whole = {"data": {"rates": {"kind": "SNAPSHOT", "recovered": None}}}
    async with ready_gateway(fast_path=fast_path) as served:
        query = '{ instruments(first: 1, after: "") { totalCount nodes { symbol } } }'
        page = await TRANSPORTS["POST"](served, {"query": query})
        assert len(page["data"]["instruments"]["nodes"]) == 1
        for subprotocol in (MODERN, LEGACY):
            assert await over_websocket(subprotocol)(served, {"query": live}) == whole
        async with (
            served.client() as client,
            client.stream(
                "GET", "/graphql", params={"query": live}, headers={"accept": "text/event-stream"}
            ) as answer,
        ):
            lines = [line async for line in first_lines(answer, 4)]
            assert json.loads(lines[-1].removeprefix("data: ")) == whole


async def first_lines(answer: httpx.Response, count: int) -> AsyncIterator[str]:
    """Yield the first lines that are not empty."""
    async for line in answer.aiter_lines():
        if line:
            yield line
            count -= 1
            if not count:
                return


PYTHON = ("None", "True", "False", "utf-8-sig", "NoneType", "dict", "Expected Iterable")
SYMBOL = "query($s: Symbol!) { rate(symbol: $s) { price } }"
WRONG: dict[str, Json] = {
    "null for a symbol": {"query": "{ rate(symbol: null) { price } }"},
    "a null default": {"query": "query($s: Symbol! = null) { rate(symbol: $s) { price } }"},
    "a null variable": {"query": SYMBOL, "variables": {"s": None}},
    "a boolean variable": {"query": SYMBOL, "variables": {"s": True}},
    "an object as a variable": {"query": SYMBOL, "variables": {"s": {"a": None, "b": [False]}}},
    "a null in a list": {
        "query": "query($s: [Symbol!]) { rates(symbols: $s) { cursor } }",
        "variables": {"s": [None, True]},
    },
    "a boolean as a number": {
        "query": "query($n: Int) { rates(maxAgeMs: $n) { cursor } }",
        "variables": {"n": True},
    },
    "null for a condition": {"query": "{ __typename @include(if: null) }"},
    "deferred": {"query": "{ ... @defer { __typename } }"},
    "streamed": {"query": "{ rates { items @stream { price } } }"},
}


@on_every_transport
async def test_errors_are_in_words_of_graphql(ready_gateway: ReadyGateway, ask: Ask) -> None:
    """Not in those of Python, in which the gateway happens to be written."""
    async with ready_gateway() as served:
        for name, request in WRONG.items():
            errors = (await ask(served, request))["errors"]
            messages = " ".join(error["message"] for error in errors)
            assert not [word for word in PYTHON if word in messages], (name, messages)
            if "@" in request["query"] and "include" not in request["query"]:
                assert len(errors) == 1
                assert messages.startswith("Unknown directive")


@pytest.mark.parametrize("transport", ["SSE", "multipart", "graphql-transport-ws", "graphql-ws"])
async def test_a_deferred_subscription_gets_no_advice(ready_gateway: ReadyGateway, transport: str) -> None:
    """The library would name an argument of a directive that this schema does not have."""
    request = {"query": "subscription { ... @defer { rates { kind } } }"}
    async with ready_gateway() as served:
        (error,) = (await TRANSPORTS[transport](served, request))["errors"]
        assert error["message"] == "Unknown directive '@defer'."


@pytest.mark.parametrize(
    ("request_data", "words"),
    [
        ({"query": []}, "`query` is a list: expected a string"),
        ({"query": "{a}", "variables": [1]}, "`variables` is a list: expected an object or null"),
        ({"query": "{a}", "extensions": True}, "`extensions` is a boolean: expected an object or null"),
        ({"query": 1.5}, "`query` is a number: expected a string"),
    ],
)
async def test_wrong_types_are_named_as_in_json(
    ready_gateway: ReadyGateway, request_data: Json, words: str
) -> None:
    """On HTTP and as the reason of a close."""
    async with ready_gateway() as served:
        (error,) = (await TRANSPORTS["POST"](served, request_data))["errors"]
        assert error["message"] == words
        async with raw_socket(served.ws) as client:
            await client.send({"type": "subscribe", "id": "1", "payload": request_data})
            assert await client.closed() == (4400, words)


MISTYPED: dict[str, Json] = {
    "a field": {"query": "{ __schema { directive { name } } }"},
    "an argument": {"query": '{ __type(nam: "a") { name } }'},
    "a type": {"query": "query($s: Symbo) { rate(symbol: $s) { price } }"},
    "a value": {"query": "{ rates(sources: [BINANC]) { cursor } }"},
    "a value of a variable": {
        "query": "query($s: [SourceId!]) { rates(sources: $s) { cursor } }",
        "variables": {"s": ["BINANC"]},
    },
    "no selection": {"query": '{ rate(symbol: "BTC/USDT") }'},
}


@on_every_transport
async def test_suggestions_can_be_switched_off(ready_gateway: ReadyGateway, ask: Ask) -> None:
    """All of them, those that the library makes regardless too."""
    for suggestions in (True, False):
        async with ready_gateway(suggestions=suggestions) as served:
            for name, request in MISTYPED.items():
                errors = (await ask(served, request))["errors"]
                suggested = [error["message"] for error in errors if "Did you mean" in error["message"]]
                assert bool(suggested) is suggestions, (name, errors)


async def test_long_documents_get_no_suggestions(ready_gateway: ReadyGateway) -> None:
    """Nobody typed them, and each suggestion takes up to a millisecond."""
    async with ready_gateway() as served:
        for name, request in MISTYPED.items():
            padded = {**request, "query": f"{request['query']} # {'x' * 2_000}"}
            errors = (await TRANSPORTS["POST"](served, padded))["errors"]
            assert not [error for error in errors if "Did you mean" in error["message"]], name
