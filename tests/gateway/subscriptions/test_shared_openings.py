"""Subscriptions that begin alike at the same time share their first event."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.queries.rates_query import RatesQuery
from gateway.subscriptions.cohort import IdentityEncoder
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import EventKind, RatesEvent
from rates.symbol import parse_symbol
from tests.gateway.fakes import FakeClock
from tests.gateway.fixture_types import BuildTicker, Until
from tests.gateway.subscriptions.test_live_queries import BINANCE, prices
from tests.gateway.subscriptions.test_resume_cost import Received

AT_ONCE = DeliveryOptions(0.0, Decimal(0), 15.0)
BITCOIN = RatesQuery(symbols=(parse_symbol("BTC/USDT"),))

Write = Callable[[str], Awaitable[None]]
Join = Callable[..., Received]


@pytest.fixture
def write(gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until) -> Write:
    written = 0

    async def write_next(price: str) -> None:
        nonlocal written
        written += 1
        await cache.write([ticker(price=price, sequence=written)])
        await until(lambda: gateway.mirror.positions[BINANCE].seq == written)

    return write_next


@pytest.fixture
def join(gateway: Gateway) -> Join:
    """Subscribes a client of one page: all have the same encoder."""
    encoder: IdentityEncoder[RatesEvent] = IdentityEncoder()

    def subscribe(after: str | None = None, options: DeliveryOptions = AT_ONCE) -> Received:
        client = Received()
        assert gateway.live_queries.subscribe(BITCOIN, options, encoder, client, after=after) is None
        return client

    return subscribe


async def test_clients_that_come_at_once_share_their_first_event(
    gateway: Gateway, write: Write, join: Join
) -> None:
    """Snapshots are shared, and what was missed since the same cursor.

    All belong to one cohort at once.
    """
    await write("1")
    cursor = gateway.rates.cursor()
    await write("2")
    new, old = [join() for _ in range(3)], [join(cursor) for _ in range(3)]
    for clients, recovered in ((new, None), (old, True)):
        (event,) = clients[0].events
        assert (event.kind, event.recovered, prices(event)) == (
            EventKind.SNAPSHOT,
            recovered,
            [("BTC/USDT", "2")],
        )
        assert all(each.events[0] is event for each in clients)
    assert len({each.cohort for each in (*new, *old)}) == 1
    await write("3")
    assert all(prices(each.events[-1]) == [("BTC/USDT", "3")] for each in (*new, *old))
    assert all(len(each.events) == 2 for each in (*new, *old))


async def test_cursors_of_different_moments_are_told_apart(
    gateway: Gateway, write: Write, join: Join
) -> None:
    await write("1")
    before = gateway.rates.cursor()
    await write("2")
    behind, current = join(before), join(gateway.rates.cursor())
    assert [prices(each.events[0]) for each in (behind, current)] == [[("BTC/USDT", "2")], []]


async def test_what_comes_in_between_is_in_the_event_of_the_second(
    gateway: Gateway, write: Write, join: Join
) -> None:
    """Neither misses anything, and neither gets anything twice."""
    await write("1")
    cursor = gateway.rates.cursor()
    await write("2")
    clients = [join(cursor), join()]
    await write("3")
    clients += [join(cursor), join()]
    assert [[prices(event)[0][1] for event in each.events] for each in clients] == [
        ["2", "3"],
        ["2", "3"],
        ["3"],
        ["3"],
    ]


async def test_a_first_event_is_never_older_than_a_moment(write: Write, join: Join, clock: FakeClock) -> None:
    """Its ages are computed at the time at which it was made."""
    await write("1")
    first = join()
    clock.advance(0.009)
    assert join().events[0] is first.events[0]
    clock.advance(0.001)
    later = join()
    assert later.events[0].sent_at == clock.now > first.events[0].sent_at
    clock.advance(-3600)
    # A clock that was set back makes no moment of an hour.
    assert join().events[0].sent_at == clock.now


async def test_clients_with_a_least_change_have_events_of_their_own(write: Write, join: Join) -> None:
    """Their last event decides what they are sent next."""
    await write("100")
    options = DeliveryOptions(0.0, Decimal(100), 15.0)
    first, second = join(options=options), join(options=options)
    assert first.events[0] is not second.events[0]
    await write("100.5")
    await write("102")
    for each in (first, second):
        assert [prices(event)[0][1] for event in each.events] == ["100", "102"]


async def test_a_gap_is_said_to_each(write: Write, join: Join, gateway: Gateway) -> None:
    """It repeats the cursor of the client; the snapshots after it are the same."""
    await write("1")
    lost = gateway.rates.cursor()
    gateway.mirror.sources[BINANCE].position = gateway.mirror.positions[BINANCE]._replace(epoch="other")
    clients = [join(lost), join(lost)]
    for each in clients:
        gap, snapshot = each.events
        assert (gap.kind, gap.cursor, snapshot.recovered) == (EventKind.GAP, lost, False)
    assert clients[0].events[1] is clients[1].events[1]


async def test_many_cursors_at_once_are_not_kept(gateway: Gateway, write: Write, join: Join) -> None:
    """Beyond eight of a moment each client has an event of its own, which is as complete."""
    cursors = []
    for number in range(12):
        await write(str(number + 1))
        cursors.append(gateway.rates.cursor())
    await write("99")
    first, again = [join(each) for each in cursors], [join(each) for each in cursors]
    shared = [one.events[0] is other.events[0] for one, other in zip(first, again, strict=True)]
    assert shared == [True] * 8 + [False] * 4
    assert all(prices(each.events[0]) == [("BTC/USDT", "99")] for each in (*first, *again))
