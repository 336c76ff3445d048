"""Fixtures of the fault tests: one client interface for all push feeds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from simulator.server import SimulatorAddresses
from tests.json_types import Json
from tests.simulator.conftest import receive_text

# Loading the certificates takes 20 ms, so it is done once.
VERIFY = httpx.create_ssl_context()


@dataclass(frozen=True)
class Feed:
    """A client's view of one source.

    It can subscribe BTC and ETH, and find price and time in a message.
    """

    source: str
    path: str
    subscribe: str
    price: tuple[Json, ...]
    time: tuple[Json, ...]
    symbol: str

    def connect(self, at: SimulatorAddresses) -> connect:
        url: str = getattr(at, f"{self.source}_stream_url")
        return connect(url + self.path, max_queue=None, close_timeout=0.2)

    @property
    def ours(self) -> str:
        """Our symbol, BASE/QUOTE."""
        return "BTC/USDT" if "USDT" in self.symbol else "BTC/USD"

    def is_a_tick(self, text: str) -> bool:
        return f'"{self.price[-1]}"' in text

    def is_about_btc(self, text: str) -> bool:
        return self.symbol in text and self.is_a_tick(text)

    def read(self, text: str) -> Json:
        """Parse a message with its numbers as text."""
        found: Json = json.loads(text, parse_float=str, parse_int=str)
        return found

    async def tick(self, socket: ClientConnection) -> Json:
        """Receive the next message about BTC."""
        while not self.is_about_btc(text := await receive_text(socket)):
            pass
        return self.read(text)

    def price_of(self, message: Mapping[str, Json]) -> Json:
        return dig(message, self.price)

    def time_of(self, message: Mapping[str, Json]) -> Json:
        return dig(message, self.time)


def dig(found: Json, path: tuple[Json, ...]) -> Json:
    for step in path:
        found = found[step]
    return found


FEEDS = {
    feed.source: feed
    for feed in (
        Feed(
            "binance",
            "/stream?streams=btcusdt@ticker/ethusdt@ticker",
            json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}),
            ("data", "c"),
            ("data", "E"),
            "BTCUSDT",
        ),
        Feed(
            "coinbase",
            "",
            json.dumps({"type": "subscribe", "product_ids": ["BTC-USD", "ETH-USD"], "channels": ["ticker"]}),
            ("price",),
            ("time",),
            "BTC-USD",
        ),
        Feed(
            "kraken",
            "",
            json.dumps(
                {"method": "subscribe", "params": {"channel": "ticker", "symbol": ["BTC/USD", "ETH/USD"]}}
            ),
            ("data", 0, "last"),
            ("data", 0, "timestamp"),
            "BTC/USD",
        ),
        Feed(
            "okx",
            "",
            json.dumps(
                {
                    "op": "subscribe",
                    "args": [
                        {"channel": "tickers", "instId": "BTC-USDT"},
                        {"channel": "tickers", "instId": "ETH-USDT"},
                    ],
                }
            ),
            ("data", 0, "last"),
            ("data", 0, "ts"),
            "BTC-USDT",
        ),
        Feed(
            "bybit",
            "",
            json.dumps({"op": "subscribe", "args": ["tickers.BTCUSDT", "tickers.ETHUSDT"]}),
            ("data", "lastPrice"),
            ("ts",),
            "BTCUSDT",
        ),
    )
}


@pytest.fixture(params=FEEDS.values(), ids=list(FEEDS))
def feed(request: pytest.FixtureRequest) -> Feed:
    """Each push feed in turn."""
    found: Feed = request.param
    return found


def control_of(at: SimulatorAddresses) -> str:
    return at.status_url.removesuffix("/status") + "/faults"


async def inject(at: SimulatorAddresses, source: str, fault: str, **wish: Json) -> Json:
    """Inject a fault."""
    async with httpx.AsyncClient(verify=VERIFY, timeout=60) as client:
        answer = await client.post(control_of(at), json={"source": source, "fault": fault, **wish})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()["fault"]
    return found


async def heal(at: SimulatorAddresses) -> list[Json]:
    """End all faults and return them."""
    async with httpx.AsyncClient(verify=VERIFY, timeout=60) as client:
        answer = await client.delete(control_of(at))
    assert answer.status_code == 200
    healed: list[Json] = answer.json()["healed"]
    return healed


async def status(at: SimulatorAddresses, source: str) -> Json:
    """Return the counters of a source's clients."""
    async with httpx.AsyncClient(verify=VERIFY, timeout=60) as client:
        found: Json = (await client.get(at.status_url)).json()["clients"][source]
    return found
