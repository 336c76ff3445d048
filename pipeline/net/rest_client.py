"""One plain answer over HTTPS, for sources whose listing is asked for now and then. With `one_call` and CoinGecko's `client`
and `fetcher`, the home of httpx. Never retries: who asks decides when to ask again.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx

from pipeline.net.http_client import client_factory
from pipeline.net.retry_after import DEFAULT_RETRY_AFTER, parse_retry_after_header
from pipeline.net.simulation import check_simulation
from pipeline.sources.adapter import SourceContext
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
# 418 is a ban, and says when it ends.
RATE_STATUSES = frozenset({418, 429})
BLOCKING_STATUSES = frozenset({401, 403, 451})


class RestClient:
    """Asks one source's REST API; `open_rest_client` makes and closes it."""

    def __init__(
        self, source: Source, connect: Callable[[], httpx.AsyncClient], context: SourceContext
    ) -> None:
        self._source, self._connect, self._around = source, connect, context

    async def fetch_json(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        """The body of a good answer, still unread JSON.

        Raises:
            SourceError: no answer, a refusal, no JSON, or longer than 64 MiB; not asked while an earlier refusal still holds, be
                it another replica's.
            CacheUnavailable: what was refused to others cannot be told.
        """
        await self._check_hold()
        try:
            async with self._connect() as client, client.stream("GET", path, params=params) as answer:
                body = await self._read(answer)
        except httpx.HTTPError as exc:
            raise SourceUnavailable(self._source, f"{type(exc).__name__}: {exc}") from exc
        check_simulation(self._source, answer.headers, simulated=self._around.simulated)
        error = response_error(self._source, answer.status_code, answer.headers, body, self._around.clock())
        if isinstance(error, SourceRateLimited):
            await self._around.cooldown.start_cooldown(error.retry_at - self._around.clock())
        if error is not None:
            raise error
        return body

    async def _check_hold(self) -> None:
        remaining = await self._around.cooldown.remaining()
        if remaining > timedelta():
            retry_at = self._around.clock() + remaining
            raise SourceRateLimited(self._source, "it asked to be left alone", retry_at=retry_at)

    async def _read(self, answer: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise SourceProtocolError(self._source, f"expected at most {MAX_BODY_BYTES // MIB} MiB")
        return bytes(body)


@asynccontextmanager
async def open_rest_client(
    source: Source, base_url: str, context: SourceContext, *, timeout_s: float
) -> AsyncIterator[RestClient]:
    """A client for the length of the block; `timeout_s` bounds the wait for each piece of an answer."""
    headers = {"accept": "application/json", "user-agent": "ratewire"}
    yield RestClient(source, client_factory(base_url.rstrip("/"), headers, timeout_s=timeout_s), context)


def response_error(
    source: Source, status: int, headers: Mapping[str, str], body: bytes, now: datetime
) -> SourceError | None:
    """The error that an answer means by its status and content type; `None` for 200 with JSON."""
    said = f"HTTP {status}: {' '.join(body[:300].decode(errors='replace').split())[:160]!r}"
    if status in RATE_STATUSES:
        wait = parse_retry_after_header(headers.get("retry-after"), now) or DEFAULT_RETRY_AFTER
        return SourceRateLimited(source, said, retry_at=now + wait)
    if status in BLOCKING_STATUSES:
        return SourceBlocked(source, said)
    if status == 408 or status >= 500:
        return SourceUnavailable(source, said)
    if status != 200:
        return SourceProtocolError(source, said)
    if "json" not in headers.get("content-type", ""):
        return SourceProtocolError(source, f"expected JSON, saw {said}")
    return None
