"""Fetches single JSON documents over HTTPS.

Never retries: the caller decides when to try again.

With `pipeline.net.http_client` and CoinGecko's `client` and `fetcher`, the home of httpx.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx

from pipeline.net.http_client import HTTP_ERRORS, client_factory
from pipeline.net.retry_after import DEFAULT_RETRY_AFTER, parse_retry_after_header
from pipeline.net.simulation import check_simulation
from pipeline.ports import Cooldown
from rates.clock import Clock
from rates.errors import (
    SourceBlocked,
    SourceError,
    SourceProtocolError,
    SourceRateLimited,
    SourceUnavailable,
)
from rates.source import Source

MIB = 2**20
# Binance's whole exchangeInfo is about 10 MB.
MAX_BODY_BYTES = 64 * MIB
# 418 is a ban with an end.
RATE_STATUSES = frozenset({418, 429})
BLOCKING_STATUSES = frozenset({401, 403, 451})


class RestClient:
    """Client of one source's REST API. `cooldown` is shared by all replicas."""

    def __init__(
        self,
        source: Source,
        connect: Callable[[], httpx.AsyncClient],
        cooldown: Cooldown,
        *,
        simulated: bool,
        clock: Clock,
    ) -> None:
        self._source, self._connect, self._cooldown = source, connect, cooldown
        self._simulated, self._clock = simulated, clock

    async def fetch_json(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        """Fetch the body of a successful response, as undecoded JSON.

        Raises:
            SourceError: no response, an error status, not JSON, or longer than 64 MiB. During a cooldown no request is sent.
            CacheUnavailable: the cooldown cannot be read.
        """
        await self._check_cooldown()
        try:
            async with self._connect() as client, client.stream("GET", path, params=params) as response:
                body = await self._read(response)
        except HTTP_ERRORS as exc:
            raise SourceUnavailable(self._source, f"{type(exc).__name__}: {exc}") from exc
        check_simulation(self._source, response.headers, simulated=self._simulated)
        error = response_error(self._source, response.status_code, response.headers, body, self._clock())
        if isinstance(error, SourceRateLimited):
            await self._cooldown.start(error.retry_at - self._clock())
        if error is not None:
            raise error
        return body

    async def _check_cooldown(self) -> None:
        remaining = await self._cooldown.remaining()
        if remaining > timedelta():
            retry_at = self._clock() + remaining
            raise SourceRateLimited(self._source, "the source asked for a pause", retry_at=retry_at)

    async def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise SourceProtocolError(self._source, f"expected at most {MAX_BODY_BYTES // MIB} MiB")
        return bytes(body)


@asynccontextmanager
async def open_rest_client(
    source: Source, base_url: str, cooldown: Cooldown, *, simulated: bool, clock: Clock, timeout_s: float
) -> AsyncIterator[RestClient]:
    """Open a client while the context is open.

    `timeout_s` bounds the wait for each chunk of a response.

    Raises:
        InvalidSetting: the proxy of the environment cannot be used.
    """
    headers = {"accept": "application/json", "user-agent": "ratewire"}
    connect = client_factory(base_url.rstrip("/"), headers, timeout_s=timeout_s, simulated=simulated)
    yield RestClient(source, connect, cooldown, simulated=simulated, clock=clock)


def response_error(
    source: Source, status: int, headers: Mapping[str, str], body: bytes, now: datetime
) -> SourceError | None:
    """Return the error of a response's status and content type, `None` for 200 with JSON."""
    summary = f"HTTP {status}: {' '.join(body[:300].decode(errors='replace').split())[:160]!r}"
    if status in RATE_STATUSES:
        wait = parse_retry_after_header(headers.get("retry-after"), now) or DEFAULT_RETRY_AFTER
        return SourceRateLimited(source, summary, retry_at=now + wait)
    if status in BLOCKING_STATUSES:
        return SourceBlocked(source, summary)
    if status == 408 or status >= 500:
        return SourceUnavailable(source, summary)
    if status != 200:
        return SourceProtocolError(source, summary)
    if "json" not in headers.get("content-type", ""):
        return SourceProtocolError(source, f"expected JSON, saw {summary}")
    return None
