"""CoinGecko's rates for one task: one call of `/simple/price` for all ids, unless it could not bring anything newer."""

from collections.abc import Sequence
from datetime import datetime

import httpx
import structlog

from pipeline.sources.coingecko.client import CoinGeckoClient
from pipeline.sources.coingecko.freshness import not_newer_before
from pipeline.sources.coingecko.messages import CoinQuote, parse_prices
from pipeline.sources.coingecko.plan import update_interval
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from pipeline.sources.coingecko.symbols import Params, price_params
from pipeline.sources.coingecko.tickers import tickers_of, updated_at
from pipeline.sources.parts import Surroundings
from pipeline.task import Wanted
from pipeline.validation import Refusal
from rates.ticker import Ticker

PATH = "/simple/price"


class CoinGeckoFetcher:
    """A `RateFetcher` over REST, inside the budget that all replicas share."""

    def __init__(self, client: CoinGeckoClient, settings: CoinGeckoSettings, around: Surroundings) -> None:
        self._client = client
        self._update_interval = update_interval(settings)
        self._health = around.health
        self._simulated = around.simulated
        self._clock = around.clock
        self._asked: Params | None = None
        self._last: tuple[Ticker, ...] = ()
        self._not_newer_before: datetime | None = None
        self._log = structlog.get_logger("ratewire.coingecko").bind(role=around.health.role)

    async def fetch(self, wanted: Sequence[Wanted]) -> Sequence[Ticker]:
        params = price_params(wanted)
        if self._is_pointless(params):
            self._log.debug("call skipped: cannot be newer", until=str(self._not_newer_before))
            # Not nothing: the cache may have missed or lost what the last call brought, and else ignores it.
            return self._last
        answer = await self._client.ask(PATH, params)
        received_at = self._clock()
        quotes, unreadable = parse_prices(answer.content, {one.source_symbol for one in wanted})
        for coin in unreadable:
            self._health.note_refusal(Refusal.UNREADABLE, coin)
        self._remember(params, answer, quotes, received_at)
        self._last = tuple(tickers_of(quotes, wanted, received_at=received_at, simulated=self._simulated))
        return self._last

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
