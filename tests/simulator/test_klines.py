"""Candles of the simulated exchanges: those of the trades that their channels published."""

import json
from collections import defaultdict
from decimal import Decimal

import httpx
import pytest

from simulator.faults.values import parse_json
from simulator.generated.minute_bars import DROPPED_AT_ONCE, MAX_MINUTES, MinuteBars
from simulator.generated.world import GeneratedWorld
from simulator.markets import PublishedKline
from simulator.nanotime import MINUTE, SECOND
from tests.json_types import Json
from tests.simulator.conftest import START_NS, FakeClock, OpenSimulator

BEGIN = START_NS + 20 * SECOND
STREAMS = {
    "binance": "btcusdt@trade",
    "coinbase": "coinbase:matches:BTC-USD",
    "kraken": "kraken:trade:BTC/USD",
    "okx": "okx:trades:BTC-USDT",
    "bybit": "bybit:publicTrade.BTCUSDT",
}
CODES = {
    "binance": "BTCUSDT",
    "coinbase": "BTC-USD",
    "kraken": "BTC/USD",
    "okx": "BTC-USDT",
    "bybit": "BTCUSDT",
}
KEYS = {
    "binance": ("p", "q", "T"),
    "coinbase": ("price", "size", "time"),
    "kraken": ("price", "qty", "timestamp"),
    "okx": ("px", "sz", "ts"),
    "bybit": ("p", "v", "T"),
}


def read_trade(source: str, data: str) -> tuple[int, Decimal, Decimal]:
    """Return minute, price and quantity of a message, without the product's parsers."""
    message: Json = parse_json(data)
    entry = message["data"][0] if "data" in message else message
    price, quantity, time = (str(entry[key]) for key in KEYS[source])
    if time.isdigit():
        return int(time) // 60_000, Decimal(price), Decimal(quantity)
    # Hour and minute of the day; the test lasts less than one.
    begin_minute = START_NS // MINUTE
    minute = int(time[11:13]) * 60 + int(time[14:16])
    return begin_minute + (minute - begin_minute) % 1440, Decimal(price), Decimal(quantity)


def find(world: GeneratedWorld, source: str, end_ns: int) -> list[PublishedKline]:
    """Return all minutes of a source."""
    market = world.binance if source == "binance" else world.venues[source]
    return list(market.klines(CODES[source], 0, end_ns))


@pytest.mark.slow
def test_minutes_are_the_fold_of_the_published_trades() -> None:
    """Of every source, digit for digit; the minute of the start is not there."""
    world = GeneratedWorld(3, BEGIN)
    sources = {stream: source for source, stream in STREAMS.items()}
    sent: dict[tuple[str, int], list[tuple[Decimal, Decimal]]] = defaultdict(list)
    end_ns = BEGIN + 4 * MINUTE
    for frame in world.advance(end_ns, sources):
        source = sources[frame.stream]
        minute, price, quantity = read_trade(source, frame.data)
        sent[source, minute].append((price, quantity))
    first = START_NS // MINUTE + 1
    for source in CODES:
        found = find(world, source, end_ns)
        assert [one.start_ns // MINUTE for one in found] == [first, first + 1, first + 2, first + 3]
        for kline in found:
            trades = sent[source, kline.start_ns // MINUTE]
            prices = [price for price, _ in trades]
            assert len(prices) > 10
            assert (kline.open, kline.close) == (prices[0], prices[-1])
            assert (kline.high, kline.low) == (max(prices), min(prices))
            assert kline.volume == sum(quantity for _, quantity in trades)
            assert kline.quote_volume == sum(price * quantity for price, quantity in trades)
            assert kline.count == len(trades)


@pytest.mark.slow
def test_a_new_subscriber_gets_the_last_trade_as_it_was_made() -> None:
    """Its quantity too, although the market may have traded elsewhere since."""
    world = GeneratedWorld(3, BEGIN)
    streams = {
        stream: source for source, stream in STREAMS.items() if source in {"coinbase", "okx", "kraken"}
    }
    last = {frame.stream: frame.data for frame in world.advance(BEGIN + 20 * SECOND, streams)}
    for second in range(21, 31):
        for frame in world.advance(BEGIN + second * SECOND, streams):
            last[frame.stream] = frame.data
        for stream, source in streams.items():
            first = world.venues[source].initial_frame(stream)
            assert first is not None
            assert read_trade(source, first.data) == read_trade(source, last[stream])


def test_minutes_without_trades_are_flat_and_old_ones_are_dropped() -> None:
    """Memory is bounded; what was dropped is not there, instead of being flat."""
    bars = MinuteBars(BEGIN, 100)
    first = START_NS // MINUTE + 1
    bars.add(BEGIN + 1, 101, 5)
    bars.add((first + 1) * MINUTE, 110, 7)
    bars.add((first + 1) * MINUTE + 1, 108, 2)
    found = list(bars.between(0, (first + 3) * MINUTE))
    assert [(one.open, one.high, one.low, one.close, one.volume, one.count) for one in found] == [
        (101, 101, 101, 101, 0, 0),
        (110, 110, 108, 108, 9, 2),
        (108, 108, 108, 108, 0, 0),
    ]
    for minute in range(2, MAX_MINUTES + DROPPED_AT_ONCE + 5):
        bars.add((first + minute) * MINUTE, minute, 1)
    kept = list(bars.between(0, (first + MAX_MINUTES + DROPPED_AT_ONCE + 5) * MINUTE))
    assert MAX_MINUTES <= len(kept) <= MAX_MINUTES + DROPPED_AT_ONCE
    assert kept[0].count == 1


async def get(client: httpx.AsyncClient, path: str, **params: object) -> Json:
    """Return the answer to a request, its numbers as text."""
    response = await client.get(path, params={name: str(value) for name, value in params.items()})
    assert response.headers["content-type"].startswith("application/json")
    return parse_json(response.text)


async def test_each_exchange_answers_in_its_own_shape(open_simulator: OpenSimulator) -> None:
    """With its order, its units of time, and its own idea of a minute that is not over."""
    clock = FakeClock(BEGIN)
    async with (
        open_simulator(clock) as at,
        httpx.AsyncClient(base_url=at.status_url.removesuffix("/simulator/status"), timeout=60) as client,
    ):
        clock.advance(190)
        await clock.read()
        first_s = START_NS // SECOND + 60
        rows = await get(client, "/binance/api/v3/klines", symbol="BTCUSDT", interval="1m")
        assert [int(row[0]) for row in rows] == [(first_s + 60 * number) * 1000 for number in range(3)]
        assert (len(rows[0]), int(rows[0][6]) - int(rows[0][0])) == (12, 59_999)
        assert len(rows[0][4].partition(".")[2]) == 8
        limited = await get(
            client,
            "/binance/api/v3/klines",
            symbol="BTCUSDT",
            interval="1m",
            limit=1,
            startTime=first_s * 1000,
        )
        assert limited == rows[:1]

        rows = await get(client, "/coinbase/products/BTC-USD/candles", granularity=60)
        assert [int(row[0]) for row in rows] == [first_s + 120, first_s + 60, first_s]
        low, high, opening, close = (Decimal(number) for number in rows[0][1:5])
        assert low <= min(opening, close) <= max(opening, close) <= high

        answer = await get(client, "/kraken/0/public/OHLC", pair="XBTUSD", interval=1, since=first_s)
        assert answer["error"] == []
        assert [int(row[0]) for row in answer["result"]["XBTUSD"]] == [first_s + 60, first_s + 120]
        assert int(answer["result"]["last"]) == first_s + 60

        answer = await get(client, "/okx/api/v5/market/candles", instId="BTC-USDT", bar="1m")
        assert [int(row[0]) // 1000 for row in answer["data"]] == [first_s + 120, first_s + 60, first_s]
        assert [row[8] for row in answer["data"]] == ["0", "1", "1"]
        between = {"before": first_s * 1000, "after": (first_s + 120) * 1000}
        answer = await get(
            client, "/okx/api/v5/market/history-candles", instId="BTC-USDT", bar="1m", **between
        )
        assert [int(row[0]) // 1000 for row in answer["data"]] == [first_s + 60]

        answer = await get(client, "/bybit/v5/market/kline", category="spot", symbol="BTCUSDT", interval=1)
        assert [int(row[0]) // 1000 for row in answer["result"]["list"]] == [
            first_s + 120,
            first_s + 60,
            first_s,
        ]
        assert len(answer["result"]["list"][0]) == 7


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/binance/api/v3/klines?symbol=NOPE&interval=1m", 400, "Invalid symbol."),
        ("/binance/api/v3/klines?symbol=BTCUSDT&interval=7m", 400, "Invalid interval."),
        ("/coinbase/products/NOPE-USD/candles?granularity=60", 404, "NotFound"),
        ("/coinbase/products/BTC-USD/candles?granularity=60&start=0&end=18060", 400, "exceeds 300"),
        ("/kraken/0/public/OHLC?pair=NOPEUSD&interval=1", 200, "Unknown asset pair"),
        ("/okx/api/v5/market/candles?instId=NOPE-USDT&bar=1m", 200, "51001"),
        ("/bybit/v5/market/kline?category=spot&symbol=NOPE&interval=1", 200, "10001"),
    ],
)
async def test_a_wrong_request_is_refused_as_the_exchange_does(
    open_simulator: OpenSimulator, clock: FakeClock, path: str, status: int, said: str
) -> None:
    """Some of them with HTTP status 200."""
    async with (
        open_simulator(clock) as at,
        httpx.AsyncClient(base_url=at.status_url.removesuffix("/simulator/status"), timeout=60) as client,
    ):
        response = await client.get(path)
        assert response.status_code == status
        assert said in response.text


async def test_pages_are_no_longer_than_the_exchange_allows(open_simulator: OpenSimulator) -> None:
    """The newest minutes, whatever is asked for; Kraken never has more than 720."""
    clock = FakeClock(BEGIN)
    async with (
        open_simulator(clock, max_lag_seconds=1) as at,
        httpx.AsyncClient(base_url=at.status_url.removesuffix("/simulator/status"), timeout=60) as client,
    ):
        # The market jumps over most of this time; its minutes are flat.
        clock.advance(1500 * 60)
        await clock.read()
        spot = "category=spot&symbol=BTCUSDT&interval=1"
        asked = {
            "/binance/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=5000": 1000,
            "/kraken/0/public/OHLC?pair=XBTUSD&interval=1&since=0": 720,
            "/okx/api/v5/market/candles?instId=BTC-USDT&bar=1m&limit=5000": 300,
            "/okx/api/v5/market/history-candles?instId=BTC-USDT&bar=1m&limit=5000": 100,
            f"/bybit/v5/market/kline?{spot}&limit=5000": 1000,
        }
        for path, most in asked.items():
            text = (await client.get(path)).text
            # Each row is a list in a list.
            assert text.count("],[") + 1 == most, path


async def test_calls_beyond_the_documented_rate_are_refused(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """Kraken answers once a second, after a short burst, and the status shows who does not obey."""
    async with (
        open_simulator(clock) as at,
        httpx.AsyncClient(base_url=at.status_url.removesuffix("/simulator/status"), timeout=60) as client,
    ):
        path = "/kraken/0/public/OHLC?pair=XBTUSD&interval=1"
        answers = [(await client.get(path)).text for _ in range(16)]
        assert "Too many requests" in answers[-1]
        assert "Too many requests" not in answers[0]
        status = json.loads((await client.get(at.status_url)).text)
        assert status["clients"]["kraken"]["violations"] == {"klines_rate": 1}
