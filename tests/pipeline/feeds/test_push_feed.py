"""The push feed against a real socket server, with every failure that was seen in practice."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import overload

import pytest

from instruments.instrument import Instrument
from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.feeds.protocol import FeedEvent
from pipeline.sources.binance.protocol import BinanceProtocol
from pipeline.validation import Rejection
from rates.clock import utc_now
from rates.errors import SourceUnavailable
from rates.health import LinkState
from rates.source import Source
from runtime.free_port import free_port
from tests.pipeline.fakes import instrument, until
from tests.pipeline.feeds.push_server import age_of, feeding, open_push_server, trading

pytestmark = pytest.mark.servers

PAIRS = [instrument("BTC/USDT"), instrument("ETH/USDT")]
NAMES = ("BTCUSDT", "ETHUSDT")
RETRY_AFTER_S = 2


def numbers(tickers: Iterable[object]) -> list[int]:
    return [ticker.sequence for ticker in tickers]  # type: ignore[attr-defined]


async def test_all_symbols_go_over_one_connection_while_it_has_room() -> None:
    """One SUBSCRIBE for all of them, and their trades are delivered."""
    async with open_push_server() as exchange, feeding(exchange.url, read_instruments=PAIRS) as running:
        await exchange.has(*NAMES)
        await exchange.trade("BTCUSDT", "61837.63000000")
        await until(lambda: running.tickers)
        assert str(running.tickers[0].price) == "61837.63000000"
        assert len(exchange.clients[0].controls) == 1
        assert len(exchange.clients) == 1
        await until(lambda: running.health.state is LinkState.UP)


async def test_3500_symbols_go_over_11_connections_within_the_limits() -> None:
    """1024 streams per connection, five messages a second, every stream subscribed once."""
    read_instruments = [instrument(f"A{number}/USDT") for number in range(3500)]
    async with (
        open_push_server() as exchange,
        feeding(exchange.url, read_instruments=read_instruments) as running,
    ):
        await until(lambda: sum(len(client.streams) for client in exchange.clients) == 3 * 3500, within_s=30)
        assert len(exchange.clients) == 11
        assert max(len(client.streams) for client in exchange.clients) <= 1024
        for client in exchange.clients:
            times = [at for at, _ in client.controls]
            assert all(later - earlier > 0.4 for earlier, later in pairwise(times))
        await exchange.trade("A0USDT")
        await exchange.trade("A3499USDT")
        await until(lambda: len(running.tickers) == 2)


async def test_long_names_are_subscribed_within_the_servers_message_limit() -> None:
    """68 names of 10.7 letters on average: one message for all streams would be ignored."""
    read_instruments = [instrument(f"LONG{number:02}{'X' * (number % 3)}/USDT") for number in range(68)]
    names = [one.source_symbol for one in read_instruments]
    async with open_push_server() as exchange:
        exchange.max_bytes = 4088
        async with feeding(exchange.url, read_instruments=read_instruments) as running:
            await exchange.has(*names)
            await exchange.trade(names[-1])
            await until(lambda: running.of(names[-1]))
            assert len(exchange.clients) == 1


async def test_ignored_subscriptions_are_halved_on_the_same_connection() -> None:
    """Even if the source was never silent for that long before."""
    async with (
        open_push_server() as exchange,
        feeding(exchange.url, read_instruments=PAIRS, idle_timeout_s=1.0) as running,
    ):
        async with trading(exchange, *NAMES):
            await exchange.has(*NAMES)
            await until(lambda: running.tickers and age_of(running) > 4)
        exchange.max_bytes = 100
        await exchange.clients[0].socket.close(1001, "maintenance")
        await exchange.opened(2)
        async with trading(exchange, *NAMES):
            await exchange.has(*NAMES)
        assert len(exchange.clients) == 2


async def test_instruments_come_and_go_without_a_new_connection() -> None:
    """Added ones are subscribed; removed ones are unsubscribed and not delivered."""
    read_instruments = PAIRS[:1]
    async with (
        open_push_server() as exchange,
        feeding(exchange.url, read_instruments=read_instruments) as running,
    ):
        await exchange.has("BTCUSDT")
        read_instruments[:] = PAIRS[1:]
        await exchange.has("ETHUSDT")
        await exchange.say(
            "btcusdt@trade",
            {"e": "trade", "E": 1, "s": "BTCUSDT", "t": 1, "p": "1", "q": "1"},
            to=exchange.open,
        )
        await exchange.trade("ETHUSDT")
        await until(lambda: running.of("ETHUSDT"))
        assert not running.of("BTCUSDT")
        assert len(exchange.clients) == 1


async def test_a_half_open_socket_is_replaced_within_the_idle_timeout() -> None:
    """Neither data nor pongs arrive. Other connections are not affected."""
    read_instruments = [instrument(f"A{number}/USDT") for number in range(400)]
    names = [one.source_symbol for one in read_instruments]
    async with (
        open_push_server() as exchange,
        feeding(exchange.url, read_instruments=read_instruments, idle_timeout_s=1.0) as running,
        trading(exchange, *names, every_s=0.1),
    ):
        await until(lambda: len(exchange.clients) == 2 and all(running.of(names[i]) for i in (0, -1)))
        victim, other = exchange.clients
        victim.freeze()
        await until(lambda: victim not in exchange.open or len(exchange.clients) > 2)
        await exchange.has(names[0])
        assert other in exchange.open
        assert len(exchange.clients) == 3
        assert running.health.reconnects == 1
        assert "silent for 1." in running.reason or running.health.state is LinkState.UP


async def test_a_connection_with_only_unreadable_messages_is_replaced() -> None:
    """It counts as silent, and the reason shows what was received."""
    async with (
        open_push_server() as exchange,
        feeding(exchange.url, read_instruments=PAIRS, idle_timeout_s=0.6) as running,
    ):
        await exchange.has(*NAMES)
        async with trading(exchange, *NAMES):
            await until(lambda: len(running.tickers) > 50)

        async def babble() -> None:
            while len(exchange.clients) == 1:
                await exchange.say("btcusdt@trade", {"e": "trade", "E": "soon"}, to=exchange.open)
                await asyncio.sleep(0.01)

        await asyncio.wait_for(babble(), 60)
        assert running.health.rejections.total() > 10
        await until(lambda: "nothing readable for 0." in running.reason or running.health.reconnects)


@pytest.mark.parametrize(
    "odd",
    [
        b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTC\xff","t":1,"p":"1","q":"1"}}',
        b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":[],"q":"1"}}',
        b'{"stream":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\xff",
    ],
    ids=["no UTF-8 in a string", "wrong type", "nested deeply", "no JSON"],
)
async def test_an_odd_message_costs_only_itself(odd: bytes) -> None:
    """It is counted; the connection and its symbols continue."""
    async with open_push_server() as exchange, feeding(exchange.url, read_instruments=PAIRS) as running:
        await exchange.has(*NAMES)
        await exchange.clients[0].socket.send(odd, text=True)
        await exchange.trade("ETHUSDT")
        await until(lambda: running.of("ETHUSDT"))
        assert running.health.rejections == {Rejection.UNREADABLE: 1}
        assert len(exchange.clients) == 1


async def test_a_refused_handshake_with_two_retry_times_is_obeyed_for_the_longer() -> None:
    """One of a proxy, one of the exchange: the connection is rate limited, not broken."""
    cooldown = MemoryCooldown(utc_now)
    async with open_push_server() as exchange:
        exchange.refuse = (429, [("Retry-After", "30"), ("Retry-After", "60")])
        async with feeding(exchange.url, read_instruments=PAIRS, cooldown=cooldown) as running:
            await until(lambda: running.health.state is LinkState.RATE_LIMITED)
            assert timedelta(seconds=30) < await cooldown.remaining() <= timedelta(seconds=60)


async def test_a_quiet_connection_is_not_replaced() -> None:
    """Without trades for three idle timeouts, answered pings keep it."""
    async with (
        open_push_server() as exchange,
        open_push_server() as frozen,
        feeding(exchange.url, read_instruments=PAIRS, idle_timeout_s=0.3),
        feeding(frozen.url, read_instruments=PAIRS, idle_timeout_s=0.3),
    ):
        await exchange.has(*NAMES)
        # The time that it takes to replace three connections without pongs, one after the other.
        for number in (1, 2, 3):
            (await frozen.opened(number)).freeze()
        await frozen.opened(4)
        assert len(exchange.clients) == 1
        assert exchange.open


async def test_a_dead_feed_behind_a_live_socket_is_replaced() -> None:
    """Pings are answered, but the silence is unusual for this connection."""
    async with (
        open_push_server() as exchange,
        feeding(exchange.url, read_instruments=PAIRS, idle_timeout_s=0.5) as running,
    ):
        async with trading(exchange, *NAMES):
            await exchange.has(*NAMES)
            await until(lambda: running.tickers and age_of(running) > 2)
        await until(lambda: len(exchange.clients) == 2)


@pytest.mark.parametrize("code", [1000, 1001, 1008, None])
async def test_every_end_is_followed_by_a_new_connection(code: int | None) -> None:
    """Clean closes as well as 1006: after code 1000 many clients hang."""
    async with open_push_server() as exchange, feeding(exchange.url, read_instruments=PAIRS) as running:
        await exchange.has(*NAMES)
        await exchange.trade("BTCUSDT")
        await until(lambda: running.tickers)
        if code is None:
            exchange.clients[0].socket.transport.abort()
        else:
            await exchange.clients[0].socket.close(code, "maintenance")
        await until(exchange.clients[0].gone.is_set)
        await exchange.has(*NAMES)
        await exchange.trade("BTCUSDT")
        await until(lambda: len(running.tickers) == 2)
        await until(lambda: running.health.state is LinkState.UP)
        assert running.health.reconnects == 1


async def test_a_roll_over_misses_nothing() -> None:
    """Connections live for a second, and every single trade is delivered in order."""
    async with (
        open_push_server() as exchange,
        feeding(exchange.url, read_instruments=PAIRS, connection_lifetime_s=1.0) as running,
    ):
        await exchange.has(*NAMES)
        async with trading(exchange, *NAMES, every_s=0.003):
            await until(lambda: len(exchange.clients) > 4)
            await until(lambda: len(exchange.open) == 1)
        last = dict(exchange.sent)
        await until(
            lambda: all(running.of(name) and running.of(name)[-1].sequence == last[name] for name in NAMES)
        )
        assert running.health.reconnects == 0
        for name in NAMES:
            sent = [number for symbol, number in exchange.sent if symbol == name]
            assert sorted(set(numbers(running.of(name)))) == sent


async def test_an_announced_shutdown_misses_nothing() -> None:
    """The next connection delivers before this one closes."""
    async with open_push_server() as exchange, feeding(exchange.url, read_instruments=PAIRS) as running:
        await exchange.has(*NAMES)
        async with trading(exchange, *NAMES):
            await until(lambda: running.tickers)
            await exchange.say("!serverShutdown", {"e": "serverShutdown", "E": 1}, to=exchange.clients)
            await until(lambda: len(exchange.clients) == 2 and exchange.clients[0].gone.is_set())
        await until(lambda: running.tickers[-1].sequence == exchange.sent[-1][1])
        assert sorted(set(numbers(running.tickers))) == [number for _, number in exchange.sent]
        assert running.health.reconnects == 0


async def test_an_outage_never_makes_it_give_up() -> None:
    """It keeps trying, with longer waits, and recovers."""
    port = free_port()
    async with feeding(f"ws://127.0.0.1:{port}", read_instruments=PAIRS, longest_wait_s=0.1) as running:
        await until(lambda: running.health.reconnects > 10)
        assert running.health.state is LinkState.DOWN
        async with open_push_server(port) as exchange:
            await exchange.has(*NAMES)
            await exchange.trade("BTCUSDT")
            await until(lambda: running.health.state is LinkState.UP)


@pytest.mark.parametrize(("status", "state"), [(429, LinkState.RATE_LIMITED), (418, LinkState.BLOCKED)])
async def test_a_rejection_starts_a_cooldown_of_all_replicas(status: int, state: LinkState) -> None:
    """No replica connects before its end; then both do."""
    cooldown = MemoryCooldown(utc_now)
    async with open_push_server() as exchange:
        exchange.refuse = (status, [("Retry-After", str(RETRY_AFTER_S))])
        async with feeding(exchange.url, read_instruments=PAIRS, cooldown=cooldown) as first:
            await until(lambda: first.health.state is state)
            async with feeding(exchange.url, read_instruments=PAIRS, cooldown=cooldown) as second:
                await until(lambda: second.health.state is LinkState.RATE_LIMITED)
                assert "another replica was refused" in second.reason
                exchange.refuse = None
                await exchange.has(*NAMES, connections=2)
                await exchange.trade("BTCUSDT")
                await until(lambda: first.tickers and second.tickers)
                assert exchange.handshakes == 3
                refused_at, *later = exchange.handshakes_at
                assert min(later) - refused_at >= RETRY_AFTER_S


async def test_the_next_endpoint_is_used_and_the_first_again_when_it_is_back() -> None:
    """After three failures in a row. The return is a roll-over, so that nothing is missed."""
    port = free_port()
    async with (
        open_push_server() as second,
        feeding(f"ws://127.0.0.1:{port}", second.url, read_instruments=PAIRS, endpoint_rest_s=1.0) as running,
    ):
        await second.has(*NAMES)
        await second.trade("BTCUSDT")
        await until(lambda: running.health.state is LinkState.UP)
        assert running.health.reconnects == 3
        async with open_push_server(port) as first, trading(first, *NAMES):
            await first.has(*NAMES)
            await until(lambda: not second.open)
            assert running.health.state is LinkState.UP
            assert running.health.reconnects == 3


async def test_a_blocked_endpoint_is_left_at_once() -> None:
    """Another attempt does not help against 451."""
    async with open_push_server() as first, open_push_server() as second:
        first.refuse = (451, [])
        async with feeding(first.url, second.url, read_instruments=PAIRS):
            await second.has(*NAMES)
            assert first.handshakes == 1


async def test_messages_of_a_replaced_connection_are_ignored() -> None:
    """Even if they arrive after its successor took over."""
    async with open_push_server() as exchange, feeding(exchange.url, read_instruments=PAIRS) as running:
        await exchange.has(*NAMES)
        await exchange.trade("BTCUSDT")
        await until(lambda: running.tickers)
        old = exchange.clients[0]
        await exchange.say("!serverShutdown", {"e": "serverShutdown", "E": 1}, to=[old])
        await until(lambda: len(exchange.clients) == 2)
        await exchange.has(*NAMES, connections=2)
        await exchange.trade("BTCUSDT")
        await until(old.gone.is_set)
        count = len(running.tickers)
        await exchange.say(
            "ethusdt@trade", {"e": "trade", "E": 1, "s": "ETHUSDT", "t": 1, "p": "1", "q": "1"}, to=[old]
        )
        await exchange.trade("BTCUSDT")
        await until(lambda: len(running.tickers) > count)
        assert not running.of("ETHUSDT")


class FailingProtocol(BinanceProtocol):
    """Raises an unexpected exception on its first message."""

    stumbles = 1

    def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
        if FailingProtocol.stumbles:
            FailingProtocol.stumbles -= 1
            raise KeyError("surprise")
        return super().receive(frame, received_at)


async def test_a_bug_in_a_protocol_ends_one_connection_only() -> None:
    """It is reported as a failure of the source, and the next connection works."""
    async with (
        open_push_server() as exchange,
        feeding(
            exchange.url, read_instruments=PAIRS, open_protocol=lambda: FailingProtocol(simulated=False)
        ) as running,
    ):
        await until(lambda: len(exchange.clients) == 2)
        await exchange.has(*NAMES)
        await exchange.trade("BTCUSDT")
        await until(lambda: running.health.state is LinkState.UP)
        assert running.health.reconnects == 1


class Broken(Sequence[Instrument]):
    """Instruments that cannot be read the first two times, for a reason that no code expects."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._instruments, self._failures = instruments, 2

    def __iter__(self) -> Iterator[Instrument]:
        if self._failures:
            self._failures -= 1
            raise KeyError("no such column")
        return iter(self._instruments)

    def __len__(self) -> int:
        return len(self._instruments)

    @overload
    def __getitem__(self, index: int) -> Instrument: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Instrument]: ...

    def __getitem__(self, index: int | slice) -> Instrument | Sequence[Instrument]:
        return self._instruments[index]


async def test_an_unforeseen_exception_in_a_check_leaves_the_feed_running() -> None:
    """It is counted, and the next check subscribes."""
    async with (
        open_push_server() as exchange,
        feeding(exchange.url, read_instruments=Broken(PAIRS)) as running,
    ):
        await exchange.has(*NAMES)
        await exchange.trade("BTCUSDT")
        await until(lambda: running.tickers)
        assert running.health.unexpected == 2


class BrokenCooldown(MemoryCooldown):
    """A cooldown that cannot be read the first time, for a reason that no code expects."""

    failures = 1

    async def remaining(self) -> timedelta:
        if self.failures:
            self.failures -= 1
            raise ValueError("not a number")
        return await super().remaining()


async def test_an_unforeseen_exception_of_a_supervisor_costs_one_attempt() -> None:
    """Its shard is delivered all the same."""
    cooldown = BrokenCooldown(utc_now)
    async with (
        open_push_server() as exchange,
        feeding(exchange.url, read_instruments=PAIRS, cooldown=cooldown) as running,
    ):
        await exchange.has(*NAMES)
        await exchange.trade("BTCUSDT")
        await until(lambda: running.tickers)
        assert running.health.unexpected == 1


async def test_messages_that_wait_are_delivered_before_their_connection_is_forgotten() -> None:
    """Nobody has to call `deliver` for that."""
    waiting = asyncio.Event()
    async with (
        open_push_server() as exchange,
        feeding(exchange.url, read_instruments=PAIRS, on_waiting=waiting.set) as running,
    ):
        await exchange.has(*NAMES)
        # The answer to the subscription.
        await until(waiting.is_set)
        running.deliver()
        waiting.clear()
        await exchange.trade("BTCUSDT", "61837.63000000")
        await until(waiting.is_set)
        assert not running.tickers
        await exchange.clients[0].socket.close()
        await until(lambda: running.tickers)
    assert str(running.tickers[0].price) == "61837.63000000"


async def test_an_error_in_messages_that_waited_ends_their_connection() -> None:
    """The caller of `deliver` does not see it, and what came before it is delivered."""

    class FailingProtocol(BinanceProtocol):
        def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
            if b'"p": "2"' in frame:
                raise SourceUnavailable(Source.BINANCE, "the test ends it")
            return super().receive(frame, received_at)

    waiting = asyncio.Event()
    async with (
        open_push_server() as exchange,
        feeding(
            exchange.url,
            read_instruments=PAIRS,
            on_waiting=waiting.set,
            open_protocol=lambda: FailingProtocol(simulated=False),
        ) as running,
    ):
        await exchange.has(*NAMES)
        for price in ("1", "2"):
            await exchange.trade("BTCUSDT", price)

        def has_reconnected() -> bool:
            running.deliver()
            return len(exchange.clients) > 1

        await until(has_reconnected)
        assert [str(one.price) for one in running.tickers] == ["1"]
