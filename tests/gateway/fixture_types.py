"""Types of the gateway's fixtures and of the JSON that its tests read."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import NamedTuple, Protocol

import httpx
import msgspec

from access.authority import KeyAuthority
from access.key_watch import KeyWatch
from cache.ports import TickerFeed
from gateway.budgets.account_registry import Accounts
from gateway.gateway import Gateway
from gateway.settings import GatewaySettings
from instruments.store import InstrumentReader
from rates.source import Source
from rates.ticker import Ticker
from tests.gateway.fakes import TIMEOUT_S

Until = Callable[[Callable[[], object]], Awaitable[None]]


class Json(Protocol):
    """Any JSON value as a test reads it; a wrong step fails at run time."""

    def __getitem__(self, step: str | int, /) -> "Json": ...
    def __iter__(self) -> Iterator["Json"]: ...
    def __len__(self) -> int: ...
    def __contains__(self, value: object, /) -> bool: ...
    def __lt__(self, other: object, /) -> bool: ...
    def __gt__(self, other: object, /) -> bool: ...
    def __le__(self, other: object, /) -> bool: ...
    def __ge__(self, other: object, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...


class BuildTicker(Protocol):
    """`build_ticker`."""

    def __call__(
        self,
        symbol: str = ...,
        price: str = ...,
        *,
        source: Source = ...,
        observed_at: datetime = ...,
        sequence: int = ...,
        **fields: object,
    ) -> Ticker: ...


class Answered(NamedTuple):
    """The result of a query."""

    data: Json
    errors: list["AnsweredError"]

    def codes(self) -> dict[str | int, object]:
        """Return the code of each error, by its root field."""
        return {error.path[0]: error.extensions["code"] for error in self.errors if error.path}


class AnsweredError(msgspec.Struct):
    """One GraphQL error."""

    message: str
    path: list[str | int] | None = None
    extensions: dict[str, Json] = msgspec.field(default_factory=dict)
    locations: list[dict[str, int]] | None = None


class Execute(Protocol):
    """Executes a query, without a transport."""

    async def __call__(self, query: str, **variables: object) -> Answered: ...


class Served(NamedTuple):
    """A gateway on a real port."""

    http: str
    ws: str
    stop: asyncio.Event
    at_once: asyncio.Event
    done: asyncio.Task[None]

    def client(
        self, *, timeout: float = TIMEOUT_S, headers: dict[str, str] | None = None
    ) -> httpx.AsyncClient:
        """A client without TLS: reading the certificates of all authorities takes 20 ms each time."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return httpx.AsyncClient(base_url=self.http, verify=context, timeout=timeout, headers=headers)

    async def facts(self, holds: Callable[[Json], object] = lambda facts: facts["ready"]) -> Json:
        """The facts of readiness, as soon as `holds` is true of them."""
        async with self.client() as client, asyncio.timeout(TIMEOUT_S):
            while True:
                facts: Json = (await client.get("/health/ready")).json()
                if holds(facts):
                    return facts
                await asyncio.sleep(0.01)


class Running(Protocol):
    """Runs a gateway over a feed, without a server."""

    def __call__(
        self, feed: TickerFeed, reader: InstrumentReader = ...
    ) -> AbstractAsyncContextManager[Gateway]: ...


class Serving(Protocol):
    """Serves a gateway over a feed on a free port."""

    def __call__(
        self,
        feed: TickerFeed,
        configured: GatewaySettings = ...,
        accounts: Accounts | None = ...,
        *,
        authority: KeyAuthority | None = ...,
        key_watch: KeyWatch | None = ...,
    ) -> AbstractAsyncContextManager[Served]: ...


class ReadyGateway(Protocol):
    """Serves the cache; settings by name differ from the defaults."""

    def __call__(
        self, feed: TickerFeed = ..., **configured: object
    ) -> AbstractAsyncContextManager[Served]: ...
