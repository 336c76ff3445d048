"""Subscribers with different keys share a cohort and its bytes where they may see the same."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS, PlanLimits
from access.scope import AccessScope
from cache.memory import MemoryCache
from gateway.budgets.account_registry import Accounts
from gateway.fastpath.subscriptions import RatesPayloadEncoder
from gateway.subscriptions.event import EventKind
from gateway.subscriptions.list_cohort import ListCohort
from tests.gateway.fakes import build_ticker
from tests.gateway.raw_socket import RATES, TIMEOUT_S, RawSocket
from tests.gateway.test_keys import Headers, Keyed, Serve, bearer, keyed

__all__ = ["keyed"]

pytestmark = pytest.mark.servers

# Cohorts merge once they have sent everything in the same flush cycle.
MOST_UPDATES = 50


@pytest.fixture
def encodings(monkeypatch: pytest.MonkeyPatch) -> list[EventKind]:
    """The kind of each event that is encoded for a cohort."""
    kinds: list[EventKind] = []
    encode = RatesPayloadEncoder.encode

    def noted(encoder: RatesPayloadEncoder, value: Any) -> Any:
        kinds.append(value.kind)
        return encode(encoder, value)

    monkeypatch.setattr(RatesPayloadEncoder, "encode", noted)
    return kinds


@pytest.fixture
def cohorts(monkeypatch: pytest.MonkeyPatch) -> set[ListCohort[Any]]:
    """The cohorts that were polled."""
    polled: set[ListCohort[Any]] = set()
    poll = ListCohort.poll

    def noted(cohort: ListCohort[Any], cycle: Any) -> Any:
        polled.add(cohort)
        return poll(cohort, cycle)

    monkeypatch.setattr(ListCohort, "poll", noted)
    return polled


async def subscribe(gateway: Keyed, sockets: AsyncExitStack, headers: Headers) -> RawSocket:
    """Open a socket with a subscription to all rates, whose first message is not read yet."""
    socket = await sockets.enter_async_context(gateway.socket(headers=headers))
    await socket.init()
    await socket.start("1", RATES)
    return socket


async def next_texts(sockets: Sequence[RawSocket]) -> list[str]:
    """Return the next message of each socket."""
    async with asyncio.timeout(TIMEOUT_S):
        return [str(await socket.connection.recv()) for socket in sockets]


async def live_queries(gateway: Keyed) -> float:
    """Return the number of different subscriptions."""
    async with gateway.served.client() as client:
        text = (await client.get("/metrics")).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    return families["ratewire_gateway_live_queries"].samples[0].value


async def test_different_keys_and_none_share_a_cohort(
    keyed: Serve, cache: MemoryCache, encodings: list[EventKind], cohorts: set[ListCohort[Any]]
) -> None:
    """Each change is encoded once, and all get the same bytes."""
    async with keyed() as gateway, AsyncExitStack() as stack:
        headers = [bearer(gateway.create()), bearer(gateway.create()), {}]
        sockets = [await subscribe(gateway, stack, each) for each in headers]
        assert all('"SNAPSHOT"' in text for text in await next_texts(sockets))
        assert await live_queries(gateway) == 1
        for number in range(1, MOST_UPDATES):
            encodings.clear()
            cohorts.clear()
            await cache.write([build_ticker(price=str(number), sequence=number)])
            texts = await next_texts(sockets)
            assert f'"price":"{number}"' in texts[0]
            assert set(texts) == {texts[0]}
            if len(cohorts) == 1:
                break
        assert encodings == [EventKind.UPDATE]
        assert [len(each.subscribers) for each in cohorts] == [len(sockets)]


async def test_throttled_subscribers_share_with_each_other_only(
    keyed: Serve, cache: MemoryCache, cohorts: set[ListCohort[Any]]
) -> None:
    """Their results say so, those of others do not."""
    plans = {**SHIPPED_PLANS, "small": PlanLimits(stream_points=1).named("small")}
    accounts = Accounts(MemoryLeaseStore(), plans, grace_s=60)
    async with keyed(accounts=accounts) as gateway, AsyncExitStack() as stack:
        keys = [gateway.create(plan=plan) for plan in ("standard", "standard", "small", "small")]
        sockets = [await subscribe(gateway, stack, bearer(each)) for each in keys]
        snapshots = await next_texts(sockets)
        assert ["throttled" in text for text in snapshots] == [False, False, True, True]
        assert await live_queries(gateway) == 2
        await cache.write([build_ticker(price="2", sequence=2)])
        first, second, third, fourth = await next_texts(sockets)
        assert first == second
        assert third == fourth != first
        assert all(len(each.subscribers) <= 2 for each in cohorts)


async def test_who_may_not_see_a_list_is_in_no_cohort_of_it(
    keyed: Serve, cache: MemoryCache, cohorts: set[ListCohort[Any]]
) -> None:
    """A key without the scope is refused, and gets none of the events that others share."""
    async with keyed() as gateway, AsyncExitStack() as stack:
        keys = [gateway.create(), gateway.create(), gateway.create([AccessScope.HISTORY])]
        *readers, historian = [await subscribe(gateway, stack, bearer(each)) for each in keys]
        await next_texts(readers)
        refused = await historian.receive()
        assert refused["type"] == "error"
        assert refused["payload"][0]["extensions"]["code"] == "FORBIDDEN"
        await cache.write([build_ticker(price="2", sequence=2)])
        first, second = await next_texts(readers)
        assert first == second
        assert sum(len(each.subscribers) for each in cohorts) == len(readers)
        await historian.send({"type": "ping"})
        assert (await historian.receive())["type"] == "pong"
