"""Candles as CSV: columns, pages, caching and errors."""

import httpx
import pytest

from tests.gateway.fakes import FakeClock

CANDLES = "/candles"
MINUTES = {"symbol": "BTC/USDT", "interval": "M1"}
SETTLED = {**MINUTES, "from": "2024-08-08T12:01:00Z", "to": "2024-08-08T12:03:00Z"}


async def test_each_candle_is_a_line(client: httpx.AsyncClient) -> None:
    """Columns have the names and the values of GraphQL; what is unknown is empty."""
    response = await client.get(CANDLES, params=MINUTES, headers={"accept": "text/csv"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    header, first, second, third, forming, end = response.text.split("\r\n")
    assert header == (
        "openTime,closeTime,open,high,low,close,volume,quoteVolume,tradeCount,vwap,origin,state,coverage,revision,asOf,simulated"
    )
    assert first.startswith(
        "2024-08-08T12:00:00.000Z,2024-08-08T12:01:00.000Z,,,,,,,,,TRADES,CLOSED,PARTIAL,0,"
    )
    assert second.startswith(
        "2024-08-08T12:01:00.000Z,2024-08-08T12:02:00.000Z,100,101.50,100,101.50,1.10,110.1500,2,100.136363636363636,"
        "TRADES,CLOSED,COMPLETE,0,"
    )
    assert ",,,,,0,0,0,,TRADES,CLOSED,NO_TRADES,0," not in first
    assert ",,,,0,0,0,,TRADES,CLOSED,NO_TRADES,0," in third
    assert ",FORMING," in forming
    assert end == ""


async def test_a_link_leads_to_the_page_before(client: httpx.AsyncClient) -> None:
    """All pages together are all candles."""
    pages: list[str] = []
    response = await client.get(CANDLES, params={**MINUTES, "last": "2"})
    while True:
        pages = [*response.text.split("\r\n")[1:-1], *pages]
        if "next" not in response.links:
            break
        response = await client.get(response.links["next"]["url"])
    whole = await client.get(CANDLES, params=MINUTES)
    assert pages == whole.text.split("\r\n")[1:-1]
    assert len(pages) == 4


async def test_settled_candles_are_cached_by_their_tag(client: httpx.AsyncClient, clock: FakeClock) -> None:
    """A candle that may change is not."""
    response = await client.get(CANDLES, params=MINUTES)
    assert response.headers["cache-control"] == "public, max-age=0, must-revalidate"
    clock.advance(1_000)
    response = await client.get(CANDLES, params=SETTLED)
    assert response.headers["cache-control"] == "public, max-age=3600, must-revalidate"
    again = await client.get(CANDLES, params=SETTLED, headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = await client.head(CANDLES, params=SETTLED)
    assert (head.status_code, head.headers["etag"]) == (200, response.headers["etag"])


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"symbol": "BTC/USDX"}, 404, "UNKNOWN_SYMBOL"),
        ({"symbol": "btc"}, 400, "INVALID_SYMBOL"),
        ({"interval": "M2"}, 400, "BAD_USER_INPUT"),
        ({"last": "many"}, 400, "BAD_USER_INPUT"),
        ({"last": "5000"}, 400, "BAD_USER_INPUT"),
        ({"from": "yesterday"}, 400, "BAD_USER_INPUT"),
        ({"before": "x"}, 400, "BAD_USER_INPUT"),
        ({"timezone": "UTC"}, 400, "BAD_USER_INPUT"),
        ({"timeZone": "x" * 500}, 400, "BAD_USER_INPUT"),
        ({"source": "MTGOX"}, 400, "BAD_USER_INPUT"),
    ],
)
async def test_errors_have_the_codes_of_graphql(
    client: httpx.AsyncClient, changes: dict[str, str], status: int, code: str
) -> None:
    """Their status tells whether the client has to change something."""
    response = await client.get(CANDLES, params={**MINUTES, **changes})
    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"] == code
    assert response.headers["cache-control"] == "no-store"


async def test_a_missing_or_repeated_parameter_is_refused(client: httpx.AsyncClient) -> None:
    """Nobody guesses which one was meant."""
    for query in ("interval=M1", "symbol=BTC/USDT", "symbol=BTC/USDT&interval=M1&interval=M5"):
        assert (await client.get(f"{CANDLES}?{query}")).status_code == 400


async def test_a_client_that_does_not_accept_csv_is_told(client: httpx.AsyncClient) -> None:
    """There is no other form of it."""
    response = await client.get(CANDLES, params=MINUTES, headers={"accept": "application/json"})
    assert response.status_code == 406
    assert "text/csv" in response.text
