"""WebSocket endpoints of Coinbase, Kraken, OKX and Bybit."""

import math
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from simulator.bybit.session import BybitSession
from simulator.client_limit_monitor import ClientLimitMonitors
from simulator.client_socket import ClientSocket
from simulator.coinbase.session import CoinbaseSession
from simulator.endpoint import address_of
from simulator.feed_connection import FeedConnection
from simulator.feed_session import FeedSession
from simulator.kraken.session import KrakenSession
from simulator.limits import RollingLimit, TokenBucket
from simulator.nanotime import MINUTE, SECOND, NsClock
from simulator.okx.session import OkxSession
from simulator.simulation_loop import SimulationLoop
from simulator.sources import BYBIT, COINBASE, KRAKEN, OKX

PATHS = {
    COINBASE: "/coinbase",
    KRAKEN: "/kraken/v2",
    OKX: "/okx/ws/v5/public",
    BYBIT: "/bybit/v5/public/spot",
}


class AttemptLimit(Protocol):
    """A limit on connection attempts per address."""

    def retry_at(self, client: str, now_ns: int) -> int | None:
        """Return None if the attempt is allowed, else the time of the next allowed one."""


OpenSession = Callable[[AbstractSet[str], int, NsClock], FeedSession]


@dataclass(frozen=True)
class FeedEndpoint:
    """The WebSocket endpoint of one push feed."""

    source: str
    limit: AttemptLimit
    limit_name: str
    open_session: OpenSession
    simulation: SimulationLoop
    monitors: ClientLimitMonitors
    name: str = "feed"

    def matches(self, path: str) -> bool:
        """Whether the path is the feed's."""
        return path == PATHS[self.source]

    def check_handshake(
        self, connection: ServerConnection, _request: Request, now_ns: int
    ) -> Response | None:
        """Refuse a connection attempt above the limit."""
        retry_at_ns = self.limit.retry_at(address_of(connection), now_ns)
        if retry_at_ns is None:
            return None
        monitor = self.monitors.for_source(self.source)
        monitor.record_violation(self.limit_name, now_ns)
        monitor.record_refusal(self.name, now_ns, retry_at_ns)
        response = connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests\n")
        response.headers["Retry-After"] = str(max(1, math.ceil((retry_at_ns - now_ns) / SECOND)))
        return response

    async def serve(self, connection: ClientSocket, _request: Request) -> None:
        """Serve one client."""
        venue = self.simulation.world.venues.get(self.source)
        listed = venue.listings().keys() if venue is not None else frozenset[str]()
        session = self.open_session(listed, self.simulation.clock(), self.simulation.clock)
        await FeedConnection(
            connection, session, venue, self.simulation, self.monitors.for_source(self.source)
        ).serve()


def feed_endpoints(simulation: SimulationLoop, monitors: ClientLimitMonitors) -> list[FeedEndpoint]:
    """Create the four endpoints.

    Limits: exchanges.md 3 to 6; Kraken's and Bybit's are not documented there.
    """

    def endpoint(source: str, limit: AttemptLimit, name: str, open_session: OpenSession) -> FeedEndpoint:
        return FeedEndpoint(source, limit, name, open_session, simulation, monitors)

    return [
        endpoint(
            COINBASE,
            TokenBucket(per_second=8, burst=20),
            "connections_per_second",
            lambda listed, now_ns, _clock: CoinbaseSession(listed, now_ns),
        ),
        endpoint(KRAKEN, RollingLimit(150, 10 * MINUTE), "connections_per_10_minutes", KrakenSession),
        endpoint(
            OKX,
            RollingLimit(3, SECOND),
            "connections_per_second",
            lambda listed, now_ns, _clock: OkxSession(listed, now_ns),
        ),
        endpoint(
            BYBIT,
            RollingLimit(500, 5 * MINUTE),
            "connections_per_5_minutes",
            lambda listed, now_ns, _clock: BybitSession(listed, now_ns),
        ),
    ]
