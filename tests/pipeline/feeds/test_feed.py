"""The push feed against a real socket server that goes wrong in every way that was seen in practice."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import pairwise

import pytest

from pipeline.feeds.ports import FeedEvent
from pipeline.hold.memory_hold import MemoryHold
from pipeline.sources.binance.protocol import BinanceProtocol
from rates.clock import utc_now
from rates.health import LinkState
from tests.backends import free_port
from tests.pipeline.fakes import BTC, ETH, instrument, until
from tests.pipeline.feeds.market import Market, Running, feeding, open_market

PAIRS = [instrument("BTC/USDT"), instrument("ETH/USDT")]
NAMES = ("BTCUSDT", "ETHUSDT")


@asynccontextmanager
async def trading(market: Market, *symbols: str, every_s: float = 0.01) -> AsyncIterator[None]:
    """Trades all the time."""
    task = asyncio.create_task(market.trade_for_ever(*symbols, every_s=every_s))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def age_of(running: Running) -> float:
    """Seconds since the first tick."""
    return (running.tickers[-1].received_at - running.tickers[0].received_at).total_seconds()


def numbers(tickers: Iterable[object]) -> list[int]:
    return [ticker.sequence for ticker in tickers]  # type: ignore[attr-defined]


async def test_all_symbols_go_over_one_connection_while_it_has_room() -> None:
    """One SUBSCRIBE for all of them, and what they trade is delivered."""
    async with open_market() as market, feeding(market.url, wishes=PAIRS) as running:
        await market.has(*NAMES)
        await market.trade("BTCUSDT", "61837.63000000")
        await until(lambda: running.tickers)
        assert str(running.tickers[0].price) == "61837.63000000"
        assert len(market.clients[0].controls) == 1
        assert len(market.clients) == 1
        await until(lambda: running.health.state is LinkState.UP)


async def test_3500_symbols_go_over_11_connections_within_the_limits() -> None:
    """1024 streams a connection, five messages a second with room for pongs, and every stream subscribed once."""
    wishes = [instrument(f"A{number}/USDT") for number in range(3500)]
    async with open_market() as market, feeding(market.url, wishes=wishes) as running:
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
    wishes = PAIRS[:1]
    async with open_market() as market, feeding(market.url, wishes=wishes) as running:
        await market.has("BTCUSDT")
        wishes[:] = PAIRS[1:]
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
    wishes = [instrument(f"A{number}/USDT") for number in range(400)]
    names = [one.source_symbol for one in wishes]
    async with (
        open_market() as market,
        feeding(market.url, wishes=wishes, idle_timeout_s=1.0) as running,
        trading(market, *names, every_s=0.1),
    ):
        await until(lambda: len(market.clients) == 2 and all(running.of(names[i]) for i in (0, -1)))
        victim, other = market.clients
        victim.freeze()
        frozen_at = asyncio.get_running_loop().time()
        await until(lambda: victim not in market.open or len(market.clients) > 2)
        assert asyncio.get_running_loop().time() - frozen_at < 2
        await market.has(names[0])
        assert other in market.open
        assert len(market.clients) == 3
        assert running.health.reconnects == 1
        assert "silent for 1." in running.reason or running.health.state is LinkState.UP


async def test_a_connection_that_only_tells_nonsense_is_replaced_and_told_of() -> None:
    """It counts as silent, and the reason says what came instead."""
    async with open_market() as market, feeding(market.url, wishes=PAIRS, idle_timeout_s=0.6) as running:
        await market.has(*NAMES)
        async with trading(market, *NAMES):
            await until(lambda: len(running.tickers) > 50)

        async def babble() -> None:
            while len(market.clients) == 1:
                await market.say("btcusdt@trade", {"e": "trade", "E": "soon"}, to=market.open)
                await asyncio.sleep(0.01)

        await asyncio.wait_for(babble(), 10)
        assert running.health.refusals.total() > 10
        await until(lambda: "nothing readable for 0." in running.reason or running.health.reconnects)


async def test_a_quiet_market_is_no_dead_connection() -> None:
    """Nobody trades for three idle timeouts, but pings are answered: nothing is reconnected."""
    async with open_market() as market, feeding(market.url, wishes=PAIRS, idle_timeout_s=0.3):
        await market.has(*NAMES)
        await asyncio.sleep(1)  # three idle timeouts: nothing happens, so there is nothing to wait for
        assert len(market.clients) == 1
        assert market.open


async def test_a_feed_that_dies_behind_a_living_socket_is_replaced() -> None:
    """Pings are answered, but a connection that never rested for a tenth of a second has nothing to say any more."""
    async with open_market() as market, feeding(market.url, wishes=PAIRS, idle_timeout_s=0.5) as running:
        async with trading(market, *NAMES):
            await market.has(*NAMES)
            await until(lambda: running.tickers and age_of(running) > 2)
        await until(lambda: len(market.clients) == 2)


@pytest.mark.parametrize("code", [1000, 1001, 1008, None])
async def test_every_end_is_followed_by_a_new_connection(code: int | None) -> None:
    """Clean closes as well as 1006, which is no close at all: code 1000 has hung many a client."""
    async with open_market() as market, feeding(market.url, wishes=PAIRS) as running:
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
        feeding(market.url, wishes=PAIRS, connection_lifetime_s=1.0) as running,
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
    async with open_market() as market, feeding(market.url, wishes=PAIRS) as running:
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
    async with feeding(f"ws://127.0.0.1:{port}", wishes=PAIRS, longest_wait_s=0.1) as running:
        await until(lambda: running.health.reconnects > 10)
        assert running.health.state is LinkState.DOWN
        async with open_market(port) as market:
            await market.has(*NAMES)
            await market.trade("BTCUSDT")
            await until(lambda: running.health.state is LinkState.UP)


@pytest.mark.parametrize(("status", "state"), [(429, LinkState.RATE_LIMITED), (418, LinkState.BLOCKED)])
async def test_a_refusal_is_obeyed_by_all_replicas(status: int, state: LinkState) -> None:
    """One of them is told to wait; none of them tries before that time, and then both come back."""
    hold = MemoryHold(utc_now)
    async with open_market() as market:
        market.refuse = (status, {"Retry-After": "2"})
        async with feeding(market.url, wishes=PAIRS, hold=hold) as first:
            await until(lambda: first.health.state is state)
            async with feeding(market.url, wishes=PAIRS, hold=hold) as second:
                await asyncio.sleep(1)  # half of the time for which it wants to be left alone
                assert market.handshakes == 1
                assert second.health.state is LinkState.RATE_LIMITED
                assert "another replica was refused" in second.reason
                market.refuse = None
                await market.has(*NAMES, connections=2)
                await market.trade("BTCUSDT")
                await until(lambda: first.tickers and second.tickers)
                assert market.handshakes == 3


async def test_the_next_endpoint_is_used_and_the_first_again_when_it_is_back() -> None:
    """Three failures in a row; the way back is a roll-over, so that nothing is missed by it."""
    port = free_port()
    async with (
        open_market() as second,
        feeding(f"ws://127.0.0.1:{port}", second.url, wishes=PAIRS, endpoint_rest_s=1.0) as running,
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
        async with feeding(first.url, second.url, wishes=PAIRS):
            await second.has(*NAMES)
            assert first.handshakes == 1


async def test_a_silent_symbol_is_flagged_resubscribed_once_and_disturbs_nobody() -> None:
    """Its neighbours go on over the same connection; when it speaks again, the flag goes."""
    async with (
        open_market() as market,
        feeding(market.url, wishes=PAIRS, silent_after_s=0.5) as running,
        trading(market, *NAMES),
    ):
        await until(lambda: running.tickers and age_of(running) > 5.5)
        market.mute.add("ETHUSDT")
        await until(lambda: running.silent == (ETH,))
        assert "ETH/USDT (no message for" in running.reason
        assert running.health.state is LinkState.UP
        count = len(running.of("BTCUSDT"))
        await until(lambda: len(running.of("BTCUSDT")) > count)
        await until(lambda: len(market.clients[0].controls) == 3)
        market.mute.clear()
        await until(lambda: not running.silent)
        assert [control["method"] for _, control in market.clients[0].controls] == [
            "SUBSCRIBE",
            "UNSUBSCRIBE",
            "SUBSCRIBE",
        ]
        assert len(market.clients) == 1


async def test_a_symbol_that_only_repeats_itself_is_frozen() -> None:
    """The same message again and again is a sign of life of nothing."""
    async with (
        open_market() as market,
        feeding(market.url, wishes=PAIRS, silent_after_s=0.5) as running,
        trading(market, *NAMES),
    ):
        await until(lambda: running.tickers and age_of(running) > 5.5)
        market.mute.add("ETHUSDT")
        number = market.sent[-1][1]

        async def repeat() -> None:
            while True:
                await market.trade("ETHUSDT", number=number)
                await asyncio.sleep(0.01)

        repeating = asyncio.create_task(repeat())
        await until(lambda: running.silent == (ETH,) and "frozen" in running.reason)
        repeating.cancel()
        await asyncio.wait([repeating])


async def test_a_symbol_without_a_first_message_is_flagged() -> None:
    """Unknown symbols are accepted and stay silent; only a deadline finds them."""
    async with (
        open_market() as market,
        feeding(market.url, wishes=PAIRS, first_message_timeout_s=0.5) as running,
        trading(market, "BTCUSDT"),
    ):
        await until(lambda: running.silent == (ETH,))
        assert "no message within" in running.reason
        assert running.of("BTCUSDT")


@pytest.mark.parametrize("nested", [True, False])
async def test_refused_streams_are_told_and_the_connection_goes_on(*, nested: bool) -> None:
    """Both shapes of an error; the documented one does not even say to which question."""
    async with open_market() as market:
        error = {"code": 4, "msg": "Too many subscriptions"}
        market.answer = lambda control: {"error": error, "id": control["id"]} if nested else error
        async with feeding(market.url, wishes=PAIRS) as running:
            await until(lambda: running.silent == (BTC, ETH))
            assert "refused: 4 Too many subscriptions" in running.reason
            assert len(market.clients) == 1


async def test_messages_of_a_dead_connection_do_not_get_in() -> None:
    """What an old connection still had to say after its successor took over is nobody's business."""
    async with open_market() as market, feeding(market.url, wishes=PAIRS) as running:
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


async def test_symbols_of_a_lost_connection_are_silent_and_the_others_are_not() -> None:
    """One connection of two cannot come back: what it carried is listed, and the source is up all the same."""
    wishes = [instrument(f"A{number}/USDT") for number in range(400)]
    async with open_market() as market, feeding(market.url, wishes=wishes) as running:
        await until(lambda: len(market.clients) == 2)
        await market.has("A0USDT")
        await market.has("A399USDT")
        await market.trade("A0USDT")
        await market.trade("A399USDT")
        await until(lambda: len(running.tickers) == 2)
        market.refuse = (503, {})
        small = min(market.open, key=lambda client: len(client.streams))
        small.socket.transport.abort()
        await until(lambda: "1 of 2 connections are down" in running.reason)
        assert running.health.state is LinkState.UP
        await until(lambda: running.silent)
        report = running.health.report(utc_now())
        assert report.silent_count == 400 - 341
        assert len(report.silent) == 50
        assert "its connection is down" in running.reason
        market.refuse = None
        await market.has("A399USDT")
        await market.trade("A399USDT")
        await until(lambda: not running.silent)


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
        feeding(market.url, wishes=PAIRS, open_protocol=lambda: Stumbling(simulated=False)) as running,
    ):
        await until(lambda: len(market.clients) == 2)
        await market.has(*NAMES)
        await market.trade("BTCUSDT")
        await until(lambda: running.health.state is LinkState.UP)
        assert running.health.reconnects == 1
