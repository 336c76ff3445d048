"""CoinGecko's rates for one task: one call of `/simple/price` for all ids, unless it could not bring anything newer."""

from collections.abc import Sequence
from datetime import datetime

import httpx
import structlog

from pipeline.health import SourceHealth
from pipeline.ports import CallBudget
from pipeline.sources.coingecko.freshness import not_newer_before
from pipeline.sources.coingecko.messages import CoinQuote, parse_prices, refusal_of
from pipeline.sources.coingecko.plan import update_interval
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from pipeline.sources.coingecko.symbols import Params, price_params
from pipeline.sources.coingecko.tickers import tickers_of, updated_at
from pipeline.sources.simulation import check_simulation
from pipeline.task import Wanted
from pipeline.validation import Refusal
from rates.clock import Clock
from rates.errors import SourceError, SourceRateLimited, SourceUnavailable
from rates.source import Source
from rates.ticker import Ticker


class CoinGeckoFetcher:
    """A `RateFetcher` over REST, inside the budget that all replicas share."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        settings: CoinGeckoSettings,
        budget: CallBudget,
        health: SourceHealth,
        *,
        simulated: bool,
        clock: Clock,
    ) -> None:
        self._client = client
        self._update_interval = update_interval(settings)
        self._budget = budget
        self._health = health
        self._simulated = simulated
        self._clock = clock
        self._asked: Params | None = None
        self._last: tuple[Ticker, ...] = ()
        self._not_newer_before: datetime | None = None
        self._log = structlog.get_logger("ratewire.coingecko").bind(role=health.role)

    async def fetch(self, wanted: Sequence[Wanted]) -> Sequence[Ticker]:
        params = price_params(wanted)
        if self._is_pointless(params):
            self._log.debug("call skipped: cannot be newer", until=str(self._not_newer_before))
            # Not nothing: the cache may have missed or lost what the last call brought, and else ignores it.
            return self._last
        self._health.budget = await self._budget.take()
        answer = await self._call(params)
        received_at = self._clock()
        quotes, unreadable = parse_prices(answer.content, {one.source_symbol for one in wanted})
        for coin in unreadable:
            self._health.note_refusal(Refusal.UNREADABLE, coin)
        self._remember(params, answer, quotes, received_at)
        self._last = tuple(tickers_of(quotes, wanted, received_at=received_at, simulated=self._simulated))
        return self._last

    async def _call(self, params: Params) -> httpx.Response:
        try:
            answer = await self._client.get("/simple/price", params=dict(params))
        except httpx.HTTPError as exc:
            raise SourceUnavailable(Source.COINGECKO, f"{type(exc).__name__}: {exc}") from exc
        check_simulation(Source.COINGECKO, answer.headers, simulated=self._simulated)
        now = self._clock()
        error: SourceError | None = refusal_of(answer.status_code, answer.headers, answer.content, now)
        if isinstance(error, SourceRateLimited):
            await self._budget.hold_for(error.retry_at - now)
        if error is not None:
            raise error
        return answer

    def _is_pointless(self, params: Params) -> bool:
        until = self._not_newer_before
        return params == self._asked and until is not None and self._clock() < until

    def _remember(
        self, params: Params, answer: httpx.Response, quotes: dict[str, CoinQuote], received_at: datetime
    ) -> None:
        times = [at for at in map(updated_at, quotes.values()) if at is not None]
        self._asked = params
        self._not_newer_before = not_newer_before(
            answer.headers,
            received_at=received_at,
            newest=max(times, default=None),
            update_interval=self._update_interval,
        )
