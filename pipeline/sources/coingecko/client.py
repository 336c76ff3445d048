"""Asks CoinGecko, never without taking the call out of the budget that all replicas share. With `rest` and `one_call`, the home of httpx."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx
import structlog

from pipeline.net.http_client import client_factory
from pipeline.net.simulation import check_simulation
from pipeline.sources.adapter import SourceContext
from pipeline.sources.coingecko.messages import response_error
from pipeline.sources.coingecko.plan import base_url, key_header
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from rates.errors import CacheUnavailable, SourceRateLimited, SourceUnavailable
from rates.source import Source
from runtime.backoff import Jitter


class CoinGeckoClient:
    """One call at a time, of whatever endpoint; `open_client` makes and closes it."""

    def __init__(
        self,
        connect: Callable[[], httpx.AsyncClient],
        context: SourceContext,
        *,
        jitter_s: float,
        jitter: Jitter = random.uniform,
    ) -> None:
        assert context.budget is not None, "CoinGecko is never asked without a budget"
        self._connect = connect
        self._around = context
        self._budget = context.budget
        self._jitter_s, self._jitter = jitter_s, jitter
        self._refusal: SourceRateLimited | None = None
        self._log = structlog.get_logger("ratewire.coingecko").bind(role=context.health.role)

    async def fetch_json(self, target: str) -> httpx.Response:
        """A good answer of JSON.

        Raises:
            SourceError: no answer, a refusal, or nothing left in the budget; a refusal for rate holds off all replicas.
            CacheUnavailable: nobody knows what is left in the budget.
        """
        if self._refusal is not None and self._around.clock() < self._refusal.retry_at:
            raise self._refusal
        # Whole deployments ask by the same wall clock: apart from each other, they do not meet at the source's door.
        await asyncio.sleep(self._jitter(0, self._jitter_s))
        self._around.health.budget = await self._budget.take(target)
        try:
            async with self._connect() as client:
                answer = await client.get(target)
        except httpx.HTTPError as exc:
            raise SourceUnavailable(Source.COINGECKO, f"{type(exc).__name__}: {exc}") from exc
        check_simulation(Source.COINGECKO, answer.headers, simulated=self._around.simulated)
        now = self._around.clock()
        error = response_error(answer.status_code, answer.headers, answer.content, now)
        if isinstance(error, SourceRateLimited):
            await self._obey(error, now)
        if error is not None:
            raise error
        return answer

    async def defer(self, span: timedelta, target: str) -> None:
        """No replica needs to ask that again before `span` is over."""
        try:
            await self._budget.defer(span, target)
        except CacheUnavailable as exc:
            self._log.warning("cannot tell the other replicas", error=str(exc))

    async def _obey(self, refusal: SourceRateLimited, now: datetime) -> None:
        # Remembered here too: this replica must not forget because Redis is away.
        self._refusal = refusal
        try:
            await self._budget.start_cooldown(refusal.retry_at - now)
        except CacheUnavailable as exc:
            self._log.warning("cannot tell the other replicas", error=str(exc), refusal=str(refusal))


@asynccontextmanager
async def open_client(settings: CoinGeckoSettings, context: SourceContext) -> AsyncIterator[CoinGeckoClient]:
    """A client for the length of the block.

    Raises:
        InvalidSetting: a plan without its key, or a key without its plan.
    """
    headers = {"accept": "application/json", "user-agent": "ratewire", **key_header(settings)}
    connect = client_factory(base_url(settings), headers, timeout_s=settings.timeout_s)
    yield CoinGeckoClient(connect, context, jitter_s=settings.jitter_s)
