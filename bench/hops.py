"""`python -m bench.hops`: count calls, files and file switches of trips through a gateway.

The gateway runs in this thread under `sys.setprofile`; a driver in another thread writes prices to Redis and holds the
clients. A count ends with the system call that sends the last byte of the trip. Calls of other packages do not count.
"""

import argparse
import asyncio
import http.client
import json
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import websockets
from msgspec import structs

from bench.market import NAMES, make_symbols, make_tickers, populate
from bench.processes import ROOT, running_redis
from bench.rounds import show
from cache.redis_client import open_redis
from cache.redis_feed import RedisTickerFeed
from cache.redis_sink import RedisTickerSink
from gateway.listening_socket import bind
from gateway.server import serve_gateway
from gateway.settings import GatewaySettings
from instruments.store import InstrumentStore

PACKAGES = ("rates", "cache", "instruments", "runtime", "gateway")
TIMEOUT_S = 20
POLL_INTERVAL_S = 0.01
SYMBOLS = make_symbols(2)
SUBSCRIPTION = (
    f'subscription {{ rates(symbols: ["{SYMBOLS[0]}"]) {{ kind cursor items {{ symbol price }} }} }}'
)


def make_query(name: str) -> str:
    """Return a query of this name, by which the gateway caches it."""
    return f'query {name} {{ rate(symbol: "{SYMBOLS[0]}") {{ symbol price freshness }} }}'


class Hop(NamedTuple):
    """One call into a file of ours."""

    file: str
    function: str


class Trip(NamedTuple):
    """The calls of one trip, in order."""

    name: str
    hops: list[Hop]

    @property
    def files(self) -> int:
        """The number of different files."""
        return len({hop.file for hop in self.hops})

    @property
    def switches(self) -> int:
        """The number of calls into another file than the call before."""
        return sum(one.file != other.file for one, other in zip(self.hops, self.hops[1:], strict=False))


class HopRecorder:
    """A profile function that records the calls from `first` to the `sends`-th sending one."""

    def __init__(self, first: str, sends: int) -> None:
        self._first = first
        self.hops: list[Hop] = []
        self._sends = sends

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and (self.hops or frame.f_code.co_name == self._first):
            file = frame.f_code.co_filename
            if file.startswith(str(ROOT)):
                name = file[len(str(ROOT)) + 1 :]
                if name.startswith(PACKAGES):
                    self.hops.append(Hop(name, frame.f_code.co_name))
        elif event == "c_call" and argument.__name__ in {"send", "sendmsg"} and self.hops:
            self._sends -= 1
            if not self._sends:
                sys.setprofile(None)


class Driver:
    """Writes prices and holds the clients, outside of the gateway's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, port: int, redis_url: str) -> None:
        self._loop = loop
        self._port = port
        self._redis_url = redis_url
        self._publication = 0
        self.trips: list[Trip] = []

    def run(self) -> None:
        """Record every trip."""
        self._wait_until_ready()
        asyncio.run(self._record_delivery())
        self._post(make_query("Warm"), 3)
        self._record("HTTP, first request of a document", lambda: self._post(make_query("First")))
        self._post(make_query("Known"), 3)
        self._record("HTTP, known request", lambda: self._post(make_query("Known")))

    def _wait_until_ready(self) -> None:
        while True:
            with (
                suppress(ConnectionRefusedError),
                closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)) as client,
            ):
                client.request("GET", "/health/ready")
                if client.getresponse().status == http.client.OK:
                    return
            time.sleep(POLL_INTERVAL_S)

    async def _record_delivery(self) -> None:
        redis = open_redis(self._redis_url)
        url = f"ws://127.0.0.1:{self._port}/graphql"
        try:
            sink = RedisTickerSink(redis, NAMES)
            async with (
                asyncio.timeout(TIMEOUT_S),
                websockets.connect(url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as one,
                websockets.connect(url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as two,
            ):
                for client in (one, two):
                    await client.send('{"type":"connection_init"}')
                    await client.recv()
                    payload = {"query": SUBSCRIPTION}
                    await client.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
                    await client.recv()
                # The second update goes to both from one cohort.
                for _ in range(3):
                    await self._publish(sink)
                    await asyncio.gather(one.recv(), two.recv())
                with self._recording("Redis message to 2 WebSocket frames", "decode_changes", sends=2):
                    await self._publish(sink)
                    await asyncio.gather(one.recv(), two.recv())
        finally:
            await redis.aclose()

    async def _publish(self, sink: RedisTickerSink) -> None:
        self._publication += 1
        tickers = [
            structs.replace(
                each,
                bid=None,
                ask=None,
                change_percent_24h=None,
                high_24h=None,
                low_24h=None,
                volume_24h=None,
            )
            for each in make_tickers(SYMBOLS[:1], self._publication)
        ]
        await sink.write(tickers)

    def _post(self, query: str, times: int = 1) -> None:
        body = json.dumps({"query": query})
        head = f"POST /graphql HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        with closing(socket.create_connection(("127.0.0.1", self._port), TIMEOUT_S)) as client:
            for _ in range(times):
                # In one packet, as clients do.
                client.sendall(f"{head}{body}".encode())
                # The head and the body may come apart.
                response = http.client.HTTPResponse(client, method="POST")
                response.begin()
                answer = response.read()
                assert b'"errors"' not in answer, answer

    def _record(self, name: str, act: Callable[[], None]) -> None:
        with self._recording(name, "data_received", sends=1):
            act()

    @contextmanager
    def _recording(self, name: str, first: str, *, sends: int) -> Iterator[None]:
        recorder = HopRecorder(first, sends)
        self._in_gateway(lambda: sys.setprofile(recorder))
        yield
        self._in_gateway(lambda: sys.setprofile(None))
        self.trips.append(Trip(name, recorder.hops))

    def _in_gateway(self, act: Callable[[], None]) -> None:
        done = threading.Event()

        def run() -> None:
            act()
            done.set()

        self._loop.call_soon_threadsafe(run)
        done.wait(TIMEOUT_S)


async def record_trips() -> list[Trip]:
    """Run a gateway over a real Redis and record every trip through it."""
    with (
        tempfile.TemporaryDirectory(prefix="ratewire-hops-") as name,
        running_redis(Path(name), 0) as (url, _),
    ):
        database_url = f"sqlite+aiosqlite:///{name}/instruments.sqlite"
        await populate(url, database_url, SYMBOLS)
        settings = GatewaySettings(port=0, fast_path=True)
        redis, store, stop = open_redis(url), InstrumentStore(database_url), asyncio.Event()
        with closing(bind(settings)) as listener:
            driver = Driver(asyncio.get_running_loop(), listener.getsockname()[1], url)
            feed = RedisTickerFeed(redis, NAMES)
            serving = asyncio.create_task(
                serve_gateway(feed, store, settings, stop, simulated=True, listener=listener)
            )
            try:
                await asyncio.to_thread(driver.run)
            finally:
                stop.set()
                await serving
                await redis.aclose()
                await store.close()
    return driver.trips


def main() -> None:
    """Record and print every trip."""
    parser = argparse.ArgumentParser(prog="python -m bench.hops", description=__doc__)
    parser.add_argument("--calls", action="store_true", help="also print every call")
    arguments = parser.parse_args()
    for trip in asyncio.run(record_trips()):
        show(f"{trip.name}: {len(trip.hops)} calls, {trip.files} files, {trip.switches} switches\n")
        if arguments.calls:
            for hop in trip.hops:
                show(f"    {hop.file:48} {hop.function}\n")


if __name__ == "__main__":
    main()
