"""The push feed against a real socket server that goes wrong in every way that was seen in practice."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

import pytest

from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.feeds.protocol import FeedEvent
from pipeline.sources.binance.protocol import BinanceProtocol
from rates.clock import utc_now
from rates.health import LinkState
from tests.backends import free_port
from tests.pipeline.fakes import instrument, until
from tests.pipeline.feeds.push_server import age_of, feeding, open_market, trading

pytestmark = pytest.mark.servers

PAIRS = [instrument("BTC/USDT"), instrument("ETH/USDT")]
NAMES = ("BTCUSDT", "ETHUSDT")
RETRY_AFTER_S = 2


def numbers(tickers: Iterable[object]) -> list[int]:
    return [ticker.sequence for ticker in tickers]  # type: ignore[attr-defined]


async def test_all_symbols_go_over_one_connection_while_it_has_room() -> None:
    """One SUBSCRIBE for all of them, and what they trade is delivered."""
    async with open_market() as market, feeding(market.url, read_instruments=PAIRS) as running:
        await market.has(*NAMES)
        await market.trade("BTCUSDT", "61837.63000000")
        await until(lambda: running.tickers)
        assert str(running.tickers[0].price) == "61837.63000000"
        assert len(market.clients[0].controls) == 1
        assert len(market.clients) == 1
        await until(lambda: running.health.state is LinkState.UP)


async def test_3500_symbols_go_over_11_connections_within_the_limits() -> None:
    """1024 streams a connection, five messages a second with room for pongs, and every stream subscribed once."""
    read_instruments = [instrument(f"A{number}/USDT") for number in range(3500)]
    async with open_market() as market, feeding(market.url, read_instruments=read_instruments) as running:
        await until(lambda: sum(len(client.streams) for client in market.clients) == 3 * 3500, within_s=30)
        assert len(market.clients) == 11
        assert max(len(client.streams) for client in market.clients) <= 1024
        for client in market.clients:
            times = [at for at, _ in client.controls]
            assert all(later - earlier > 0.4 for earlier, later in pairwise(times))
        await market.trade("A0USDT")
        await market.trade("A3499USDT")
        await until(lambda: len(running.tickers) == 2)


async def test_instruments_come_and_go_without_a_new_connection() -> None:
    """What is added is subscribed, what is removed is unsubscribed and not delivered any more."""
    read_instruments = PAIRS[:1]
    async with open_market() as market, feeding(market.url, read_instruments=read_instruments) as running:
        await market.has("BTCUSDT")
        read_instruments[:] = PAIRS[1:]
        await market.has("ETHUSDT")
        await market.say(
            "btcusdt@trade",
            {"e": "trade", "E": 1, "s": "BTCUSDT", "t": 1, "p": "1", "q": "1"},
            to=market.open,
        )
        await market.trade("ETHUSDT")
        await until(lambda: running.of("ETHUSDT"))
        assert not running.of("BTCUSDT")
        assert len(market.clients) == 1


async def test_a_half_open_socket_is_noticed_within_the_idle_timeout_and_disturbs_nobody() -> None:
    """Neither data nor pong comes: another connection takes its place, the others go on."""
    read_instruments = [instrument(f"A{number}/USDT") for number in range(400)]
    names = [one.source_symbol for one in read_instruments]
    async with (
        open_market() as market,
        feeding(market.url, read_instruments=read_instruments, idle_timeout_s=1.0) as running,
        trading(market, *names, every_s=0.1),
    ):
        await until(lambda: len(market.clients) == 2 and all(running.of(names[i]) for i in (0, -1)))
        victim, other = market.clients
        victim.freeze()
        await until(lambda: victim not in market.open or len(market.clients) > 2)
        await market.has(names[0])
        assert other in market.open
        assert len(market.clients) == 3
        assert running.health.reconnects == 1
        assert "silent for 1." in running.reason or running.health.state is LinkState.UP


async def test_a_connection_that_only_tells_nonsense_is_replaced_and_told_of() -> None:
    """It counts as silent, and the reason says what came instead."""
    async with (
        open_market() as market,
        feeding(market.url, read_instruments=PAIRS, idle_timeout_s=0.6) as running,
    ):
        await market.has(*NAMES)
        async with trading(market, *NAMES):
            await until(lambda: len(running.tickers) > 50)

        async def babble() -> None:
            while len(market.clients) == 1:
                await market.say("btcusdt@trade", {"e": "trade", "E": "soon"}, to=market.open)
                await asyncio.sleep(0.01)

        await asyncio.wait_for(babble(), 10)
        assert running.health.rejections.total() > 10
        await until(lambda: "nothing readable for 0." in running.reason or running.health.reconnects)


async def test_a_quiet_market_is_no_dead_connection() -> None:
    """Nobody trades for three idle timeouts, but pings are answered: nothing is reconnected."""
    async with (
        open_market() as market,
        open_market() as frozen,
        feeding(market.url, read_instruments=PAIRS, idle_timeout_s=0.3),
        feeding(frozen.url, read_instruments=PAIRS, idle_timeout_s=0.3),
    ):
        await market.has(*NAMES)
        # The time that it takes to replace three connections without pongs, one after the other.
        for number in (1, 2, 3):
            (await frozen.opened(number)).freeze()
        await frozen.opened(4)
        assert len(market.clients) == 1
        assert market.open


async def test_a_feed_that_dies_behind_a_living_socket_is_replaced() -> None:
    """Pings are answered, but a connection that never rested for a tenth of a second has nothing to say any more."""
    async with (
        open_market() as market,
        feeding(market.url, read_instruments=PAIRS, idle_timeout_s=0.5) as running,
    ):
        async with trading(market, *NAMES):
            await market.has(*NAMES)
            await until(lambda: running.tickers and age_of(running) > 2)
        await until(lambda: len(market.clients) == 2)


@pytest.mark.parametrize("code", [1000, 1001, 1008, None])
async def test_every_end_is_followed_by_a_new_connection(code: int | None) -> None:
    """Clean closes as well as 1006, which is no close at all: code 1000 has hung many a client."""
    async with open_market() as market, feeding(market.url, read_instruments=PAIRS) as running:
        await market.has(*NAMES)
        await market.trade("BTCUSDT")
        await until(lambda: running.tickers)
        if code is None:
            market.clients[0].socket.transport.abort()
        else:
            await market.clients[0].socket.close(code, "maintenance")
        await until(market.clients[0].gone.is_set)
        await market.has(*NAMES)
        await market.trade("BTCUSDT")
        await until(lambda: len(running.tickers) == 2)
        await until(lambda: running.health.state is LinkState.UP)
        assert running.health.reconnects == 1


async def test_a_roll_over_misses_nothing() -> None:
    """Connections live a second; every single trade that the market ever sent is delivered, in order."""
    async with (
        open_market() as market,
        feeding(market.url, read_instruments=PAIRS, connection_lifetime_s=1.0) as running,
    ):
        await market.has(*NAMES)
        async with trading(market, *NAMES, every_s=0.003):
            await until(lambda: len(market.clients) > 4)
            await until(lambda: len(market.open) == 1)
        last = dict(market.sent)
        await until(
            lambda: all(running.of(name) and running.of(name)[-1].sequence == last[name] for name in NAMES)
        )
        assert running.health.reconnects == 0
        for name in NAMES:
            sent = [number for symbol, number in market.sent if symbol == name]
            assert sorted(set(numbers(running.of(name)))) == sent


async def test_an_announced_shutdown_misses_nothing() -> None:
    """The next connection delivers before this one goes."""
    async with open_market() as market, feeding(market.url, read_instruments=PAIRS) as running:
        await market.has(*NAMES)
        async with trading(market, *NAMES):
            await until(lambda: running.tickers)
            await market.say("!serverShutdown", {"e": "serverShutdown", "E": 1}, to=market.clients)
            await until(lambda: len(market.clients) == 2 and market.clients[0].gone.is_set())
        await until(lambda: running.tickers[-1].sequence == market.sent[-1][1])
        assert sorted(set(numbers(running.tickers))) == [number for _, number in market.sent]
        assert running.health.reconnects == 0


async def test_an_outage_never_makes_it_give_up() -> None:
    """Nobody listens there for a while; it keeps trying, slower and slower, and comes back."""
    port = free_port()
    async with feeding(f"ws://127.0.0.1:{port}", read_instruments=PAIRS, longest_wait_s=0.1) as running:
        await until(lambda: running.health.reconnects > 10)
        assert running.health.state is LinkState.DOWN
        async with open_market(port) as market:
            await market.has(*NAMES)
            await market.trade("BTCUSDT")
            await until(lambda: running.health.state is LinkState.UP)


@pytest.mark.parametrize(("status", "state"), [(429, LinkState.RATE_LIMITED), (418, LinkState.BLOCKED)])
async def test_a_refusal_is_obeyed_by_all_replicas(status: int, state: LinkState) -> None:
    """One of them is told to wait; none of them tries before that time, and then both come back."""
    cooldown = MemoryCooldown(utc_now)
    async with open_market() as market:
        market.refuse = (status, {"Retry-After": str(RETRY_AFTER_S)})
        async with feeding(market.url, read_instruments=PAIRS, cooldown=cooldown) as first:
            await until(lambda: first.health.state is state)
            async with feeding(market.url, read_instruments=PAIRS, cooldown=cooldown) as second:
                await until(lambda: second.health.state is LinkState.RATE_LIMITED)
                assert "another replica was refused" in second.reason
                market.refuse = None
                await market.has(*NAMES, connections=2)
                await market.trade("BTCUSDT")
                await until(lambda: first.tickers and second.tickers)
                assert market.handshakes == 3
                refused_at, *later = market.handshakes_at
                assert min(later) - refused_at >= RETRY_AFTER_S


async def test_the_next_endpoint_is_used_and_the_first_again_when_it_is_back() -> None:
    """Three failures in a row; the way back is a roll-over, so that nothing is missed by it."""
    port = free_port()
    async with (
        open_market() as second,
        feeding(f"ws://127.0.0.1:{port}", second.url, read_instruments=PAIRS, endpoint_rest_s=1.0) as running,
    ):
        await second.has(*NAMES)
        await second.trade("BTCUSDT")
        await until(lambda: running.health.state is LinkState.UP)
        assert running.health.reconnects == 3
        async with open_market(port) as first, trading(first, *NAMES):
            await first.has(*NAMES)
            await until(lambda: not second.open)
            assert running.health.state is LinkState.UP
            assert running.health.reconnects == 3


async def test_a_blocked_endpoint_is_left_at_once() -> None:
    """451 does not pass by trying again."""
    async with open_market() as first, open_market() as second:
        first.refuse = (451, {})
        async with feeding(first.url, second.url, read_instruments=PAIRS):
            await second.has(*NAMES)
            assert first.handshakes == 1


async def test_messages_of_a_dead_connection_do_not_get_in() -> None:
    """What an old connection still had to say after its successor took over is nobody's business."""
    async with open_market() as market, feeding(market.url, read_instruments=PAIRS) as running:
        await market.has(*NAMES)
        await market.trade("BTCUSDT")
        await until(lambda: running.tickers)
        old = market.clients[0]
        await market.say("!serverShutdown", {"e": "serverShutdown", "E": 1}, to=[old])
        await until(lambda: len(market.clients) == 2)
        await market.has(*NAMES, connections=2)
        await market.trade("BTCUSDT")
        await until(old.gone.is_set)
        count = len(running.tickers)
        await market.say(
            "ethusdt@trade", {"e": "trade", "E": 1, "s": "ETHUSDT", "t": 1, "p": "1", "q": "1"}, to=[old]
        )
        await market.trade("BTCUSDT")
        await until(lambda: len(running.tickers) > count)
        assert not running.of("ETHUSDT")


class Stumbling(BinanceProtocol):
    """Fails over its first message in a way that nobody thought of."""

    stumbles = 1

    def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
        if Stumbling.stumbles:
            Stumbling.stumbles -= 1
            raise KeyError("surprise")
        return super().receive(frame, received_at)


async def test_a_bug_in_a_protocol_ends_one_connection_only() -> None:
    """It is told as a failure of the source, and the next connection does better."""
    async with (
        open_market() as market,
        feeding(
            market.url, read_instruments=PAIRS, open_protocol=lambda: Stumbling(simulated=False)
        ) as running,
    ):
        await until(lambda: len(market.clients) == 2)
        await market.has(*NAMES)
        await market.trade("BTCUSDT")
        await until(lambda: running.health.state is LinkState.UP)
        assert running.health.reconnects == 1
