"""Pages of other origins: preflights, exposed headers, and refusals that name the setting."""

import httpx
import pytest
from structlog.typing import EventDict

from cache.memory import MemoryCache
from tests.dashboard.browser import find_chromium
from tests.gateway.fixture_types import BuildTicker, ReadyGateway
from tests.gateway.node_client import node_client
from tests.gateway.raw_socket import MODERN

PAGE = "https://dash.example"
QUERY = '{ rate(symbol: "BTC/USDT") { price } }'
LIVE = "subscription { rates { kind } }"
SETTING = "RATEWIRE_GATEWAY_ALLOWED_ORIGINS"
# What Apollo Client, urql, Relay, graphql-sse, tracing and error reporting add to requests.
HEADERS = (
    "content-type, authorization, apollographql-client-name, apollographql-client-version, x-apollo-operation-name, "
    "x-apollo-operation-id, apollo-require-preflight, if-none-match, traceparent, tracestate, baggage, sentry-trace, "
    "last-event-id, x-graphql-event-stream-token, x-requested-with, cache-control"
)


def preflight(method: str = "POST", **more: str) -> dict[str, str]:
    """Headers with which a browser asks before it sends the request."""
    asked = {"origin": PAGE, "access-control-request-method": method}
    return {**asked, **{name.replace("_", "-"): value for name, value in more.items()}}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/graphql", "/graphql/"])
async def test_a_listed_page_may_send_the_headers_of_its_libraries(
    ready_gateway: ReadyGateway, method: str, path: str
) -> None:
    """By every method of the transports, also to a private network."""
    async with ready_gateway(allowed_origins=[PAGE]) as served, served.client() as client:
        asked = preflight(
            method,
            access_control_request_headers=HEADERS,
            access_control_request_private_network="true",
        )
        answer = await client.options(path, headers=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert method in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == HEADERS
    assert answer.headers["access-control-allow-private-network"] == "true"
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_listed_page_reads_the_headers_that_documents_name(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Of answers, of refusals and of streams."""
    await cache.write([ticker()])
    async with ready_gateway(allowed_origins=[PAGE]) as served, served.client() as client:
        for query, accept in ((QUERY, "application/json"), ("{ nope }", "*/*"), (QUERY, "text/event-stream")):
            headers = {"origin": PAGE, "accept": accept}
            answer = await client.get("/graphql", params={"query": query}, headers=headers)
            exposed = answer.headers["access-control-expose-headers"].split(", ")
            assert {"ETag", "Date", "Retry-After", "RateLimit", "RateLimit-Policy"} <= set(exposed)
            assert answer.headers["access-control-allow-origin"] == PAGE


async def test_the_preflight_of_another_page_names_its_origin_and_the_setting(
    ready_gateway: ReadyGateway, structured_logs: list[EventDict]
) -> None:
    """In the body, and once in the log; with some pages listed, and with none."""
    for allowed in ([], ["https://listed.example"]):
        structured_logs.clear()
        async with ready_gateway(allowed_origins=allowed) as served, served.client() as client:
            for _ in range(2):
                answer = await client.options("/graphql", headers=preflight())
                assert answer.status_code == 403
                assert "access-control-allow-origin" not in answer.headers
                (error,) = answer.json()["errors"]
                assert PAGE in error["message"]
                assert SETTING in error["message"]
                assert error["extensions"] == {"code": "ORIGIN_NOT_ALLOWED", "setting": SETTING}
        (line,) = [each for each in structured_logs if each.get("origin")]
        assert (line["origin"], line["setting"], line["log_level"]) == (PAGE, SETTING, "warning")


async def test_the_request_of_another_page_is_logged_and_its_answer_kept_from_it(
    ready_gateway: ReadyGateway, structured_logs: list[EventDict]
) -> None:
    """Without a preflight the browser has sent it already. A page from here is not logged."""
    async with ready_gateway(allowed_origins=[]) as served, served.client() as client:
        for origin in (PAGE, served.http):
            answer = await client.get(
                "/graphql", params={"query": "{ __typename }"}, headers={"origin": origin}
            )
            assert answer.status_code == 200
            assert "access-control-allow-origin" not in answer.headers
    assert [each["origin"] for each in structured_logs if each.get("origin")] == [PAGE]


async def test_a_browser_tells_another_page_why_it_is_refused(ready_gateway: ReadyGateway) -> None:
    """The preflight passes; the request is refused unread, with a body that the page may read."""
    from_browser = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
    async with ready_gateway() as served, served.client() as client:
        asked = preflight(access_control_request_headers="content-type, authorization")
        passed = await client.options("/graphql", headers={**asked, **from_browser})
        assert passed.status_code == 204
        assert passed.headers["access-control-allow-origin"] == PAGE
        assert passed.headers["access-control-allow-headers"] == "content-type, authorization"
        for answer in (
            await client.post("/graphql", json={"query": QUERY}, headers={"origin": PAGE, **from_browser}),
            await client.get("/graphql", params={"query": QUERY}, headers={"origin": PAGE, **from_browser}),
        ):
            assert answer.status_code == 403
            assert answer.headers["access-control-allow-origin"] == PAGE
            (error,) = answer.json()["errors"]
            assert PAGE in error["message"]
            assert error["extensions"] == {"code": "ORIGIN_NOT_ALLOWED", "setting": SETTING}
        own = {"origin": served.http, "sec-fetch-site": "same-origin"}
        assert (await client.post("/graphql", json={"query": "{ __typename }"}, headers=own)).json()["data"]


async def test_a_page_that_embeds_may_read_over_http_only(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """`embed_origins` opens no WebSocket."""
    await cache.write([ticker(price="7")])
    browser = {"origin": PAGE, "sec-fetch-site": "cross-site"}
    handshake = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-protocol": MODERN,
    }
    async with ready_gateway(embed_origins=[PAGE]) as served, served.client() as client:
        answer = await client.get("/graphql", params={"query": QUERY}, headers=browser)
        assert answer.json() == {"data": {"rate": {"price": "7"}}}
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert (await client.get("/graphql", headers={**handshake, **browser})).status_code == 403


async def test_the_websocket_of_another_page_is_refused_in_words(
    ready_gateway: ReadyGateway, structured_logs: list[EventDict]
) -> None:
    """403 with a body, which a browser shows nobody, and a line in the log."""
    handshake = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-protocol": MODERN,
    }
    async with ready_gateway() as served, served.client() as client:
        answer = await client.get("/graphql", headers={**handshake, "origin": PAGE})
        elsewhere = await client.get("/nowhere", headers=handshake)
    assert answer.status_code == 403
    (error,) = answer.json()["errors"]
    assert PAGE in error["message"]
    assert SETTING in error["message"]
    assert "retry-after" not in answer.headers
    (line,) = [each for each in structured_logs if each.get("origin")]
    assert (line["origin"], line["transport"]) == (PAGE, "websocket")
    assert elsewhere.status_code == 404
    assert "/graphql" in elsewhere.json()["errors"][0]["message"]


@pytest.mark.parametrize("allowed", [["loopback"], []], ids=["loopback", "none"])
async def test_a_page_of_another_port_in_a_browser(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker, allowed: list[str]
) -> None:
    """By fetch with the headers of libraries, EventSource and WebSocket: all of them, or none."""
    await cache.write([ticker(price="7")])
    async with (
        ready_gateway(allowed_origins=allowed) as served,
        node_client("other_origin.mjs", served.http, find_chromium(), QUERY, LIVE) as page,
    ):
        await page.line()
        results = {}
        for _ in range(3):
            line = await page.line()
            results[line["name"]] = line["result"]
        await page.ends()
    if not allowed:
        reason = results.pop("fetch")["posted"]["errors"][0]["message"]
        assert SETTING in reason
        assert all("error" in result for result in results.values())
        return
    fetched = results["fetch"]
    assert fetched["posted"] == {"data": {"rate": {"price": "7"}}}
    assert fetched["etag"] is not None
    assert fetched["date"] is not None
    assert fetched["again"] == 304
    assert results["EventSource"]["data"]["data"]["rates"]["kind"] == "SNAPSHOT"
    assert results["WebSocket"] == {"opened": True}


async def test_a_slash_behind_the_address_changes_nothing(ready_gateway: ReadyGateway) -> None:
    """By POST, GET and as a stream; with an origin and without one."""
    async with ready_gateway(allowed_origins=[PAGE]) as served, served.client() as client:
        for headers in ({}, {"origin": PAGE}):
            answers: list[httpx.Response] = []
            for path in ("/graphql", "/graphql/"):
                answers += [
                    await client.post(path, json={"query": "{ __typename }"}, headers=headers),
                    await client.get(path, params={"query": "{ __typename }"}, headers=headers),
                    await client.post(
                        path,
                        json={"query": "{ __typename }"},
                        headers={**headers, "accept": "text/event-stream"},
                    ),
                ]
            plain, with_slash = answers[:3], answers[3:]
            for one, other in zip(plain, with_slash, strict=True):
                assert (one.status_code, one.content) == (other.status_code, other.content)
                assert one.status_code == 200
        for path in ("/health/live/", "/graphql/more"):
            assert (await client.post(path)).status_code == 404
