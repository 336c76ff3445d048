"""Binance's WebSocket API as a real client sees it."""

import asyncio
import json
from decimal import Decimal

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulator.binance.envelope import parse_id, parse_object, parse_request
from simulator.binance.errors import BinanceError
from simulator.binance.requests import answer
from simulator.generated.world import GeneratedWorld
from tests.simulator.conftest import START_NS, FakeClock, OpenSimulator, SimulatorOptions, ask, receive

NOW_MS = START_NS // 1_000_000


@pytest.fixture(scope="module")
def market() -> GeneratedWorld:
    return GeneratedWorld(1, START_NS)


async def test_an_answer_carries_the_id_of_its_question(open_simulator: OpenSimulator) -> None:
    """Integers, strings and null are returned unchanged."""
    async with open_simulator() as at, connect(at.binance_ws_api_url) as socket:
        for request_id in [1, -7, 2**62, "a-1", "", None]:
            found = await ask(socket, {"id": request_id, "method": "ping"})
            assert (found["id"], found["status"], found["result"]) == (request_id, 200, {})


async def test_the_handshake_says_that_it_is_simulated(open_simulator: OpenSimulator) -> None:
    """No client can mistake the simulator for the exchange."""
    async with open_simulator(seed=7) as at, connect(at.binance_ws_api_url) as socket:
        assert socket.response is not None
        assert socket.response.headers["X-Ratewire-Simulated"] == "generated seed=7"


async def test_time_and_a_prefixed_method(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """`v3/time` is `time`."""
    async with open_simulator(clock) as at, connect(at.binance_ws_api_url) as socket:
        assert (await ask(socket, {"id": 1, "method": "v3/time"}))["result"] == {"serverTime": NOW_MS}


async def test_a_full_ticker_is_consistent(open_simulator: OpenSimulator) -> None:
    """High, low, bid, ask and last are ordered, and money is text with eight decimals."""
    async with open_simulator() as at, connect(at.binance_ws_api_url) as socket:
        answer = await ask(socket, {"id": 1, "method": "ticker.24hr", "params": {"symbol": "BTCUSDT"}})
        found = answer["result"]
        assert next(iter(found)) == "symbol"
        assert len(found) == 21
        low, last, high = (Decimal(found[name]) for name in ("lowPrice", "lastPrice", "highPrice"))
        assert low <= last <= high
        assert Decimal(found["bidPrice"]) < Decimal(found["askPrice"])
        assert Decimal(found["bidPrice"]) <= last <= Decimal(found["askPrice"])
        assert found["lastPrice"][-9] == "."
        assert found["closeTime"] - found["openTime"] == 86_400_000
        assert found["lastId"] - found["firstId"] + 1 == found["count"]


async def test_ticker_lists_and_mini_tickers(open_simulator: OpenSimulator) -> None:
    """With `symbols` or no symbol the answer is an array; MINI leaves out the book."""
    async with open_simulator() as at, connect(at.binance_ws_api_url) as socket:
        two = await ask(
            socket,
            {"id": 1, "method": "ticker.24hr", "params": {"symbols": ["ETHUSDT", "BTCUSDT"], "type": "MINI"}},
        )
        assert [item["symbol"] for item in two["result"]] == ["ETHUSDT", "BTCUSDT"]
        assert "bidPrice" not in two["result"][0]
        assert set(two["result"][0]) >= {"lastPrice", "closeTime", "lastId", "count"}
        prices = await ask(socket, {"id": 2, "method": "ticker.price"})
        assert len(prices["result"]) == 66
        books = await ask(socket, {"id": 3, "method": "ticker.book", "params": {"symbols": ["PEPEUSDT"]}})
        assert set(books["result"][0]) == {"symbol", "bidPrice", "bidQty", "askPrice", "askQty"}


async def test_exchange_info_splits_symbols(open_simulator: OpenSimulator) -> None:
    """Clients learn base, quote and tick size here."""
    async with open_simulator() as at, connect(at.binance_ws_api_url) as socket:
        answer = await ask(socket, {"id": 1, "method": "exchangeInfo", "params": {"symbols": ["PEPEUSDT"]}})
        (found,) = answer["result"]["symbols"]
        assert (found["baseAsset"], found["quoteAsset"], found["status"]) == ("PEPE", "USDT", "TRADING")
        assert found["filters"][0]["tickSize"] == "0.00000001"
        assert answer["rateLimits"][0]["count"] == 2 + 20


@pytest.mark.parametrize(
    ("request_text", "code"),
    [
        ("{", -1135),
        ("[1]", -1135),
        ('{"id":[1],"method":"ping"}', -1135),
        ('{"id":1}', -1135),
        ('{"id":1,"method":"no.such"}', -1135),
        ('{"id":1,"method":"ping","params":[]}', -1135),
        ('{"id":1,"method":"ticker.price","params":{"symbol":"NOPEUSDT"}}', -1121),
        ('{"id":1,"method":"ticker.price","params":{"symbols":["BTCUSDT","NOPEUSDT"]}}', -1121),
        ('{"id":1,"method":"ticker.price","params":{"symbol":"btcusdt"}}', -1100),
        ('{"id":1,"method":"ticker.price","params":{"symbol":5}}', -1102),
        ('{"id":1,"method":"ticker.price","params":{"symbols":"BTCUSDT"}}', -1102),
        ('{"id":1,"method":"ticker.price","params":{"symbols":[]}}', -1105),
        ('{"id":1,"method":"ticker.price","params":{"symbol":""}}', -1105),
        ('{"id":1,"method":"ticker.price","params":{"colour":"red"}}', -1104),
        ('{"id":1,"method":"ticker.price","params":{"symbol":"BTCUSDT","symbols":["BTCUSDT"]}}', -1128),
        ('{"id":1,"method":"ticker.24hr","params":{"symbol":"BTCUSDT","type":"HUGE"}}', -1139),
        ('{"id":1,"method":"ticker.price","params":{"symbols":["BTCUSDT","BTCUSDT"]}}', -1151),
        ('{"id":1,"method":"ticker.price","params":{"symbol":"BTCUSDT","symbolStatus":"HALT"}}', -1220),
        ('{"id":1,"method":"ticker.price","params":{"symbol":"BTCUSDT","symbolStatus":"ODD"}}', -1122),
    ],
)
def test_a_bad_request_is_refused_with_its_code(market: GeneratedWorld, request_text: str, code: int) -> None:
    """Every refusal is a documented code."""

    def answer_text(text: str) -> object:
        found = parse_object(text)
        request = parse_request(found, parse_id(found))
        return answer(request.method, request.params, market.binance, 6000, NOW_MS)

    with pytest.raises(BinanceError) as refusal:
        answer_text(request_text)
    assert (refusal.value.status, refusal.value.code) == (400, code)


async def test_a_session_goes_on_after_a_refusal(open_simulator: OpenSimulator) -> None:
    """An error repeats the id if it was readable, and the connection stays open."""
    async with open_simulator() as at, connect(at.binance_ws_api_url) as socket:
        broken = await ask(socket, "{")
        assert (broken["id"], broken["status"], broken["error"]["code"]) == (None, 400, -1135)
        bad = await ask(socket, {"id": "q", "method": "ticker.price", "params": {"symbol": "NOPEUSDT"}})
        assert bad["id"] == "q"
        assert bad["error"] == {"code": -1121, "msg": "Invalid symbol."}
        assert (await ask(socket, {"id": 2, "method": "ping"}))["status"] == 200


async def test_a_status_filters_lists(open_simulator: OpenSimulator) -> None:
    """Nothing generated is halted, so the list is empty and not an error."""
    async with open_simulator() as at, connect(at.binance_ws_api_url) as socket:
        answer = await ask(socket, {"id": 1, "method": "ticker.price", "params": {"symbolStatus": "HALT"}})
        assert answer["result"] == []


async def test_rate_limits_can_be_left_out(open_simulator: OpenSimulator) -> None:
    """By parameter or by URL; the parameter takes precedence."""
    async with open_simulator() as at:
        async with connect(at.binance_ws_api_url) as socket:
            quiet = await ask(socket, {"id": 1, "method": "ping", "params": {"returnRateLimits": False}})
            assert "rateLimits" not in quiet
        async with connect(at.binance_ws_api_url + "?returnRateLimits=false") as socket:
            assert "rateLimits" not in await ask(socket, {"id": 1, "method": "ping"})
            loud = await ask(socket, {"id": 1, "method": "ping", "params": {"returnRateLimits": True}})
            assert loud["rateLimits"][0]["limit"] == 6000


async def test_weights_are_counted_by_the_wall_clock_minute(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """A connection costs 2; the count restarts with the next whole minute."""
    async with open_simulator(clock) as at, connect(at.binance_ws_api_url) as socket:

        async def count_after(method: str, **params: object) -> int:
            answer = await ask(socket, {"id": 1, "method": method, "params": params})
            return int(answer["rateLimits"][0]["count"])

        assert await count_after("ticker.price", symbol="BTCUSDT") == 2 + 2
        assert await count_after("ticker.book") == 4 + 4
        assert await count_after("ticker.24hr", symbols=["BTCUSDT"]) == 8 + 2
        assert await count_after("ticker.24hr") == 10 + 80
        clock.advance(60)
        assert await count_after("ping") == 1


async def test_going_on_after_429_leads_to_418_and_the_end(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """The refusal carries the end of the minute.

    The ban carries its end, closes, and refuses handshakes.
    """
    settings: SimulatorOptions = {"binance_weight_limit": 4, "binance_refusals_before_ban": 2}
    async with open_simulator(clock, **settings) as at:
        async with connect(at.binance_ws_api_url) as socket:
            clock.advance(15)
            assert (await ask(socket, {"id": 1, "method": "ticker.price", "params": {"symbol": "BTCUSDT"}}))[
                "status"
            ] == 200
            for _ in range(2):
                refused = await ask(socket, {"id": 2, "method": "ping"})
                assert refused["status"] == 429
                assert refused["error"]["code"] == -1003
                assert refused["error"]["data"] == {
                    "serverTime": NOW_MS + 15_000,
                    "retryAfter": NOW_MS + 60_000,
                }
            ban = await ask(socket, {"id": 3, "method": "ping"})
            assert ban["status"] == 418
            assert ban["error"]["data"]["retryAfter"] == NOW_MS + 15_000 + 120_000
            with pytest.raises(ConnectionClosed):
                await receive(socket)
        with pytest.raises(InvalidStatus) as refusal:
            await connect(at.binance_ws_api_url)
        assert refusal.value.response.status_code == 418
        assert refusal.value.response.headers["Retry-After"] == "120"
        clock.advance(120)
        async with connect(at.binance_ws_api_url) as socket:
            assert (await ask(socket, {"id": 4, "method": "ping"}))["status"] == 200


async def test_too_many_connection_attempts_are_refused(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """The limit is per endpoint, and time restores it."""
    async with open_simulator(clock, binance_connections_per_5_minutes=2) as at:
        for _ in range(2):
            async with connect(at.binance_ws_api_url):
                pass
        with pytest.raises(InvalidStatus) as refusal:
            await connect(at.binance_ws_api_url)
        assert refusal.value.response.status_code == 429
        assert json.loads(refusal.value.response.body or b"")["code"] == -1034
        async with connect(at.binance_stream_url + "/ws"):
            pass
        clock.advance(300)
        async with connect(at.binance_ws_api_url):
            pass


async def test_many_questions_at_once_are_all_answered(open_simulator: OpenSimulator) -> None:
    """A pipelining client gets one answer for each id."""
    async with open_simulator() as at, connect(at.binance_ws_api_url) as socket:
        for number in range(50):
            await socket.send(json.dumps({"id": number, "method": "time"}))
        async with asyncio.timeout(60):
            answers = [await receive(socket) for _ in range(50)]
        assert {answer["id"] for answer in answers} == set(range(50))
