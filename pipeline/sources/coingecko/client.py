"""Client of CoinGecko's REST API.

Every call is taken from the budget that all replicas share.

With `pipeline.net.rest_client` and `http_client`, the home of httpx.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx
import structlog

from pipeline.coordination.block import Block
from pipeline.net.http_client import HTTP_ERRORS, client_factory
from pipeline.net.retry_after import parse_retry_after_header
from pipeline.net.simulation import check_simulation
from pipeline.sources.adapter import SourceContext
from pipeline.sources.coingecko.failure_backoff import FailureBackoff
from pipeline.sources.coingecko.messages import response_error
from pipeline.sources.coingecko.plan import base_url, key_header
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from rates.errors import CacheUnavailable, SourceBlocked, SourceRateLimited, SourceUnavailable
from rates.source import Source
from runtime.backoff import Jitter


class CoinGeckoClient:
    """Sends one call at a time, to any endpoint."""

    def __init__(
        self,
        connect: Callable[[], httpx.AsyncClient],
        context: SourceContext,
        *,
        jitter_s: float,
        first_backoff_s: float = 60.0,
        jitter: Jitter = random.uniform,
    ) -> None:
        assert context.budget is not None, "CoinGecko is never asked without a budget"
        self._connect = connect
        self._context = context
        self._budget = context.budget
        self._jitter_s, self._jitter = jitter_s, jitter
        self._rate_limit: SourceRateLimited | None = None
        self._cooldown = Block()
        self._backoff = FailureBackoff(timedelta(seconds=first_backoff_s), context.clock)
        self._log = structlog.get_logger("ratewire.coingecko").bind(role=context.health.role)

    async def fetch_json(self, target: str) -> httpx.Response:
        """Fetch a successful JSON response.

        Raises:
            SourceError: no response, an error, or no call left in the budget. A rate limit starts a cooldown of all replicas; a
                block or a server error is raised again, without a call, until the wait after it is over.
            CacheUnavailable: the budget cannot be read.
        """
        now = self._context.clock()
        if self._rate_limit is not None and now < self._cooldown.until(now):
            raise self._rate_limit
        self._backoff.check()
        # Replicas and deployments call by the same wall clock. The jitter spreads their calls.
        await asyncio.sleep(self._jitter(0, self._jitter_s))
        self._context.health.budget = await self._budget.take(target)
        try:
            async with self._connect() as client:
                response = await client.get(target)
        except HTTP_ERRORS as exc:
            raise SourceUnavailable(Source.COINGECKO, f"{type(exc).__name__}: {exc}") from exc
        check_simulation(Source.COINGECKO, response.headers, simulated=self._context.simulated)
        now = self._context.clock()
        error = response_error(response.status_code, response.headers, response.content, now)
        if isinstance(error, SourceRateLimited):
            await self._start_cooldown(error, now)
        if isinstance(error, SourceBlocked | SourceUnavailable):
            retry_after = parse_retry_after_header(response.headers.get("retry-after"), now)
            wait = self._backoff.record_failure(error, retry_after)
            self._log.warning("no calls after a failure", error=str(error), wait_s=wait.total_seconds())
        if error is not None:
            raise error
        self._backoff.reset()
        return response

    async def defer(self, span: timedelta, target: str) -> None:
        """Tell all replicas that the same call cannot return anything newer for `span`."""
        try:
            await self._budget.defer(span, target)
        except CacheUnavailable as exc:
            self._log.warning("cannot tell the other replicas", error=str(exc))

    async def _start_cooldown(self, error: SourceRateLimited, now: datetime) -> None:
        # Kept here, too, so that this replica observes it even while Redis is unavailable.
        span = error.retry_at - now
        self._rate_limit, self._cooldown = error, Block()
        self._cooldown.extend(span, now)
        try:
            await self._budget.start_cooldown(span)
        except CacheUnavailable as exc:
            self._log.warning("cannot tell the other replicas", error=str(exc), refusal=str(error))


@asynccontextmanager
async def open_client(settings: CoinGeckoSettings, context: SourceContext) -> AsyncIterator[CoinGeckoClient]:
    """Open a client while the context is open.

    Raises:
        InvalidSetting: a plan without its key, a key without its plan, or an unusable proxy.
    """
    headers = {"accept": "application/json", "user-agent": "ratewire", **key_header(settings)}
    connect = client_factory(
        base_url(settings), headers, timeout_s=settings.timeout_s, simulated=context.simulated
    )
    yield CoinGeckoClient(
        connect, context, jitter_s=settings.jitter_s, first_backoff_s=settings.first_backoff_s
    )
