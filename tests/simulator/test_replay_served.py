"""Small recordings as clients receive them, over WebSockets and HTTP."""

import httpx
from websockets.asyncio.client import connect

from simulator.nanotime import SECOND
from tests.simulator.conftest import PAYLOADS, START_NS, FakeClock, OpenSimulator, ask, receive, receive_text

HFT, COINGECKO = (PAYLOADS / name for name in ("hft.txt", "coingecko.jsonl"))
START_MS = START_NS // 1_000_000


async def test_a_replay_waits_for_its_first_client_and_tells_its_end(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """The first subscription starts the clock, and the status shows begin and end."""
    async with open_simulator(clock, replay=(HFT,)) as at, httpx.AsyncClient(timeout=60) as client:
        clock.advance(100)
        assert (await client.get(at.status_url)).json()["began_at_us"] is None
        assert (await client.get(at.binance_rest_url + "/api/v3/exchangeInfo")).json()["symbols"][0][
            "symbol"
        ] == "BTCUSDT"
        async with connect(
            at.binance_stream_url + "/stream?streams=btcusdt@trade/btcusdt@bookTicker"
        ) as socket:
            assert (await receive(socket))["stream"] == "btcusdt@bookTicker"
            began = (await client.get(at.status_url)).json()
            assert began["began_at_us"] == (START_MS + 100_000) * 1000
            assert (began["ended_at_ms"], began["frames"]) == (None, {"played": 1, "recorded": 3})
            clock.advance(0.1)
            assert (await receive(socket))["data"]["E"] == START_MS + 100_000
            clock.advance(1)
            assert (await receive(socket))["data"]["t"] == 8
            assert (await client.get(at.status_url)).json()["ended_at_ms"] == START_MS + 101_100
            assert socket.response is not None
            assert socket.response.headers["X-Ratewire-Simulated"] == "replay hft.txt"


async def test_requests_are_answered_from_the_recording_at_that_moment(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """Unpriced symbols are missing from lists and bare when requested alone.

    The other exchange lists nothing.
    """
    async with open_simulator(clock, replay=(HFT,)) as at, httpx.AsyncClient(timeout=60) as client:
        async with connect(at.binance_ws_api_url) as socket:

            async def result(method: str, **params: object) -> object:
                return (await ask(socket, {"id": 1, "method": method, "params": params}))["result"]

            assert await result("ticker.24hr") == []
            assert await result("ticker.price", symbol="BTCUSDT") == {"symbol": "BTCUSDT"}
            assert await result("ticker.price", symbols=["BTCUSDT"]) == []
            clock.advance(0.1)
            assert await result("ticker.price", symbol="BTCUSDT") == {
                "symbol": "BTCUSDT",
                "price": "100.50000000",
            }
            assert await result("ticker.24hr", symbols=["BTCUSDT"], type="MINI") == [
                {"symbol": "BTCUSDT", "lastPrice": "100.50000000", "closeTime": START_MS, "lastId": 7}
            ]
            refused = await ask(socket, {"id": 1, "method": "ticker.price", "params": {"symbol": "ETHUSDT"}})
            assert refused["error"]["code"] == -1121
        prices = await client.get(at.coingecko_url + "/simple/price?ids=bitcoin&vs_currencies=usd")
        assert prices.text == "{}"
        assert (await client.get(at.coingecko_url + "/coins/list")).json() == []


async def test_a_coingecko_recording_answers_over_http(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """Numbers are unchanged; Binance lists nothing and its streams publish nothing."""
    async with (
        open_simulator(clock, replay=(COINGECKO,), begin="at-once") as at,
        httpx.AsyncClient(timeout=60) as client,
    ):
        url = at.coingecko_url + "/simple/price?ids=bitcoin,dogwifcoin,ethereum&vs_currencies=usd,eur,gbp"
        found = await client.get(url + "&include_last_updated_at=true")
        now = START_NS // SECOND
        assert found.text == (
            f'{{"bitcoin":{{"usd":37000,"eur":34000.5,"last_updated_at":{now - 30}}},'
            f'"dogwifcoin":{{"usd":3.97e-06,"eur":null,"last_updated_at":{now - 25}}}}}'
        )
        assert found.headers["cache-control"] == "max-age=0, private, must-revalidate"
        clock.advance(2)
        assert '"usd":37001.0' in (await client.get(url)).text
        coins = (await client.get(at.coingecko_url + "/coins/list")).json()
        assert coins[1] == {"id": "dogwifcoin", "symbol": "wif", "name": "dogwifhat"}
        assert (await client.get(at.binance_rest_url + "/api/v3/ticker/price")).json() == []
        async with connect(at.binance_stream_url + "/ws") as socket:
            await socket.send('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}')
            assert await receive_text(socket) == '{"result":null,"id":1}'
