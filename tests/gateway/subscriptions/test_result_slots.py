"""Slots of results: what has ended waits no more."""

import asyncio

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.queries.rates_query import RatesQuery
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.result_slots import ResultSlot, ResultSlots, current_slot
from tests.gateway.fixture_types import BuildTicker, Until


async def test_queries_that_are_cancelled_wait_no_more() -> None:
    """A client that starts and stops them while it reads nothing makes the gateway keep nothing."""
    slots = ResultSlots(1)
    await ResultSlot(slots).acquire()
    waiting = [asyncio.create_task(ResultSlot(slots).acquire()) for _ in range(10)]
    await asyncio.sleep(0)
    assert slots.waiting == 10
    for each in waiting:
        each.cancel()
    await asyncio.wait(waiting)
    assert slots.waiting == 0


async def test_subscriptions_that_end_wait_no_more(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until
) -> None:
    """Neither do those whose first result waits for a slot."""
    await cache.write([ticker()])
    await until(lambda: gateway.mirror.positions != {})
    slots = ResultSlots(1)
    taken = ResultSlot(slots)
    taken.take()
    current_slot.set(ResultSlot(slots))
    results = gateway.live_queries.iterate(RatesQuery(), DeliveryOptions())
    first = asyncio.ensure_future(anext(results))
    await until(lambda: slots.waiting == 1)
    first.cancel()
    await asyncio.wait([first])
    assert slots.waiting == 0
    # The next one finds the slot free.
    taken.give_back()
    assert slots.is_any_free
