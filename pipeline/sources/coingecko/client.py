"""Asks CoinGecko, never without taking the call out of the budget that all replicas share. With `rest`, the home of httpx."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from pipeline.sources.coingecko.messages import refusal_of
from pipeline.sources.coingecko.plan import base_url, key_header
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from pipeline.sources.coingecko.symbols import Params
from pipeline.sources.parts import Surroundings
from pipeline.sources.simulation import check_simulation
from rates.errors import SourceRateLimited, SourceUnavailable
from rates.source import Source


class CoinGeckoClient:
    """One call at a time, of whatever endpoint; `open_client` makes and closes it."""

    def __init__(self, client: httpx.AsyncClient, around: Surroundings) -> None:
        assert around.budget is not None, "CoinGecko is never asked without a budget"
        self._client = client
        self._around = around
        self._budget = around.budget

    async def ask(self, path: str, params: Params = ()) -> httpx.Response:
        """A good answer of JSON.

        Raises:
            SourceError: no answer, a refusal, or nothing left in the budget; a refusal for rate holds off all replicas.
            CacheUnavailable: nobody knows what is left in the budget.
        """
        self._around.health.budget = await self._budget.take()
        try:
            answer = await self._client.get(path, params=dict(params))
        except httpx.HTTPError as exc:
            raise SourceUnavailable(Source.COINGECKO, f"{type(exc).__name__}: {exc}") from exc
        check_simulation(Source.COINGECKO, answer.headers, simulated=self._around.simulated)
        now = self._around.clock()
        error = refusal_of(answer.status_code, answer.headers, answer.content, now)
        if isinstance(error, SourceRateLimited):
            await self._budget.hold_for(error.retry_at - now)
        if error is not None:
            raise error
        return answer


@asynccontextmanager
async def open_client(settings: CoinGeckoSettings, around: Surroundings) -> AsyncIterator[CoinGeckoClient]:
    """A client for the length of the block.

    Raises:
        InvalidSetting: a plan without its key, or a key without its plan.
    """
    async with httpx.AsyncClient(
        base_url=base_url(settings),
        headers={"accept": "application/json", "user-agent": "ratewire", **key_header(settings)},
        timeout=settings.timeout_s,
        limits=httpx.Limits(max_connections=2, max_keepalive_connections=1),
    ) as client:
        yield CoinGeckoClient(client, around)
