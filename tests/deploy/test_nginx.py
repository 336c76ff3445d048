"""Requests that nginx forwards to a gateway, and those that it refuses itself."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.deploy.nginx import TIMEOUT_S, EchoGateway, nginx_in, render

pytestmark = pytest.mark.servers


async def test_what_a_stranger_claims_to_be_is_dropped(client: httpx.AsyncClient) -> None:
    """X-Forwarded-* come from nginx, the host from the client; no other upgrade is forwarded."""
    claims = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "Host": "rates.example",
        "Upgrade": "h2c",
        "Connection": "Upgrade",
    }
    headers = (await client.get("/graphql", headers=claims)).json()["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["host"] == headers["x-forwarded-host"] == "rates.example"
    assert "upgrade" not in headers


async def test_a_trusted_proxy_is_believed(tmp_path: Path, gateways: list[EchoGateway]) -> None:
    """Behind a TLS terminator the gateway gets the client's own address and protocol."""
    port = render(tmp_path, gateways[0].address, RATEWIRE_NGINX_TRUSTED_PROXY="127.0.0.0/8")
    claims = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    async with nginx_in(tmp_path, port) as client:
        headers = (await client.get("/graphql", headers=claims)).json()["headers"]
    assert headers["x-forwarded-for"] == "203.0.113.9"
    assert headers["x-forwarded-proto"] == "https"


async def test_a_request_keeps_one_id_all_the_way(client: httpx.AsyncClient, tmp_path: Path) -> None:
    """The client's valid id, or a new one, is in the request, the response and the access log."""
    given = await client.get("/graphql?query=secret", headers={"X-Request-Id": "abc-123"})
    assert given.headers.get_list("x-request-id") == ["abc-123"]
    assert given.json()["headers"]["x-request-id"] == "abc-123"
    forged = await client.get("/graphql", headers={"X-Request-Id": 'a" b'})
    assert forged.json()["headers"]["x-request-id"] == forged.headers["x-request-id"] != 'a" b'
    await client.get("/health/live")
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line[:1] == "{"]
    assert [line["request_id"] for line in lines] == ["abc-123", forged.headers["x-request-id"]]
    assert lines[0]["path"] == "/graphql"
    assert lines[0]["status"] == 200


async def test_json_is_compressed_and_cache_headers_pass(client: httpx.AsyncClient) -> None:
    """They are compressed if the client accepts it, with the gateway's own Cache-Control."""
    answer = await client.get("/assets/app.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "max-age=60"
    assert "Accept-Encoding" in answer.headers["vary"]
    assert answer.headers["server"] == "nginx"


async def test_an_event_passes_before_the_next_one_exists(
    client: httpx.AsyncClient, gateways: list[EchoGateway]
) -> None:
    """Event streams are neither buffered nor compressed."""
    async with client.stream("GET", "/graphql/events", headers={"Accept-Encoding": "gzip"}) as answer:
        assert "content-encoding" not in answer.headers
        chunks = answer.aiter_text()
        assert await anext(chunks) == "data: 1\n\n"
        for gateway in gateways:
            gateway.second_event.set()
        assert await anext(chunks) == "data: 2\n\n"


async def test_websockets_pass_with_their_subprotocol(client: httpx.AsyncClient) -> None:
    """An upgrade is negotiated end to end and messages go both ways."""
    url = f"ws://{client.base_url.host}:{client.base_url.port}/graphql"
    async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as websocket:
        assert websocket.subprotocol == "graphql-transport-ws"
        await websocket.send("ping")
        assert await asyncio.wait_for(websocket.recv(), TIMEOUT_S) == "ping"


@pytest.mark.parametrize("path", ["/health/ready", "/health/", "/metrics", "/docs", "/openapi.json"])
async def test_what_the_system_says_about_its_inside_is_not_public(
    client: httpx.AsyncClient, path: str
) -> None:
    """The answer is 404, even if the gateway has the page."""
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/", "/assets/app.js", "/graphql", "/health/live"])
async def test_what_users_need_is_public(client: httpx.AsyncClient, path: str) -> None:
    """The page, its assets, GraphQL, and liveness for monitoring."""
    assert (await client.get(path)).json()["path"] == path


async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient) -> None:
    """256 KiB pass; one byte more gets a GraphQL error."""
    assert (await client.post("/graphql", content=b" " * 262_144)).status_code == 200
    refused = await client.post("/graphql", content=b" " * 262_145)
    assert refused.status_code == 413
    assert refused.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_the_errors_of_a_browser_are_pages(tmp_path: Path) -> None:
    """Without a gateway, a page that tries again; programs get the error as JSON."""
    port = render(tmp_path, "127.0.0.1:9")
    async with nginx_in(tmp_path, port) as client:
        for path in ("/", "/graphql", "/assets/app.js"):
            page = await client.get(path, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
            assert (page.status_code, page.headers["content-type"]) == (503, "text/html")
            assert 'http-equiv="refresh"' in page.text
            assert page.headers["x-request-id"]
            answer = await client.get(path)
            assert answer.status_code == 503
            assert answer.json()["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"


async def test_a_flood_from_one_address_is_refused(tmp_path: Path, gateways: list[EchoGateway]) -> None:
    """Beyond the burst: status 429, a GraphQL error and Retry-After."""
    port = render(
        tmp_path,
        gateways[0].address,
        RATEWIRE_NGINX_REQUESTS_PER_SECOND="1",
        RATEWIRE_NGINX_REQUEST_BURST="2",
    )
    async with nginx_in(tmp_path, port) as client:
        page = {"origin": "https://dash.example"}
        answers = [await client.get("/graphql", headers=page) for _ in range(5)]
    assert answers[-1].headers["access-control-allow-origin"] == "https://dash.example"
    assert "Retry-After" in answers[-1].headers["access-control-expose-headers"]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
