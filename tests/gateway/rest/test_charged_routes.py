"""Requests over plain HTTP are charged as GraphQL operations are."""

import httpx
import pytest
from starlette.datastructures import QueryParams

from access.memory_lease_store import MemoryLeaseStore
from access.plan import ANONYMOUS, PlanLimits
from gateway.app import create_app
from gateway.budgets.account_registry import REJECTED_POINTS, Accounts
from gateway.gateway import Gateway
from gateway.rest.prices import price_bars, price_candles
from gateway.settings import GatewaySettings
from tests.gateway.rate_limit_header import read_field

CANDLES = "/candles?symbol=BTC/USDT&interval=M1&last=2"
# A slow test finds no points that came back meanwhile.
DAY_S = 86_400


def limit(gateway: Gateway, points: int) -> Accounts:
    """Give addresses so many points a day."""
    plans = {ANONYMOUS: PlanLimits(points=points, window_s=DAY_S).named(ANONYMOUS)}
    gateway.accounts = Accounts(MemoryLeaseStore(), plans, grace_s=60)
    return gateway.accounts


def open_client(gateway: Gateway, settings: GatewaySettings) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(gateway, settings))
    return httpx.AsyncClient(transport=transport, base_url="http://gateway")


def test_points_grow_with_the_rows_that_are_requested() -> None:
    """A row of all columns costs more than a bar; invalid requests cost something too."""
    few, many = (QueryParams(f"symbol=BTC/USDT&interval=M1&last={last}") for last in (10, 20))
    assert price_candles(many) - price_candles(few) == 10 * 28
    bars = QueryParams("symbol=BTC/USDT&resolution=1&countback=10&from=1723118400&to=1723118520")
    assert price_bars(bars) < price_candles(few)
    for price in (price_bars, price_candles):
        assert price(QueryParams("symbol=nothing")) == REJECTED_POINTS


async def test_a_spent_budget_refuses_every_route(gateway: Gateway, settings: GatewaySettings) -> None:
    """With 429, the details, and header fields that a parser of structured fields reads."""
    accounts = limit(gateway, 20_000)
    async with open_client(gateway, settings) as client:
        answered = 0
        while (answer := await client.get(CANDLES)).status_code == 200:
            answered += 1
        (account,) = accounts
        assert account.spent == answered * price_candles(QueryParams(CANDLES.partition("?")[2]))
        assert answer.status_code == 429
        assert answer.headers["cache-control"] == "no-store"
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "BUDGET_EXHAUSTED"
        assert int(answer.headers["retry-after"]) > 0
        name, left = read_field(answer.headers["ratelimit"])
        assert (name, left["r"]) == ("default", error["extensions"]["remaining"])
        while (await client.get("/udf/time")).status_code == 200:
            pass
        for path in ("/udf/config", "/udf/symbols?symbol=BTC/USDT", "/udf/search?query=b", "/udf/history"):
            assert (await client.get(path)).status_code == 429, path


@pytest.mark.parametrize("path", ["/candles?symbol=nothing", "/udf/history?symbol=nothing"])
async def test_invalid_requests_are_not_free(gateway: Gateway, settings: GatewaySettings, path: str) -> None:
    """They are read, too."""
    accounts = limit(gateway, 20_000)
    async with open_client(gateway, settings) as client:
        await client.get(path)
    (account,) = accounts
    assert account.spent == REJECTED_POINTS
