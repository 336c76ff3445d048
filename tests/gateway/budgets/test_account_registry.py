"""Charging: from leased points, without the store, and beyond what a plan allows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from access.lease_store import Lease, LeaseRequest
from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS, PlanLimits
from access.redis_lease_store import RedisLeaseStore
from cache.redis_client import open_redis
from gateway.budgets.account_registry import Accounts
from gateway.budgets.point_leaser import AWAY_RETRY_S, OUTAGE_PART
from gateway.budgets.stream_budgets import LEASE_TIMEOUT_S, SWEEP_S
from rates.errors import BudgetExhausted, CacheUnavailable, QueryTooExpensive
from rates.redis_keys import RedisKeys
from tests.virtual_time import VirtualTimeLoop, run_virtually

# Ten points a second; 540 may be leased at once, for six seconds.
PLANS = {**SHIPPED_PLANS, "anonymous": PlanLimits(points=600).named("anonymous")}
ADDRESS, GRACE_S = "192.0.2.7", 60.0


class Time:
    """A time that a test sets, in seconds."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def seconds(self) -> float:
        return self.now_s

    def us(self) -> int:
        return round(self.now_s * 1_000_000)


class CountingStore(MemoryLeaseStore):
    """A store that can be away, and counts its leases."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        super().__init__(now_s)
        self.requests: list[LeaseRequest] = []
        self.is_away = False

    async def take(self, request: LeaseRequest) -> Lease:
        self.requests.append(request)
        if self.is_away:
            raise CacheUnavailable("Redis: refused")
        return await super().take(request)


@pytest.fixture
def now() -> Time:
    return Time()


@pytest.fixture
def store(now: Time) -> CountingStore:
    return CountingStore(now.seconds)


@pytest.fixture
def accounts(store: CountingStore, now: Time) -> Accounts:
    return Accounts(store, PLANS, grace_s=GRACE_S, now_s=now.seconds)


async def spend(accounts: Accounts, points: int, times: int = 10**6) -> int:
    """Charge again and again, until the budget is spent; return the points."""
    spent = 0
    for _ in range(times):
        try:
            await accounts.charge(accounts.of_address(ADDRESS), points)
        except BudgetExhausted:
            break
        spent += points
    return spent


async def test_most_requests_ask_no_store(accounts: Accounts, store: CountingStore) -> None:
    """A lease serves many requests like the one for which it was taken."""
    assert await spend(accounts, 5, times=20) == 100
    assert 1 <= len(store.requests) <= 4


async def test_a_spent_budget_is_refused_without_asking_the_store(
    accounts: Accounts, store: CountingStore
) -> None:
    """All of the budget is spent, then each refusal says when to come back."""
    assert await spend(accounts, 5) == 540
    asked = len(store.requests)
    for _ in range(100):
        with pytest.raises(BudgetExhausted) as caught:
            await accounts.charge(accounts.of_address(ADDRESS), 20)
    assert len(store.requests) == asked
    assert caught.value.remaining == 0
    assert caught.value.limit == 600
    assert 1_900 <= caught.value.retry_ms <= 2_100
    assert caught.value.full_s == pytest.approx(54, abs=0.2)
    assert accounts.usage["anonymous"].denied["budget"] >= 100


async def test_a_client_that_waits_as_told_is_served(accounts: Accounts, now: Time) -> None:
    """`retry_ms` is no guess for a client alone."""
    await spend(accounts, 5)
    with pytest.raises(BudgetExhausted) as caught:
        await accounts.charge(accounts.of_address(ADDRESS), 20)
    now.now_s += caught.value.retry_ms / 1000
    await accounts.charge(accounts.of_address(ADDRESS), 20)


async def test_a_client_with_hardly_a_point_is_refused_before_its_request_is_read(
    accounts: Accounts, now: Time
) -> None:
    """A point of a shipped plan comes back within microseconds: it serves nobody."""
    account = accounts.of_key("k1", "standard")
    assert account.limits is not None
    await accounts.charge(account, account.limits.capacity - 50)
    now.now_s += 0.0001
    with pytest.raises(BudgetExhausted):
        accounts.check(account)
    now.now_s += 1
    accounts.check(account)


async def test_an_operation_beyond_the_budget_is_too_expensive(accounts: Accounts) -> None:
    """Waiting would not help."""
    with pytest.raises(QueryTooExpensive) as caught:
        await accounts.charge(accounts.of_address(ADDRESS), 541)
    assert caught.value.limit == 540


async def test_an_unlimited_plan_asks_no_store(accounts: Accounts, store: CountingStore) -> None:
    """Its usage is counted all the same."""
    account = accounts.of_key("k1", "unlimited")
    for _ in range(1_000):
        await accounts.charge(account, 10**6)
    assert account.spent == 10**9
    assert not store.requests
    assert account.state(0).limit is None


async def test_keys_and_addresses_have_accounts_of_their_own(accounts: Accounts) -> None:
    """One that is spent refuses nobody else."""
    await spend(accounts, 5)
    await accounts.charge(accounts.of_address("192.0.2.8"), 5)
    await accounts.charge(accounts.of_key("k1", "standard"), 5)


async def test_a_key_whose_plan_changes_gets_another_account(accounts: Accounts) -> None:
    """Points that it has spent still count for the plan that it had."""
    before = accounts.of_key("k1", "standard")
    await accounts.charge(before, 5)
    assert accounts.of_key("k1", "unlimited") is not before
    assert before in list(accounts)
    assert before.spent == 5


async def test_two_tokens_of_one_subject_with_different_plans_keep_what_they_hold_open(
    accounts: Accounts, store: CountingStore
) -> None:
    """Taking turns neither forgets a lease nor what is open."""
    for _ in range(5):
        for plan in ("standard", "anonymous"):
            account = accounts.of_key("token:ada", plan)
            await accounts.charge(account, 1)
            account.open["sockets"] += 1
    assert [each.open["sockets"] for each in accounts] == [5, 5]
    assert len(store.requests) == 2


async def test_a_key_of_a_plan_that_the_settings_do_not_have_keeps_its_account(
    accounts: Accounts, store: CountingStore
) -> None:
    """It has the limits of the anonymous plan, and no lease of its own for each request."""
    account = accounts.of_key("k1", "gold")
    assert account.plan.name == "anonymous"
    for _ in range(5):
        assert accounts.of_key("k1", "gold") is account
        await accounts.charge(account, 1)
    assert len(store.requests) == 1


async def test_without_the_store_the_last_lease_is_spent_first(
    accounts: Accounts, store: CountingStore, now: Time
) -> None:
    """Then a quarter of the plan is served, and never all of it."""
    await accounts.charge(accounts.of_address(ADDRESS), 5)
    left = accounts.of_address(ADDRESS).left
    assert left >= 5
    store.is_away = True
    assert await spend(accounts, 5) <= left
    for _ in range(50):
        now.now_s += 1
        served = await spend(accounts, 1)
        assert served <= 10 * OUTAGE_PART + 1
    assert accounts.is_store_away


async def test_after_the_grace_nobody_is_served_without_the_store(
    accounts: Accounts, store: CountingStore, now: Time
) -> None:
    """A client hears that the service is away, not that its budget is spent."""
    store.is_away = True
    now.now_s += GRACE_S - 1
    await accounts.charge(accounts.of_address(ADDRESS), 5)
    now.now_s += 2 + GRACE_S
    accounts.of_address(ADDRESS).left = 0
    with pytest.raises(CacheUnavailable):
        await accounts.charge(accounts.of_address(ADDRESS), 5)


async def test_what_was_spent_without_the_store_is_paid_afterwards(
    accounts: Accounts, store: CountingStore, now: Time
) -> None:
    """The debt is told with the next lease, once."""
    store.is_away = True
    now.now_s += 20
    owed = await spend(accounts, 5)
    assert owed > 0
    store.is_away = False
    now.now_s += 1
    await accounts.charge(accounts.of_address(ADDRESS), 5)
    assert [each.debt for each in store.requests if each.debt][-1] == owed
    assert accounts.of_address(ADDRESS).debt == 0
    assert not accounts.is_store_away


async def test_the_grace_of_a_quiet_gateway_begins_when_it_finds_the_store_away(
    accounts: Accounts, store: CountingStore, now: Time
) -> None:
    """It asked for nothing for an hour, and knows no better."""
    store.is_away = True
    now.now_s += 3_600
    await accounts.charge(accounts.of_address(ADDRESS), 5)
    now.now_s += GRACE_S - 1
    await accounts.charge(accounts.of_address(ADDRESS), 5)
    now.now_s += 2
    with pytest.raises(CacheUnavailable):
        await accounts.charge(accounts.of_address("192.0.2.8"), 5)


async def test_a_debt_is_known_and_not_asked_for_again(
    accounts: Accounts, store: CountingStore, now: Time
) -> None:
    """A client is told when its debt is paid; until then no refusal asks the store."""
    account = accounts.of_address(ADDRESS)
    account.debt = 800
    for _ in range(10):
        with pytest.raises(BudgetExhausted) as caught:
            await accounts.charge(account, 5)
        assert caught.value.remaining == 0
        assert 25_000 <= caught.value.retry_ms <= 27_000
        now.now_s += 0.01
    assert len(store.requests) == 1
    now.now_s += caught.value.retry_ms / 1000
    await accounts.charge(account, 5)


class SilentStore:
    """A store that does not answer."""

    requests = 0

    async def take(self, _request: LeaseRequest) -> Lease:
        self.requests += 1
        await asyncio.Event().wait()
        raise AssertionError


def test_a_store_that_does_not_answer_counts_as_away() -> None:
    """A request waits for a second at most."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        accounts = Accounts(SilentStore(), PLANS, grace_s=GRACE_S, now_s=loop.time)
        with pytest.raises(BudgetExhausted):
            await accounts.charge(accounts.of_address(ADDRESS), 50)
        assert loop.time() == pytest.approx(LEASE_TIMEOUT_S)

    run_virtually(main())


def test_only_one_request_a_second_waits_for_a_store_that_is_away() -> None:
    """A hundred clients would wait for it one after the other otherwise, each for a second."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        store = SilentStore()
        accounts = Accounts(store, SHIPPED_PLANS, grace_s=GRACE_S, now_s=loop.time)
        account = accounts.of_address(ADDRESS)
        with pytest.raises(BudgetExhausted):
            await accounts.charge(account, 100_000)
        await asyncio.sleep(AWAY_RETRY_S)
        began_s = loop.time()
        await asyncio.gather(*[accounts.charge(account, 100) for _ in range(100)])
        assert loop.time() - began_s <= LEASE_TIMEOUT_S
        assert store.requests == 2

    run_virtually(main())


def run_with(work: Callable[[Accounts, CountingStore, VirtualTimeLoop], Awaitable[None]]) -> None:
    """Run `work` beside the background of accounts, in virtual time."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        store = CountingStore(loop.time)
        accounts = Accounts(store, PLANS, grace_s=GRACE_S, now_s=loop.time)
        running = asyncio.create_task(accounts.run())
        await work(accounts, store, loop)
        running.cancel()
        await asyncio.wait([running])

    run_virtually(main())


def test_a_lease_is_refilled_before_it_is_spent() -> None:
    """A steady client below its limit never waits: it is charged without the store each time."""

    async def work(accounts: Accounts, store: CountingStore, _: VirtualTimeLoop) -> None:
        account = accounts.of_address(ADDRESS)
        await accounts.charge(account, 4)
        for _number in range(200):
            await asyncio.sleep(0.5)
            assert accounts.charge_now(account, 4)
        assert len(store.requests) <= 100

    run_with(work)


def test_leased_points_are_given_up_when_their_time_is_over() -> None:
    """Other gateways may lease them again, so they are spent here no more."""

    async def work(accounts: Accounts, store: CountingStore, _: VirtualTimeLoop) -> None:
        account = accounts.of_address(ADDRESS)
        await accounts.charge(account, 5)
        assert account.left > 0
        assert account.limits is not None
        store.is_away = True
        await asyncio.sleep(account.limits.lease_s - 3 * SWEEP_S)
        assert account.left > 0
        await asyncio.sleep(3 * SWEEP_S)
        # A point or two that it may spend without the store.
        assert account.left <= 2
        assert account.spent == 5

    run_with(work)


def test_idle_accounts_are_forgotten() -> None:
    """Those that hold something open are kept."""

    async def work(accounts: Accounts, _store: CountingStore, _: VirtualTimeLoop) -> None:
        await accounts.charge(accounts.of_address(ADDRESS), 5)
        accounts.of_address("192.0.2.8").open["sockets"] += 1
        await asyncio.sleep(90)
        assert len(accounts) == 1
        assert accounts.usage["anonymous"].spent == 5

    run_with(work)


@pytest.fixture
async def four_gateways(redis_url: str, now: Time) -> AsyncIterator[list[Accounts]]:
    """Accounts of four gateways over one Redis."""
    redis = open_redis(redis_url)
    await redis.flushall()
    plans = {**SHIPPED_PLANS, "anonymous": PlanLimits(points=60_000, burst=10_000).named("anonymous")}
    keys = RedisKeys(simulated=True)
    yield [
        Accounts(RedisLeaseStore(redis, keys, now_us=now.us), plans, grace_s=GRACE_S, now_s=now.seconds)
        for _ in range(4)
    ]
    await redis.aclose()


@pytest.mark.servers
async def test_four_gateways_together_keep_the_limit_of_a_client(
    four_gateways: list[Accounts], now: Time
) -> None:
    """Under a steady overload of three times the limit they serve it, within 5 %."""
    tick_s, points_per_s = 0.02, 1_000

    async def serve(seconds: float) -> int:
        spent = 0
        for _ in range(round(seconds / tick_s)):
            now.now_s += tick_s
            for accounts in four_gateways:
                account = accounts.of_address(ADDRESS)
                for _request in range(2):
                    try:
                        await accounts.charge(account, 8)
                    except BudgetExhausted:
                        continue
                    spent += 8
        return spent

    # After the burst, what refills is all there is.
    await serve(6)
    spent = await serve(10)
    assert 0.95 * 10 * points_per_s <= spent <= 1.05 * 10 * points_per_s
