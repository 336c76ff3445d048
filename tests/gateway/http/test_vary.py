"""Shared caches between pages of several origins and the gateway."""

import httpx
import pytest

from tests.gateway.fixture_types import ReadyGateway
from tests.json_types import JsonObject

QUERY = {"query": "{ sources { source { code } } }"}
STREAM = {"query": "subscription { sources { source { code } } }"}
PAGE = "https://dash.example"
REQUESTS: dict[str, tuple[str, JsonObject]] = {
    "GET": ("GET", {"params": QUERY}),
    "HEAD": ("HEAD", {"params": QUERY}),
    "POST": ("POST", {"json": QUERY}),
    "a refused query": ("GET", {"params": {"query": "{ nothing }"}}),
    "an error of the request": ("GET", {"params": {}}),
    "another method": ("DELETE", {}),
    "OPTIONS": ("OPTIONS", {}),
    "GraphiQL": ("GET", {"headers": {"accept": "text/html"}}),
    "an empty stream": ("GET", {"params": QUERY, "headers": {"accept": "text/event-stream"}}),
    "SSE": ("GET", {"params": STREAM, "headers": {"accept": "text/event-stream"}}),
    "multipart": ("POST", {"json": STREAM, "headers": {"accept": "multipart/mixed;subscriptionSpec=1.0"}}),
}


async def vary_of(client: httpx.AsyncClient, method: str, options: JsonObject, **headers: str) -> list[str]:
    sent = {**headers, **options.get("headers", {})}
    options = {**options, "headers": sent}
    async with client.stream(method, "/graphql", **options) as answer:
        return [each.strip() for each in answer.headers["vary"].split(",")]


def without_encoding(vary: list[str]) -> list[str]:
    """Only pages are compressed by the gateway."""
    return [each for each in vary if each != "Accept-Encoding"]


@pytest.mark.parametrize(("method", "options"), REQUESTS.values(), ids=REQUESTS)
async def test_every_answer_varies_with_the_origin_even_without_one(
    ready_gateway: ReadyGateway, method: str, options: JsonObject
) -> None:
    """A cache gives pages of other origins no answer without CORS headers.

    Three times: the last comes from the request cache.
    """
    async with ready_gateway(allowed_origins=[PAGE]) as served, served.client() as client:
        for _ in range(3):
            assert without_encoding(await vary_of(client, method, options)) == ["Accept", "Origin"]
        of_page = without_encoding(await vary_of(client, method, options, origin=PAGE))
        assert sorted(of_page) == ["Accept", "Origin"]


@pytest.mark.parametrize("path", ["/", "/health/ready", "/metrics"])
async def test_pages_and_health_vary_with_the_origin_where_other_pages_may_read_them(
    ready_gateway: ReadyGateway, path: str
) -> None:
    """With an origin and without one."""
    async with ready_gateway(allowed_origins=[PAGE]) as served, served.client() as client:
        for headers in ({}, {"origin": PAGE}):
            assert "Origin" in (await client.get(path, headers=headers)).headers["vary"]
