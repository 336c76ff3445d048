"""Fetches CoinGecko's rates for one task, unless they cannot have changed."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

import httpx
import msgspec
import structlog

from pipeline.coordination.block import Block
from pipeline.sources.adapter import SourceContext
from pipeline.sources.coingecko.client import CoinGeckoClient
from pipeline.sources.coingecko.freshness import earliest_update, response_age
from pipeline.sources.coingecko.messages import CoinQuote, parse_prices
from pipeline.sources.coingecko.plan import update_interval
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from pipeline.sources.coingecko.symbols import PriceRequest, price_requests
from pipeline.sources.coingecko.tickers import to_tickers, updated_at
from pipeline.task import RequestedInstrument
from pipeline.validation import Rejection
from rates.clock import EPOCH
from rates.errors import SourceError, SourceRateLimited
from rates.ticker import Ticker

# Requests whose last response is kept. One request has all ids of a task, as long as the tracked instruments do not change.
MAX_ANSWERS = 32
NAMED_IN_NOTE = 10


class LastResponse(msgspec.Struct, frozen=True):
    """The last response to a request, and the time for which it cannot change."""

    tickers: tuple[Ticker, ...] = ()
    rest: Block = msgspec.field(default_factory=Block)
    missing: tuple[str, ...] = ()
    received_at: datetime = EPOCH


class CoinGeckoFetcher:
    """A `RateFetcher` over REST, within the budget that all replicas share."""

    def __init__(self, client: CoinGeckoClient, settings: CoinGeckoSettings, context: SourceContext) -> None:
        self._client = client
        self._update_interval = update_interval(settings)
        self._health = context.health
        self._simulated = context.simulated
        self._clock = context.clock
        self._answers: OrderedDict[str, LastResponse] = OrderedDict()
        self._log = structlog.get_logger("ratewire.coingecko").bind(role=context.health.role)

    async def fetch(self, instruments: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
        requests = list(price_requests(instruments))
        failure: SourceError | None = None
        asked = 0
        # The request with the oldest response comes first, so that with too few calls each gets its turn.
        for request in sorted(requests, key=lambda each: self._known(each).received_at):
            now = self._clock()
            if failure is not None or now < self._known(request).rest.until(now):
                continue
            try:
                await self._fetch_request(request)
                asked += 1
            except SourceError as exc:
                failure = exc
        if failure is not None and not asked:
            raise failure
        self._update_notices(requests, failure)
        # Includes the unchanged tickers: the cache may have lost them, and otherwise ignores them.
        return [ticker for request in requests for ticker in self._known(request).tickers]

    def _known(self, request: PriceRequest) -> LastResponse:
        return self._answers.get(request.target) or LastResponse()

    async def _fetch_request(self, request: PriceRequest) -> None:
        try:
            answer = await self._client.fetch_json(request.target)
        except SourceRateLimited as exc:
            if not exc.is_planned:
                raise
            # The budget of the minute is spent, another replica made the call, or the monthly quota is being spread. Nothing is wrong.
            known, now = self._known(request), self._clock()
            known.rest.extend(exc.retry_at - now, now)
            self._keep(request, known)
            return
        received_at = self._clock()
        quotes, unreadable = parse_prices(answer.content, {one.source_symbol for one in request.instruments})
        for coin in unreadable:
            self._health.record_rejection(Rejection.UNREADABLE, coin)
        tickers = tuple(
            to_tickers(
                quotes,
                request.instruments,
                received_at=received_at,
                simulated=self._simulated,
                response_age=response_age(answer.headers),
            )
        )
        priced = {ticker.symbol for ticker in tickers}
        missing = tuple(str(one.symbol) for one in request.instruments if one.symbol not in priced)
        response = LastResponse(tickers, missing=missing, received_at=received_at)
        self._keep(request, response)
        rest = self._until(answer, quotes, received_at) - received_at
        if rest > timedelta():
            response.rest.extend(rest, received_at)
            await self._client.defer(rest, request.target)

    def _keep(self, request: PriceRequest, answer: LastResponse) -> None:
        self._answers[request.target] = answer
        self._answers.move_to_end(request.target)
        while len(self._answers) > MAX_ANSWERS:
            self._answers.popitem(last=False)

    def _until(self, answer: httpx.Response, quotes: dict[str, CoinQuote], received_at: datetime) -> datetime:
        times = [at for at in map(updated_at, quotes.values()) if at is not None]
        return earliest_update(
            answer.headers,
            received_at=received_at,
            newest=max(times, default=None),
            update_interval=self._update_interval,
        )

    def _update_notices(self, requests: Sequence[PriceRequest], failure: SourceError | None) -> None:
        """Report missing prices and skipped requests."""
        self._health.set_notice(
            "partly", None if failure is None else f"not everything was requested: {failure}"
        )
        missing = [name for request in requests for name in self._known(request).missing]
        more = ", …" if len(missing) > NAMED_IN_NOTE else ""
        names = ", ".join(missing[:NAMED_IN_NOTE]) + more
        self._health.set_notice("no price", f"{len(missing)} without a price: {names}" if missing else None)
