"""CoinGecko's rates for one task: one call of `/simple/price` for all ids, unless it could not bring anything newer."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

import httpx
import msgspec
import structlog

from pipeline.sources.adapter import SourceContext
from pipeline.sources.coingecko.client import CoinGeckoClient
from pipeline.sources.coingecko.freshness import earliest_update
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

# Questions whose last answers are kept; one is all ids of a task, as long as the tracked instruments stay the same.
MAX_ANSWERS = 32
NAMED_IN_NOTE = 10


class LastResponse(msgspec.Struct, frozen=True):
    """What a question brought last, and before when it cannot bring anything newer."""

    tickers: tuple[Ticker, ...] = ()
    until: datetime = EPOCH
    missing: tuple[str, ...] = ()


class CoinGeckoFetcher:
    """A `RateFetcher` over REST, inside the budget that all replicas share."""

    def __init__(self, client: CoinGeckoClient, settings: CoinGeckoSettings, context: SourceContext) -> None:
        self._client = client
        self._update_interval = update_interval(settings)
        self._health = context.health
        self._simulated = context.simulated
        self._clock = context.clock
        self._answers: OrderedDict[str, LastResponse] = OrderedDict()
        self._log = structlog.get_logger("ratewire.coingecko").bind(role=context.health.role)

    async def fetch(self, wanted: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
        questions = list(price_requests(wanted))
        failure: SourceError | None = None
        asked = 0
        # The one that is due the longest first: with too few calls for all, each gets its turn.
        for question in sorted(questions, key=lambda each: self._known(each).until):
            if failure is not None or self._clock() < self._known(question).until:
                continue
            try:
                await self._fetch_one(question)
                asked += 1
            except SourceError as exc:
                failure = exc
        if failure is not None and not asked:
            raise failure
        self._note(questions, failure)
        # What could not be newer as well: the cache may have missed or lost what the last call brought, and else ignores it.
        return [ticker for question in questions for ticker in self._known(question).tickers]

    def _known(self, question: PriceRequest) -> LastResponse:
        return self._answers.get(question.target) or LastResponse()

    async def _fetch_one(self, question: PriceRequest) -> None:
        try:
            answer = await self._client.fetch_json(question.target)
        except SourceRateLimited as exc:
            if not exc.is_planned:
                raise
            # Another replica has asked, or the month's quota is to last: nothing is wrong.
            self._keep(question, msgspec.structs.replace(self._known(question), until=exc.retry_at))
            return
        received_at = self._clock()
        quotes, unreadable = parse_prices(answer.content, {one.source_symbol for one in question.wanted})
        for coin in unreadable:
            self._health.record_rejection(Rejection.UNREADABLE, coin)
        tickers = tuple(
            to_tickers(quotes, question.wanted, received_at=received_at, simulated=self._simulated)
        )
        priced = {ticker.symbol for ticker in tickers}
        missing = tuple(str(one.symbol) for one in question.wanted if one.symbol not in priced)
        until = self._until(answer, quotes, received_at)
        self._keep(question, LastResponse(tickers, until, missing))
        if until > received_at:
            await self._client.defer(until - received_at, question.target)

    def _keep(self, question: PriceRequest, answer: LastResponse) -> None:
        self._answers[question.target] = answer
        self._answers.move_to_end(question.target)
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

    def _note(self, questions: Sequence[PriceRequest], failure: SourceError | None) -> None:
        """Say what people should know though rates came."""
        self._health.set_notice("partly", None if failure is None else f"not all was asked for: {failure}")
        missing = [name for question in questions for name in self._known(question).missing]
        more = ", …" if len(missing) > NAMED_IN_NOTE else ""
        names = ", ".join(missing[:NAMED_IN_NOTE]) + more
        self._health.set_notice("no price", f"{len(missing)} without a price: {names}" if missing else None)
