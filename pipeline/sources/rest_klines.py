"""Klines over REST, within a budget and in bounded time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from history.interval import TimeSpan
from history.kline import Kline, KlineTraits, select_klines
from history.ports import KlineFetcher
from pipeline.net.rest_client import RestClient, open_rest_client
from pipeline.ports import RequestBudget
from pipeline.sources.adapter import KlineAdapter, SourceContext
from rates.clock import EPOCH, Clock
from rates.errors import InvalidNumber, SourceProtocolError, SourceUnavailable
from rates.number import parse_decimal
from rates.source import Source

# A page is up to 150 kB.
FETCH_TIMEOUT = timedelta(seconds=20)


class KlineRequest(NamedTuple):
    """One call."""

    path: str
    params: Mapping[str, str]


BuildRequests = Callable[[str, TimeSpan, datetime], Sequence[KlineRequest]]
"""Returns the calls for the klines of a source symbol that begin in a time of at most one page; the last argument is now."""
ParseKlines = Callable[[bytes], Sequence[Kline]]
"""Parses a whole response, in any order; raises `SourceError`."""


class RestKlines:
    """A `KlineFetcher` of one source."""

    def __init__(
        self,
        source: Source,
        client: RestClient,
        budget: RequestBudget,
        *,
        build: BuildRequests,
        parse: ParseKlines,
        clock: Clock,
    ) -> None:
        self._source, self._client, self._budget, self._clock = source, client, budget, clock
        self._build, self._parse = build, parse

    async def fetch_klines(self, source_symbol: str, window: TimeSpan) -> Sequence[Kline]:
        found: list[Kline] = []
        for request in self._build(source_symbol, window, self._clock()):
            await self._budget.take()
            found += self._parse(await self._fetch(request))
        return select_klines(self._source, found, window)

    async def _fetch(self, request: KlineRequest) -> bytes:
        try:
            async with asyncio.timeout(FETCH_TIMEOUT.total_seconds()):
                return await self._client.fetch_json(request.path, request.params)
        except TimeoutError as exc:
            said = f"no klines within {FETCH_TIMEOUT.total_seconds():g} s"
            raise SourceUnavailable(self._source, said) from exc


def rest_klines(
    source: Source,
    base_url: str,
    build: BuildRequests,
    parse: ParseKlines,
    traits: KlineTraits,
    *,
    timeout_s: float,
) -> KlineAdapter:
    """Build a `SourceAdapter.klines`, for contexts with a budget.

    `timeout_s` as in `open_rest_client`.
    """

    @asynccontextmanager
    async def open_klines(context: SourceContext) -> AsyncIterator[KlineFetcher]:
        assert context.budget is not None
        async with open_rest_client(
            source,
            base_url,
            context.cooldown,
            simulated=context.simulated,
            clock=context.clock,
            timeout_s=timeout_s,
        ) as client:
            yield RestKlines(source, client, context.budget, build=build, parse=parse, clock=context.clock)

    return KlineAdapter(open_klines, traits)


def to_kline(
    source: Source,
    time: timedelta,
    prices: Sequence[str | Decimal],
    volume: str | Decimal,
    *,
    quote_volume: str | None = None,
    trades: int | None = None,
) -> Kline:
    """Return a kline of open, high, low and close. `time` is since the epoch.

    Raises:
        SourceProtocolError: not numbers, or no time.
    """
    try:
        opening, high, low, close, amount = (_to_decimal(number) for number in (*prices, volume))
        quote = None if quote_volume is None else _to_decimal(quote_volume)
        return Kline(EPOCH + time, opening, high, low, close, amount, quote, trades)
    except (InvalidNumber, OverflowError) as exc:
        raise SourceProtocolError(source, f"expected a kline: {exc}") from exc


def _to_decimal(number: str | Decimal) -> Decimal:
    return number if isinstance(number, Decimal) else parse_decimal(number)
