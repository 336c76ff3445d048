"""Binance's REST interface."""

import json

import httpx

from tests.simulator.conftest import FakeClock, OpenSimulator, SimulatorOptions


async def test_rest_answers_what_the_socket_answers(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """Shapes, weights in the header, the label, and -1121 with HTTP 400."""
    async with (
        open_simulator(clock) as at,
        httpx.AsyncClient(base_url=at.binance_rest_url + "/api/v3", timeout=60) as client,
    ):
        assert (await client.get("/ping")).json() == {}
        assert (await client.get("/time")).json() == {"serverTime": clock.at_ns // 1_000_000}
        answer = await client.get("/ticker/price", params={"symbols": '["BTCUSDT","ETHUSDT"]'})
        assert [item["symbol"] for item in answer.json()] == ["BTCUSDT", "ETHUSDT"]
        assert answer.headers["X-MBX-USED-WEIGHT-1M"] == str(1 + 1 + 4)
        assert answer.headers["X-Ratewire-Simulated"] == "generated seed=1"
        single = (await client.get("/ticker/24hr", params={"symbol": "BTCUSDT", "type": "MINI"})).json()
        assert single["symbol"] == "BTCUSDT"
        assert set((await client.get("/ticker/bookTicker?symbol=BTCUSDT")).json()) >= {"bidPrice", "askQty"}
        info = (await client.get("/exchangeInfo")).json()
        assert len(info["symbols"]) == 66
        bad = await client.get("/ticker/price", params={"symbol": "NOPEUSDT"})
        assert (bad.status_code, bad.json()) == (400, {"code": -1121, "msg": "Invalid symbol."})
        assert (await client.get("/ticker/price", params={"symbols": "BTCUSDT"})).json()["code"] == -1100
        unknown = await client.get("/nowhere")
        assert (unknown.status_code, "X-Ratewire-Simulated" in unknown.headers) == (404, True)


async def test_rest_refusals_carry_retry_after_in_seconds(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """429 until the minute ends, then a ban for going on; both with the header."""
    settings: SimulatorOptions = {"binance_weight_limit": 2, "binance_refusals_before_ban": 1}
    async with (
        open_simulator(clock, **settings) as at,
        httpx.AsyncClient(base_url=at.binance_rest_url, timeout=60) as client,
    ):
        clock.advance(20)
        assert (await client.get("/api/v3/ticker/price?symbol=BTCUSDT")).status_code == 200
        refused = await client.get("/api/v3/ping")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "40")
        assert json.loads(refused.text)["code"] == -1003
        ban = await client.get("/api/v3/ping")
        assert (ban.status_code, ban.headers["Retry-After"]) == (418, "120")
