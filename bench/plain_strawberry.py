"""The reference server: Strawberry and FastAPI as documented, on the same Redis data.

    python -m bench.plain_strawberry PORT REDIS_URL

`GraphQLRouter` with a context dependency, resolvers that read Redis (`HMGET` on a pooled connection), subscriptions as async
generators over one queue each; one Redis subscription for the process, which is faster than one per subscriber. It has
none of the product's contracts: no limits, no freshness rules, no conflation, no resume.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import strawberry
import uvicorn
from fastapi import Depends, FastAPI
from redis.asyncio import Redis
from strawberry.fastapi import BaseContext, GraphQLRouter
from strawberry.types import Info

from bench.market import NAMES
from rates.source import Source


@strawberry.enum(name="Source")
class PlainSource(Enum):
    BINANCE = "binance"


@strawberry.type(name="Rate")
class PlainRate:
    symbol: str
    source: PlainSource
    price: Decimal
    bid: Decimal | None
    ask: Decimal | None
    observed_at: datetime
    age_ms: int


@strawberry.type(name="RateList")
class PlainRateList:
    items: list[PlainRate]


@strawberry.type(name="RatesEvent")
class PlainRatesEvent:
    items: list[PlainRate]


class ChangeFeed:
    """Puts every change that Redis publishes into the queues of the symbol's subscribers."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._queues: dict[str, set[asyncio.Queue[dict[str, Any]]]] = {}

    @asynccontextmanager
    async def subscribe(self, symbols: list[str]) -> AsyncIterator[asyncio.Queue[dict[str, Any]]]:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for symbol in symbols:
            self._queues.setdefault(symbol, set()).add(queue)
        try:
            yield queue
        finally:
            for symbol in symbols:
                self._queues[symbol].discard(queue)

    async def run(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(NAMES.changes_channel(Source.BINANCE))
            async for message in pubsub.listen():
                if message["type"] == "message" and self._queues:
                    for ticker in json.loads(message["data"])["tickers"]:
                        for queue in self._queues.get(ticker["symbol"], ()):
                            queue.put_nowait(ticker)


class PlainContext(BaseContext):
    """Context of the resolvers."""

    def __init__(self, redis: Redis, changes: ChangeFeed) -> None:
        super().__init__()
        self.redis = redis
        self.changes = changes


def parse_rate(ticker: dict[str, Any]) -> PlainRate:
    """Parse a rate from the JSON in Redis."""
    observed_at = datetime.fromtimestamp(ticker["observed_at_us"] / 1e6, UTC)
    return PlainRate(
        symbol=ticker["symbol"],
        source=PlainSource(ticker["source"]),
        price=Decimal(ticker["price"]),
        bid=Decimal(ticker["bid"]),
        ask=Decimal(ticker["ask"]),
        observed_at=observed_at,
        age_ms=int((datetime.now(UTC) - observed_at).total_seconds() * 1000),
    )


async def read_rates(redis: Redis, symbols: list[str]) -> list[PlainRate]:
    """Read the rates of `symbols` that Redis has."""
    found = await redis.hmget(NAMES.cache(Source.BINANCE), symbols)
    return [parse_rate(json.loads(each)) for each in found if each is not None]


@strawberry.type(name="Query")
class PlainQuery:
    @strawberry.field
    async def rate(self, info: Info[PlainContext], symbol: str) -> PlainRate | None:
        return next(iter(await read_rates(info.context.redis, [symbol])), None)

    @strawberry.field
    async def rates(self, info: Info[PlainContext], symbols: list[str]) -> PlainRateList:
        return PlainRateList(items=await read_rates(info.context.redis, symbols))


@strawberry.type(name="Subscription")
class PlainSubscription:
    @strawberry.subscription
    async def rates(
        self, info: Info[PlainContext], symbols: list[str]
    ) -> AsyncGenerator[PlainRatesEvent, None]:
        async with info.context.changes.subscribe(symbols) as queue:
            yield PlainRatesEvent(items=await read_rates(info.context.redis, symbols))
            while True:
                changed = [await queue.get()]
                while not queue.empty():
                    changed.append(queue.get_nowait())
                yield PlainRatesEvent(items=[parse_rate(each) for each in changed])


def create_app(redis_url: str) -> FastAPI:
    """Create the application as Strawberry's documentation does."""
    redis: Redis = Redis.from_url(redis_url)
    changes = ChangeFeed(redis)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(changes.run())
        yield
        task.cancel()
        await redis.aclose()

    def read_context() -> PlainContext:
        return PlainContext(redis, changes)

    async def get_context(context: Annotated[PlainContext, Depends(read_context)]) -> PlainContext:
        return context

    app = FastAPI(lifespan=lifespan)
    schema = strawberry.Schema(query=PlainQuery, subscription=PlainSubscription)
    app.include_router(GraphQLRouter(schema, context_getter=get_context), prefix="/graphql")
    return app


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[2]), port=int(sys.argv[1]), log_level="warning")
