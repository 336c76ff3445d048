"""The socket services of Coinbase, Kraken, OKX and Bybit: their addresses, connection limits and sessions."""

import math
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from simulator.bybit.session import BybitSession
from simulator.coinbase.session import CoinbaseSession
from simulator.conduct import Conducts
from simulator.connection import ClientSocket
from simulator.feed_connection import FeedConnection
from simulator.kraken.session import KrakenSession
from simulator.limits import RollingLimit, TokenBucket
from simulator.moments import MINUTE, SECOND, NsClock
from simulator.okx.session import OkxSession
from simulator.player import Player
from simulator.session import FeedSession
from simulator.socket_server import address_of
from simulator.sources import BYBIT, COINBASE, KRAKEN, OKX

PATHS = {
    COINBASE: "/coinbase",
    KRAKEN: "/kraken/v2",
    OKX: "/okx/ws/v5/public",
    BYBIT: "/bybit/v5/public/spot",
}


class AttemptLimit(Protocol):
    """How many connections an address may try."""

    def retry_at(self, client: str, now_ns: int) -> int | None:
        """None for one that is allowed."""


OpenSession = Callable[[AbstractSet[str], int, NsClock], FeedSession]


@dataclass(frozen=True)
class FeedDoor:
    """One push feed."""

    source: str
    limit: AttemptLimit
    limit_name: str
    open_session: OpenSession
    player: Player
    conducts: Conducts
    name: str = "feed"

    def leads(self, path: str) -> bool:
        """The one address of the feed."""
        return path == PATHS[self.source]

    def admit(self, connection: ServerConnection, _request: Request, now_ns: int) -> Response | None:
        """Refuse too many attempts."""
        retry_at_ns = self.limit.retry_at(address_of(connection), now_ns)
        if retry_at_ns is None:
            return None
        conduct = self.conducts.of(self.source)
        conduct.violate(self.limit_name, now_ns)
        conduct.refuse(self.name, now_ns, retry_at_ns)
        response = connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests\n")
        response.headers["Retry-After"] = str(max(1, math.ceil((retry_at_ns - now_ns) / SECOND)))
        return response

    async def serve(self, connection: ClientSocket, _request: Request) -> None:
        """Talk to a client."""
        venue = self.player.world.venues.get(self.source)
        listed = venue.listings().keys() if venue is not None else frozenset[str]()
        session = self.open_session(listed, self.player.clock(), self.player.clock)
        await FeedConnection(connection, session, venue, self.player, self.conducts.of(self.source)).serve()


def feed_doors(player: Player, conducts: Conducts) -> list[FeedDoor]:
    """All four; figures from exchanges.md 3 to 6, Kraken's and Bybit's from general knowledge there."""

    def door(source: str, limit: AttemptLimit, name: str, open_session: OpenSession) -> FeedDoor:
        return FeedDoor(source, limit, name, open_session, player, conducts)

    return [
        door(
            COINBASE,
            TokenBucket(per_second=8, burst=20),
            "connections_per_second",
            lambda listed, now_ns, _clock: CoinbaseSession(listed, now_ns),
        ),
        door(KRAKEN, RollingLimit(150, 10 * MINUTE), "connections_per_10_minutes", KrakenSession),
        door(
            OKX,
            RollingLimit(3, SECOND),
            "connections_per_second",
            lambda listed, now_ns, _clock: OkxSession(listed, now_ns),
        ),
        door(
            BYBIT,
            RollingLimit(500, 5 * MINUTE),
            "connections_per_5_minutes",
            lambda listed, now_ns, _clock: BybitSession(listed, now_ns),
        ),
    ]
