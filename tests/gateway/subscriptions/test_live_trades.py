"""The subscription `trades` tells each trade once, and says where some may be missing."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
import structlog

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.request import GraphQLRequest
from gateway.results import encode
from gateway.schema.build import build_schema
from gateway.schema.context import Context, OperationMetadata
from gateway.settings import GatewaySettings
from gateway.subscriptions.cohort import Cohort, IdentityEncoder
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.trades_event import LiveTradesArgs, TradesEvent
from history.trade import Trade
from history.trade_tape import FOLLOWER_CHUNKS, TAPE_LENGTH, MemoryTradeTape, TapeChunk
from rates.errors import (
    CacheUnavailable,
    InvalidArgument,
    InvalidCursor,
    UnknownSymbol,
)
from rates.source import Source
from rates.symbol import Symbol, parse_symbol
from rates.ticker import TickerKey
from tests.gateway.fakes import FakeClock, ListedInstruments, wait_until
from tests.history.trades import trade
from tests.pipeline.fakes import BTC

QUERY = LiveTradesArgs(TickerKey(Source.BINANCE, BTC), 5)
EVERYTHING = DeliveryOptions()
ALL_FIELDS = """
subscription($last: Int!, $after: String) {
  trades(symbol: "BTC/USDT", source: BINANCE, last: $last, after: $after) {
    __typename kind cursor conflatedCount recovered sentAt
    items { __typename sourceTradeId price quantity time side count afterGap }
  }
}
"""


class SlowTape(MemoryTradeTape):
    """A tape that can be away, and whose readings can be held up after they were made."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.readings = 0
        self.last: int | str | None = None

    async def read(self, source: Source, symbol: Symbol, limit: int | None = None) -> list[Trade]:
        if self.is_away:
            raise CacheUnavailable("redis.internal refused the connection")
        found = await super().read(source, symbol, limit)
        self.readings += 1
        await self.may_answer.wait()
        return found

    async def tell(self, *ids: int | str, is_after_gap: bool = False, follows: bool = True) -> None:
        """Append trades with these ids. `follows`: it is known which one was before."""
        first, *others = (trade(each, 1) for each in ids)
        if is_after_gap:
            first = Trade(
                first.id, first.price, first.quantity, first.time, first.side, first.count, after_gap=True
            )
        chunk = TapeChunk((first, *others), self.last if follows else "another")
        self.last = ids[-1]
        await self.append(Source.BINANCE, "one", {BTC: chunk})


class TradeClient:
    """A subscriber that is always ready, unless told otherwise."""

    consuming_s = 0.0

    def __init__(self) -> None:
        self.cohort: Cohort[TradesEvent] | None = None
        self.events: list[TradesEvent] = []
        self.errors: list[Exception] = []
        self.is_blocked = False

    @property
    def client(self) -> object:
        return self

    @property
    def told(self) -> list[int | str]:
        """The ids of all trades, in the order in which they came."""
        return [one.id for event in self.events for one in event.items]

    @property
    def kinds(self) -> list[str]:
        return [event.kind.value for event in self.events]

    def is_ready(self) -> bool:
        return not self.is_blocked

    def notify_when_ready(self) -> None:
        """Do nothing: `unblock` flushes."""

    def unblock(self) -> None:
        """Become ready."""
        self.is_blocked = False
        if self.cohort is not None:
            self.cohort.flush_now()

    def deliver(self, payload: TradesEvent) -> None:
        self.events.append(payload)

    def fail(self, error: Exception) -> None:
        self.errors.append(error)

    def leave(self) -> None:
        """End the subscription."""
        if self.cohort is not None:
            self.cohort.remove(self)


class Scenario:
    """Gateways over one tape."""

    def __init__(self) -> None:
        self.tape = SlowTape()
        self.clock = FakeClock()
        self._encoder = IdentityEncoder[TradesEvent]()

    @asynccontextmanager
    async def open_gateway(self) -> AsyncIterator[Gateway]:
        """Run a gateway, as long as the context lasts."""
        gateway = Gateway(
            MemoryCache(),
            ListedInstruments((Source.BINANCE, "BTC/USDT")),
            GatewaySettings(port=0),
            simulated=False,
            tape=self.tape,
            clock=self.clock,
        )
        gateway.trades._wait_s = lambda _: 0
        task = asyncio.create_task(gateway.run())
        await wait_until(lambda: gateway.mirror.loaded and gateway.catalog.loaded)
        yield gateway
        task.cancel()
        await asyncio.wait([task])

    async def subscribe(
        self,
        gateway: Gateway,
        query: LiveTradesArgs = QUERY,
        *,
        options: DeliveryOptions = EVERYTHING,
        after: str | None = None,
    ) -> TradeClient:
        """Return a client that has subscribed."""
        client = TradeClient()
        opening = gateway.live_queries.subscribe(query, options, self._encoder, client, after=after)
        assert opening is not None
        await opening
        return client


@pytest.fixture
def scenario() -> Scenario:
    return Scenario()


@pytest.fixture
async def gateway(scenario: Scenario) -> AsyncIterator[Gateway]:
    async with scenario.open_gateway() as found:
        yield found


async def settle() -> None:
    """Let the gateway apply and send what has come."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_snapshot_comes_first_then_each_trade(scenario: Scenario, gateway: Gateway) -> None:
    """The snapshot has as many of the last trades as were asked for."""
    await scenario.tape.tell(*range(1, 9))
    client = await scenario.subscribe(gateway)
    await scenario.tape.tell(9)
    await settle()
    await scenario.tape.tell(10, 11)
    await settle()
    assert client.kinds == ["SNAPSHOT", "UPDATE", "UPDATE"]
    assert client.told == list(range(4, 12))
    assert client.events[0].recovered is None
    assert not any(event.conflated_count for event in client.events)


@pytest.mark.parametrize("told_after", range(4))
async def test_no_trade_is_lost_or_doubled_at_the_seam(scenario: Scenario, told_after: int) -> None:
    """Trades that are told while the tape is read are in what was read, or follow it."""
    tape = scenario.tape
    async with scenario.open_gateway() as gateway:
        await tape.tell(1, 2)
        tape.may_answer.clear()
        joining = asyncio.create_task(scenario.subscribe(gateway))
        number = 3
        for turn in range(4):
            if turn == told_after:
                await wait_until(lambda: tape.readings == 1)
            await tape.tell(number)
            number += 1
            await settle()
        tape.may_answer.set()
        client = await joining
        for _ in range(3):
            await tape.tell(number)
            number += 1
            await settle()
    assert client.told == list(range(1, number))
    assert client.kinds[0] == "SNAPSHOT"
    assert "GAP" not in client.kinds


async def test_a_slow_reader_gets_the_newest_and_the_number_left_out(
    scenario: Scenario, gateway: Gateway
) -> None:
    """Nothing is kept for it but the trades that are kept for all."""
    await scenario.tape.tell(1)
    slow, fast = [await scenario.subscribe(gateway) for _ in range(2)]
    slow.is_blocked = True
    number = 2
    for _ in range(60):
        await scenario.tape.tell(*range(number, number + 7))
        number += 7
        await settle()
    assert fast.told == list(range(1, number))
    assert slow.told == [1]
    slow.unblock()
    last = slow.events[-1]
    assert len(last.items) == TAPE_LENGTH
    assert last.conflated_count + TAPE_LENGTH == number - 2
    assert last.items[-1].id == number - 1
    await scenario.tape.tell(number)
    await settle()
    assert slow.events[-1] is fast.events[-1]
    assert slow.cohort is fast.cohort


async def test_equal_subscriptions_share_events_whatever_they_began_with(
    scenario: Scenario, gateway: Gateway
) -> None:
    """Those with another `last` have the same updates, which are encoded once."""
    await scenario.tape.tell(*range(1, 9))
    clients = [await scenario.subscribe(gateway, QUERY._replace(last=last)) for last in (5, 5, 0)]
    await scenario.tape.tell(9)
    await settle()
    assert clients[0].cohort is clients[1].cohort
    assert {id(client.events[-1]) for client in clients} == {id(clients[0].events[-1])}
    assert clients[2].told == [9]


async def test_a_missing_trade_is_a_gap(scenario: Scenario, gateway: Gateway) -> None:
    """The snapshot that follows shows where."""
    await scenario.tape.tell(1, 2)
    client = await scenario.subscribe(gateway)
    await scenario.tape.tell(5, is_after_gap=True)
    await settle()
    await scenario.tape.tell(6)
    await settle()
    assert client.kinds == ["SNAPSHOT", "GAP", "SNAPSHOT", "UPDATE"]
    gap, snapshot = client.events[1:3]
    assert gap.cursor == client.events[0].cursor
    assert [(one.id, one.after_gap) for one in snapshot.items] == [(1, False), (2, False), (5, True)]
    assert snapshot.recovered is False
    assert client.told[-1] == 6


async def test_an_append_that_did_not_arrive_is_looked_up(scenario: Scenario, gateway: Gateway) -> None:
    """It is a gap only if it is not on the tape."""
    tape = scenario.tape
    await tape.tell(1, 2)
    client = await scenario.subscribe(gateway)
    followers, tape._followers = tape._followers, {}
    await tape.tell(3)
    tape._followers = followers
    await tape.tell(4)
    await settle()
    assert client.told == [1, 2, 3, 4]
    assert "GAP" not in client.kinds
    await tape.tell(9, follows=False)
    await settle()
    assert client.kinds[-2:] == ["GAP", "SNAPSHOT"]


async def test_a_broken_subscription_loses_nothing(scenario: Scenario, gateway: Gateway) -> None:
    """The tape is read again once it is back."""
    tape = scenario.tape
    await tape.tell(1)
    client = await scenario.subscribe(gateway)
    for number in range(2, FOLLOWER_CHUNKS + 4):
        await tape.tell(number)
    await wait_until(lambda: client.told[-1] == FOLLOWER_CHUNKS + 3)
    await settle()
    assert "GAP" not in client.kinds
    left_out = sum(event.conflated_count for event in client.events)
    assert len(client.told) + left_out == FOLLOWER_CHUNKS + 3
    assert len(set(client.told)) == len(client.told)


async def test_a_client_resumes_with_what_it_missed(scenario: Scenario, gateway: Gateway) -> None:
    """On another gateway too, which has never kept these trades."""
    await scenario.tape.tell(*range(1, 9))
    client = await scenario.subscribe(gateway)
    cursor = client.events[-1].cursor
    client.leave()
    await scenario.tape.tell(9)
    await scenario.tape.tell(10, 11)
    async with scenario.open_gateway() as other:
        for one in (gateway, other, gateway):
            resumed = await scenario.subscribe(one, after=cursor)
            assert resumed.kinds == ["SNAPSHOT"]
            assert resumed.events[0].recovered is True
            assert resumed.told == [9, 10, 11]
        await scenario.tape.tell(12)
        await settle()
        assert resumed.told == [9, 10, 11, 12]


async def test_a_client_that_missed_many_resumes_with_the_newest(
    scenario: Scenario, gateway: Gateway
) -> None:
    """The others are counted: it is known that nothing else is missing."""
    await scenario.tape.tell(1, 2)
    client = await scenario.subscribe(gateway)
    cursor = client.events[-1].cursor
    client.leave()
    for number in range(3, 3 + 2 * TAPE_LENGTH, 2):
        await scenario.tape.tell(number, number + 1)
    resumed = await scenario.subscribe(gateway, after=cursor)
    (snapshot,) = resumed.events
    assert snapshot.recovered is True
    assert len(snapshot.items) == TAPE_LENGTH
    assert snapshot.conflated_count == TAPE_LENGTH


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "on the tape only"])
async def test_a_gap_meanwhile_is_told_to_a_client_that_resumes(
    scenario: Scenario, gateway: Gateway, *, is_kept: bool
) -> None:
    """Whether the gateway keeps the trades, or reads them."""
    await scenario.tape.tell(1, 2)
    client = await scenario.subscribe(gateway)
    cursor = client.events[-1].cursor
    if not is_kept:
        client.leave()
    await scenario.tape.tell(5, is_after_gap=True)
    await scenario.tape.tell(6)
    await settle()
    resumed = await scenario.subscribe(gateway, after=cursor)
    assert resumed.kinds == ["GAP", "SNAPSHOT"]
    assert resumed.events[0].cursor == cursor
    assert resumed.told == [1, 2, 5, 6]


async def test_a_cursor_that_is_forgotten_is_a_gap(scenario: Scenario, gateway: Gateway) -> None:
    """As after a loss of the cache."""
    await scenario.tape.tell(1, 2)
    client = await scenario.subscribe(gateway)
    cursor = client.events[-1].cursor
    client.leave()
    scenario.tape._chunks.clear()
    await scenario.tape.tell(8)
    resumed = await scenario.subscribe(gateway, after=cursor)
    assert resumed.kinds == ["GAP", "SNAPSHOT"]
    assert resumed.told == [8]


async def test_an_instrument_without_trades_is_answered(scenario: Scenario, gateway: Gateway) -> None:
    """Its first trade may follow others that nobody has seen."""
    client = await scenario.subscribe(gateway)
    assert client.told == []
    cursor = client.events[-1].cursor
    again = await scenario.subscribe(gateway, after=cursor)
    assert (again.kinds, again.events[0].recovered) == (["SNAPSHOT"], True)
    await scenario.tape.tell(1, is_after_gap=True)
    await settle()
    assert client.kinds == ["SNAPSHOT", "GAP", "SNAPSHOT"]
    assert client.told == [1]
    resumed = await scenario.subscribe(gateway, after=cursor)
    assert resumed.kinds == ["GAP", "SNAPSHOT"]


async def test_silence_is_broken_by_heartbeats(scenario: Scenario, gateway: Gateway) -> None:
    """With the cursor of the last event."""
    await scenario.tape.tell(1)
    client = await scenario.subscribe(gateway, options=DeliveryOptions(max_silence_s=0.01))
    await wait_until(lambda: client.kinds[-1] == "HEARTBEAT")
    assert client.events[-1].cursor == client.events[0].cursor
    assert client.events[-1].items == ()


async def test_a_sample_interval_merges_updates(scenario: Scenario, gateway: Gateway) -> None:
    """All trades come, in fewer events."""
    await scenario.tape.tell(1)
    client = await scenario.subscribe(gateway, options=DeliveryOptions(sample_interval_s=0.2))
    for number in range(2, 7):
        await scenario.tape.tell(number)
        await settle()
    await wait_until(lambda: client.told[-1] == 6)
    assert client.told == list(range(1, 7))
    assert len(client.events) < 6


async def test_nothing_is_followed_for_nobody(scenario: Scenario, gateway: Gateway) -> None:
    """After the last client has left, or one that gave up."""
    await scenario.tape.tell(1)
    clients = [await scenario.subscribe(gateway) for _ in range(2)]
    history = gateway.live_queries.history
    assert history is not None
    assert history.trades.instrument_count == 1
    for client in clients:
        client.leave()
    assert history.trades.instrument_count == 0
    scenario.tape.may_answer.clear()
    joining = asyncio.create_task(scenario.subscribe(gateway))
    await settle()
    joining.cancel()
    await asyncio.wait([joining])
    assert history.trades.instrument_count == 0
    await scenario.tape.tell(2)
    await wait_until(lambda: not scenario.tape._followers)


async def test_a_subscription_waits_for_a_tape_that_is_away(scenario: Scenario, gateway: Gateway) -> None:
    """It begins once the tape is back, and follows nothing if it is given up before."""
    scenario.tape.is_away = True
    given_up = asyncio.create_task(scenario.subscribe(gateway))
    waiting = asyncio.create_task(scenario.subscribe(gateway))
    with structlog.testing.capture_logs() as logs:
        await wait_until(lambda: sum("waits for the history" in one["event"] for one in logs) == 2)
    assert "redis.internal" not in str([one["error"] for one in logs if "waits" in one["event"]])
    given_up.cancel()
    await asyncio.wait([given_up])
    scenario.tape.is_away = False
    await scenario.tape.tell(1)
    client = await waiting
    assert client.kinds == ["SNAPSHOT"]
    client.leave()
    history = gateway.live_queries.history
    assert history is not None
    assert history.trades.instrument_count == 0


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (QUERY._replace(last=-1), InvalidArgument),
        (QUERY._replace(last=TAPE_LENGTH + 1), InvalidArgument),
        (QUERY._replace(key=TickerKey(Source.BINANCE, parse_symbol("BTC/USDTT"))), UnknownSymbol),
        (QUERY._replace(key=TickerKey(Source.KRAKEN, BTC)), UnknownSymbol),
    ],
)
async def test_what_cannot_be_answered_is_refused(
    gateway: Gateway, query: LiveTradesArgs, error: type[Exception]
) -> None:
    """At once."""
    with pytest.raises(error):
        gateway.live_queries.check(query)


async def test_a_cursor_of_another_instrument_is_refused(scenario: Scenario, gateway: Gateway) -> None:
    """Equal ids mean nothing there."""
    client = await scenario.subscribe(gateway)
    cursor = client.events[-1].cursor
    gateway.live_queries.check(QUERY, cursor)
    for other in (QUERY._replace(key=TickerKey(Source.BINANCE, parse_symbol("ETH/USDT"))),):
        with pytest.raises((InvalidCursor, UnknownSymbol)):
            gateway.live_queries.check(other, cursor)
    with pytest.raises(InvalidCursor):
        gateway.live_queries.check(QUERY, gateway.rates.cursor() or "x")


async def read(results: AsyncGenerator[bytes, None], bodies: list[bytes]) -> None:
    """Keep the results of a subscription."""
    async with aclosing(results):
        async for body in results:
            bodies += (body,)


async def test_every_path_tells_the_same(scenario: Scenario, gateway: Gateway) -> None:
    """The executor and the fast path, byte for byte; a trade is encoded once for all events."""
    operations = Operations(build_schema(), Context.of(gateway), GatewaySettings(port=0, fast_path=True))
    await scenario.tape.tell(*range(1, 9))
    request = GraphQLRequest(ALL_FIELDS, {"last": 3})
    prepared = operations.prepare(request)
    assert prepared.subscription is not None

    async def execute() -> AsyncGenerator[bytes, None]:
        stream = await operations.iterate_results(operations.prepare(request), OperationMetadata())
        async with aclosing(stream) as results:
            async for result in results:
                yield encode(result)

    executed: list[bytes] = []
    pulled: list[list[bytes]] = [[], []]
    tasks = [asyncio.create_task(read(execute(), executed))]
    tasks += [
        asyncio.create_task(read(await operations.iterate(operations.prepare(request)), each))
        for each in pulled
    ]
    await wait_until(lambda: all((executed, *pulled)))
    await scenario.tape.tell(9, "odd")
    await wait_until(lambda: min(map(len, (executed, *pulled))) == 2)
    await scenario.tape.tell(12, is_after_gap=True)
    await wait_until(lambda: min(map(len, (executed, *pulled))) == 4)
    assert executed == pulled[0] == pulled[1]
    kinds = [json.loads(body)["data"]["trades"]["kind"] for body in executed]
    assert kinds == ["SNAPSHOT", "UPDATE", "GAP", "SNAPSHOT"]
    encoder = operations._fast_subscriptions.payload_encoder(prepared.subscription)
    assert encoder.encoded_count == 6  # type: ignore[union-attr]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
