"""GraphQL over HTTP: what each request is answered with, status and headers included."""

from collections.abc import AsyncIterator

import httpx
import pytest

from cache.memory import MemoryCache
from gateway.http.cache_headers import matches
from tests.gateway.fakes import FakeClock
from tests.gateway.fixture_types import BuildTicker, ReadyGateway

RESPONSE = "application/graphql-response+json"
PRICE = '{ rate(symbol: "BTC/USDT") { price } }'
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
async def client(ready_gateway: ReadyGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with ready_gateway() as served, served.client(timeout=60) as client:
        yield client


async def post(client: httpx.AsyncClient, accept: str = RESPONSE, **request: object) -> httpx.Response:
    answer: httpx.Response = await client.post("/graphql", json=request, headers={"accept": accept})
    return answer


async def get(client: httpx.AsyncClient, query: str, **headers: str) -> httpx.Response:
    answer: httpx.Response = await client.get("/graphql", params={"query": query}, headers=headers)
    return answer


@pytest.mark.parametrize(
    "request_data",
    [
        {"query": "{"},
        {"query": "{ nope }"},
        {"query": "query A { __typename } query B { __typename }"},
        {"query": "{ __typename }", "operationName": "A"},
        {"query": "query($s: Symbol!) { rate(symbol: $s) { price } }", "variables": {"s": "btc"}},
        {"query": "query($s: Symbol!) { rate(symbol: $s) { price } }"},
        {"query": "mutation { __typename }"},
        {"query": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"},
    ],
)
async def test_what_is_not_executed_is_400_in_the_new_type_and_200_in_the_old(
    client: httpx.AsyncClient, request_data: dict[str, object]
) -> None:
    """With errors and their codes, and without `data`: nothing was executed."""
    for accept, status in ((RESPONSE, 400), ("application/json", 200)):
        answer = await post(client, accept, **request_data)
        assert answer.status_code == status
        assert answer.headers["content-type"] == f"{accept}; charset=utf-8"
        assert answer.json().keys() == {"errors"}
        assert all(error["extensions"]["code"] for error in answer.json()["errors"])


async def test_an_error_of_a_field_is_an_answer(client: httpx.AsyncClient) -> None:
    """Executed, so 200, with `data`."""
    answer = await post(client, query='{ rate(symbol: "NO/SUCH") { price } }')
    assert answer.status_code == 200
    assert answer.json()["data"] == {"rate": None}
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNKNOWN_SYMBOL"


async def test_a_get_carries_all_that_a_post_does(client: httpx.AsyncClient) -> None:
    """Variables and extensions as JSON; what is empty is absent."""
    parameters = {
        "query": "query A($s: Symbol!) { rate(symbol: $s) { price } } query B { __typename }",
        "variables": '{"s": "NO/SUCH"}',
        "operationName": "A",
        "extensions": "{}",
    }
    answer = await client.get("/graphql", params=parameters)
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNKNOWN_SYMBOL"
    parameters.update(variables="", operationName="B", extensions="")
    assert (await client.get("/graphql", params=parameters)).json() == {"data": {"__typename": "Query"}}


async def test_a_get_never_writes(client: httpx.AsyncClient) -> None:
    """A page of another site can make a browser send a GET. Mutations are rejected by it."""
    for accept in (RESPONSE, "application/json"):
        answer = await get(client, "mutation { anything }", accept=accept)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_methods_without_a_meaning_are_405(client: httpx.AsyncClient) -> None:
    """And OPTIONS says which have one."""
    for method in ("PATCH", "TRACE"):
        answer = await client.request(method, "/graphql")
        assert answer.status_code == 405
        assert "POST" in answer.headers["allow"]
        assert answer.json()["errors"]
    options = await client.options("/graphql")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, POST, PUT, DELETE, OPTIONS")


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    """The same status and headers; a stream is not begun."""
    parameters = {"query": "{ __typename }"}
    got, head = [await client.request(method, "/graphql", params=parameters) for method in ("GET", "HEAD")]
    assert head.content == b""
    for name in ("content-type", "content-length", "cache-control"):
        assert head.headers[name] == got.headers[name]
    events = await client.head(
        "/graphql",
        params={"query": "subscription { sources { state } }"},
        headers={"accept": "text/event-stream"},
    )
    assert (events.status_code, events.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json; charset=UTF-8"}, 200),
        ({"content-type": 'Application/JSON;charset="utf-8";x=y'}, 200),
        ({"content-type": "application/json; charset=utf-16"}, 415),
        ({"content-type": "application/json", "content-encoding": "gzip"}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({"content-type": "application/graphql"}, 415),
        ({"content-type": ""}, 415),
        ({}, 415),
    ],
)
async def test_only_json_in_utf_8_is_read(
    client: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    """Forms and plain text are what a page elsewhere can make a browser send."""
    answer = await client.post("/graphql", content=b'{"query":"{__typename}"}', headers=headers)
    assert answer.status_code == status


async def test_nothing_acceptable_is_406_in_words(client: httpx.AsyncClient) -> None:
    """As JSON: an answer that cannot be read is better than none."""
    answer = await get(client, "{ __typename }", accept="image/png")
    assert answer.status_code == 406
    assert "application/json" in answer.json()["errors"][0]["message"]
    stream = await get(client, "subscription { sources { state } }", accept="text/plain")
    assert stream.status_code == 406
    assert "text/event-stream" in stream.json()["errors"][0]["message"]


async def test_a_subscription_for_a_client_that_names_no_stream_is_400(client: httpx.AsyncClient) -> None:
    """It would wait for the end of the answer for ever."""
    answer = await get(client, "subscription { sources { state } }", accept="*/*")
    assert answer.status_code == 400
    assert "text/event-stream" in answer.json()["errors"][0]["message"]


async def test_a_browser_gets_the_page_also_by_a_link_with_a_query(client: httpx.AsyncClient) -> None:
    """It opens with the query. A client that wants data as much as the page gets data."""
    page = await client.get("/graphql", headers={"accept": BROWSER})
    assert "GraphiQL" in page.text
    assert page.headers["vary"] == "Accept-Encoding, Accept, Origin"
    assert "GraphiQL" in (await get(client, "{ __typename }", accept=BROWSER)).text
    both = await client.get("/graphql", headers={"accept": "text/html, application/json"})
    assert (both.status_code, both.json()["errors"][0]["message"]) == (
        400,
        "the request has no `query`: expected a GraphQL document, or its `documentId`",
    )


async def test_an_answer_may_be_kept_until_its_first_rate_expires(
    client: httpx.AsyncClient, cache: MemoryCache, ticker: BuildTicker, clock: FakeClock
) -> None:
    """By the source's time, in whole seconds; varying with what is accepted."""
    await cache.write([ticker(price="1")])
    await cache.write([ticker("ETH/USDT", price="2", observed_at=clock.now.replace(minute=1))])
    clock.advance(3.4)
    answer = await get(client, PRICE, accept="application/json")
    assert answer.json() == {"data": {"rate": {"price": "1"}}}
    assert answer.headers["cache-control"] == "public, max-age=6, must-revalidate"
    assert answer.headers["vary"] == "Accept, Origin"
    both = await get(client, "{ rates { items { price } } }")
    assert both.headers["cache-control"] == "public, max-age=6, must-revalidate"
    clock.advance(100)
    assert (await get(client, PRICE)).headers["cache-control"] == "public, max-age=0, must-revalidate"


async def test_who_asks_for_fresher_rates_keeps_the_answer_no_longer_than_that(
    client: httpx.AsyncClient, cache: MemoryCache, ticker: BuildTicker, clock: FakeClock
) -> None:
    """A cached response must not break its freshness policy; a laxer one does not extend FRESH."""
    await cache.write([ticker(price="1")])
    clock.advance(1)
    for max_age_ms, seconds in ((4_000, 3), (500, 0), (60_000, 9)):
        query = f'{{ rate(symbol: "BTC/USDT", maxAgeMs: {max_age_ms}) {{ price }} }}'
        kept = (await get(client, query)).headers["cache-control"]
        assert kept == f"public, max-age={seconds}, must-revalidate"
        query = f"{{ rates(maxAgeMs: {max_age_ms}) {{ items {{ price }} }} }}"
        assert (await get(client, query)).headers["cache-control"] == kept


@pytest.mark.parametrize(
    "query",
    [
        "{ __typename }",
        "{ nope }",
        "{ instruments { totalCount } }",
        "{ sources { state } }",
        '{ rate(symbol: "BTC/USDT") { price } sources { state } }',
        '{ rate(symbol: "BTC/USDT") { price } bad: rate(symbol: "NO/SUCH") { price } }',
        '{ rate(symbol: "BTC/USDT", maxAgeMs: 0, onStale: OMIT) { price } }',
        "{ rates(maxAgeMs: 0, onStale: OMIT) { unavailable { reason } } }",
    ],
)
async def test_errors_and_answers_without_rates_are_not_kept(
    client: httpx.AsyncClient, cache: MemoryCache, ticker: BuildTicker, clock: FakeClock, query: str
) -> None:
    """Their lifetime is unknown, as is that of the state of sources, even beside a rate."""
    await cache.write([ticker()])
    clock.advance(1)
    answer = await get(client, query)
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


async def test_a_post_is_never_kept(
    client: httpx.AsyncClient, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """For any content."""
    await cache.write([ticker()])
    answer = await post(client, query=PRICE)
    assert (answer.headers["cache-control"], "etag" in answer.headers) == ("no-store", False)


async def test_the_same_answer_is_not_sent_twice(
    client: httpx.AsyncClient, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """304 with the headers that prolong the copy, until a newer rate makes it another answer."""
    await cache.write([ticker(price="1", sequence=1)])
    first = await get(client, PRICE)
    tag = first.headers["etag"]
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await get(client, PRICE, **{"if-none-match": held})
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "cache-control", "vary"):
            assert again.headers[name] == first.headers[name]
    other_type = await get(client, PRICE, accept=RESPONSE, **{"if-none-match": tag})
    assert other_type.status_code == 200
    await cache.write([ticker(price="2", sequence=2)])
    moved = await get(client, PRICE, **{"if-none-match": tag})
    assert (moved.status_code, moved.json()) == (200, {"data": {"rate": {"price": "2"}}})


def test_a_tag_is_compared_whole() -> None:
    """Not by a part of it."""
    assert matches('"a", W/"b"', '"b"')
    assert not matches('"ab"', '"b"')
    assert not matches(None, '"b"')
