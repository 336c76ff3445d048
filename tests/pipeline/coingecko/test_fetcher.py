"""The CoinGecko client against a real HTTP server on a free port."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from cache.memory import MemoryCache
from pipeline.coordination.memory_request_budget import MemoryRequestBudget
from pipeline.net.http_client import client_factory
from pipeline.net.simulation import SIMULATED_HEADER
from pipeline.ports import RateFetcher
from pipeline.roles import require_fetcher
from pipeline.sources.coingecko.client import CoinGeckoClient
from pipeline.sources.coingecko.factory import coingecko
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from pipeline.task import RequestedInstrument
from rates.clock import parse_ms
from rates.errors import (
    CacheUnavailable,
    InvalidSetting,
    SimulationMismatch,
    SourceBlocked,
    SourceError,
    SourceRateLimited,
    SourceUnavailable,
)
from rates.health import CallBudgetState
from rates.source import ObservedAtOrigin, Source
from rates.symbol import parse_symbol
from tests.pipeline import http_server
from tests.pipeline.fakes import START, FakeClock, source_context
from tests.pipeline.http_server import Server

pytestmark = pytest.mark.servers

WANTED = [
    RequestedInstrument(parse_symbol("BTC/USD"), "bitcoin"),
    RequestedInstrument(parse_symbol("ETH/USD"), "ethereum"),
]
PRICES = {"bitcoin": {"usd": 1.5, "last_updated_at": 1779092258}, "ethereum": {"usd": 2}}


@asynccontextmanager
async def open_server() -> AsyncIterator[Server]:
    async with http_server.open_server(json.dumps(PRICES), path="/api/v3") as server:
        yield server


class Client:
    def __init__(self, settings: CoinGeckoSettings, *, simulated: bool = False) -> None:
        self.clock = FakeClock()
        self.adapter = coingecko(settings)
        assert self.adapter.limits is not None
        self.budget = MemoryRequestBudget(Source.COINGECKO, self.adapter.limits, clock=self.clock)
        self.context = source_context(
            Source.COINGECKO, simulated=simulated, clock=self.clock, budget=self.budget
        )
        self.health = self.context.health

    @asynccontextmanager
    async def open(self) -> AsyncIterator[RateFetcher]:
        async with asyncio.timeout(20), require_fetcher(self.adapter)(self.context) as fetcher:
            yield fetcher


async def test_one_call_requests_everything() -> None:
    """All ids, their currencies, times, changes and full precision."""
    async with open_server() as server:
        client = Client(CoinGeckoSettings(jitter_s=0, url=server.url))
        async with client.open() as fetcher:
            found = await fetcher.fetch(WANTED)
    assert [(str(one.symbol), str(one.price)) for one in found] == [("BTC/USD", "1.5"), ("ETH/USD", "2")]
    (target, _), *others = server.asked
    assert not others
    assert urlsplit(target).path == "/api/v3/simple/price"
    assert parse_qs(urlsplit(target).query) == {
        "ids": ["bitcoin,ethereum"],
        "vs_currencies": ["usd"],
        "include_24hr_change": ["true"],
        "include_last_updated_at": ["true"],
        "precision": ["full"],
    }
    assert client.health.budget is not None
    assert client.health.budget.remaining == 3


@pytest.mark.parametrize(
    ("settings", "calls"),
    [
        (CoinGeckoSettings(), 4),
        (CoinGeckoSettings(plan="demo"), 30),
        (CoinGeckoSettings(plan="pro"), 30),
        (CoinGeckoSettings(calls_per_minute=7), 7),
    ],
)
def test_the_calls_per_minute_are_those_of_the_plan(settings: CoinGeckoSettings, calls: int) -> None:
    """Unless the setting says otherwise."""
    limits = coingecko(settings).limits
    assert limits is not None
    assert limits.calls == calls


@pytest.mark.parametrize(("plan", "header"), [("demo", "x-cg-demo-api-key"), ("pro", "x-cg-pro-api-key")])
async def test_the_key_goes_into_the_header_of_its_plan(plan: str, header: str) -> None:
    """And never into the URL, which ends up in logs."""
    async with open_server() as server:
        settings = CoinGeckoSettings(jitter_s=0, url=server.url, plan=plan, api_key=SecretStr("s3cret"))  # type: ignore[arg-type]
        async with Client(settings).open() as fetcher:
            await fetcher.fetch(WANTED)
    target, headers = server.asked[0]
    assert headers[header] == "s3cret"
    assert "s3cret" not in target
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    "settings",
    [
        CoinGeckoSettings(
            jitter_s=0, plan="pro", api_key=SecretStr("x"), url="https://api.coingecko.com/api/v3"
        ),
        CoinGeckoSettings(jitter_s=0, url="https://pro-api.coingecko.com/api/v3"),
    ],
)
async def test_a_key_is_never_sent_to_the_host_of_another_plan(settings: CoinGeckoSettings) -> None:
    """Our error names the setting and the right host; CoinGecko's has a bare code."""
    with pytest.raises(InvalidSetting, match=r"RATEWIRE_COINGECKO_URL=.*the (pro|keyless) plan has the host"):
        async with Client(settings).open():
            pass


@pytest.mark.parametrize(
    "settings",
    [CoinGeckoSettings(jitter_s=0, plan="demo"), CoinGeckoSettings(jitter_s=0, api_key=SecretStr("x"))],
    ids=["no key", "no plan"],
)
async def test_plan_and_key_must_fit(settings: CoinGeckoSettings) -> None:
    """The mistake is found at start."""
    with pytest.raises(InvalidSetting):
        async with Client(settings).open():
            pass


async def test_a_call_that_cannot_be_newer_is_skipped() -> None:
    """The last response stands until the edge's copy expires. Another request has another copy."""
    async with open_server() as server:
        server.headers["cache-control"] = "public, s-maxage=60"
        server.headers["age"] = "20"
        client = Client(CoinGeckoSettings(jitter_s=0, url=server.url))
        async with client.open() as fetcher:
            first = await fetcher.fetch(WANTED)
            client.clock.advance(seconds=39)
            assert await fetcher.fetch(WANTED) == first
            assert len(server.asked) == 1
            assert len(await fetcher.fetch(WANTED[:1])) == 1
            client.clock.advance(seconds=60)
            assert len(await fetcher.fetch(WANTED)) == 2
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [
        (200, {"cache-control": "public, s-maxage=60"}, 60),
        (429, {"retry-after": "30"}, 30),
        (503, {}, 60),
    ],
)
async def test_a_wait_is_not_longer_after_the_clock_stepped_back(
    status: int, headers: dict[str, str], wait_s: int
) -> None:
    """As after a correction by the clock of Redis, which was wrong for a while."""
    async with open_server() as server:
        server.status = status
        server.headers.update(headers)
        client = Client(CoinGeckoSettings(jitter_s=0, url=server.url, update_interval_s=0))
        async with client.open() as fetcher:
            with suppress(SourceError):
                await fetcher.fetch(WANTED)
            assert len(server.asked) == 1
            client.clock.advance(minutes=-5)
            waited_s = 0
            while len(server.asked) == 1:
                with suppress(SourceError):
                    await fetcher.fetch(WANTED)
                client.clock.advance(seconds=1)
                waited_s += 1
            # The fetcher and the budget both wait, each from when it finds that the clock has stepped back.
            assert wait_s < waited_s <= 2 * wait_s + 2


@pytest.mark.parametrize(
    ("age", "seconds"), [("20", 20), (" 20 ", 20), ("-5", 0), ("1.5", 0), ("", 0), ("9" * 5000, 0)]
)
async def test_a_price_without_a_time_is_as_old_as_the_copy(age: str, seconds: int) -> None:
    """`Age` counts only for prices that have our time. An unusable one is ignored."""
    async with open_server() as server:
        server.headers["age"] = age
        client = Client(CoinGeckoSettings(jitter_s=0, url=server.url))
        async with client.open() as fetcher:
            bitcoin, ethereum = await fetcher.fetch(WANTED)
    assert ethereum.observed_at == START - timedelta(seconds=seconds)
    assert (ethereum.observed_at_origin, ethereum.received_at) == (ObservedAtOrigin.RECEIVED, START)
    assert bitcoin.observed_at == parse_ms(1779092258 * 1000)
    assert bitcoin.observed_at_origin is ObservedAtOrigin.SOURCE


async def test_a_rate_limit_starts_a_cooldown_of_all_replicas() -> None:
    """Retry-After goes into the shared budget."""
    async with open_server() as server:
        server.status = 429
        server.headers["retry-after"] = "30"
        client = Client(CoinGeckoSettings(jitter_s=0, url=server.url))
        async with client.open() as one, client.open() as other:
            with pytest.raises(SourceRateLimited):
                await one.fetch(WANTED)
            server.status = 200
            client.clock.advance(seconds=29)
            with pytest.raises(SourceRateLimited):
                await other.fetch(WANTED)
            assert len(server.asked) == 1
            client.clock.advance(seconds=1)
            assert len(await other.fetch(WANTED)) == 2


@pytest.mark.parametrize(
    ("status", "content_type", "body", "expected"),
    [
        (403, "text/html", "<html>Attention Required! | Cloudflare</html>", SourceBlocked),
        (503, "text/html", "<html>unavailable</html>", SourceUnavailable),
    ],
)
async def test_blocks_and_server_errors_are_followed_by_longer_and_longer_waits(
    status: int, content_type: str, body: str, expected: type[SourceError]
) -> None:
    """1, 2, 5 and 5 minutes without a call, and again 1 after a success."""
    async with open_server() as server:
        good = server.status, server.headers["content-type"], server.body
        client = Client(CoinGeckoSettings(jitter_s=0, url=server.url, update_interval_s=0))
        async with client.open() as fetcher:

            async def seconds_until_next_call() -> int:
                before, waited = len(server.asked), 0
                while len(server.asked) == before:
                    client.clock.advance(seconds=10)
                    waited += 10
                    with pytest.raises(expected, match=f"HTTP {status}"):
                        await fetcher.fetch(WANTED)
                return waited

            server.status, server.headers["content-type"], server.body = status, content_type, body
            assert await seconds_until_next_call() == 10
            assert [await seconds_until_next_call() for _ in range(4)] == [60, 120, 300, 300]
            assert len(server.asked) == 5
            server.status, server.headers["content-type"], server.body = good
            client.clock.advance(minutes=5)
            assert len(await fetcher.fetch(WANTED)) == 2
            server.status, server.headers["content-type"], server.body = status, content_type, body
            assert await seconds_until_next_call() == 10
            assert await seconds_until_next_call() == 60


async def test_a_wait_is_at_least_as_long_as_the_source_asks_for() -> None:
    """Retry-After counts for server errors, too."""
    async with open_server() as server:
        server.status = 503
        server.headers["retry-after"] = "90"
        client = Client(CoinGeckoSettings(jitter_s=0, url=server.url))
        async with client.open() as fetcher:
            for seconds in (0, 89):
                client.clock.advance(seconds=seconds)
                with pytest.raises(SourceUnavailable):
                    await fetcher.fetch(WANTED)
            assert len(server.asked) == 1
            server.status = 200
            client.clock.advance(seconds=1)
            assert len(await fetcher.fetch(WANTED)) == 2


async def test_no_call_is_made_beyond_the_budget() -> None:
    """Two a minute are two a minute."""
    async with open_server() as server:
        client = Client(
            CoinGeckoSettings(jitter_s=0, url=server.url, calls_per_minute=2, update_interval_s=0)
        )
        async with client.open() as fetcher:
            await fetcher.fetch(WANTED)
            await fetcher.fetch(WANTED)
            # The values stay known, and nothing is wrong: the source refused nothing.
            assert len(await fetcher.fetch(WANTED)) == 2
    assert len(server.asked) == 2


async def test_silence_ends_in_a_timeout() -> None:
    """The error is retryable by another consumer."""
    async with open_server() as server:
        server.answers = False
        async with Client(CoinGeckoSettings(jitter_s=0, url=server.url, timeout_s=0.1)).open() as fetcher:
            with pytest.raises(SourceUnavailable):
                await fetcher.fetch(WANTED)


async def test_an_unreachable_host_is_unavailable() -> None:
    """The message names the cause."""
    async with open_server() as server:
        url = server.url
    async with Client(CoinGeckoSettings(jitter_s=0, url=url)).open() as fetcher:
        with pytest.raises(SourceUnavailable):
            await fetcher.fetch(WANTED)


@pytest.mark.parametrize("simulated", [True, False])
async def test_simulated_and_real_are_never_mixed(simulated: bool) -> None:
    """A response of the wrong kind is rejected; the right kind labels its tickers."""
    async with open_server() as server:
        if not simulated:
            server.headers[SIMULATED_HEADER] = "generated"
        client = Client(
            CoinGeckoSettings(jitter_s=0, url=server.url, update_interval_s=0), simulated=simulated
        )
        async with client.open() as fetcher:
            with pytest.raises(SimulationMismatch):
                await fetcher.fetch(WANTED)
            server.headers.pop(SIMULATED_HEADER, None)
            if simulated:
                server.headers[SIMULATED_HEADER] = "generated"
            assert {one.simulated for one in await fetcher.fetch(WANTED)} == {simulated}
            assert client.clock() == START


async def test_a_call_of_one_replica_defers_those_of_the_others() -> None:
    """Until the response can be newer. The others return nothing, which is no error."""
    async with open_server() as server:
        server.headers["cache-control"] = "public, s-maxage=60"
        client = Client(CoinGeckoSettings(jitter_s=0, url=server.url))
        async with client.open() as one, client.open() as other:
            assert len(await one.fetch(WANTED)) == 2
            client.clock.advance(seconds=59)
            assert await other.fetch(WANTED) == []
            client.clock.advance(seconds=1)
            assert len(await other.fetch(WANTED)) == 2
    assert len(server.asked) == 2


async def test_a_cooldown_applies_without_redis() -> None:
    """The replica keeps it itself."""
    async with open_server() as server:
        server.status = 429
        client = Client(CoinGeckoSettings(jitter_s=0, url=server.url))
        client.context = dataclasses.replace(client.context, budget=ForgetfulBudget())
        async with client.open() as fetcher:
            for _ in range(2):
                with pytest.raises(SourceRateLimited) as refused:
                    await fetcher.fetch(WANTED)
                assert refused.value.retry_at == START + timedelta(seconds=60)
            client.clock.advance(seconds=60)
            server.status = 200
            assert len(await fetcher.fetch(WANTED)) == 2
    assert len(server.asked) == 2


class ForgetfulBudget:
    """A `RequestBudget` that allows every call and cannot store anything."""

    async def take(self, topic: str = "") -> CallBudgetState:
        return CallBudgetState(30, 29, START)

    async def start_cooldown(self, span: timedelta) -> None:
        raise CacheUnavailable("Redis: away")

    async def defer(self, span: timedelta, topic: str) -> None:
        raise CacheUnavailable("Redis: away")


async def test_requests_too_long_for_a_url_take_turns() -> None:
    """With one call a minute, the parts alternate, and the last tickers of the others stay."""
    many = [
        RequestedInstrument(parse_symbol(f"A{number}/USD"), f"coin-{number:04d}") for number in range(1000)
    ]
    async with open_server() as server:
        server.body = json.dumps({one.source_symbol: {"usd": 1} for one in many})
        settings = CoinGeckoSettings(jitter_s=0, url=server.url, calls_per_minute=1, update_interval_s=0)
        client = Client(settings)
        async with client.open() as fetcher:
            first = await fetcher.fetch(many)
            assert 0 < len(first) < 1000
            assert "not everything was requested" not in str(client.health.report(START).reason)
            client.clock.advance(seconds=62)
            assert len(await fetcher.fetch(many)) == 1000
            client.clock.advance(seconds=62)
            await fetcher.fetch(many)
    targets = [target for target, _ in server.asked]
    assert len(targets) == 3
    assert targets[0] == targets[2] != targets[1]


async def test_coins_without_a_price_are_reported() -> None:
    """Missing, `{}` and null alike. The notice is cleared when they are back."""
    coins = [
        *WANTED,
        RequestedInstrument(parse_symbol("NIL/USD"), "nil"),
        RequestedInstrument(parse_symbol("GONE/USD"), "gone"),
    ]
    async with open_server() as server:
        server.body = json.dumps({"bitcoin": {"usd": 1}, "ethereum": {}, "nil": {"usd": None}})
        client = Client(CoinGeckoSettings(jitter_s=0, url=server.url, update_interval_s=0))
        async with client.open() as fetcher:
            assert len(await fetcher.fetch(coins)) == 1
            reason = str(client.health.report(START).reason)
            assert "3 without a price: ETH/USD, GONE/USD, NIL/USD" in reason
            server.body = json.dumps({one.source_symbol: {"usd": 1} for one in coins})
            assert len(await fetcher.fetch(coins)) == 4
            assert "without a price" not in str(client.health.report(START).reason)


async def test_an_older_response_never_replaces_a_newer_one() -> None:
    """Edges differ, so that polls may go back in time. The cache keeps the newer observation."""
    cache = MemoryCache()
    async with open_server() as server:
        client = Client(CoinGeckoSettings(jitter_s=0, url=server.url, update_interval_s=0))
        async with client.open() as fetcher:
            for price, updated_at in (("2", 1779092258), ("1", 1779092200)):
                server.body = json.dumps({"bitcoin": {"usd": int(price), "last_updated_at": updated_at}})
                await cache.write(await fetcher.fetch(WANTED[:1]))
    (kept,) = (await cache.read_snapshot(Source.COINGECKO)).tickers
    assert str(kept.price) == "2"


async def test_calls_are_spread_by_jitter() -> None:
    """Others call by the same clock."""
    asked: list[tuple[float, float]] = []

    def record(least: float, most: float) -> float:
        asked.append((least, most))
        return 0.0

    async with open_server() as server:
        connect = client_factory(server.url, {}, timeout_s=5, simulated=True)
        context = Client(CoinGeckoSettings(url=server.url)).context
        await CoinGeckoClient(connect, context, jitter_s=1.5, jitter=record).fetch_json("/ping")
    assert asked == [(0, 1.5)]
