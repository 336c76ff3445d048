"""Faults in REST calls and in requests of Binance's WebSocket API."""

from decimal import Decimal

import httpx
import pytest
from websockets.asyncio.client import connect

from simulator.server import SimulatorAddresses
from tests.simulator.conftest import FakeClock, OpenSimulator, ask, receive_text
from tests.simulator.faults.conftest import heal, inject, status

CALLS = {
    "binance": ("binance_rest_url", "/api/v3/ticker/24hr?symbol=BTCUSDT"),
    "coingecko": ("coingecko_url", "/simple/price?ids=bitcoin,ethereum&vs_currencies=usd&include_last_updated_at=true"),
    "coinbase": ("coinbase_rest_url", "/products"),
    "kraken": ("kraken_rest_url", "/0/public/AssetPairs"),
    "okx": ("okx_rest_url", "/api/v5/public/instruments?instType=SPOT"),
    "bybit": ("bybit_rest_url", "/v5/market/instruments-info?category=spot"),
}  # fmt: skip
sources = pytest.mark.parametrize("source", CALLS)


def url_of(at: SimulatorAddresses, source: str) -> str:
    name, path = CALLS[source]
    base: str = getattr(at, name)
    return base + path


@sources
async def test_calls_are_refused_late_cut_garbled_or_never_answered(
    open_simulator: OpenSimulator, source: str
) -> None:
    """One fault after the other.

    Every answer carries the label; after healing the call succeeds.
    """
    async with open_simulator() as at, httpx.AsyncClient(timeout=60) as client:
        url = url_of(at, source)
        await inject(at, source, "http-429", parameters={"retry_after_s": 3})
        refused = await client.get(url)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")
        assert refused.headers["X-Ratewire-Simulated"]
        await heal(at)
        await inject(at, source, "http-503")
        assert "html" in (await client.get(url)).headers["content-type"]
        await heal(at)
        await inject(at, source, "cut")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(url)
        await heal(at)
        await inject(at, source, "garbage", parameters={"form": "cut"})
        with pytest.raises(ValueError, match=r"Expecting|Unterminated|Extra|Invalid"):
            (await client.get(url)).json()
        await heal(at)
        await inject(at, source, "silence")
        with pytest.raises(httpx.ReadTimeout):
            await client.get(url, timeout=0.2)
        await heal(at)
        await inject(at, source, "slow", parameters={"delay_s": 0.3})
        with pytest.raises(httpx.ReadTimeout):
            await client.get(url, timeout=0.1)
        await heal(at)
        await inject(at, source, "refuse-connections")
        with pytest.raises(httpx.TransportError):
            await client.get(url)
        await heal(at)
        assert (await client.get(url)).status_code == 200
        assert (await status(at, source))["refused"] == 2


@sources
async def test_a_listing_says_what_is_halted(open_simulator: OpenSimulator, source: str) -> None:
    """In the source's own status; CoinGecko removes the coin from its list."""
    words = {
        "binance": '"status":"BREAK"', "coinbase": '"status":"delisted"', "kraken": '"status":"cancel_only"',
        "okx": '"state":"suspend"', "bybit": '"status":"Closed"', "coingecko": '"id":"bitcoin"',
    }  # fmt: skip
    async with open_simulator(coingecko_refresh_seconds=1) as at, httpx.AsyncClient(timeout=60) as client:
        base = getattr(at, CALLS[source][0])
        listing = {"binance": "/api/v3/exchangeInfo", "coingecko": "/coins/list?x={}"}.get(source)
        url = base + (listing or CALLS[source][1])
        before = (await client.get(url.format(1))).text
        assert before.count(words[source]) == (source == "coingecko")
        symbol = {"coingecko": "bitcoin", "coinbase": "BTC/USD", "kraken": "BTC/USD"}.get(source, "BTC/USDT")
        await inject(at, source, "delisted", symbols=[symbol])
        after = (await client.get(url.format(2))).text
        assert after.count(words[source]) == (source != "coingecko")


async def test_binances_answers_carry_odd_values(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """Nulls, missing fields, zeros, exponents, another clock.

    A delisted pair keeps its price with zero quotes.
    """
    async with open_simulator(clock) as at, httpx.AsyncClient(timeout=60) as client:
        url = url_of(at, "binance")

        async def day() -> dict[str, object]:
            return dict((await client.get(url)).json())

        true = await day()
        await inject(at, "binance", "nulls")
        assert (await day())["lastPrice"] is None
        await heal(at)
        await inject(at, "binance", "missing")
        assert "lastPrice" not in await day()
        await heal(at)
        await inject(at, "binance", "zero-prices")
        assert (await day())["bidPrice"] == "0.00000000"
        await heal(at)
        await inject(at, "binance", "exponents")
        price = str((await day())["lastPrice"])
        assert "e+4" in price
        assert abs(Decimal(price) - Decimal(str(true["lastPrice"]))) < 500
        await heal(at)
        await inject(at, "binance", "delisted", symbols=["BTCUSDT"])
        dead = await day()
        assert (dead["bidPrice"], dead["askQty"]) == ("0.00000000", "0.00000000")
        clock.advance(2)
        assert await day() == dead
        await heal(at)
        await inject(at, "binance", "clock", parameters={"offset_s": -3600})
        assert int(str((await day())["closeTime"])) < int(str(true["closeTime"])) - 3_500_000


async def test_coingeckos_answers_carry_odd_values(open_simulator: OpenSimulator) -> None:
    """Null, `{}`, zero, exponents, missing ids: each as recorded or documented."""
    async with open_simulator(coingecko_calls_per_minute=0) as at, httpx.AsyncClient(timeout=60) as client:

        async def text(number: int) -> str:
            # Another URL each time, since the CDN caches answers.
            return (await client.get(f"{url_of(at, 'coingecko')}&number={number}")).text

        await inject(at, "coingecko", "nulls", symbols=["BTC"])
        assert '"bitcoin":{"usd":null' in await text(1)
        await heal(at)
        await inject(at, "coingecko", "missing", symbols=["bitcoin"])
        assert '"bitcoin":{}' in await text(2)
        await heal(at)
        await inject(at, "coingecko", "zero-prices", symbols=["BTC/USD"])
        assert '"bitcoin":{"usd":0' in await text(3)
        await heal(at)
        await inject(at, "coingecko", "exponents", symbols=["bitcoin"])
        assert "e+4" in await text(4)
        await heal(at)
        await inject(at, "coingecko", "silent", symbols=["bitcoin"])
        assert "bitcoin" not in await text(5)
        assert "ethereum" in await text(6)


async def test_requests_of_the_websocket_api_are_refused_and_garbled(open_simulator: OpenSimulator) -> None:
    """429 with the retry time in the API's envelope; 500; malformed text."""
    async with open_simulator() as at, connect(at.binance_ws_api_url) as socket:
        request = {"id": 1, "method": "ticker.price", "params": {"symbol": "BTCUSDT"}}
        await inject(at, "binance", "http-429", parameters={"retry_after_s": 9})
        refused = await ask(socket, request)
        assert (refused["status"], refused["error"]["code"]) == (429, -1003)
        data = refused["error"]["data"]
        assert 8_000 < data["retryAfter"] - data["serverTime"] <= 9_000
        await heal(at)
        await inject(at, "binance", "http-500")
        assert (await ask(socket, request))["status"] == 500
        await heal(at)
        await inject(at, "binance", "garbage")
        await socket.send('{"id":2,"method":"ping"}')
        assert await receive_text(socket) == "Throttled"
        await heal(at)
        assert (await ask(socket, request))["status"] == 200


@sources
async def test_a_refusal_may_carry_two_retry_times(open_simulator: OpenSimulator, source: str) -> None:
    """Two headers of one name; coming back before the later one is a violation."""
    async with open_simulator() as at, httpx.AsyncClient(timeout=60) as client:
        retries = {"retry_after_s": 30, "second_retry_after_s": 60}
        await inject(at, source, "http-429", parameters=retries)
        answer = await client.get(url_of(at, source))
        assert answer.headers.get_list("retry-after") == ["30", "60"]


@sources
async def test_one_entry_of_a_listing_is_null(open_simulator: OpenSimulator, source: str) -> None:
    """The others are as before."""
    listing = {"binance": "/api/v3/exchangeInfo", "coingecko": "/coins/list"}.get(source, CALLS[source][1])
    async with open_simulator() as at, httpx.AsyncClient(timeout=60) as client:
        url = getattr(at, CALLS[source][0]) + listing
        before = (await client.get(url)).text
        await inject(at, source, "null-entry")
        after = (await client.get(url)).text
        assert (before.count("null"), after.count("null")) == (0, 1)
        assert len(after) > len(before)
