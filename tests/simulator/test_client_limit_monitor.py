"""Counters of client behaviour."""

import json

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from simulator.client_limit_monitor import ClientLimitMonitor
from simulator.limits import RollingLimit, TokenBucket
from simulator.nanotime import MINUTE, SECOND
from tests.simulator.conftest import START_NS, FakeClock, OpenSimulator, SimulatorOptions, ask, receive


def test_coming_back_before_retry_after_is_a_violation() -> None:
    """At the same endpoint only; requests already in flight and later ones are no violation."""
    monitor = ClientLimitMonitor()
    monitor.record_refusal("rest", START_NS, START_NS + 10 * SECOND)
    monitor.record_call("rest", START_NS + SECOND // 10)
    monitor.record_call("ws-api", START_NS + 2 * SECOND)
    assert monitor.violations == {}
    monitor.record_call("rest", START_NS + 9 * SECOND)
    assert monitor.violations == {"retry_after": 1}
    monitor.record_call("rest", START_NS + 10 * SECOND)
    assert monitor.violations == {"retry_after": 1}


def test_the_busiest_rolling_minute_is_kept() -> None:
    """Thirty calls around a full minute count as thirty."""
    monitor = ClientLimitMonitor()
    for second in (*range(45, 60), *range(60, 75)):
        monitor.record_call("rest", START_NS + second * SECOND)
    for second in range(1000, 1020):
        monitor.record_call("rest", START_NS + second * SECOND)
    assert (monitor.calls, monitor.most_calls_in_a_minute) == (50, 30)


def test_a_rolling_limit_counts_only_what_it_allows() -> None:
    """Refused events do not count, and clients are independent."""
    limit = RollingLimit(2, MINUTE)
    assert [limit.retry_at("a", START_NS + second * SECOND) for second in (0, 30, 59)] == [
        None,
        None,
        START_NS + MINUTE,
    ]
    assert limit.retry_at("b", START_NS + 59 * SECOND) is None
    assert limit.retry_at("a", START_NS + 60 * SECOND) is None


def test_a_bucket_allows_its_burst_and_then_its_rate() -> None:
    """Twenty at once, the next an eighth of a second later."""
    bucket = TokenBucket(per_second=8, burst=20)
    assert [bucket.retry_at("a", START_NS) for _ in range(20)] == [None] * 20
    assert bucket.retry_at("a", START_NS) == START_NS + SECOND // 8
    assert bucket.retry_at("a", START_NS + SECOND // 8) is None
    assert bucket.retry_at("a", START_NS + SECOND // 8) is not None


async def test_the_status_counts_each_source_on_its_own(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """Connections, attempts, control messages, subscriptions, calls, violations."""
    async with open_simulator(clock) as at, httpx.AsyncClient(timeout=60) as client:
        async with connect(at.okx_stream_url) as okx, connect(at.binance_stream_url + "/stream") as binance:
            await okx.send(
                json.dumps({"op": "subscribe", "args": [{"channel": "tickers", "instId": "BTC-USDT"}]})
            )
            await receive(okx)
            await ask(binance, {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "x@trade"], "id": 1})
            await client.get(f"{at.coinbase_rest_url}/products")
            figures = (await client.get(at.status_url)).json()["clients"]
            assert figures["okx"] | {
                "open_connections": 1, "attempts": 1, "control_messages": 1, "subscriptions": 1, "calls": 0,
            } == figures["okx"]  # fmt: skip
            assert figures["binance"]["subscriptions"] == 2
            assert figures["coinbase"]["calls"] == figures["coinbase"]["most_calls_in_a_minute"] == 1
            assert figures["kraken"]["attempts"] == 0
            for _ in range(2):
                async with connect(at.okx_stream_url):
                    pass
            with pytest.raises(InvalidStatus):
                await connect(at.okx_stream_url)
        figures = (await client.get(at.status_url)).json()["clients"]
        assert figures["okx"]["violations"] == {"connections_per_second": 1}
        assert figures["okx"]["last_violations"][0]["at_ms"] == clock.at_ns // 1_000_000
        assert (figures["okx"]["refused"], figures["okx"]["subscriptions"]) == (1, 0)


async def test_breaking_binances_limits_is_counted(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """Weight, bans and control messages, as enforced."""
    settings: SimulatorOptions = {"binance_weight_limit": 50, "binance_refusals_before_ban": 1}
    async with open_simulator(clock, **settings) as at, httpx.AsyncClient(timeout=60) as client:
        for _ in range(5):
            await client.get(f"{at.binance_rest_url}/api/v3/exchangeInfo")
        figures = (await client.get(at.status_url)).json()["clients"]["binance"]
        assert figures["bans"] == 1
        assert figures["violations"].keys() == {"weight_per_minute", "ban"}
