"""Every request in the documentation has the documented result, against `ratewire up`."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypedDict

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from gateway import client_limits, origins
from gateway.http import response
from gateway.schema import errors
from gateway.websocket import subprotocol
from rates.error_mapping import GRAPHQL_CODES, INTERNAL_ERROR
from runtime.free_port import free_port
from tests.docs.pages import ADDRESS, PAGES, ROOT, Request, read_requests, read_table
from tests.e2e.graphql_client import fresh_from_all
from tests.e2e.processes import running

ERRORS = ROOT / "docs" / "api" / "errors.md"
EVENT_WITHIN_S = 60
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]


class Extensions(TypedDict):
    """The part of an error that programs read."""

    code: str


class Error(TypedDict):
    """One error of a result."""

    extensions: Extensions


class Rates(TypedDict):
    """The part of an event of `rates` that proves a resumption."""

    recovered: bool | None


class Data(TypedDict, total=False):
    """The data of a result."""

    rates: Rates


class Result(TypedDict, total=False):
    """The result of an operation."""

    data: Data
    errors: list[Error]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Return host and port of the embedded system, once all sources have fresh rates."""
    port = free_port()
    env = {
        "RATEWIRE_GATEWAY_PORT": str(port),
        "RATEWIRE_STANDALONE_FOLDER": str(tmp_path_factory.mktemp("run")),
    }
    async with running("up", env=env):
        address = f"localhost:{port}"
        await fresh_from_all(f"http://{address}")
        yield address


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_every_request_on_the_page_does_what_the_page_says(page: Path, address: str) -> None:
    """Requests run in order; `$after` is the last cursor on the page."""
    requests = read_requests(page)
    assert requests
    cursor: str | None = None
    for request in requests:
        result = await send(request, address, cursor)
        codes = [error["extensions"]["code"] for error in result.get("errors", ())]
        assert codes == ([request.code] if request.code else []), f"{request.text}: {result}"
        if found := re.search(r'"cursor": ?"([^"]+)"', json.dumps(result)):
            if "$after" in request.text:
                assert result["data"]["rates"]["recovered"] is True
            cursor = found[1]


async def send(request: Request, address: str, cursor: str | None) -> Result:
    """Return the result, or the first event."""
    async with asyncio.timeout(EVENT_WITHIN_S):
        if request.language == "sh":
            return await run_curl(request.text.replace(ADDRESS, address))
        payload: dict[str, object] = {
            "query": request.text,
            "variables": {"after": cursor} if "$after" in request.text else {},
        }
        if request.is_subscription:
            return await subscribe(payload, address)
        async with httpx.AsyncClient(timeout=EVENT_WITHIN_S) as client:
            result: Result = (await client.post(f"http://{address}/graphql", json=payload)).json()
            return result


async def subscribe(payload: dict[str, object], address: str) -> Result:
    """Return the first event over a WebSocket, in the form of the protocol."""
    protocol = Subprotocol("graphql-transport-ws")
    async with connect(f"ws://{address}/graphql", subprotocols=[protocol]) as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "next":
                result: Result = message["payload"]
                return result
            if message["type"] == "error":
                return {"errors": message["payload"]}
    raise AssertionError("the socket was closed before the first event")


async def run_curl(command: str) -> Result:
    """Return the output of curl; for a stream the first event, then end curl."""
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", f"exec {command}", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    if "-sN" not in command:
        output, _ = await process.communicate()
        assert process.returncode == 0
        result: Result = json.loads(output)
        return result
    async for line in process.stdout:
        if line.startswith(b"data: "):
            process.terminate()
            await process.communicate()
            first: Result = json.loads(line.removeprefix(b"data: "))
            return first
    raise AssertionError("the stream ended before the first event")


async def test_the_page_on_errors_knows_every_code() -> None:
    """The page lists all codes and no others."""
    known = {
        *GRAPHQL_CODES.values(),
        INTERNAL_ERROR,
        errors.PARSE_FAILED,
        errors.VALIDATION_FAILED,
        errors.BAD_USER_INPUT,
        errors.INTROSPECTION_DISABLED,
        client_limits.TOO_MANY_SOCKETS,
        client_limits.TOO_MANY_SUBSCRIPTIONS,
        *response.CODES.values(),
        errors.PERSISTED_QUERY_NOT_SUPPORTED,
        errors.PERSISTED_QUERY_NOT_FOUND,
        errors.PERSISTED_QUERY_HASH_MISMATCH,
        errors.TRUSTED_DOCUMENT_REQUIRED,
        origins.ORIGIN_NOT_ALLOWED,
        "BAD_REQUEST",
    }
    assert set(read_table(ERRORS, "# Errors")) == known


async def test_the_page_on_errors_knows_every_close_code() -> None:
    """The page lists all close codes of ours; the others belong to WebSocket itself."""
    told = set(read_table(ERRORS, "## Close codes of the WebSocket"))
    ours = {
        str(value) for value in vars(subprotocol).values() if isinstance(value, int) and 1000 <= value < 5000
    }
    assert ours <= told
    assert {code for code in told if code >= "4000"} <= ours


async def test_the_front_page_leads_to_every_page() -> None:
    """Otherwise readers do not find them."""
    text = (ROOT / "README.md").read_text()
    for page in PAGES:
        assert page.stem == "README" or str(page.relative_to(ROOT)) in text
