"""CoinGecko's REST interface: parameters, errors, cache and call limit."""

import re
from decimal import Decimal
from typing import Literal

import httpx
import pytest

from simulator.coingecko.numbers import format_json_number, round_as_published
from tests.simulator.conftest import START_NS, FakeClock, OpenSimulator

PRICE = "/simple/price"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("49326", "49326"),
        ("1.0", "1"),
        ("1E+3", "1000"),
        ("0.2395260", "0.239526"),
        ("0.00069972", "0.00069972"),
        ("0.00000397", "3.97e-06"),
        ("0.00000000001", "1e-11"),
        ("-0.00001", "-1e-05"),
        ("0", "0"),
    ],
)
def test_numbers_are_written_as_coingecko_writes_them(value: str, text: str) -> None:
    """Integers when whole, exponents when small, as in the recordings."""
    assert format_json_number(Decimal(value)) == text


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("61834.21", "61834"),
        ("2683.8149", "2683.81"),
        ("1.00123", "1.001"),
        ("0.1234567891", "0.123457"),
        ("0.0000103951234", "1.03951e-05"),
    ],
)
def test_prices_are_rounded_as_coingecko_rounds_them(price: str, text: str) -> None:
    """The digits seen in recordings of each size of price."""
    assert format_json_number(round_as_published(Decimal(price))) == text


async def test_the_parameters_of_simple_price(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """Each row of the table: selection and its precedence, currencies, includes, precision."""
    async with (
        open_simulator(clock, coingecko_calls_per_minute=0) as at,
        httpx.AsyncClient(base_url=at.coingecko_url, timeout=60) as client,
    ):

        async def price(**params: str) -> httpx.Response:
            return await client.get(PRICE, params=params)

        two = await price(ids="pepe,bitcoin,no-such-coin", vs_currencies="usd,eur")
        assert list(two.json()) == ["bitcoin", "pepe"]
        assert list(two.json()["bitcoin"]) == ["usd", "eur"]
        assert re.fullmatch(r'\{"bitcoin":\{"usd":\d{5},"eur":\d{5}\},"pepe":\{"usd":[\d.]+e-05.*', two.text)
        spaced = await price(ids="bitcoin, ethereum", vs_currencies="usd, eur")
        assert list(spaced.json()) == ["bitcoin"]
        assert list(spaced.json()["bitcoin"]) == ["usd"]
        assert (await price(ids="bitcoin", vs_currencies="ethereum")).text == '{"bitcoin":{}}'
        assert list((await price(symbols="BTC,eth", vs_currencies="usd")).json()) == ["btc", "eth"]
        assert list((await price(names="Bitcoin", vs_currencies="usd")).json()) == ["bitcoin"]
        every = {"ids": "solana", "names": "Bitcoin", "symbols": "eth"}
        assert list((await price(**every, vs_currencies="usd")).json()) == ["solana"]
        assert list((await price(names="Bitcoin", symbols="eth", vs_currencies="usd")).json()) == ["bitcoin"]
        included = await price(
            ids="bitcoin",
            vs_currencies="usd",
            include_market_cap="true",
            include_24hr_vol="true",
            include_24hr_change="true",
            include_last_updated_at="true",
        )
        found = included.json()["bitcoin"]
        assert list(found) == ["usd", "usd_market_cap", "usd_24h_vol", "usd_24h_change", "last_updated_at"]
        assert 0 <= START_NS // 10**9 - found["last_updated_at"] <= 60
        assert (await price(ids="bitcoin", vs_currencies="usd", include_market_cap="yes")).json()[
            "bitcoin"
        ].keys() == {"usd"}
        whole = (await price(ids="ethereum", vs_currencies="usd", precision="0")).text
        assert re.fullmatch(r'\{"ethereum":\{"usd":2[67]\d\d\}\}', whole)
        full = (await price(ids="ethereum", vs_currencies="eur", precision="full")).text
        assert len(full) > len('{"ethereum":{"eur":2456.78}}')
        assert (await price(ids="bitcoin", vs_currencies="usd", precision="19")).status_code == 400
        many = ",".join(f"s{number}" for number in range(51))
        assert (await price(symbols=many, vs_currencies="usd", include_tokens="all")).status_code == 400
        slash = await client.get(PRICE + "/", params={"ids": "bitcoin", "vs_currencies": "usd"})
        assert slash.status_code == 200


async def test_the_other_endpoints_and_error_bodies(open_simulator: OpenSimulator) -> None:
    """Ping, currencies, the list; 422 and 404 with the bodies that were recorded."""
    async with (
        open_simulator(coingecko_calls_per_minute=0) as at,
        httpx.AsyncClient(base_url=at.coingecko_url, timeout=60) as client,
    ):
        assert (await client.get("/ping")).text == '{"gecko_says":"(V3) To the Moon!"}'
        currencies = (await client.get("/simple/supported_vs_currencies")).json()
        assert len(currencies) == 63
        coins = (await client.get("/coins/list")).json()
        assert {"id": "blockstack", "symbol": "stx", "name": "Stacks"} in coins
        assert (await client.get("/coins/list?include_platform=true")).json()[0]["platforms"] == {}
        assert (await client.get("/coins/list?status=inactive")).json() == []
        nothing = await client.get(PRICE)
        assert (nothing.status_code, nothing.text) == (422, '{"error":"Missing parameter ids"}')
        no_currency = await client.get(PRICE + "?ids=bitcoin")
        assert (no_currency.status_code, no_currency.text) == (
            422,
            '{"error":"Missing parameter vs_currencies"}',
        )
        assert "error" in (await client.get("/nowhere")).json()
        assert nothing.headers["X-Ratewire-Simulated"] == "generated seed=1"


async def test_the_cdn_caches_answers_for_a_minute(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """MISS, then HIT with its age and the same body, then EXPIRED with a newer one."""
    url = PRICE + "?ids=bitcoin&vs_currencies=usd&include_last_updated_at=true&precision=full"
    async with (
        open_simulator(clock) as at,
        httpx.AsyncClient(base_url=at.coingecko_url, timeout=60) as client,
    ):
        first = await client.get(url)
        assert first.headers["cache-control"] == "max-age=30, public, must-revalidate, s-maxage=60"
        assert (first.headers["cf-cache-status"], "age" in first.headers) == ("MISS", False)
        clock.advance(59)
        second = await client.get(url)
        assert (second.headers["cf-cache-status"], second.headers["age"]) == ("HIT", "59")
        assert second.text == first.text
        clock.advance(1)
        third = await client.get(url)
        assert third.headers["cf-cache-status"] == "EXPIRED"
        assert third.json()["bitcoin"]["usd"] != first.json()["bitcoin"]["usd"]
        assert third.json()["bitcoin"]["last_updated_at"] > first.json()["bitcoin"]["last_updated_at"]


async def test_one_call_too_many_locks_out_for_a_minute(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """429 with a decreasing retry-after whatever the client does, then a full budget again."""
    async with (
        open_simulator(clock, coingecko_calls_per_minute=3) as at,
        httpx.AsyncClient(base_url=at.coingecko_url, timeout=60) as client,
    ):

        async def call() -> httpx.Response:
            return await client.get("/ping")

        assert [(await call()).status_code for _ in range(3)] == [200, 200, 200]
        clock.advance(30)
        refused = await call()
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
        assert refused.json()["status"]["error_code"] == 429
        clock.advance(50)
        assert (await call()).headers["retry-after"] == "10"
        other_key = await client.get("/ping", headers={"x-cg-demo-api-key": "mine"})
        assert other_key.status_code == 200
        clock.advance(10)
        assert [(await call()).status_code for _ in range(4)] == [200, 200, 200, 429]


async def test_callers_without_a_key_have_fewer_calls(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """By default 4 a minute for an address, and 30 for a key."""
    async with (
        open_simulator(clock) as at,
        httpx.AsyncClient(base_url=at.coingecko_url, timeout=60) as client,
    ):
        keyless = [(await client.get("/ping")).status_code for _ in range(5)]
        key = {"x-cg-demo-api-key": "mine"}
        with_key = [(await client.get("/ping", headers=key)).status_code for _ in range(31)]
    assert keyless == [200] * 4 + [429]
    assert with_key == [200] * 30 + [429]


@pytest.mark.parametrize(
    ("host", "keys", "sent", "expected"),
    [
        ("public", (), {}, (200, None)),
        ("public", (), {"x-cg-demo-api-key": "any"}, (200, None)),
        ("public", (), {"x-cg-pro-api-key": "any"}, (400, 10010)),
        ("public", ("good",), {}, (401, 10002)),
        ("public", ("good",), {"x-cg-demo-api-key": "bad"}, (401, 10002)),
        ("public", ("good",), {"x-cg-demo-api-key": "good"}, (200, None)),
        ("pro", (), {}, (401, 10002)),
        ("pro", (), {"x-cg-demo-api-key": "any"}, (400, 10011)),
        ("pro", ("good",), {"x-cg-pro-api-key": "good"}, (200, None)),
    ],
)
async def test_keys_must_be_of_the_right_kind(
    host: Literal["public", "pro"],
    keys: tuple[str, ...],
    sent: dict[str, str],
    expected: tuple[int, int | None],
    open_simulator: OpenSimulator,
) -> None:
    """Header or parameter; the other host's kind is 400, a missing or unknown one 401."""
    async with (
        open_simulator(coingecko_host=host, coingecko_keys=keys) as at,
        httpx.AsyncClient(base_url=at.coingecko_url, timeout=60) as client,
    ):
        as_parameters = {name.replace("-", "_"): value for name, value in sent.items()}
        for answer in (
            await client.get("/ping", headers=sent),
            await client.get("/ping", params=as_parameters),
        ):
            body = answer.json()
            assert (answer.status_code, body.get("status", {}).get("error_code")) == expected
